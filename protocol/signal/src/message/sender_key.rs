//! The two messages of a sender key: the one that hands it out, and those encrypted under it.
//!
//! Not its concern: keeping sender keys, and who is a member of a group.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use prost::Message as _;
use rand_core::CryptoRng;
use uuid::Uuid;
use zeroize::{Zeroize as _, Zeroizing};

use super::{MessageError, checked_version, version_byte};
use crate::{
    PrivateKey, PublicKey, Secret, Signature,
    address::{AddressError, parse_uuid},
};

/// The version of every sender key.
pub(crate) const SENDER_KEY_VERSION: u8 = 3;
const ACCEPTED_VERSIONS: RangeInclusive<u8> = SENDER_KEY_VERSION..=SENDER_KEY_VERSION;
/// What a distribution message has at least after its version byte. Nothing that short has all its fields.
const MIN_DISTRIBUTION_FIELDS: usize = 64;

/// Names a sender key among those of its sender: a UUID, 16 bytes.
///
/// Every UUID is acceptable. `Display` gives the hyphenated form in lower case; `Debug` shows nothing, because the id
/// tells which group a message is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DistributionId([u8; Self::LENGTH]);

impl DistributionId {
    /// Length in bytes.
    pub const LENGTH: usize = 16;

    /// From its 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// From a field of a message; `None` for any other length.
    fn from_field(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for DistributionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_bytes(self.0).as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for DistributionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DistributionId(..)")
    }
}

impl FromStr for DistributionId {
    type Err = AddressError;

    /// Reads a hyphenated UUID of 36 characters in either case; [`AddressError::InvalidDistributionId`] for all else.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse_uuid(text).map(Self).ok_or(AddressError::InvalidDistributionId)
    }
}

/// One message under a sender key: version, protobuf, and a signature of both.
///
/// Holds the bytes as received, which the signature covers. Decoded is not authentic.
///
/// Spec: Signal protocol 7.4 SenderKeyMessage.
#[derive(Clone, PartialEq, Eq)]
pub struct SenderKeyMessage {
    serialized: Vec<u8>,
    version: u8,
    distribution_id: DistributionId,
    chain_id: u32,
    iteration: u32,
    ciphertext: Vec<u8>,
}

impl SenderKeyMessage {
    /// Builds and signs a message of the current version.
    pub(crate) fn new<R: CryptoRng + ?Sized>(
        distribution_id: DistributionId,
        chain_id: u32,
        iteration: u32,
        ciphertext: Vec<u8>,
        signing_key: &PrivateKey,
        rng: &mut R,
    ) -> Self {
        let fields = MessageFields {
            distribution_id: Some(distribution_id.0.to_vec()),
            chain_id: Some(chain_id),
            iteration: Some(iteration),
            ciphertext: Some(ciphertext),
        };
        let mut serialized = Vec::with_capacity(1 + fields.encoded_len() + Signature::LENGTH);
        serialized.push(version_byte(SENDER_KEY_VERSION));
        serialized.extend_from_slice(&fields.encode_to_vec());
        let signature = signing_key.sign(&[&serialized], rng);
        serialized.extend_from_slice(signature.as_ref());
        Self {
            serialized,
            version: SENDER_KEY_VERSION,
            distribution_id,
            chain_id,
            iteration,
            ciphertext: fields.ciphertext.unwrap_or_default(),
        }
    }

    /// Parses a message. Checks its form, not its signature.
    ///
    /// # Errors
    ///
    /// Fewer than 65 bytes, a version we do not speak, or undecodable, incomplete or with a distribution id that is not
    /// 16 bytes; in this order.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let (first, rest) = match bytes.split_first() {
            Some((first, rest)) if rest.len() >= Signature::LENGTH => (*first, rest),
            _ => return Err(MessageError::CiphertextMessageTooShort(bytes.len())),
        };
        let version = checked_version(first, &ACCEPTED_VERSIONS)?;
        let protobuf =
            rest.split_last_chunk::<{ Signature::LENGTH }>().map_or(rest, |(protobuf, _)| protobuf);
        let fields = MessageFields::decode(protobuf)?;
        let distribution_id = fields.distribution_id.as_deref().and_then(DistributionId::from_field);
        let (Some(distribution_id), Some(chain_id), Some(iteration), Some(ciphertext)) =
            (distribution_id, fields.chain_id, fields.iteration, fields.ciphertext)
        else {
            return Err(MessageError::InvalidProtobufEncoding);
        };
        Ok(Self { serialized: bytes.to_vec(), version, distribution_id, chain_id, iteration, ciphertext })
    }

    /// The bytes for the wire.
    #[must_use]
    pub fn serialize(&self) -> &[u8] {
        &self.serialized
    }

    /// The version in the first byte.
    pub(crate) fn version(&self) -> u8 {
        self.version
    }

    /// Which of the sender's sender keys this message is for.
    #[must_use]
    pub fn distribution_id(&self) -> DistributionId {
        self.distribution_id
    }

    /// Which chain of that sender key: it changes when the key is rotated.
    #[must_use]
    pub fn chain_id(&self) -> u32 {
        self.chain_id
    }

    /// Index of this message in the chain, from 0.
    #[must_use]
    pub fn iteration(&self) -> u32 {
        self.iteration
    }

    /// The encrypted content.
    #[must_use]
    pub fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }

    /// Whether the signature over the bytes as received is this key's.
    pub(crate) fn verify_signature(&self, signing_key: &PublicKey) -> bool {
        let Some((covered, signature)) = self.serialized.split_last_chunk::<{ Signature::LENGTH }>() else {
            return false;
        };
        signing_key.verify(&[covered], signature)
    }
}

