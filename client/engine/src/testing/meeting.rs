//! How people meet.

use khaima_wire::{InvitationError, InviteCode};

use super::Net;
use super::net::{ALICE, BOB};
use crate::query::{self, InvitationState, Relation};
use crate::{Command, CommandError, EngineError, Event, Problem};

fn refused(result: Result<(), EngineError>) -> CommandError {
    match result {
        Err(EngineError::Command(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn two_people_meet_and_talk() {
    let mut net = Net::new(1);
    let (bob, alice) = net.meet(ALICE, BOB);
    let now = net.now;
    net.alice().say(bob, "noon, by the bridge", now);
    net.bob().say(alice, "I will be there", now);
    net.settle();
    assert_eq!(net.alice().thread(bob), ["> noon, by the bridge", "< I will be there"]);
    assert_eq!(net.bob().thread(alice), ["> I will be there", "< noon, by the bridge"]);
    assert!(matches!(net.alice().states(bob)[..], [query::MessageState::Delivered { .. }]));
    assert!(matches!(net.bob().states(alice)[..], [query::MessageState::Delivered { .. }]));
    // Nothing is left to do or to fetch, and only the two mailboxes of the relationship are left.
    assert_eq!(query::pending_jobs(&net.alice().store).unwrap(), 0);
    assert_eq!(query::pending_jobs(&net.bob().store).unwrap(), 0);
    assert_eq!(net.relay().waiting(), 0);
    assert_eq!(net.relay().mailboxes.len(), 2);
    assert_eq!(net.alice().invitation_state(), InvitationState::Used);
    assert!(net.bob().invitations().is_empty());
    assert!(net.alice().dropped().is_empty() && net.bob().dropped().is_empty());
}

#[test]
fn the_link_is_told_only_when_the_relay_has_it() {
    let mut net = Net::new(2);
    let address = net.relay().address.clone();
    let now = net.now;
    net.alice().invite(&address, now);
    assert_eq!(net.alice().invitation_state(), InvitationState::Making);
    assert!(net.alice().invitations()[0].link.is_none());
    assert!(!net.alice().events.iter().any(|event| matches!(event, Event::InvitationReady { .. })));
    net.run();
    let link = net.alice().open_link();
    assert!(
        net.alice()
            .events
            .iter()
            .any(|event| matches!(event, Event::InvitationReady { link: told, .. } if *told == link))
    );
}

#[test]
fn the_request_waits_until_the_own_mailbox_is_published() {
    let mut net = Net::new(3);
    net.request(ALICE, BOB);
    let served = net.relay().served.clone();
    let at = |what| served.iter().rposition(|served| *served == what).unwrap();
    assert!(at("submit") > at("publish") && at("publish") > at("create"), "{served:?}");
}

#[test]
fn the_invitation_mailbox_goes_only_when_the_new_slip_was_used() {
    let mut net = Net::new(4);
    net.request(ALICE, BOB);
    let contact = net.alice().only_contact();
    assert_eq!(
        (contact.relation, contact.greeting.as_str(), contact.name.as_str()),
        (Relation::AsksUs, "salam", "bob")
    );
    net.bob().offline = true;
    let now = net.now;
    net.alice().command(Command::AcceptRequest { contact: contact.id }, now).unwrap();
    net.run();
    // Invitation, Bob's for Alice, Alice's for Bob.
    assert_eq!(net.relay().mailboxes.len(), 3);
    assert_eq!(net.alice().invitation_state(), InvitationState::Taken);
    net.bob().offline = false;
    net.settle();
    assert_eq!(net.relay().mailboxes.len(), 2);
    assert_eq!(net.alice().invitation_state(), InvitationState::Used);
}

#[test]
fn a_refused_request_leaves_nothing_and_says_nothing() {
    let mut net = Net::new(5);
    net.request(ALICE, BOB);
    let contact = net.alice().only_contact().id;
    let sent = net.relay().submitted.len();
    let now = net.now;
    net.alice().command(Command::RefuseRequest { contact }, now).unwrap();
    net.settle();
    assert!(net.alice().contacts().is_empty());
    assert_eq!(net.relay().submitted.len(), sent);
    assert_eq!(net.bob().only_contact().relation, Relation::AskedByUs);
    assert_eq!(net.relay().mailboxes.len(), 1, "only Bob's own mailbox is left");
    let left: Vec<_> =
        net.alice().store.iter().filter(|(key, _)| key.kind() == crate::RecordKind::Session).collect();
    assert!(left.is_empty());
    // Bob gives up.
    let alice = net.bob().only_contact().id;
    let now = net.now;
    net.bob().command(Command::ForgetContact { contact: alice }, now).unwrap();
    net.settle();
    assert!(
        net.relay().mailboxes.is_empty()
            && net.bob().contacts().is_empty()
            && net.bob().invitations().is_empty()
    );
}

#[test]
fn no_receipt_and_nothing_else_goes_to_somebody_not_accepted() {
    let mut net = Net::new(6);
    net.request(ALICE, BOB);
    let sent = net.relay().submitted.len();
    net.settle();
    net.pass_days(1);
    net.settle();
    assert_eq!(net.relay().submitted.len(), sent);
    let contact = net.alice().only_contact();
    let now = net.now;
    let text = Command::SendText { conversation: contact.conversation, body: "hello".into() };
    assert_eq!(refused(net.alice().command(text, now)), CommandError::NotAccepted);
}

#[test]
fn an_expired_link_is_refused_and_its_mailbox_goes() {
    let mut net = Net::new(7);
    let address = net.relay().address.clone();
    let now = net.now;
    net.alice().invite(&address, now);
    net.run();
    let link = net.alice().open_link();
    net.pass_days(8);
    let now = net.now;
    let error = refused(net.bob().accept(&link, now));
    assert!(matches!(error, CommandError::Invitation(InvitationError::Expired { .. })));
    // Connected again with nothing waiting: no need to wait for late readers.
    net.disconnect_all();
    net.settle();
    assert_eq!(net.alice().invitation_state(), InvitationState::Expired);
    assert!(net.relay().mailboxes.is_empty());
}

#[test]
fn a_request_that_came_in_time_counts_after_the_expiry() {
    let mut net = Net::new(8);
    let address = net.relay().address.clone();
    let now = net.now;
    net.alice().invite(&address, now);
    net.run();
    let link = net.alice().open_link();
    net.alice().disconnect();
    net.alice().offline = true;
    net.bob().accept(&link, now).unwrap();
    net.run();
    net.pass_days(9);
    net.alice().offline = false;
    net.settle();
    assert_eq!(net.alice().only_contact().relation, Relation::AsksUs);
}

#[test]
fn a_withdrawn_link_is_gone() {
    let mut net = Net::new(9);
    let address = net.relay().address.clone();
    let now = net.now;
    net.alice().invite(&address, now);
    net.run();
    let link = net.alice().open_link();
    let invitation = net.alice().invitations()[0].id;
    net.alice().command(Command::WithdrawInvitation { invitation }, now).unwrap();
    net.run();
    assert!(net.relay().mailboxes.is_empty());
    assert_eq!(net.alice().invitation_state(), InvitationState::Withdrawn);
    net.bob().accept(&link, now).unwrap();
    net.settle();
    assert_eq!(net.bob().invitation_state(), InvitationState::Gone);
    assert!(
        net.bob().events.iter().any(|event| matches!(event, Event::Problem(Problem::InvitationGone { .. })))
    );
    assert!(net.bob().contacts().is_empty());
    let invitation = net.bob().invitations()[0].id;
    net.bob().command(Command::ForgetInvitation { invitation }, now).unwrap();
    assert!(net.bob().invitations().is_empty());
}

#[test]
fn a_link_is_accepted_once_and_not_by_its_maker() {
    let mut net = Net::new(10);
    let link = net.request(ALICE, BOB);
    let now = net.now;
    assert_eq!(refused(net.bob().accept(&link, now)), CommandError::AlreadyAccepted);
    assert_eq!(refused(net.alice().accept(&link, now)), CommandError::OwnInvitation);
}

#[test]
fn a_second_person_with_the_link_finds_no_bundle() {
    let mut net = Net::new(11);
    let link = net.request(ALICE, BOB);
    let now = net.now;
    net.carol().accept(&link, now).unwrap();
    net.settle();
    assert_eq!(net.carol().invitation_state(), InvitationState::Gone);
    assert_eq!(net.alice().only_contact().name, "bob");
}

#[test]
fn a_lost_claim_gets_a_fresh_bundle_a_day_later() {
    let mut net = Net::new(12);
    let address = net.relay().address.clone();
    let now = net.now;
    net.alice().invite(&address, now);
    net.run();
    let link = net.alice().open_link();
    let mut lost = 0;
    net.loses = Some(Box::new(move |_, what| {
        lost += usize::from(what == "claim");
        what == "claim" && lost == 1
    }));
    net.bob().accept(&link, now).unwrap();
    net.settle();
    assert_eq!(net.bob().invitation_state(), InvitationState::Gone);
    // Half a day: Alice hears of the claim. A day more: she gives a fresh bundle.
    net.pass_days(1);
    net.settle();
    net.pass_days(1);
    net.settle();
    let invitation = net.bob().invitations()[0].id;
    let now = net.now;
    net.bob().command(Command::RetryInvitation { invitation }, now).unwrap();
    net.settle();
    assert_eq!(net.alice().only_contact().name, "bob");
}

#[test]
fn who_takes_the_invitation_first_has_it_and_the_next_is_counted() {
    let mut net = Net::new(13);
    let address = net.relay().address.clone();
    let now = net.now;
    net.alice().invite(&address, now);
    net.run();
    let link = net.alice().open_link();
    // Carol claims and keeps her request back; a day later Bob gets a fresh bundle and is first.
    net.carol().accept(&link, now).unwrap();
    net.carol().crash = None;
    net.loses = Some(Box::new(|who, what| who == "carol" && what == "create"));
    net.run();
    net.carol().disconnect();
    net.carol().offline = true;
    net.loses = None;
    for _ in 0..3 {
        net.pass_days(1);
        net.settle();
    }
    let now = net.now;
    net.bob().accept(&link, now).unwrap();
    net.settle();
    assert_eq!(net.alice().only_contact().name, "bob");
    net.carol().offline = false;
    net.settle();
    assert_eq!(net.alice().only_contact().name, "bob");
    assert_eq!(net.alice().invitations()[0].refused, 1);
    assert!(
        net.alice()
            .events
            .iter()
            .any(|event| matches!(event, Event::InvitationRefusedAgain { count: 1, .. }))
    );
}

#[test]
fn two_who_invite_each_other_at_once_become_contacts() {
    let mut net = Net::new(14);
    let address = net.relay().address.clone();
    let now = net.now;
    net.alice().invite(&address, now);
    net.bob().invite(&address, now);
    net.run();
    let (from_alice, from_bob) = (net.alice().open_link(), net.bob().open_link());
    // Both accept before either has heard of the other.
    net.alice().accept(&from_bob, now).unwrap();
    net.bob().accept(&from_alice, now).unwrap();
    net.settle();
    let (bob, alice) = (net.alice().only_contact(), net.bob().only_contact());
    assert_eq!((bob.relation, alice.relation), (Relation::Accepted, Relation::Accepted));
    let now = net.now;
    net.alice().say(bob.id, "both at once", now);
    net.bob().say(alice.id, "indeed", now);
    net.settle();
    assert_eq!(net.alice().thread(bob.id), ["> both at once", "< indeed"]);
    assert_eq!(net.bob().thread(alice.id), ["> indeed", "< both at once"]);
    assert_eq!(net.relay().mailboxes.len(), 2);
}

#[test]
fn somebody_known_is_not_met_again() {
    let mut net = Net::new(15);
    net.meet(ALICE, BOB);
    net.request(ALICE, BOB);
    net.settle();
    assert_eq!(net.alice().contacts().len(), 1);
    assert_eq!(net.bob().contacts().len(), 1);
    assert!(
        net.bob().events.iter().any(|event| matches!(event, Event::Problem(Problem::AlreadyKnown { .. })))
    );
}

#[test]
fn a_home_relay_takes_the_new_mailboxes() {
    let mut net = Net::new(16);
    let home = net.add_relay(2);
    let address = net.relays[&home].address.clone();
    let now = net.now;
    net.bob().command(Command::UseRelay { relay: address, code: None, home: true }, now).unwrap();
    let (bob, alice) = net.meet(ALICE, BOB);
    assert_eq!(net.relays[&home].mailboxes.len(), 1);
    let now = net.now;
    net.alice().say(bob, "over there", now);
    net.bob().say(alice, "and back", now);
    net.settle();
    assert_eq!(net.bob().thread(alice), ["> and back", "< over there"]);
}

#[test]
fn a_relay_that_wants_permits_gets_them_from_a_code() {
    let mut net = Net::new(17);
    let relay = net.relay();
    relay.permits = Some(Default::default());
    let permits: Vec<_> = (0..3).map(|_| relay.fresh_permit()).collect();
    let address = relay.address.clone();
    let now = net.now;
    net.alice().invite(&address, now);
    net.settle();
    assert_eq!(net.alice().invitation_state(), InvitationState::Making);
    assert!(
        net.alice().events.iter().any(|event| matches!(event, Event::Problem(Problem::PermitNeeded { .. })))
    );
    assert!(query::relays(&net.alice().store).unwrap()[0].permit_needed);
    net.relay().code_worth = permits;
    let code = InviteCode::generate(&mut net.alice().rng);
    let now = net.now;
    net.alice().command(Command::UseRelay { relay: address, code: Some(code), home: true }, now).unwrap();
    net.settle();
    assert_eq!(net.alice().invitation_state(), InvitationState::Open);
    let relay = &query::relays(&net.alice().store).unwrap()[0];
    assert!(!relay.permit_needed && relay.permits == 2 && relay.is_home);
    // Deleting gives one back.
    let invitation = net.alice().invitations()[0].id;
    let now = net.now;
    net.alice().command(Command::WithdrawInvitation { invitation }, now).unwrap();
    net.settle();
    assert_eq!(query::relays(&net.alice().store).unwrap()[0].permits, 3);
}

#[test]
fn commands_out_of_bounds_change_nothing() {
    let mut net = Net::new(18);
    let address = net.relay().address.clone();
    let now = net.now;
    let before = net.alice().store.commits();
    let days = |expires_in_days| Command::CreateInvitation {
        relay: address.clone(),
        expires_in_days,
        note: String::new(),
    };
    assert_eq!(refused(net.alice().command(days(0), now)), CommandError::ExpiryOutOfRange);
    assert_eq!(refused(net.alice().command(days(91), now)), CommandError::ExpiryOutOfRange);
    let profile = Command::CreateProfile { name: "x".into() };
    assert_eq!(refused(net.alice().command(profile, now)), CommandError::AlreadyProfile);
    let name = Command::SetName { name: "x".repeat(65) };
    assert_eq!(refused(net.alice().command(name, now)), CommandError::TextTooLong { length: 65, limit: 64 });
    let accept = |link: &str| Command::AcceptInvitation { link: link.into(), greeting: String::new() };
    let error = refused(net.alice().command(accept("https://example.org"), now));
    assert_eq!(error, CommandError::Invitation(InvitationError::NotALink));
    let error = refused(net.alice().command(accept("khaima:AAAA"), now));
    assert!(matches!(error, CommandError::Invitation(_)));
    assert_eq!(net.alice().store.commits(), before);
}
