//! Prekeys: the private halves a device keeps until someone starts a session with the public ones.
//!
//! Their stored form is ours: a version byte, a kind byte, then fixed-width fields, big-endian.
//!
//! Not its concern: how many to publish, when to rotate, and which Kyber prekey is the last resort.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::LocalIdentity;
use crate::{
    Timestamp,
    crypto::{KemKeyPair, KemPublicKey, KemSecretKey, KeyPair, PrivateKey, Signature},
};

/// Version of the stored form.
const STORED_VERSION: u8 = 1;
const KIND_ONE_TIME: u8 = 1;
const KIND_SIGNED: u8 = 2;
const KIND_KYBER: u8 = 3;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// Any 32-bit value, 0 included.
            #[must_use]
            pub const fn new(value: u32) -> Self {
                Self(value)
            }

            /// The number.
            #[must_use]
            pub const fn value(self) -> u32 {
                self.0
            }
        }
    };
}

id! {
    /// Names a one-time prekey of one device.
    PreKeyId
}
id! {
    /// Names a signed prekey of one device.
    SignedPreKeyId
}
id! {
    /// Names a Kyber prekey of one device.
    KyberPreKeyId
}

/// A Curve25519 key pair for one session, deleted when it has been used.
///
/// Spec: Signal protocol 3.1 Records.
#[derive(Clone, Debug)]
pub struct OneTimePreKey {
    /// Its name in bundles and first messages.
    pub id: PreKeyId,
    /// The pair.
    pub key_pair: KeyPair,
}

/// A Curve25519 key pair signed by the identity key, kept for some weeks.
///
/// Spec: Signal protocol 3.1 Records.
#[derive(Clone, Debug)]
pub struct SignedPreKey {
    /// Its name in bundles and first messages.
    pub id: SignedPreKeyId,
    /// When it was made, to know when to replace it.
    pub created: Timestamp,
    /// The pair.
    pub key_pair: KeyPair,
    /// By the identity key over the 33 bytes of the serialized public key.
    pub signature: Signature,
}

/// A Kyber1024 key pair signed by the identity key: for one session, or the last resort for many.
///
/// Spec: Signal protocol 3.1 Records.
#[derive(Clone, Debug)]
pub struct KyberPreKey {
    /// Its name in bundles and first messages.
    pub id: KyberPreKeyId,
    /// When it was made, to know when to replace it.
    pub created: Timestamp,
    /// The pair.
    pub key_pair: KemKeyPair,
    /// By the identity key over the 1569 bytes of the serialized public key.
    pub signature: Signature,
}

impl OneTimePreKey {
    /// Makes a fresh one.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(id: PreKeyId, rng: &mut R) -> Self {
        Self { id, key_pair: KeyPair::generate(rng) }
    }

    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = header(KIND_ONE_TIME, self.id.value());
        out.extend_from_slice(self.key_pair.private().serialize().expose());
        out
    }

    /// Reads the stored form.
    ///
    /// # Errors
    ///
    /// The record was damaged, or written by a newer version.
    pub fn decode(bytes: &[u8]) -> Result<Self, PreKeyDecodeError> {
        let mut reader = Reader::new(bytes, KIND_ONE_TIME)?;
        let id = PreKeyId::new(reader.u32()?);
        let key_pair = reader.key_pair()?;
        reader.end()?;
        Ok(Self { id, key_pair })
    }
}

impl SignedPreKey {
    /// Makes a fresh one and signs it.
    #[must_use]
    pub fn generate<I, R>(id: SignedPreKeyId, identity: &I, now: Timestamp, rng: &mut R) -> Self
    where
        I: LocalIdentity + ?Sized,
        R: CryptoRng + ?Sized,
    {
        let key_pair = KeyPair::generate(rng);
        let signature = identity.sign(&[&key_pair.public().serialize()], &mut &mut *rng);
        Self { id, created: now, key_pair, signature }
    }

    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = header(KIND_SIGNED, self.id.value());
        out.extend_from_slice(&self.created.as_millis().to_be_bytes());
        out.extend_from_slice(self.key_pair.private().serialize().expose());
        out.extend_from_slice(self.signature.as_bytes());
        out
    }

    /// Reads the stored form. The signature is not verified again.
    ///
    /// # Errors
    ///
    /// The record was damaged, or written by a newer version.
    pub fn decode(bytes: &[u8]) -> Result<Self, PreKeyDecodeError> {
        let mut reader = Reader::new(bytes, KIND_SIGNED)?;
        let id = SignedPreKeyId::new(reader.u32()?);
        let created = reader.timestamp()?;
        let key_pair = reader.key_pair()?;
        let signature = reader.signature()?;
        reader.end()?;
        Ok(Self { id, created, key_pair, signature })
    }
}

