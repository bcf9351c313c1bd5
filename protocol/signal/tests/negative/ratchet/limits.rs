//! 33 to 37: what is kept, how much of it, and that one more is not.

use khaima_signal::{CiphertextMessage, DecryptError, MessageType, SessionRecord};

use crate::world::{ALICE, BOB, Refusal, World, assert_refusal, now};

fn duplicated(world: &mut World, message: &CiphertextMessage) {
    assert_refusal!(
        world.refused_message(ALICE, BOB, message),
        Refusal::Session(DecryptError::DuplicatedMessage { .. }),
        DuplicateMessage
    );
}

fn invalid(world: &mut World, kind: MessageType, bytes: &[u8]) {
    let refusal = world.refused_bytes(ALICE, BOB, kind, bytes);
    assert_refusal!(refusal, Refusal::Session(DecryptError::InvalidMessage(_)), InvalidMessage);
}

/// Messages of Alice's to Bob, made in memory: storing thousands of records is not what is tested.
fn many(world: &mut World, count: usize, mut each: impl FnMut(usize, CiphertextMessage)) {
    let mut record: SessionRecord = world.record(ALICE, BOB);
    let bob = world.address(BOB);
    for at in 0..count {
        let alice = &world.people[ALICE].device;
        let sent =
            record.encrypt(&alice.local(), &bob, b"far", &alice.stores, now(), &mut world.rng).unwrap();
        record = sent.record;
        each(at, sent.message);
    }
}

#[test]
fn n33_a_repeated_message_is_a_duplicate_every_time() {
    let mut world = World::established(3_300);
    let message = world.encrypt(ALICE, BOB, b"once");
    assert_eq!(world.deliver(ALICE, BOB, &message), b"once");
    for round in 0..4 {
        assert_refusal!(
            world.refused_message(ALICE, BOB, &message),
            Refusal::Session(DecryptError::DuplicatedMessage { counter: 0, .. }),
            DuplicateMessage,
            "round {round}"
        );
        world.exchange(BOB, ALICE, b"turn");
        world.exchange(ALICE, BOB, b"turn");
    }
    // Also in an archived session.
    world.archive(BOB, ALICE);
    duplicated(&mut world, &message);
    world.start(ALICE, BOB);
    world.exchange(ALICE, BOB, b"another session");
    duplicated(&mut world, &message);
}

/// The post-quantum ratchet sees the next message each time, so that its own limit plays no part.
#[test]
fn n34_a_jump_of_25_000_in_the_double_ratchet_alone_and_no_more() {
    let mut world = World::new(3_400);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let first = stranger.first(b"text", &mut world.rng);
    world.receive(ALICE, BOB, MessageType::PreKey, &first).unwrap();
    stranger.skip(25_000);
    let mut further = stranger.clone();
    further.skip(1);
    let too_far = further.draft(b"too far", &mut world.rng).seal();
    invalid(&mut world, MessageType::Whisper, &too_far);
    let far = stranger.draft(b"far", &mut world.rng).seal();
    assert_eq!(world.receive(ALICE, BOB, MessageType::Whisper, &far).unwrap(), b"far");
    // From where the chain is now.
    stranger.skip(25_000);
    let far = stranger.draft(b"far again", &mut world.rng).seal();
    assert_eq!(world.receive(ALICE, BOB, MessageType::Whisper, &far).unwrap(), b"far again");
}

#[test]
fn n34_real_messages_may_jump_24_999_because_both_ratchets_have_a_limit() {
    let mut world = World::established(3_410);
    let mut kept = Vec::new();
    many(&mut world, 25_002, |at, message| kept.extend((at >= 24_999).then_some(message)));
    for too_far in &kept[1..] {
        invalid(&mut world, MessageType::Whisper, too_far.serialize());
    }
    assert_eq!(world.deliver(ALICE, BOB, &kept[0]), b"far");
    assert_eq!(world.deliver(ALICE, BOB, &kept[2]), b"far");
}

