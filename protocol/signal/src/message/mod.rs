//! The messages of the wire and what is checked while they are parsed.
//!
//! ```text
//! CiphertextMessage ── Whisper  SignalMessage        version | protobuf | MAC (8)
//!                   └─ PreKey   PreKeySignalMessage  version | protobuf, a whole SignalMessage inside
//! SenderKeyMessage ──  version | protobuf | signature (64)
//!                      under a key that a SenderKeyDistributionMessage handed out: version | protobuf
//! PlaintextContent ──  0xC0 | Content with a DecryptionErrorMessage | 0x80
//! ```
//!
//! Decoding checks form: lengths, versions, required fields, key encodings. A decoded message is not
//! authentic; only a session or a sender key can say that. Received bytes are kept as they came, because MACs and
//! signatures cover them.
//!
//! Not its concern: keys, sessions and sender keys, and padding of the content.
//!
//! Spec: Signal protocol 7 Wire messages.

mod plaintext;
mod prekey_signal;
mod sender_key;
mod signal;

pub use plaintext::{DecryptionErrorMessage, PlaintextContent};
pub use prekey_signal::PreKeySignalMessage;
pub(crate) use prekey_signal::PreKeySignalParts;
pub(crate) use sender_key::SENDER_KEY_VERSION;
pub use sender_key::{DistributionId, SenderKeyDistributionMessage, SenderKeyMessage};
pub use signal::SignalMessage;
pub(crate) use signal::{ADDRESSES_LENGTH, SignalHeader};

use std::ops::RangeInclusive;

use crate::{ErrorClass, ErrorKind, crypto::KeyError};

/// The version of every session this crate starts, and the only one it can use.
pub const SESSION_VERSION: u8 = 4;
/// The oldest version that still parses: X3DH without a KEM, which cannot start a session.
const OLDEST_VERSION: u8 = 3;
/// The versions of session messages that parse.
const SESSION_VERSIONS: RangeInclusive<u8> = OLDEST_VERSION..=SESSION_VERSION;

/// What a message is, by its number on the transport. Sealed sender numbers PreKey differently.
///
/// Spec: Signal protocol 7.1 Message types and version bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MessageType {
    /// A message of an established session.
    Whisper = 2,
    /// A message that carries what the recipient needs to start the session.
    PreKey = 3,
    /// A message of a group, under a sender key.
    SenderKey = 7,
    /// Deliberate plaintext: a request to send again.
    Plaintext = 8,
}

impl MessageType {
    /// The transport number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// From the transport number; `None` for any other.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            2 => Some(Self::Whisper),
            3 => Some(Self::PreKey),
            7 => Some(Self::SenderKey),
            8 => Some(Self::Plaintext),
            _ => None,
        }
    }
}

/// A message of a session between two devices, in either of its two forms.
#[derive(Clone, Debug)]
pub enum CiphertextMessage {
    /// Of a session the sender knows to be shared.
    Whisper(SignalMessage),
    /// Of a session the recipient may not have yet.
    PreKey(Box<PreKeySignalMessage>),
}

impl CiphertextMessage {
    /// Parses a message of the given type.
    ///
    /// # Errors
    ///
    /// As [`SignalMessage::decode`] and [`PreKeySignalMessage::decode`]; [`MessageError::InvalidArgument`] for a type
    /// that belongs to no session between two devices.
    pub fn decode(message_type: MessageType, bytes: &[u8]) -> Result<Self, MessageError> {
        match message_type {
            MessageType::Whisper => Ok(Self::Whisper(SignalMessage::decode(bytes)?)),
            MessageType::PreKey => Ok(Self::PreKey(Box::new(PreKeySignalMessage::decode(bytes)?))),
            MessageType::SenderKey | MessageType::Plaintext => {
                Err(MessageError::InvalidArgument("not a message of a session"))
            }
        }
    }

    /// The bytes for the wire.
    #[must_use]
    pub fn serialize(&self) -> &[u8] {
        match self {
            Self::Whisper(message) => message.serialize(),
            Self::PreKey(message) => message.serialize(),
        }
    }

