//! What a sealed envelope holds: the sender's certificate and a message, optionally padded to a fixed size.
//!
//! Not its concern: the encryption around it ([`super::v1`], [`super::v2`]) and the message inside.
//!
//! Spec: Signal protocol 10.3 UnidentifiedSenderMessageContent (USMC).

use std::fmt;

use prost::Message;

use super::{OpenError, SenderCertificate};
use crate::message::MessageType;

/// What a recipient that cannot decrypt the content should do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ContentHint {
    /// The sender will not resend: report the failure now.
    #[default]
    Default,
    /// The sender can resend on request: delay the report.
    Resendable,
    /// The person did not trigger this message: report nothing.
    Implicit,
    /// Of a newer version; the number. Handle like [`ContentHint::Default`].
    Unknown(u32),
}

impl ContentHint {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Default => 0,
            Self::Resendable => 1,
            Self::Implicit => 2,
            Self::Unknown(number) => number,
        }
    }

    /// From the number on the wire; every number is kept.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Default,
            1 => Self::Resendable,
            2 => Self::Implicit,
            number => Self::Unknown(number),
        }
    }
}

/// The plaintext of a sealed envelope: who sent it, and a message.
///
/// `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedContent {
    /// What kind of message `content` is.
    pub message_type: MessageType,
    /// The sender, if the certificate holds.
    pub certificate: SenderCertificate,
    /// The serialized message.
    pub content: Vec<u8>,
    /// What to do when it cannot be decrypted.
    pub hint: ContentHint,
    /// The group it belongs to. Empty is the same as absent.
    pub group_id: Option<Vec<u8>>,
}

impl SealedContent {
    /// How many bytes padding takes at the least: its key of two bytes and its length of three.
    pub const PADDING_OVERHEAD: usize = 5;

    /// The bytes to seal, without padding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.to_proto().encode_to_vec()
    }

    /// The length of [`SealedContent::encode`] in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.to_proto().encoded_len()
    }

    /// The bytes to seal, filled up to exactly `total` bytes; `None` when they do not fit.
    ///
    /// The padding is an unknown field, which every recipient skips: its key in two bytes, its length always in three
    /// (so that every size can be reached exactly), then zeros. It takes [`SealedContent::PADDING_OVERHEAD`] bytes at the
    /// least, and 2 MiB at the most.
    #[must_use]
    pub fn encode_padded(&self, total: usize) -> Option<Vec<u8>> {
        let content = self.encode();
        let zeros = total.checked_sub(content.len())?.checked_sub(Self::PADDING_OVERHEAD)?;
        let [key_low, key_high] = PADDING_KEY;
        let [low, middle, high] = varint_of_three(zeros)?;
        let mut padded = content;
        padded.reserve_exact(total - padded.len());
        padded.extend_from_slice(&[key_low, key_high, low, middle, high]);
        padded.resize(total, 0);
        Some(padded)
    }

    /// Reads what an envelope held. The certificate is decoded and not verified.
    ///
    /// # Errors
    /// [`OpenError::InvalidProtobufEncoding`], then those of [`SenderCertificate::decode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, OpenError> {
        let proto = UnidentifiedSenderMessageContent::decode(bytes)?;
        let (Some(number), Some(certificate), Some(content)) =
            (proto.message_type, proto.sender_certificate, proto.content)
        else {
            return Err(OpenError::InvalidProtobufEncoding);
        };
        let message_type = type_from_number(number).ok_or(OpenError::InvalidProtobufEncoding)?;
        Ok(Self {
            message_type,
            certificate: SenderCertificate::decode(&certificate)?,
            content,
            hint: ContentHint::from_number(proto.content_hint.unwrap_or(0).cast_unsigned()),
            group_id: proto.group_id.filter(|id| !id.is_empty()),
        })
    }

    fn to_proto(&self) -> UnidentifiedSenderMessageContent {
        UnidentifiedSenderMessageContent {
            message_type: Some(number_from_type(self.message_type)),
            sender_certificate: Some(self.certificate.encode().to_vec()),
            content: Some(self.content.clone()),
            content_hint: Some(self.hint.number().cast_signed()).filter(|hint| *hint != 0),
            group_id: self.group_id.clone().filter(|id| !id.is_empty()),
        }
    }
}

impl fmt::Debug for SealedContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedContent(..)")
    }
}

/// Key of field 100 with wire type 2 (bytes): `100 << 3 | 2`, as varint.
const PADDING_KEY: [u8; 2] = [0xA2, 0x06];