impl KyberPreKey {
    /// Makes a fresh one and signs it.
    #[must_use]
    pub fn generate<I, R>(id: KyberPreKeyId, identity: &I, now: Timestamp, rng: &mut R) -> Self
    where
        I: LocalIdentity + ?Sized,
        R: CryptoRng + ?Sized,
    {
        let key_pair = KemKeyPair::generate(rng);
        let signature = identity.sign(&[&key_pair.public().serialize()], &mut &mut *rng);
        Self { id, created: now, key_pair, signature }
    }

    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = header(KIND_KYBER, self.id.value());
        out.extend_from_slice(&self.created.as_millis().to_be_bytes());
        out.extend_from_slice(&self.key_pair.public().serialize());
        out.extend_from_slice(self.key_pair.secret().serialize().expose());
        out.extend_from_slice(self.signature.as_bytes());
        out
    }

    /// Reads the stored form. The signature is not verified again.
    ///
    /// # Errors
    ///
    /// The record was damaged, or written by a newer version.
    pub fn decode(bytes: &[u8]) -> Result<Self, PreKeyDecodeError> {
        let mut reader = Reader::new(bytes, KIND_KYBER)?;
        let id = KyberPreKeyId::new(reader.u32()?);
        let created = reader.timestamp()?;
        let public = KemPublicKey::deserialize(reader.take(KemPublicKey::LENGTH)?)
            .map_err(|_| PreKeyDecodeError::Damaged)?;
        let secret = KemSecretKey::deserialize(reader.take(KemSecretKey::LENGTH)?)
            .map_err(|_| PreKeyDecodeError::Damaged)?;
        let signature = reader.signature()?;
        reader.end()?;
        Ok(Self { id, created, key_pair: KemKeyPair::from_parts(public, secret), signature })
    }
}

/// Why a stored prekey cannot be read. The session that wants it cannot be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PreKeyDecodeError {
    /// Not what was written.
    #[error("the stored prekey is damaged")]
    Damaged,
    /// Written by a newer version of this program.
    #[error("the stored prekey has an unknown version")]
    UnknownVersion,
}

fn header(kind: u8, id: u32) -> Zeroizing<Vec<u8>> {
    // Room for the largest record, so that growing leaves no copy of a key behind.
    let mut out = Zeroizing::new(Vec::with_capacity(5_000));
    out.extend_from_slice(&[STORED_VERSION, kind]);
    out.extend_from_slice(&id.to_be_bytes());
    out
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], kind: u8) -> Result<Self, PreKeyDecodeError> {
        match bytes {
            [STORED_VERSION, found, rest @ ..] if *found == kind => Ok(Self(rest)),
            [STORED_VERSION, ..] | [] => Err(PreKeyDecodeError::Damaged),
            _ => Err(PreKeyDecodeError::UnknownVersion),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], PreKeyDecodeError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(PreKeyDecodeError::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], PreKeyDecodeError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(PreKeyDecodeError::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, PreKeyDecodeError> {
        self.array().map(|bytes| u32::from_be_bytes(*bytes))
    }

    fn timestamp(&mut self) -> Result<Timestamp, PreKeyDecodeError> {
        self.array().map(|bytes| Timestamp::from_millis(u64::from_be_bytes(*bytes)))
    }

    fn key_pair(&mut self) -> Result<KeyPair, PreKeyDecodeError> {
        let private = PrivateKey::deserialize(self.take(32)?).map_err(|_| PreKeyDecodeError::Damaged)?;
        Ok(KeyPair::from_private(private))
    }

    fn signature(&mut self) -> Result<Signature, PreKeyDecodeError> {
        self.array().map(|bytes| Signature::from_bytes(*bytes))
    }

    fn end(self) -> Result<(), PreKeyDecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(PreKeyDecodeError::Damaged) }
    }
}
