//! Identity keys: a person's long-term key pair.
//!
//! The protocol never holds an identity private key. Whoever does (a vault, in the end) implements [`LocalIdentity`],
//! which answers the two questions the protocol asks of it. [`IdentityKeyPair`] is the plain implementation.
//!
//! Not its concern: which identity belongs to which address, and whether it is trusted ([`crate::session`]).

use std::fmt;

use rand_core::CryptoRng;

use crate::crypto::{KeyError, KeyPair, PrivateKey, PublicKey, Signature, labels};
use crate::secret::Secret;

/// What comes before the label of an alternate identity signature, so that it cannot pass for a signed key.
const ALTERNATE_IDENTITY_PREFIX: [u8; 32] = [0xFF; 32];

/// The public half of a person's identity.
///
/// `Debug` shows none of it, because it names a person. Equality is over all bytes, in constant time.
///
/// Spec: Signal protocol 1.6 Identity keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IdentityKey(PublicKey);

impl IdentityKey {
    /// Length of the serialized form in bytes.
    pub const LENGTH: usize = PublicKey::LENGTH;

    /// The identity with this public key.
    #[must_use]
    pub const fn new(key: PublicKey) -> Self {
        Self(key)
    }

    /// The public key.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.0
    }

    /// The type byte and the 32 bytes.
    #[must_use]
    pub fn serialize(&self) -> [u8; Self::LENGTH] {
        self.0.serialize()
    }

    /// Reads a serialized key, as [`PublicKey::deserialize`].
    ///
    /// # Errors
    /// Those of [`PublicKey::deserialize`].
    pub fn deserialize(bytes: &[u8]) -> Result<Self, KeyError> {
        PublicKey::deserialize(bytes).map(Self)
    }

    /// Whether `signature` proves that the holder of this identity also holds `other`. Not symmetric.
    ///
    /// Spec: Signal protocol 1.6 Identity keys, alternate identity proof.
    #[must_use]
    pub fn verify_alternate_identity(&self, other: &IdentityKey, signature: &[u8]) -> bool {
        self.0
            .verify(&[&ALTERNATE_IDENTITY_PREFIX, labels::ALTERNATE_IDENTITY, &other.serialize()], signature)
    }
}

impl From<PublicKey> for IdentityKey {
    fn from(key: PublicKey) -> Self {
        Self(key)
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey(..)")
    }
}

/// The holder of our identity private key.
///
/// This crate never owns that key: whoever holds it answers these questions.
pub trait LocalIdentity {
    /// Our public identity.
    fn identity_key(&self) -> IdentityKey;

    /// The agreement of our identity key with another key, 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::InvalidKeyAgreement`] when the result is all zeros.
    fn agree(&self, their: &PublicKey) -> Result<Secret<32>, KeyError>;

    /// Signs the concatenated parts with our identity key.
    fn sign(&self, message: &[&[u8]], rng: &mut dyn CryptoRng) -> Signature;

    /// Proves that the holder of this identity also holds `other`.
    ///
    /// Spec: Signal protocol 1.6 Identity keys, alternate identity proof.
    fn sign_alternate_identity(&self, other: &IdentityKey, rng: &mut dyn CryptoRng) -> Signature {
        self.sign(&[&ALTERNATE_IDENTITY_PREFIX, labels::ALTERNATE_IDENTITY, &other.serialize()], rng)
    }
}

/// An identity with its private key in ordinary memory, wiped on drop.
#[derive(Clone)]
pub struct IdentityKeyPair(KeyPair);

impl IdentityKeyPair {
    /// A fresh identity.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(KeyPair::generate(rng))
    }

    /// The identity of a private key.
    #[must_use]
    pub fn from_private(private: PrivateKey) -> Self {
        Self(KeyPair::from_private(private))
    }

    /// The private key, for storing it.
    #[must_use]
    pub const fn private(&self) -> &PrivateKey {
        self.0.private()
    }
}

impl LocalIdentity for IdentityKeyPair {
    fn identity_key(&self) -> IdentityKey {
        IdentityKey(*self.0.public())
    }

    fn agree(&self, their: &PublicKey) -> Result<Secret<32>, KeyError> {
        self.0.private().agree(their)
    }

    fn sign(&self, message: &[&[u8]], rng: &mut dyn CryptoRng) -> Signature {
        self.0.private().sign(message, rng)
    }
}

impl<I: LocalIdentity + ?Sized> LocalIdentity for &I {
    fn identity_key(&self) -> IdentityKey {
        (**self).identity_key()
    }

    fn agree(&self, their: &PublicKey) -> Result<Secret<32>, KeyError> {
        (**self).agree(their)
    }

    fn sign(&self, message: &[&[u8]], rng: &mut dyn CryptoRng) -> Signature {
        (**self).sign(message, rng)
    }
}

impl fmt::Debug for IdentityKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKeyPair(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_rng;

    #[test]
    fn debug_of_identities_is_redacted() {
        let pair = IdentityKeyPair::generate(&mut test_rng(1));
        insta::assert_snapshot!(format!("{pair:?} {:?}", pair.identity_key()), @"IdentityKeyPair(..) IdentityKey(..)");
    }

    #[test]
    fn an_alternate_identity_is_proved_in_one_direction_only() {
        let mut rng = test_rng(2);
        let (one, two) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
        let proof = one.sign_alternate_identity(&two.identity_key(), &mut rng);
        assert!(one.identity_key().verify_alternate_identity(&two.identity_key(), proof.as_ref()));
        assert!(!two.identity_key().verify_alternate_identity(&one.identity_key(), proof.as_ref()));
        assert!(!one.identity_key().verify_alternate_identity(&one.identity_key(), proof.as_ref()));
    }
}
