//! What one party holds, and how it answers what the crate asks.
//!
//! Trust is on first use in both directions: an unknown address is trusted, a known one only with the same key.
//!
//! Not its concern: the form it is saved in.
//!
//! Spec: interop 3 Party stores.

use std::collections::{BTreeMap, BTreeSet};

use khaima_signal::sealed_sender::SessionView;
use khaima_signal::{
    Decrypted, Direction, DistributionId, IdentityKey, IdentityKeyPair, KyberPreKeyId, Local, OneTimePreKey,
    PreKeyId, PreKeyView, ProtocolAddress, PublicKey, SenderKeyRecord, SessionRecord, SignedPreKey,
    SignedPreKeyId, StoreError, StoredKyber, Trust,
};
use zeroize::Zeroizing;

use super::failure::Failure;
use super::protocol::Arguments;

/// All parties, by the driver's handles.
#[derive(Default)]
pub struct Parties(BTreeMap<String, Party>);

impl Parties {
    /// The party that the request names.
    pub fn named(&mut self, arguments: &Arguments<'_>) -> Result<&mut Party, Failure> {
        let handle: String = arguments.get("party")?;
        self.0.get_mut(&handle).ok_or_else(|| Failure::bad_request("there is no such party"))
    }

    /// Puts a party in the place of whichever has this handle.
    pub fn put(&mut self, handle: String, party: Party) {
        self.0.insert(handle, party);
    }

    /// Drops a party.
    pub fn remove(&mut self, handle: &str) -> Option<Party> {
        self.0.remove(handle)
    }
}

/// One device.
pub struct Party {
    pub identity: IdentityKeyPair,
    pub address: ProtocolAddress,
    pub registration_id: u32,
    pub prekeys: PreKeys,
    pub identities: BTreeMap<ProtocolAddress, IdentityKey>,
    pub sessions: BTreeMap<ProtocolAddress, SessionRecord>,
    pub sender_keys: BTreeMap<(ProtocolAddress, DistributionId), SenderKeyRecord>,
}

/// The private halves of what was published.
#[derive(Default)]
pub struct PreKeys {
    pub one_time: Numbered<OneTimePreKey>,
    pub signed: Numbered<SignedPreKey>,
    pub kyber: Numbered<StoredKyber>,
    /// Base keys seen, by last-resort Kyber prekey and signed prekey.
    pub seen: BTreeSet<(u32, u32, [u8; PublicKey::LENGTH])>,
}

/// Prekeys of one kind by their ids.
pub struct Numbered<T> {
    pub kept: BTreeMap<u32, T>,
    /// The largest id given out, so that the id of a prekey that is gone names nothing else.
    pub last_id: u32,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { kept: BTreeMap::new(), last_id: 0 }
    }
}

impl<T: Clone> Numbered<T> {
    /// Makes a prekey with an unused id, and keeps it.
    pub fn add(&mut self, make: impl FnOnce(u32) -> T) -> T {
        self.last_id += 1;
        let prekey = make(self.last_id);
        self.kept.insert(self.last_id, prekey.clone());
        prekey
    }
}

impl Party {
    pub fn new(identity: IdentityKeyPair, address: ProtocolAddress, registration_id: u32) -> Self {
        Self {
            identity,
            address,
            registration_id,
            prekeys: PreKeys::default(),
            identities: BTreeMap::new(),
            sessions: BTreeMap::new(),
            sender_keys: BTreeMap::new(),
        }
    }

    /// This device under its own address.
    pub fn local(&self) -> Local<'_, IdentityKeyPair> {
        self.local_as(&self.address)
    }

    /// This device under another address.
    pub fn local_as<'a>(&'a self, address: &'a ProtocolAddress) -> Local<'a, IdentityKeyPair> {
        Local { identity: &self.identity, address, registration_id: self.registration_id }
    }

    /// Stores what encrypting to a peer or starting a session with them gave.
    pub fn store_session(&mut self, peer: ProtocolAddress, record: SessionRecord, identity: IdentityKey) {
        self.identities.insert(peer.clone(), identity);
        self.sessions.insert(peer, record);
    }

    /// Stores what decrypting a message gave, and lets go of the prekeys it used up.
    pub fn store_decrypted(&mut self, sender: ProtocolAddress, decrypted: Decrypted) -> Zeroizing<Vec<u8>> {
        if let Some(spent) = decrypted.spent {
            if let Some(one_time) = spent.one_time {
                self.prekeys.one_time.kept.remove(&one_time.value());
            }
            let kyber = spent.kyber.value();
            if self.prekeys.kyber.kept.get(&kyber).is_some_and(|stored| stored.last_resort) {
                self.prekeys.seen.insert((kyber, spent.signed.value(), spent.base_key.serialize()));
            } else {
                self.prekeys.kyber.kept.remove(&kyber);
            }
        }
        self.store_session(sender, decrypted.record, decrypted.remote_identity);
        decrypted.plaintext
    }
}

impl Trust for Party {
    fn is_trusted(
        &self,
        address: &ProtocolAddress,
        key: &IdentityKey,
        _: Direction,
    ) -> Result<bool, StoreError> {
        Ok(self.identities.get(address).is_none_or(|known| known == key))
    }
}

impl PreKeyView for Party {
    fn one_time(&self, id: PreKeyId) -> Result<Option<OneTimePreKey>, StoreError> {
        Ok(self.prekeys.one_time.kept.get(&id.value()).cloned())
    }

    fn signed(&self, id: SignedPreKeyId) -> Result<Option<SignedPreKey>, StoreError> {
        Ok(self.prekeys.signed.kept.get(&id.value()).cloned())
    }

    fn kyber(&self, id: KyberPreKeyId) -> Result<Option<StoredKyber>, StoreError> {
        Ok(self.prekeys.kyber.kept.get(&id.value()).cloned())
    }

    fn base_key_seen(
        &self,
        kyber: KyberPreKeyId,
        signed: SignedPreKeyId,
        base_key: &PublicKey,
    ) -> Result<bool, StoreError> {
        Ok(self.prekeys.seen.contains(&(kyber.value(), signed.value(), base_key.serialize())))
    }
}

impl SessionView for Party {
    fn session(&self, address: &ProtocolAddress) -> Result<Option<SessionRecord>, StoreError> {
        Ok(self.sessions.get(address).cloned())
    }
}
