//! 38: counters at their end, and counters that lie.

use khaima_signal::{DecryptError, EncryptError, MessageType};

use crate::{
    by_hand::Inner,
    common::{Parts, key_of},
    world::{ALICE, BOB, Refusal, World, assert_refusal, now},
};
use prost::Message as _;

/// Where the index of the sending chain and that of the first receiving chain are in a stored state of one receiving chain
/// (docs/spec/stored-records.md, 2.2).
const SENDING_INDEX: usize = 205;
const RECEIVING_INDEX: usize = 282;

/// Sets an index in the stored session of somebody with somebody.
fn set_index(world: &mut World, of: usize, with: usize, at: usize, index: u32) {
    let peer = key_of(&world.address(with));
    let parts: &mut Parts = world.people[of].device.stores.sessions.get_mut(&peer).unwrap();
    let mut states: Vec<_> = parts.iter_mut().filter(|(name, _)| name[0] == b's').collect();
    assert_eq!(states.len(), 1);
    let state = &mut *states[0].1;
    assert_eq!(state[213], 1, "one receiving chain");
    state[at..at + 4].copy_from_slice(&index.to_be_bytes());
}

#[test]
fn n38_the_largest_counter_is_too_far_ahead() {
    let mut world = World::new(3_800);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let honest = stranger.draft(b"text", &mut world.rng);
    for counter in [u32::MAX, u32::MAX - 1, 1 << 31, 25_001] {
        let mut far = honest.clone();
        far.fields.counter = Some(counter);
        let first = stranger.outer.around(0x44, far.seal());
        assert_refusal!(
            world.refused_bytes(ALICE, BOB, MessageType::PreKey, &first),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage,
            "{counter}"
        );
    }
    let first = stranger.outer.around(0x44, honest.seal());
    world.receive(ALICE, BOB, MessageType::PreKey, &first).unwrap();
    for counter in [u32::MAX, u32::MAX - 1] {
        let mut far = stranger.clone().draft(b"text", &mut world.rng);
        far.fields.counter = Some(counter);
        assert_refusal!(
            world.refused_bytes(ALICE, BOB, MessageType::Whisper, &far.seal()),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::Whisper)),
            InvalidMessage,
            "{counter}"
        );
    }
}

/// Without a limit to jumps the last counter is known to be unusable before anything is computed.
#[test]
fn n38_the_largest_counter_between_devices_of_one_account() {
    let mut world = World::one_account(3_810);
    world.start(ALICE, BOB);
    world.exchange(ALICE, BOB, b"hello");
    world.exchange(BOB, ALICE, b"hello");
    let message = world.encrypt(ALICE, BOB, b"text");
    let bytes = message.serialize();
    let mut fields = Inner::decode(&bytes[1..bytes.len() - 8]).unwrap();
    fields.counter = Some(u32::MAX);
    let forged = [&[0x44], fields.encode_to_vec().as_slice(), &bytes[bytes.len() - 8..]].concat();
    assert_refusal!(
        world.refused_bytes(ALICE, BOB, MessageType::Whisper, &forged),
        Refusal::Session(DecryptError::InvalidMessage(MessageType::Whisper)),
        InvalidMessage
    );
    assert_eq!(world.deliver(ALICE, BOB, &message), b"text");
}

#[test]
fn n38_a_receiving_chain_ends_and_does_not_begin_again() {
    let mut world = World::new(3_820);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let first = stranger.first(b"text", &mut world.rng);
    world.receive(ALICE, BOB, MessageType::PreKey, &first).unwrap();
    set_index(&mut world, BOB, ALICE, RECEIVING_INDEX, u32::MAX - 1);
    let mut last = stranger.draft(b"last", &mut world.rng);
    last.fields.counter = Some(u32::MAX - 1);
    assert_eq!(world.receive(ALICE, BOB, MessageType::Whisper, &last.seal()).unwrap(), b"last");
    let mut over = stranger.draft(b"over", &mut world.rng);
    over.fields.counter = Some(u32::MAX);
    assert_refusal!(
        world.refused_bytes(ALICE, BOB, MessageType::Whisper, &over.seal()),
        Refusal::Session(DecryptError::InvalidMessage(MessageType::Whisper)),
        InvalidMessage
    );
    over.fields.counter = Some(0);
    assert_refusal!(
        world.refused_bytes(ALICE, BOB, MessageType::Whisper, &over.seal()),
        Refusal::Session(DecryptError::DuplicatedMessage { chain_index: u32::MAX, counter: 0 }),
        DuplicateMessage
    );
}

#[test]
fn n38_a_sending_chain_ends_and_does_not_begin_again() {
    let mut world = World::new(3_830);
    world.start(BOB, ALICE);
    let alice = world.address(ALICE);
    set_index(&mut world, BOB, ALICE, SENDING_INDEX, u32::MAX - 1);
    let last = world.encrypt(BOB, ALICE, b"last");
    assert_eq!(last.signal_message().counter(), u32::MAX - 1);
    for _ in 0..2 {
        let error = world.refused(BOB, |bob, rng| bob.device.encrypt(&alice, b"over", now(), rng));
        assert_refusal!(error, EncryptError::InvalidState(_), InvalidState);
    }
}

#[test]
fn n38_what_a_message_says_about_the_chain_before_is_not_believed() {
    let mut world = World::new(3_840);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let mut first = stranger.draft(b"first", &mut world.rng);
    first.fields.previous_counter = Some(u32::MAX);
    let first = stranger.outer.around(0x44, first.seal());
    assert_eq!(world.receive(ALICE, BOB, MessageType::PreKey, &first).unwrap(), b"first");
    for previous in [None, Some(0), Some(1), Some(25_001), Some(u32::MAX)] {
        let mut next = stranger.draft(b"next", &mut world.rng);
        next.fields.previous_counter = previous;
        assert_eq!(world.receive(ALICE, BOB, MessageType::Whisper, &next.seal()).unwrap(), b"next");
    }
    let names: Vec<_> =
        world.record(BOB, ALICE).to_parts().into_iter().map(|part| char::from(part.name[0])).collect();
    assert_eq!(names, ['i', 's'], "no key is kept for messages that are only claimed");
}
