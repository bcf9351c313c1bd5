//! Encrypting with the current session.
//!
//! Not its concern: padding, sealing the sender, and delivery.

use rand_core::CryptoRng;

use super::{Direction, EncryptError, Local, SessionRecord, Trust};
use crate::{
    CiphertextMessage, IdentityKey, LocalIdentity, ProtocolAddress, Timestamp, triple_ratchet::SendError,
};

/// A message, and the record to store before it leaves.
///
/// Sending the message without storing the record would use its key again for the next one.
#[derive(Debug)]
#[must_use]
pub struct Encrypted {
    /// Replaces the old record.
    pub record: SessionRecord,
    /// A PreKey message until the other side has answered, a Whisper message afterwards.
    pub message: CiphertextMessage,
    /// The identity key the message is for; store it for the address, as after a decryption.
    pub remote_identity: IdentityKey,
}

impl SessionRecord {
    /// Encrypts a plaintext of any length, zero included, with the current session.
    ///
    /// # Errors
    ///
    /// See [`EncryptError`].
    ///
    /// Spec: Signal protocol 8.4 Encrypting.
    pub fn encrypt<I, T, R>(
        &self,
        local: &Local<'_, I>,
        remote: &ProtocolAddress,
        plaintext: &[u8],
        trust: &T,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Encrypted, EncryptError>
    where
        I: LocalIdentity + ?Sized,
        T: Trust + ?Sized,
        R: CryptoRng + ?Sized,
    {
        let slot = self.current.as_ref().ok_or(EncryptError::SessionNotFound)?;
        let state = slot.state().ok_or(EncryptError::InvalidSession)?;
        if state.is_stale(now) {
            return Err(EncryptError::SessionNotFound);
        }
        let (state, message) =
            state.encrypt(local.address, remote, plaintext, rng).map_err(|error| match error {
                SendError::ChainExhausted => EncryptError::InvalidState("the chain is used up"),
                SendError::PostQuantum => EncryptError::InvalidState("the post-quantum ratchet is unusable"),
            })?;
        if !trust.is_trusted(remote, &state.remote_identity, Direction::Sending)? {
            return Err(EncryptError::UntrustedIdentity);
        }
        let mut record = self.clone();
        let remote_identity = state.remote_identity;
        record.update_current(state);
        Ok(Encrypted { record, message, remote_identity })
    }
}
