//! 26, 27 and 29: first messages that come again, and identities that change.

use khaima_signal::{
    DecryptError, EncryptError, IdentityKey, IdentityKeyPair, LocalIdentity as _, MessageType, StartError,
};

use crate::{
    by_hand::Half,
    world::{ALICE, BOB, CAROL, Refusal, World, assert_refusal, now},
};

#[test]
fn n26_a_first_message_again_with_its_session() {
    let mut world = World::new(2_600);
    world.start(ALICE, BOB);
    let message = world.encrypt(ALICE, BOB, b"once");
    world.deliver(ALICE, BOB, &message);
    for _ in 0..2 {
        assert_refusal!(
            world.refused_message(ALICE, BOB, &message),
            Refusal::Session(DecryptError::DuplicatedMessage { counter: 0, .. }),
            DuplicateMessage
        );
        // Also once the session is archived and no longer a new one.
        world.start(ALICE, BOB);
        world.exchange(ALICE, BOB, b"another session");
    }
}

#[test]
fn n26_a_first_message_again_without_its_session() {
    let mut world = World::new(2_610);
    world.start(ALICE, BOB);
    let message = world.encrypt(ALICE, BOB, b"once");
    world.deliver(ALICE, BOB, &message);
    world.delete_session(BOB, ALICE);
    assert_refusal!(
        world.refused_message(ALICE, BOB, &message),
        Refusal::Session(DecryptError::InvalidKyberPreKeyId),
        InvalidKyberPreKeyId
    );
    // The Kyber prekey was the last resort, and is still there.
    let bundle = world.people[BOB].device.bundle(true, true, &mut world.rng);
    world.start_with(ALICE, BOB, bundle).unwrap();
    let message = world.encrypt(ALICE, BOB, b"once");
    world.deliver(ALICE, BOB, &message);
    world.delete_session(BOB, ALICE);
    assert_refusal!(
        world.refused_message(ALICE, BOB, &message),
        Refusal::Session(DecryptError::InvalidPreKeyId),
        InvalidPreKeyId
    );
}

#[test]
fn n27_a_base_key_again_on_the_prekeys_of_last_resort() {
    let mut world = World::new(2_700);
    let bundle = world.last_resort_bundle(BOB);
    world.start_with(ALICE, BOB, bundle.clone()).unwrap();
    let (first, second) = (world.encrypt(ALICE, BOB, b"first"), world.encrypt(ALICE, BOB, b"second"));
    world.deliver(ALICE, BOB, &first);
    world.delete_session(BOB, ALICE);
    // The identity is forgotten too, so that a refusal that stored it would show.
    world.people[BOB].device.stores.identities.clear();
    for message in [&first, &second] {
        assert_refusal!(
            world.refused_message(ALICE, BOB, message),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage
        );
    }
    // A new base key on the same prekeys is a new session.
    world.start_with(ALICE, BOB, bundle).unwrap();
    world.exchange(ALICE, BOB, b"again");
    assert_eq!(world.people[BOB].device.stores.seen.len(), 2);
}

/// The base key counts, whoever is said to have sent it.
#[test]
fn n27_a_base_key_again_from_another_address() {
    let mut world = World::new(2_720);
    let bundle = world.last_resort_bundle(BOB);
    let keys = world.keys();
    let mut stranger = world.stranger_with(&keys, ALICE, BOB, &bundle);
    let mut draft = stranger.draft(b"text", &mut world.rng);
    draft.fields.addresses = None;
    let message = stranger.outer.around(0x44, draft.seal());
    assert_eq!(world.receive(ALICE, BOB, MessageType::PreKey, &message).unwrap(), b"text");
    assert_refusal!(
        world.refused_bytes(CAROL, BOB, MessageType::PreKey, &message),
        Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
        InvalidMessage
    );
}

