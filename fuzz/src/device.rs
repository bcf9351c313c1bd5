//! One device with its prekeys and its sessions with one other device.
//!
//! Not its concern: the network, and what must decrypt.

use std::collections::{BTreeMap, BTreeSet};

use khaima_signal::{
    CiphertextMessage, DecryptError, Decrypted, Direction, EncryptError, IdentityKey, IdentityKeyPair,
    KyberPreKeyId, Local, LocalIdentity, OneTimePreKey, PreKeyBundleIn, PreKeyId, PreKeyView,
    ProtocolAddress, PublicKey, SessionRecord, SignedPreKey, SignedPreKeyId, StartError, StoreError,
    StoredKyber, Timestamp, Trust,
};
use rand_chacha::ChaCha20Rng;

use crate::parts::sorted;

/// The private halves of the bundles a device has published.
#[derive(Clone, Default)]
pub struct PreKeys {
    pub one_time: BTreeMap<u32, OneTimePreKey>,
    pub signed: BTreeMap<u32, SignedPreKey>,
    pub kyber: BTreeMap<u32, StoredKyber>,
    pub seen: BTreeSet<(u32, u32, [u8; 33])>,
}

/// The first identity key seen is the one that is trusted.
#[derive(Clone, Copy, Default)]
pub struct FirstSeen(Option<IdentityKey>);

#[derive(Clone)]
pub struct Device {
    pub identity: IdentityKeyPair,
    pub address: ProtocolAddress,
    pub registration_id: u32,
    pub prekeys: PreKeys,
    pub record: SessionRecord,
    /// The record as it is stored, change by change.
    stored: BTreeMap<Vec<u8>, Vec<u8>>,
    peer: FirstSeen,
}

impl Device {
    pub fn new(identity: IdentityKeyPair, address: ProtocolAddress, registration_id: u32) -> Self {
        let (prekeys, record, stored) = (PreKeys::default(), SessionRecord::empty(), BTreeMap::new());
        let peer = FirstSeen::default();
        let mut device = Self { identity, address, registration_id, prekeys, record, stored, peer };
        device.load(SessionRecord::empty());
        device
    }

    /// Takes a record as one that was stored whole.
    pub fn load(&mut self, record: SessionRecord) {
        self.stored = record.to_parts().into_iter().map(|part| (part.name, part.bytes.to_vec())).collect();
        self.record = record;
    }

    /// Replaces the record, and writes what changed.
    pub fn replace(&mut self, record: SessionRecord) {
        let changes = record.changes_since(&self.record);
        for name in changes.delete {
            assert!(self.stored.remove(&name).is_some(), "only what is there is deleted");
        }
        for part in changes.put {
            self.stored.insert(part.name, part.bytes.to_vec());
        }
        self.record = record;
    }

    pub fn local(&self) -> Local<'_, IdentityKeyPair> {
        Local { identity: &self.identity, address: &self.address, registration_id: self.registration_id }
    }

    pub fn start(
        &mut self,
        remote: &ProtocolAddress,
        bundle: PreKeyBundleIn,
        now: Timestamp,
        rng: &mut ChaCha20Rng,
    ) -> Result<(), StartError> {
        let identity = bundle.identity_key;
        let record = self.record.verify_and_start(&self.local(), remote, bundle, &self.peer, now, rng)?;
        self.replace(record);
        self.peer = FirstSeen(Some(identity));
        Ok(())
    }

    pub fn encrypt(
        &mut self,
        remote: &ProtocolAddress,
        plaintext: &[u8],
        now: Timestamp,
        rng: &mut ChaCha20Rng,
    ) -> Result<CiphertextMessage, EncryptError> {
        let encrypted = self.record.encrypt(&self.local(), remote, plaintext, &self.peer, now, rng)?;
        self.replace(encrypted.record);
        Ok(encrypted.message)
    }

    /// Decrypts, and stores what that asks for; a refusal leaves the stored form as it was.
    pub fn decrypt(
        &mut self,
        remote: &ProtocolAddress,
        message: &CiphertextMessage,
        rng: &mut ChaCha20Rng,
    ) -> Result<Vec<u8>, DecryptError> {
        let before = self.record.clone();
        match self.record.decrypt(&self.local(), remote, message, &self.prekeys, &self.peer, rng) {
            Ok(decrypted) => Ok(self.keep(decrypted)),
            Err(error) => {
                assert!(self.record.to_parts() == before.to_parts(), "a refused message changed the record");
                Err(error)
            }
        }
    }

    fn keep(&mut self, decrypted: Decrypted) -> Vec<u8> {
        self.replace(decrypted.record);
        self.peer = FirstSeen(Some(decrypted.remote_identity));
        if let Some(spent) = decrypted.spent {
            if let Some(id) = spent.one_time {
                assert!(self.prekeys.one_time.remove(&id.value()).is_some(), "a spent prekey was there");
            }
            let kyber = spent.kyber.value();
            if self.prekeys.kyber.get(&kyber).expect("a spent prekey was there").last_resort {
                let seen = (kyber, spent.signed.value(), spent.base_key.serialize());
                assert!(self.prekeys.seen.insert(seen), "a base key was accepted twice");
            } else {
                self.prekeys.kyber.remove(&kyber);
            }
        }
        decrypted.plaintext.to_vec()
    }

    /// Everything through the stored form and back.
    pub fn restart(&mut self) {
        let changed = std::mem::take(&mut self.stored);
        let parts = self.record.to_parts();
        self.load(SessionRecord::from_parts(parts.clone()).expect("what was stored can be read"));
        assert!(sorted(self.record.to_parts()) == sorted(parts), "storing again gives other parts");
        assert!(self.stored == changed, "the changes come to something else than the whole");
    }

    pub fn identity_key(&self) -> IdentityKey {
        self.identity.identity_key()
    }
}

impl Trust for FirstSeen {
    fn is_trusted(&self, _: &ProtocolAddress, key: &IdentityKey, _: Direction) -> Result<bool, StoreError> {
        Ok(self.0.is_none_or(|known| known == *key))
    }
}

impl PreKeyView for PreKeys {
    fn one_time(&self, id: PreKeyId) -> Result<Option<OneTimePreKey>, StoreError> {
        Ok(self.one_time.get(&id.value()).cloned())
    }

    fn signed(&self, id: SignedPreKeyId) -> Result<Option<SignedPreKey>, StoreError> {
        Ok(self.signed.get(&id.value()).cloned())
    }

    fn kyber(&self, id: KyberPreKeyId) -> Result<Option<StoredKyber>, StoreError> {
        Ok(self.kyber.get(&id.value()).cloned())
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
