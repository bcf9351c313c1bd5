//! 31 and 32: sessions that nobody answered, and registration ids.

use khaima_signal::{
    EncryptError, LocalIdentity as _, MessageType, PreKeyBundleIn, PreKeySignalMessage, RegistrationId,
    Timestamp,
    sealed_sender::{SealError, open, v1, v2},
};

use crate::world::{ALICE, BOB, DAY_MS, World, assert_refusal, now, sealed_content};

#[test]
fn n31_a_session_that_nobody_answered_for_more_than_30_days() {
    let mut world = World::new(3_100);
    world.start(ALICE, BOB);
    let bob = world.address(BOB);
    let at = |millis| Timestamp::from_millis(now().as_millis() + millis);
    let still = world.people[ALICE].device.encrypt(&bob, b"still", at(30 * DAY_MS), &mut world.rng).unwrap();
    for late in [30 * DAY_MS + 1, 31 * DAY_MS, u64::MAX - now().as_millis()] {
        let error = world.refused(ALICE, |alice, rng| alice.device.encrypt(&bob, b"late", at(late), rng));
        assert_refusal!(error, EncryptError::SessionNotFound, NoSession, "{late}");
        assert!(!world.record(ALICE, BOB).is_usable(at(late)));
    }
    // An answer ends it.
    world.deliver(ALICE, BOB, &still);
    world.exchange(BOB, ALICE, b"answer");
    let late = at(365 * DAY_MS);
    let message = world.people[ALICE].device.encrypt(&bob, b"late", late, &mut world.rng).unwrap();
    assert_eq!(world.deliver(ALICE, BOB, &message), b"late");
}

#[test]
fn n32_a_registration_id_of_more_than_14_bits_in_a_message_for_many() {
    let mut world = World::new(3_200);
    let (sender, bob) = (world.people[ALICE].device.identity.clone(), world.address(BOB));
    let content = sealed_content(&sender, &mut world.rng).encode();
    let identity = Some(world.people[BOB].device.identity.identity_key());
    let mut seal = |id: u32| {
        let session = v2::DestinationSession::Current(RegistrationId::new(id));
        let destination = v2::Destination { address: &bob, identity, session };
        world.refused_or(ALICE, |_, rng| v2::seal(&content, &sender, &[destination], &[], rng))
    };
    for id in [0x4000, 0x4001, 0x8001, 0x1_0001, u32::MAX] {
        let error = seal(id).unwrap_err();
        assert_refusal!(error, SealError::InvalidRegistrationId(..), InvalidRegistrationId, "{id}");
    }
    for id in [0, 1, 0x3FFF] {
        let sealed = seal(id).unwrap();
        let split = v2::split(&sealed).unwrap();
        assert_eq!(split.recipients()[0].devices[0].1.value(), id);
    }
}

#[test]
fn n32_everywhere_else_any_registration_id_will_do() {
    for id in [0, 0x3FFF, 0x4000, u32::MAX] {
        let mut world = World::new(3_210);
        for person in &mut world.people {
            person.device.registration_id = id;
        }
        world.start(ALICE, BOB);
        world.exchange(ALICE, BOB, b"hello");
        world.exchange(BOB, ALICE, b"hello");
        assert_eq!(world.record(BOB, ALICE).remote_registration_id(), Some(id));
        assert_eq!(world.record(ALICE, BOB).remote_registration_id(), Some(id));
        let (alice, bob) = (&world.people[ALICE].device.identity, &world.people[BOB].device.identity);
        let content = sealed_content(alice, &mut world.rng).encode();
        for seal in [v1::seal, v2::seal_for_one] {
            open(&seal(&content, alice, &bob.identity_key(), &mut world.rng).unwrap(), bob).unwrap();
        }
    }
}

/// Nothing authenticates it; a server that changes it makes a sender start anew, and no more.
#[test]
fn n32_a_changed_registration_id_of_a_first_message_is_stored_as_it_came() {
    let mut world = World::new(3_220);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let message = stranger.draft(b"text", &mut world.rng).seal();
    for (written, expected) in [(Some(0xFFFF_FFFF), u32::MAX), (None, 0), (Some(5), 5)] {
        let fresh = world.people[BOB].device.stores.clone();
        let mut outer = stranger.outer.clone();
        outer.registration_id = written;
        let bytes = outer.around(0x44, message.clone());
        assert_eq!(PreKeySignalMessage::decode(&bytes).unwrap().registration_id(), expected);
        assert_eq!(world.receive(ALICE, BOB, MessageType::PreKey, &bytes).unwrap(), b"text");
        assert_eq!(world.record(BOB, ALICE).remote_registration_id(), Some(expected));
        world.people[BOB].device.stores = fresh;
    }
}

/// The server says that a device was set up anew; the sender then starts a session from its new bundle, whatever there was.
#[test]
fn n32_a_new_bundle_of_another_registration_id_starts_a_new_session() {
    let mut world = World::established(3_230);
    world.people[BOB].device.registration_id = 4_711;
    let bundle: PreKeyBundleIn = world.bundle(BOB);
    world.start_with(ALICE, BOB, bundle).unwrap();
    assert_eq!(world.record(ALICE, BOB).remote_registration_id(), Some(4_711));
    assert_eq!(world.encrypt(ALICE, BOB, b"text").message_type(), MessageType::PreKey);
}

#[test]
fn n32_no_registration_id_is_shown_by_debug() {
    let mut world = World::new(3_240);
    let alice = world.address(ALICE);
    let id = RegistrationId::new(54_321);
    let destination =
        v2::Destination { address: &alice, identity: None, session: v2::DestinationSession::Current(id) };
    let error = SealError::InvalidRegistrationId(alice.clone(), id);
    world.people[ALICE].device.registration_id = 54_321;
    let bundle = world.bundle(ALICE);
    let shown = format!("{id:?} {destination:?} {error:?} {error} {bundle:?}");
    assert!(!shown.contains("54321") && !shown.contains("d431"), "{shown}");
}
