//! Which session a message belongs to: by its base key, or by trying.
//!
//! Not its concern: starting sessions, trust, and prekeys.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{DecryptError, record::SessionRecord};
use crate::{
    IdentityKey, MessageType, ProtocolAddress, PublicKey,
    message::{SESSION_VERSION, SignalMessage},
    ratchet::ReceiveError,
    stored::Slot,
};

/// Where a state was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Current,
    Archived(usize),
}

/// What a successful trial leaves.
pub(super) struct Tried {
    pub(super) record: SessionRecord,
    pub(super) plaintext: Zeroizing<Vec<u8>>,
    /// Of the state that succeeded.
    pub(super) remote_identity: IdentityKey,
    /// Whether an archived state became the current one.
    pub(super) promoted: bool,
}

/// The two addresses a message went between, seen from here.
#[derive(Clone, Copy)]
pub(super) struct Ends<'a> {
    pub(super) local: &'a ProtocolAddress,
    pub(super) remote: &'a ProtocolAddress,
}

/// Looks for a state by version and base key: current first, then archived, newest first.
///
/// # Errors
///
/// [`DecryptError::InvalidSession`] if a state that cannot be read comes before a match: it might be the one.
///
/// Spec: Signal protocol 4.4 step 2, 8.3 Recognising a session.
pub(super) fn find(
    record: &SessionRecord,
    version: u8,
    base_key: &PublicKey,
) -> Result<Option<Place>, DecryptError> {
    let current = record.current.iter().map(|slot| (Place::Current, slot));
    let archived = record.archived.iter().enumerate().map(|(at, slot)| (Place::Archived(at), slot));
    for (place, slot) in current.chain(archived) {
        let state = slot.state().ok_or(DecryptError::InvalidSession)?;
        if version == SESSION_VERSION && state.base_key == *base_key {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

/// Tries the current state, then the archived ones, each on a copy.
///
/// # Errors
///
/// [`DecryptError::DuplicatedMessage`] from the first state that says so, [`DecryptError::InvalidSession`] if the current
/// state cannot be read, otherwise [`DecryptError::InvalidMessage`], whatever the reasons were.
///
/// Spec: Signal protocol 8.7 Trial decryption.
pub(super) fn try_all<R: CryptoRng + ?Sized>(
    record: &SessionRecord,
    ends: Ends<'_>,
    message: &SignalMessage,
    original: MessageType,
    rng: &mut R,
) -> Result<Tried, DecryptError> {
    let acceptable = message.version() == SESSION_VERSION;
    if let Some(slot) = &record.current {
        let state = slot.state().ok_or(DecryptError::InvalidSession)?;
        if acceptable {
            match state.decrypt(ends.local, ends.remote, message, rng) {
                Ok((state, plaintext)) => {
                    let (mut record, remote_identity) = (record.clone(), state.remote_identity);
                    record.update_current(state);
                    return Ok(Tried { record, plaintext, remote_identity, promoted: false });
                }
                Err(ReceiveError::Duplicated { chain_index, counter }) => {
                    return Err(DecryptError::DuplicatedMessage { chain_index, counter });
                }
                // A PreKey message names its session, so no other one can be meant.
                Err(ReceiveError::Unacceptable) if original == MessageType::PreKey => {
                    return Err(DecryptError::InvalidMessage(original));
                }
                Err(ReceiveError::Unacceptable) => {}
            }
        }
    }
    for (position, state) in record.archived.iter().map(Slot::state).enumerate() {
        let Some(state) = state.filter(|_| acceptable) else {
            continue;
        };
        match state.decrypt(ends.local, ends.remote, message, rng) {
            Ok((state, plaintext)) => {
                let (mut record, remote_identity) = (record.clone(), state.remote_identity);
                record.promote(position);
                record.update_current(state);
                return Ok(Tried { record, plaintext, remote_identity, promoted: true });
            }
            Err(ReceiveError::Duplicated { chain_index, counter }) => {
                return Err(DecryptError::DuplicatedMessage { chain_index, counter });
            }
            Err(ReceiveError::Unacceptable) => {}
        }
    }
    Err(DecryptError::InvalidMessage(original))
}
