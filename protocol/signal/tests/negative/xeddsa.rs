//! 9 to 15: signatures that nobody honest makes. A verification is false then, and never an error.

use curve25519_dalek::Scalar;
use khaima_signal::{
    KeyPair, LocalIdentity as _, PreKeyBundleIn, PublicKey, SignedPreKey, SignedPreKeyId, Timestamp,
};

use crate::{
    signing,
    world::{BOB, World},
};

const MESSAGE: &[u8] = b"noon, by the bridge";

/// 2^252 + 27742317777372353535851937790883648493, little-endian.
const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

fn signed(world: &mut World) -> (KeyPair, [u8; 64]) {
    let pair = KeyPair::generate(&mut world.rng);
    let signature = *pair.private().sign(&[MESSAGE], &mut world.rng).as_bytes();
    assert!(pair.public().verify(&[MESSAGE], &signature));
    (pair, signature)
}

/// The signature with `times` the group order added to its s; the sign bit stays. None if that does not fit 255 bits.
fn with_order_added(signature: &[u8; 64], times: u32) -> Option<[u8; 64]> {
    let order = hex::decode(ORDER).unwrap();
    let mut changed = *signature;
    changed[63] &= 0x7F;
    for _ in 0..times {
        let mut carry = 0;
        for (to, more) in changed[32..].iter_mut().zip(&order) {
            let sum = u16::from(*to) + u16::from(*more) + carry;
            (*to, carry) = (sum as u8, sum >> 8);
        }
        if carry != 0 || changed[63] & 0x80 != 0 {
            return None;
        }
    }
    changed[63] |= signature[63] & 0x80;
    Some(changed)
}

#[test]
fn n09_a_signature_with_the_group_order_added() {
    let mut world = World::new(900);
    for _ in 0..8 {
        let (pair, signature) = signed(&mut world);
        let changed = with_order_added(&signature, 1).unwrap();
        assert!(
            changed[63] & 0x60 == 0 && changed != signature,
            "below 2^253, and the same modulo the order"
        );
        assert!(!pair.public().verify(&[MESSAGE], &changed));
    }
}

#[test]
fn n09_a_key_with_its_top_bit_set_verifies_nothing() {
    let mut world = World::new(901);
    let (pair, signature) = signed(&mut world);
    let mut bytes = *pair.public().as_bytes();
    bytes[31] |= 0x80;
    assert!(!PublicKey::from_bytes(bytes).verify(&[MESSAGE], &signature));
}

#[test]
fn n10_an_s_of_2_to_the_253_and_more() {
    let mut world = World::new(1_000);
    let (pair, signature) = signed(&mut world);
    // By the order, up to eight times: equal modulo the order, and from the second or third on not below 2^253.
    let mut high = 0;
    for times in 2..8 {
        let Some(changed) = with_order_added(&signature, times) else { continue };
        high += usize::from(changed[63] & 0x60 != 0);
        assert!(!pair.public().verify(&[MESSAGE], &changed), "{times} times the order");
    }
    assert!(high > 0);
    for bit in [0x20, 0x40, 0x60] {
        let mut changed = signature;
        changed[63] |= bit;
        assert!(!pair.public().verify(&[MESSAGE], &changed), "bit {bit:#04x}");
    }
}

#[test]
fn n11_the_other_sign() {
    let mut world = World::new(1_100);
    let mut signs = [false; 2];
    while signs != [true; 2] {
        let (pair, mut signature) = signed(&mut world);
        signs[usize::from(signature[63] >> 7)] = true;
        signature[63] ^= 0x80;
        assert!(!pair.public().verify(&[MESSAGE], &signature));
    }
}

/// The neutral element is the one point that has other spellings and whose nonce is known: zero.
#[test]
fn n12_an_r_that_is_written_in_another_way() {
    let mut world = World::new(1_200);
    let pair = KeyPair::generate(&mut world.rng);
    let a = signing::scalar(pair.private());
    let number = |first: u8, last: u8| {
        let mut bytes = [if last == 0x7F || last == 0xFF { 0xFF } else { 0 }; 32];
        (bytes[0], bytes[31]) = (first, last);
        bytes
    };
    let canonical = signing::sign(&a, &Scalar::ZERO, &number(1, 0), MESSAGE);
    assert!(pair.public().verify(&[MESSAGE], &canonical), "what is wrong below is the spelling alone");
    // y = 1 with the sign of x, which is zero; y = 1 + p; both.
    for r_written in [number(1, 0x80), number(0xEE, 0x7F), number(0xEE, 0xFF)] {
        let changed = signing::sign(&a, &Scalar::ZERO, &r_written, MESSAGE);
        assert!(!pair.public().verify(&[MESSAGE], &changed), "{}", hex::encode(r_written));
    }
}

#[test]
fn n13_a_signature_of_another_length() {
    let mut world = World::new(1_300);
    let (pair, signature) = signed(&mut world);
    for length in 0..64 {
        assert!(!pair.public().verify(&[MESSAGE], &signature[..length]), "{length}");
    }
    for more in [1, 64] {
        assert!(!pair.public().verify(&[MESSAGE], &[signature.as_slice(), &vec![0; more]].concat()));
    }
}

#[test]
fn n14_a_signature_of_a_key_without_its_type_byte() {
    let mut world = World::new(1_400);
    let identity = world.people[BOB].device.identity.clone();
    let rng = &mut world.rng;
    let prekey = SignedPreKey::generate(SignedPreKeyId::new(1), &identity, Timestamp::from_millis(0), rng);
    let key = *prekey.key_pair.public();
    let verify =
        |message: &[u8], signature: &[u8]| identity.identity_key().public_key().verify(&[message], signature);
    assert!(verify(&key.serialize(), prekey.signature.as_ref()));
    assert!(!verify(key.as_bytes(), prekey.signature.as_ref()));
    let untyped = identity.sign(&[key.as_bytes()], rng);
    assert!(!verify(&key.serialize(), untyped.as_ref()));
    // And so for both signatures of a bundle.
    let bundle = world.bundle(BOB);
    let kyber = identity.sign(&[&bundle.kyber_key.serialize()[1..]], &mut world.rng).as_bytes().to_vec();
    let signed = identity.sign(&[bundle.signed_key.as_bytes()], &mut world.rng).as_bytes().to_vec();
    assert!(bundle.clone().verify().is_ok());
    assert!(PreKeyBundleIn { kyber_signature: kyber, ..bundle.clone() }.verify().is_err());
    assert!(PreKeyBundleIn { signed_signature: signed, ..bundle }.verify().is_err());
}

/// A nonce that two signatures share gives the private key away; ours differ also in R, from which it would follow.
#[test]
fn n15_two_signatures_of_one_message() {
    let mut world = World::new(1_500);
    let (pair, first) = signed(&mut world);
    let second = *pair.private().sign(&[MESSAGE], &mut world.rng).as_bytes();
    assert!(pair.public().verify(&[MESSAGE], &second));
    assert_ne!(first[..32], second[..32]);
    assert_ne!(first[32..], second[32..]);
    // With the same randomness, another message still gets another nonce.
    let sign = |message: &[u8]| *pair.private().sign(&[message], &mut world.rng.clone()).as_bytes();
    assert_ne!(sign(b"one")[..32], sign(b"two")[..32]);
}
