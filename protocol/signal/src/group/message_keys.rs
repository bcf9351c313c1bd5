//! The keys of one group message.
//!
//! Not its concern: the chain they come from, and signatures, which alone authenticate the ciphertext.

use zeroize::Zeroizing;

use crate::{
    Secret,
    crypto::{
        cipher::{self, CipherError},
        kdf, labels,
    },
    ratchet::MessageSeed,
};

/// IV (16 bytes) and cipher key (32) of one message.
pub(super) struct GroupMessageKeys {
    iv: Secret<16>,
    cipher_key: Secret<32>,
}

impl GroupMessageKeys {
    /// Takes the seed: it serves once.
    ///
    /// Spec: Signal protocol 9.2 Derivations.
    pub(super) fn derive(seed: MessageSeed) -> Self {
        let okm = kdf::hkdf::<48>(None, seed.secret().expose(), labels::GROUP_MESSAGE_KEYS);
        Self { iv: okm.part::<0, 16>(), cipher_key: okm.part::<16, 32>() }
    }

    pub(super) fn encrypt(self, plaintext: &[u8]) -> Vec<u8> {
        cipher::cbc_encrypt(&self.cipher_key, &self.iv, plaintext)
    }

    /// Check the signature first: nothing else authenticates the ciphertext.
    pub(super) fn decrypt(self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, CipherError> {
        cipher::cbc_decrypt(&self.cipher_key, &self.iv, ciphertext)
    }
}
