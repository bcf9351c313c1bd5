//! Curve25519 keys and agreements.
//!
//! A public key is kept exactly as it came: 32 bytes, neither reduced nor checked, so that two spellings of one point
//! are two keys. The serialized form puts the type byte `0x05` before them.
//!
//! Not its concern: signatures ([`super::xeddsa`]) and who a key belongs to ([`crate::keys`]).

use std::{fmt, sync::Arc};

use curve25519_dalek::montgomery::MontgomeryPoint;
use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};

use super::{KeyError, Signature, x25519::X25519Key, xeddsa};
use crate::secret::Secret;

/// The type byte that begins a serialized public key.
const KEY_TYPE: u8 = 0x05;

/// A Curve25519 public key: the u-coordinate as received, 32 bytes.
///
/// `Debug` shows none of it, because a public key names a person. Equality is over all bytes, in constant time.
///
/// Spec: Signal protocol 1.1 Curve25519 keys.
#[derive(Clone, Copy)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Length of the serialized form in bytes.
    pub const LENGTH: usize = 33;

    /// From the bare 32 bytes, unchecked.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bare 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The type byte and the 32 bytes.
    #[must_use]
    pub fn serialize(&self) -> [u8; Self::LENGTH] {
        let mut out = [KEY_TYPE; Self::LENGTH];
        for (to, from) in out.iter_mut().skip(1).zip(self.0) {
            *to = from;
        }
        out
    }

    /// Reads a serialized key. Bytes after the first 33 are ignored, as the official library does.
    ///
    /// # Errors
    /// [`KeyError::NoKeyTypeIdentifier`], [`KeyError::BadKeyType`], [`KeyError::BadKeyLength`], in this order.
    pub fn deserialize(bytes: &[u8]) -> Result<Self, KeyError> {
        let (key_type, rest) = bytes.split_first().ok_or(KeyError::NoKeyTypeIdentifier)?;
        if *key_type != KEY_TYPE {
            return Err(KeyError::BadKeyType(*key_type));
        }
        let key = rest.first_chunk::<32>().ok_or(KeyError::BadKeyLength(bytes.len()))?;
        Ok(Self(*key))
    }

    /// Whether the key is in range and its point lies in the prime-order subgroup.
    ///
    /// Used on an incoming PQXDH base key only. Variable time; the key is public.
    ///
    /// Spec: Signal protocol 1.2 Canonical check of a public key.
    #[must_use]
    pub fn is_canonical(&self) -> bool {
        self.is_in_range()
            && MontgomeryPoint(self.0).to_edwards(0).is_some_and(|point| point.is_torsion_free())
    }

    /// Whether `signature` is this key's signature of the concatenated parts. Never an error.
    ///
    /// Spec: Signal protocol 1.4 XEdDSA signatures.
    #[must_use]
    pub fn verify(&self, message: &[&[u8]], signature: &[u8]) -> bool {
        xeddsa::verify_all(self, &[(message, signature)])
    }

    /// [`Self::verify`] for several messages with a signature each: whether all are this key's.
    pub(crate) fn verify_all(&self, signed: &[(&[&[u8]], &[u8])]) -> bool {
        xeddsa::verify_all(self, signed)
    }

    /// Whether the top bit is clear and the integer is below 2^255 - 19: the one spelling of this u-coordinate.
    ///
    /// Everybody who computes a key computes that spelling; another one is somebody's game.
    pub(crate) fn is_in_range(&self) -> bool {
        let [first, middle @ .., last] = &self.0;
        let reaches_the_prime = *last == 0x7F && middle.iter().all(|byte| *byte == 0xFF) && *first >= 0xED;
        last & 0x80 == 0 && !reaches_the_prime
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(..)")
    }
}

impl ConstantTimeEq for PublicKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        // Eight bytes at a time: byte by byte takes longer than the rest of finding a chain.
        let (ours, theirs) = (self.0.as_chunks().0, other.0.as_chunks().0);
        let differing = ours.iter().zip(theirs).fold(0, |differing, (one, two)| {
            differing | (u64::from_ne_bytes(*one) ^ u64::from_ne_bytes(*two))
        });
        differing.ct_eq(&0)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for PublicKey {}

/// A Curve25519 private key, clamped, with its public half. Cheap to clone; wiped when the last clone is dropped.
///
/// Spec: Signal protocol 1.1 Curve25519 keys.
#[derive(Clone)]
pub struct PrivateKey(Arc<X25519Key>);

impl PrivateKey {
    /// Length in bytes.
    pub const LENGTH: usize = 32;

