//! 21 to 23, 25, 28 and 30: what a first message says about prekeys.

use khaima_signal::{CiphertextMessage, DecryptError, KeyError, MessageError, MessageType, SessionRecord};
use rand_core::Rng as _;

use crate::{
    by_hand::Outer,
    world::{ALICE, BOB, Refusal, World, assert_refusal},
};

/// Bob's answers to first messages whose outer fields were changed; the unchanged one has to open afterwards.
fn with_changed_outer<const N: usize>(seed: u64, changes: [&dyn Fn(&mut Outer); N]) -> [Refusal; N] {
    let mut world = World::new(seed);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let message = stranger.draft(b"text", &mut world.rng).seal();
    let refusals = changes.map(|change| {
        let mut outer = stranger.outer.clone();
        change(&mut outer);
        let message = outer.around(0x44, message.clone());
        world.refused_bytes(ALICE, BOB, MessageType::PreKey, &message)
    });
    let honest = stranger.outer.around(0x44, message);
    assert_eq!(world.receive(ALICE, BOB, MessageType::PreKey, &honest).unwrap(), b"text");
    refusals
}

fn change_ciphertext(change: impl Fn(&mut Vec<u8>)) -> impl Fn(&mut Outer) {
    move |outer| change(outer.kyber_ciphertext.as_mut().unwrap())
}

#[test]
fn n21_a_kem_ciphertext_of_another_type_or_length() {
    let types = with_changed_outer(
        2_100,
        [
            &change_ciphertext(|bytes| bytes[0] = 0x07),
            &change_ciphertext(|bytes| bytes[0] = 0x0A),
            &change_ciphertext(|bytes| (bytes[0] = 0x07, bytes.truncate(1_089)).1),
        ],
    );
    for refusal in types {
        assert_refusal!(
            refusal,
            Refusal::Session(DecryptError::Key(KeyError::BadKEMKeyType(0x07 | 0x0A))),
            InvalidKey
        );
    }
    let [short, long, one, empty] = with_changed_outer(
        2_101,
        [
            &change_ciphertext(|bytes| bytes.truncate(1_568)),
            &change_ciphertext(|bytes| bytes.push(0)),
            &change_ciphertext(|bytes| bytes.truncate(1)),
            &change_ciphertext(Vec::clear),
        ],
    );
    for (refusal, length) in [(short, 1_568), (long, 1_570), (one, 1)] {
        let Refusal::Session(DecryptError::Key(KeyError::BadKEMCiphertextLength(found))) = refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!(found, length);
        assert_refusal!(refusal, Refusal::Session(_), InvalidKey);
    }
    assert_refusal!(empty, Refusal::Session(DecryptError::Key(KeyError::NoKeyTypeIdentifier)), InvalidKey);
}

/// The KEM gives some other secret then, and the MAC fails as that of any changed message.
#[test]
fn n22_a_random_kem_ciphertext_fails_as_a_wrong_mac_does() {
    let mut rng = World::new(2_200).rng;
    let mut random = vec![0x08; 1_569];
    rng.fill_bytes(&mut random[1..]);
    let [random, flipped] = with_changed_outer(
        2_201,
        [&change_ciphertext(|bytes| bytes.clone_from(&random)), &change_ciphertext(|bytes| bytes[700] ^= 1)],
    );
    let mut world = World::new(2_202);
    world.start(ALICE, BOB);
    let mut bytes = world.encrypt(ALICE, BOB, b"text").serialize().to_vec();
    let inner = khaima_signal::PreKeySignalMessage::decode(&bytes).unwrap().message().serialize().to_vec();
    let at = bytes.windows(inner.len()).position(|window| window == inner).unwrap() + inner.len() - 1;
    bytes[at] ^= 1;
    let wrong_mac = world.refused_bytes(ALICE, BOB, MessageType::PreKey, &bytes);
    for refusal in [&random, &flipped] {
        assert_eq!(format!("{refusal:?}"), format!("{wrong_mac:?}"));
    }
    for refusal in [random, flipped, wrong_mac] {
        assert_refusal!(
            refusal,
            Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage
        );
    }
}

