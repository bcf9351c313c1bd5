//! Meeting by an invitation: in bad weather, with links that are expired, used, withdrawn, changed or shared.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::time::Duration;

use khaima_engine::query::{InvitationState, Relation, invitations};
use khaima_engine::{Command, CommandError, Event, Problem};
use khaima_tests::world::{Creation, DeviceRef, Fate, Policy, Seed, Weather, World};
use khaima_wire::{InvitationError, RelayFrame, Reply, SealedBundle};

fn accept(world: &mut World, who: DeviceRef, link: &str) -> Result<Fate, CommandError> {
    let command = Command::AcceptInvitation { link: link.to_owned(), greeting: "it is me".to_owned() };
    world.command(who, command)
}

fn states(world: &World, who: DeviceRef) -> Vec<InvitationState> {
    invitations(world.store(who)).unwrap().into_iter().map(|invitation| invitation.state).collect()
}

fn problems(world: &World, who: DeviceRef) -> Vec<Problem> {
    let problems = world.events(who).iter().filter_map(|event| match event {
        Event::Problem(problem) => Some(*problem),
        _ => None,
    });
    problems.collect()
}

fn are_friends(world: &World, one: DeviceRef, other: DeviceRef) -> bool {
    let relation = |who, whom| world.contact(who, whom).map(|contact| contact.relation);
    relation(one, other) == Some(Relation::Accepted) && relation(other, one) == Some(Relation::Accepted)
}

/// What two patient people do: say yes to requests, try a link again that had no bundle, a day later ask for a new one.
fn be_patient(world: &mut World, inviter: DeviceRef, invitee: DeviceRef, days: u64) {
    for _ in 0..days * 24 {
        if are_friends(world, inviter, invitee) {
            return;
        }
        world.run_for(Duration::from_secs(3_600));
        if let Some(contact) = world.contact(inviter, invitee).filter(|it| it.relation == Relation::AsksUs) {
            world.insist(inviter, Command::AcceptRequest { contact: contact.id });
        }
        let failed = invitations(world.store(invitee)).unwrap();
        for invitation in failed.into_iter().filter(|it| it.state == InvitationState::Gone) {
            let retry = Command::RetryInvitation { invitation: invitation.id };
            world.start(invitee);
            // Expired meanwhile: only a new link helps.
            let _ = world.command(invitee, retry);
        }
    }
}

fn meet_in_bad_weather(seeds: std::ops::Range<u64>) {
    let (mut by_first_link, total) = (0, seeds.end - seeds.start);
    for seed in seeds {
        let mut world = World::new(Seed(seed));
        let weather = Weather::rough(world.rng());
        world.set_weather(weather);
        let (alice, bob) = (world.stranger("Alice"), world.stranger("Bob"));
        let meeting = world.invite(alice);
        world.insist(bob, Command::AcceptInvitation { link: meeting.link, greeting: "it is me".to_owned() });
        be_patient(&mut world, alice, bob, 5);
        world.heal();
        be_patient(&mut world, alice, bob, 3);
        by_first_link += u64::from(are_friends(&world, alice, bob));
        if !are_friends(&world, alice, bob) {
            // Every bundle of the first link was lost with an answer on its way. They are told; a new link helps.
            assert!(
                states(&world, bob).contains(&InvitationState::Gone),
                "seed {seed}: {:?}",
                states(&world, bob)
            );
            assert!(problems(&world, bob).iter().any(|it| matches!(it, Problem::InvitationGone { .. })));
            let meeting = world.invite(alice);
            accept(&mut world, bob, &meeting.link).unwrap();
            be_patient(&mut world, alice, bob, 1);
        }
        assert!(are_friends(&world, alice, bob), "seed {seed}: they did not meet");
        world.run_until_idle();
        for (from, to) in [(alice, bob), (bob, alice)] {
            world.say(from, to, "at last");
            world.run_until_idle();
            assert_eq!(world.heard(to, from), ["at last"], "seed {seed}");
        }
        assert!(world.watch().reused_keys().is_empty(), "seed {seed}");
    }
    println!("{by_first_link} of {total} met by their first link");
    assert!(by_first_link * 2 > total, "{by_first_link} of {total} met by their first link");
}

#[test]
fn people_meet_in_bad_weather_0_to_29() {
    meet_in_bad_weather(0..30);
}

