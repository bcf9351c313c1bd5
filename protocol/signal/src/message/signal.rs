//! SignalMessage: one encrypted message of a session.
//!
//! Not its concern: deriving the keys it is authenticated with, and decrypting its ciphertext.

use std::fmt;

use prost::Message as _;
use subtle::ConstantTimeEq as _;

use super::{MessageError, SESSION_VERSION, SESSION_VERSIONS, append, checked_version, version_byte};
use crate::{
    Secret,
    crypto::{PublicKey, hmac_key::HmacKey},
    keys::IdentityKey,
};

/// Bytes of the truncated HMAC at the end.
const MAC_LENGTH: usize = 8;
/// The `addresses` field: twice a fixed-width service id (17) and a device id (1).
pub(crate) const ADDRESSES_LENGTH: usize = 36;

/// One message of a session: ratchet key, counters, ciphertext, post-quantum ratchet message, MAC.
///
/// Holds the bytes as received, which the MAC covers. Decoded is not authentic.
///
/// Spec: Signal protocol 7.2 SignalMessage.
#[derive(Clone, PartialEq, Eq)]
pub struct SignalMessage {
    serialized: Vec<u8>,
    version: u8,
    ratchet_key: PublicKey,
    counter: u32,
    previous_counter: u32,
    ciphertext: Vec<u8>,
    pq_ratchet: Vec<u8>,
    addresses: Option<Vec<u8>>,
}

/// What a ratchet step contributes to a message.
pub(crate) struct SignalHeader {
    pub(crate) ratchet_key: PublicKey,
    pub(crate) counter: u32,
    pub(crate) previous_counter: u32,
    /// Empty if the post-quantum ratchet had nothing to say.
    pub(crate) pq_ratchet: Vec<u8>,
}

impl SignalMessage {
    /// Builds and authenticates a message of the current version.
    pub(crate) fn new(
        mac_key: &[u8; 32],
        sender: &IdentityKey,
        receiver: &IdentityKey,
        header: SignalHeader,
        ciphertext: Vec<u8>,
        addresses: Option<[u8; ADDRESSES_LENGTH]>,
    ) -> Self {
        let fields = Fields {
            ratchet_key: Some(header.ratchet_key.serialize().to_vec()),
            counter: Some(header.counter),
            previous_counter: Some(header.previous_counter),
            ciphertext: Some(ciphertext),
            pq_ratchet: Some(header.pq_ratchet).filter(|message| !message.is_empty()),
            addresses: addresses.map(|addresses| addresses.to_vec()),
        };
        let mut serialized = Vec::with_capacity(1 + fields.encoded_len() + MAC_LENGTH);
        serialized.push(version_byte(SESSION_VERSION));
        append(&fields, &mut serialized);
        let mac = mac(mac_key, sender, receiver, &serialized);
        serialized.extend_from_slice(mac.slice::<0, MAC_LENGTH>());
        Self {
            serialized,
            version: SESSION_VERSION,
            ratchet_key: header.ratchet_key,
            counter: header.counter,
            previous_counter: header.previous_counter,
            ciphertext: fields.ciphertext.unwrap_or_default(),
            pq_ratchet: fields.pq_ratchet.unwrap_or_default(),
            addresses: fields.addresses,
        }
    }

    /// Parses a message. Checks its form, not its MAC.
    ///
    /// # Errors
    ///
    /// Too short, a version we do not speak, undecodable or incomplete, or a ratchet key that is no key; in this
    /// order.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let (first, rest) = match bytes.split_first() {
            Some((first, rest)) if rest.len() >= MAC_LENGTH => (*first, rest),
            _ => return Err(MessageError::CiphertextMessageTooShort(bytes.len())),
        };
        let version = checked_version(first, &SESSION_VERSIONS)?;
        let protobuf = rest.split_last_chunk::<MAC_LENGTH>().map_or(rest, |(protobuf, _)| protobuf);
        let fields = Fields::decode(protobuf)?;
        let ratchet_key = fields.ratchet_key.ok_or(MessageError::InvalidProtobufEncoding)?;
        let ratchet_key = PublicKey::deserialize(&ratchet_key)?;
        let counter = fields.counter.ok_or(MessageError::InvalidProtobufEncoding)?;
        let ciphertext = fields.ciphertext.ok_or(MessageError::InvalidProtobufEncoding)?;
        Ok(Self {
            serialized: bytes.to_vec(),
            version,
            ratchet_key,
            counter,
            previous_counter: fields.previous_counter.unwrap_or(0),
            ciphertext,
            pq_ratchet: fields.pq_ratchet.unwrap_or_default(),
            addresses: fields.addresses,
        })
    }

    /// The bytes for the wire.
    #[must_use]
    pub fn serialize(&self) -> &[u8] {
        &self.serialized
    }

    /// The session version this message is for: 3 or 4.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.version
    }

    /// The sender's current ratchet key.
    #[must_use]
    pub fn ratchet_key(&self) -> &PublicKey {
        &self.ratchet_key
    }

    /// Index of this message in the sender's chain, from 0.
    #[must_use]
    pub fn counter(&self) -> u32 {
        self.counter
    }

    /// Index of the last message of the sender's chain before; informative only.
    #[must_use]
    pub fn previous_counter(&self) -> u32 {
        self.previous_counter
    }

    /// The encrypted content.
    #[must_use]
    pub fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }

    /// The post-quantum ratchet's message; empty if the field is absent.
    #[must_use]
    pub fn pq_ratchet(&self) -> &[u8] {
        &self.pq_ratchet
    }

    /// The addresses this message is bound to, if it says so. Authentic only once the MAC is.
    pub(crate) fn addresses(&self) -> Option<&[u8]> {
        self.addresses.as_deref()
    }

    /// Whether the MAC is right, compared in constant time over the bytes as received.
    pub(crate) fn verify_mac(
        &self,
        mac_key: &[u8; 32],
        sender: &IdentityKey,
        receiver: &IdentityKey,
    ) -> bool {
        let Some((covered, received)) = self.serialized.split_last_chunk::<MAC_LENGTH>() else {
            return false;
        };
        mac(mac_key, sender, receiver, covered).slice::<0, MAC_LENGTH>().ct_eq(received).into()
    }
}

impl fmt::Debug for SignalMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignalMessage(..)")
    }
}

/// Only its first 8 bytes are sent.
///
/// Spec: Signal protocol 7.2.2 MAC.
fn mac(mac_key: &[u8; 32], sender: &IdentityKey, receiver: &IdentityKey, covered: &[u8]) -> Secret<32> {
    HmacKey::new(mac_key).mac(&[&sender.serialize(), &receiver.serialize(), covered])
}

#[derive(Clone, PartialEq, prost::Message)]
struct Fields {
    #[prost(bytes = "vec", optional, tag = "1")]
    ratchet_key: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "2")]
    counter: Option<u32>,
    #[prost(uint32, optional, tag = "3")]
    previous_counter: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "4")]
    ciphertext: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    pq_ratchet: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "6")]
    addresses: Option<Vec<u8>>,
}
