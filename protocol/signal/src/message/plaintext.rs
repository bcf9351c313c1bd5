//! PlaintextContent and DecryptionErrorMessage: asking, unencrypted, for a message to be sent again.
//!
//! Not its concern: when to ask, and what the sender then does.

use std::fmt;

use prost::Message as _;

use super::{CiphertextMessage, MessageError, MessageType};
use crate::{Timestamp, crypto::PublicKey};

/// First byte of plaintext content, so that nothing encrypted is ever taken for it.
const PLAINTEXT_MARK: u8 = 0xC0;
/// Ends the (always empty) padding.
const PADDING_BOUNDARY: u8 = 0x80;

/// Content that is deliberately not encrypted: a request to send again.
///
/// Spec: Signal protocol 7.6 PlaintextContent and DecryptionErrorMessage.
#[derive(Clone, PartialEq, Eq)]
pub struct PlaintextContent(Vec<u8>);

impl PlaintextContent {
    /// Parses the outer form; the body is not looked at.
    ///
    /// # Errors
    ///
    /// Empty, or without the mark.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        match bytes.first() {
            None => Err(MessageError::CiphertextMessageTooShort(0)),
            Some(&PLAINTEXT_MARK) => Ok(Self(bytes.to_vec())),
            Some(&other) => Err(MessageError::UnrecognizedMessageVersion(other)),
        }
    }

    /// The bytes for the wire.
    #[must_use]
    pub fn serialize(&self) -> &[u8] {
        &self.0
    }

    /// Everything after the mark.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.0.split_first().map_or(&[], |(_, body)| body)
    }
}

impl fmt::Debug for PlaintextContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlaintextContent(..)")
    }
}

impl From<&DecryptionErrorMessage> for PlaintextContent {
    fn from(message: &DecryptionErrorMessage) -> Self {
        let content = Content { decryption_error_message: Some(message.encode()), ..Content::default() };
        let mut bytes = vec![PLAINTEXT_MARK];
        bytes.extend_from_slice(&content.encode_to_vec());
        bytes.push(PADDING_BOUNDARY);
        Self(bytes)
    }
}

/// Says which message could not be decrypted.
///
/// Spec: Signal protocol 7.6 PlaintextContent and DecryptionErrorMessage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecryptionErrorMessage {
    ratchet_key: Option<PublicKey>,
    timestamp: Timestamp,
    device_id: u32,
}

impl DecryptionErrorMessage {
    /// For a message that failed: its type and bytes, when it was sent, and by which device.
    ///
    /// # Errors
    ///
    /// [`MessageError::InvalidArgument`] for plaintext, which cannot fail; those of parsing for a session's message.
    pub fn for_message(
        original_type: MessageType,
        original: &[u8],
        timestamp: Timestamp,
        device_id: u32,
    ) -> Result<Self, MessageError> {
        let ratchet_key = match original_type {
            MessageType::Whisper | MessageType::PreKey => {
                let message = CiphertextMessage::decode(original_type, original)?;
                Some(*message.signal_message().ratchet_key())
            }
            MessageType::SenderKey => None,
            MessageType::Plaintext => {
                return Err(MessageError::InvalidArgument("plaintext needs no decryption"));
            }
        };
        Ok(Self { ratchet_key, timestamp, device_id })
    }

    /// Parses a message.
    ///
    /// # Errors
    ///
    /// Undecodable or without a timestamp, or a ratchet key that is no key.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let fields = Fields::decode(bytes)?;
        let timestamp = fields.timestamp.ok_or(MessageError::InvalidProtobufEncoding)?;
        let ratchet_key = fields.ratchet_key.as_deref().map(PublicKey::deserialize).transpose()?;
        Ok(Self {
            ratchet_key,
            timestamp: Timestamp::from_millis(timestamp),
            device_id: fields.device_id.unwrap_or(0),
        })
    }

    /// Extracts the message from the body of a [`PlaintextContent`].
    ///
    /// # Errors
    ///
    /// No padding boundary at the end or undecodable; [`MessageError::InvalidArgument`] if the content holds no such
    /// message; those of [`DecryptionErrorMessage::decode`].
    pub fn from_body(body: &[u8]) -> Result<Self, MessageError> {
        let content = match body.split_last() {
            Some((&PADDING_BOUNDARY, content)) => Content::decode(content)?,
            _ => return Err(MessageError::InvalidProtobufEncoding),
        };
        let message = content
            .decryption_error_message
            .ok_or(MessageError::InvalidArgument("the content holds no decryption error message"))?;
        Self::decode(&message)
    }

    /// The bytes that go into a [`PlaintextContent`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Fields {
            ratchet_key: self.ratchet_key.as_ref().map(|key| key.serialize().to_vec()),
            timestamp: Some(self.timestamp.as_millis()),
            device_id: Some(self.device_id),
        }
        .encode_to_vec()
    }

    /// The ratchet key of the message that failed; none for a group's.
    #[must_use]
    pub fn ratchet_key(&self) -> Option<&PublicKey> {
        self.ratchet_key.as_ref()
    }

    /// When the message that failed was sent.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The device that sent the message that failed; as received, 0 if absent.
    #[must_use]
    pub fn device_id(&self) -> u32 {
        self.device_id
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct Fields {
    #[prost(bytes = "vec", optional, tag = "1")]
    ratchet_key: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "2")]
    timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "3")]
    device_id: Option<u32>,
}

/// Fields 1 to 7 are named only so that a wrong wire type in them is an error, as it is for everyone else.
#[derive(Clone, PartialEq, prost::Message)]
struct Content {
    #[prost(bytes = "vec", optional, tag = "1")]
    data: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    sync: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    call: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "4")]
    null: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    receipt: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "6")]
    typing: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "7")]
    sender_key_distribution: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "8")]
    decryption_error_message: Option<Vec<u8>>,
}
