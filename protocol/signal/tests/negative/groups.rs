//! 61 to 69: sender keys. Who is a member, and in which epoch, is decided above; what this crate gives to that is here.

use khaima_signal::{
    GroupDecryptError, KeyPair, MessageType, SenderKeyChange, SenderKeyDistributionMessage, SenderKeyMessage,
    SenderKeyRecord,
};

use crate::common::sender_keys::read;
use crate::forge::{self, OwnChain};
use crate::world::{ALICE, BOB, CAROL, GROUP, Refusal, World, assert_refusal};

/// Bob has Alice's sender key.
fn handed_out(seed: u64) -> World {
    let mut world = World::new(seed);
    let message = world.hand_out(ALICE);
    assert_eq!(world.process(ALICE, BOB, &message), SenderKeyChange::Added);
    world
}

fn record(world: &World, holder: usize, sender: usize) -> SenderKeyRecord {
    read(world.people[holder].sender_keys.parts(&world.address(sender), GROUP).unwrap())
}

fn set_own(world: &mut World, who: usize, record: &SenderKeyRecord) {
    let own = world.address(who);
    world.people[who].sender_keys.set(&own, GROUP, record);
}

/// A new sender key of somebody's, in place of the old one.
fn rotate(world: &mut World, who: usize) -> SenderKeyDistributionMessage {
    let record = SenderKeyRecord::generate(&mut world.rng);
    set_own(world, who, &record);
    world.hand_out(who)
}

fn reads(world: &mut World, message: &SenderKeyMessage) {
    assert_eq!(world.group_receive(ALICE, BOB, message.serialize()).unwrap(), b"text");
}

fn bad_signature(world: &mut World, from: usize, message: &[u8]) {
    assert_refusal!(
        world.refused_in_group(from, BOB, message),
        Refusal::Group(GroupDecryptError::SignatureValidationFailed),
        InvalidSignature
    );
}

fn unknown_key(world: &mut World, from: usize, message: &SenderKeyMessage) {
    assert_refusal!(
        world.refused_in_group(from, BOB, message.serialize()),
        Refusal::Group(GroupDecryptError::NoSenderKeyState),
        NoSenderKey
    );
}

#[test]
fn n61_every_bit_of_the_signature() {
    let mut world = handed_out(61_01);
    let message = world.group_encrypt(ALICE, b"text");
    let bytes = message.serialize();
    for bit in (bytes.len() - 64) * 8..bytes.len() * 8 {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        bad_signature(&mut world, ALICE, &changed);
    }
    reads(&mut world, &message);
}

#[test]
fn n61_every_bit_that_the_signature_covers() {
    let mut world = handed_out(61_02);
    let message = world.group_encrypt(ALICE, b"text");
    let bytes = message.serialize();
    for bit in 0..(bytes.len() - 64) * 8 {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        world.refused_in_group(ALICE, BOB, &changed);
    }
    reads(&mut world, &message);
}

/// Carol reads the group and so has Alice's chain: she can encrypt in it and not sign.
#[test]
fn n61_a_message_signed_by_another_member() {
    let mut world = handed_out(61_03);
    let carols = rotate(&mut world, CAROL);
    assert_eq!(world.process(CAROL, BOB, &carols), SenderKeyChange::Added);
    let message = world.group_encrypt(ALICE, b"text");
    let carols_key = OwnChain::of(&record(&world, CAROL, CAROL)).signing_key();
    let forged = forge::signed_again(&message, &carols_key, &mut world.rng);
    bad_signature(&mut world, ALICE, forged.serialize());
    // In her own name it is of a chain that is not hers.
    unknown_key(&mut world, CAROL, &forged);
    unknown_key(&mut world, CAROL, &message);
    reads(&mut world, &message);
}

#[test]
fn n61_the_signature_of_another_message() {
    let mut world = handed_out(61_04);
    let [one, other] = [b"text", b"more"].map(|text| world.group_encrypt(ALICE, text));
    let (one_bytes, other_bytes) = (one.serialize(), other.serialize());
    let signature = &other_bytes[other_bytes.len() - 64..];
    let swapped = [&one_bytes[..one_bytes.len() - 64], signature].concat();
    bad_signature(&mut world, ALICE, &swapped);
    reads(&mut world, &one);
}

/// The crate does not know who is a member. It keeps each sender apart, so that a stranger's key says nothing in a member's name.
#[test]
fn n62_a_strangers_key_is_nobody_elses() {
    let mut world = handed_out(62_01);
    let before = record(&world, BOB, ALICE);
    let strangers = rotate(&mut world, CAROL);
    assert_eq!(world.process(CAROL, BOB, &strangers), SenderKeyChange::Added);
    let alices = world.people[BOB].sender_keys.parts(&world.address(ALICE), GROUP).unwrap();
    assert!(*alices == crate::common::sender_keys::parts_of(&before));
    let message = world.group_encrypt(CAROL, b"text");
    unknown_key(&mut world, ALICE, &message);
    assert_eq!(world.group_receive(CAROL, BOB, message.serialize()).unwrap(), b"text");
}

