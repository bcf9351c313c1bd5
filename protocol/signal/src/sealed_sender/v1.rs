//! Version 1: an envelope for one recipient.
//!
//! ```text
//! 0x11 | ephemeral key E | S sealed under DH(E, R) | content sealed under DH(S, R)
//! ```
//!
//! Not its concern: the content and whether the sender's certificate holds.
//!
//! Spec: Signal protocol 10.5 Version 1 (single recipient).

use prost::Message;
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use super::{OpenError, SealError, SealedContent};
use crate::crypto::{KeyPair, PublicKey, cipher, kdf, labels};
use crate::keys::{IdentityKey, LocalIdentity};
use crate::message::append;
use crate::secret::Secret;

/// The first byte of an envelope of this version.
pub const VERSION_BYTE: u8 = 0x11;

/// Seals encoded content for the recipient.
///
/// # Errors
/// [`SealError::Key`] when the recipient's key agrees to nothing.
pub fn seal<R: CryptoRng + ?Sized>(
    content: &[u8],
    local: &(impl LocalIdentity + ?Sized),
    recipient: &IdentityKey,
    rng: &mut R,
) -> Result<Vec<u8>, SealError> {
    let ephemeral = KeyPair::generate(rng);
    let agreed = ephemeral.private().agree(recipient.public_key())?;
    let outer = OuterKeys::derive(recipient, ephemeral.public(), &agreed);
    let sealed_static = cipher::ctr_seal(&outer.cipher, &outer.mac, &local.identity_key().serialize());
    let inner = InnerKeys::derive(&outer.chain, &sealed_static, &local.agree(recipient.public_key())?);
    let proto = UnidentifiedSenderMessage {
        ephemeral_public: Some(ephemeral.public().serialize().to_vec()),
        encrypted_static: Some(sealed_static),
        encrypted_message: Some(cipher::ctr_seal(&inner.cipher, &inner.mac, content)),
    };
    let mut sealed = Vec::with_capacity(1 + proto.encoded_len());
    sealed.push(VERSION_BYTE);
    append(&proto, &mut sealed);
    Ok(sealed)
}

/// Opens what follows the version byte.
pub(super) fn open(sealed: &[u8], local: &(impl LocalIdentity + ?Sized)) -> Result<SealedContent, OpenError> {
    let proto = UnidentifiedSenderMessage::decode(sealed)?;
    let (Some(ephemeral), Some(sealed_static), Some(sealed_content)) =
        (proto.ephemeral_public, proto.encrypted_static, proto.encrypted_message)
    else {
        return Err(OpenError::InvalidProtobufEncoding);
    };
    let ephemeral = PublicKey::deserialize(&ephemeral)?;
    let outer = OuterKeys::derive(&local.identity_key(), &ephemeral, &local.agree(&ephemeral)?);
    let static_key = cipher::ctr_open(&outer.cipher, &outer.mac, &sealed_static)
        .map_err(|_| OpenError::InvalidSealedSenderMessage)?;
    let sender = PublicKey::deserialize(&static_key)?;

    let inner = InnerKeys::derive(&outer.chain, &sealed_static, &local.agree(&sender)?);
    let content = cipher::ctr_open(&inner.cipher, &inner.mac, &sealed_content)
        .map_err(|_| OpenError::InvalidSealedSenderMessage)?;
    let content = SealedContent::decode(&content)?;
    // Otherwise anyone could seal another's certificate under a key of their own.
    if !bool::from(static_key.as_slice().ct_eq(&content.certificate.identity_key().serialize())) {
        return Err(OpenError::InvalidSealedSenderMessage);
    }
    // Only now, so that whatever else is wrong is reported as everybody reports it.
    if !ephemeral.is_in_range() {
        return Err(OpenError::InvalidSealedSenderMessage);
    }
    Ok(content)
}

/// Keys from the ephemeral agreement: they hide the sender's identity key.
struct OuterKeys {
    chain: Secret<32>,
    cipher: Secret<32>,
    mac: Secret<32>,
}

impl OuterKeys {
    fn derive(recipient: &IdentityKey, ephemeral: &PublicKey, agreed: &Secret<32>) -> Self {
        let salt = [labels::SEALED_SENDER_V1, &recipient.serialize(), &ephemeral.serialize()].concat();
        let okm = kdf::hkdf::<96>(Some(&salt), agreed.expose(), &[]);
        Self { chain: okm.part::<0, 32>(), cipher: okm.part::<32, 32>(), mac: okm.part::<64, 32>() }
    }
}

/// Keys from the agreement of both identities: they hide the content and prove the sender.
struct InnerKeys {
    cipher: Secret<32>,
    mac: Secret<32>,
}

impl InnerKeys {
    fn derive(chain: &Secret<32>, sealed_static: &[u8], agreed: &Secret<32>) -> Self {
        let salt = zeroize::Zeroizing::new([chain.expose(), sealed_static].concat());
        let okm = kdf::hkdf::<96>(Some(&salt), agreed.expose(), &[]);
        Self { cipher: okm.part::<32, 32>(), mac: okm.part::<64, 32>() }
    }
}

/// Wire form.
#[derive(Clone, PartialEq, prost::Message)]
struct UnidentifiedSenderMessage {
    #[prost(bytes = "vec", optional, tag = "1")]
    ephemeral_public: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    encrypted_static: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    encrypted_message: Option<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::super::testing::Sender;
    use super::*;
    use crate::keys::IdentityKeyPair;
    use crate::test_rng;

    #[test]
    fn the_recipient_opens_what_was_sealed_and_nobody_else() {
        let mut rng = test_rng(1);
        let sender = Sender::new(1);
        let (bob, carol) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
        let content = sender.content(b"noon, by the bridge");
        let sealed = seal(&content.encode(), &sender.identity, &bob.identity_key(), &mut rng).unwrap();
        assert_eq!(super::super::open(&sealed, &bob).unwrap(), content);
        assert_eq!(super::super::open(&sealed, &carol), Err(OpenError::InvalidSealedSenderMessage));
    }

    #[test]
    fn a_certificate_of_another_identity_does_not_open() {
        let mut rng = test_rng(2);
        let (sender, thief) = (Sender::new(2), IdentityKeyPair::generate(&mut rng));
        let bob = IdentityKeyPair::generate(&mut rng);
        let sealed = seal(&sender.content(b"").encode(), &thief, &bob.identity_key(), &mut rng).unwrap();
        assert_eq!(super::super::open(&sealed, &bob), Err(OpenError::InvalidSealedSenderMessage));
    }

    #[test]
    fn every_flipped_bit_behind_the_version_is_noticed() {
        let mut rng = test_rng(3);
        let (sender, bob) = (Sender::new(3), IdentityKeyPair::generate(&mut rng));
        let sealed =
            seal(&sender.content(b"x").encode(), &sender.identity, &bob.identity_key(), &mut rng).unwrap();
        for bit in 8..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(super::super::open(&changed, &bob).is_err(), "bit {bit}");
        }
    }
}
