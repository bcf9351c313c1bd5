//! The post-quantum KEM of the handshake: Kyber1024 as submitted to NIST round 3 (not final ML-KEM-1024).
//!
//! Encodings put the type byte `0x08` before the raw value. The other types that the protocol names are not enabled and
//! are refused like unknown ones.
//!
//! Not its concern: the ML-KEM-768 of the sparse ratchet ([`crate::spqr`]).
//!
//! Spec: Signal protocol 1.5 KEM keys.

use std::fmt;

use libcrux_ml_kem::kyber1024;
use libcrux_ml_kem::mlkem1024::{self, MlKem1024Ciphertext, MlKem1024PrivateKey, MlKem1024PublicKey};
use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroize;

use super::KeyError;
use crate::secret::Secret;

/// The type byte of Kyber1024 keys and ciphertexts.
const KEM_TYPE: u8 = 0x08;
const RAW_PUBLIC_KEY_LENGTH: usize = 1568;
const RAW_SECRET_KEY_LENGTH: usize = 3168;
const RAW_CIPHERTEXT_LENGTH: usize = 1568;

/// A Kyber1024 public key, 1568 bytes. Compared in constant time.
#[derive(Clone)]
pub struct KemPublicKey(Box<[u8; RAW_PUBLIC_KEY_LENGTH]>);

impl KemPublicKey {
    /// Length of the serialized form in bytes.
    pub const LENGTH: usize = 1 + RAW_PUBLIC_KEY_LENGTH;

    /// Reads the type byte and the key; nothing may follow. Coefficients are not range-checked.
    ///
    /// # Errors
    /// [`KeyError::NoKeyTypeIdentifier`], [`KeyError::BadKEMKeyType`], [`KeyError::BadKEMKeyLength`], in this order.
    pub fn deserialize(bytes: &[u8]) -> Result<Self, KeyError> {
        let raw = typed(bytes)?;
        let raw: [u8; RAW_PUBLIC_KEY_LENGTH] =
            raw.try_into().map_err(|_| KeyError::BadKEMKeyLength(bytes.len()))?;
        Ok(Self(Box::new(raw)))
    }

    /// The type byte and the key, 1569 bytes.
    #[must_use]
    pub fn serialize(&self) -> Vec<u8> {
        with_type(self.0.as_slice())
    }

    /// Whether every coefficient is reduced, as in every key that was generated. Variable time; the key is public.
    ///
    /// Spec: FIPS 203 7.2, modulus check; the encoding is the same in round 3.
    pub(crate) fn is_reduced(&self) -> bool {
        mlkem1024::validate_public_key(&MlKem1024PublicKey::from(&*self.0))
    }

    /// Makes a fresh shared secret and the ciphertext that carries it to the owner of the key.
    #[must_use]
    pub fn encapsulate<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> Encapsulated {
        let entropy = Secret::<32>::random(rng);
        let key = MlKem1024PublicKey::from(&*self.0);
        let (ciphertext, mut shared) = kyber1024::encapsulate(&key, *entropy.expose());
        let shared_secret = Secret::from_bytes(shared);
        shared.zeroize();
        Encapsulated { ciphertext: KemCiphertext(Box::new(ciphertext.into())), shared_secret }
    }
}

impl fmt::Debug for KemPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemPublicKey(..)")
    }
}

impl ConstantTimeEq for KemPublicKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.as_slice().ct_eq(other.0.as_slice())
    }
}

impl PartialEq for KemPublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for KemPublicKey {}

/// A Kyber1024 secret key, 3168 bytes, wiped on drop.
#[derive(Clone)]
pub struct KemSecretKey(Secret<RAW_SECRET_KEY_LENGTH>);

impl KemSecretKey {
    /// Length of the serialized form in bytes.
    pub const LENGTH: usize = 1 + RAW_SECRET_KEY_LENGTH;

    /// Reads the type byte and the key; nothing may follow.
    ///
    /// # Errors
    /// [`KeyError::NoKeyTypeIdentifier`], [`KeyError::BadKEMKeyType`], [`KeyError::BadKEMKeyLength`], in this order.
    pub fn deserialize(bytes: &[u8]) -> Result<Self, KeyError> {
        let raw = typed(bytes)?;
        Secret::from_slice(raw).map(Self).ok_or(KeyError::BadKEMKeyLength(bytes.len()))
    }

