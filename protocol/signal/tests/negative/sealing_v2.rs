//! Sealed sender 2 by hand, in the sent and the received form.
//!
//! Spec: Signal protocol 10.6 Version 2 (multi-recipient).

use aes_gcm_siv::{Aes256GcmSiv, KeyInit as _, Nonce, aead::Aead as _};
use khaima_signal::{IdentityKey, IdentityKeyPair, KeyPair, LocalIdentity as _, PrivateKey};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

use crate::by_hand::hkdf;

/// A message to many before it is put together.
pub struct ManyByHand {
    secret: [u8; 32],
    /// Whatever one likes it to be.
    pub ephemeral: KeyPair,
    ciphertext: Vec<u8>,
}

impl ManyByHand {
    pub fn new(content: &[u8], rng: &mut ChaCha20Rng) -> Self {
        let mut secret = [0; 32];
        rng.fill_bytes(&mut secret);
        let private = PrivateKey::from_bytes(hkdf(None, &secret, b"Sealed Sender v2: r (2023-08)"));
        let key: [u8; 32] = hkdf(None, &secret, b"Sealed Sender v2: K");
        let ciphertext = Aes256GcmSiv::new(&key.into()).encrypt(&Nonce::default(), content).unwrap();
        Self { secret, ephemeral: KeyPair::from_private(private), ciphertext }
    }

    /// `C` and `AT` for a recipient.
    fn share(&self, sender: &IdentityKeyPair, recipient: &IdentityKey) -> Vec<u8> {
        let ephemeral = self.ephemeral.public().serialize();
        let agreed = self.ephemeral.private().agree(recipient.public_key()).unwrap();
        let input = [agreed.expose(), ephemeral.as_slice(), &recipient.serialize()].concat();
        let mask: [u8; 32] = hkdf(None, &input, b"Sealed Sender v2: DH");
        let masked: Vec<u8> = mask.iter().zip(self.secret).map(|(mask, byte)| mask ^ byte).collect();
        let agreed = sender.agree(recipient.public_key()).unwrap();
        let keys = [sender.identity_key().serialize(), recipient.serialize()].concat();
        let input = [agreed.expose(), ephemeral.as_slice(), &masked, &keys].concat();
        let tag: [u8; 16] = hkdf(None, &input, b"Sealed Sender v2: DH-sender");
        [masked.as_slice(), &tag].concat()
    }

    fn shared(&self) -> Vec<u8> {
        [self.ephemeral.public().as_bytes(), self.ciphertext.as_slice()].concat()
    }

    /// What the recipient gets.
    pub fn received(&self, sender: &IdentityKeyPair, recipient: &IdentityKey) -> Vec<u8> {
        [&[0x22], self.share(sender, recipient).as_slice(), &self.shared()].concat()
    }

    /// One entry of the sent form, under any id and with any devices.
    pub fn entry(
        &self,
        sender: &IdentityKeyPair,
        recipient: &IdentityKey,
        id: &[u8],
        devices: &[u8],
    ) -> Vec<u8> {
        [id, devices, &self.share(sender, recipient)].concat()
    }

    pub fn sent(&self, count: &[u8], entries: &[Vec<u8>]) -> Vec<u8> {
        [&[0x23], count, &entries.concat(), &self.shared()].concat()
    }
}