#[test]
fn n34_devices_of_one_account_may_lag_any_distance() {
    let mut world = World::one_account(3_420);
    world.start(ALICE, BOB);
    let mut last = None;
    many(&mut world, 26_001, |_, message| last = Some(message));
    assert_eq!(world.deliver(ALICE, BOB, &last.unwrap()), b"far");
}

#[test]
fn n35_two_thousand_skipped_messages_are_read_late_and_the_one_before_is_not() {
    let mut world = World::established(3_500);
    let mut messages = Vec::new();
    many(&mut world, 2_002, |_, message| messages.push(message));
    world.deliver(ALICE, BOB, &messages[2_001]);
    duplicated(&mut world, &messages[0]);
    // The oldest that is kept first, so that reading it makes room for nothing else.
    for at in [1, 2, 255, 256, 257, 1_000, 1_999, 2_000] {
        world.deliver(ALICE, BOB, &messages[at]);
        duplicated(&mut world, &messages[at]);
    }
}

/// The post-quantum ratchet sees one message after the other, so that its own window plays no part.
#[test]
fn n35_of_several_gaps_the_oldest_keys_go_first() {
    let mut world = World::new(3_510);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let start = stranger.clone();
    let first = stranger.first(b"text", &mut world.rng);
    world.receive(ALICE, BOB, MessageType::PreKey, &first).unwrap();
    let mut at = |counter: u32, world: &mut World| {
        stranger = stranger.back_at(&start);
        stranger.skip(counter);
        stranger.draft(b"text", &mut world.rng)
    };
    // 1,000 keys are kept, then 1,500 more: of these 2,500 the first 500 go.
    for counter in [1_001, 2_502] {
        let message = at(counter, &mut world).seal();
        world.receive(ALICE, BOB, MessageType::Whisper, &message).unwrap();
    }
    let gone = at(500, &mut world).seal();
    for _ in 0..2 {
        assert_refusal!(
            world.refused_bytes(ALICE, BOB, MessageType::Whisper, &gone),
            Refusal::Session(DecryptError::DuplicatedMessage { chain_index: 2_503, counter: 500 }),
            DuplicateMessage
        );
    }
    for counter in [501, 1_000, 1_002, 2_501] {
        let message = at(counter, &mut world).seal();
        assert_eq!(world.receive(ALICE, BOB, MessageType::Whisper, &message).unwrap(), b"text");
        assert_refusal!(
            world.refused_bytes(ALICE, BOB, MessageType::Whisper, &message),
            Refusal::Session(DecryptError::DuplicatedMessage { .. }),
            DuplicateMessage
        );
    }
}

#[test]
fn n36_messages_of_five_turns_back_are_read_late_and_of_six_are_not() {
    let mut world = World::established(3_600);
    let late: Vec<_> = (0..6)
        .map(|_| {
            let late = world.encrypt(ALICE, BOB, b"late");
            world.exchange(ALICE, BOB, b"in time");
            world.exchange(BOB, ALICE, b"turn");
            late
        })
        .collect();
    invalid(&mut world, MessageType::Whisper, late[0].serialize());
    for late in &late[1..] {
        assert_eq!(world.deliver(ALICE, BOB, late), b"late");
    }
}

#[test]
fn n37_forty_archived_sessions_are_kept_and_the_one_before_is_not() {
    let mut world = World::established(3_700);
    let (oldest, second) = (world.encrypt(ALICE, BOB, b"oldest"), world.encrypt(ALICE, BOB, b"second"));
    let new_session = |world: &mut World| {
        world.start(ALICE, BOB);
        world.exchange(ALICE, BOB, b"new session");
    };
    (0..40).for_each(|_| new_session(&mut world));
    assert_eq!(world.record(BOB, ALICE).archived_count(), 40);
    // Of the fortieth archived session, without its place being changed by it.
    let before = world.people[BOB].device.stores.clone();
    assert_eq!(world.deliver(ALICE, BOB, &oldest), b"oldest");
    world.people[BOB].device.stores = before;
    new_session(&mut world);
    assert_eq!(world.record(BOB, ALICE).archived_count(), 40);
    for gone in [oldest, second] {
        invalid(&mut world, MessageType::Whisper, gone.serialize());
    }
}
