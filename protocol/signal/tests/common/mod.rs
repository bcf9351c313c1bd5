//! A device with stores of bytes, so that whatever a test does passes through the stored form and "nothing changed" can
//! be checked byte for byte.

#![allow(dead_code, reason = "each test file uses its share")]

pub mod sender_keys;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use khaima_signal::sealed_sender::SessionView;
use khaima_signal::{
    CiphertextMessage, DecryptError, DeviceId, Direction, EncryptError, IdentityKey, IdentityKeyPair,
    KyberPreKey, KyberPreKeyId, Local, LocalIdentity, OneTimePreKey, PartChanges, PreKeyBundleIn, PreKeyId,
    PreKeyView, PrivateKey, ProtocolAddress, PublicKey, RecordPart, SessionRecord, SignedPreKey,
    SignedPreKeyId, StartError, StoreError, StoredKyber, Timestamp, Trust,
};
use rand_core::CryptoRng;
use serde_json::Value;
use zeroize::Zeroizing;

pub type Peer = (String, u8);
pub type Parts = BTreeMap<Vec<u8>, Vec<u8>>;

/// Everything a device stores.
#[derive(Clone, Default, PartialEq)]
pub struct Stores {
    pub one_time: BTreeMap<u32, Vec<u8>>,
    pub signed: BTreeMap<u32, Vec<u8>>,
    pub kyber: BTreeMap<u32, (bool, Vec<u8>)>,
    pub seen: BTreeSet<(u32, u32, [u8; 33])>,
    pub identities: BTreeMap<Peer, [u8; 33]>,
    pub sessions: BTreeMap<Peer, Parts>,
}

pub struct Device {
    pub identity: IdentityKeyPair,
    pub address: ProtocolAddress,
    pub registration_id: u32,
    pub stores: Stores,
    next_id: u32,
}

pub fn address(name: &str, device: u8) -> ProtocolAddress {
    ProtocolAddress::new(name, DeviceId::new(device).unwrap())
}

pub fn key_of(peer: &ProtocolAddress) -> Peer {
    (peer.name().to_owned(), peer.device().value())
}

impl Device {
    pub fn new<R: CryptoRng>(name: &str, device: u8, rng: &mut R) -> Self {
        Self::with_identity(IdentityKeyPair::generate(rng), address(name, device), 1_000 + u32::from(device))
    }

    pub fn with_identity(identity: IdentityKeyPair, address: ProtocolAddress, registration_id: u32) -> Self {
        Self { identity, address, registration_id, stores: Stores::default(), next_id: 0 }
    }

    /// The `bob` of a recorded transcript.
    pub fn from_vector(value: &Value) -> Self {
        let private = PrivateKey::deserialize(&bytes(&value["identity_private"])).unwrap();
        let identity = IdentityKeyPair::from_private(private);
        assert_eq!(identity.identity_key().serialize().as_slice(), bytes(&value["identity_public"]));
        let mut device =
            Self::with_identity(identity, vector_address(value), number(&value["registration_id"]));
        for prekey in value["prekeys"].as_array().unwrap() {
            let private = PrivateKey::deserialize(&bytes(&prekey["private_key"])).unwrap();
            let key_pair = khaima_signal::KeyPair::from_private(private);
            let id = PreKeyId::new(number(&prekey["id"]));
            device.stores.one_time.insert(id.value(), OneTimePreKey { id, key_pair }.encode().to_vec());
        }
        for prekey in value["signed_prekeys"].as_array().unwrap() {
            let private = PrivateKey::deserialize(&bytes(&prekey["private_key"])).unwrap();
            let key_pair = khaima_signal::KeyPair::from_private(private);
            let id = SignedPreKeyId::new(number(&prekey["id"]));
            let signature = khaima_signal::Signature::from_slice(&bytes(&prekey["signature"])).unwrap();
            let prekey = SignedPreKey { id, created: Timestamp::from_millis(0), key_pair, signature };
            device.stores.signed.insert(id.value(), prekey.encode().to_vec());
        }
        for prekey in value["kyber_prekeys"].as_array().unwrap() {
            let public = khaima_signal::KemPublicKey::deserialize(&bytes(&prekey["public_key"])).unwrap();
            let secret = khaima_signal::KemSecretKey::deserialize(&bytes(&prekey["secret_key"])).unwrap();
            let id = KyberPreKeyId::new(number(&prekey["id"]));
            let signature = khaima_signal::Signature::from_slice(&bytes(&prekey["signature"])).unwrap();
            let last_resort = prekey["last_resort"].as_bool().unwrap();
            let key_pair = khaima_signal::KemKeyPair::from_parts(public, secret);
            let prekey = KyberPreKey { id, created: Timestamp::from_millis(0), key_pair, signature };
            device.stores.kyber.insert(id.value(), (last_resort, prekey.encode().to_vec()));
        }
        device
    }

