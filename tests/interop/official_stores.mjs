/** The stores that the official library asks for, in memory, one set for each party. Trust is on first use. */
import { StoreRefusal } from './error_class.mjs';

/** The store classes for one version of the library, which gives the base classes. */
export function storesFor(library) {
  class Sessions extends library.SessionStore {
    records = new Map();
    async saveSession(address, record) {
      this.records.set(address.toString(), record);
    }
    async getSession(address) {
      return this.records.get(address.toString()) ?? null;
    }
    async getExistingSessions(addresses) {
      return addresses.map((address) => {
        const record = this.records.get(address.toString());
        if (!record) throw new StoreRefusal('no_session');
        return record;
      });
    }
  }

  class Identities extends library.IdentityKeyStore {
    known = new Map();
    constructor(privateKey, registrationId) {
      super();
      this.privateKey = privateKey;
      this.registrationId = registrationId;
    }
    async getIdentityKey() {
      return this.privateKey;
    }
    async getLocalRegistrationId() {
      return this.registrationId;
    }
    async saveIdentity(address, key) {
      const before = this.known.get(address.toString());
      this.known.set(address.toString(), key);
      return before === undefined || before.equals(key) ? 0 : 1;
    }
    async isTrustedIdentity(address, key) {
      const before = this.known.get(address.toString());
      return before === undefined || before.equals(key);
    }
    async getIdentity(address) {
      return this.known.get(address.toString()) ?? null;
    }
  }

  class PreKeys extends library.PreKeyStore {
    records = new Map();
    async savePreKey(id, record) {
      this.records.set(id, record);
    }
    async getPreKey(id) {
      const record = this.records.get(id);
      if (!record) throw new StoreRefusal('invalid_prekey_id');
      return record;
    }
    async removePreKey(id) {
      this.records.delete(id);
    }
  }

  class SignedPreKeys extends library.SignedPreKeyStore {
    records = new Map();
    async saveSignedPreKey(id, record) {
      this.records.set(id, record);
    }
    async getSignedPreKey(id) {
      const record = this.records.get(id);
      if (!record) throw new StoreRefusal('invalid_signed_prekey_id');
      return record;
    }
  }

  class KyberPreKeys extends library.KyberPreKeyStore {
    records = new Map();
    lastResort = new Set();
    /** Base keys seen for each pair of last-resort Kyber prekey and signed prekey. */
    seen = new Map();
    async saveKyberPreKey(id, record) {
      this.records.set(id, record);
    }
    async getKyberPreKey(id) {
      const record = this.records.get(id);
      if (!record) throw new StoreRefusal('invalid_kyber_prekey_id');
      return record;
    }
    async markKyberPreKeyUsed(id, signedPreKeyId, baseKey) {
      if (!this.lastResort.has(id)) {
        this.records.delete(id);
        return;
      }
      const pair = `${id}:${signedPreKeyId}`;
      const seen = this.seen.get(pair) ?? new Set();
      const key = Buffer.from(baseKey.serialize()).toString('hex');
      if (seen.has(key)) throw new StoreRefusal('invalid_message');
      this.seen.set(pair, seen.add(key));
    }
  }

  class SenderKeys extends library.SenderKeyStore {
    records = new Map();
    async saveSenderKey(sender, distributionId, record) {
      this.records.set(`${distributionId}/${sender.toString()}`, record);
    }
    async getSenderKey(sender, distributionId) {
      return this.records.get(`${distributionId}/${sender.toString()}`) ?? null;
    }
  }

  return { Sessions, Identities, PreKeys, SignedPreKeys, KyberPreKeys, SenderKeys };
}
