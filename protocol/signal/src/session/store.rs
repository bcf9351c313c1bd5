//! What a session asks of its surroundings. It only ever asks: all writing is in the results.
//!
//! Not its concern: caching, transactions, and the policy of trust itself.

use super::StoreError;
use crate::{
    IdentityKey, KyberPreKey, KyberPreKeyId, LocalIdentity, OneTimePreKey, PreKeyId, ProtocolAddress,
    PublicKey, SignedPreKey, SignedPreKeyId,
};

/// This device: who it is, and under which address.
#[derive(Debug)]
pub struct Local<'a, I: LocalIdentity + ?Sized> {
    /// Whoever holds the identity private key.
    pub identity: &'a I,
    /// This device's address.
    pub address: &'a ProtocolAddress,
    /// This device's registration id.
    pub registration_id: u32,
}

impl<I: LocalIdentity + ?Sized> Clone for Local<'_, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I: LocalIdentity + ?Sized> Copy for Local<'_, I> {}

/// What an identity key is about to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Encrypting to it. An application may be stricter here.
    Sending,
    /// Accepting a message from it.
    Receiving,
}

/// Decides whether an identity key is the one to expect at an address.
///
/// Spec: Signal protocol 8.9 Identity store.
pub trait Trust {
    /// Whether the key is trusted for this address and direction. An unknown address is usually trusted.
    ///
    /// # Errors
    ///
    /// The store failed.
    fn is_trusted(
        &self,
        address: &ProtocolAddress,
        key: &IdentityKey,
        direction: Direction,
    ) -> Result<bool, StoreError>;
}

/// A Kyber prekey with what the protocol does not know about it.
#[derive(Clone, Debug)]
pub struct StoredKyber {
    /// The prekey.
    pub prekey: KyberPreKey,
    /// Kept after use, with the base keys seen. Otherwise it is deleted when used.
    pub last_resort: bool,
}

/// Looks up this device's prekeys.
pub trait PreKeyView {
    /// The one-time prekey of this id, if it is (still) there.
    ///
    /// # Errors
    ///
    /// The store failed.
    fn one_time(&self, id: PreKeyId) -> Result<Option<OneTimePreKey>, StoreError>;

    /// The signed prekey of this id, if it is (still) there.
    ///
    /// # Errors
    ///
    /// The store failed.
    fn signed(&self, id: SignedPreKeyId) -> Result<Option<SignedPreKey>, StoreError>;

    /// The Kyber prekey of this id, if it is (still) there.
    ///
    /// # Errors
    ///
    /// The store failed.
    fn kyber(&self, id: KyberPreKeyId) -> Result<Option<StoredKyber>, StoreError>;

    /// Whether a session with this base key was started from this last-resort Kyber prekey and signed prekey before.
    ///
    /// Must be remembered for as long as the Kyber prekey is kept.
    ///
    /// # Errors
    ///
    /// The store failed.
    fn base_key_seen(
        &self,
        kyber: KyberPreKeyId,
        signed: SignedPreKeyId,
        base_key: &PublicKey,
    ) -> Result<bool, StoreError>;
}
