//! Bytes from strangers: nothing that parses them panics, and what they change is noticed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "test code"
)]

use khaima_signal::sealed_sender::{
    ContentHint, SealedContent, SenderCertificate, SenderClaims, ServerCertificate, open, v1, v2,
};
use khaima_signal::{
    DeviceId, DistributionId, IdentityKeyPair, KemCiphertext, KemPublicKey, KemSecretKey, KeyPair,
    LocalIdentity, MessageType, PrivateKey, PublicKey, SenderKeyDistributionMessage, SenderKeyMessage,
    SenderKeyRecord, ServiceId, Timestamp,
};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

fn identity(seed: u64) -> IdentityKeyPair {
    IdentityKeyPair::generate(&mut ChaCha20Rng::seed_from_u64(seed))
}

/// Bytes that begin like something we parse.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let first = prop::sample::select(vec![0x05, 0x08, 0x0A, 0x11, 0x22, 0x23, 0x33]);
    (first, prop::collection::vec(any::<u8>(), 0..400))
        .prop_map(|(first, rest)| [&[first], &rest[..]].concat())
}

/// Any 32 bytes, and those of small order.
fn public_key_bytes() -> impl Strategy<Value = [u8; 32]> {
    let small = |first| std::array::from_fn(|i| if i == 0 { first } else { 0 });
    prop_oneof![4 => any::<[u8; 32]>(), 1 => Just(small(0)), 1 => Just(small(1))]
}

fn content(sender: &IdentityKeyPair, rng: &mut ChaCha20Rng) -> SealedContent {
    let server_key = KeyPair::generate(rng);
    let server = ServerCertificate::issue(1, server_key.public(), sender, rng);
    let claims = SenderClaims {
        uuid: "somebody".to_owned(),
        e164: None,
        device: DeviceId::new(1).unwrap(),
        expires: Timestamp::from_millis(0),
        identity_key: sender.identity_key(),
    };
    SealedContent {
        message_type: MessageType::Whisper,
        certificate: SenderCertificate::issue(claims, server, server_key.private(), rng),
        content: vec![7; 40],
        hint: ContentHint::Default,
        group_id: None,
    }
}

proptest! {
    #[test]
    fn no_parser_panics(bytes in plausible()) {
        let _ = open(&bytes, &identity(1));
        let _ = v2::split(&bytes);
        let _ = SealedContent::decode(&bytes);
        let _ = SenderCertificate::decode(&bytes);
        let _ = ServerCertificate::decode(&bytes);
        let _ = PublicKey::deserialize(&bytes);
        let _ = PrivateKey::deserialize(&bytes);
        let _ = KemPublicKey::deserialize(&bytes);
        let _ = KemSecretKey::deserialize(&bytes);
        let _ = KemCiphertext::deserialize(&bytes);
        let _ = SenderKeyMessage::decode(&bytes);
        let _ = SenderKeyDistributionMessage::decode(&bytes);
        let _ = ServiceId::from_binary(&bytes);
        let _ = String::from_utf8_lossy(&bytes).parse::<ServiceId>();
        let _ = String::from_utf8_lossy(&bytes).parse::<DistributionId>();
    }

    #[test]
    fn no_agreement_is_all_zeros(bytes in public_key_bytes(), seed in any::<u64>()) {
        let private = PrivateKey::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        if let Ok(shared) = private.agree(&PublicKey::from_bytes(bytes)) {
            prop_assert_ne!(shared.expose(), &[0; 32]);
        }
    }

    #[test]
    fn signing_verifies_for_any_key_and_message(
        key in any::<[u8; 32]>(),
        message in prop::collection::vec(any::<u8>(), 0..200),
        seed in any::<u64>(),
        bit in 0..512_usize,
    ) {
        let private = PrivateKey::from_bytes(key);
        let signature = private.sign(&[&message], &mut ChaCha20Rng::seed_from_u64(seed));
        prop_assert!(private.public_key().verify(&[&message], signature.as_ref()));
        let mut changed = *signature.as_bytes();
        changed[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!private.public_key().verify(&[&message], &changed));
    }

    #[test]
    fn a_sealed_envelope_with_any_change_does_not_open(
        flip in any::<prop::sample::Index>(),
        mask in 1..=u8::MAX,
        second in any::<bool>(),
    ) {
        let (alice, bob) = (identity(2), identity(3));
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let seal = if second { v2::seal_for_one } else { v1::seal };
        let content = content(&alice, &mut rng).encode();
        let mut sealed = seal(&content, &alice, &bob.identity_key(), &mut rng).unwrap();
        prop_assert!(open(&sealed, &bob).is_ok());
        let position = 1 + flip.index(sealed.len() - 1);
        sealed[position] ^= mask;
        prop_assert!(open(&sealed, &bob).is_err());
    }

    #[test]
    fn a_group_message_with_any_change_does_not_decrypt(
        flip in any::<prop::sample::Index>(),
        mask in 1..=u8::MAX,
    ) {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let id = DistributionId::from_bytes([1; 16]);
        let alice = SenderKeyRecord::generate(&mut rng);
        let bob = SenderKeyRecord::empty().process(&alice.distribution_message(id).unwrap()).record;
        let message = alice.encrypt(id, b"text", &mut rng).unwrap().message;
        prop_assert!(bob.decrypt(&message).is_ok());
        let mut bytes = message.serialize().to_vec();
        let position = flip.index(bytes.len());
        bytes[position] ^= mask;
        let decrypted = SenderKeyMessage::decode(&bytes).is_ok_and(|message| bob.decrypt(&message).is_ok());
        prop_assert!(!decrypted, "byte {position} changed by {mask:#04x}");
    }

    /// Whatever such a message says, what comes of it can be stored and used.
    #[test]
    fn a_distribution_message_with_any_change_is_refused_or_usable(
        flip in any::<prop::sample::Index>(),
        mask in 1..=u8::MAX,
    ) {
        let mut rng = ChaCha20Rng::seed_from_u64(6);
        let id = DistributionId::from_bytes([2; 16]);
        let alice = SenderKeyRecord::generate(&mut rng);
        let mut bytes = alice.distribution_message(id).unwrap().serialize().to_vec();
        let message = alice.encrypt(id, b"text", &mut rng).unwrap().message;
        let position = flip.index(bytes.len());
        bytes[position] ^= mask;
        if let Ok(distribution) = SenderKeyDistributionMessage::decode(&bytes) {
            let bob = SenderKeyRecord::empty().process(&distribution).record;
            let again = SenderKeyRecord::from_parts(bob.to_parts()).unwrap();
            let _ = again.decrypt(&message);
            let handed_on = again.distribution_message(distribution.distribution_id()).unwrap();
            prop_assert_eq!(handed_on.chain_key(), distribution.chain_key());
        }
    }
}
