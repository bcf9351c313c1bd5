//! The scheduler: order, pauses, lost links.

use khaima_wire::{Reply, Role, Timestamp};

use super::net::{ALICE, BOB, name_of};
use super::{Net, Person};
use crate::{Command, Dispatch, LinkState, RelayId};

fn due(person: &mut Person, now: Timestamp) -> Vec<Dispatch> {
    person.dispatcher.due(&person.store, now, &mut person.rng).unwrap()
}

fn names(found: &[Dispatch]) -> Vec<&'static str> {
    found.iter().map(|dispatch| name_of(&dispatch.request)).collect()
}

#[test]
fn jobs_wait_for_their_link_and_for_the_job_before() {
    let mut net = Net::new(701);
    let address = net.relay().address.clone();
    let relay = RelayId::of(&address);
    let now = net.now;
    let alice = net.alice();
    alice.invite(&address, now);
    assert!(due(alice, now).is_empty());
    let wanted = alice.dispatcher.wanted_links(&alice.store).unwrap();
    assert_eq!(wanted.iter().map(|link| (link.relay, link.role)).collect::<Vec<_>>(), [(relay, Role::Owner)]);
    alice.dispatcher.on_link(relay, Role::Anonymous, LinkState::Up);
    assert!(due(alice, now).is_empty(), "owner work never goes over an anonymous link");
    alice.dispatcher.on_link(relay, Role::Owner, LinkState::Up);
    let found = due(alice, now);
    assert_eq!(names(&found), ["create"]);
    assert!(due(alice, now).is_empty(), "under way");
    let input = alice.dispatcher.on_reply(found[0].ticket, Reply::Created, now, &mut alice.rng).unwrap();
    alice.apply(input, now).unwrap();
    let mut found = names(&due(alice, now));
    found.sort_unstable();
    assert_eq!(found, ["publish", "subscribe"]);
}

#[test]
fn a_lost_link_makes_everything_due_again() {
    let mut net = Net::new(702);
    let (bob, _) = net.meet(ALICE, BOB);
    let relay = RelayId::of(&net.relay().address);
    let now = net.now;
    let alice = net.alice();
    alice.say(bob, "hello", now);
    let first = due(alice, now);
    assert_eq!(names(&first), ["submit"]);
    alice.dispatcher.on_link(relay, Role::Anonymous, LinkState::Down);
    assert!(due(alice, now).is_empty());
    alice.dispatcher.on_link(relay, Role::Anonymous, LinkState::Up);
    let second = due(alice, now);
    assert_eq!(names(&second), ["submit"]);
    assert!(first[0].ticket != second[0].ticket);
    let late = alice.dispatcher.on_reply(first[0].ticket, Reply::Gone, now, &mut alice.rng);
    assert!(late.is_none(), "an answer of the old link means nothing");
}

#[test]
fn a_silent_relay_is_asked_again_with_growing_pauses() {
    let mut net = Net::new(703);
    let (bob, _) = net.meet(ALICE, BOB);
    let mut now = net.now;
    let alice = net.alice();
    alice.say(bob, "hello", now);
    let mut pauses = Vec::new();
    for _ in 0..12 {
        assert_eq!(names(&due(alice, now)), ["submit"]);
        assert_eq!(alice.dispatcher.next_wakeup(), Some(now.plus_millis(crate::REQUEST_TIMEOUT_MILLIS)));
        now = now.plus_millis(crate::REQUEST_TIMEOUT_MILLIS);
        let sent = now;
        assert!(due(alice, now).iter().all(|dispatch| name_of(&dispatch.request) != "submit"));
        now = alice.dispatcher.next_wakeup().unwrap();
        pauses.push(now.millis_since(sent));
    }
    assert!(pauses[0] <= 1_000 && pauses.iter().all(|pause| *pause <= 300_000), "{pauses:?}");
    assert!(pauses[11] >= 150_000, "{pauses:?}");
}