#[test]
fn people_meet_in_bad_weather_30_to_59() {
    meet_in_bad_weather(30..60);
}

#[test]
fn an_expired_link_is_refused_with_its_day() {
    let mut world = World::new(Seed(1));
    let (alice, bob) = (world.stranger("alice"), world.stranger("bob"));
    let meeting = world.invite(alice);
    let last = world.now().day().plus(7);
    world.run_for(Duration::from_secs(8 * 86_400));
    let refused = accept(&mut world, bob, &meeting.link).unwrap_err();
    assert_eq!(refused, CommandError::Invitation(InvitationError::Expired { since: last }));
    world.run_for(Duration::from_secs(8 * 86_400));
    assert_eq!(states(&world, alice), [InvitationState::Expired]);
    assert_eq!(world.mailboxes(world.home()), 0, "its mailbox is gone");
}

#[test]
fn a_changed_link_is_refused_as_damaged() {
    let mut world = World::new(Seed(2));
    let (alice, bob) = (world.stranger("alice"), world.stranger("bob"));
    let link = world.invite(alice).link;
    for position in (7..link.len()).step_by(11) {
        let mut changed = link.clone().into_bytes();
        changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
        let refused = accept(&mut world, bob, &String::from_utf8(changed).unwrap());
        let Err(CommandError::Invitation(why)) = refused else { panic!("position {position}: {refused:?}") };
        assert!(
            matches!(why, InvitationError::Damaged | InvitationError::NewerVersion),
            "{position}: {why:?}"
        );
    }
    for cut in [1, 20, link.len() / 2] {
        assert!(accept(&mut world, bob, &link[..link.len() - cut]).is_err());
    }
    assert_eq!(
        accept(&mut world, bob, "https://example.org").unwrap_err(),
        CommandError::Invitation(InvitationError::NotALink)
    );
    assert!(states(&world, bob).is_empty(), "nothing is left of them");
}

#[test]
fn a_withdrawn_link_is_gone() {
    let mut world = World::new(Seed(3));
    let (alice, bob) = (world.stranger("alice"), world.stranger("bob"));
    let meeting = world.invite(alice);
    world.insist(alice, Command::WithdrawInvitation { invitation: meeting.invitation });
    world.run_until_idle();
    assert_eq!(world.mailboxes(world.home()), 0);
    accept(&mut world, bob, &meeting.link).unwrap();
    world.run_until_idle();
    assert_eq!(states(&world, bob), [InvitationState::Gone]);
    assert!(matches!(problems(&world, bob)[..], [Problem::InvitationGone { .. }]));
    assert!(world.contact(alice, bob).is_none());
}

#[test]
fn a_used_link_serves_nobody_else() {
    let mut world = World::new(Seed(4));
    let (alice, bob, carol) = (world.stranger("alice"), world.stranger("bob"), world.stranger("carol"));
    let meeting = world.meet(alice, bob);
    accept(&mut world, carol, &meeting.link).unwrap();
    world.run_until_idle();
    assert_eq!(states(&world, carol), [InvitationState::Gone]);
    assert!(world.contact(alice, carol).is_none());
    world.say(bob, alice, "still us");
    world.run_until_idle();
    assert_eq!(world.heard(alice, bob), ["still us"]);
}

#[test]
fn the_second_of_two_people_with_one_link_is_refused_and_counted() {
    let mut world = World::new(Seed(5));
    let (alice, bob, carol) = (world.stranger("alice"), world.stranger("bob"), world.stranger("carol"));
    let meeting = world.invite(alice);
    accept(&mut world, bob, &meeting.link).unwrap();
    while states(&world, bob) != [InvitationState::Requested] {
        world.run_for(Duration::from_millis(20));
    }
    // Bob has the bundle, and no network: his request waits while a fresh bundle goes to Carol.
    world.disconnect(bob);
    world.run_for(Duration::from_secs(3 * 86_400));
    accept(&mut world, carol, &meeting.link).unwrap();
    world.run_for(Duration::from_secs(3_600));
    assert_eq!(world.contact(alice, carol).map(|it| it.relation), Some(Relation::AsksUs));
    world.connect(bob);
    world.run_until_idle();
    assert!(world.contact(alice, bob).is_none(), "the first valid request takes the link");
    let counted = invitations(world.store(alice)).unwrap();
    assert_eq!(counted[0].refused, 1, "and further ones are counted on the inviter's screen");
    assert!(
        world
            .events(alice)
            .iter()
            .any(|event| matches!(event, Event::InvitationRefusedAgain { count: 1, .. }))
    );
}

