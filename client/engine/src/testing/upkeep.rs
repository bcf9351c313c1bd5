//! What time brings.

use khaima_wire::Day;

use super::Net;
use super::net::{ALICE, BOB};
use crate::RecordKind;

#[test]
fn prekeys_rotate_after_20_to_40_days_and_old_halves_go_45_days_later() {
    let mut net = Net::new(601);
    let (bob, alice) = net.meet(ALICE, BOB);
    let mailbox = net.alice().record(bob).own_mailbox.unwrap();
    let signed = |net: &mut Net| net.alice().count(RecordKind::SignedPreKey);
    assert_eq!(signed(&mut net), 1);
    let first = net.relay().mailboxes[&mailbox].last_resort.clone();
    for _ in 0..19 {
        net.pass_days(1);
        net.run();
    }
    assert!(net.relay().mailboxes[&mailbox].last_resort == first, "too early");
    for _ in 0..22 {
        net.pass_days(1);
        net.run();
    }
    assert!(net.relay().mailboxes[&mailbox].last_resort != first, "too late");
    assert_eq!(net.relay().mailboxes[&mailbox].one_time.len(), 2);
    assert_eq!(signed(&mut net), 2, "the old half is kept");
    // The old halves go; each rotation since leaves its own.
    for _ in 0..90 {
        net.pass_days(1);
        net.run();
    }
    assert!(signed(&mut net) <= 4);
    assert!(net.alice().count(RecordKind::OneTimePreKey) <= 2 * 4);
    let now = net.now;
    net.alice().say(bob, "still here", now);
    net.settle();
    assert_eq!(net.bob().thread(alice), ["< still here"]);
}

#[test]
fn two_mailboxes_do_not_rotate_on_one_day() {
    let mut net = Net::new(602);
    net.meet(ALICE, BOB);
    let rotations: Vec<_> = (0..2)
        .flat_map(|who| {
            let view = net.people[who].store.clone();
            crate::records::load_all::<crate::records::MailboxRecord>(&view, &[]).unwrap()
        })
        .map(|(_, mailbox)| mailbox.rotate_at)
        .collect();
    assert!(rotations.len() >= 2 && rotations[0] != rotations[1]);
}

#[test]
fn processed_envelopes_are_forgotten_after_61_days() {
    let mut net = Net::new(603);
    let (bob, _) = net.meet(ALICE, BOB);
    let now = net.now;
    for number in 0..20 {
        net.alice().say(bob, &number.to_string(), now);
    }
    net.settle();
    let seen = net.bob().count(RecordKind::Seen);
    assert!(seen >= 20);
    net.pass_days(61);
    assert_eq!(net.bob().count(RecordKind::Seen), seen);
    net.pass_days(2);
    assert_eq!(net.bob().count(RecordKind::Seen), 0);
}

#[test]
fn a_mailbox_the_relay_lost_is_made_again_under_its_id() {
    let mut net = Net::new(604);
    let (bob, alice) = net.meet(ALICE, BOB);
    let mailbox = net.bob().record(alice).own_mailbox.unwrap();
    net.pass_days(1);
    net.relay().mailboxes.remove(&mailbox);
    net.bob().disconnect();
    net.settle();
    assert_eq!(net.relay().mailboxes[&mailbox].one_time.len(), 2);
    let now = net.now;
    net.alice().say(bob, "found you", now);
    net.settle();
    assert_eq!(net.bob().thread(alice), ["< found you"]);
    // Not more than once a day, so that a forgetful relay does not keep us busy.
    net.relay().mailboxes.remove(&mailbox);
    net.bob().disconnect();
    net.settle();
    assert!(!net.relay().mailboxes.contains_key(&mailbox));
    net.pass_days(1);
    net.bob().disconnect();
    net.settle();
    assert!(net.relay().mailboxes.contains_key(&mailbox));
}

#[test]
fn the_next_tick_is_never_more_than_a_day_away() {
    let mut net = Net::new(605);
    net.meet(ALICE, BOB);
    let now = net.now;
    let next = crate::Engine::new().next_tick(&net.people[ALICE].store, now).unwrap();
    assert!(next > now && next.millis_since(now) <= Day::MILLIS);
}

#[test]
fn certificates_are_made_anew_each_day() {
    let mut net = Net::new(606);
    let (bob, _) = net.meet(ALICE, BOB);
    let certificate = |net: &Net| {
        let kind = RecordKind::Certificate;
        let found = net.people[ALICE].store.iter().find(|(key, _)| key.kind() == kind);
        found.map(|(_, bytes)| bytes.to_vec()).unwrap()
    };
    let first = certificate(&net);
    let now = net.now;
    net.alice().say(bob, "today", now);
    assert!(certificate(&net) == first);
    net.pass_days(1);
    let now = net.now;
    net.alice().say(bob, "tomorrow", now);
    assert!(certificate(&net) != first);
}
