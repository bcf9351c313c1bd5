/** 33 to 45: messages of a session. Loss, order and resets are the business of the scenario `sessions`. */
import { NAMES } from './bench.mjs';

export async function cases(bench) {
  await n33n45(bench);
  await n34(bench);
  await n35(bench);
  await n38(bench);
  await n39(bench);
  await n40(bench);
  await n41(bench);
  await n42(bench);
}

/** As a first message and inside of a session: refused by both, after which the honest message opens. */
async function inBothForms(bench, requests, options = {}) {
  const pair = await bench.pair(options);
  for (const [expected, change, what] of requests) {
    const first = typeof change === 'function' ? (honest) => ({ first: true, ...change(honest) }) : { first: true, ...change };
    await pair.refusesFirst(expected, first, `${what}, first message`);
  }
  await pair.honest({ first: true, fields: options.honestFields });
  if (options.firstOnly) return;
  for (const [expected, change, what] of requests) await pair.try(expected, change, what);
  await pair.honest({ fields: options.honestFields });
}

async function n33n45(bench) {
  const pair = await bench.pair();
  await pair.honest({ first: true });
  const saved = await pair.must('save');
  const messages = await pair.craft({ commit: true });
  await pair.deliver('ok', messages, 'n33 the first time');
  for (let n = 0; n < 3; n += 1) await pair.deliver('duplicate_message', messages, 'n33 again');
  await pair.must('archive');
  await pair.deliver('duplicate_message', messages, 'n33 in an archived session');
  await Promise.all(pair.ends.map(({ side, party }, i) => bench.unit.must(side, 'load', { party, state: saved[i].state })));
  await pair.deliver('ok', messages, 'n45 with an older state');
}

async function n34(bench) {
  const pair = await bench.pair();
  await pair.honest({ first: true });
  await pair.try('invalid_message', { skip: 25_001 }, 'n34 a jump of 25,001');
  await pair.honest({ skip: 25_000 }, 'n34 a jump of 25,000');
  await pair.honest({ skip: 25_000 }, 'n34 and another');
}

/** In the double ratchet alone, as the post-quantum one sees one message after the other. */
async function n35(bench) {
  const pair = await bench.pair();
  await pair.honest({ first: true });
  for (const counter of [1001, 2502]) await pair.honest({ counter }, `n35 message ${counter}`);
  await pair.try('duplicate_message', { counter: 500 }, 'n35 the 2,001st skipped key');
  for (const counter of [501, 1000, 1002, 2501]) {
    const messages = await pair.craft({ counter, commit: true });
    await pair.deliver('ok', messages, `n35 message ${counter}, late`);
    await pair.deliver('duplicate_message', messages, `n35 message ${counter}, again`);
  }
}

async function n38(bench) {
  const counters = [0xffff_ffff, 0xffff_fffe, 0x8000_0000, 25_010];
  await inBothForms(bench, counters.map((counter) => ['invalid_message', { fields: { counter } }, `n38 counter ${counter}`]));
  for (const previous_counter of [null, 0, 1, 25_001, 0xffff_ffff]) {
    const pair = await bench.pair();
    await pair.honest({ first: true, fields: { previous_counter } }, `n38 previous counter ${previous_counter}`);
    await pair.honest({ fields: { previous_counter } }, `n38 previous counter ${previous_counter}`);
  }
}

async function n39(bench) {
  const bits = Array.from({ length: 64 }, (_, bit) => ['invalid_message', { flip_from_end: bit }, `n39 bit ${bit} of the MAC`]);
  const lengths = [0, 1, 7, 9, 10, 16, 32].map((length) => [['invalid_message', 'malformed'], { mac_length: length }, `n39 a MAC of ${length}`]);
  const identities = ['swapped', 'sender twice', 'recipient twice'].map((which) => ['invalid_message', { mac_identities: which }, `n39 identities ${which}`]);
  await inBothForms(bench, [...bits, ...lengths, ...identities]);
}

