//! Statements: who a person is and which devices they have, the same bytes for everybody.
//!
//! Signed by the identity key, numbered, chained by hash: a device added in silence needs a new statement, and number and
//! hash of the current one ride in every message.

use khaima_signal::{DeviceId, IdentityKey, LocalIdentity};
use prost::Message;
use rand_core::CryptoRng;

use super::ContentError;
use super::proto::{SignedProto, StatementProto};
use crate::labels::{STATEMENT, STATEMENT_SIGNATURE};

/// SHA-256 of a signed statement.
pub(crate) type StatementHash = [u8; 32];

/// A statement whose signature holds under its own identity key.
#[derive(Clone)]
pub(crate) struct Statement {
    pub(crate) identity: IdentityKey,
    pub(crate) uuid: [u8; 16],
    pub(crate) devices: Vec<DeviceId>,
    pub(crate) number: u32,
    bytes: Vec<u8>,
}

impl Statement {
    /// Most devices of one person.
    const MAX_DEVICES: usize = 5;

    /// Makes and signs the first statement of a person with one device.
    pub(crate) fn first(
        identity: &impl LocalIdentity,
        uuid: [u8; 16],
        device: DeviceId,
        rng: &mut dyn CryptoRng,
    ) -> Self {
        let key = identity.identity_key();
        let body = StatementProto {
            identity_key: key.serialize().to_vec(),
            uuid: uuid.to_vec(),
            devices: vec![device.value()],
            number: 1,
            previous: Vec::new(),
        };
        let body = body.encode_to_vec();
        let signature = identity.sign(&[&STATEMENT_SIGNATURE.bytes(), &body], rng);
        let bytes = SignedProto { body, signature: signature.as_ref().to_vec() }.encode_to_vec();
        Self { identity: key, uuid, devices: vec![device], number: 1, bytes }
    }

    /// Reads a statement and verifies its signature.
    pub(crate) fn verify(bytes: &[u8]) -> Result<Self, ContentError> {
        let signed = SignedProto::decode(bytes).map_err(|_| ContentError)?;
        let body = StatementProto::decode(signed.body.as_slice()).map_err(|_| ContentError)?;
        let identity = IdentityKey::deserialize(&body.identity_key).map_err(|_| ContentError)?;
        let message: [&[u8]; 2] = [&STATEMENT_SIGNATURE.bytes(), &signed.body];
        if !identity.public_key().verify(&message, &signed.signature) {
            return Err(ContentError);
        }
        let uuid = body.uuid.as_slice().try_into().map_err(|_| ContentError)?;
        let devices: Result<Vec<DeviceId>, _> = body.devices.iter().map(|id| DeviceId::new(*id)).collect();
        let devices = devices.map_err(|_| ContentError)?;
        let is_ascending = devices.is_sorted_by(|one, next| one < next);
        let is_chained = if body.number == 1 { body.previous.is_empty() } else { body.previous.len() == 32 };
        if !(1..=Self::MAX_DEVICES).contains(&devices.len())
            || !is_ascending
            || body.number == 0
            || !is_chained
        {
            return Err(ContentError);
        }
        Ok(Self { identity, uuid, devices, number: body.number, bytes: bytes.to_vec() })
    }

    /// The signed bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn hash(&self) -> StatementHash {
        Self::hash_of(&self.bytes)
    }

    pub(crate) fn hash_of(bytes: &[u8]) -> StatementHash {
        STATEMENT.hash(&[bytes])
    }
}

#[cfg(test)]
mod tests {
    use khaima_signal::IdentityKeyPair;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn a_statement_verifies_and_no_changed_bit_does() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(3);
        let identity = IdentityKeyPair::generate(&mut rng);
        let made = Statement::first(&identity, [7; 16], DeviceId::new(1).unwrap(), &mut rng);
        let read = Statement::verify(made.bytes()).unwrap();
        assert!(read.identity == identity.identity_key() && read.uuid == [7; 16] && read.number == 1);
        for at in 0..made.bytes().len() {
            let mut bytes = made.bytes().to_vec();
            bytes[at] ^= 1;
            assert!(Statement::verify(&bytes).is_err(), "byte {at}");
        }
    }
}
