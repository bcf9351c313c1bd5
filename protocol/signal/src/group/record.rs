//! The chains of one sender under one distribution id: the latest and up to four before it.
//!
//! Not its concern: what happens inside a chain, and the stored form.

use std::fmt;

use rand_core::CryptoRng;

use super::{DistributeError, state::SenderKeyState};
use crate::{DistributionId, SenderKeyDistributionMessage, stored::Slot};

/// Chains kept; the oldest goes when a sixth is added.
///
/// Fewer would lose messages that were under way while their sender rotated several times; more would keep keys of
/// readers who have left for longer.
pub(super) const MAX_STATES: usize = 5;

/// The sender keys of one sender under one distribution id: one's own, or another's.
///
/// At most five chains, newest first. Cheap to clone: they are shared until they change. Keys inside are wiped when the
/// last clone is dropped. One's own record is kept under one's own address; a record that is not there counts as
/// [`SenderKeyRecord::empty`] for another's key, and is to be [generated](SenderKeyRecord::generate) for one's own.
///
/// Spec: Signal protocol 9.1 State.
#[derive(Clone, Default)]
pub struct SenderKeyRecord {
    /// Newest first, at most [`MAX_STATES`], numbered by their chain ids.
    pub(super) states: Vec<Slot<SenderKeyState>>,
}

/// The record after a distribution message.
#[derive(Debug)]
#[must_use]
pub struct Processed {
    /// Replaces the old record.
    pub record: SenderKeyRecord,
    /// What the message changed.
    pub change: SenderKeyChange,
}

/// What a distribution message changed in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum SenderKeyChange {
    /// The chain was not known; it is the newest now. Also when a chain of its id was there but could not be read.
    Added,
    /// The chain was known, and is the newest now. It stands where it stood: key and iteration of the message were not
    /// used, so that nothing can be read again.
    Kept,
    /// The chain id was known with another signing key. The old chain is gone, and messages of its key do not open any
    /// more. An honest sender never does this: tell the person.
    SigningKeyReplaced,
}

impl fmt::Debug for SenderKeyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SenderKeyRecord(..)")
    }
}

impl SenderKeyRecord {
    /// Without any chain.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// A fresh sender key of one's own: random chain id of 31 bits, chain key of 32 bytes and signing key, at iteration 0.
    ///
    /// Also how a key is rotated: the new record replaces the old, and is handed out before it is used.
    ///
    /// Spec: Signal protocol 9.3 Creating a distribution message.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let chain_id = rng.next_u32() >> 1;
        Self { states: vec![Slot::new(chain_id, SenderKeyState::generate(rng))] }
    }

    /// The message that hands out the newest chain, from where it stands: whoever gets it cannot read what was sent
    /// before. Changes nothing, however often it is called.
    ///
    /// # Errors
    ///
    /// [`DistributeError::InvalidSenderKeySession`] without a newest chain that can be read.
    ///
    /// Spec: Signal protocol 9.3 Creating a distribution message.
    pub fn distribution_message(
        &self,
        id: DistributionId,
    ) -> Result<SenderKeyDistributionMessage, DistributeError> {
        let newest = self.states.first().ok_or(DistributeError::InvalidSenderKeySession)?;
        newest
            .state()
            .and_then(|state| state.distribution_message(id, newest.id))
            .ok_or(DistributeError::InvalidSenderKeySession)
    }

    /// Takes in a distribution message from the record's sender, who was authenticated by the session it came in.
    ///
    /// The caller has checked that the sender is a member and that the record is the one for the message's distribution
    /// id. Processing a message again never goes back to keys that were used.
    ///
    /// Spec: Signal protocol 9.4 Processing a distribution message from a sender.
    pub fn process(&self, message: &SenderKeyDistributionMessage) -> Processed {
        let chain_id = message.chain_id();
        let mut states = self.states.clone();
        // Chain ids are distinct within a record, so there is no other one to delete.
        let known = states.iter().position(|slot| slot.id == chain_id).map(|at| states.remove(at));
        let received = || Slot::new(chain_id, SenderKeyState::received(message));
        let (slot, change) = match known {
            None => (received(), SenderKeyChange::Added),
            Some(slot) => match slot.state().map(|state| state.signing_key.public()) {
                None => (received(), SenderKeyChange::Added),
                Some(key) if key == message.signing_key() => (slot, SenderKeyChange::Kept),
                Some(_) => (received(), SenderKeyChange::SigningKeyReplaced),
            },
        };
        states.truncate(MAX_STATES - 1);
        states.insert(0, slot);
        Processed { record: Self { states }, change }
    }

    /// The record with the state at a position replaced by what became of it.
    pub(super) fn with_state(&self, at: usize, state: SenderKeyState) -> Self {
        let mut record = self.clone();
        if let Some(slot) = record.states.get_mut(at) {
            *slot = Slot::new(slot.id, state);
        }
        record
    }
}
