//! Damage: garbage in mailboxes, relays that change, hold back and invent.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::time::Duration;

use khaima_engine::query::{MessageState, dropped};
use khaima_engine::{Command, DropReason, Input, RelayId};
use khaima_tests::world::{DeviceRef, Seed, Weather, World};
use khaima_wire::{
    Day, Delivery, Envelope, EnvelopeId, MailboxId, Push, Refusal, RelayFrame, Reply, SealedEnvelope,
};
use rand::RngExt;
use rand_core::Rng;

fn garbage(world: &mut World, size: usize) -> SealedEnvelope {
    let mut bytes = vec![0; size];
    world.rng().fill_bytes(&mut bytes);
    SealedEnvelope::new(bytes).unwrap()
}

fn both_go_on(world: &mut World, one: DeviceRef, other: DeviceRef, seed: u64) {
    for (from, to) in [(one, other), (other, one)] {
        world.say(from, to, "we go on");
        world.run_until_idle();
        assert_eq!(world.heard(to, from).last().map(String::as_str), Some("we go on"), "seed {seed}");
        assert!(
            matches!(world.said(from, to).last(), Some((_, MessageState::Delivered { .. }))),
            "seed {seed}"
        );
    }
}

#[test]
fn garbage_of_every_size_in_every_mailbox_is_dropped_and_changes_nothing() {
    let mut world = World::new(Seed(1));
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    world.invite(alice);
    world.run_until_idle();
    let home = world.home();
    let mailboxes: Vec<MailboxId> = world.watch().mailboxes().collect();
    let mut stored = 0;
    for mailbox in mailboxes {
        for size in SealedEnvelope::SIZES {
            let sealed = garbage(&mut world, size);
            match world.throw(home, Envelope { mailbox, sealed }) {
                Some(Reply::Accepted) => stored += 1,
                Some(Reply::Gone) => {}
                other => panic!("the relay answered {other:?}"),
            }
        }
    }
    assert!(stored >= 15, "two contacts' mailboxes and an invitation's took {stored}");
    world.run_until_idle();
    let counted: u64 = [alice, bob]
        .into_iter()
        .flat_map(|who| dropped(world.store(who)).unwrap())
        .map(|(reason, count)| {
            assert_eq!(reason, DropReason::Unopenable);
            count
        })
        .sum();
    assert_eq!(counted, stored);
    assert!(world.thread(alice, bob).is_empty() && world.thread(bob, alice).is_empty());
    both_go_on(&mut world, alice, bob, 1);
}

#[test]
fn deliveries_from_nowhere_are_dropped() {
    let mut world = World::new(Seed(2));
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    let relay = RelayId::of(&world.address(world.home()));
    for size in SealedEnvelope::SIZES {
        let sealed = garbage(&mut world, size);
        let mailbox = MailboxId::from_bytes(world.rng().random());
        let id = EnvelopeId::from_bytes(world.rng().random());
        let stored = Day::new(world.rng().random());
        world.inject(alice, Input::Delivery(relay, Delivery { mailbox, id, stored, sealed }));
    }
    assert_eq!(dropped(world.store(alice)).unwrap(), [(DropReason::UnknownMailbox, 5)]);
    both_go_on(&mut world, alice, bob, 2);
}

#[test]
fn a_message_that_the_relay_damaged_leaves_a_gap_that_is_shown() {
    let mut world = World::new(Seed(3));
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    world.say(alice, bob, "one");
    world.run_until_idle();
    world.set_tamper(Some(Box::new(|frame, rng| match frame {
        RelayFrame::Push(Push::Deliver(delivery)) => {
            let mut bytes = delivery.sealed.as_bytes().to_vec();
            let position = rng.random_range(0..bytes.len());
            bytes[position] ^= 1 << rng.random_range(0..8);
            let sealed = SealedEnvelope::new(bytes).unwrap();
            Some(RelayFrame::Push(Push::Deliver(Delivery { sealed, ..delivery })))
        }
        other => Some(other),
    })));
    world.say(alice, bob, "two");
    world.run_for(Duration::from_secs(600));
    world.set_tamper(None);
    world.say(alice, bob, "three");
    world.run_for(Duration::from_secs(3_600));
    assert_eq!(world.thread(bob, alice), ["alice: one", "alice: three"]);
    world.run_for(Duration::from_secs(2 * 86_400));
    assert_eq!(world.thread(bob, alice), ["alice: one", "(1 missing)", "alice: three"]);
    assert!(
        !matches!(world.said(alice, bob)[1].1, MessageState::Delivered { .. }),
        "no receipt for what was lost"
    );
    both_go_on(&mut world, alice, bob, 3);
}

