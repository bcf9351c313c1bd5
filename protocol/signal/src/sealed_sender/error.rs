//! Why sealing, opening, splitting or decrypting a sealed envelope failed.
//!
//! Not its concern: certificates, which have [`CertificateError`].

use super::CertificateError;
use crate::address::{ProtocolAddress, RegistrationId};
use crate::crypto::KeyError;
use crate::error_class::{ErrorClass, ErrorKind};

/// Why an envelope did not open. Acknowledge and drop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Not decodable, or something that must be there is missing.
    #[error("malformed sealed message")]
    InvalidProtobufEncoding,
    /// Not sealed for this identity, changed on the way, or the sender is not who the certificate names.
    #[error("sealed message does not open")]
    InvalidSealedSenderMessage,
    /// A version we do not speak.
    #[error("unknown sealed sender version {0}")]
    UnknownSealedSenderVersion(u8),
    /// A key in the envelope is none, or agrees to nothing.
    #[error("sealed message with a bad key")]
    Key(#[from] KeyError),
    /// It opened, but the certificate inside is none.
    #[error("sealed message with a bad certificate")]
    Certificate(#[from] CertificateError),
}

impl OpenError {
    /// Whose fault it is: the envelope came from the peer.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::Peer
    }

    /// The class in the interoperability protocol.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::InvalidProtobufEncoding => ErrorClass::Malformed,
            Self::InvalidSealedSenderMessage => ErrorClass::SealedSenderInvalid,
            Self::UnknownSealedSenderVersion(_) => ErrorClass::SealedSenderUnknownVersion,
            Self::Key(error) => error.class(),
            Self::Certificate(error) => error.class(),
        }
    }
}

impl From<prost::DecodeError> for OpenError {
    fn from(_: prost::DecodeError) -> Self {
        Self::InvalidProtobufEncoding
    }
}

/// Why content could not be sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// A recipient's key agrees to nothing. Do not send to this identity.
    #[error("recipient with a bad key")]
    Key(#[from] KeyError),
    /// No session, or no identity key, is known for this address. Start a session first.
    #[error("no session with a recipient")]
    SessionNotFound(ProtocolAddress),
    /// The session with this address has no current state. Start a new one.
    #[error("no current session with a recipient")]
    InvalidState(ProtocolAddress),
    /// The address is not a service id, which version 2 needs. A defect of the caller.
    #[error("recipient that is no service id")]
    InvalidArgument(ProtocolAddress),
    /// The registration id does not fit 14 bits. Send to this device with [`super::v1`] or alone.
    #[error("registration id of a recipient does not fit 14 bits")]
    InvalidRegistrationId(ProtocolAddress, RegistrationId),
    /// The content is longer than the cipher can seal (64 GiB). A defect of the caller.
    #[error("content too long to seal")]
    TooLong,
}

impl SealError {
    /// Whose fault it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Key(_) | Self::InvalidRegistrationId(..) => ErrorKind::Peer,
            Self::SessionNotFound(_) | Self::InvalidState(_) | Self::InvalidArgument(_) | Self::TooLong => {
                ErrorKind::Caller
            }
        }
    }

    /// The class in the interoperability protocol.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Key(error) => error.class(),
            Self::SessionNotFound(_) => ErrorClass::NoSession,
            Self::InvalidState(_) => ErrorClass::InvalidState,
            Self::InvalidArgument(_) | Self::TooLong => ErrorClass::InvalidArgument,
            Self::InvalidRegistrationId(..) => ErrorClass::InvalidRegistrationId,
        }
    }
}

/// Why a message to many could not be split. Refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// Truncated, or a field out of range.
    #[error("malformed message to many")]
    InvalidProtobufEncoding,
    /// Empty, or a recipient both included and excluded.
    #[error("inconsistent message to many")]
    InvalidSealedSenderMessage,
    /// A version that is not one of a message to many.
    #[error("unknown version byte {0:#04x}")]
    UnknownSealedSenderVersion(u8),
}

impl SplitError {
    /// Whose fault it is: the message came from the peer.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::Peer
    }

    /// The class in the interoperability protocol.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::InvalidProtobufEncoding => ErrorClass::Malformed,
            Self::InvalidSealedSenderMessage => ErrorClass::SealedSenderInvalid,
            Self::UnknownSealedSenderVersion(_) => ErrorClass::SealedSenderUnknownVersion,
        }
    }
}
