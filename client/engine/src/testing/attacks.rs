//! Patched clients, informers, hostile relays.

use khaima_signal::sealed_sender::{
    ContentHint, SealedContent, SenderCertificate, SenderClaims, ServerCertificate, v2,
};
use khaima_signal::{DeviceId, IdentityKeyPair, KeyPair, MessageType};
use khaima_wire::{MailboxId, SealedEnvelope};

use super::net::{ALICE, BOB, CAROL};
use super::{Net, Person};
use crate::content::{ContactRequest, ContentBody, Statement};
use crate::ctx::{LocalDevice, signal_time};
use crate::query::InvitationState;
use crate::records::{PROFILE_ID, Profile, Record};
use crate::{Changes, Commit, DropReason, Event, Problem, RecordKey, RecordKind};

/// Gives a person another UUID, and a statement that says so.
fn take_uuid(person: &mut Person, uuid: [u8; 16]) {
    let mut profile = Profile::require(&person.store).unwrap();
    profile.uuid = uuid;
    let device = DeviceId::new(1).unwrap();
    profile.statement = Statement::first(&profile.identity, uuid, device, &mut person.rng).bytes().to_vec();
    let mut changes = Changes::new();
    changes.put(RecordKey::new(RecordKind::Profile, PROFILE_ID).unwrap(), profile.encode());
    changes.delete(RecordKey::new(RecordKind::Certificate, &[1]).unwrap());
    person.store.commit(changes).unwrap();
}

/// Everything Alice's side did in answer, as the network sees it.
fn submissions(net: &mut Net) -> usize {
    net.relay().submitted.len()
}

/// Carol has claimed Alice's invitation; her own request is kept back. Returns the invitation's mailbox.
fn carol_claims(net: &mut Net) -> MailboxId {
    let address = net.relay().address.clone();
    let now = net.now;
    net.alice().invite(&address, now);
    net.run();
    let link = net.alice().open_link();
    net.loses = Some(Box::new(|who, what| who == "carol" && what == "create"));
    net.carol().accept(&link, now).unwrap();
    net.run();
    net.carol().offline = true;
    net.loses = None;
    let carol = &net.people[CAROL];
    carol.record(carol.only_contact().id).slip.unwrap().places[0].mailbox
}

/// A request of Carol's with something changed, dropped into the invitation's mailbox.
fn carol_requests(net: &mut Net, mailbox: MailboxId, change: impl FnOnce(&mut ContactRequest, &mut Person)) {
    let now = net.now;
    let carol = net.carol();
    let contact = carol.record(carol.only_contact().id);
    let profile = Profile::require(&carol.store).unwrap();
    let device = LocalDevice::new(profile.clone());
    let slip = {
        let mut ctx = crate::ctx::Ctx::new(&carol.store, now, &mut carol.rng);
        crate::slips::own_slip(&mut ctx, &device, &mut contact.clone()).unwrap()
    };
    let mut request = ContactRequest {
        statement: profile.statement.clone(),
        slip,
        name: "carol".into(),
        greeting: String::new(),
        proof: [0; 32],
    };
    change(&mut request, carol);
    let content = carol.content(0, ContentBody::Request(request));
    let sealed = carol.craft(&contact, &content, now);
    net.relay().inject(mailbox, sealed);
    net.run();
}

#[test]
fn a_request_without_proof_is_dropped_and_an_honest_one_still_counts() {
    let mut net = Net::new(301);
    let mailbox = carol_claims(&mut net);
    let sent = submissions(&mut net);
    carol_requests(&mut net, mailbox, |_, _| {});
    assert_eq!(net.alice().dropped(), [(DropReason::NoProof, 1)]);
    assert!(net.alice().contacts().is_empty());
    assert_eq!(net.alice().invitation_state(), InvitationState::Open);
    assert_eq!(net.relay().waiting(), 0);
    assert_eq!(submissions(&mut net), sent);
    net.carol().offline = false;
    net.settle();
    assert_eq!(net.alice().only_contact().name, "carol");
}

