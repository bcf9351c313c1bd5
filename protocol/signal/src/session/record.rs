//! All sessions with one device: the current one and up to forty archived.
//!
//! Not its concern: what happens inside a session, and the stored form.

use std::{fmt, sync::Arc};

use super::state::SessionState;
use crate::{
    PublicKey, Timestamp,
    stored::{Slot, SlotContent},
};

/// Archived states kept; the oldest goes when a forty-first is archived.
///
/// Fewer would lose messages after repeated resets; each one more can cost a trial decryption per forged message.
pub(crate) const MAX_ARCHIVED: usize = 40;

/// The sessions with one device.
///
/// Cheap to clone: states are shared until they change. Private keys inside are wiped when the last clone is dropped.
///
/// Spec: Signal protocol 8.1 Session record.
#[derive(Clone, Default)]
pub struct SessionRecord {
    pub(super) current: Option<Slot<SessionState>>,
    /// Newest first.
    pub(super) archived: Vec<Slot<SessionState>>,
    /// Number of the next new state.
    pub(super) next_id: u32,
}

impl fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionRecord(..)")
    }
}

impl SessionRecord {
    /// Without any session.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The record with its current session, if any, moved to the archive. Messages of it still decrypt.
    ///
    /// Spec: Signal protocol 8.2 Archiving and promotion.
    #[must_use]
    pub fn archive(&self) -> Self {
        let mut record = self.clone();
        record.archive_current();
        record
    }

    /// Whether there is a current session at all, usable or not.
    #[must_use]
    pub fn has_current(&self) -> bool {
        self.current.is_some()
    }

    /// Whether the current session may be sent with: there is one, it can be read as a whole, and it is not an
    /// unacknowledged one of more than 30 days ago.
    ///
    /// Spec: Signal protocol 8.4 Encrypting, usable session.
    #[must_use]
    pub fn is_usable(&self, now: Timestamp) -> bool {
        let whole = |state: &SessionState| state.ratchet.post_quantum.working().is_some();
        self.current_state().is_some_and(|state| whole(state) && !state.is_stale(now))
    }

    /// The registration id of the other device, as the current session knows it.
    #[must_use]
    pub fn remote_registration_id(&self) -> Option<u32> {
        self.current_state().map(|state| state.remote_registration_id)
    }

    /// Our public ratchet key in the current session. If a decryption error message names it, the current session is what
    /// failed, and should be archived.
    ///
    /// Spec: Signal protocol 7.6.
    #[must_use]
    pub fn current_ratchet_key(&self) -> Option<PublicKey> {
        self.current_state().map(|state| *state.ratchet_key())
    }

    /// How many sessions are archived.
    #[must_use]
    pub fn archived_count(&self) -> usize {
        self.archived.len()
    }

    fn current_state(&self) -> Option<&SessionState> {
        self.current.as_ref().and_then(Slot::state)
    }

    fn archive_current(&mut self) {
        let Some(mut slot) = self.current.take() else {
            return;
        };
        if let SlotContent::Ready(state) = &mut slot.content
            && state.pending.is_some()
        {
            Arc::make_mut(state).pending = None;
        }
        self.archived.truncate(MAX_ARCHIVED - 1);
        self.archived.insert(0, slot);
    }

    /// Makes a new state the current one.
    pub(super) fn make_current(&mut self, state: SessionState) {
        self.archive_current();
        let id = self.unused_id();
        self.next_id = id.wrapping_add(1);
        self.current = Some(Slot::new(id, state));
    }

    /// Makes the archived state at a position the current one.
    pub(super) fn promote(&mut self, position: usize) {
        if position < self.archived.len() {
            let slot = self.archived.remove(position);
            self.archive_current();
            self.current = Some(slot);
        }
    }

    /// Replaces the current state by what became of it.
    pub(super) fn update_current(&mut self, state: Arc<SessionState>) {
        if let Some(slot) = &mut self.current {
            slot.content = SlotContent::Ready(state);
        }
    }

    /// Numbers are used again only after all others, and never while in use.
    fn unused_id(&self) -> u32 {
        let used = |id| self.archived.iter().chain(&self.current).any(|slot| slot.id == id);
        let mut id = self.next_id;
        while used(id) {
            id = id.wrapping_add(1);
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_nothing_to_promote_behind_the_last_archived_session() {
        let mut record = SessionRecord::empty();
        record.promote(0);
        assert!(!record.has_current());
    }
}