/// Base keys are remembered for a pair of prekeys. With others the secret is another, so that this is no replay.
#[test]
fn n27_the_same_base_key_with_other_prekeys_starts_a_session() {
    let mut world = World::new(2_730);
    let keys = world.keys();
    for _ in 0..2 {
        let bundle = world.last_resort_bundle(BOB);
        let message = world.stranger_with(&keys, ALICE, BOB, &bundle).first(b"text", &mut world.rng);
        assert_eq!(world.receive(ALICE, BOB, MessageType::PreKey, &message).unwrap(), b"text");
        world.delete_session(BOB, ALICE);
    }
    assert_eq!(world.people[BOB].device.stores.seen.len(), 2);
}

#[test]
fn n27_a_base_key_again_is_told_only_of_an_authentic_message() {
    let mut world = World::new(2_710);
    let bundle = world.last_resort_bundle(BOB);
    let keys = world.keys();
    let mut stranger = world.stranger_with(&keys, ALICE, BOB, &bundle);
    let draft = stranger.draft(b"text", &mut world.rng);
    let message = stranger.outer.around(0x44, draft.seal());
    world.receive(ALICE, BOB, MessageType::PreKey, &message).unwrap();
    world.delete_session(BOB, ALICE);
    let mut wrong = draft.clone();
    wrong.identities.swap(0, 1);
    for draft in [wrong, draft] {
        assert_refusal!(
            world.refused_bytes(ALICE, BOB, MessageType::PreKey, &stranger.outer.around(0x44, draft.seal())),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage
        );
    }
}

#[test]
fn n29_a_first_message_under_another_identity() {
    let mut world = World::established(2_900);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let message = stranger.first(b"it is me, with a new phone", &mut world.rng);
    assert_refusal!(
        world.refused_bytes(ALICE, BOB, MessageType::PreKey, &message),
        Refusal::Session(DecryptError::UntrustedIdentity),
        UntrustedIdentity
    );
    world.exchange(ALICE, BOB, b"still the old one");
    // Once the new key is trusted, the same message opens: nothing was used up.
    let alice = world.address(ALICE);
    let key = IdentityKey::deserialize(&keys.identity.serialize()).unwrap();
    world.people[BOB].device.set_identity(&alice, Some(&key));
    assert_eq!(
        world.receive(ALICE, BOB, MessageType::PreKey, &message).unwrap(),
        b"it is me, with a new phone"
    );
}

#[test]
fn n29_a_session_whose_identity_is_no_longer_trusted() {
    let mut world = World::established(2_910);
    let alice = world.address(ALICE);
    let message = world.encrypt(ALICE, BOB, b"kept");
    let other = Half::random(&mut world.rng);
    let key = IdentityKey::deserialize(&other.serialize()).unwrap();
    world.people[BOB].device.set_identity(&alice, Some(&key));
    assert_refusal!(
        world.refused_message(ALICE, BOB, &message),
        Refusal::Session(DecryptError::UntrustedIdentity),
        UntrustedIdentity
    );
    let error = world.refused(BOB, |bob, rng| bob.device.encrypt(&alice, b"no", now(), rng));
    assert_refusal!(error, EncryptError::UntrustedIdentity, UntrustedIdentity);
    let key = world.people[ALICE].device.identity.identity_key();
    world.people[BOB].device.set_identity(&alice, Some(&key));
    assert_eq!(world.deliver(ALICE, BOB, &message), b"kept");
}

#[test]
fn n29_a_bundle_under_another_identity() {
    let mut world = World::established(2_920);
    let bob = world.address(BOB);
    let honest = world.bundle(BOB);
    // All of it right, but of somebody else.
    world.people[BOB].device.identity = IdentityKeyPair::generate(&mut world.rng);
    let other = world.bundle(BOB);
    assert!(other.clone().verify().is_ok());
    let error = world.refused(ALICE, |alice, rng| alice.device.start(&bob, other, now(), rng));
    assert_refusal!(error, StartError::UntrustedIdentity, UntrustedIdentity);
    world.start_with(ALICE, BOB, honest).unwrap();
}