    pub fn local(&self) -> Local<'_, IdentityKeyPair> {
        Local { identity: &self.identity, address: &self.address, registration_id: self.registration_id }
    }

    /// Makes and keeps new prekeys; gives the bundle that publishes them.
    pub fn bundle<R: CryptoRng>(&mut self, one_time: bool, last_resort: bool, rng: &mut R) -> PreKeyBundleIn {
        let id = self.next_id;
        self.next_id += 1;
        let now = Timestamp::from_millis(0);
        let signed = SignedPreKey::generate(SignedPreKeyId::new(id), &self.identity, now, rng);
        let kyber = KyberPreKey::generate(KyberPreKeyId::new(id), &self.identity, now, rng);
        self.stores.signed.insert(id, signed.encode().to_vec());
        self.stores.kyber.insert(id, (last_resort, kyber.encode().to_vec()));
        let one_time = one_time.then(|| {
            let prekey = OneTimePreKey::generate(PreKeyId::new(id), rng);
            self.stores.one_time.insert(id, prekey.encode().to_vec());
            (prekey.id, *prekey.key_pair.public())
        });
        PreKeyBundleIn {
            registration_id: self.registration_id,
            device_id: u32::from(self.address.device().value()),
            one_time,
            signed_id: signed.id,
            signed_key: *signed.key_pair.public(),
            signed_signature: signed.signature.as_bytes().to_vec(),
            identity_key: self.identity.identity_key(),
            kyber_id: kyber.id,
            kyber_key: kyber.key_pair.public().clone(),
            kyber_signature: kyber.signature.as_bytes().to_vec(),
        }
    }

    pub fn record(&self, peer: &ProtocolAddress) -> SessionRecord {
        match self.stores.sessions.get(&key_of(peer)) {
            Some(parts) => SessionRecord::from_parts(record_parts(parts)).unwrap(),
            None => SessionRecord::empty(),
        }
    }

    /// Stores a record by its changes, and checks that this gives the same parts as storing all of it.
    pub fn store(&mut self, peer: &ProtocolAddress, old: &SessionRecord, new: &SessionRecord) {
        let parts = self.stores.sessions.entry(key_of(peer)).or_default();
        apply(parts, new.changes_since(old));
        assert!(*parts == parts_of(new), "changes and full form agree");
    }

    pub fn start<R: CryptoRng>(
        &mut self,
        peer: &ProtocolAddress,
        bundle: PreKeyBundleIn,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<(), StartError> {
        let old = self.record(peer);
        let identity = bundle.identity_key;
        let new = old.verify_and_start(&self.local(), peer, bundle, &self.stores, now, rng)?;
        self.stores.identities.insert(key_of(peer), identity.serialize());
        self.store(peer, &old, &new);
        Ok(())
    }

    pub fn encrypt<R: CryptoRng>(
        &mut self,
        peer: &ProtocolAddress,
        plaintext: &[u8],
        now: Timestamp,
        rng: &mut R,
    ) -> Result<CiphertextMessage, EncryptError> {
        let old = self.record(peer);
        let encrypted = old.encrypt(&self.local(), peer, plaintext, &self.stores, now, rng)?;
        self.store(peer, &old, &encrypted.record);
        Ok(encrypted.message)
    }

    /// Decrypts a message that arrived at this device's own address.
    pub fn decrypt<R: CryptoRng>(
        &mut self,
        from: &ProtocolAddress,
        message: &CiphertextMessage,
        rng: &mut R,
    ) -> Result<Vec<u8>, DecryptError> {
        let local = self.address.clone();
        self.decrypt_at(&local, from, message, rng)
    }

    /// Decrypts a message that claims to have arrived elsewhere.
    pub fn decrypt_at<R: CryptoRng>(
        &mut self,
        local: &ProtocolAddress,
        from: &ProtocolAddress,
        message: &CiphertextMessage,
        rng: &mut R,
    ) -> Result<Vec<u8>, DecryptError> {
        let old = self.record(from);
        let local = Local { identity: &self.identity, address: local, registration_id: self.registration_id };
        let decrypted = old.decrypt(&local, from, message, &self.stores, &self.stores, rng)?;
        self.store(from, &old, &decrypted.record);
        self.stores.identities.insert(key_of(from), decrypted.remote_identity.serialize());
        if let Some(spent) = decrypted.spent {
            if let Some(id) = spent.one_time {
                self.stores.one_time.remove(&id.value()).unwrap();
            }
            if self.stores.kyber[&spent.kyber.value()].0 {
                let base_key = spent.base_key.serialize();
                self.stores.seen.insert((spent.kyber.value(), spent.signed.value(), base_key));
            } else {
                self.stores.kyber.remove(&spent.kyber.value()).unwrap();
            }
        }
        Ok(decrypted.plaintext.to_vec())
    }

    pub fn archive(&mut self, peer: &ProtocolAddress) {
        let old = self.record(peer);
        self.store(peer, &old, &old.archive());
    }

    pub fn delete_session(&mut self, peer: &ProtocolAddress) {
        self.stores.sessions.remove(&key_of(peer));
    }

    pub fn set_identity(&mut self, peer: &ProtocolAddress, key: Option<&IdentityKey>) {
        match key {
            Some(key) => self.stores.identities.insert(key_of(peer), key.serialize()),
            None => self.stores.identities.remove(&key_of(peer)),
        };
    }

    pub fn has_session(&self, peer: &ProtocolAddress) -> bool {
        self.stores.sessions.contains_key(&key_of(peer))
    }
}

