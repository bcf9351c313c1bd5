//! Sizes: what a relay sees of an envelope says neither what is in it nor whether it is the first.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use khaima_engine::{Command, MAX_TEXT_LENGTH};
use khaima_tests::world::{Kind, Seed, World};
use khaima_wire::SealedEnvelope;

fn sizes(world: &World, kind: Kind) -> BTreeSet<usize> {
    world.watch().submitted().iter().filter(|it| it.kind == kind).map(|it| it.size).collect()
}

#[test]
fn a_first_message_has_the_size_of_a_later_one() {
    let mut world = World::new(Seed(1));
    // The longest name and greeting: the largest first message there is.
    let (alice, bob) = (world.stranger(&"A".repeat(64)), world.stranger(&"B".repeat(64)));
    let link = world.invite(alice).link;
    world.insist(bob, Command::AcceptInvitation { link, greeting: "g".repeat(500) });
    world.run_until_idle();
    let contact = world.contact(alice, bob).expect("the largest request fits");
    world.insist(alice, Command::AcceptRequest { contact: contact.id });
    world.run_until_idle();
    // Alternating and in one direction, so that there are messages with and without a fresh ratchet key, and with every
    // kind of part of the sparse ratchet.
    for number in 0..40 {
        world.say(alice, bob, &format!("word {number}"));
        if number % 3 == 0 {
            world.say(bob, alice, "short");
        }
        world.run_for(Duration::from_secs(number));
    }
    world.run_until_idle();
    assert_eq!(world.heard(bob, alice).len(), 40);
    let firsts = world.watch().submitted().iter().filter(|it| it.kind == Kind::First).count();
    let laters = world.watch().submitted().iter().filter(|it| it.kind == Kind::Later).count();
    assert!(firsts >= 1 && laters >= 54, "{firsts} first, {laters} later");
    assert_eq!(sizes(&world, Kind::First), BTreeSet::from([3_968]));
    assert_eq!(
        sizes(&world, Kind::Later),
        BTreeSet::from([3_968]),
        "receipts, the acceptance and words alike"
    );
}

#[test]
fn texts_of_every_length_leave_in_five_sizes() {
    let mut world = World::new(Seed(2));
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    let mut seen = BTreeSet::new();
    for length in [1, 10, 100, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 32_000, 50_000, MAX_TEXT_LENGTH] {
        let text = "x".repeat(length);
        world.say(alice, bob, &text);
        world.run_until_idle();
        assert_eq!(world.heard(bob, alice).last(), Some(&text));
    }
    seen.extend(world.watch().submitted().iter().map(|it| it.size));
    assert_eq!(seen, BTreeSet::from(SealedEnvelope::SIZES), "all five are used, and no other");
    let longer = "x".repeat(MAX_TEXT_LENGTH + 1);
    assert!(world.try_say(alice, bob, &longer).is_err(), "what fits no envelope is refused");
}

/// One length of text has one size, whatever the state of the session.
#[test]
fn the_same_words_always_have_the_same_size() {
    let mut world = World::new(Seed(3));
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    let before = world.watch().submitted().len();
    for round in 0..30 {
        let (from, to) = if round % 2 == 0 { (alice, bob) } else { (bob, alice) };
        world.say(from, to, "noon, by the bridge");
        world.run_for(Duration::from_millis(700 * round));
    }
    world.run_until_idle();
    let sizes: BTreeSet<usize> = world.watch().submitted()[before..].iter().map(|it| it.size).collect();
    assert_eq!(sizes, BTreeSet::from([3_968]));
}
