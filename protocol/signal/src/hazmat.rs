//! The parts inside, for test vectors, fuzzing and benchmarks. Not an interface.
//!
//! Everything here is sharp: keys can be used twice, checks left out, secrets taken apart. Nothing that sends messages
//! for people may name this module, and no promise is made that it stays as it is.
//!
//! Not its concern: anything an application needs; that is in the crate's root.

pub use crate::spqr::hazmat as spqr;

/// The crate's own wrappers around symmetric primitives, as messages use them.
pub mod primitives {
    use zeroize::Zeroizing;

    use crate::{IdentityKey, Secret, SignalMessage, crypto};

    /// HMAC-SHA256.
    #[must_use]
    pub fn hmac(key: &[u8], message: &[u8]) -> Secret<32> {
        crypto::kdf::hmac(key, &[message])
    }

    /// HMAC-SHA256 by the way that every message takes, for keys of 32 bytes.
    #[must_use]
    pub fn hmac_of_32(key: &[u8; 32], message: &[u8]) -> Secret<32> {
        crypto::hmac_key::HmacKey::new(key).mac(&[message])
    }

    /// HKDF-SHA256, `L` bytes of it.
    #[must_use]
    pub fn hkdf<const L: usize>(salt: Option<&[u8]>, input: &[u8], info: &[u8]) -> Secret<L> {
        crypto::kdf::hkdf(salt, input, info)
    }

    /// HKDF-SHA256 by the way that every message takes, for salts of 32 bytes; `L` is a multiple of 32.
    #[must_use]
    pub fn hkdf_of_32<const L: usize>(salt: &[u8; 32], input: &[u8], info: &[u8]) -> Secret<L> {
        crypto::hmac_key::HmacKey::new(salt).extract(input).expand(info)
    }

    /// AES-256-CBC with PKCS#7 padding.
    #[must_use]
    pub fn cbc_encrypt(key: &[u8; 32], iv: &[u8; 16], plaintext: &[u8]) -> Vec<u8> {
        crypto::cipher::cbc_encrypt(key, iv, plaintext)
    }

    /// Undoes [`cbc_encrypt`]; `None` for a length or padding that is none.
    #[must_use]
    pub fn cbc_decrypt(key: &[u8; 32], iv: &[u8; 16], ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        crypto::cipher::cbc_decrypt(key, iv, ciphertext).ok()
    }

    /// AES-256-GCM-SIV with a zero nonce and nothing associated.
    #[must_use]
    pub fn gcm_siv_seal(key: &Secret<32>, plaintext: &[u8]) -> Option<Vec<u8>> {
        crypto::cipher::gcm_siv_seal(key, plaintext)
    }

    /// Undoes [`gcm_siv_seal`]; `None` when the tag does not hold.
    #[must_use]
    pub fn gcm_siv_open(key: &Secret<32>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        crypto::cipher::gcm_siv_open(key, sealed).ok()
    }

    /// AES-256-CTR with 10 bytes of HMAC, as sealed sender 1 has it.
    #[must_use]
    pub fn ctr_seal(key: &Secret<32>, mac_key: &Secret<32>, plaintext: &[u8]) -> Vec<u8> {
        crypto::cipher::ctr_seal(key, mac_key, plaintext)
    }

    /// Undoes [`ctr_seal`]; `None` when the MAC does not hold.
    #[must_use]
    pub fn ctr_open(key: &Secret<32>, mac_key: &Secret<32>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        crypto::cipher::ctr_open(key, mac_key, sealed).ok()
    }

    /// Whether a message bears the MAC of this key.
    #[must_use]
    pub fn has_mac(
        message: &SignalMessage,
        mac_key: &[u8; 32],
        sender: &IdentityKey,
        receiver: &IdentityKey,
    ) -> bool {
        message.verify_mac(mac_key, sender, receiver)
    }
}
