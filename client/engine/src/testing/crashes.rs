//! A device may die between any two instructions. Each step is tried as the one it dies in, before and after its commit.

use super::net::{ALICE, BOB};
use super::{Crash, Net};
use crate::Command;
use crate::query::{InvitationState, MessageState};

/// A whole exchange, told only by what the stores say, so that lost events do not matter.
fn play(mut net: Net) -> (Net, [usize; 2]) {
    let relay = net.relay().address.clone();
    let now = net.now;
    again_until(&mut net, ALICE, |net| {
        if net.alice().invitations().is_empty() {
            net.alice().invite(&relay, now);
        }
        net.settle();
        net.alice().invitations().iter().any(|invitation| invitation.link.is_some())
    });
    let link = net.alice().open_link();
    again_until(&mut net, BOB, |net| {
        let now = net.now;
        match net.bob().invitations().first().map(|invitation| (invitation.id, invitation.state)) {
            None => net.bob().accept(&link, now).unwrap(),
            // A bundle that was claimed and lost: Alice gives a fresh one a day later.
            Some((invitation, InvitationState::Gone)) => {
                net.pass_days(1);
                net.settle();
                net.pass_days(1);
                net.settle();
                let now = net.now;
                net.bob().command(Command::RetryInvitation { invitation }, now).unwrap();
            }
            _ => {}
        }
        net.settle();
        !net.alice().contacts().is_empty()
    });
    let bob = net.alice().only_contact().id;
    again_until(&mut net, ALICE, |net| {
        let now = net.now;
        if net.alice().only_contact().relation == crate::query::Relation::AsksUs {
            net.alice().command(Command::AcceptRequest { contact: bob }, now).unwrap();
        }
        net.settle();
        net.bob().only_contact().relation == crate::query::Relation::Accepted
    });
    let alice = net.bob().only_contact().id;
    for words in ["one", "two"] {
        again_until(&mut net, ALICE, |net| {
            let now = net.now;
            if !net.alice().thread(bob).contains(&format!("> {words}")) {
                net.alice().say(bob, words, now);
            }
            net.settle();
            net.bob().thread(alice).contains(&format!("< {words}"))
        });
    }
    again_until(&mut net, BOB, |net| {
        let now = net.now;
        if !net.bob().thread(alice).contains(&"> three".to_owned()) {
            net.bob().say(alice, "three", now);
        }
        net.settle();
        net.alice().thread(bob).contains(&"< three".to_owned())
    });
    net.settle();
    net.settle();
    let steps = [net.alice().steps, net.bob().steps];
    assert_eq!(net.alice().thread(bob), ["> one", "> two", "< three"]);
    assert_eq!(net.bob().thread(alice), ["< one", "< two", "> three"]);
    let all_delivered = |states: Vec<MessageState>| {
        states.iter().all(|state| matches!(state, MessageState::Delivered { .. }))
    };
    assert!(all_delivered(net.alice().states(bob)) && all_delivered(net.bob().states(alice)));
    assert_eq!(crate::query::pending_jobs(&net.alice().store).unwrap(), 0);
    assert_eq!(crate::query::pending_jobs(&net.bob().store).unwrap(), 0);
    assert_eq!(net.relay().waiting(), 0);
    assert_eq!(net.relay().mailboxes.len(), 2);
    assert_eq!(
        net.alice().count(crate::RecordKind::JobBlob) + net.bob().count(crate::RecordKind::JobBlob),
        0
    );
    (net, steps)
}

fn again_until(net: &mut Net, _who: usize, mut is_done: impl FnMut(&mut Net) -> bool) {
    for _ in 0..6 {
        if is_done(net) {
            return;
        }
    }
    panic!("it does not come about");
}

#[test]
fn a_device_may_restart_between_any_two_steps() {
    for who in [ALICE, BOB] {
        let mut net = Net::new(201);
        net.people[who].restarts_always = true;
        play(net);
    }
    let mut net = Net::new(202);
    net.people.iter_mut().for_each(|person| person.restarts_always = true);
    play(net);
}

#[test]
fn a_device_may_die_in_any_step() {
    let (_, steps) = play(Net::new(203));
    assert!(steps.iter().all(|steps| *steps > 15), "{steps:?}");
    for (who, count) in steps.into_iter().enumerate() {
        for step in 2..=count {
            for crash in [Crash::Before(step), Crash::After(step)] {
                println!("person {who}, {crash:?}");
                let mut net = Net::new(203);
                net.people[who].crash = Some(crash);
                play(net);
            }
        }
    }
}

#[test]
fn any_single_answer_may_be_lost() {
    let mut count = 0;
    let counter = std::rc::Rc::new(std::cell::Cell::new(0_usize));
    loop {
        println!("answer {count} is lost");
        let mut net = Net::new(204);
        let seen = counter.clone();
        seen.set(0);
        net.loses = Some(Box::new(move |_, _| {
            seen.set(seen.get() + 1);
            seen.get() == count + 1
        }));
        play(net);
        count += 1;
        if counter.get() < count {
            break;
        }
    }
    assert!(count > 20);
}

#[test]
fn a_step_that_is_not_committed_never_happened() {
    let mut net = Net::new(205);
    let (bob, _) = net.meet(ALICE, BOB);
    let before: Vec<_> = net.alice().store.iter().map(|(key, bytes)| (key.clone(), bytes.to_vec())).collect();
    let now = net.now;
    let conversation = crate::ConversationId::of(bob);
    let text = || crate::Input::Command(Command::SendText { conversation, body: "lost".into() });
    let step = net.alice().step(text(), now).unwrap();
    assert!(!step.changes.is_empty());
    drop(step);
    let after: Vec<_> = net.alice().store.iter().map(|(key, bytes)| (key.clone(), bytes.to_vec())).collect();
    assert!(before == after);
    // A committed message carries its session and its envelope in one piece.
    let step = net.alice().step(text(), now).unwrap();
    let kinds: Vec<_> = step.changes.iter().map(|(key, _)| key.kind()).collect();
    for kind in [
        crate::RecordKind::Session,
        crate::RecordKind::Message,
        crate::RecordKind::Job,
        crate::RecordKind::JobBlob,
        crate::RecordKind::Conversation,
    ] {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
}
