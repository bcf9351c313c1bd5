#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs
)]
// Helpers outside #[test] functions may stop the test.
//! Mailbox keys, owner proofs, and sealed bundles.

#[allow(dead_code, reason = "shared by several test binaries")]
mod common;

use common::*;
use khaima_wire::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// p = 2^255 - 19, little endian.
const P: [u8; 32] = {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed;
    bytes[31] = 0x7f;
    bytes
};

#[test]
fn a_proof_holds_for_its_connection_relay_and_purpose() {
    for purpose in Purpose::ALL {
        let proof = key().prove(&EXPORTER, &pin(), purpose);
        assert_eq!(proof.verify(&EXPORTER, &pin(), purpose), Ok(key().id()));
    }
}

#[test]
fn a_proof_fails_on_another_connection() {
    let proof = key().prove(&EXPORTER, &pin(), Purpose::Read);
    for bit in 0..256 {
        let mut other = EXPORTER;
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(proof.verify(&other, &pin(), Purpose::Read), Err(ProofError::BadSignature));
    }
}

#[test]
fn a_proof_fails_at_another_relay() {
    let proof = key().prove(&EXPORTER, &pin(), Purpose::Read);
    for bit in 0..256 {
        let mut other = *pin().as_bytes();
        other[bit / 8] ^= 1 << (bit % 8);
        let other = RelayPin::from_bytes(other);
        assert_eq!(proof.verify(&EXPORTER, &other, Purpose::Read), Err(ProofError::BadSignature));
    }
}

#[test]
fn a_proof_fails_for_another_purpose() {
    for one in Purpose::ALL {
        let proof = key().prove(&EXPORTER, &pin(), one);
        for other in Purpose::ALL {
            assert_eq!(proof.verify(&EXPORTER, &pin(), other).is_ok(), one == other, "{one:?} {other:?}");
        }
    }
}

#[test]
fn a_proof_fails_under_another_key() {
    let other = MailboxKey::from_seed(&[0x12; 32]);
    let proof = OwnerProof { public_key: other.public(), ..key().prove(&EXPORTER, &pin(), Purpose::Read) };
    assert_eq!(proof.verify(&EXPORTER, &pin(), Purpose::Read), Err(ProofError::BadSignature));
}

