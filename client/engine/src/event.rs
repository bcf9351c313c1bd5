//! What a step tells the person's screen: facts with plain data, no text. The store already holds all of it.
//!
//! Not its concern: words and translations (the UIs), reading the facts again later (`query`).

use std::fmt;

use crate::ids::{ContactId, ConversationId, InvitationId, RelayId};

/// Something changed that a screen may show. `Debug` names the event only: one of them holds a link.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A contact can now be written to.
    ContactAccepted {
        /// Who.
        contact: ContactId,
    },
    /// Name, verification or state of a contact changed.
    ContactChanged {
        /// Who.
        contact: ContactId,
    },
    /// A contact or request is gone from this device.
    ContactRemoved {
        /// Who it was.
        contact: ContactId,
    },
    /// Somebody with one of our invitations wants to be a contact.
    ContactRequested {
        /// Who.
        contact: ContactId,
        /// The invitation they had.
        invitation: InvitationId,
    },
    /// Messages are missing for more than a day; a row says so.
    GapNoticed {
        /// Where.
        conversation: ConversationId,
        /// The row.
        order: u64,
    },
    /// All missing messages of a gap row came; the row is gone.
    GapClosed {
        /// Where.
        conversation: ConversationId,
        /// The row that was.
        order: u64,
    },
    /// State of an invitation changed (made, claimed, withdrawn, expired, failed).
    InvitationChanged {
        /// Which one.
        invitation: InvitationId,
    },
    /// The relay has everything: the link may be given away.
    InvitationReady {
        /// Which one.
        invitation: InvitationId,
        /// The link (`khaima:` URI).
        link: String,
    },
    /// Somebody came with an invitation that was already taken.
    InvitationRefusedAgain {
        /// Which one.
        invitation: InvitationId,
        /// How many came in all.
        count: u32,
    },
    /// A contact request took the invitation.
    InvitationUsed {
        /// Which one.
        invitation: InvitationId,
    },
    /// The state of a row changed.
    MessageChanged {
        /// Where.
        conversation: ConversationId,
        /// The row.
        order: u64,
    },
    /// A new row.
    MessageStored {
        /// Where.
        conversation: ConversationId,
        /// The row; rows sort by it.
        order: u64,
        /// Whether somebody else wrote it.
        incoming: bool,
    },
    /// Own name, home relay or permits changed.
    ProfileChanged,
    /// Something a person should know about.
    Problem(Problem),
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ContactAccepted { .. } => "ContactAccepted",
            Self::ContactChanged { .. } => "ContactChanged",
            Self::ContactRemoved { .. } => "ContactRemoved",
            Self::ContactRequested { .. } => "ContactRequested",
            Self::GapClosed { .. } => "GapClosed",
            Self::GapNoticed { .. } => "GapNoticed",
            Self::InvitationChanged { .. } => "InvitationChanged",
            Self::InvitationReady { .. } => "InvitationReady",
            Self::InvitationRefusedAgain { .. } => "InvitationRefusedAgain",
            Self::InvitationUsed { .. } => "InvitationUsed",
            Self::MessageChanged { .. } => "MessageChanged",
            Self::MessageStored { .. } => "MessageStored",
            Self::Problem(problem) => return write!(f, "Problem({problem:?})"),
            Self::ProfileChanged => "ProfileChanged",
        })
    }
}

/// Something that went wrong or looks wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A request came from somebody who already is a contact.
    AlreadyKnown {
        /// Who.
        contact: ContactId,
    },
    /// A contact's mailbox is gone: deleted, expired or blocked.
    ContactMailboxGone {
        /// Whose.
        contact: ContactId,
    },
    /// Somebody uses the id of a contact with another identity key, or the key with another id. Refused.
    IdentityConflict {
        /// The contact imitated.
        contact: ContactId,
    },
    /// An invitation's mailbox has no bundle: used, withdrawn, expired, or an answer was lost. Ask for a new link or
    /// try again a day later.
    InvitationGone {
        /// Which one.
        invitation: InvitationId,
    },
    /// What the relay gave out does not match the link: the relay or somebody else tampered with it.
    InvitationTampered {
        /// Which one.
        invitation: InvitationId,
    },
    /// An operator's code was not accepted.
    InviteCodeRefused {
        /// Where.
        relay: RelayId,
    },
    /// A contact's queue is full; sending goes on later.
    MailboxFull {
        /// Whose.
        contact: ContactId,
    },
    /// A relay lost a mailbox of ours; it is being made again.
    MailboxLost {
        /// Where.
        relay: RelayId,
    },
    /// The relay wants a permit to make a mailbox: ask its operator for a code.
    PermitNeeded {
        /// Where.
        relay: RelayId,
    },
    /// The relay refuses a request as such: its version or ours may be too old.
    RelayRefused {
        /// Where.
        relay: RelayId,
    },
    /// A contact's messages name another list of devices than the one we know: an added device, or an old copy.
    StatementMismatch {
        /// Whose.
        contact: ContactId,
    },
    /// A contact's message cannot be read; it is kept sealed for 7 days.
    Undecryptable {
        /// Whose.
        contact: ContactId,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_link() {
        let event = Event::InvitationReady {
            invitation: InvitationId::from_bytes([1; 16]),
            link: "khaima:secret".into(),
        };
        assert_eq!(format!("{event:?}"), "InvitationReady");
    }
}
