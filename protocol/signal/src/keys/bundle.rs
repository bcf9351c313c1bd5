//! Prekey bundles: what one device publishes so that others can start a session without it being online.
//!
//! A bundle arrives as [`PreKeyBundleIn`]: decoded, not believed. [`PreKeyBundleIn::verify`] turns it into a
//! [`PreKeyBundle`], from which a session may be started.
//!
//! Not its concern: how a bundle travels, and whether its identity key is trusted for an address.

use std::fmt;

use super::{IdentityKey, KyberPreKeyId, PreKeyId, SignedPreKeyId};
use crate::{
    DeviceId, ErrorClass, ErrorKind,
    crypto::{KemPublicKey, KeyError, PublicKey},
};

/// A bundle as received. Its keys are keys; nothing else about it is known.
///
/// Spec: Signal protocol 3.2 Bundle.
#[derive(Clone)]
pub struct PreKeyBundleIn {
    /// The device's registration id; any 32-bit value.
    pub registration_id: u32,
    /// The device's id; 1 to 127 to be acceptable. Not compared with the address.
    pub device_id: u32,
    /// A one-time prekey, if there was one left. Id 0 is valid.
    pub one_time: Option<(PreKeyId, PublicKey)>,
    /// Id of the signed prekey.
    pub signed_id: SignedPreKeyId,
    /// The signed prekey.
    pub signed_key: PublicKey,
    /// Signature by the identity key over the serialized signed prekey.
    pub signed_signature: Vec<u8>,
    /// The person's identity key.
    pub identity_key: IdentityKey,
    /// Id of the Kyber prekey.
    pub kyber_id: KyberPreKeyId,
    /// The Kyber prekey.
    pub kyber_key: KemPublicKey,
    /// Signature by the identity key over the serialized Kyber prekey.
    pub kyber_signature: Vec<u8>,
}

/// A bundle whose signatures were verified under its own identity key.
#[derive(Clone, Debug)]
pub struct PreKeyBundle(PreKeyBundleIn);

impl PreKeyBundleIn {
    /// Checks the device id, both signatures, and that the keys are canonical.
    ///
    /// Low-order keys are left to the agreements, which refuse them.
    ///
    /// # Errors
    ///
    /// [`BundleError::InvalidArgument`] for a device id out of range, [`BundleError::SignatureValidationFailed`] if
    /// either signature is wrong, [`BundleError::Key`] for a key that is not canonical. Drop the bundle: whoever served it
    /// changed it.
    pub fn verify(self) -> Result<PreKeyBundle, BundleError> {
        self.check_form()?;
        self.verify_signatures()
    }

    /// What the type cannot say about the fields.
    pub(crate) fn check_form(&self) -> Result<(), BundleError> {
        let device = u8::try_from(self.device_id).ok().and_then(|device| DeviceId::new(device).ok());
        device.map(|_| ()).ok_or(BundleError::InvalidArgument)
    }

    /// Signed prekey first, then Kyber prekey, then whether every key is spelled as everybody spells it.
    pub(crate) fn verify_signatures(self) -> Result<PreKeyBundle, BundleError> {
        let signed: [(&[&[u8]], &[u8]); 2] = [
            (&[&self.signed_key.serialize()], &self.signed_signature),
            (&[&self.kyber_key.serialize()], &self.kyber_signature),
        ];
        if !self.identity_key.public_key().verify_all(&signed) {
            return Err(BundleError::SignatureValidationFailed);
        }
        let one_time = self.one_time.iter().map(|(_, key)| key);
        if ![self.identity_key.public_key(), &self.signed_key]
            .into_iter()
            .chain(one_time)
            .all(PublicKey::is_in_range)
        {
            return Err(KeyError::InvalidKeyAgreement.into());
        }
        if !self.kyber_key.is_reduced() {
            return Err(KeyError::BadKEMKeyLength(KemPublicKey::LENGTH).into());
        }
        Ok(PreKeyBundle(self))
    }
}

impl fmt::Debug for PreKeyBundleIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreKeyBundleIn(..)")
    }
}

impl PreKeyBundle {
    /// The fields.
    #[must_use]
    pub fn fields(&self) -> &PreKeyBundleIn {
        &self.0
    }

    /// The person's identity key.
    #[must_use]
    pub fn identity_key(&self) -> &IdentityKey {
        &self.0.identity_key
    }
}

/// Why a bundle is not acceptable. Fetch another one, and suspect the relay if it happens again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The device id is not in 1 to 127.
    #[error("the bundle's device id is out of range")]
    InvalidArgument,
    /// A prekey is not signed by the bundle's identity key.
    #[error("a signature of the bundle is wrong")]
    SignatureValidationFailed,
    /// A key is signed, but not spelled as anybody who keeps to the protocol spells it.
    #[error("a key of the bundle is not canonical")]
    Key(#[from] KeyError),
}

impl BundleError {
    /// Whose fault it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::Peer
    }

    /// The class in the interoperability protocol.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::InvalidArgument => ErrorClass::InvalidArgument,
            Self::SignatureValidationFailed => ErrorClass::InvalidSignature,
            Self::Key(error) => error.class(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IdentityKeyPair, KyberPreKey, LocalIdentity as _, SignedPreKey, Timestamp, test_rng};

    #[test]
    fn a_device_out_of_range_is_refused_before_the_signatures_are_looked_at() {
        let rng = &mut test_rng(1);
        let identity = IdentityKeyPair::generate(rng);
        let signed =
            SignedPreKey::generate(SignedPreKeyId::new(1), &identity, Timestamp::from_millis(0), rng);
        let kyber = KyberPreKey::generate(KyberPreKeyId::new(1), &identity, Timestamp::from_millis(0), rng);
        let bundle = |device_id, signed_signature: &[u8]| PreKeyBundleIn {
            registration_id: 1,
            device_id,
            one_time: None,
            signed_id: signed.id,
            signed_key: *signed.key_pair.public(),
            signed_signature: signed_signature.to_vec(),
            identity_key: identity.identity_key(),
            kyber_id: kyber.id,
            kyber_key: kyber.key_pair.public().clone(),
            kyber_signature: kyber.signature.as_bytes().to_vec(),
        };
        for device in [1, 127] {
            assert!(bundle(device, signed.signature.as_bytes()).verify().is_ok());
            let refused = bundle(device, &[0; 64]).verify().unwrap_err();
            assert!(matches!(refused, BundleError::SignatureValidationFailed));
        }
        for device in [0, 128, 256, 257, u32::MAX] {
            let refused = bundle(device, &[0; 64]).verify().unwrap_err();
            assert!(matches!(refused, BundleError::InvalidArgument), "{device}");
        }
    }
}