/** 17 bytes and the device, twice. */
function bound([fromKind, from, fromDevice], [toKind, to, toDevice]) {
  const end = (kind, name, device) => [kind, name.replaceAll('-', ''), device].map((part) => (typeof part === 'number' ? Buffer.of(part).toString('hex') : part)).join('');
  return end(fromKind, from, fromDevice) + end(toKind, to, toDevice);
}

async function n40(bench) {
  const [alice, bob, carol] = NAMES.map((name) => [0, name, 1]);
  const pni = ([, name]) => [1, name, 1];
  const second = ([, name]) => [0, name, 2];
  const wrong = [
    bound(carol, bob), bound(alice, carol), bound(bob, alice), bound(bob, bob), bound(alice, alice), bound(second(alice), bob),
    bound(alice, second(bob)), bound(pni(alice), bob), bound(alice, pni(bob)), bound(pni(alice), pni(bob)),
  ];
  const right = bound(alice, bob);
  const lengths = [0, 1, 17, 18, 35].map((length) => right.slice(0, 2 * length)).concat(`${right}00`, right + right, right.slice(2, 36) + right.slice(38));
  const flips = Array.from({ length: 36 }, (_, at) => {
    const bytes = Buffer.from(right, 'hex');
    bytes[at] ^= 1 << bench.random.below(8);
    return bytes.toString('hex');
  });
  // Older versions are not told their own address when they decrypt a message of a session.
  const firstOnly = !bench.since(0, 103);
  await inBothForms(bench, [...wrong, ...lengths, ...flips].map((addresses) => ['invalid_message', { fields: { addresses } }, `n40 ${addresses}`]), { firstOnly });
  const absent = await bench.pair();
  await absent.honest({ first: true, fields: { addresses: null } }, 'n40 no addresses');
  await absent.honest({ fields: { addresses: null } }, 'n40 no addresses');
  const present = await bench.pair();
  await present.honest({ first: true, fields: { addresses: right } }, 'n40 the right addresses');
  await present.honest({ fields: { addresses: right } }, 'n40 the right addresses');
  const upper = 'AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE';
  await (await bench.pair({ from: upper })).honest({ first: true }, 'n40 a sender in upper case');
  await (await bench.pair({ to: upper })).honest({ first: true }, 'n40 a recipient in upper case');
  for (const names of [{ from: 'somebody' }, { to: 'somebody' }]) {
    const claims = [right, '00'.repeat(36)].map((addresses) => ['invalid_message', { fields: { addresses } }, `n40 ${JSON.stringify(names)}`]);
    await inBothForms(bench, claims, { ...names, firstOnly, honestFields: { addresses: null } });
  }
}

async function n41(bench) {
  const pair = await bench.pair();
  await pair.honest({ first: true });
  for (let n = 0; n < 12; n += 1) {
    const { public_key: key } = await bench.unit.bothMust('public_key', { private_key: bench.random.hex(32) });
    await pair.try('invalid_message', { fields: { ratchet_key: key } }, 'n41 a new ratchet key');
  }
  await pair.honest();
}

async function n42(bench) {
  const ending = (text) => text.padStart(64, '78');
  const paddings = [ending('00'), ending('11'), ending('ff'), ending('80'), ending('0102'), ending('030203'), '00'.repeat(16), '20'.repeat(32)];
  const ciphertexts = [0, 1, 15, 17, 31, 33].map((length) => ['invalid_message', { fields: { ciphertext: 'ab'.repeat(length) } }, `n42 ${length} bytes`]);
  await inBothForms(bench, [...paddings.map((padded) => ['invalid_message', { padded }, `n42 padding ${padded}`]), ...ciphertexts]);
  const pair = await bench.pair();
  await pair.honest({ first: true, padded: '10'.repeat(16) }, 'n42 a whole block of padding');
}