#[test]
fn a_request_with_somebody_elses_statement_is_dropped() {
    let mut net = Net::new(302);
    let mailbox = carol_claims(&mut net);
    let theirs = Profile::require(&net.bob().store).unwrap().statement;
    carol_requests(&mut net, mailbox, |request, _| request.statement = theirs);
    carol_requests(&mut net, mailbox, |request, _| request.statement.clear());
    assert_eq!(net.alice().dropped(), [(DropReason::Malformed, 2)]);
    assert!(net.alice().contacts().is_empty());
}

#[test]
fn a_known_uuid_with_another_key_is_refused_and_shown() {
    let mut net = Net::new(303);
    let (bob, _) = net.meet(ALICE, BOB);
    let uuid = net.alice().record(bob).uuid;
    take_uuid(net.carol(), uuid);
    net.request(ALICE, CAROL);
    net.settle();
    assert_eq!(net.alice().only_contact().name, "bob");
    assert!(net.alice().events.contains(&Event::Problem(Problem::IdentityConflict { contact: bob })));
    assert_eq!(net.alice().dropped(), [(DropReason::IdentityConflict, 1)]);
    assert_eq!(net.alice().invitation_state(), InvitationState::Open);
}

#[test]
fn a_known_key_with_another_uuid_is_refused_and_shown() {
    let mut net = Net::new(304);
    let (bob, _) = net.meet(ALICE, BOB);
    let mut profile = Profile::require(&net.bob().store).unwrap();
    profile.name = "not bob".into();
    let mut changes = Changes::new();
    changes.put(RecordKey::new(RecordKind::Profile, PROFILE_ID).unwrap(), profile.encode());
    net.carol().store.commit(changes).unwrap();
    take_uuid(net.carol(), [5; 16]);
    net.request(ALICE, CAROL);
    net.settle();
    assert_eq!(net.alice().contacts().len(), 1);
    assert!(net.alice().events.contains(&Event::Problem(Problem::IdentityConflict { contact: bob })));
}

#[test]
fn an_invitee_refuses_an_inviter_who_poses_as_a_contact() {
    let mut net = Net::new(305);
    let (_, alice) = net.meet(ALICE, BOB);
    let uuid = net.bob().record(alice).uuid;
    take_uuid(net.carol(), uuid);
    net.request(CAROL, BOB);
    net.settle();
    assert_eq!(net.bob().contacts().len(), 1);
    assert_eq!(net.bob().invitation_state(), InvitationState::Tampered);
    assert!(net.bob().events.contains(&Event::Problem(Problem::IdentityConflict { contact: alice })));
}

#[test]
fn a_tampered_link_is_refused() {
    let mut net = Net::new(306);
    let address = net.relay().address.clone();
    let now = net.now;
    net.alice().invite(&address, now);
    net.run();
    let link = net.alice().open_link();
    for at in 7..link.len() {
        let mut bytes = link.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(net.bob().accept(&changed, now).is_err(), "character {at}");
    }
    assert!(net.bob().invitations().is_empty());
}

#[test]
fn a_bundle_of_another_person_is_refused() {
    // A relay that could open bundles, or a patched inviter: the bundle is sealed right, and is Carol's.
    let mut net = Net::new(307);
    let address = net.relay().address.clone();
    let now = net.now;
    net.alice().invite(&address, now);
    net.carol().invite(&address, now);
    net.run();
    let link = net.alice().open_link();
    let from = net.carol().invitations()[0].id;
    let to = net.alice().invitations()[0].id;
    let key_of = |person: &Person, id: crate::InvitationId| {
        let record: crate::records::InvitationRecord =
            crate::records::load(&person.store, id.as_bytes()).unwrap().unwrap();
        let mailbox: crate::records::MailboxRecord =
            crate::records::load(&person.store, record.mailbox.as_bytes()).unwrap().unwrap();
        (record.mailbox, mailbox.bundle_key)
    };
    let (carols, carols_key) = key_of(&net.people[CAROL], from);
    let (alices, alices_key) = key_of(&net.people[ALICE], to);
    let bundle = net.relay().mailboxes.get_mut(&carols).unwrap().one_time.pop_front().unwrap();
    let plain = bundle.open(&carols_key, &carols).unwrap();
    let resealed = khaima_wire::SealedBundle::seal(&plain, &alices_key, &alices, &mut net.bob().rng).unwrap();
    let pool = &mut net.relay().mailboxes.get_mut(&alices).unwrap().one_time;
    pool.push_front(resealed);
    pool.push_front(bundle);
    for _ in 0..2 {
        match net.bob().invitations().first() {
            None => net.bob().accept(&link, now).unwrap(),
            Some(known) => {
                let command = crate::Command::RetryInvitation { invitation: known.id };
                net.bob().command(command, now).unwrap();
            }
        }
        net.run();
        assert_eq!(net.bob().invitation_state(), InvitationState::Tampered);
        assert!(net.bob().contacts().is_empty());
    }
    assert!(
        net.bob()
            .events
            .iter()
            .any(|event| matches!(event, Event::Problem(Problem::InvitationTampered { .. })))
    );
    assert!(net.relay().submitted.is_empty());
}

