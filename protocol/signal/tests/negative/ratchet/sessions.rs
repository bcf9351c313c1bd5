//! 43 and 45: archived sessions that come back, and records that are older than they should be.

use khaima_signal::{CiphertextMessage, DecryptError, EncryptError, MessageType, SignalMessage};

use crate::world::{ALICE, BOB, Refusal, World, assert_refusal, now};

/// Decrypts without storing, to see what the application is told.
fn is_promotion(world: &mut World, from: usize, to: usize, message: &CiphertextMessage) -> bool {
    let (record, sender) = (world.record(to, from), world.address(from));
    let device = &world.people[to].device;
    record
        .decrypt(&device.local(), &sender, message, &device.stores, &device.stores, &mut world.rng)
        .unwrap()
        .promoted
}

fn whisper(message: &CiphertextMessage) -> CiphertextMessage {
    SignalMessage::decode(message.signal_message().serialize()).unwrap().into()
}

#[test]
fn n43_a_message_of_an_archived_session_makes_it_current_also_for_sending() {
    let mut world = World::established(4_300);
    let in_time = world.encrypt(ALICE, BOB, b"in time");
    assert!(!is_promotion(&mut world, ALICE, BOB, &in_time));
    world.deliver(ALICE, BOB, &in_time);
    let late = world.encrypt(ALICE, BOB, b"late");
    let old_key = world.record(BOB, ALICE).current_ratchet_key();
    // Bob has started another session meanwhile, that Alice knows.
    world.start(BOB, ALICE);
    world.exchange(BOB, ALICE, b"new session");
    world.exchange(ALICE, BOB, b"seen");
    assert_ne!(world.record(BOB, ALICE).current_ratchet_key(), old_key);

    assert!(is_promotion(&mut world, ALICE, BOB, &late), "the application is told");
    assert_eq!(world.deliver(ALICE, BOB, &late), b"late");
    assert_eq!(world.record(BOB, ALICE).archived_count(), 1);
    let answer = world.encrypt(BOB, ALICE, b"on the old one");
    assert_eq!(Some(*answer.signal_message().ratchet_key()), old_key);
    assert_eq!(world.deliver(BOB, ALICE, &answer), b"on the old one");
    world.exchange(ALICE, BOB, b"so does she");
}

#[test]
fn n43_a_first_message_of_an_archived_session_makes_it_current() {
    let mut world = World::new(4_310);
    world.start(ALICE, BOB);
    world.exchange(ALICE, BOB, b"first");
    let second = world.encrypt(ALICE, BOB, b"second");
    assert_eq!(second.message_type(), MessageType::PreKey);
    world.archive(BOB, ALICE);
    assert!(is_promotion(&mut world, ALICE, BOB, &second));
    assert_eq!(world.deliver(ALICE, BOB, &second), b"second");
    assert!(world.record(BOB, ALICE).has_current());
    world.exchange(BOB, ALICE, b"answer");
}

#[test]
fn n43_a_refused_message_promotes_nothing() {
    let mut world = World::established(4_320);
    let late = world.encrypt(ALICE, BOB, b"late");
    world.start(BOB, ALICE);
    world.exchange(BOB, ALICE, b"new session");
    let mut bytes = late.serialize().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    assert_refusal!(
        world.refused_bytes(ALICE, BOB, MessageType::Whisper, &bytes),
        Refusal::Session(DecryptError::InvalidMessage(MessageType::Whisper)),
        InvalidMessage
    );
    assert_eq!(world.deliver(ALICE, BOB, &late), b"late");
}

/// The outside of one session around a message of another: it names its session, so that no other is tried.
#[test]
fn n43_a_first_message_is_tried_only_on_the_session_it_names() {
    let mut world = World::new(4_330);
    world.start(ALICE, BOB);
    world.exchange(ALICE, BOB, b"first");
    let of_old = world.encrypt(ALICE, BOB, b"old");
    world.start(ALICE, BOB);
    world.exchange(ALICE, BOB, b"second");
    let of_new = world.encrypt(ALICE, BOB, b"new");
    let (old, new) = (of_old.signal_message().serialize(), of_new.signal_message().serialize());
    let mut bytes = of_new.serialize().to_vec();
    let at = bytes.windows(new.len()).position(|window| window == new).unwrap();
    bytes[at..at + old.len()].copy_from_slice(old);
    assert_refusal!(
        world.refused_bytes(ALICE, BOB, MessageType::PreKey, &bytes),
        Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
        InvalidMessage
    );
    assert_eq!(world.deliver(ALICE, BOB, &whisper(&of_old)), b"old");
}

#[test]
fn n43_a_message_without_any_session() {
    let mut world = World::established(4_340);
    let message = world.encrypt(ALICE, BOB, b"lost");
    let kept = world.people[BOB].device.stores.clone();
    world.delete_session(BOB, ALICE);
    assert_refusal!(
        world.refused_message(ALICE, BOB, &message),
        Refusal::Session(DecryptError::SessionNotFound),
        NoSession
    );
    let alice = world.address(ALICE);
    let error = world.refused(BOB, |bob, rng| bob.device.encrypt(&alice, b"no", now(), rng));
    assert_refusal!(error, EncryptError::SessionNotFound, NoSession);
    world.people[BOB].device.stores = kept;
    assert_eq!(world.deliver(ALICE, BOB, &message), b"lost");
}

#[test]
fn n45_an_older_record_reads_what_came_after_it() {
    let mut world = World::established(4_500);
    let older = world.record(BOB, ALICE);
    let messages: Vec<_> = (0..3).map(|_| world.encrypt(ALICE, BOB, b"text")).collect();
    for message in &messages {
        world.deliver(ALICE, BOB, message);
    }
    world.set_record(BOB, ALICE, &older);
    for message in messages.iter().rev() {
        assert_eq!(world.deliver(ALICE, BOB, message), b"text");
    }
    world.exchange(BOB, ALICE, b"answer");
    world.exchange(ALICE, BOB, b"next");
}

/// What the crate gives to whoever has to notice it: the other side is told of a duplicate, and a new session heals.
#[test]
fn n45_a_sender_with_an_older_record_is_seen_as_a_duplicate() {
    let mut world = World::established(4_510);
    let older = world.record(ALICE, BOB);
    world.exchange(ALICE, BOB, b"sent before the copy came back");
    world.set_record(ALICE, BOB, &older);
    let again = world.encrypt(ALICE, BOB, b"under a key that was used");
    assert_refusal!(
        world.refused_message(ALICE, BOB, &again),
        Refusal::Session(DecryptError::DuplicatedMessage { .. }),
        DuplicateMessage
    );
    world.archive(ALICE, BOB);
    world.start(ALICE, BOB);
    world.exchange(ALICE, BOB, b"a new session");
    world.exchange(BOB, ALICE, b"works");
}

/// A message comes with the record to store before it leaves; from that one no key comes twice.
#[test]
fn n45_the_record_that_comes_with_a_message_never_gives_its_key_again() {
    let mut world = World::established(4_520);
    let mut seen = std::collections::BTreeSet::new();
    for turn in 0..40 {
        let (from, to) = if turn % 3 == 0 { (BOB, ALICE) } else { (ALICE, BOB) };
        let message = world.encrypt(from, to, b"text");
        let header = message.signal_message();
        assert!(seen.insert((header.ratchet_key().serialize(), header.counter())));
        world.deliver(from, to, &message);
    }
}
