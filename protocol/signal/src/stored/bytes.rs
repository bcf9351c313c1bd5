//! Fields of fixed size, one after the other.
//!
//! Not its concern: which fields, and in which order.

use zeroize::Zeroizing;

use super::DecodeError;
use crate::{KeyPair, PrivateKey, PublicKey, Secret, ratchet::ChainKey};

/// Version of every stored form here.
pub(crate) const STORED_VERSION: u8 = 1;

/// Appends; its capacity is set at the start, so that growing leaves no copies of keys behind.
pub(crate) struct Writer(pub(crate) Zeroizing<Vec<u8>>);

impl Writer {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(capacity)))
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// A count that is known to be at most 255.
    pub(crate) fn count8(&mut self, count: usize) {
        #[expect(clippy::expect_used, reason = "five chains or forty archived states at most")]
        self.u8(u8::try_from(count).expect("a small count"));
    }

    pub(crate) fn count16(&mut self, count: usize) {
        #[expect(clippy::expect_used, reason = "2000 skipped seeds at most")]
        let count = u16::try_from(count).expect("a small count");
        self.bytes(&count.to_be_bytes());
    }

    pub(crate) fn count32(&mut self, count: usize) {
        #[expect(clippy::expect_used, reason = "the post-quantum ratchet's base has some kilobytes")]
        self.u32(u32::try_from(count).expect("below four gigabytes"));
    }

    pub(crate) fn chain(&mut self, chain: &ChainKey) {
        self.bytes(chain.secret().expose());
        self.u32(chain.index());
    }
}

/// Takes from the front; every shortage is [`DecodeError::Damaged`].
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Checks the version.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        match bytes.split_first() {
            Some((&STORED_VERSION, rest)) => Ok(Self(rest)),
            Some(_) => Err(DecodeError::UnknownVersion),
            None => Err(DecodeError::Damaged),
        }
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(DecodeError::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], DecodeError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(DecodeError::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| *byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(|bytes| u16::from_be_bytes(*bytes))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(|bytes| u32::from_be_bytes(*bytes))
    }

    /// One byte, 0 or 1.
    pub(crate) fn flag(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Damaged),
        }
    }

    pub(crate) fn public_key(&mut self) -> Result<PublicKey, DecodeError> {
        self.array().map(|bytes| PublicKey::from_bytes(*bytes))
    }

    pub(crate) fn secret(&mut self) -> Result<Secret<32>, DecodeError> {
        Secret::from_slice(self.take(32)?).ok_or(DecodeError::Damaged)
    }

    pub(crate) fn chain(&mut self) -> Result<ChainKey, DecodeError> {
        Ok(ChainKey::new(self.secret()?, self.u32()?))
    }

    /// A private key is stored as it is used; anything that reading would change is damage.
    pub(crate) fn key_pair(&mut self) -> Result<KeyPair, DecodeError> {
        let stored = self.secret()?;
        let private = PrivateKey::from_secret(&stored);
        if private.serialize() != stored {
            return Err(DecodeError::Damaged);
        }
        Ok(KeyPair::from_private(private))
    }

    /// All that is left, to the end.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn end(self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError::Damaged) }
    }
}