#[test]
fn only_the_contact_may_speak_in_a_contacts_mailbox() {
    let mut net = Net::new(308);
    let (bob, alice_of_bob) = net.meet(ALICE, BOB);
    let (carol, alice) = net.meet(ALICE, CAROL);
    let for_bob = net.alice().record(bob).own_mailbox.unwrap();
    let contact = net.carol().record(alice);
    let now = net.now;
    let content = net.carol().content(1, ContentBody::Text("I am bob".into()));
    let sealed = net.carol().craft(&contact, &content, now);
    let sent = submissions(&mut net);
    net.relay().inject(for_bob, sealed.clone());
    net.settle();
    assert_eq!(net.alice().dropped(), [(DropReason::WrongSender, 1)]);
    assert!(net.alice().thread(bob).is_empty() && net.alice().thread(carol).is_empty());
    assert_eq!(submissions(&mut net), sent, "no answer");
    assert_eq!(net.relay().waiting(), 0, "acknowledged");
    // In her own mailbox it counts.
    let for_carol = net.alice().record(carol).own_mailbox.unwrap();
    net.relay().inject(for_carol, sealed);
    net.settle();
    assert_eq!(net.alice().thread(carol), ["< I am bob"]);
    let _ = alice_of_bob;
}

/// Seals garbage to Alice with a certificate made by `signer`, claiming to be `claimed`.
fn forge(
    net: &mut Net,
    signer: &IdentityKeyPair,
    claimed: &Profile,
    rooted_in: &IdentityKeyPair,
) -> SealedEnvelope {
    let now = net.now;
    let alice = Profile::require(&net.alice().store).unwrap().identity_key();
    let rng = &mut net.people[CAROL].rng;
    let server_key = KeyPair::generate(rng);
    let server = ServerCertificate::issue(1, server_key.public(), rooted_in, rng);
    let claims = SenderClaims {
        uuid: claimed.address().name().to_owned(),
        e164: None,
        device: claimed.device,
        expires: signal_time(now.plus_millis(1_000_000_000)),
        identity_key: claimed.identity_key(),
    };
    let certificate = SenderCertificate::issue(claims, server, server_key.private(), rng);
    let content = SealedContent {
        message_type: MessageType::Whisper,
        certificate,
        content: vec![0x44; 100],
        hint: ContentHint::Default,
        group_id: None,
    };
    let padded = content.encode_padded(3_968 - v2::OVERHEAD).unwrap();
    let sealed = v2::seal_for_one(&padded, signer, &alice, rng).unwrap();
    SealedEnvelope::new(sealed[1..].to_vec()).unwrap()
}

