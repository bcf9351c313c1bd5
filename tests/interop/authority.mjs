/** A trust root, a server key and the certificates that a sealed sender scenario needs. */
import { bytesField, fixed64Field, intField } from './protobuf.mjs';

const unhex = (text) => Buffer.from(text, 'hex');

/** The reference's own test certificate: signed by the all-zero private key, for the all-ones one. */
export const TEST_CERTIFICATE = { id: 0x7357c357, rootPrivate: '00'.repeat(32), serverPrivate: 'ff'.repeat(32) };

export class Authority {
  /** @param {import('./unit.mjs').Unit} unit */
  static async make(unit) {
    const { random } = unit;
    const authority = new Authority();
    authority.unit = unit;
    authority.rootPrivate = random.hex(32);
    authority.serverPrivate = random.hex(32);
    authority.root = (await unit.bothMust('public_key', { private_key: authority.rootPrivate })).public_key;
    authority.serverKey = (await unit.bothMust('public_key', { private_key: authority.serverPrivate })).public_key;
    authority.server = (await unit.must(authority.side(), 'server_certificate', {
      key_id: random.pick([0, 1, random.u32()]), key: authority.serverKey, trust_root_private: authority.rootPrivate,
    })).certificate;
    return authority;
  }

  /** Certificates are made by either side. */
  side() {
    return this.unit.random.chance(0.5) ? this.unit.official : this.unit.ours;
  }

  /** A certificate for a party as the server gives it. */
  async certify(party, { e164 = null, expires, device = party.device, name = party.name, server = this.server } = {}) {
    const made = await this.unit.must(this.side(), 'sender_certificate', {
      name, e164, device, identity_key: party.identityKey, expires_ms: expires, server_certificate: server, server_private: this.serverPrivate,
    });
    return made.certificate;
  }

  /** A certificate that names its signer by number alone. */
  async certifyByReference(party, { expires, id, serverPrivate, uuidBytes = false }) {
    const uuid = party.name.replaceAll('-', '');
    const inner = Buffer.concat([
      intField(2, party.device), fixed64Field(3, expires), bytesField(4, unhex(party.identityKey)),
      uuidBytes ? bytesField(7, unhex(uuid)) : bytesField(6, Buffer.from(party.name)), intField(8, id),
    ]);
    const { signature } = await this.unit.must(this.side(), 'sign', { private_key: serverPrivate, message: inner.toString('hex') });
    return Buffer.concat([bytesField(1, inner), bytesField(2, unhex(signature))]).toString('hex');
  }
}