#[test]
fn n63_must_not_refuse_a_new_signing_key_and_says_so() {
    let mut world = handed_out(63_01);
    let (first, second) = (world.group_encrypt(ALICE, b"text"), world.group_encrypt(ALICE, b"text"));
    reads(&mut world, &first);
    let new_key = KeyPair::generate(&mut world.rng);
    let claimed = forge::claimed(&world.hand_out(ALICE), &new_key);
    assert_eq!(world.process(ALICE, BOB, &claimed), SenderKeyChange::SigningKeyReplaced);
    // The old state is gone, with what was skipped.
    bad_signature(&mut world, ALICE, second.serialize());
    let third = world.group_encrypt(ALICE, b"text");
    bad_signature(&mut world, ALICE, third.serialize());
    let again = forge::signed_again(&third, new_key.private(), &mut world.rng);
    reads(&mut world, &again);
    assert_eq!(world.process(ALICE, BOB, &claimed), SenderKeyChange::Kept, "the same once more is no change");
}

#[test]
fn n64_five_chains_open_and_a_sixth_pushes_out_the_oldest() {
    let mut world = World::new(64_01);
    let mut messages = Vec::new();
    for number in 0..6 {
        let distribution = rotate(&mut world, ALICE);
        messages.push([world.group_encrypt(ALICE, b"text"), world.group_encrypt(ALICE, b"text")]);
        assert_eq!(world.process(ALICE, BOB, &distribution), SenderKeyChange::Added);
        let known: Vec<_> = messages.iter().rev().take(5).map(|[one, _]| one.clone()).collect();
        for message in &known {
            assert!(record(&world, BOB, ALICE).decrypt(message).is_ok(), "chain {number}");
        }
    }
    unknown_key(&mut world, ALICE, &messages[0][0]);
    for [one, other] in &messages[1..] {
        reads(&mut world, one);
        reads(&mut world, other);
    }
}

#[test]
fn n65_25_000_ahead_is_read_and_one_further_is_not() {
    let mut world = handed_out(65_01);
    let fresh = record(&world, ALICE, ALICE);
    let at = |world: &mut World, steps| {
        set_own(world, ALICE, &forge::advanced(&fresh, steps));
        world.group_encrypt(ALICE, b"text")
    };
    let (farthest, too_far) = (at(&mut world, 25_000), at(&mut world, 25_001));
    let invalid = |world: &mut World, message: &SenderKeyMessage| {
        assert_refusal!(
            world.refused_in_group(ALICE, BOB, message.serialize()),
            Refusal::Group(GroupDecryptError::InvalidMessage(MessageType::SenderKey)),
            InvalidMessage
        );
    };
    invalid(&mut world, &too_far);
    reads(&mut world, &farthest);
    reads(&mut world, &too_far);
    let beyond = at(&mut world, 50_003);
    invalid(&mut world, &beyond);
}

/// What epochs are to the group are chains here: who was not given the new one cannot read it, and whose old one was dropped is
/// unknown.
#[test]
fn n66_a_chain_that_was_not_handed_out_or_was_dropped_is_unknown() {
    let mut world = handed_out(66_01);
    let old = world.group_encrypt(ALICE, b"text");
    let new = rotate(&mut world, ALICE);
    let message = world.group_encrypt(ALICE, b"text");
    unknown_key(&mut world, ALICE, &message);
    // Bob stays a member: the old epoch's chain opens until the layer above drops the record.
    let _ = world.process(ALICE, BOB, &new);
    reads(&mut world, &old);
    reads(&mut world, &message);
    let alice = world.address(ALICE);
    let only_new = SenderKeyRecord::empty().process(&new).record;
    world.people[BOB].sender_keys.set(&alice, GROUP, &only_new);
    unknown_key(&mut world, ALICE, &old);
}

#[test]
fn n67_an_old_distribution_message_again_rewinds_nothing() {
    let mut world = handed_out(67_01);
    let again = world.hand_out(ALICE);
    let message = world.group_encrypt(ALICE, b"text");
    reads(&mut world, &message);
    assert_eq!(world.process(ALICE, BOB, &again), SenderKeyChange::Kept);
    assert_refusal!(
        world.refused_in_group(ALICE, BOB, message.serialize()),
        Refusal::Group(GroupDecryptError::DuplicatedMessage { chain_index: 1, counter: 0 }),
        DuplicateMessage
    );
}

/// It is no accident that these are read: only the membership list can refuse them.
#[test]
fn n68_n69_whoever_handed_out_a_key_is_read_member_or_not() {
    let mut world = World::new(68_01);
    let carols = rotate(&mut world, CAROL);
    assert_eq!(world.process(CAROL, BOB, &carols), SenderKeyChange::Added);
    for _ in 0..3 {
        let message = world.group_encrypt(CAROL, b"text");
        assert_eq!(world.group_receive(CAROL, BOB, message.serialize()).unwrap(), b"text");
    }
}
