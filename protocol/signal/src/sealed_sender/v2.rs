//! Version 2: one ciphertext for many recipients, each with 48 bytes of their own.
//!
//! ```text
//! sent      0x23 | count | { service id | device, registration id .. | C | AT } .. | E | ciphertext
//! received  0x22 | C | AT | E | ciphertext                                  (what the server makes for each device)
//! ```
//!
//! A random `M` gives the ephemeral pair `E` and the content key. `C` carries `M` to one recipient; `AT` proves to them
//! who sealed it.
//!
//! Not its concern: the content, and whether the sender's certificate holds. For many it is [`seal`] and [`split`].
//!
//! Spec: Signal protocol 10.6 Version 2 (multi-recipient).

mod many;
mod split;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

pub use self::many::{Destination, DestinationSession, seal, seal_spread};
pub use self::split::{SplitMessage, SplitRecipient, split};
use super::{OpenError, SealError, SealedContent};
use crate::crypto::{KeyError, KeyPair, PrivateKey, PublicKey, cipher, kdf, labels};
use crate::keys::{IdentityKey, LocalIdentity};
use crate::secret::Secret;

/// The first byte of the form each recipient gets.
pub const RECEIVED_VERSION_BYTE: u8 = 0x22;
/// The first byte of the form for many.
pub const SENT_VERSION_BYTE: u8 = 0x23;
/// How much longer the received form is than the content: `C`, `AT`, `E` and the tag; the version byte is not counted.
pub const OVERHEAD: usize = MASKED_LENGTH + TAG_LENGTH + EPHEMERAL_LENGTH + cipher::GCM_SIV_TAG_LENGTH;

const MASKED_LENGTH: usize = 32;
const TAG_LENGTH: usize = 16;
const EPHEMERAL_LENGTH: usize = 32;
/// Set in a registration id when another device of the same recipient follows.
const ANOTHER_DEVICE: u16 = 0x8000;

/// Seals encoded content for one recipient, in the received form.
///
/// # Errors
/// [`SealError::Key`] when the recipient's key agrees to nothing.
pub fn seal_for_one<R: CryptoRng + ?Sized>(
    content: &[u8],
    local: &(impl LocalIdentity + ?Sized),
    recipient: &IdentityKey,
    rng: &mut R,
) -> Result<Vec<u8>, SealError> {
    let message = MessageSecrets::random(rng);
    let share = message.share(local, recipient)?;
    let ciphertext = cipher::gcm_siv_seal(&message.content_key, content).ok_or(SealError::TooLong)?;
    let mut sealed = Vec::with_capacity(1 + OVERHEAD + content.len());
    sealed.push(RECEIVED_VERSION_BYTE);
    share.write(&mut sealed);
    sealed.extend_from_slice(message.ephemeral.public().as_bytes());
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

/// Opens what follows the version byte of the received form.
pub(super) fn open(sealed: &[u8], local: &(impl LocalIdentity + ?Sized)) -> Result<SealedContent, OpenError> {
    let (masked, rest) = sealed.split_first_chunk().ok_or(OpenError::InvalidProtobufEncoding)?;
    let (tag, rest) = rest.split_first_chunk().ok_or(OpenError::InvalidProtobufEncoding)?;
    let (ephemeral, ciphertext) = rest.split_first_chunk().ok_or(OpenError::InvalidProtobufEncoding)?;
    let share = Share { masked: *masked, tag: *tag };
    let ephemeral = PublicKey::from_bytes(*ephemeral);
    let recipient = local.identity_key();

    let message_secret = mask(masked, &local.agree(&ephemeral)?, &ephemeral, &recipient);
    let message = MessageSecrets::derive(message_secret);
    if *message.ephemeral.public() != ephemeral {
        return Err(OpenError::InvalidSealedSenderMessage);
    }
    let content = cipher::gcm_siv_open(&message.content_key, ciphertext)
        .map_err(|_| OpenError::InvalidSealedSenderMessage)?;
    let content = SealedContent::decode(&content)?;
    let sender = content.certificate.identity_key();
    let agreed = local.agree(sender.public_key())?;
    let expected = authentication_tag(&agreed, &ephemeral, &share.masked, sender, &recipient);
    if !bool::from(expected.expose().ct_eq(&share.tag)) {
        return Err(OpenError::InvalidSealedSenderMessage);
    }
    Ok(content)
}

/// `M` and what is derived from it.
struct MessageSecrets {
    message_secret: Secret<32>,
    ephemeral: KeyPair,
    content_key: Secret<32>,
}

impl MessageSecrets {
    /// Fresh ones. Never reused: the nonce of the content key is fixed.
    fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self::derive(Secret::random(rng))
    }

    fn derive(message_secret: Secret<32>) -> Self {
        let r = kdf::hkdf::<32>(None, message_secret.expose(), labels::SEALED_SENDER_V2_R);
        let ephemeral = KeyPair::from_private(PrivateKey::from_secret(&r));
        let content_key = kdf::hkdf(None, message_secret.expose(), labels::SEALED_SENDER_V2_K);
        Self { message_secret, ephemeral, content_key }
    }

    fn share(
        &self,
        local: &(impl LocalIdentity + ?Sized),
        recipient: &IdentityKey,
    ) -> Result<Share, KeyError> {
        let ephemeral = self.ephemeral.public();
        let agreed = self.ephemeral.private().agree(recipient.public_key())?;
        let masked = *mask(self.message_secret.expose(), &agreed, ephemeral, recipient).expose();
        let agreed = local.agree(recipient.public_key())?;
        let tag = authentication_tag(&agreed, ephemeral, &masked, &local.identity_key(), recipient);
        Ok(Share { masked, tag: *tag.expose() })
    }
}