#[test]
fn a_busy_relay_is_left_alone_as_long_as_it_asks() {
    let mut net = Net::new(704);
    let (bob, alice_of_bob) = net.meet(ALICE, BOB);
    net.relay().busy = Some(120);
    let now = net.now;
    net.alice().say(bob, "one", now);
    net.alice().say(bob, "two", now);
    net.run();
    let asked = net.relay().served.len();
    net.pass(119_000);
    net.run();
    assert_eq!(net.relay().served.len(), asked);
    net.relay().busy = None;
    net.pass(60_000);
    net.settle();
    assert_eq!(net.bob().thread(alice_of_bob), ["< one", "< two"]);
}

#[test]
fn envelopes_for_one_mailbox_leave_one_after_the_other() {
    let mut net = Net::new(705);
    let (bob, _) = net.meet(ALICE, BOB);
    let now = net.now;
    let alice = net.alice();
    for word in ["one", "two", "three"] {
        alice.say(bob, word, now);
    }
    let found = due(alice, now);
    assert_eq!(names(&found), ["submit"]);
    // The first pauses: the others stay behind it.
    alice.dispatcher.on_reply(found[0].ticket, Reply::Full, now, &mut alice.rng);
    assert!(due(alice, now).is_empty());
}

#[test]
fn a_new_dispatcher_takes_up_what_is_in_the_store() {
    let mut net = Net::new(706);
    let (bob, _) = net.meet(ALICE, BOB);
    let relay = RelayId::of(&net.relay().address);
    let now = net.now;
    let alice = net.alice();
    alice.say(bob, "hello", now);
    alice.restart();
    let mut roles: Vec<Role> =
        alice.dispatcher.wanted_links(&alice.store).unwrap().iter().map(|link| link.role).collect();
    roles.dedup();
    assert_eq!(roles.len(), 2);
    for role in [Role::Owner, Role::Anonymous] {
        alice.dispatcher.on_link(relay, role, LinkState::Up);
    }
    let mut found = names(&due(alice, now));
    found.sort_unstable();
    assert_eq!(found, ["submit", "subscribe"]);
}

#[test]
fn a_subscription_is_repeated_to_hear_of_claims() {
    let mut net = Net::new(707);
    net.meet(ALICE, BOB);
    let subscribed = |net: &mut Net| net.relay().served.iter().filter(|what| **what == "subscribe").count();
    let before = subscribed(&mut net);
    net.pass(42_000_000);
    net.run();
    assert_eq!(subscribed(&mut net), before);
    net.pass(1_200_000);
    net.run();
    assert_eq!(subscribed(&mut net), before + 2);
}

#[test]
fn a_full_and_an_incremental_update_agree() {
    let mut net = Net::new(708);
    let (bob, _) = net.meet(ALICE, BOB);
    let now = net.now;
    let address = net.relay().address.clone();
    let alice = net.alice();
    alice.say(bob, "hello", now);
    alice.invite(&address, now);
    let invitation = alice.invitations().last().unwrap().id;
    alice.command(Command::WithdrawInvitation { invitation }, now).unwrap();
    let incremental =
        (alice.dispatcher.wanted_links(&alice.store).unwrap(), format!("{:?}", alice.dispatcher));
    alice.dispatcher.on_changed(&alice.store).unwrap();
    let full = (alice.dispatcher.wanted_links(&alice.store).unwrap(), format!("{:?}", alice.dispatcher));
    assert_eq!(incremental, full);
}

#[test]
fn a_lost_acknowledgement_is_said_again_on_the_same_link() {
    let mut net = Net::new(709);
    let (bob, _) = net.meet(ALICE, BOB);
    net.loses = Some(Box::new(|who, what| who == "bob" && what == "acknowledge"));
    let now = net.now;
    net.alice().say(bob, "hello", now);
    net.run();
    let acknowledged =
        |net: &mut Net| net.relay().served.iter().filter(|what| **what == "acknowledge").count();
    let before = acknowledged(&mut net);
    net.loses = None;
    net.pass(29_000);
    net.run();
    assert_eq!(acknowledged(&mut net), before);
    net.pass(1_000);
    net.run();
    assert!(acknowledged(&mut net) > before);
}