/// Writes changes as a store does.
pub fn apply(parts: &mut Parts, changes: PartChanges) {
    for name in changes.delete {
        assert!(parts.remove(&name).is_some(), "deletes only what is there");
    }
    for part in changes.put {
        assert!(part.name.len() <= 24 && part.bytes.len() <= 60 * 1_024);
        parts.insert(part.name, part.bytes.to_vec());
    }
}

pub fn parts_of(record: &SessionRecord) -> Parts {
    by_name(record.to_parts())
}

pub fn by_name(parts: Vec<RecordPart>) -> Parts {
    parts.into_iter().map(|part| (part.name, part.bytes.to_vec())).collect()
}

pub fn record_parts(parts: &Parts) -> Vec<RecordPart> {
    parts
        .iter()
        .map(|(name, bytes)| RecordPart { name: name.clone(), bytes: Zeroizing::new(bytes.clone()) })
        .collect()
}

/// Trust on first use, in both directions.
impl Trust for Stores {
    fn is_trusted(
        &self,
        address: &ProtocolAddress,
        key: &IdentityKey,
        _: Direction,
    ) -> Result<bool, StoreError> {
        Ok(self.identities.get(&key_of(address)).is_none_or(|known| *known == key.serialize()))
    }
}

impl PreKeyView for Stores {
    fn one_time(&self, id: PreKeyId) -> Result<Option<OneTimePreKey>, StoreError> {
        self.one_time
            .get(&id.value())
            .map(|bytes| OneTimePreKey::decode(bytes))
            .transpose()
            .map_err(StoreError::new)
    }

    fn signed(&self, id: SignedPreKeyId) -> Result<Option<SignedPreKey>, StoreError> {
        self.signed
            .get(&id.value())
            .map(|bytes| SignedPreKey::decode(bytes))
            .transpose()
            .map_err(StoreError::new)
    }

    fn kyber(&self, id: KyberPreKeyId) -> Result<Option<StoredKyber>, StoreError> {
        let Some((last_resort, bytes)) = self.kyber.get(&id.value()) else {
            return Ok(None);
        };
        let prekey = KyberPreKey::decode(bytes).map_err(StoreError::new)?;
        Ok(Some(StoredKyber { prekey, last_resort: *last_resort }))
    }

    fn base_key_seen(
        &self,
        kyber: KyberPreKeyId,
        signed: SignedPreKeyId,
        base_key: &PublicKey,
    ) -> Result<bool, StoreError> {
        Ok(self.seen.contains(&(kyber.value(), signed.value(), base_key.serialize())))
    }
}

impl SessionView for Stores {
    fn session(&self, address: &ProtocolAddress) -> Result<Option<SessionRecord>, StoreError> {
        let Some(parts) = self.sessions.get(&key_of(address)) else {
            return Ok(None);
        };
        SessionRecord::from_parts(record_parts(parts)).map(Some).map_err(StoreError::new)
    }
}

/// Where the recordings lie: ours, or the directory that `KHAIMA_VECTORS` names.
pub fn vector_directory() -> PathBuf {
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");
    std::env::var_os("KHAIMA_VECTORS").map_or_else(|| PathBuf::from(ours), PathBuf::from)
}

/// A recorded file.
pub fn vectors(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(vector_directory().join(name)).unwrap()).unwrap()
}

pub fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

pub fn number(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

pub fn vector_address(value: &Value) -> ProtocolAddress {
    address(value["name"].as_str().unwrap(), u8::try_from(value["device"].as_u64().unwrap()).unwrap())
}

/// Whether a recorded case may be refused although the official library accepts it (docs/spec/stricter.md). The tests of
/// what we do refuse stand apart.
pub fn may_be_refused(case: &Value) -> bool {
    case["stricter_ok"] == true
}
