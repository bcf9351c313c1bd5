//! Decrypting another member's message.
//!
//! Not its concern: parsing, opening sealed senders, and whether the sender is (still) a member.

use std::fmt;

use zeroize::Zeroizing;

use super::{GroupDecryptError, SenderKeyRecord};
use crate::SenderKeyMessage;

/// A plaintext, and the record to store before it is shown.
#[must_use]
pub struct GroupDecrypted {
    /// Replaces the old record.
    pub record: SenderKeyRecord,
    /// What was encrypted.
    pub plaintext: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for GroupDecrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupDecrypted(..)")
    }
}

impl SenderKeyRecord {
    /// Decrypts a message of the record's sender and distribution id.
    ///
    /// # Errors
    ///
    /// See [`GroupDecryptError`]. Nothing has been changed then, and the same message may be tried again.
    ///
    /// Spec: Signal protocol 9.6 Decrypting.
    pub fn decrypt(&self, message: &SenderKeyMessage) -> Result<GroupDecrypted, GroupDecryptError> {
        let known = self.states.iter().enumerate().find(|(_, slot)| slot.id == message.chain_id());
        let (at, slot) = known.ok_or(GroupDecryptError::NoSenderKeyState)?;
        let state = slot.state().ok_or(GroupDecryptError::InvalidSenderKeySession)?;
        let (state, plaintext) = state.decrypt(message)?;
        Ok(GroupDecrypted { record: self.with_state(at, state), plaintext })
    }
}