#[test]
fn a_proof_with_one_changed_bit_fails() {
    let proof = key().prove(&EXPORTER, &pin(), Purpose::Delete);
    for bit in 0..512 {
        let mut other = proof.clone();
        other.signature[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(other.verify(&EXPORTER, &pin(), Purpose::Delete), Err(ProofError::BadSignature), "{bit}");
    }
}

#[test]
fn a_signature_with_its_scalar_above_the_group_order_fails() {
    // s + L signs the same under a lax verifier.
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut proof = key().prove(&EXPORTER, &pin(), Purpose::Read);
    let mut carry = 0;
    for (byte, add) in proof.signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert_eq!(proof.verify(&EXPORTER, &pin(), Purpose::Read), Err(ProofError::BadSignature));
}

#[test]
fn keys_of_small_order_are_refused() {
    // The eight points whose order divides 8, by their y: 1, -1, 0 (twice), and four of order 8.
    let order_8_y = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    let order_8_minus_y = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
    let mut minus_one = P;
    minus_one[0] -= 1;
    let mut one = [0; 32];
    one[0] = 1;
    let bytes = |hex: &str| -> [u8; 32] { hex::decode(hex).unwrap().try_into().unwrap() };
    for point in [one, minus_one, [0; 32], bytes(order_8_y), bytes(order_8_minus_y)] {
        // They are points, so it is their order they are refused for.
        assert!(ed25519_dalek::VerifyingKey::from_bytes(&point).unwrap().is_weak());
        for sign in [0, 0x80] {
            let mut point = point;
            point[31] |= sign;
            assert_eq!(MailboxPublicKey::from_bytes(point), Err(WeakKey), "{}", hex::encode(point));
        }
    }
}

#[test]
fn keys_in_a_second_encoding_are_refused() {
    // y from p to p + 18 fits 255 bits and stands for y - p as well.
    let mut points = 0;
    for excess in 0..19 {
        let mut canonical = [0; 32];
        canonical[0] = excess;
        points += usize::from(MailboxPublicKey::from_bytes(canonical).is_ok());
        for sign in [0, 0x80] {
            let mut other = P;
            other[0] += excess;
            other[31] |= sign;
            assert_eq!(MailboxPublicKey::from_bytes(other), Err(WeakKey), "p + {excess}");
        }
    }
    assert!(points > 3, "some of these are points, so the refusal is for the encoding: {points}");
}

#[test]
fn bytes_that_are_no_point_are_refused() {
    let points = (0..=255_u8)
        .filter(|&low| {
            let mut bytes = [0x77; 32];
            bytes[0] = low;
            MailboxPublicKey::from_bytes(bytes).is_ok()
        })
        .count();
    assert!((64..192).contains(&points), "about half of all bytes are a point: {points}");
    assert_eq!(MailboxPublicKey::from_slice(&[]), Err(WeakKey));
}

#[test]
fn debug_shows_no_key() {
    let proof = key().prove(&EXPORTER, &pin(), Purpose::Read);
    assert_eq!(format!("{:?}", key()), "MailboxKey(..)");
    assert_eq!(format!("{:?}", key().public()), "MailboxPublicKey(..)");
    assert_eq!(format!("{proof:?}"), "OwnerProof(..)");
    assert_eq!(format!("{:?}", pin()), "RelayPin(..)");
    assert_eq!(format!("{:?}", BundleKey::from_bytes(&[1; 32])), "BundleKey(..)");
    assert_eq!(format!("{:?}", sealed_bundle(1)), "SealedBundle(..)");
}

#[test]
fn a_bundle_opens_under_its_key_for_its_mailbox_only() {
    let bundle_key = BundleKey::from_bytes(&[1; 32]);
    let sealed = SealedBundle::seal(b"prekeys", &bundle_key, &key().id(), &mut rng(1)).unwrap();
    assert_eq!(*sealed.open(&bundle_key, &key().id()).unwrap(), b"prekeys");
    let other_key = BundleKey::from_bytes(&[2; 32]);
    assert_eq!(sealed.open(&other_key, &key().id()), Err(BundleError::Undecryptable));
    let other_mailbox = MailboxId::from_bytes([9; 32]);
    assert_eq!(sealed.open(&bundle_key, &other_mailbox), Err(BundleError::Undecryptable));
}

#[test]
fn a_bundle_with_one_changed_byte_does_not_open() {
    let bundle_key = BundleKey::from_bytes(&[1; 32]);
    let sealed = SealedBundle::seal(b"prekeys", &bundle_key, &key().id(), &mut rng(1)).unwrap();
    for at in 0..SealedBundle::SIZE {
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[at] ^= 1;
        let changed = SealedBundle::from_bytes(bytes).unwrap();
        assert_eq!(changed.open(&bundle_key, &key().id()), Err(BundleError::Undecryptable), "{at}");
    }
}

/// A bundle sealed by hand under the right key, with this inside.
fn sealed_by_hand(body: &[u8], bundle_key: &BundleKey) -> SealedBundle {
    use chacha20poly1305::aead::{Aead, Payload};
    use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
    let aad = [b"khaima/v1/bundle\0".as_slice(), key().id().as_bytes()].concat();
    let sealed = XChaCha20Poly1305::new(bundle_key.expose().into())
        .encrypt(&XNonce::from([9; 24]), Payload { msg: body, aad: &aad })
        .unwrap();
    SealedBundle::from_bytes([&[9; 24][..], &sealed].concat()).unwrap()
}

#[test]
fn a_bundle_with_something_in_its_padding_or_a_length_beyond_it_does_not_open() {
    let bundle_key = BundleKey::from_bytes(&[1; 32]);
    let mut body = vec![0; SealedBundle::MAX_PLAIN + 2];
    body[1..5].copy_from_slice(&[3, b'a', b'b', b'c']);
    assert_eq!(*sealed_by_hand(&body, &bundle_key).open(&bundle_key, &key().id()).unwrap(), b"abc");
    for (at, value) in [(5, 1), (SealedBundle::MAX_PLAIN + 1, 1), (0, 0xff)] {
        let mut other = body.clone();
        other[at] = value;
        let sealed = sealed_by_hand(&other, &bundle_key);
        assert_eq!(sealed.open(&bundle_key, &key().id()), Err(BundleError::Undecryptable), "{at}");
    }
}

#[test]
fn a_bundle_has_one_size_whatever_is_in_it() {
    let bundle_key = BundleKey::from_bytes(&[1; 32]);
    for len in [0, 1, 3_000, SealedBundle::MAX_PLAIN] {
        let plain = vec![0x5a; len];
        let sealed = SealedBundle::seal(&plain, &bundle_key, &key().id(), &mut rng(len as u64)).unwrap();
        assert_eq!(sealed.as_bytes().len(), 4_032);
        assert_eq!(*sealed.open(&bundle_key, &key().id()).unwrap(), plain);
    }
    let plain = vec![0x5a; SealedBundle::MAX_PLAIN + 1];
    assert_eq!(SealedBundle::seal(&plain, &bundle_key, &key().id(), &mut rng(1)), Err(BundleError::TooLong));
    for len in [0, 4_031, 4_033] {
        assert_eq!(SealedBundle::from_bytes(vec![0; len]), Err(BundleError::WrongSize));
    }
}

#[test]
fn two_seals_of_one_bundle_share_nothing() {
    let bundle_key = BundleKey::from_bytes(&[1; 32]);
    let mut rng = rng(5);
    let one = SealedBundle::seal(b"prekeys", &bundle_key, &key().id(), &mut rng).unwrap();
    let two = SealedBundle::seal(b"prekeys", &bundle_key, &key().id(), &mut rng).unwrap();
    let equal = one.as_bytes().iter().zip(two.as_bytes()).filter(|(a, b)| a == b).count();
    assert!(equal < 100, "{equal} of 4,032 bytes equal; 16 by chance");
}

proptest! {
    #[test]
    fn any_key_proves_itself_and_no_other(one in any_key(), other in any_key(), exporter in any::<[u8; 32]>()) {
        prop_assume!(one != other);
        let proof = one.prove(&exporter, &pin(), Purpose::Create);
        prop_assert_eq!(proof.verify(&exporter, &pin(), Purpose::Create), Ok(one.id()));
        prop_assert_ne!(one.id(), other.id());
        prop_assert_eq!(MailboxPublicKey::from_slice(one.public().as_bytes()), Ok(one.public()));
        prop_assert_eq!(MailboxKey::from_seed(one.expose_seed()), one);
    }

    #[test]
    fn any_bundle_opens_again(plain in vec(any::<u8>(), 0..=SealedBundle::MAX_PLAIN), seed in any::<u64>()) {
        let bundle_key = BundleKey::generate(&mut rng(seed));
        let sealed = SealedBundle::seal(&plain, &bundle_key, &key().id(), &mut rng(seed)).unwrap();
        prop_assert_eq!(&*sealed.open(&bundle_key, &key().id()).unwrap(), &plain);
    }

    #[test]
    fn any_generated_code_is_read_back(code in any_code()) {
        prop_assert_eq!(&InviteCode::parse(&code.to_text()).unwrap(), &code);
        prop_assert_eq!(&InviteCode::parse(&code.to_text().to_lowercase()).unwrap(), &code);
        prop_assert_eq!(&InviteCode::from_wire(code.expose()).unwrap(), &code);
    }
}
