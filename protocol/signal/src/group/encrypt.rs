//! Encrypting with one's own sender key.
//!
//! Not its concern: padding, sealing the sender, and delivery.

use rand_core::CryptoRng;

use super::{GroupEncryptError, SenderKeyRecord};
use crate::{DistributionId, SenderKeyMessage};

/// A message for the group, and the record to store before it leaves.
///
/// Sending the message without storing the record would use its key again for the next one.
#[derive(Debug)]
#[must_use]
pub struct GroupEncrypted {
    /// Replaces the old record.
    pub record: SenderKeyRecord,
    /// The message; its bytes are the same for all members.
    pub message: SenderKeyMessage,
}

impl SenderKeyRecord {
    /// Encrypts a plaintext of any length, zero included, with the newest chain, which has to be one's own.
    ///
    /// # Errors
    ///
    /// See [`GroupEncryptError`]. Nothing has been changed then.
    ///
    /// Spec: Signal protocol 9.5 Encrypting.
    pub fn encrypt<R: CryptoRng + ?Sized>(
        &self,
        id: DistributionId,
        plaintext: &[u8],
        rng: &mut R,
    ) -> Result<GroupEncrypted, GroupEncryptError> {
        let newest = self.states.first().ok_or(GroupEncryptError::InvalidSenderKeySession)?;
        let state = newest.state().ok_or(GroupEncryptError::InvalidSenderKeySession)?;
        let (state, message) = state.encrypt(id, newest.id, plaintext, rng)?;
        Ok(GroupEncrypted { record: self.with_state(0, state), message })
    }
}
