//! PreKeySignalMessage: a SignalMessage with what its recipient needs to start the session.
//!
//! Not its concern: looking up the prekeys it names, and deciding whether the session exists already.

use std::fmt;

use prost::Message as _;

use super::{
    MessageError, MessageType, SESSION_VERSION, SESSION_VERSIONS, SignalMessage, append, checked_version,
    version_byte,
};
use crate::{
    crypto::PublicKey,
    keys::{IdentityKey, KyberPreKeyId, PreKeyId, SignedPreKeyId},
};

/// The first messages of a session, until the other side has answered.
///
/// The outer fields have no MAC of their own: base key, identity key and KEM ciphertext enter the key schedule, the
/// rest (registration id, prekey ids) is as unauthenticated as it looks.
///
/// Spec: Signal protocol 7.3 PreKeySignalMessage.
#[derive(Clone, PartialEq, Eq)]
pub struct PreKeySignalMessage {
    serialized: Vec<u8>,
    version: u8,
    parts: PreKeySignalParts,
    message: SignalMessage,
}

/// The outer fields.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PreKeySignalParts {
    pub(crate) registration_id: u32,
    pub(crate) one_time_id: Option<PreKeyId>,
    pub(crate) signed_id: SignedPreKeyId,
    /// Absent only in version 3.
    pub(crate) kyber: Option<(KyberPreKeyId, Vec<u8>)>,
    pub(crate) base_key: PublicKey,
    pub(crate) identity_key: IdentityKey,
}

impl PreKeySignalMessage {
    /// Wraps a message of the current version.
    pub(crate) fn new(parts: PreKeySignalParts, message: SignalMessage) -> Self {
        let kyber = parts.kyber.as_ref();
        let fields = Fields {
            one_time_id: parts.one_time_id.map(PreKeyId::value),
            base_key: Some(parts.base_key.serialize().to_vec()),
            identity_key: Some(parts.identity_key.serialize().to_vec()),
            message: Some(message.serialize().to_vec()),
            registration_id: Some(parts.registration_id),
            signed_id: Some(parts.signed_id.value()),
            kyber_id: kyber.map(|(id, _)| id.value()),
            kyber_ciphertext: kyber.map(|(_, ciphertext)| ciphertext.clone()),
        };
        let mut serialized = Vec::with_capacity(1 + fields.encoded_len());
        serialized.push(version_byte(SESSION_VERSION));
        append(&fields, &mut serialized);
        Self { serialized, version: SESSION_VERSION, parts, message }
    }

    /// Parses a message and the one inside it. Checks form only: the KEM ciphertext, for one, not before it is used.
    ///
    /// # Errors
    ///
    /// Empty, a version we do not speak, undecodable or incomplete, a base key that is no key, KEM fields that do not
    /// go together, an identity key that is no key, or an inner message that does not parse; in this order.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let (first, protobuf) =
            bytes.split_first().ok_or(MessageError::CiphertextMessageTooShort(bytes.len()))?;
        let version = checked_version(*first, &SESSION_VERSIONS)?;
        let fields = Fields::decode(protobuf)?;
        let (Some(base_key), Some(identity_key), Some(message), Some(signed_id)) =
            (fields.base_key, fields.identity_key, fields.message, fields.signed_id)
        else {
            return Err(MessageError::InvalidProtobufEncoding);
        };
        let base_key = PublicKey::deserialize(&base_key)?;
        let kyber = match (fields.kyber_id, fields.kyber_ciphertext) {
            (Some(id), Some(ciphertext)) => Some((KyberPreKeyId::new(id), ciphertext)),
            (None, None) if version < SESSION_VERSION => None,
            _ => return Err(MessageError::InvalidMessage(MessageType::PreKey)),
        };
        let identity_key = IdentityKey::deserialize(&identity_key)?;
        let message = SignalMessage::decode(&message)?;
        let parts = PreKeySignalParts {
            registration_id: fields.registration_id.unwrap_or(0),
            one_time_id: fields.one_time_id.map(PreKeyId::new),
            signed_id: SignedPreKeyId::new(signed_id),
            kyber,
            base_key,
            identity_key,
        };
        Ok(Self { serialized: bytes.to_vec(), version, parts, message })
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

    /// The sender's registration id, as claimed: not authenticated. 0 if absent.
    #[must_use]
    pub fn registration_id(&self) -> u32 {
        self.parts.registration_id
    }

    /// The one-time prekey used, if any.
    #[must_use]
    pub fn one_time_id(&self) -> Option<PreKeyId> {
        self.parts.one_time_id
    }

    /// The signed prekey used.
    #[must_use]
    pub fn signed_id(&self) -> SignedPreKeyId {
        self.parts.signed_id
    }

    /// The Kyber prekey used; absent only in version 3.
    #[must_use]
    pub fn kyber_id(&self) -> Option<KyberPreKeyId> {
        self.parts.kyber.as_ref().map(|(id, _)| *id)
    }

    /// The KEM ciphertext as received, not yet checked.
    pub(crate) fn kyber(&self) -> Option<(KyberPreKeyId, &[u8])> {
        self.parts.kyber.as_ref().map(|(id, ciphertext)| (*id, ciphertext.as_slice()))
    }

    /// The initiator's base key, by which the session is recognised.
    #[must_use]
    pub fn base_key(&self) -> &PublicKey {
        &self.parts.base_key
    }

    /// The sender's identity key, authentic only once the message has been decrypted.
    #[must_use]
    pub fn identity_key(&self) -> &IdentityKey {
        &self.parts.identity_key
    }

    /// The message inside.
    #[must_use]
    pub fn message(&self) -> &SignalMessage {
        &self.message
    }
}

impl fmt::Debug for PreKeySignalMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreKeySignalMessage(..)")
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct Fields {
    #[prost(uint32, optional, tag = "1")]
    one_time_id: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "2")]
    base_key: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    identity_key: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "4")]
    message: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "5")]
    registration_id: Option<u32>,
    #[prost(uint32, optional, tag = "6")]
    signed_id: Option<u32>,
    #[prost(uint32, optional, tag = "7")]
    kyber_id: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "8")]
    kyber_ciphertext: Option<Vec<u8>>,
}
