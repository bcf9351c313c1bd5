/** 1 to 7: Curve25519 keys. */
import { SMALL_ORDER } from './bench.mjs';

const ROLES = { base: 'invalid_message', ratchet: 'invalid_message', identity: 'invalid_key' };

export async function cases(bench) {
  await n01(bench);
  await n02(bench);
  await n03n04(bench);
  await n05n06(bench);
  await n07(bench);
}

/** A first message whose stranger has these keys. */
async function first(bench, expected, keys, what) {
  const pair = await bench.pair({ keys });
  if (expected !== 'ok') return pair.refusesFirst(expected, { first: true }, what);
  // Where ours is stricter its stores are as before, and the official ones are not.
  return pair.try(expected, { first: true }, what);
}

async function n01(bench) {
  for (const point of SMALL_ORDER) {
    for (const [role, expected] of Object.entries(ROLES)) await first(bench, expected, { [role]: `order ${point}` }, `n01 ${role} ${point}`);
  }
}

async function n02(bench) {
  for (let torsion = 1; torsion < 8; torsion += 1) {
    await first(bench, 'invalid_message', { base: `torsion ${torsion}` }, `n02 base key, torsion ${torsion}`);
    for (const role of ['ratchet', 'identity']) await first(bench, 'ok', { [role]: `torsion ${torsion}` }, `n02 ${role}, torsion ${torsion}`);
  }
}

async function n03n04(bench) {
  for (const spelling of ['top_bit', 'nine_plus_p']) {
    await first(bench, 'invalid_message', { base: spelling }, `n03 n04 base key, ${spelling}`);
    for (const role of ['ratchet', 'identity']) await first(bench, 'ok', { [role]: spelling }, `n03 n04 ${role}, ${spelling}`);
  }
  for (const role of Object.keys(ROLES)) await first(bench, 'ok', { [role]: 'nine' }, `n04 ${role}, nine`);
  // The alias of a known identity is another one.
  const pair = await bench.pair();
  await pair.honest({ first: true });
  const alias = (honest) => {
    honest.identity_key[32] |= 0x80;
    return { first: true, outer: { identity_key: honest.identity_key.toString('hex') } };
  };
  await pair.try('untrusted_identity', alias, 'n03 alias of a known identity');
  // The alias of a known ratchet key is no other spelling of it.
  const ratchet = (honest) => {
    honest.ratchet_key[32] |= 0x80;
    return { fields: { ratchet_key: honest.ratchet_key.toString('hex') } };
  };
  await pair.try('invalid_message', ratchet, 'n03 alias of a known ratchet key');
  await pair.honest();
}

async function n05n06(bench) {
  const pair = await bench.pair();
  const changed = (role, alter) => (honest) => {
    const text = alter(honest[role]).toString('hex');
    return role === 'ratchet_key' ? { first: true, fields: { [role]: text } } : { first: true, outer: { [role]: text } };
  };
  const typed = (byte) => (key) => Buffer.concat([Buffer.of(byte), key.subarray(1)]);
  for (const role of ['base_key', 'identity_key', 'ratchet_key']) {
    for (const byte of [0x00, 0x04, 0x06, 0x08, 0x0a, 0x85, 0xff]) await pair.refusesFirst('invalid_key', changed(role, typed(byte)), `n05 ${role} ${byte}`);
    for (const length of [0, 1, 31, 32]) {
      await pair.refusesFirst('invalid_key', changed(role, (key) => key.subarray(0, length)), `n06 ${role} of ${length} bytes`);
    }
  }
  await pair.honest({ first: true });
  for (const role of ['base_key', 'identity_key', 'ratchet_key']) {
    const longer = await bench.pair();
    await longer.try('ok', changed(role, (key) => Buffer.concat([key, Buffer.of(0xaa)])), `n06 ${role} and a byte more`);
  }
}

async function n07(bench) {
  await first(bench, 'ok', { identity: 'base' }, 'n07 identity key that is the base key');
  await first(bench, 'ok', (own) => ({ identity: `private ${own}` }), 'n07 the own identity key');
  // Older versions look at the base key alone.
  if (!bench.since(0, 103)) return;
  const pair = await bench.pair();
  await pair.honest({ first: true });
  await pair.must('forget_identity');
  const other = { first: true, outer: { identity_key: `05${bench.random.hex(31)}00` } };
  await pair.try('invalid_message', other, 'n07 a known session under another identity');
  await pair.honest({ first: true });
}
