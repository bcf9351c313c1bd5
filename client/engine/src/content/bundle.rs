//! What is inside a sealed bundle: a prekey bundle, the statement of its owner, and in an invitation's mailbox the
//! identity key's signature over the link.

use khaima_signal::{
    IdentityKey, KemPublicKey, KyberPreKey, KyberPreKeyId, OneTimePreKey, PreKeyBundle, PreKeyBundleIn,
    PreKeyId, PublicKey, SignedPreKey, SignedPreKeyId,
};
use prost::Message;

use super::proto::BundleProto;
use super::{ContentError, Statement};

/// What a bundle of ours is made of.
pub(crate) struct BundleParts<'a> {
    pub(crate) statement: &'a [u8],
    pub(crate) registration_id: u32,
    pub(crate) device: u8,
    pub(crate) one_time: Option<&'a OneTimePreKey>,
    pub(crate) signed: &'a SignedPreKey,
    pub(crate) kyber: &'a KyberPreKey,
    pub(crate) link_signature: Option<&'a [u8]>,
}

impl BundleParts<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        BundleProto {
            statement: self.statement.to_vec(),
            registration_id: self.registration_id,
            device: u32::from(self.device),
            one_time_id: self.one_time.map(|prekey| prekey.id.value()),
            one_time_key: self.one_time.map(|prekey| prekey.key_pair.public().serialize().to_vec()),
            signed_id: self.signed.id.value(),
            signed_key: self.signed.key_pair.public().serialize().to_vec(),
            signed_signature: self.signed.signature.as_ref().to_vec(),
            kyber_id: self.kyber.id.value(),
            kyber_key: self.kyber.key_pair.public().serialize(),
            kyber_signature: self.kyber.signature.as_ref().to_vec(),
            link_signature: self.link_signature.unwrap_or_default().to_vec(),
        }
        .encode_to_vec()
    }
}

/// A bundle whose prekeys and statement are signed by one and the same identity key.
pub(crate) struct BundleContent {
    pub(crate) statement: Statement,
    pub(crate) bundle: PreKeyBundle,
    /// Not verified: it needs the link.
    pub(crate) link_signature: Vec<u8>,
}

impl BundleContent {
    /// Reads a bundle and verifies everything in it but the link signature.
    pub(crate) fn verify(bytes: &[u8]) -> Result<Self, ContentError> {
        let proto = BundleProto::decode(bytes).map_err(|_| ContentError)?;
        let statement = Statement::verify(&proto.statement)?;
        let key = |bytes: &[u8]| PublicKey::deserialize(bytes).map_err(|_| ContentError);
        let one_time = match (proto.one_time_id, &proto.one_time_key) {
            (Some(id), Some(bytes)) => Some((PreKeyId::new(id), key(bytes)?)),
            (None, None) => None,
            _ => return Err(ContentError),
        };
        let identity_key: IdentityKey = statement.identity;
        let bundle = PreKeyBundleIn {
            registration_id: proto.registration_id,
            device_id: proto.device,
            one_time,
            signed_id: SignedPreKeyId::new(proto.signed_id),
            signed_key: key(&proto.signed_key)?,
            signed_signature: proto.signed_signature,
            identity_key,
            kyber_id: KyberPreKeyId::new(proto.kyber_id),
            kyber_key: KemPublicKey::deserialize(&proto.kyber_key).map_err(|_| ContentError)?,
            kyber_signature: proto.kyber_signature,
        };
        let bundle = bundle.verify().map_err(|_| ContentError)?;
        let is_listed = statement.devices.iter().any(|device| u32::from(*device) == proto.device);
        if !is_listed {
            return Err(ContentError);
        }
        Ok(Self { statement, bundle, link_signature: proto.link_signature })
    }
}
