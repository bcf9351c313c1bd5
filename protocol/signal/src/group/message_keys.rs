//! The keys of one group message.
//!
//! Not its concern: the chain they come from, and signatures, which alone authenticate the ciphertext.

use zeroize::Zeroizing;

use crate::{
    Secret,
    crypto::{
        cipher::{self, CipherError},
        hmac_key::HmacKey,
        labels,
    },
    ratchet::MessageSeed,
};

/// IV (16 bytes) and cipher key (32) of one message, in one piece.
pub(super) struct GroupMessageKeys(Secret<64>);

impl GroupMessageKeys {
    /// Takes the seed: it serves once.
    ///
    /// Spec: Signal protocol 9.2 Derivations.
    pub(super) fn derive(seed: MessageSeed) -> Self {
        let expand = HmacKey::zero().extract(seed.secret().expose());
        // The specification takes 48 bytes; the last block's other half goes unused.
        Self(expand.expand(labels::GROUP_MESSAGE_KEYS))
    }

    pub(super) fn encrypt(self, plaintext: &[u8]) -> Vec<u8> {
        cipher::cbc_encrypt(self.0.slice::<16, 32>(), self.0.slice::<0, 16>(), plaintext)
    }

    /// Check the signature first: nothing else authenticates the ciphertext.
    pub(super) fn decrypt(self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, CipherError> {
        cipher::cbc_decrypt(self.0.slice::<16, 32>(), self.0.slice::<0, 16>(), ciphertext)
    }
}