#[test]
fn a_forged_certificate_speaks_nowhere() {
    let mut net = Net::new(309);
    let (bob, _) = net.meet(ALICE, BOB);
    let mailbox = net.alice().record(bob).own_mailbox.unwrap();
    let bobs = Profile::require(&net.bob().store).unwrap();
    let carols = Profile::require(&net.carol().store).unwrap();
    // Bob's key in the certificate, sealed by Carol: does not even open.
    let sealed = forge(&mut net, &carols.identity, &bobs, &carols.identity);
    net.relay().inject(mailbox, sealed);
    // Sealed and claimed by Bob's key, but rooted in Carol's.
    let sealed = forge(&mut net, &bobs.identity, &bobs, &carols.identity);
    net.relay().inject(mailbox, sealed);
    // Bob's name, Carol's key.
    let mut posing = carols.clone();
    posing.uuid = bobs.uuid;
    let sealed = forge(&mut net, &carols.identity, &posing, &carols.identity);
    net.relay().inject(mailbox, sealed);
    net.run();
    assert_eq!(
        net.alice().dropped(),
        [(DropReason::CertificateInvalid, 1), (DropReason::Unopenable, 1), (DropReason::WrongSender, 1)]
    );
    assert!(net.alice().thread(bob).is_empty());
}

#[test]
fn a_message_that_is_no_first_one_says_nothing_in_an_invitations_mailbox() {
    let mut net = Net::new(310);
    let address = net.relay().address.clone();
    let now = net.now;
    net.alice().invite(&address, now);
    net.run();
    let mailbox = *net.relay().mailboxes.keys().next().unwrap();
    let carols = Profile::require(&net.carol().store).unwrap();
    let sealed = forge(&mut net, &carols.identity, &carols, &carols.identity);
    net.relay().inject(mailbox, sealed);
    net.run();
    assert_eq!(net.alice().dropped(), [(DropReason::Unexpected, 1)]);
}

#[test]
fn a_request_after_the_last_day_is_dropped() {
    let mut net = Net::new(311);
    let address = net.relay().address.clone();
    let now = net.now;
    net.alice().invite(&address, now);
    net.run();
    let link = net.alice().open_link();
    let last = net.alice().invitations()[0].expires;
    net.alice().disconnect();
    net.alice().offline = true;
    net.bob().accept(&link, now).unwrap();
    net.run();
    let mailbox = net.relay().submitted.last().unwrap().0;
    let queue = &mut net.relay().mailboxes.get_mut(&mailbox).unwrap().queue;
    queue[0].1 = last.plus(1);
    net.alice().offline = false;
    net.run();
    assert_eq!(net.alice().dropped(), [(DropReason::InvitationExpired, 1)]);
    assert!(net.alice().contacts().is_empty());
}

#[test]
fn a_contact_cannot_send_requests_or_foreign_slips() {
    let mut net = Net::new(312);
    let (bob, alice) = net.meet(ALICE, BOB);
    let contact = net.alice().record(bob);
    let mailbox = net.bob().record(alice).own_mailbox.unwrap();
    let now = net.now;
    let request = ContactRequest {
        statement: Vec::new(),
        slip: Vec::new(),
        name: String::new(),
        greeting: String::new(),
        proof: [0; 32],
    };
    let accept = crate::content::ContactAccept { slip: vec![1, 2, 3], name: "x".into() };
    for body in [ContentBody::Request(request), ContentBody::Accept(accept)] {
        let content = net.alice().content(0, body);
        let sealed = net.alice().craft(&contact, &content, now);
        net.relay().inject(mailbox, sealed);
    }
    let before = net.bob().record(alice).slip;
    net.settle();
    assert_eq!(net.bob().dropped(), [(DropReason::Malformed, 1), (DropReason::Unexpected, 1)]);
    assert!(net.bob().record(alice).slip == before);
    // The session still works.
    let now = net.now;
    net.alice().say(bob, "fine", now);
    net.settle();
    assert_eq!(net.bob().thread(alice), ["< fine"]);
}

#[test]
fn a_mailbox_of_another_relay_is_not_believed() {
    let mut net = Net::new(313);
    let (bob, alice) = net.meet(ALICE, BOB);
    let other = net.add_relay(2);
    net.bob().disconnect();
    net.bob().offline = true;
    let now = net.now;
    net.alice().say(bob, "hello", now);
    net.run();
    let mailbox = net.bob().record(alice).own_mailbox.unwrap();
    let delivery = net.relay().deliveries(&mailbox).remove(0);
    net.bob().apply(crate::Input::Delivery(other, delivery), now).unwrap();
    assert!(net.bob().thread(alice).is_empty());
    assert_eq!(net.bob().dropped(), [(DropReason::UnknownMailbox, 1)]);
}
