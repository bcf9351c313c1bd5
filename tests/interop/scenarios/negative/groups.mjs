/** 61 to 65: sender keys. Members, epochs and forks are the business of layers that the official library has not. */
import { NAMES } from './bench.mjs';
import { Reader, SenderByHand } from './sender_by_hand.mjs';

export async function cases(bench) {
  await n61(bench);
  await n62(bench);
  await n63(bench);
  await n64(bench);
  await n65(bench);
}

async function handedOut(bench) {
  const [sender, reader] = [await SenderByHand.make(bench, 7), await Reader.make(bench, NAMES[0])];
  await reader.process('ok', sender.distribution(), 'a distribution message');
  return [sender, reader];
}

async function n61(bench) {
  const [sender, reader] = await handedOut(bench);
  const message = await sender.message(0);
  for (let at = 1; at <= 64; at += 1) {
    const changed = Buffer.from(message, 'hex');
    changed[changed.length - at] ^= 1 << bench.random.below(8);
    await reader.read('invalid_signature', changed.toString('hex'), `n61 byte ${64 - at} of the signature`);
  }
  await reader.read('invalid_signature', await sender.message(0, 'text', { signer: bench.random.hex(32) }), 'n61 signed by another');
  const other = await sender.message(1, 'more');
  await reader.read('invalid_signature', message.slice(0, -128) + other.slice(-128), 'n61 the signature of another message');
  await reader.read('ok', message, 'n61 the right one');
  await reader.read('duplicate_message', message, 'n61 the right one again');
  await reader.read('invalid_message', await sender.message(1, '', { ciphertext: Buffer.alloc(15) }), 'n61 signed, and no ciphertext');
  await reader.read('ok', other, 'n61 the next one');
}

async function n62(bench) {
  const [sender, reader] = await handedOut(bench);
  const stranger = { name: NAMES[2], device: 1 };
  await reader.read('no_sender_key', await sender.message(0), 'n62 in the name of another', stranger);
  await reader.process('ok', (await SenderByHand.make(bench, 7)).distribution(), 'n62 a key of somebody else, of the same chain id', stranger);
  await reader.read('ok', await sender.message(0), 'n62 the sender is read as before');
}

async function n63(bench) {
  const [sender, reader] = await handedOut(bench);
  const late = await sender.message(0);
  await reader.read('ok', await sender.message(1), 'n63 the old key');
  await sender.newSigningKey();
  await reader.process('ok', sender.distribution(), 'n63 a new signing key');
  await reader.read('invalid_signature', late, 'n63 a late message of the old key');
  await reader.read('ok', await sender.message(0), 'n63 the new key, from the start');
  await reader.process('ok', sender.distribution(), 'n63 the same once more');
  await reader.read('duplicate_message', await sender.message(0), 'n63 rewinds nothing');
}

async function n64(bench) {
  const reader = await Reader.make(bench, NAMES[0]);
  const chains = [];
  for (let id = 0; id < 6; id += 1) {
    chains.push(await SenderByHand.make(bench, id));
    await reader.process('ok', chains[id].distribution(), `n64 chain ${id}`);
    for (const chain of chains.slice(-5)) await reader.read('ok', await chain.message(id), `n64 chain ${chain.chainId} of ${id}`);
  }
  await reader.read('no_sender_key', await chains[0].message(9), 'n64 the first of six');
}

async function n65(bench) {
  const [sender, reader] = await handedOut(bench);
  await reader.read('invalid_message', await sender.message(25_001), 'n65 25,001 ahead');
  await reader.read('ok', await sender.message(25_000), 'n65 25,000 ahead');
  await reader.read('ok', await sender.message(50_001), 'n65 25,000 ahead again');
  await reader.read('duplicate_message', await sender.message(0), 'n65 more than 2,000 behind');
}
