//! What can go wrong with a session, one enum per act.
//!
//! Not its concern: errors of parsing a message ([`crate::MessageError`]) or a bundle ([`crate::BundleError`]).

use crate::{BundleError, ErrorClass, ErrorKind, KeyError, MessageType};

/// An error of the caller's store, passed through unchanged.
#[derive(Debug, thiserror::Error)]
#[error("the store failed")]
pub struct StoreError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl StoreError {
    /// Wraps an error of the store.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// Why no session could be started. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The bundle names another identity key than the one trusted for this address. Ask the person.
    #[error("the identity key of the bundle is not trusted")]
    UntrustedIdentity,
    /// The bundle is malformed or not signed by its identity key. Fetch another one.
    #[error("the bundle is not acceptable")]
    Bundle(#[from] BundleError),
    /// A key of the bundle contributes nothing to the agreement. Fetch another bundle.
    #[error("a key of the bundle is not usable")]
    Key(#[from] KeyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StartError {
    /// Whose fault it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::UntrustedIdentity | Self::Bundle(_) | Self::Key(_) => ErrorKind::Peer,
            Self::Store(_) => ErrorKind::Environment,
        }
    }

    /// The class in the interoperability protocol.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::UntrustedIdentity => ErrorClass::UntrustedIdentity,
            Self::Bundle(error) => error.class(),
            Self::Key(error) => error.class(),
            Self::Store(_) => ErrorClass::Internal,
        }
    }
}

/// Why nothing was encrypted. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// No current session, or one the other side has not acknowledged for over 30 days. Start one from a bundle.
    #[error("there is no session to send with")]
    SessionNotFound,
    /// The stored session cannot be read. Start a new one.
    #[error("the session cannot be read")]
    InvalidSession,
    /// The session is used up or damaged. Start a new one.
    #[error("the session cannot send: {0}")]
    InvalidState(&'static str),
    /// The session is with another identity key than the one trusted for this address. Ask the person.
    #[error("the identity key of the session is not trusted")]
    UntrustedIdentity,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EncryptError {
    /// Whose fault it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::SessionNotFound | Self::UntrustedIdentity => ErrorKind::Caller,
            Self::InvalidSession | Self::InvalidState(_) | Self::Store(_) => ErrorKind::Environment,
        }
    }

    /// The class in the interoperability protocol.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::SessionNotFound => ErrorClass::NoSession,
            Self::InvalidSession => ErrorClass::InvalidSession,
            Self::InvalidState(_) => ErrorClass::InvalidState,
            Self::UntrustedIdentity => ErrorClass::UntrustedIdentity,
            Self::Store(_) => ErrorClass::Internal,
        }
    }
}

/// Why a message was not decrypted. Nothing was changed: no session, no identity, no prekey.
///
/// Spec: Signal protocol 12.2 Error conditions; the variants have its names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// The message's key was used before or is no longer kept. Acknowledge and drop the message.
    #[error("the message was decrypted before (chain at {chain_index}, message {counter})")]
    DuplicatedMessage {
        /// Index the chain stands at.
        chain_index: u32,
        /// Index of the message.
        counter: u32,
    },
    /// No session opens the message, or its header is not acceptable. Why exactly is deliberately not said.
    #[error("the message is invalid")]
    InvalidMessage(MessageType),
    /// No session with the sender. Ask for a new start.
    #[error("there is no session with the sender")]
    SessionNotFound,
    /// A stored session that may be the one cannot be read.
    #[error("the session cannot be read")]
    InvalidSession,
    /// The sender's identity key is not the one trusted for this address. Keep the message and ask the person.
    #[error("the identity key of the sender is not trusted")]
    UntrustedIdentity,
    /// The message names a one-time prekey we do not have (any more).
    #[error("unknown one-time prekey")]
    InvalidPreKeyId,
    /// The message names a signed prekey we do not have (any more).
    #[error("unknown signed prekey")]
    InvalidSignedPreKeyId,
    /// The message names a Kyber prekey we do not have (any more).
    #[error("unknown Kyber prekey")]
    InvalidKyberPreKeyId,
    /// A key of the message is not usable, or its KEM ciphertext is none.
    #[error("a key of the message is not usable")]
    Key(#[from] KeyError),
    /// The store failed. Try again later.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DecryptError {
    /// Whose fault it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidSession | Self::Store(_) => ErrorKind::Environment,
            _ => ErrorKind::Peer,
        }
    }

    /// The class in the interoperability protocol.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::DuplicatedMessage { .. } => ErrorClass::DuplicateMessage,
            Self::InvalidMessage(_) => ErrorClass::InvalidMessage,
            Self::SessionNotFound => ErrorClass::NoSession,
            Self::InvalidSession => ErrorClass::InvalidSession,
            Self::UntrustedIdentity => ErrorClass::UntrustedIdentity,
            Self::InvalidPreKeyId => ErrorClass::InvalidPreKeyId,
            Self::InvalidSignedPreKeyId => ErrorClass::InvalidSignedPreKeyId,
            Self::InvalidKyberPreKeyId => ErrorClass::InvalidKyberPreKeyId,
            Self::Key(error) => error.class(),
            Self::Store(_) => ErrorClass::Internal,
        }
    }
}
