//! What can happen to a client: a person's command, an envelope, a relay's answer, time passing.
//!
//! Not its concern: how any of these arrive (the runtime), and what follows from them ([`crate::Engine`]).

use std::fmt;

use khaima_wire::{Delivery, InviteCode, MailboxId, Permit, Refusal, RelayAddress, SealedBundle};

use crate::ids::{ContactId, ConversationId, InvitationId, JobId, RelayId};

/// One thing that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Input {
    /// The person wants something.
    Command(Command),
    /// A relay pushed an envelope.
    Delivery(RelayId, Delivery),
    /// A relay has what it should not have lost: it no longer knows a mailbox of ours.
    MailboxGone {
        /// The relay that answered.
        relay: RelayId,
        /// The mailbox it does not know.
        mailbox: MailboxId,
    },
    /// A relay answered a subscription.
    MailboxState {
        /// The relay that answered.
        relay: RelayId,
        /// The mailbox now subscribed.
        mailbox: MailboxId,
        /// One-time bundles left in its pool.
        one_time_left: u32,
        /// One-time bundles ever claimed from it.
        claimed: u64,
        /// Envelopes waiting.
        waiting: u32,
    },
    /// A relay answered a job for good. Answers that only mean "later" stay in the dispatcher.
    Reply {
        /// The job answered.
        job: JobId,
        /// The answer.
        reply: JobReply,
    },
    /// Time has passed: receipts, rotations, expiries that are due. Harmless at any time.
    Tick,
}

/// What a person can ask for.
#[derive(Clone)]
#[non_exhaustive]
pub enum Command {
    /// Make this device's identity; once per store.
    CreateProfile {
        /// How contacts will see this person, 1 to 64 bytes.
        name: String,
    },
    /// Change the name told to future contacts.
    SetName {
        /// 1 to 64 bytes.
        name: String,
    },
    /// Remember a relay, exchange an invite code there for permits, make it the home relay.
    UseRelay {
        /// Where it is and which key it has.
        relay: RelayAddress,
        /// A code of its operator, if it asks for one.
        code: Option<InviteCode>,
        /// Whether new mailboxes are made here from now on.
        home: bool,
    },
    /// Make an invitation; `InvitationReady` follows once the relay has it.
    CreateInvitation {
        /// Where its mailbox will be.
        relay: RelayAddress,
        /// 1 to 90 days.
        expires_in_days: u32,
        /// A reminder for oneself, at most 256 bytes; it never leaves the device.
        note: String,
    },
    /// Make an invitation that was not used yet invalid.
    WithdrawInvitation {
        /// Which one.
        invitation: InvitationId,
    },
    /// Answer an invitation somebody sent.
    AcceptInvitation {
        /// The link or QR content.
        link: String,
        /// Words for the other person, at most 500 bytes.
        greeting: String,
    },
    /// Try an accepted invitation again after it failed.
    RetryInvitation {
        /// Which one.
        invitation: InvitationId,
    },
    /// Forget an accepted invitation that failed, or an ended one made here.
    ForgetInvitation {
        /// Which one.
        invitation: InvitationId,
    },
    /// Say yes to a contact request.
    AcceptRequest {
        /// Who asked.
        contact: ContactId,
    },
    /// Say no to a contact request; the other side is told nothing.
    RefuseRequest {
        /// Who asked.
        contact: ContactId,
    },
    /// Send a text.
    SendText {
        /// To whom.
        conversation: ConversationId,
        /// At least one byte, at most what the largest envelope holds ([`crate::MAX_TEXT_LENGTH`]).
        body: String,
    },
    /// Send a failed message again.
    Retry {
        /// In which conversation.
        conversation: ConversationId,
        /// Which row, by its order.
        order: u64,
    },
    /// Everything up to here was seen by the person.
    MarkRead {
        /// In which conversation.
        conversation: ConversationId,
        /// The last row seen.
        up_to: u64,
    },
    /// The person compared safety numbers (or takes that back).
    MarkVerified {
        /// With whom.
        contact: ContactId,
        /// Whether they matched.
        verified: bool,
    },
    /// Call a contact by another name, on this device only.
    Rename {
        /// Whom.
        contact: ContactId,
        /// At most 64 bytes; empty returns to the name they gave themselves.
        name: String,
    },
    /// Forget a contact that is not accepted (a refused or failed one), with its conversation.
    ForgetContact {
        /// Whom.
        contact: ContactId,
    },
}

impl fmt::Debug for Command {
    /// The name of the command only: what is in it is the person's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateProfile { .. } => "CreateProfile",
            Self::SetName { .. } => "SetName",
            Self::UseRelay { .. } => "UseRelay",
            Self::CreateInvitation { .. } => "CreateInvitation",
            Self::WithdrawInvitation { .. } => "WithdrawInvitation",
            Self::AcceptInvitation { .. } => "AcceptInvitation",
            Self::RetryInvitation { .. } => "RetryInvitation",
            Self::ForgetInvitation { .. } => "ForgetInvitation",
            Self::AcceptRequest { .. } => "AcceptRequest",
            Self::RefuseRequest { .. } => "RefuseRequest",
            Self::SendText { .. } => "SendText",
            Self::Retry { .. } => "Retry",
            Self::MarkRead { .. } => "MarkRead",
            Self::MarkVerified { .. } => "MarkVerified",
            Self::Rename { .. } => "Rename",
            Self::ForgetContact { .. } => "ForgetContact",
        })
    }
}

/// A relay's answer to a job, as far as the engine has to decide something.
#[derive(Debug)]
#[non_exhaustive]
pub enum JobReply {
    /// A submitted envelope is on the relay's disk.
    Accepted,
    /// The claimed bundle.
    Bundle(SealedBundle),
    /// The mailbox exists and is ours.
    Created,
    /// The mailbox is gone; a permit may have come back.
    Deleted(Option<Permit>),
    /// The target's queue is full; the dispatcher goes on trying.
    Full,
    /// Unknown, deleted, expired or blocked: the relay does not say which.
    Gone,
    /// The relay wants a permit that it has not given out, or the one shown was spent.
    NotPermitted,
    /// What an invite code was worth.
    Permits(Vec<Permit>),
    /// The bundles are in the pool.
    Published,
    /// The relay refuses the request as such; repeating it will not help.
    Refused(Refusal),
}
