/** 1, 3, 4 and 16 to 20: bundles, given to both sides as the same bytes. */
import { NAMES, NOW_MS, SMALL_ORDER } from './bench.mjs';

const PEER = { name: NAMES[1], device: 1 };

export async function cases(bench) {
  const scene = await Scene.make(bench);
  await scene.signatures();
  await scene.kyber();
  await scene.smallOrder();
  await scene.aliases();
  await scene.trustFirst();
}

/** Bob's bundle and identity key, and an initiator on each side that knows nobody. */
class Scene {
  static async make(bench) {
    const scene = new Scene();
    const { unit } = bench;
    Object.assign(scene, { bench, unit, private: bench.random.hex(32) });
    const bob = bench.handle();
    await unit.must(unit.ours, 'new_party', { party: bob, ...PEER, registration_id: 5, identity_private: scene.private });
    ({ bundle: scene.honest } = await unit.must(unit.ours, 'bundle', { party: bob, one_time: true, kyber: 'one_time' }));
    await scene.process('ok', {}, 'an honest bundle');
    return scene;
  }

  /** A new initiator of each side gets the bundle with these changes. */
  async process(expected, changes, what, before = async () => {}) {
    const { unit, bench } = this;
    const party = bench.handle();
    await Promise.all([unit.official, unit.ours].map(async (side) => {
      await unit.must(side, 'new_party', { party, name: NAMES[0], device: 1, registration_id: 6, identity_private: '11'.repeat(32) });
      await before(side, party);
    }));
    return bench.both(expected, 'process_bundle', { party, ...PEER, now_ms: NOW_MS, bundle: { ...this.honest, ...changes } }, what);
  }

  async sign(message) {
    return (await this.unit.must(this.unit.ours, 'sign', { private_key: this.private, message })).signature;
  }

  async signatures() {
    for (const field of ['signed_prekey_signature', 'kyber_prekey_signature']) {
      const honest = Buffer.from(this.honest[field], 'hex');
      for (let at = 0; at < 64; at += 1) {
        const changed = honest.map((byte, i) => (i === at ? byte ^ 1 : byte)).toString('hex');
        await this.process('invalid_signature', { [field]: changed }, `n16 n17 ${field}, byte ${at}`);
      }
      for (const bytes of [honest.subarray(0, 63), Buffer.concat([honest, Buffer.of(0)]), Buffer.alloc(64)]) {
        await this.process('invalid_signature', { [field]: bytes.toString('hex') }, `n16 n17 ${field} of ${bytes.length}`);
      }
    }
    const { signed_prekey_signature: signed, kyber_prekey_signature: kyber } = this.honest;
    for (const [first, second] of [[kyber, signed], [signed, signed], [kyber, kyber]]) {
      await this.process('invalid_signature', { signed_prekey_signature: first, kyber_prekey_signature: second }, 'n18 swapped');
    }
    const untyped = { signed_prekey_signature: await this.sign(this.honest.signed_prekey.slice(2)) };
    await this.process('invalid_signature', untyped, 'n14 a signature of the untyped signed prekey');
    const untypedKyber = { kyber_prekey_signature: await this.sign(this.honest.kyber_prekey.slice(2)) };
    await this.process('invalid_signature', untypedKyber, 'n14 a signature of the untyped Kyber prekey');
  }

  async kyber() {
    const honest = Buffer.from(this.honest.kyber_prekey, 'hex');
    const signed = async (bytes) => ({ kyber_prekey: bytes.toString('hex'), kyber_prekey_signature: await this.sign(bytes.toString('hex')) });
    const typed = (byte, length) => Buffer.concat([Buffer.of(byte), honest.subarray(1, length)]);
    for (const bytes of [
      typed(0x07, 1185), typed(0x07, 1569), typed(0x0a, 1569), typed(0x05, 33), honest.subarray(0, 1568), Buffer.concat([honest, Buffer.of(0)]),
      honest.subarray(0, 1), Buffer.alloc(0),
    ]) await this.process('invalid_key', await signed(bytes), `n19 type ${bytes[0]}, ${bytes.length} bytes`);
    for (const coefficient of [3329, 4095]) {
      const bytes = Buffer.from(honest);
      bytes[1] = coefficient & 0xff;
      bytes[2] = (bytes[2] & 0xf0) | (coefficient >> 8);
      await this.process('ok', await signed(bytes), `n20 coefficient ${coefficient}`);
      await this.process('invalid_signature', { kyber_prekey: bytes.toString('hex') }, `n20 coefficient ${coefficient}, not signed`);
    }
  }

  async smallOrder() {
    for (const point of SMALL_ORDER) {
      const key = `05${point}`;
      await this.process('invalid_key', { prekey: key }, `n01 one-time prekey ${point}`);
      await this.process('invalid_key', { signed_prekey: key, signed_prekey_signature: await this.sign(key) }, `n01 signed prekey ${point}`);
      await this.process('invalid_signature', { signed_prekey: key }, `n01 signed prekey ${point}, not signed`);
      const signatures = await this.signaturesBy(`order ${point}`);
      // Under p - 1 nothing verifies.
      const expected = point.startsWith('ec') ? 'invalid_signature' : 'invalid_key';
      await this.process(expected, { identity_key: key, ...signatures }, `n01 identity key ${point}`);
    }
  }

  /** Both signatures of the honest bundle, by a key that the crafter signs with. */
  async signaturesBy(key) {
    const sign = async (message) => (await this.unit.must(this.bench.crafter, 'sign', { key, message })).signature ?? '00'.repeat(64);
    return { signed_prekey_signature: await sign(this.honest.signed_prekey), kyber_prekey_signature: await sign(this.honest.kyber_prekey) };
  }

  async aliases() {
    const topBit = Buffer.from(this.honest.signed_prekey, 'hex');
    topBit[32] |= 0x80;
    for (const key of [`05f6${'ff'.repeat(30)}7f`, topBit.toString('hex')]) {
      await this.process('ok', { prekey: key }, `n03 n04 one-time prekey ${key}`);
      await this.process('ok', { signed_prekey: key, signed_prekey_signature: await this.sign(key) }, `n03 n04 signed prekey ${key}`);
    }
    const byNine = await this.signaturesBy('nine');
    await this.process('ok', { identity_key: `0509${'00'.repeat(31)}`, ...byNine }, 'n04 identity key 9');
    await this.process('ok', { identity_key: `05f6${'ff'.repeat(30)}7f`, ...byNine }, 'n04 identity key 9 + p');
  }

  async trustFirst() {
    const known = async (side, party) => this.unit.must(side, 'set_identity', { party, ...PEER, identity_key: `05${'42'.repeat(32)}` });
    await this.process('untrusted_identity', {}, 'n29 another identity', known);
    await this.process('untrusted_identity', { signed_prekey_signature: '00' }, 'n16 trust before signatures', known);
  }
}