#[test]
fn an_own_link_and_a_link_accepted_before_are_refused() {
    let mut world = World::new(Seed(6));
    let (alice, bob) = (world.stranger("alice"), world.stranger("bob"));
    let meeting = world.invite(alice);
    assert_eq!(accept(&mut world, alice, &meeting.link), Err(CommandError::OwnInvitation));
    accept(&mut world, bob, &meeting.link).unwrap();
    assert_eq!(accept(&mut world, bob, &meeting.link), Err(CommandError::AlreadyAccepted));
}

#[test]
fn a_bundle_that_the_relay_changed_is_refused_as_tampered() {
    let mut world = World::new(Seed(7));
    let (alice, bob) = (world.stranger("alice"), world.stranger("bob"));
    let meeting = world.invite(alice);
    world.set_tamper(Some(Box::new(|frame, _| match frame {
        RelayFrame::Reply { id, reply: Reply::Bundle(bundle) } => {
            let mut bytes = bundle.into_bytes();
            bytes[2_000] ^= 1;
            Some(RelayFrame::Reply { id, reply: Reply::Bundle(SealedBundle::from_bytes(bytes).unwrap()) })
        }
        other => Some(other),
    })));
    accept(&mut world, bob, &meeting.link).unwrap();
    world.run_until_idle();
    assert_eq!(states(&world, bob), [InvitationState::Tampered]);
    assert!(matches!(problems(&world, bob)[..], [Problem::InvitationTampered { .. }]));
    assert!(world.watch().submitted().is_empty(), "nothing was sent");
}

#[test]
fn somebody_with_only_a_link_joins_a_relay_that_wants_permits() {
    let mut world = World::with_policy(Seed(8), Policy { creation: Creation::Invite, ..Policy::default() });
    let (alice, bob) = (world.newcomer("alice"), world.newcomer("bob"));
    let (home, code) = (world.home(), world.invite_code(world.home(), 1));
    let relay = world.address(home);
    world.insist(alice, Command::UseRelay { relay: relay.clone(), code: Some(code.clone()), home: true });
    world.run_until_idle();
    world.meet(alice, bob);
    world.say(bob, alice, "in by the link");
    world.run_until_idle();
    assert_eq!(world.heard(alice, bob), ["in by the link"]);
    let carol = world.newcomer("carol");
    world.insist(carol, Command::UseRelay { relay, code: Some(code), home: true });
    world.run_until_idle();
    assert!(
        matches!(problems(&world, carol)[..], [Problem::InviteCodeRefused { .. }]),
        "a code is good once"
    );
}

#[test]
fn a_refused_request_leaves_nothing_behind() {
    let mut world = World::new(Seed(9));
    let (alice, bob) = (world.stranger("alice"), world.stranger("bob"));
    let meeting = world.invite(alice);
    accept(&mut world, bob, &meeting.link).unwrap();
    world.run_until_idle();
    let contact = world.contact(alice, bob).unwrap();
    world.insist(alice, Command::RefuseRequest { contact: contact.id });
    world.run_until_idle();
    assert!(world.contact(alice, bob).is_none());
    assert_eq!(
        world.contact(bob, alice).map(|it| it.relation),
        Some(Relation::AskedByUs),
        "bob is told nothing"
    );
}

#[test]
fn two_people_who_invite_each_other_at_once_become_contacts_once() {
    let mut world = World::new(Seed(10));
    let (alice, bob) = (world.stranger("alice"), world.stranger("bob"));
    let (by_alice, by_bob) = (world.invite(alice), world.invite(bob));
    accept(&mut world, bob, &by_alice.link).unwrap();
    accept(&mut world, alice, &by_bob.link).unwrap();
    be_patient(&mut world, alice, bob, 3);
    assert!(are_friends(&world, alice, bob));
    world.run_until_idle();
    for (from, to) in [(alice, bob), (bob, alice)] {
        world.say(from, to, "one conversation");
        world.run_until_idle();
        assert_eq!(world.heard(to, from), ["one conversation"]);
    }
}
