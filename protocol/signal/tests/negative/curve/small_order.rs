//! 1: points of small order, wherever there is an agreement.

use khaima_signal::{
    BundleError, DecryptError, LocalIdentity as _, MessageType, PreKeyBundleIn, PublicKey, StartError,
    sealed_sender::{OpenError, open, v2},
};

use super::{NO_AGREEMENT, bundle, first_message, number, with_identity, with_signed_key};
use crate::{
    by_hand::{Half, Keys, plus_p},
    sealing, signing,
    world::{ALICE, BOB, Refusal, World, assert_refusal, sealed_content},
};

/// 0, 1, p - 1, p, p + 1 and the two of order 8: whatever they are multiplied by, the result is zero.
fn small_order() -> [[u8; 32]; 7] {
    let order_8 = |text| hex::decode(text).unwrap().try_into().unwrap();
    let mut below_p = plus_p(0);
    below_p[0] -= 1;
    [
        number(0),
        number(1),
        below_p,
        plus_p(0),
        plus_p(1),
        order_8("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        order_8("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    ]
}

#[test]
fn n0_messages_written_by_hand_open_like_those_of_a_device() {
    let mut world = World::new(100);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let first = stranger.first(b"by hand", &mut world.rng);
    assert_eq!(world.receive(ALICE, BOB, MessageType::PreKey, &first).unwrap(), b"by hand");
    let second = stranger.draft(b"again", &mut world.rng).seal();
    assert_eq!(world.receive(ALICE, BOB, MessageType::Whisper, &second).unwrap(), b"again");
}

#[test]
fn n01_a_base_key_of_small_order() {
    let mut world = World::new(101);
    for point in small_order() {
        let keys = Keys { base: Half::of_small_order(point), ..world.keys() };
        assert_refusal!(
            first_message(&mut world, &keys),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage,
            "{}",
            hex::encode(point)
        );
    }
}

#[test]
fn n01_a_ratchet_key_of_small_order() {
    let mut world = World::new(102);
    for point in small_order() {
        let keys = Keys { ratchet: Half::of_small_order(point), ..world.keys() };
        assert_refusal!(
            first_message(&mut world, &keys),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage,
            "{}",
            hex::encode(point)
        );
    }
    let mut world = World::established(103);
    let message = world.encrypt(ALICE, BOB, b"honest");
    for point in small_order() {
        let mut bytes = message.serialize().to_vec();
        // Version, tag, length, type byte.
        assert_eq!(bytes[..4], [0x44, 0x0A, 33, 5]);
        bytes[4..36].copy_from_slice(&point);
        assert_refusal!(
            world.refused_bytes(ALICE, BOB, MessageType::Whisper, &bytes),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::Whisper)),
            InvalidMessage
        );
    }
    assert_eq!(world.deliver(ALICE, BOB, &message), b"honest");
}

#[test]
fn n01_an_identity_key_of_small_order() {
    let mut world = World::new(104);
    for point in small_order() {
        let keys = Keys { identity: Half::of_small_order(point), ..world.keys() };
        assert_refusal!(
            first_message(&mut world, &keys),
            Refusal::Session(DecryptError::Key(NO_AGREEMENT)),
            InvalidKey,
            "{}",
            hex::encode(point)
        );
    }
}

#[test]
fn n01_keys_of_small_order_in_a_bundle() {
    let mut world = World::new(105);
    let honest = world.bundle(BOB);
    for point in small_order() {
        let key = PublicKey::from_bytes(point);
        let one_time = honest.one_time.map(|(id, _)| (id, key));
        let with_one_time = PreKeyBundleIn { one_time, ..honest.clone() };
        let with_signed = with_signed_key(&mut world, &honest, key);
        for changed in [with_one_time, with_signed] {
            assert_refusal!(
                bundle(&mut world, changed),
                StartError::Key(NO_AGREEMENT) | StartError::Bundle(BundleError::Key(NO_AGREEMENT)),
                InvalidKey,
                "{}",
                hex::encode(point)
            );
        }
    }
    world.start_with(ALICE, BOB, honest).unwrap();
    world.exchange(ALICE, BOB, b"honest");
}

#[test]
fn n01_an_identity_key_of_small_order_in_a_bundle_that_it_signed() {
    let mut world = World::new(106);
    let honest = world.bundle(BOB);
    let mut signed = 0;
    for point in small_order() {
        let rng = &mut world.rng.clone();
        if signing::sign_with_small_order(&point, b"", rng).is_none() {
            continue;
        }
        signed += 1;
        let sign = |message: &[u8]| signing::sign_with_small_order(&point, message, rng).unwrap();
        let changed = with_identity(&honest, point, sign);
        // Signatures that do not verify are told first.
        let mut unsigned = changed.clone();
        unsigned.kyber_signature[5] ^= 1;
        assert_refusal!(
            bundle(&mut world, unsigned),
            StartError::Bundle(BundleError::SignatureValidationFailed),
            InvalidSignature
        );
        assert_refusal!(
            bundle(&mut world, changed),
            StartError::Key(NO_AGREEMENT) | StartError::Bundle(BundleError::Key(NO_AGREEMENT)),
            InvalidKey,
            "{}",
            hex::encode(point)
        );
    }
    assert_eq!(signed, 6, "all but p - 1, under which nothing verifies");
}

#[test]
fn n01_a_sealed_sender_ephemeral_key_of_small_order() {
    let mut world = World::new(107);
    let (alice, bob) =
        (world.people[ALICE].device.identity.clone(), world.people[BOB].device.identity.clone());
    let content = sealed_content(&alice, &mut world.rng).encode();
    let sealed = v2::seal_for_one(&content, &alice, &bob.identity_key(), &mut world.rng).unwrap();
    open(&sealed, &bob).unwrap();
    for point in small_order() {
        let first =
            sealing::seal(&content, &alice, &bob.identity_key(), &Half::of_small_order(point)).bytes();
        let mut second = sealed.clone();
        second[1 + 32 + 16..][..32].copy_from_slice(&point);
        for sealed in [first, second] {
            let error = world.refused(BOB, |_, _| open(&sealed, &bob));
            assert_refusal!(error, OpenError::Key(NO_AGREEMENT), InvalidKey, "{}", hex::encode(point));
        }
    }
}
