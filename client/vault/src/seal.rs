//! Keys, randomness and the one sealed form that everything in a vault has on disk.
//!
//! `nonce (24) ‖ ciphertext ‖ tag (16)`, XChaCha20-Poly1305. The nonce is random even where a key is used once, so
//! that no argument about use counts is needed.
//!
//! Not its concern: what is sealed (`header`, `table`, `records`) and where it lies.

use std::fmt;

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand::TryRng;
use rand::rngs::SysRng;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of a key.
pub(crate) const KEY_LENGTH: usize = 32;

const NONCE_LENGTH: usize = 24;
const TAG_LENGTH: usize = 16;

/// Bytes the sealed form adds to the plain one: nonce and tag.
pub(crate) const OVERHEAD: usize = NONCE_LENGTH + TAG_LENGTH;

/// Associated data of a key slot.
pub(crate) const SLOT: &[u8] = b"khaima/v1/vault-slot\0";
/// Associated data of a root page.
pub(crate) const ROOT: &[u8] = b"khaima/v1/vault-root\0";
/// Associated data of a page of the key table.
pub(crate) const PAGE: &[u8] = b"khaima/v1/vault-page\0";
/// Associated data of a chunk of a record.
pub(crate) const RECORD: &[u8] = b"khaima/v1/vault-record\0";
/// Derives the key of the root pages from a master key.
pub(crate) const ROOT_KEY: &[u8] = b"khaima/v1/vault-root-key\0";
/// Derives the key of a record's chunks from the record's secret.
pub(crate) const RECORD_KEY: &[u8] = b"khaima/v1/vault-record-key\0";
/// Derives the names of a record's chunks from the record's secret.
pub(crate) const RECORD_NAME: &[u8] = b"khaima/v1/vault-record-name\0";

/// The operating system gave no random bytes. Nothing was written; stop.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct RandomError;

/// A symmetric key, wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Key(Box<[u8; KEY_LENGTH]>);

impl Key {
    /// A fresh random key.
    pub(crate) fn random() -> Result<Self, RandomError> {
        let mut key = Self(Box::new([0; KEY_LENGTH]));
        fill_random(key.0.as_mut_slice())?;
        Ok(key)
    }

    /// The key with these bytes; `None` unless there are 32.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self(Box::new([0; KEY_LENGTH]));
        (bytes.len() == KEY_LENGTH).then(|| {
            key.0.copy_from_slice(bytes);
            key
        })
    }

    /// All zero, to be filled by a key derivation.
    pub(crate) fn zero() -> Self {
        Self(Box::new([0; KEY_LENGTH]))
    }

    /// The bytes, for sealing them into something else.
    pub(crate) fn expose(&self) -> &[u8; KEY_LENGTH] {
        &self.0
    }

    /// The bytes, for a key derivation to write.
    pub(crate) fn expose_mut(&mut self) -> &mut [u8; KEY_LENGTH] {
        &mut self.0
    }

    /// HKDF-SHA256 of this key without salt.
    pub(crate) fn derive(&self, label: &[u8]) -> Self {
        let mut derived = Self::zero();
        #[expect(clippy::expect_used, reason = "HKDF-SHA256 gives up to 8,160 bytes")]
        Hkdf::<Sha256>::new(None, self.0.as_slice())
            .expand(label, derived.0.as_mut_slice())
            .expect("32 bytes can be derived");
        derived
    }

    /// HMAC-SHA256 under this key over the parts in a row.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(self.0.as_slice()).expect("any length");
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Fills `buffer` from the operating system.
pub(crate) fn fill_random(buffer: &mut [u8]) -> Result<(), RandomError> {
    SysRng.try_fill_bytes(buffer).map_err(|_| RandomError)
}

/// Seals `plain`; the result is [`OVERHEAD`] bytes longer.
pub(crate) fn seal(key: &Key, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>, RandomError> {
    let mut nonce = [0; NONCE_LENGTH];
    fill_random(&mut nonce)?;
    let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plain);
    let (_, body) = sealed.split_at_mut(NONCE_LENGTH);
    #[expect(clippy::expect_used, reason = "fails only past 256 GiB; callers seal at most a page or a chunk")]
    let tag = XChaCha20Poly1305::new(key.expose().into())
        .encrypt_inout_detached(&XNonce::from(nonce), associated, body.into())
        .expect("short enough");
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

/// Opens what [`seal`] made; `None` when anything about it is wrong.
pub(crate) fn open(key: &Key, associated: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LENGTH>()?;
    let (body, tag) = rest.split_last_chunk::<TAG_LENGTH>()?;
    let mut plain = Zeroizing::new(body.to_vec());
    XChaCha20Poly1305::new(key.expose().into())
        .decrypt_inout_detached(
            &XNonce::from(*nonce),
            associated,
            plain.as_mut_slice().into(),
            &(*tag).into(),
        )
        .ok()?;
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_with_its_key_data_and_bytes() {
        let key = Key::random().unwrap();
        let sealed = seal(&key, b"data", b"plain").unwrap();
        assert_eq!(sealed.len(), 5 + OVERHEAD);
        assert_eq!(open(&key, b"data", &sealed).unwrap().as_slice(), b"plain");
        assert!(open(&Key::random().unwrap(), b"data", &sealed).is_none());
        assert!(open(&key, b"Data", &sealed).is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&key, b"data", &changed).is_none());
            assert!(open(&key, b"data", &sealed[..at]).is_none());
        }
    }

    #[test]
    fn the_sealed_form_is_frozen() {
        let key = Key::from_slice(&[7; 32]).unwrap();
        let sealed = hex::decode(FROZEN).unwrap();
        assert_eq!(open(&key, PAGE, &sealed).unwrap().as_slice(), b"khaima");
        assert_eq!(hex::encode(key.derive(ROOT_KEY).expose()), FROZEN_DERIVED);
        assert_eq!(hex::encode(key.mac(&[RECORD_NAME, b"x"])), FROZEN_MAC);
    }

    const FROZEN: &str =
        "63b9afe39212b732b90d733640ae453b9e7a1bc57f228bceb0906d176448fa9fa70a10246ce320c44195658c8d6f";
    // These two are computed with another implementation of HMAC.
    const FROZEN_DERIVED: &str = "9ae32410e60422b0054cc747ad15267d44dbebe4f7c6f4f3da4ae86df10bd090";
    const FROZEN_MAC: &str = "a5a2e8a77ea8026e2be4dcc3c597e1e6e4d33732471e92b8434b7e3e185b8f96";

    #[test]
    fn a_key_does_not_print_itself() {
        assert_eq!(format!("{:?}", Key::random().unwrap()), "Key(..)");
    }

    #[test]
    fn labels_are_distinct_and_none_begins_another() {
        let labels = [SLOT, ROOT, PAGE, RECORD, ROOT_KEY, RECORD_KEY, RECORD_NAME];
        for (at, one) in labels.iter().enumerate() {
            for other in &labels[at + 1..] {
                assert!(!one.starts_with(other) && !other.starts_with(one));
            }
        }
    }
}
