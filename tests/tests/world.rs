//! The world itself: that it plays fair, that it repeats, and that its checks can fail.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::time::Duration;

use khaima_engine::query::{MessageState, RowBody};
use khaima_tests::conversation;
use khaima_tests::world::{Fate, Seed, World};

#[test]
fn a_message_for_an_offline_device_waits_in_its_mailbox() {
    let mut world = World::new(Seed(7));
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    world.disconnect(bob);
    assert!(world.say(alice, bob, "noon, by the bridge"));
    world.run_for(Duration::from_secs(60));
    assert!(world.thread(bob, alice).is_empty());
    assert!(matches!(world.said(alice, bob)[..], [(_, MessageState::Sent { .. })]));
    assert_eq!(world.waiting(world.home()), 1);
    world.connect(bob);
    world.run_until_idle();
    assert_eq!(world.thread(bob, alice), ["alice: noon, by the bridge"]);
    assert!(matches!(world.said(alice, bob)[..], [(_, MessageState::Delivered { .. })]));
    assert_eq!(world.waiting(world.home()), 0);
}

#[test]
fn a_message_of_an_offline_device_waits_in_its_outbox() {
    let mut world = World::new(Seed(8));
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    world.disconnect(alice);
    world.say(alice, bob, "one");
    world.crash(alice);
    assert_eq!(world.try_say(alice, bob, "never written"), Ok(Fate::Lost), "the program is not running");
    world.start(alice);
    world.say(alice, bob, "two");
    world.run_for(Duration::from_secs(86_400));
    assert!(world.said(alice, bob).iter().all(|(_, state)| *state == MessageState::Queued));
    world.connect(alice);
    world.run_until_idle();
    assert_eq!(world.thread(bob, alice), ["alice: one", "alice: two"]);
}

#[test]
fn three_people_keep_their_conversations_apart() {
    let mut world = World::new(Seed(9));
    let (alice, bob, carol) = (world.device("alice"), world.device("bob"), world.device("carol"));
    world.say(alice, bob, "for bob");
    world.say(alice, carol, "for carol");
    world.say(carol, bob, "from carol");
    world.run_until_idle();
    assert_eq!(world.thread(bob, alice), ["alice: for bob"]);
    assert_eq!(world.thread(carol, alice), ["alice: for carol"]);
    assert_eq!(world.thread(carol, bob), ["carol: from carol"]);
    assert_eq!(world.thread(bob, carol), ["carol: from carol"]);
    assert_eq!(world.thread(alice, carol), ["alice: for carol"]);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let (first, second) = (conversation::play(Seed(4_711)), conversation::play(Seed(4_711)));
    assert_eq!(first.unwrap(), second.unwrap());
}

#[test]
fn two_relays_carry_one_conversation() {
    let mut world = World::new(Seed(10));
    let other = world.relay(khaima_tests::world::Policy {
        creation: khaima_tests::world::Creation::Open,
        ..Default::default()
    });
    let (alice, bob) = (world.stranger("alice"), world.newcomer("bob"));
    let relay = world.address(other);
    world.insist(bob, khaima_engine::Command::UseRelay { relay, code: None, home: true });
    world.meet(alice, bob);
    assert!(world.mailboxes(other) > 0, "bob's mailbox is at his own relay");
    world.say(alice, bob, "across");
    world.say(bob, alice, "and back");
    world.kill_relay(world.home(), 3_600_000);
    world.run_until_idle();
    assert_eq!(world.heard(bob, alice), ["across"]);
    assert_eq!(world.heard(alice, bob), ["and back"]);
}

/// The positive control of the check for reused message keys.
#[test]
fn an_old_copy_of_a_vault_uses_message_keys_twice_and_is_seen_doing_so() {
    let mut world = World::new(Seed(11));
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    let copy = world.store(alice).clone();
    world.say(alice, bob, "first");
    world.run_until_idle();
    assert!(world.watch().reused_keys().is_empty());
    world.put_back(alice, copy);
    world.say(alice, bob, "another text, the same key");
    world.run_for(Duration::from_secs(60));
    assert_eq!(world.watch().reused_keys().len(), 1);
    // Of two messages under one key only the first is read.
    assert_eq!(world.heard(bob, alice), ["first"]);
}

#[test]
fn a_certificate_of_the_day_is_made_anew_for_a_conversation_over_months() {
    let mut world = World::new(Seed(12));
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    for month in 0..6 {
        world.say(alice, bob, &format!("month {month}"));
        world.say(bob, alice, &format!("still here in month {month}"));
        world.run_for(Duration::from_secs(30 * 86_400));
    }
    world.run_until_idle();
    assert_eq!((world.heard(bob, alice).len(), world.heard(alice, bob).len()), (6, 6));
    let rows = world.rows(bob, alice);
    assert!(rows.iter().all(|row| !row.certificate_expired && matches!(row.body, RowBody::Text(_))));
}

#[test]
fn who_comes_back_after_two_months_learns_that_messages_are_missing() {
    let mut world = World::new(Seed(13));
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    world.say(alice, bob, "before");
    world.run_until_idle();
    world.disconnect(bob);
    world.say(alice, bob, "too long ago");
    world.run_for(Duration::from_secs(60 * 86_400));
    assert_eq!(world.waiting(world.home()), 0, "the relay keeps envelopes for 30 days");
    world.connect(bob);
    world.say(alice, bob, "after");
    world.run_for(Duration::from_secs(2 * 86_400));
    assert_eq!(world.thread(bob, alice), ["alice: before", "(1 missing)", "alice: after"]);
}