impl fmt::Debug for SenderKeyMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SenderKeyMessage(..)")
    }
}

/// Hands out a sender key: whoever has it can read what its sender writes from `iteration` on, until the key is rotated.
///
/// It has no signature of its own and its bytes hold a secret: send it only inside an encrypted message between two
/// devices, one for each member. Wiped on drop.
///
/// Spec: Signal protocol 7.5 SenderKeyDistributionMessage.
#[derive(Clone)]
pub struct SenderKeyDistributionMessage {
    serialized: Zeroizing<Vec<u8>>,
    distribution_id: DistributionId,
    chain_id: u32,
    iteration: u32,
    chain_key: Secret<32>,
    signing_key: PublicKey,
}

impl SenderKeyDistributionMessage {
    /// Builds a message of the current version.
    pub(crate) fn new(
        distribution_id: DistributionId,
        chain_id: u32,
        iteration: u32,
        chain_key: Secret<32>,
        signing_key: PublicKey,
    ) -> Self {
        let fields = DistributionFields {
            distribution_id: Some(distribution_id.0.to_vec()),
            chain_id: Some(chain_id),
            iteration: Some(iteration),
            chain_key: Some(chain_key.expose().to_vec()),
            signing_key: Some(signing_key.serialize().to_vec()),
        };
        let protobuf = Zeroizing::new(fields.encode_to_vec());
        let mut serialized = Zeroizing::new(Vec::with_capacity(1 + protobuf.len()));
        serialized.push(version_byte(SENDER_KEY_VERSION));
        serialized.extend_from_slice(&protobuf);
        Self { serialized, distribution_id, chain_id, iteration, chain_key, signing_key }
    }

    /// Parses a message. Unlike elsewhere, a signing key with bytes after its 33rd is refused.
    ///
    /// # Errors
    ///
    /// Fewer than 65 bytes, a version we do not speak, undecodable, incomplete or with a field of the wrong size
    /// (distribution id 16 bytes, chain key 32, signing key 33), or a signing key that is no key; in this order.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let (first, protobuf) = match bytes.split_first() {
            Some((first, rest)) if rest.len() >= MIN_DISTRIBUTION_FIELDS => (*first, rest),
            _ => return Err(MessageError::CiphertextMessageTooShort(bytes.len())),
        };
        checked_version(first, &ACCEPTED_VERSIONS)?;
        let fields = DistributionFields::decode(protobuf)?;
        let (Some(distribution_id), Some(chain_id), Some(iteration), Some(chain_key), Some(signing_key)) = (
            fields.distribution_id.as_deref().and_then(DistributionId::from_field),
            fields.chain_id,
            fields.iteration,
            fields.chain_key.as_deref().and_then(Secret::from_slice),
            fields.signing_key.as_deref().filter(|key| key.len() == PublicKey::LENGTH),
        ) else {
            return Err(MessageError::InvalidProtobufEncoding);
        };
        let signing_key = PublicKey::deserialize(signing_key)?;
        let serialized = Zeroizing::new(bytes.to_vec());
        Ok(Self { serialized, distribution_id, chain_id, iteration, chain_key, signing_key })
    }

    /// The bytes to be encrypted for each member. They hold the chain key.
    #[must_use]
    pub fn serialize(&self) -> &[u8] {
        &self.serialized
    }

    /// Which of the sender's sender keys this is.
    #[must_use]
    pub fn distribution_id(&self) -> DistributionId {
        self.distribution_id
    }

    /// Names the chain within the sender key; 31 random bits if it comes from a client like this one.
    #[must_use]
    pub fn chain_id(&self) -> u32 {
        self.chain_id
    }

    /// Index of the first message that can be read with this key.
    #[must_use]
    pub fn iteration(&self) -> u32 {
        self.iteration
    }

    /// The chain key at that index.
    #[must_use]
    pub fn chain_key(&self) -> &Secret<32> {
        &self.chain_key
    }

    /// The key that signs the messages of this chain.
    #[must_use]
    pub fn signing_key(&self) -> &PublicKey {
        &self.signing_key
    }
}

impl fmt::Debug for SenderKeyDistributionMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SenderKeyDistributionMessage(..)")
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct MessageFields {
    #[prost(bytes = "vec", optional, tag = "1")]
    distribution_id: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "2")]
    chain_id: Option<u32>,
    #[prost(uint32, optional, tag = "3")]
    iteration: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "4")]
    ciphertext: Option<Vec<u8>>,
}