    /// Which of the two forms this is.
    #[must_use]
    pub const fn message_type(&self) -> MessageType {
        match self {
            Self::Whisper(_) => MessageType::Whisper,
            Self::PreKey(_) => MessageType::PreKey,
        }
    }

    /// The message itself, without what starts a session.
    #[must_use]
    pub fn signal_message(&self) -> &SignalMessage {
        match self {
            Self::Whisper(message) => message,
            Self::PreKey(message) => message.message(),
        }
    }
}

impl From<SignalMessage> for CiphertextMessage {
    fn from(message: SignalMessage) -> Self {
        Self::Whisper(message)
    }
}

impl From<PreKeySignalMessage> for CiphertextMessage {
    fn from(message: PreKeySignalMessage) -> Self {
        Self::PreKey(Box::new(message))
    }
}

/// Why bytes are no message. Drop them: the same bytes will never parse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Undecodable protobuf, or a required field is missing or of the wrong size.
    #[error("the message is malformed")]
    InvalidProtobufEncoding,
    /// Fewer bytes than this kind of message can have; holds how many there were.
    #[error("the message is too short ({0} bytes)")]
    CiphertextMessageTooShort(usize),
    /// Written by a client too old to talk to; holds its version.
    #[error("message version {0} is no longer supported")]
    LegacyCiphertextVersion(u8),
    /// Written by a client newer than this one; holds its version. An update may help.
    #[error("message version {0} is not known")]
    UnrecognizedCiphertextVersion(u8),
    /// Plaintext content without its mark; holds the byte in its place.
    #[error("content mark {0:#04x} is not known")]
    UnrecognizedMessageVersion(u8),
    /// A key inside the message is no key.
    #[error("the message holds an invalid key")]
    Key(#[from] KeyError),
    /// The fields are present but do not go together.
    #[error("the message is invalid")]
    InvalidMessage(MessageType),
    /// The caller asked for something that makes no sense, or the content holds nothing of the kind.
    #[error("invalid argument: {0}")]
    InvalidArgument(&'static str),
}

impl MessageError {
    /// Whose fault it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidArgument(_) => ErrorKind::Caller,
            _ => ErrorKind::Peer,
        }
    }

    /// The class in the interoperability protocol.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::InvalidProtobufEncoding | Self::CiphertextMessageTooShort(_) => ErrorClass::Malformed,
            Self::LegacyCiphertextVersion(_) => ErrorClass::LegacyVersion,
            Self::UnrecognizedCiphertextVersion(_) | Self::UnrecognizedMessageVersion(_) => {
                ErrorClass::UnknownVersion
            }
            Self::Key(_) => ErrorClass::InvalidKey,
            Self::InvalidMessage(_) => ErrorClass::InvalidMessage,
            Self::InvalidArgument(_) => ErrorClass::InvalidArgument,
        }
    }
}

impl From<prost::DecodeError> for MessageError {
    fn from(_: prost::DecodeError) -> Self {
        Self::InvalidProtobufEncoding
    }
}

/// Appends a protobuf.
pub(crate) fn append(fields: &impl prost::Message, out: &mut Vec<u8>) {
    #[expect(clippy::expect_used, reason = "the only error is a buffer that cannot grow")]
    fields.encode(out).expect("a vector grows");
}

/// The version byte written: the version above, and below the newest of its kind, which is the same.
const fn version_byte(version: u8) -> u8 {
    (version << 4) | version
}

/// The version in the high nibble; the low one is ignored, though covered by MAC or signature.
fn checked_version(byte: u8, accepted: &RangeInclusive<u8>) -> Result<u8, MessageError> {
    match byte >> 4 {
        version if version < *accepted.start() => Err(MessageError::LegacyCiphertextVersion(version)),
        version if version > *accepted.end() => Err(MessageError::UnrecognizedCiphertextVersion(version)),
        version => Ok(version),
    }
}