#[test]
fn a_message_that_the_relay_kept_back_and_then_gave_out_closes_its_gap() {
    let mut world = World::new(Seed(4));
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    world.say(alice, bob, "one");
    world.run_until_idle();
    world.set_tamper(Some(Box::new(|frame, _| {
        (!matches!(frame, RelayFrame::Push(Push::Deliver(_)))).then_some(frame)
    })));
    world.say(alice, bob, "two");
    world.run_for(Duration::from_secs(600));
    world.set_tamper(None);
    world.say(alice, bob, "three");
    world.run_for(Duration::from_secs(2 * 86_400));
    assert_eq!(world.thread(bob, alice), ["alice: one", "(1 missing)", "alice: three"]);
    world.kill_relay(world.home(), 1_000);
    world.run_until_idle();
    assert_eq!(world.thread(bob, alice), ["alice: one", "alice: three", "alice: two"]);
}

/// What a relay that does not keep to the protocol could say instead.
fn invented(rng: &mut impl Rng) -> Reply {
    match rng.random_range(0..16) {
        0 => Reply::Created,
        1 => Reply::AlreadyYours,
        2 => Reply::NotPermitted,
        3 => Reply::Subscribed { one_time_left: rng.random(), claimed: rng.random(), waiting: rng.random() },
        4 => Reply::Published { one_time_left: rng.random() },
        5 => Reply::Acknowledged,
        6 => Reply::Deleted { permit: None },
        7 => Reply::Gone,
        8 => Reply::Full,
        9 => Reply::Busy { retry_after_secs: rng.random() },
        10 => Reply::Permits(Vec::new()),
        11 => Reply::Pong,
        12 => Reply::Refused(Refusal::Malformed),
        13 => Reply::Refused(Refusal::Unknown(rng.random_range(500..5_000))),
        14 => Reply::Unknown(rng.random_range(500..5_000)),
        _ => Reply::Accepted,
    }
}

#[test]
fn whatever_a_lying_relay_answers_nobody_panics_and_both_go_on_afterwards() {
    for seed in 0..16 {
        let mut world = World::new(Seed(seed));
        let (alice, bob) = (world.device("alice"), world.device("bob"));
        let weather = Weather { loss: 0.05, crash: 0.02, ..Weather::calm() };
        world.set_weather(weather);
        world.set_tamper(Some(Box::new(|frame, rng| match frame {
            RelayFrame::Reply { id, .. } if rng.random_bool(0.3) => {
                Some(RelayFrame::Reply { id, reply: invented(rng) })
            }
            RelayFrame::Push(Push::Deliver(delivery)) if rng.random_bool(0.2) => {
                let stored = Day::new(rng.random());
                Some(RelayFrame::Push(Push::Deliver(Delivery { stored, ..delivery })))
            }
            RelayFrame::Push(_) if rng.random_bool(0.1) => None,
            other => Some(other),
        })));
        let mut sent = Vec::new();
        for number in 0..20 {
            let text = format!("message {number}");
            if world.say(alice, bob, &text) {
                sent.push(text);
            }
            world.say(bob, alice, "an answer");
            let pause = world.below(600);
            world.run_for(Duration::from_secs(pause));
        }
        world.set_tamper(None);
        world.heal();
        // What the relay refused is shown as failed, and sent again by the person.
        world.run_for(Duration::from_secs(2 * 86_400));
        for (from, to) in [(alice, bob), (bob, alice)] {
            let conversation = world.conversation(from, to);
            for row in world.rows(from, to) {
                if matches!(row.state, MessageState::Failed(_)) {
                    world.insist(from, Command::Retry { conversation, order: row.order });
                }
            }
        }
        world.run_until_idle();
        both_go_on(&mut world, alice, bob, seed);
        let heard = world.heard(bob, alice);
        for text in &sent {
            let times = heard.iter().filter(|heard| *heard == text).count();
            assert!(times <= 1, "seed {seed}: `{text}` was shown {times} times");
        }
        assert!(world.watch().reused_keys().is_empty(), "seed {seed}");
    }
}
