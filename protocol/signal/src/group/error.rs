//! What can go wrong with a sender key, one enum per act. The variants have the names of the specification.
//!
//! Not its concern: errors of parsing a message ([`crate::MessageError`]) or a stored record ([`crate::DecodeError`]).
//!
//! Spec: Signal protocol 12.2 Error conditions.

use crate::{ErrorClass, ErrorKind, MessageType};

/// Why a sender key was not handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DistributeError {
    /// The record is empty, or its newest chain cannot be read. Generate a new sender key.
    #[error("there is no sender key to hand out")]
    InvalidSenderKeySession,
}

impl DistributeError {
    /// Whose fault it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidSenderKeySession => ErrorKind::Caller,
        }
    }

    /// The class in the interoperability protocol.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::InvalidSenderKeySession => ErrorClass::InvalidSenderKey,
        }
    }
}

/// Why nothing was encrypted for the group. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupEncryptError {
    /// The record is empty, or its newest chain is another's or cannot be read. Generate a new sender key and hand it
    /// out.
    #[error("there is no sender key to send with")]
    InvalidSenderKeySession,
    /// The chain is used up. Generate a new sender key and hand it out.
    #[error("the sender key cannot send: {0}")]
    InvalidState(&'static str),
}

impl GroupEncryptError {
    /// Whose fault it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidSenderKeySession => ErrorKind::Caller,
            Self::InvalidState(_) => ErrorKind::Environment,
        }
    }

    /// The class in the interoperability protocol.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::InvalidSenderKeySession => ErrorClass::InvalidSenderKey,
            Self::InvalidState(_) => ErrorClass::InvalidState,
        }
    }
}

/// Why a message of a group was not decrypted. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupDecryptError {
    /// The sender has not handed us this key, or it is one too old to be kept. Keep the message and ask for the key.
    #[error("unknown sender key")]
    NoSenderKeyState,
    /// The stored key cannot be read. Ask for it again; processing the answer replaces it.
    #[error("the sender key cannot be read")]
    InvalidSenderKeySession,
    /// The message is of another version than its key; holds the message's.
    #[error("message version {0} is not that of the sender key")]
    UnrecognizedMessageVersion(u8),
    /// Not signed by the holder of the signing key: changed on the way, or written by another reader of the key.
    #[error("the signature of the message does not hold")]
    SignatureValidationFailed,
    /// The message's key was used before, is no longer kept, or lies before where the sender key was handed out.
    /// Acknowledge and drop the message.
    #[error("the message was decrypted before (chain at {chain_index}, message {counter})")]
    DuplicatedMessage {
        /// Iteration the chain stands at.
        chain_index: u32,
        /// Iteration of the message.
        counter: u32,
    },
    /// More than 25,000 messages ahead, or signed but not decryptable.
    #[error("the message is invalid")]
    InvalidMessage(MessageType),
    /// The message is the last its chain could ever have, which cannot be used.
    #[error("the sender key cannot receive: {0}")]
    InvalidState(&'static str),
}

impl GroupDecryptError {
    /// Whose fault it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidSenderKeySession => ErrorKind::Environment,
            _ => ErrorKind::Peer,
        }
    }

    /// The class in the interoperability protocol.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::NoSenderKeyState => ErrorClass::NoSenderKey,
            Self::InvalidSenderKeySession => ErrorClass::InvalidSenderKey,
            Self::UnrecognizedMessageVersion(_) => ErrorClass::UnknownVersion,
            Self::SignatureValidationFailed => ErrorClass::InvalidSignature,
            Self::DuplicatedMessage { .. } => ErrorClass::DuplicateMessage,
            Self::InvalidMessage(_) => ErrorClass::InvalidMessage,
            Self::InvalidState(_) => ErrorClass::InvalidState,
        }
    }
}
