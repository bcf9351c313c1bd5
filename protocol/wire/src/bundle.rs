//! Prekey bundles as a relay sees them: 4,032 sealed bytes.
//!
//! A bundle in the clear would show the identity key and so tie together all mailboxes of a person. It is sealed
//! under the mailbox's bundle key, which travels in the invitation or card and never to the relay.
//!
//! ```text
//!   nonce (24) || XChaCha20-Poly1305( length (2, big endian) || bundle || zeros ) || tag (16)
//!   associated data: "khaima/v1/bundle" || 0x00 || mailbox id (32)
//! ```
//!
//! Not its concern: what is in a bundle.

use std::fmt;

use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::secret::secret_32;
use crate::{Label, MailboxId};

secret_32!(
    /// The key under which a mailbox's prekey bundles are sealed. Never shown to a relay.
    BundleKey
);

/// Why a bundle could not be made or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The bundle in the clear is longer than [`SealedBundle::MAX_PLAIN`]. A bug of the caller.
    #[error("bundle too long to seal")]
    TooLong,
    /// Sealed bytes have another size than [`SealedBundle::SIZE`]. Refuse them.
    #[error("not the size of a sealed bundle")]
    WrongSize,
    /// Not sealed under this key for this mailbox, or changed since. Discard it and claim another.
    #[error("cannot open sealed bundle")]
    Undecryptable,
}

/// A sealed prekey bundle: exactly 4,032 bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SealedBundle(Vec<u8>);

impl SealedBundle {
    /// Size in bytes. One size, so that a bundle shows neither its kind nor how much is in it.
    pub const SIZE: usize = 4_032;

    /// The longest bundle that can be sealed, in bytes: the size less nonce, tag and length.
    pub const MAX_PLAIN: usize = Self::SIZE - NONCE_LENGTH - TAG_LENGTH - 2;

    /// Seals `plain` under `key` for `mailbox`.
    ///
    /// # Errors
    ///
    /// [`BundleError::TooLong`] above [`Self::MAX_PLAIN`] bytes.
    pub fn seal<R: CryptoRng + ?Sized>(
        plain: &[u8],
        key: &BundleKey,
        mailbox: &MailboxId,
        rng: &mut R,
    ) -> Result<Self, BundleError> {
        if plain.len() > Self::MAX_PLAIN {
            return Err(BundleError::TooLong);
        }
        let length = u16::try_from(plain.len()).map_err(|_| BundleError::TooLong)?;
        let mut nonce = [0; NONCE_LENGTH];
        rng.fill_bytes(&mut nonce);
        let mut body = Zeroizing::new(Vec::with_capacity(Self::SIZE));
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(plain);
        body.resize(Self::SIZE - NONCE_LENGTH - TAG_LENGTH, 0);
        let tag = cipher(key)
            .encrypt_inout_detached(
                &XNonce::from(nonce),
                &associated_data(mailbox),
                body.as_mut_slice().into(),
            )
            .map_err(|_| BundleError::TooLong)?;
        let mut sealed = Vec::with_capacity(Self::SIZE);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&body);
        sealed.extend_from_slice(&tag);
        Ok(Self(sealed))
    }

    /// Opens it with the bundle key of `mailbox`.
    ///
    /// # Errors
    ///
    /// [`BundleError::Undecryptable`] for another key or mailbox, or a single changed bit.
    pub fn open(&self, key: &BundleKey, mailbox: &MailboxId) -> Result<Zeroizing<Vec<u8>>, BundleError> {
        let (nonce, rest) = self.0.split_first_chunk::<NONCE_LENGTH>().ok_or(BundleError::WrongSize)?;
        let (body, tag) = rest.split_last_chunk::<TAG_LENGTH>().ok_or(BundleError::WrongSize)?;
        let mut body = Zeroizing::new(body.to_vec());
        cipher(key)
            .decrypt_inout_detached(
                &XNonce::from(*nonce),
                &associated_data(mailbox),
                body.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .map_err(|_| BundleError::Undecryptable)?;
        let (length, padded) = body.split_first_chunk::<2>().ok_or(BundleError::WrongSize)?;
        let (plain, padding) =
            padded.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(BundleError::Undecryptable)?;
        // One sealed form per bundle: padding carries nothing.
        if padding.iter().any(|&byte| byte != 0) {
            return Err(BundleError::Undecryptable);
        }
        Ok(Zeroizing::new(plain.to_vec()))
    }

    /// Takes sealed bytes as received.
    ///
    /// # Errors
    ///
    /// [`BundleError::WrongSize`] unless they are 4,032.
    pub fn from_bytes(sealed: Vec<u8>) -> Result<Self, BundleError> {
        if sealed.len() == Self::SIZE { Ok(Self(sealed)) } else { Err(BundleError::WrongSize) }
    }

    /// The sealed bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The sealed bytes, given away.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Debug for SealedBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedBundle(..)")
    }
}

const NONCE_LENGTH: usize = 24;
const TAG_LENGTH: usize = 16;

fn cipher(key: &BundleKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose().into())
}

fn associated_data(mailbox: &MailboxId) -> Vec<u8> {
    Label::BUNDLE.before(&[mailbox.as_bytes()])
}