    /// The type byte and the key, 3169 bytes.
    #[must_use]
    pub fn serialize(&self) -> Secret<{ KemSecretKey::LENGTH }> {
        Secret::filled_by(|out| {
            for (to, from) in out.iter_mut().zip(std::iter::once(&KEM_TYPE).chain(self.0.expose())) {
                *to = *from;
            }
        })
    }

    /// The shared secret inside a serialized ciphertext.
    ///
    /// A ciphertext that was not made for this key gives an unpredictable secret and no error (implicit rejection).
    ///
    /// # Errors
    /// [`KeyError::NoKeyTypeIdentifier`], [`KeyError::BadKEMKeyType`], [`KeyError::BadKEMCiphertextLength`], for bytes
    /// that are no ciphertext.
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<Secret<32>, KeyError> {
        let ciphertext = KemCiphertext::deserialize(ciphertext)?;
        let mut key = MlKem1024PrivateKey::from(self.0.expose());
        let mut shared = kyber1024::decapsulate(&key, &MlKem1024Ciphertext::from(&*ciphertext.0));
        wipe(&mut key);
        let secret = Secret::from_bytes(shared);
        shared.zeroize();
        Ok(secret)
    }
}

impl fmt::Debug for KemSecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemSecretKey(..)")
    }
}

/// A Kyber1024 key pair.
#[derive(Clone)]
pub struct KemKeyPair {
    public: KemPublicKey,
    secret: KemSecretKey,
}

impl KemKeyPair {
    /// A fresh pair.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let seed = Secret::<64>::random(rng);
        let (mut secret, public) = kyber1024::generate_key_pair(*seed.expose()).into_parts();
        let pair = Self {
            public: KemPublicKey(Box::new(*public.as_slice())),
            secret: KemSecretKey(Secret::filled_by(|to| to.copy_from_slice(secret.as_slice()))),
        };
        wipe(&mut secret);
        pair
    }

    /// Joins two stored halves. That they belong together is the store's promise.
    #[must_use]
    pub const fn from_parts(public: KemPublicKey, secret: KemSecretKey) -> Self {
        Self { public, secret }
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &KemPublicKey {
        &self.public
    }

    /// The secret half.
    #[must_use]
    pub const fn secret(&self) -> &KemSecretKey {
        &self.secret
    }
}

impl fmt::Debug for KemKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemKeyPair(..)")
    }
}

/// A Kyber1024 ciphertext, 1568 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct KemCiphertext(Box<[u8; RAW_CIPHERTEXT_LENGTH]>);

impl KemCiphertext {
    /// Length of the serialized form in bytes.
    pub const LENGTH: usize = 1 + RAW_CIPHERTEXT_LENGTH;

    /// Reads the type byte and the ciphertext; nothing may follow.
    ///
    /// # Errors
    /// [`KeyError::NoKeyTypeIdentifier`], [`KeyError::BadKEMKeyType`], [`KeyError::BadKEMCiphertextLength`], in this
    /// order.
    pub fn deserialize(bytes: &[u8]) -> Result<Self, KeyError> {
        let raw = typed(bytes)?;
        let raw: [u8; RAW_CIPHERTEXT_LENGTH] =
            raw.try_into().map_err(|_| KeyError::BadKEMCiphertextLength(bytes.len()))?;
        Ok(Self(Box::new(raw)))
    }

    /// The type byte and the ciphertext, 1569 bytes.
    #[must_use]
    pub fn serialize(&self) -> Vec<u8> {
        with_type(self.0.as_slice())
    }
}

impl fmt::Debug for KemCiphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemCiphertext(..)")
    }
}

/// What [`KemPublicKey::encapsulate`] gives.
#[derive(Clone, Debug)]
pub struct Encapsulated {
    /// For the owner of the key.
    pub ciphertext: KemCiphertext,
    /// Known to both sides once the ciphertext has arrived.
    pub shared_secret: Secret<32>,
}