/// One recipient's `C` and `AT`. Public.
struct Share {
    masked: [u8; MASKED_LENGTH],
    tag: [u8; TAG_LENGTH],
}

impl Share {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.masked);
        out.extend_from_slice(&self.tag);
    }
}

/// `M` to `C` and back: XOR with a key that ephemeral and recipient share.
fn mask(bytes: &[u8; 32], agreed: &Secret<32>, ephemeral: &PublicKey, recipient: &IdentityKey) -> Secret<32> {
    let key = kdf::hkdf_parts::<32>(
        None,
        &[agreed.expose(), &ephemeral.serialize(), &recipient.serialize()],
        labels::SEALED_SENDER_V2_DH,
    );
    Secret::filled_by(|out| {
        for ((to, byte), key) in out.iter_mut().zip(bytes).zip(key.expose()) {
            *to = byte ^ key;
        }
    })
}

/// `AT`: only sender and recipient can make it.
fn authentication_tag(
    agreed: &Secret<32>,
    ephemeral: &PublicKey,
    masked: &[u8; MASKED_LENGTH],
    sender: &IdentityKey,
    recipient: &IdentityKey,
) -> Secret<TAG_LENGTH> {
    kdf::hkdf_parts(
        None,
        &[agreed.expose(), &ephemeral.serialize(), masked, &sender.serialize(), &recipient.serialize()],
        labels::SEALED_SENDER_V2_DH_SENDER,
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::Sender;
    use super::*;
    use crate::keys::IdentityKeyPair;
    use crate::test_rng;

    #[test]
    fn the_one_recipient_opens_what_was_sealed_and_nobody_else() {
        let mut rng = test_rng(1);
        let sender = Sender::new(1);
        let (bob, carol) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
        let content = sender.content(b"noon, by the bridge");
        let sealed =
            seal_for_one(&content.encode(), &sender.identity, &bob.identity_key(), &mut rng).unwrap();
        assert_eq!(sealed.len(), 1 + OVERHEAD + content.encoded_len());
        assert_eq!(super::super::open(&sealed, &bob).unwrap(), content);
        assert_eq!(super::super::open(&sealed, &carol), Err(OpenError::InvalidSealedSenderMessage));
    }

    #[test]
    fn a_certificate_of_another_identity_does_not_open() {
        let mut rng = test_rng(2);
        let (sender, thief) = (Sender::new(2), IdentityKeyPair::generate(&mut rng));
        let bob = IdentityKeyPair::generate(&mut rng);
        let sealed =
            seal_for_one(&sender.content(b"").encode(), &thief, &bob.identity_key(), &mut rng).unwrap();
        assert_eq!(super::super::open(&sealed, &bob), Err(OpenError::InvalidSealedSenderMessage));
    }

    #[test]
    fn every_flipped_bit_behind_the_version_is_noticed() {
        let mut rng = test_rng(3);
        let (sender, bob) = (Sender::new(3), IdentityKeyPair::generate(&mut rng));
        let sealed =
            seal_for_one(&sender.content(b"x").encode(), &sender.identity, &bob.identity_key(), &mut rng)
                .unwrap();
        for bit in 8..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(super::super::open(&changed, &bob).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_padded_envelope_has_the_very_size() {
        let mut rng = test_rng(4);
        let (sender, bob) = (Sender::new(4), IdentityKeyPair::generate(&mut rng));
        let content = sender.content(b"text");
        for size in [3_968, 8_064, 16_256, 32_640, 65_408] {
            let padded = content.encode_padded(size - 1 - OVERHEAD).unwrap();
            let sealed = seal_for_one(&padded, &sender.identity, &bob.identity_key(), &mut rng).unwrap();
            assert_eq!(sealed.len(), size);
            assert_eq!(super::super::open(&sealed, &bob).unwrap(), content);
        }
    }
}
