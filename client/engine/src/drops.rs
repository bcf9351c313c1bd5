//! What peers and relays do wrong: counted and dropped, never an error of a step and never answered.
//!
//! An answer to garbage would tell a stranger that the device is on, and to whom a mailbox belongs.

use crate::ctx::Ctx;
use crate::error::EngineError;
use crate::event::Event;
use crate::records::{View, counter_key};

/// Why an envelope was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum DropReason {
    /// Its certificate does not hold under the only key that may speak in this mailbox.
    CertificateInvalid = 1,
    /// For a mailbox that is being deleted.
    ClosedMailbox = 2,
    /// Its message was processed before.
    Duplicate = 3,
    /// Too many unreadable ones of this contact are kept already.
    HeldFull = 4,
    /// A request by somebody known under another id or key.
    IdentityConflict = 5,
    /// A request that came after the invitation's last day.
    InvitationExpired = 6,
    /// A further request for a taken invitation.
    InvitationTaken = 7,
    /// A request without the proof that its sender had the link.
    NoProof = 8,
    /// Its content is not what its form promises.
    Malformed = 9,
    /// A request by somebody who is a contact already.
    AlreadyKnown = 10,
    /// Content that has no place here.
    Unexpected = 11,
    /// A request that cannot be decrypted.
    Undecryptable = 12,
    /// For a mailbox we do not have at this relay.
    UnknownMailbox = 13,
    /// Not sealed for us at all.
    Unopenable = 14,
    /// By somebody who may not speak in this mailbox.
    WrongSender = 15,
}

impl DropReason {
    /// Every reason, by number.
    pub const ALL: [Self; 15] = [
        Self::CertificateInvalid,
        Self::ClosedMailbox,
        Self::Duplicate,
        Self::HeldFull,
        Self::IdentityConflict,
        Self::InvitationExpired,
        Self::InvitationTaken,
        Self::NoProof,
        Self::Malformed,
        Self::AlreadyKnown,
        Self::Unexpected,
        Self::Undecryptable,
        Self::UnknownMailbox,
        Self::Unopenable,
        Self::WrongSender,
    ];
}

/// Why processing an envelope ended early.
pub(crate) enum Fault {
    /// Count it, acknowledge it, and tell the person if there is something to tell.
    Drop(DropReason, Option<Event>),
    /// Ours or the store's: the step fails, the envelope stays at the relay.
    Engine(EngineError),
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<DropReason> for Fault {
    fn from(reason: DropReason) -> Self {
        Self::Drop(reason, None)
    }
}

impl From<crate::content::ContentError> for Fault {
    fn from(_: crate::content::ContentError) -> Self {
        Self::Drop(DropReason::Malformed, None)
    }
}

/// Counts one.
pub(crate) fn count(ctx: &mut Ctx<'_>, reason: DropReason) -> Result<(), EngineError> {
    let next = counted(ctx, reason)?.saturating_add(1);
    ctx.put_bytes(counter_key(reason as u8), &next.to_be_bytes());
    Ok(())
}

/// How many were counted.
pub(crate) fn counted(view: &dyn View, reason: DropReason) -> Result<u64, EngineError> {
    let bytes = view.read(&counter_key(reason as u8))?;
    Ok(bytes.and_then(|bytes| bytes.as_slice().try_into().ok()).map_or(0, u64::from_be_bytes))
}
