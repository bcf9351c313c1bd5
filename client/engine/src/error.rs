//! Why a step could not be made.
//!
//! What peers and relays do wrong is never an error of a step: it is counted and dropped (`drops`).

use khaima_wire::InvitationError;

use crate::store::RecordKind;

/// Why there is no step. Nothing was changed; the input may be given again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The command cannot be done; tell the person why.
    #[error("the command cannot be done: {0}")]
    Command(#[from] CommandError),
    /// A stored record does not read as what it should be. A bug of ours or a damaged store; stop and say so.
    #[error("a stored record of kind {0:?} is damaged")]
    Damaged(RecordKind),
    /// Something that cannot happen did. A bug of ours.
    #[error("internal error: {0}")]
    Internal(&'static str),
    /// The store could not be read. Nothing is known about its content; stop and say so.
    #[error("the store cannot be read")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Whose fault an [`EngineError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A bug of ours.
    Bug,
    /// The command does not fit the state of things, or its content is out of bounds.
    Caller,
    /// The store.
    Environment,
}

impl EngineError {
    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Command(_) => ErrorKind::Caller,
            Self::Internal(_) => ErrorKind::Bug,
            Self::Damaged(_) | Self::Store(_) => ErrorKind::Environment,
        }
    }
}

/// Why a command is refused. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// This link was accepted before.
    #[error("this invitation was accepted before")]
    AlreadyAccepted,
    /// The person behind the invitation is a contact already.
    #[error("this person is a contact already")]
    AlreadyKnown,
    /// There is an identity in this store already.
    #[error("there is a profile already")]
    AlreadyProfile,
    /// 1 to 90 days.
    #[error("an invitation lasts 1 to 90 days")]
    ExpiryOutOfRange,
    /// The text is not a usable invitation.
    #[error("not a usable invitation: {0}")]
    Invitation(InvitationError),
    /// The invitation is not in a state in which this can be done.
    #[error("this cannot be done with the invitation as it is")]
    InvitationState,
    /// There is no profile yet.
    #[error("there is no profile yet")]
    NoProfile,
    /// The contact has not accepted yet, or was not accepted.
    #[error("the contact is not accepted")]
    NotAccepted,
    /// No such contact, conversation, invitation or message.
    #[error("there is no such thing")]
    NotFound,
    /// Only failed messages can be sent again.
    #[error("the message did not fail")]
    NotFailed,
    /// One cannot accept an own invitation.
    #[error("this is your own invitation")]
    OwnInvitation,
    /// Text is empty where it may not be.
    #[error("there is no text")]
    TextEmpty,
    /// Text is longer than it may be.
    #[error("the text has {length} bytes, {limit} are possible")]
    TextTooLong {
        /// Its bytes.
        length: usize,
        /// Bytes possible.
        limit: usize,
    },
}