#[test]
fn n23_a_first_message_without_kyber_fields() {
    let refusals = with_changed_outer(
        2_300,
        [&|outer| outer.kyber_id = None, &|outer| outer.kyber_ciphertext = None, &|outer| {
            (outer.kyber_id, outer.kyber_ciphertext) = (None, None)
        }],
    );
    for refusal in refusals {
        assert_refusal!(
            refusal,
            Refusal::Message(MessageError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage
        );
    }
}

#[test]
fn n25_n30_unknown_prekeys_are_refused_by_the_name_of_what_is_missing() {
    let [one_time, signed, kyber, two, all] = with_changed_outer(
        2_500,
        [
            &|outer| outer.one_time_id = Some(u32::MAX),
            &|outer| outer.signed_id = Some(u32::MAX),
            &|outer| outer.kyber_id = Some(u32::MAX),
            &|outer| (outer.one_time_id, outer.kyber_id) = (Some(9), Some(9)),
            &|outer| {
                (outer.one_time_id, outer.signed_id, outer.kyber_id) = (Some(9), Some(9), Some(9));
            },
        ],
    );
    assert_refusal!(one_time, Refusal::Session(DecryptError::InvalidPreKeyId), InvalidPreKeyId);
    assert_refusal!(signed, Refusal::Session(DecryptError::InvalidSignedPreKeyId), InvalidSignedPreKeyId);
    assert_refusal!(kyber, Refusal::Session(DecryptError::InvalidKyberPreKeyId), InvalidKyberPreKeyId);
    // Looked up in the order signed, Kyber, one-time.
    assert_refusal!(two, Refusal::Session(DecryptError::InvalidKyberPreKeyId), InvalidKyberPreKeyId);
    assert_refusal!(all, Refusal::Session(DecryptError::InvalidSignedPreKeyId), InvalidSignedPreKeyId);
}

#[test]
fn n25_a_first_message_for_another_prekey_than_it_was_made_with() {
    let mut world = World::new(2_510);
    let keys = world.keys();
    let (one, other) = (world.bundle(BOB), world.bundle(BOB));
    let mut stranger = world.stranger_with(&keys, ALICE, BOB, &one);
    let message = stranger.draft(b"text", &mut world.rng).seal();
    let changes: [&dyn Fn(&mut Outer); 4] = [
        &|outer| outer.one_time_id = other.one_time.map(|(id, _)| id.value()),
        &|outer| outer.one_time_id = None,
        &|outer| outer.signed_id = Some(other.signed_id.value()),
        &|outer| outer.kyber_id = Some(other.kyber_id.value()),
    ];
    for change in changes {
        let mut outer = stranger.outer.clone();
        change(&mut outer);
        assert_refusal!(
            world.refused_bytes(ALICE, BOB, MessageType::PreKey, &outer.around(0x44, message.clone())),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage
        );
    }
}

#[test]
fn n25_zero_is_an_id_like_any_other() {
    let mut world = World::new(2_520);
    let bundle = world.bundle(BOB);
    let ids = (bundle.one_time.unwrap().0.value(), bundle.signed_id.value(), bundle.kyber_id.value());
    assert_eq!(ids, (0, 0, 0));
    world.start_with(ALICE, BOB, bundle).unwrap();
    let message = world.encrypt(ALICE, BOB, b"text");
    let CiphertextMessage::PreKey(first) = &message else { panic!("type") };
    assert_eq!(first.one_time_id().map(|id| id.value()), Some(0));
    assert_eq!(world.deliver(ALICE, BOB, &message), b"text");
}

#[test]
fn n28_a_first_message_without_a_one_time_prekey_opens_and_says_so() {
    let mut world = World::new(2_800);
    for one_time in [false, true] {
        let bundle = world.people[BOB].device.bundle(one_time, false, &mut world.rng);
        world.start_with(ALICE, BOB, bundle).unwrap();
        let message = world.encrypt(ALICE, BOB, b"text");
        let (bob, sender) = (&world.people[BOB].device, world.address(ALICE));
        let decrypted = SessionRecord::empty()
            .decrypt(&bob.local(), &sender, &message, &bob.stores, &bob.stores, &mut world.rng)
            .unwrap();
        assert_eq!(decrypted.spent.unwrap().one_time.is_some(), one_time);
        assert_eq!(world.deliver(ALICE, BOB, &message), b"text");
    }
}

#[test]
fn n30_a_signed_prekey_that_was_deleted() {
    let mut world = World::new(3_000);
    world.start(ALICE, BOB);
    let message = world.encrypt(ALICE, BOB, b"late");
    let kept = world.people[BOB].device.stores.signed.clone();
    world.people[BOB].device.stores.signed.clear();
    assert_refusal!(
        world.refused_message(ALICE, BOB, &message),
        Refusal::Session(DecryptError::InvalidSignedPreKeyId),
        InvalidSignedPreKeyId
    );
    world.people[BOB].device.stores.signed = kept;
    assert_eq!(world.deliver(ALICE, BOB, &message), b"late");
}