/// A varint that takes three bytes even when fewer would do; `None` from 2^21.
fn varint_of_three(value: usize) -> Option<[u8; 3]> {
    let group = |shift: u32| u8::try_from((value >> shift) & 0x7F).ok();
    if value >= 1 << 21 {
        return None;
    }
    Some([group(0)? | 0x80, group(7)? | 0x80, group(14)?])
}

/// PreKey is 1 here, and 3 everywhere else.
const fn number_from_type(message_type: MessageType) -> i32 {
    match message_type {
        MessageType::PreKey => 1,
        MessageType::Whisper => 2,
        MessageType::SenderKey => 7,
        MessageType::Plaintext => 8,
    }
}

const fn type_from_number(number: i32) -> Option<MessageType> {
    match number {
        1 => Some(MessageType::PreKey),
        2 => Some(MessageType::Whisper),
        7 => Some(MessageType::SenderKey),
        8 => Some(MessageType::Plaintext),
        _ => None,
    }
}

/// Wire form. Enums are `int32` so that unknown numbers survive.
#[derive(Clone, PartialEq, prost::Message)]
struct UnidentifiedSenderMessageContent {
    #[prost(int32, optional, tag = "1")]
    message_type: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "2")]
    sender_certificate: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    content: Option<Vec<u8>>,
    #[prost(int32, optional, tag = "4")]
    content_hint: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "5")]
    group_id: Option<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::super::testing::Sender;
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_content() {
        insta::assert_snapshot!(format!("{:?}", Sender::new(1).content(b"text")), @"SealedContent(..)");
    }

    #[test]
    fn content_reads_back_equal() {
        let mut content = Sender::new(2).content(b"text");
        for message_type in
            [MessageType::PreKey, MessageType::Whisper, MessageType::SenderKey, MessageType::Plaintext]
        {
            for number in [0, 1, 2, 42, u32::MAX] {
                content.message_type = message_type;
                content.hint = ContentHint::from_number(number);
                assert_eq!(content.hint.number(), number);
                let encoded = content.encode();
                assert_eq!(encoded.len(), content.encoded_len());
                assert_eq!(SealedContent::decode(&encoded).unwrap(), content);
            }
        }
    }

    #[test]
    fn an_empty_group_is_no_group() {
        let mut content = Sender::new(3).content(b"text");
        let without = content.encode();
        content.group_id = Some(Vec::new());
        assert_eq!(content.encode(), without);
        content.group_id = Some(vec![7]);
        assert_eq!(content.encode()[without.len()..], [0x2A, 1, 7]);
    }

    #[test]
    fn padded_content_has_the_very_size_and_reads_back() {
        let content = Sender::new(4).content(b"text");
        let length = content.encoded_len();
        for zeros in [0, 1, 2, 126, 127, 128, 129, 16_383, 16_384, 16_385, 65_000, (1 << 21) - 1] {
            let total = length + SealedContent::PADDING_OVERHEAD + zeros;
            let padded = content.encode_padded(total).unwrap();
            assert_eq!(padded.len(), total);
            assert!(padded[total - zeros..].iter().all(|byte| *byte == 0));
            assert_eq!(SealedContent::decode(&padded).unwrap(), content);
        }
        assert!(content.encode_padded(length + SealedContent::PADDING_OVERHEAD + (1 << 21)).is_none());
    }

    #[test]
    fn content_that_leaves_no_room_for_padding_does_not_fit() {
        let content = Sender::new(5).content(b"text");
        for missing in 1..=SealedContent::PADDING_OVERHEAD + 1 {
            let total = content.encoded_len() + SealedContent::PADDING_OVERHEAD - missing;
            assert!(content.encode_padded(total).is_none());
        }
        assert!(content.encode_padded(0).is_none());
    }

    #[test]
    fn the_largest_content_fills_each_envelope_size() {
        for envelope in [3_968, 8_064, 16_256, 32_640, 65_408] {
            let total = envelope - super::super::v2::OVERHEAD - 1;
            let mut content = Sender::new(6).content(&vec![1; envelope]);
            let excess = content.encoded_len() + SealedContent::PADDING_OVERHEAD - total;
            content.content.truncate(envelope - excess);
            // Shortening may shorten the length field as well; grow until nothing more fits.
            while content.encode_padded(total).is_some() {
                content.content.push(1);
            }
            content.content.pop();
            let padded = content.encode_padded(total).unwrap();
            assert_eq!(padded.len(), total);
            assert_eq!(SealedContent::decode(&padded).unwrap(), content);
        }
    }
}
