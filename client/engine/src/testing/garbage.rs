//! Garbage from relays and strangers: counted, acknowledged, never answered, never a panic or a failed step.

use khaima_wire::{
    Day, Delivery, EnvelopeId, MailboxId, Permit, Refusal, Reply, SealedBundle, SealedEnvelope,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::Net;
use super::net::{ALICE, BOB};
use crate::{DropReason, Effect, Input, InvitationId, JobId, JobReply, RecordKind, RelayId};

fn random_envelope(size: usize, rng: &mut ChaCha20Rng) -> SealedEnvelope {
    let mut bytes = vec![0; size];
    rng.fill_bytes(&mut bytes);
    SealedEnvelope::new(bytes).unwrap()
}

#[test]
fn garbage_of_each_size_is_counted_and_acknowledged_everywhere() {
    let mut net = Net::new(401);
    let (bob, alice) = net.meet(ALICE, BOB);
    let address = net.relay().address.clone();
    let now = net.now;
    net.alice().invite(&address, now);
    net.run();
    let sent = net.relay().submitted.len();
    let mailboxes: Vec<MailboxId> = net.relay().mailboxes.keys().copied().collect();
    assert_eq!(mailboxes.len(), 3);
    let mut rng = ChaCha20Rng::seed_from_u64(401);
    for mailbox in &mailboxes {
        for size in SealedEnvelope::SIZES {
            let sealed = random_envelope(size, &mut rng);
            net.relay().inject(*mailbox, sealed);
            net.relay().inject(*mailbox, SealedEnvelope::new(vec![0; size]).unwrap());
        }
    }
    net.settle();
    assert_eq!(net.relay().waiting(), 0);
    assert_eq!(net.relay().submitted.len(), sent, "no answer to garbage");
    assert_eq!(net.alice().dropped(), [(DropReason::Unopenable, 20)]);
    assert_eq!(net.bob().dropped(), [(DropReason::Unopenable, 10)]);
    assert!(net.alice().thread(bob).is_empty() && net.bob().thread(alice).is_empty());
}

#[test]
fn every_changed_byte_of_an_envelope_is_found() {
    let mut net = Net::new(402);
    let (bob, alice) = net.meet(ALICE, BOB);
    net.bob().disconnect();
    net.bob().offline = true;
    let now = net.now;
    net.alice().say(bob, "hello", now);
    net.run();
    let mailbox = net.bob().record(alice).own_mailbox.unwrap();
    let relay = RelayId::of(&net.relay().address);
    let delivery = net.relay().deliveries(&mailbox).remove(0);
    let mut rng = ChaCha20Rng::seed_from_u64(402);
    let anywhere: Vec<usize> = (0..50).map(|_| rng.next_u64() as usize % 3_968).collect();
    for at in (0..200).chain(anywhere) {
        let mut bytes = delivery.sealed.as_bytes().to_vec();
        bytes[at] ^= 1 << (rng.next_u32() % 8);
        let changed = Delivery { sealed: SealedEnvelope::new(bytes).unwrap(), ..delivery.clone() };
        let step = net.bob().step(Input::Delivery(relay, changed), now).unwrap();
        assert!(matches!(step.effects[..], [Effect::Acknowledge { .. }]));
        assert!(step.changes.iter().all(|(key, _)| key.kind() == RecordKind::Counter), "byte {at}");
    }
    net.bob().apply(Input::Delivery(relay, delivery), now).unwrap();
    assert_eq!(net.bob().thread(alice), ["< hello"]);
}

#[test]
fn answers_to_questions_nobody_asked_change_nothing() {
    let mut net = Net::new(403);
    net.meet(ALICE, BOB);
    let now = net.now;
    let bundle = || SealedBundle::from_bytes(vec![0; SealedBundle::SIZE]).unwrap();
    let replies = || {
        vec![
            JobReply::Accepted,
            JobReply::Bundle(bundle()),
            JobReply::Created,
            JobReply::Deleted(Some(Permit::from_bytes(&[1; 32]))),
            JobReply::Full,
            JobReply::Gone,
            JobReply::NotPermitted,
            JobReply::Permits(vec![Permit::from_bytes(&[1; 32])]),
            JobReply::Published,
            JobReply::Refused(Refusal::Malformed),
        ]
    };
    for reply in replies() {
        let step = net.alice().step(Input::Reply { job: JobId::from_bytes([7; 16]), reply }, now).unwrap();
        assert!(step.changes.is_empty() && step.events.is_empty());
    }
    // Every answer to every kind of job that there is: no error, whatever it does.
    let address = net.relay().address.clone();
    net.alice().invite(&address, now);
    let invitation = net.alice().invitations().last().unwrap().id;
    net.alice().command(crate::Command::WithdrawInvitation { invitation }, now).unwrap();
    net.alice().invite(&address, now);
    let contact = net.alice().contact("bob").id;
    net.alice().say(contact, "hello", now);
    let code = khaima_wire::InviteCode::generate(&mut net.alice().rng);
    let command = crate::Command::UseRelay { relay: address, code: Some(code), home: true };
    net.alice().command(command, now).unwrap();
    net.alice().lose_sessions();
    net.alice().say(contact, "waits", now);
    let jobs: Vec<JobId> = net
        .alice()
        .store
        .iter()
        .filter(|(key, _)| key.kind() == RecordKind::Job)
        .map(|(key, _)| JobId::from_slice(key.id()).unwrap())
        .collect();
    assert!(jobs.len() >= 6);
    for job in jobs {
        for reply in replies() {
            let step = net.alice().step(Input::Reply { job, reply }, now).unwrap();
            assert!(step.effects.is_empty());
        }
    }
}

#[test]
fn a_relay_may_say_anything_about_mailboxes() {
    let mut net = Net::new(404);
    let (bob, _) = net.meet(ALICE, BOB);
    let relay = RelayId::of(&net.relay().address);
    let known = net.alice().record(bob).own_mailbox.unwrap();
    let now = net.now;
    for mailbox in [known, MailboxId::from_bytes([3; 32])] {
        for claimed in [0, u64::MAX] {
            let input =
                Input::MailboxState { relay, mailbox, one_time_left: u32::MAX, claimed, waiting: u32::MAX };
            assert!(net.alice().step(input, now).unwrap().changes.is_empty());
        }
        let elsewhere = RelayId::from_bytes([1; 32]);
        let input = Input::MailboxGone { relay: elsewhere, mailbox };
        assert!(net.alice().step(input, now).unwrap().changes.is_empty());
    }
    let _ = InvitationId::from_bytes([0; 16]);
}

#[test]
fn a_delivery_of_an_impossible_day_is_read() {
    let mut net = Net::new(405);
    let (bob, alice) = net.meet(ALICE, BOB);
    net.bob().disconnect();
    net.bob().offline = true;
    let now = net.now;
    net.alice().say(bob, "hello", now);
    net.run();
    let mailbox = net.bob().record(alice).own_mailbox.unwrap();
    let queue = &mut net.relay().mailboxes.get_mut(&mailbox).unwrap().queue;
    queue[0].0 = EnvelopeId::from_bytes([255; 16]);
    queue[0].1 = Day::new(u32::MAX);
    net.bob().offline = false;
    net.repeats = true;
    net.settle();
    assert_eq!(net.bob().thread(alice), ["< hello (old certificate)"]);
}

#[test]
fn unknown_replies_and_tickets_are_ignored() {
    let mut net = Net::new(406);
    let (bob, _) = net.meet(ALICE, BOB);
    let now = net.now;
    net.alice().say(bob, "hello", now);
    let alice = net.alice();
    let due = alice.dispatcher.due(&alice.store, now, &mut alice.rng).unwrap();
    assert_eq!(due.len(), 1);
    let ticket = due[0].ticket;
    assert!(alice.dispatcher.on_reply(ticket, Reply::Unknown(99), now, &mut alice.rng).is_none());
    assert!(
        alice.dispatcher.on_reply(ticket, Reply::Accepted, now, &mut alice.rng).is_none(),
        "answered already"
    );
    // It is tried again later.
    let due = alice.dispatcher.due(&alice.store, now, &mut alice.rng).unwrap();
    assert!(due.is_empty());
    let later = now.plus_millis(2_000);
    assert_eq!(alice.dispatcher.due(&alice.store, later, &mut alice.rng).unwrap().len(), 1);
}

#[test]
fn a_damaged_record_is_an_error_and_no_panic() {
    use crate::{Changes, Commit};
    let mut net = Net::new(407);
    let (bob, _) = net.meet(ALICE, BOB);
    let now = net.now;
    net.alice().say(bob, "hello", now);
    let address = net.relay().address.clone();
    net.alice().invite(&address, now);
    let whole = net.alice().store.clone();
    let mut rng = ChaCha20Rng::seed_from_u64(407);
    for (key, bytes) in whole.iter() {
        for damage in 0..3 {
            let mut damaged = bytes.to_vec();
            match damage {
                0 => damaged.truncate(damaged.len() / 2),
                1 => damaged.push(1),
                _ => {
                    let at = rng.next_u64() as usize % damaged.len();
                    damaged[at] ^= 0xff;
                }
            }
            let alice = net.alice();
            alice.store = whole.clone();
            let mut changes = Changes::new();
            changes.put(key.clone(), damaged);
            alice.store.commit(changes).unwrap();
            let _ = alice.step(Input::Tick, now.plus_millis(86_400_000 * 50));
            let text = crate::Command::SendText {
                conversation: crate::ConversationId::of(bob),
                body: "again".into(),
            };
            let _ = alice.step(Input::Command(text), now);
            let _ = crate::query::conversations(&alice.store);
            let _ = crate::query::invitations(&alice.store);
            let _ = crate::Dispatcher::new(&alice.store);
        }
    }
}
