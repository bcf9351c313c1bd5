/** Keys, agreements and signatures: random, crafted and changed, the same bytes on both sides. */
import { anywhere } from '../mutate.mjs';

export const name = 'primitives';
export const units = (scripts) => Math.max(4, Math.ceil(scripts / 50));

const ROUNDS = 12;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const P = 2n ** 255n - 19n;

/** Points of small order, and numbers at the edges of the field. */
const EDGES = [
  0n, 1n, P - 1n, P, P + 1n, 2n ** 255n - 1n, 2n ** 256n - 1n, 9n, 2n ** 255n + 9n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
].map(littleEndian);

function littleEndian(number) {
  const out = Buffer.alloc(32);
  for (let i = 0, rest = number; i < 32; i += 1, rest >>= 8n) out[i] = Number(rest & 0xffn);
  return out;
}

export async function run(unit) {
  for (let round = 0; round < ROUNDS; round += 1) {
    await agreements(unit);
    await signatures(unit);
    await alternateIdentities(unit);
    await badKeys(unit);
  }
}

const privateKey = (random) => (random.chance(0.9) ? random.hex(32) : random.pick(['00', 'ff', '01']).repeat(32));

async function keyPair(unit) {
  const secret = privateKey(unit.random);
  return { secret, key: (await unit.bothMust('public_key', { private_key: secret })).public_key };
}

async function agreements(unit) {
  const { random } = unit;
  const [alice, bob] = [await keyPair(unit), await keyPair(unit)];
  const one = await unit.bothMust('agree', { private_key: alice.secret, public_key: bob.key });
  const other = await unit.bothMust('agree', { private_key: bob.secret, public_key: alice.key });
  unit.expect(one.shared === other.shared, 'both agree on one secret', { one, other });
  await unit.both('agree', { private_key: alice.secret, public_key: `05${random.hex(32)}` });
  await unit.both('agree', { private_key: alice.secret, public_key: `05${random.pick(EDGES).toString('hex')}` });
  await unit.both('agree', { private_key: alice.secret, public_key: bob.key + random.hex(random.below(4)) });
}

async function signatures(unit) {
  const { random } = unit;
  const { secret, key } = await keyPair(unit);
  const message = random.plaintext();
  for (const side of [unit.official, unit.ours]) {
    const { signature } = await unit.must(side, 'sign', { private_key: secret, message });
    await verify(unit, key, message, signature, true);
    await verify(unit, key, `${message}00`, signature, false);
    await verify(unit, (await keyPair(unit)).key, message, signature, undefined);
    for (let n = 0; n < 4; n += 1) await crafted(unit, key, message, Buffer.from(signature, 'hex'));
  }
}

async function verify(unit, key, message, signature, expected) {
  const answer = await unit.both('verify', { public_key: key, message, signature });
  if (expected !== undefined) unit.expect(answer.valid === expected, `the signature is ${expected}`, { answer });
}

/** A signature or a key changed at random, or on purpose where two spellings exist. */
async function crafted(unit, key, message, signature) {
  const { random } = unit;
  const kind = random.pick(['anywhere', 'order', 'topBit', 'sign', 'smallOrder', 'message', 'cut']);
  let [usedKey, usedMessage] = [Buffer.from(key, 'hex'), Buffer.from(message, 'hex')];
  let used = Buffer.from(signature);
  if (kind === 'anywhere') used = anywhere(random, used);
  else if (kind === 'cut') used = used.subarray(0, random.pick([0, 32, 63]));
  else if (kind === 'topBit') usedKey[32] |= 0x80;
  else if (kind === 'sign') used[63] ^= 0x80;
  else if (kind === 'message') usedMessage = anywhere(random, usedMessage);
  else if (kind === 'smallOrder') usedKey = Buffer.concat([Buffer.of(5), random.pick(EDGES)]);
  else {
    const sign = used[63] & 0x80;
    used[63] &= 0x7f;
    const s = used.subarray(32).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n) + L;
    used = Buffer.concat([used.subarray(0, 32), littleEndian(s)]);
    used[63] |= sign;
  }
  await verify(unit, usedKey.toString('hex'), usedMessage.toString('hex'), used.toString('hex'));
}

async function alternateIdentities(unit) {
  const { random } = unit;
  const [aci, pni] = [await keyPair(unit), await keyPair(unit)];
  for (const side of [unit.official, unit.ours]) {
    const { signature } = await unit.must(side, 'sign_alternate_identity', { private_key: aci.secret, other: pni.key });
    const check = async (publicKey, other, proof, expected) => {
      const answer = await unit.both('verify_alternate_identity', { public_key: publicKey, other, signature: proof });
      if (expected !== undefined) unit.expect(answer.valid === expected, `the proof is ${expected}`, { answer });
    };
    await check(aci.key, pni.key, signature, true);
    await check(pni.key, aci.key, signature, aci.key === pni.key);
    await check(aci.key, pni.key, anywhere(random, Buffer.from(signature, 'hex')).toString('hex'));
  }
}

/** What is no key at all. */
async function badKeys(unit) {
  const { random } = unit;
  const bytes = random.pick(['', '05', `05${random.hex(31)}`, `04${random.hex(32)}`, random.hex(33), random.hex(random.below(40))]);
  const secret = random.hex(random.pick([0, 31, 33, 32, 64]));
  await unit.both('agree', { private_key: random.hex(32), public_key: bytes });
  await unit.both('verify', { public_key: bytes, message: '00', signature: random.hex(64) });
  await unit.both('public_key', { private_key: secret });
  await unit.both('agree', { private_key: secret, public_key: bytes });
}