/// What follows a known type byte.
fn typed(bytes: &[u8]) -> Result<&[u8], KeyError> {
    match bytes.split_first() {
        None => Err(KeyError::NoKeyTypeIdentifier),
        Some((&KEM_TYPE, raw)) => Ok(raw),
        Some((&other, _)) => Err(KeyError::BadKEMKeyType(other)),
    }
}

fn with_type(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + raw.len());
    out.push(KEM_TYPE);
    out.extend_from_slice(raw);
    out
}

/// The library's key type does not wipe itself.
fn wipe(key: &mut MlKem1024PrivateKey) {
    // The range is all of it: the array behind the index has this very length.
    key[0..RAW_SECRET_KEY_LENGTH].zeroize();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_rng;

    #[test]
    fn debug_of_kem_values_is_redacted() {
        let pair = KemKeyPair::generate(&mut test_rng(1));
        let made = pair.public().encapsulate(&mut test_rng(2));
        insta::assert_snapshot!(
            format!("{pair:?} {:?} {:?} {made:?}", pair.public(), pair.secret()),
            @"KemKeyPair(..) KemPublicKey(..) KemSecretKey(..) Encapsulated { ciphertext: KemCiphertext(..), shared_secret: Secret(..) }"
        );
    }

    #[test]
    fn the_owner_recovers_the_shared_secret() {
        let mut rng = test_rng(3);
        let pair = KemKeyPair::generate(&mut rng);
        let made = pair.public().encapsulate(&mut rng);
        assert_eq!(pair.secret().decapsulate(&made.ciphertext.serialize()).unwrap(), made.shared_secret);
    }

    #[test]
    fn a_changed_ciphertext_gives_another_secret_and_no_error() {
        let mut rng = test_rng(4);
        let pair = KemKeyPair::generate(&mut rng);
        let made = pair.public().encapsulate(&mut rng);
        let mut changed = made.ciphertext.serialize();
        changed[700] ^= 1;
        let secret = pair.secret().decapsulate(&changed).unwrap();
        assert_ne!(secret, made.shared_secret);
        assert_eq!(secret, pair.secret().decapsulate(&changed).unwrap());
    }

    #[test]
    fn serialized_forms_read_back() {
        let pair = KemKeyPair::generate(&mut test_rng(5));
        let public = pair.public().serialize();
        assert_eq!(public.len(), KemPublicKey::LENGTH);
        assert_eq!(KemPublicKey::deserialize(&public).unwrap(), *pair.public());
        let secret = pair.secret().serialize();
        assert_eq!(KemSecretKey::deserialize(secret.expose()).unwrap().serialize(), secret);
    }

    #[test]
    fn a_coefficient_at_or_above_the_modulus_is_not_reduced() {
        let pair = KemKeyPair::generate(&mut test_rng(7));
        assert!(pair.public().is_reduced());
        for (at, coefficient) in [(1, 3_329_u16), (1, 4_095), (1_534, 3_329)] {
            // The even coefficient of three bytes: all of the first and the low half of the second.
            let mut bytes = pair.public().serialize();
            bytes[at] = coefficient.to_le_bytes()[0];
            bytes[at + 1] = bytes[at + 1] & 0xF0 | coefficient.to_le_bytes()[1];
            assert!(!KemPublicKey::deserialize(&bytes).unwrap().is_reduced(), "{coefficient} at {at}");
        }
    }

    #[test]
    fn a_ciphertext_is_checked_for_type_before_length() {
        let pair = KemKeyPair::generate(&mut test_rng(6));
        let error = |bytes: &[u8]| pair.secret().decapsulate(bytes).unwrap_err();
        assert_eq!(error(&[]), KeyError::NoKeyTypeIdentifier);
        assert_eq!(error(&[0x0A; 1569]), KeyError::BadKEMKeyType(0x0A));
        assert_eq!(error(&[0x07]), KeyError::BadKEMKeyType(0x07));
        assert_eq!(error(&[0x08; 1568]), KeyError::BadKEMCiphertextLength(1568));
        assert_eq!(error(&[0x08; 1570]), KeyError::BadKEMCiphertextLength(1570));
    }
}
