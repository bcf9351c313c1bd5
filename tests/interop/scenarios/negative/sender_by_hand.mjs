/** A sender key by hand: every field of its messages can be wrong, and their signatures are right. */
import { createCipheriv, createHmac, hkdfSync } from 'node:crypto';
import { bytesField, intField } from '../../protobuf.mjs';

export const GROUP = 'd1d1d1d1-d1d1-41d1-81d1-d1d1d1d1d1d1';
const ID = Buffer.from(GROUP.replaceAll('-', ''), 'hex');

const hmac = (key, byte) => createHmac('sha256', key).update(Buffer.of(byte)).digest();

export class SenderByHand {
  static async make(bench, chainId) {
    const sender = new SenderByHand();
    Object.assign(sender, { bench, unit: bench.unit, chainId, chainKey: Buffer.from(bench.random.hex(32), 'hex') });
    await sender.newSigningKey();
    return sender;
  }

  async newSigningKey() {
    this.signingPrivate = this.bench.random.hex(32);
    const { public_key } = await this.unit.bothMust('public_key', { private_key: this.signingPrivate });
    this.signingKey = Buffer.from(public_key, 'hex');
  }

  /** Hands out the chain from its first message on. `rewrite` gets the protobuf. */
  distribution(rewrite = (bytes) => bytes) {
    const fields = [bytesField(1, ID), intField(2, this.chainId), intField(3, 0), bytesField(4, this.chainKey), bytesField(5, this.signingKey)];
    return Buffer.concat([Buffer.of(0x33), rewrite(Buffer.concat(fields), fields)]).toString('hex');
  }

  /** The message of that iteration. */
  async message(iteration, plaintext = 'text', { rewrite = (bytes) => bytes, signer = this.signingPrivate, ciphertext } = {}) {
    let key = this.chainKey;
    for (let i = 0; i < iteration; i += 1) key = hmac(key, 2);
    const keys = Buffer.from(hkdfSync('sha256', hmac(key, 1), Buffer.alloc(0), 'WhisperGroup', 48));
    const cipher = createCipheriv('aes-256-cbc', keys.subarray(16), keys.subarray(0, 16));
    const sealed = ciphertext ?? Buffer.concat([cipher.update(plaintext), cipher.final()]);
    const fields = [bytesField(1, ID), intField(2, this.chainId), intField(3, iteration), bytesField(4, sealed)];
    const covered = Buffer.concat([Buffer.of(0x33), rewrite(Buffer.concat(fields), fields)]).toString('hex');
    const { signature } = await this.unit.must(this.unit.ours, 'sign', { private_key: signer, message: covered });
    return covered + signature;
  }
}

/** A reader on each side, of the same bytes from the same sender. */
export class Reader {
  static async make(bench, name) {
    const reader = Object.assign(new Reader(), { bench, party: bench.handle(), from: { name, device: 1 } });
    await bench.unit.bothMust('new_party', {
      party: reader.party, name: '99999999-9999-4999-8999-999999999999', device: 1, registration_id: 7, identity_private: bench.random.hex(32),
    });
    return reader;
  }

  process(expected, message, what, from = this.from) {
    return this.bench.both(expected, 'group_process', { party: this.party, ...from, message }, what);
  }

  read(expected, message, what, from = this.from) {
    return this.bench.both(expected, 'group_decrypt', { party: this.party, ...from, message }, what);
  }
}
