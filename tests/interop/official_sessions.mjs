/** Parties, prekeys and sessions in the official library. */
import { StoreRefusal } from './error_class.mjs';

export const hex = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
export const unhex = (text) => Buffer.from(text, 'hex');
export const dateOf = (ms) => (ms === undefined ? new Date() : new Date(ms));

export function partyOf(parties, handle) {
  const party = parties.get(handle);
  if (!party) throw new StoreRefusal('bad_request');
  return party;
}

export function sessionCommands({ library: L, stores, parties }) {
  // The older version asks for no local address where it only decides what counts as a session with oneself.
  const takesLocalAddress = L.processPreKeyBundle.length === 5;
  const local = (address) => (takesLocalAddress ? [address] : []);
  const at = (name, device) => L.ProtocolAddress.new(name, device);
  const of = ({ party }) => partyOf(parties, party);

  function makeParty(name, device, registrationId, privateKey) {
    return {
      name, device, address: at(name, device),
      sessions: new stores.Sessions(), identities: new stores.Identities(privateKey, registrationId),
      prekeys: new stores.PreKeys(), signed: new stores.SignedPreKeys(), kyber: new stores.KyberPreKeys(),
      senderKeys: new stores.SenderKeys(), next: { prekey: 1, signed: 1, kyber: 1 }, latest: { signed: null, kyber: null },
    };
  }

  // Ids count from 1 for each kind, as in our program: they are then equal in both worlds.
  function newSigned(party) {
    const id = party.next.signed++;
    const key = L.PrivateKey.generate();
    const signature = party.identities.privateKey.sign(key.getPublicKey().serialize());
    party.signed.records.set(id, L.SignedPreKeyRecord.new(id, Date.now(), key.getPublicKey(), key, signature));
    party.latest.signed = id;
    return id;
  }

  function newKyber(party, lastResort) {
    const id = party.next.kyber++;
    const pair = L.KEMKeyPair.generate();
    const signature = party.identities.privateKey.sign(pair.getPublicKey().serialize());
    party.kyber.records.set(id, L.KyberPreKeyRecord.new(id, Date.now(), pair, signature));
    if (lastResort) {
      party.kyber.lastResort.add(id);
      party.latest.kyber = id;
    }
    return id;
  }

  const record = (args) => of(args).sessions.records.get(at(args.name, args.device).toString());

  return {
    hello: () => ({ name: 'official', protocol: 1 }),

    new_party(args) {
      const key = args.identity_private ? L.PrivateKey.deserialize(unhex(args.identity_private)) : L.PrivateKey.generate();
      parties.set(args.party, makeParty(args.name, args.device, args.registration_id, key));
      return { identity_key: hex(key.getPublicKey().serialize()), identity_private: hex(key.serialize()) };
    },

    drop_party({ party }) {
      partyOf(parties, party);
      parties.delete(party);
    },

    save(args) {
      const p = of(args);
      const dump = (map) => [...map].map(([key, value]) => [key, hex(value.serialize())]);
      const state = {
        name: p.name, device: p.device, registrationId: p.identities.registrationId, identity: hex(p.identities.privateKey.serialize()),
        sessions: dump(p.sessions.records), known: dump(p.identities.known), prekeys: dump(p.prekeys.records), signed: dump(p.signed.records),
        kyber: dump(p.kyber.records), lastResort: [...p.kyber.lastResort], seen: [...p.kyber.seen].map(([k, v]) => [k, [...v]]),
        senderKeys: dump(p.senderKeys.records), next: p.next, latest: p.latest,
      };
      return { state: Buffer.from(JSON.stringify(state)).toString('hex') };
    },

    load({ party, state }) {
      const s = JSON.parse(unhex(state).toString());
      const p = makeParty(s.name, s.device, s.registrationId, L.PrivateKey.deserialize(unhex(s.identity)));
      const fill = (map, list, type) => list.forEach(([key, value]) => map.set(key, type.deserialize(unhex(value))));
      fill(p.sessions.records, s.sessions, L.SessionRecord);
      fill(p.identities.known, s.known, L.PublicKey);
      fill(p.prekeys.records, s.prekeys, L.PreKeyRecord);
      fill(p.signed.records, s.signed, L.SignedPreKeyRecord);
      fill(p.kyber.records, s.kyber, L.KyberPreKeyRecord);
      fill(p.senderKeys.records, s.senderKeys, L.SenderKeyRecord);
      p.kyber.lastResort = new Set(s.lastResort);
      p.kyber.seen = new Map(s.seen.map(([k, v]) => [k, new Set(v)]));
      p.next = s.next;
      p.latest = s.latest;
      parties.set(party, p);
    },

    bundle(args) {
      const p = of(args);
      const lastResort = args.kyber === 'last_resort';
      const prekeyId = args.one_time ? p.next.prekey++ : null;
      let prekey = null;
      if (prekeyId !== null) {
        const key = L.PrivateKey.generate();
        prekey = key.getPublicKey();
        p.prekeys.records.set(prekeyId, L.PreKeyRecord.new(prekeyId, prekey, key));
      }
      const signedId = (args.reuse ? p.latest.signed : null) ?? newSigned(p);
      const kyberId = (args.reuse && lastResort ? p.latest.kyber : null) ?? newKyber(p, lastResort);
      const signed = p.signed.records.get(signedId);
      const kyber = p.kyber.records.get(kyberId);
      return {
        bundle: {
          registration_id: p.identities.registrationId, device: p.device,
          identity_key: hex(p.identities.privateKey.getPublicKey().serialize()),
          prekey_id: prekeyId, prekey: prekey && hex(prekey.serialize()),
          signed_prekey_id: signedId, signed_prekey: hex(signed.publicKey().serialize()), signed_prekey_signature: hex(signed.signature()),
          kyber_prekey_id: kyberId, kyber_prekey: hex(kyber.publicKey().serialize()), kyber_prekey_signature: hex(kyber.signature()),
        },
      };
    },

    prekeys(args) {
      const p = of(args);
      const ids = (map) => [...map.keys()].sort((a, b) => a - b);
      return { prekeys: ids(p.prekeys.records), signed_prekeys: ids(p.signed.records), kyber_prekeys: ids(p.kyber.records) };
    },

    async process_bundle(args) {
      const p = of(args);
      const b = args.bundle;
      const key = (text) => L.PublicKey.deserialize(unhex(text));
      const bundle = L.PreKeyBundle.new(
        b.registration_id, b.device, b.prekey_id, b.prekey === null ? null : key(b.prekey), b.signed_prekey_id, key(b.signed_prekey),
        unhex(b.signed_prekey_signature), key(b.identity_key), b.kyber_prekey_id, L.KEMPublicKey.deserialize(unhex(b.kyber_prekey)),
        unhex(b.kyber_prekey_signature),
      );
      await L.processPreKeyBundle(
        bundle, at(args.name, args.device), ...local(p.address), p.sessions, p.identities, dateOf(args.now_ms),
      );
    },

    async encrypt(args) {
      const p = of(args);
      const message = await L.signalEncrypt(
        unhex(args.plaintext), at(args.name, args.device), p.address, p.sessions, p.identities, dateOf(args.now_ms),
      );
      return { type: message.type(), message: hex(message.serialize()) };
    },

    async decrypt(args) {
      const p = of(args);
      const from = at(args.name, args.device);
      const to = args.local_name === undefined ? p.address : at(args.local_name, args.local_device ?? p.device);
      const bytes = unhex(args.message);
      const plaintext = args.type === 3
        ? await L.signalDecryptPreKey(
          L.PreKeySignalMessage.deserialize(bytes), from, to, p.sessions, p.identities, p.prekeys, p.signed, p.kyber,
        )
        : await L.signalDecrypt(L.SignalMessage.deserialize(bytes), from, ...local(to), p.sessions, p.identities);
      return { plaintext: hex(plaintext) };
    },

    session_info(args) {
      const found = record(args);
      let remote = null;
      try {
        remote = found?.remoteRegistrationId() ?? null;
      } catch {
        // No current state.
      }
      return { exists: found !== undefined, usable: found?.hasCurrentState(dateOf(args.now_ms)) ?? false, remote_registration_id: remote };
    },

    archive(args) {
      const found = record(args);
      if (!found) throw new StoreRefusal('no_session');
      found.archiveCurrentState();
    },

    delete_session(args) {
      of(args).sessions.records.delete(at(args.name, args.device).toString());
    },

    set_identity(args) {
      of(args).identities.known.set(at(args.name, args.device).toString(), L.PublicKey.deserialize(unhex(args.identity_key)));
    },

    forget_identity(args) {
      of(args).identities.known.delete(at(args.name, args.device).toString());
    },

    get_identity(args) {
      const key = of(args).identities.known.get(at(args.name, args.device).toString());
      return { identity_key: key ? hex(key.serialize()) : null };
    },

    decryption_error({ type, message, timestamp, device }) {
      const error = L.DecryptionErrorMessage.forOriginal(unhex(message), type, timestamp, device);
      return { message: hex(error.serialize()), plaintext_content: hex(L.PlaintextContent.from(error).serialize()) };
    },

    parse_decryption_error({ plaintext_content: content }) {
      const error = L.DecryptionErrorMessage.extractFromSerializedBody(L.PlaintextContent.deserialize(unhex(content)).body());
      const key = error.ratchetKey();
      return { timestamp: error.timestamp(), device: error.deviceId(), ratchet_key: key ? hex(key.serialize()) : null };
    },

    ratchet_key_matches(args) {
      const key = L.PublicKey.deserialize(unhex(args.ratchet_key));
      return { matches: record(args)?.currentRatchetKeyMatches(key) ?? false };
    },
  };
}
