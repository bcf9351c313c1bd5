//! 44: both start at once, messages get lost, and it happens again and again. Whatever it was, they find one session.

use khaima_signal::{CiphertextMessage, MessageType};

use crate::world::{ALICE, BOB, World};

/// Both start, and each has a first message for the other.
fn both_start(world: &mut World) -> (CiphertextMessage, CiphertextMessage) {
    world.start(ALICE, BOB);
    world.start(BOB, ALICE);
    (world.encrypt(ALICE, BOB, b"from alice"), world.encrypt(BOB, ALICE, b"from bob"))
}

/// After an answer each way both send plain messages on one session, and go on doing so.
fn converge(world: &mut World) {
    for _ in 0..2 {
        world.exchange(ALICE, BOB, b"agreed");
        world.exchange(BOB, ALICE, b"agreed");
    }
    for (from, to) in [(ALICE, BOB), (BOB, ALICE)] {
        let message = world.encrypt(from, to, b"plain");
        assert_eq!(message.message_type(), MessageType::Whisper);
        assert_eq!(world.deliver(from, to, &message), b"plain");
        // On the receiver's current session: its answer needs no other.
        let answer = world.encrypt(to, from, b"answer");
        assert_eq!(answer.message_type(), MessageType::Whisper);
        assert_eq!(world.deliver(to, from, &answer), b"answer");
    }
}

#[test]
fn n44_both_first_messages_arrive() {
    let mut world = World::new(4_400);
    let (from_alice, from_bob) = both_start(&mut world);
    world.deliver(ALICE, BOB, &from_alice);
    world.deliver(BOB, ALICE, &from_bob);
    assert_eq!(
        (world.record(ALICE, BOB).archived_count(), world.record(BOB, ALICE).archived_count()),
        (1, 1)
    );
    converge(&mut world);
}

#[test]
fn n44_one_first_message_is_lost() {
    for lost in [ALICE, BOB] {
        let mut world = World::new(4_410);
        let (from_alice, from_bob) = both_start(&mut world);
        if lost == BOB {
            world.deliver(ALICE, BOB, &from_alice);
        } else {
            world.deliver(BOB, ALICE, &from_bob);
        }
        converge(&mut world);
    }
}

#[test]
fn n44_both_first_messages_are_lost() {
    let mut world = World::new(4_420);
    let _ = both_start(&mut world);
    converge(&mut world);
}

#[test]
fn n44_one_first_message_arrives_late() {
    let mut world = World::new(4_430);
    let (from_alice, from_bob) = both_start(&mut world);
    world.deliver(ALICE, BOB, &from_alice);
    world.exchange(BOB, ALICE, b"on hers");
    world.exchange(ALICE, BOB, b"on hers");
    assert_eq!(world.deliver(BOB, ALICE, &from_bob), b"from bob");
    converge(&mut world);
}

#[test]
fn n44_again_and_again_with_crossing_messages() {
    let mut world = World::new(4_440);
    for _ in 0..20 {
        let (from_alice, from_bob) = both_start(&mut world);
        world.deliver(ALICE, BOB, &from_alice);
        world.deliver(BOB, ALICE, &from_bob);
        for _ in 0..5 {
            let (from_alice, from_bob) =
                (world.encrypt(ALICE, BOB, b"crossing"), world.encrypt(BOB, ALICE, b"crossing"));
            world.deliver(ALICE, BOB, &from_alice);
            world.deliver(BOB, ALICE, &from_bob);
        }
    }
    converge(&mut world);
}

#[test]
fn n44_again_and_again_with_lost_messages() {
    let mut world = World::new(4_450);
    let mut late = Vec::new();
    for round in 0..20 {
        let (from_alice, from_bob) = both_start(&mut world);
        match round % 4 {
            0 => {
                world.deliver(ALICE, BOB, &from_alice);
            }
            1 => {
                world.deliver(BOB, ALICE, &from_bob);
            }
            2 => {}
            _ => late.push((from_alice, from_bob)),
        }
        for _ in 0..3 {
            // Each of these is lost, or the answer to it.
            let _ = world.encrypt(ALICE, BOB, b"lost");
            world.exchange(BOB, ALICE, b"read");
        }
    }
    converge(&mut world);
    // Those that were only slow are still read.
    for (from_alice, from_bob) in late {
        assert_eq!(world.deliver(BOB, ALICE, &from_bob), b"from bob");
        assert_eq!(world.deliver(ALICE, BOB, &from_alice), b"from alice");
    }
    converge(&mut world);
}
