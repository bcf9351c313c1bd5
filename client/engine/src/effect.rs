//! What a step decided: changes to commit, then effects to run and events to show.
//!
//! Relay work that must not be lost is a job in the store, not an effect: a crash after the commit repeats it.

use khaima_wire::{EnvelopeId, MailboxId};

use crate::event::Event;
use crate::ids::RelayId;
use crate::store::Changes;

/// The result of one input. Commit `changes` first; only then run `effects` and show `events`.
#[derive(Debug, Default)]
#[must_use = "a step that is not committed never happened"]
pub struct Step {
    /// Everything the step changes, all or nothing.
    pub changes: Changes,
    /// What to do once the changes are durable.
    pub effects: Vec<Effect>,
    /// What to show once the changes are durable.
    pub events: Vec<Event>,
}

/// Something to do that may be lost without harm: it would be asked for again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Tell the relay that it may delete a delivered envelope: what was in it is committed, or was worth nothing.
    Acknowledge {
        /// The relay that delivered it.
        relay: RelayId,
        /// The mailbox it was in.
        mailbox: MailboxId,
        /// Which one.
        id: EnvelopeId,
    },
}