/// Wiped on drop, also when decoding fails halfway.
#[derive(Clone, PartialEq, prost::Message)]
struct DistributionFields {
    #[prost(bytes = "vec", optional, tag = "1")]
    distribution_id: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "2")]
    chain_id: Option<u32>,
    #[prost(uint32, optional, tag = "3")]
    iteration: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "4")]
    chain_key: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    signing_key: Option<Vec<u8>>,
}

impl Drop for DistributionFields {
    fn drop(&mut self) {
        self.chain_key.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyPair, test_rng};

    const TEXT: &str = "9d0652a3-dcc3-4d11-975f-74d61598733f";

    fn id() -> DistributionId {
        TEXT.parse().unwrap()
    }

    fn distribution() -> SenderKeyDistributionMessage {
        let signing_key = *KeyPair::generate(&mut test_rng(1)).public();
        SenderKeyDistributionMessage::new(id(), 5, 0, Secret::from_bytes([7; 32]), signing_key)
    }

    #[test]
    fn debug_of_messages_and_ids_is_redacted() {
        let message = SenderKeyMessage::new(
            id(),
            5,
            6,
            vec![7; 16],
            KeyPair::generate(&mut test_rng(2)).private(),
            &mut test_rng(3),
        );
        insta::assert_snapshot!(
            format!("{:?} {message:?} {:?}", id(), distribution()),
            @"DistributionId(..) SenderKeyMessage(..) SenderKeyDistributionMessage(..)"
        );
    }

    #[test]
    fn a_distribution_id_reads_back_from_its_text_and_from_no_other_form() {
        assert_eq!(id().to_string(), TEXT);
        assert_eq!(TEXT.to_uppercase().parse(), Ok(id()));
        assert_eq!(id().as_bytes()[..2], [0x9D, 0x06]);
        let simple = TEXT.replace('-', "");
        for other in [&simple, &format!("{{{TEXT}}}"), &format!("urn:uuid:{TEXT}"), "", &format!(" {TEXT}")] {
            assert_eq!(other.parse::<DistributionId>(), Err(AddressError::InvalidDistributionId), "{other}");
        }
    }

    #[test]
    fn zero_is_written_and_every_field_has_its_place() {
        let message = distribution();
        let bytes = message.serialize();
        assert_eq!(bytes[..3], [0x33, 0x0A, 16]);
        assert_eq!(bytes[19..25], [0x10, 5, 0x18, 0, 0x22, 32]);
        assert_eq!(bytes[25..60], [&[7; 32][..], &[0x2A, 33, 0x05]].concat());
        assert_eq!(bytes.len(), 92);
    }

    #[test]
    fn sixty_four_bytes_are_too_short_before_anything_else_is_looked_at() {
        for first in [0x33, 0x23, 0x44] {
            let mut bytes = vec![first; 64];
            let short = MessageError::CiphertextMessageTooShort(64);
            assert_eq!(SenderKeyMessage::decode(&bytes).unwrap_err(), short);
            assert_eq!(SenderKeyDistributionMessage::decode(&bytes).unwrap_err(), short);
            bytes.push(0);
            let error = match first {
                0x23 => MessageError::LegacyCiphertextVersion(2),
                0x44 => MessageError::UnrecognizedCiphertextVersion(4),
                _ => MessageError::InvalidProtobufEncoding,
            };
            assert_eq!(SenderKeyMessage::decode(&bytes).unwrap_err(), error);
            assert_eq!(SenderKeyDistributionMessage::decode(&bytes).unwrap_err(), error);
        }
        assert_eq!(SenderKeyMessage::decode(&[]).unwrap_err(), MessageError::CiphertextMessageTooShort(0));
    }

    #[test]
    fn the_low_nibble_of_the_version_is_ignored_but_signed() {
        let pair = KeyPair::generate(&mut test_rng(4));
        let message = SenderKeyMessage::new(id(), 5, 6, vec![7; 16], pair.private(), &mut test_rng(5));
        assert!(message.verify_signature(pair.public()));
        let mut bytes = message.serialize().to_vec();
        bytes[0] = 0x3F;
        assert!(!SenderKeyMessage::decode(&bytes).unwrap().verify_signature(pair.public()));
        let mut bytes = distribution().serialize().to_vec();
        bytes[0] = 0x30;
        assert!(SenderKeyDistributionMessage::decode(&bytes).is_ok());
    }

    #[test]
    fn a_message_is_signed_over_version_and_fields() {
        let pair = KeyPair::generate(&mut test_rng(6));
        let message = SenderKeyMessage::new(id(), 5, 6, vec![7; 16], pair.private(), &mut test_rng(7));
        for bit in 0..message.serialize().len() * 8 {
            let mut bytes = message.serialize().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let verified =
                SenderKeyMessage::decode(&bytes).is_ok_and(|it| it.verify_signature(pair.public()));
            assert!(!verified, "bit {bit}");
        }
    }
}