    /// A fresh key.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self::clamped(Secret::random(rng))
    }

    /// From 32 bytes, which are clamped.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self::clamped(Secret::from_bytes(bytes))
    }

    /// From a secret of 32 bytes, which are clamped.
    #[must_use]
    pub fn from_secret(secret: &Secret<32>) -> Self {
        Self::clamped(secret.clone())
    }

    /// Reads and clamps exactly 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::BadKeyLength`] for any other length.
    pub fn deserialize(bytes: &[u8]) -> Result<Self, KeyError> {
        Secret::from_slice(bytes).map(Self::clamped).ok_or(KeyError::BadKeyLength(bytes.len()))
    }

    /// Clears the low three bits and the top one, sets the one below: RFC 7748's scalar form.
    fn clamped(secret: Secret<32>) -> Self {
        let clamped = secret.modified(|[first, .., last]| {
            *first &= 0xF8;
            *last = (*last & 0x7F) | 0x40;
        });
        Self(Arc::new(X25519Key::new(clamped)))
    }

    /// The clamped 32 bytes, without a type byte.
    #[must_use]
    pub fn serialize(&self) -> Secret<32> {
        self.0.private().clone()
    }

    /// The clamped bytes, for the arithmetic of this crate.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        self.0.private().expose()
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(*self.0.public())
    }

    /// The X25519 agreement with another key, 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::InvalidKeyAgreement`] when the result is all zeros.
    ///
    /// Spec: Signal protocol 1.3 Key agreement.
    pub fn agree(&self, their: &PublicKey) -> Result<Secret<32>, KeyError> {
        let secret = self.0.agree(&their.0);
        if secret.expose().ct_eq(&[0; 32]).into() { Err(KeyError::InvalidKeyAgreement) } else { Ok(secret) }
    }

    /// Signs the concatenated parts.
    ///
    /// Spec: Signal protocol 1.4 XEdDSA signatures.
    #[must_use]
    pub fn sign<R: CryptoRng + ?Sized>(&self, message: &[&[u8]], rng: &mut R) -> Signature {
        xeddsa::sign(self, message, &Secret::random(rng))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

/// A private key with its public half.
#[derive(Clone)]
pub struct KeyPair {
    public: PublicKey,
    private: PrivateKey,
}

impl KeyPair {
    /// A fresh pair.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self::from_private(PrivateKey::generate(rng))
    }

    /// The pair of a private key.
    #[must_use]
    pub fn from_private(private: PrivateKey) -> Self {
        Self { public: private.public_key(), private }
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The private half.
    #[must_use]
    pub const fn private(&self) -> &PrivateKey {
        &self.private
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_rng;

    #[test]
    fn debug_of_keys_is_redacted() {
        let pair = KeyPair::generate(&mut test_rng(1));
        insta::assert_snapshot!(
            format!("{pair:?} {:?} {:?}", pair.public(), pair.private()),
            @"KeyPair(..) PublicKey(..) PrivateKey(..)"
        );
    }

    #[test]
    fn both_sides_agree() {
        let mut rng = test_rng(2);
        let (alice, bob) = (KeyPair::generate(&mut rng), KeyPair::generate(&mut rng));
        let shared = alice.private().agree(bob.public()).unwrap();
        assert_eq!(shared, bob.private().agree(alice.public()).unwrap());
    }

    #[test]
    fn generated_keys_are_clamped() {
        let mut rng = test_rng(3);
        for _ in 0..64 {
            let key = PrivateKey::generate(&mut rng);
            assert_eq!(key.expose()[0] & 7, 0);
            assert_eq!(key.expose()[31] & 0xC0, 0x40);
        }
    }

    #[test]
    fn generated_public_keys_are_canonical() {
        let mut rng = test_rng(4);
        for _ in 0..16 {
            assert!(KeyPair::generate(&mut rng).public.is_canonical());
        }
    }

    #[test]
    fn keys_at_and_above_the_prime_are_not_canonical() {
        let mut bytes = [0xFF; 32];
        bytes[31] = 0x7F;
        for first in 0xED..=0xFF {
            bytes[0] = first;
            assert!(!PublicKey::from_bytes(bytes).is_canonical());
        }
        // u = 9 is the base point; its other spellings are not canonical.
        let mut base = [0; 32];
        base[0] = 9;
        assert!(PublicKey::from_bytes(base).is_canonical());
        base[31] = 0x80;
        assert!(!PublicKey::from_bytes(base).is_canonical());
    }

    #[test]
    fn points_of_small_order_are_not_canonical_and_agree_to_nothing() {
        let mut one = [0; 32];
        one[0] = 1;
        for bytes in [[0; 32], one] {
            let key = PublicKey::from_bytes(bytes);
            assert!(!key.is_canonical());
            let private = PrivateKey::generate(&mut test_rng(5));
            assert_eq!(private.agree(&key), Err(KeyError::InvalidKeyAgreement));
        }
    }

    #[test]
    fn the_top_bit_makes_another_key_with_the_same_agreement() {
        let mut rng = test_rng(6);
        let (alice, bob) = (KeyPair::generate(&mut rng), KeyPair::generate(&mut rng));
        let mut bytes = *bob.public().as_bytes();
        bytes[31] |= 0x80;
        let twin = PublicKey::from_bytes(bytes);
        assert_ne!(twin, *bob.public());
        assert_eq!(alice.private().agree(&twin), alice.private().agree(bob.public()));
    }
}
