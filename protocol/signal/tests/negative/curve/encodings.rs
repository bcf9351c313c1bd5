//! 5 to 7: bytes that are no key or more than one, and keys that are equal to others.

use khaima_signal::{
    DecryptError, KeyError, LocalIdentity as _, MessageError, MessageType, PreKeySignalMessage, PublicKey,
    SenderKeyDistributionMessage,
    sealed_sender::{OpenError, open},
};

use super::is_accepted;
use crate::{
    by_hand::{Half, Keys},
    sealing,
    world::{ALICE, BOB, Refusal, World, assert_refusal, sealed_content},
};

/// First messages and others whose keys were changed by `change`, one each. The sender is a stranger.
fn with_changed_keys(change: impl Fn(&mut Vec<u8>)) -> (World, [Vec<u8>; 3], [Vec<u8>; 3]) {
    let mut world = World::new(500);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let draft = stranger.draft(b"text", &mut world.rng);
    let outer = &stranger.outer;
    let (mut base, mut identity, mut ratchet) = (outer.clone(), outer.clone(), draft.clone());
    change(base.base_key.as_mut().unwrap());
    change(identity.identity_key.as_mut().unwrap());
    change(ratchet.fields.ratchet_key.as_mut().unwrap());
    let (alice, bob) =
        (world.people[ALICE].device.identity.clone(), world.people[BOB].device.identity.clone());
    let content = sealed_content(&alice, &mut world.rng).encode();
    let mut sealed = sealing::seal(&content, &alice, &bob.identity_key(), &Half::random(&mut world.rng));
    change(sealed.ephemeral.as_mut().unwrap());
    let key = world.hand_out(ALICE).serialize().to_vec();
    let (rest, key) = key.split_at(key.len() - 33);
    let mut key = key.to_vec();
    change(&mut key);
    let (tag, start) = (rest[rest.len() - 2], &rest[..rest.len() - 1]);
    assert_eq!(tag, 0x2A);
    let distribution = [start, &[key.len() as u8], &key].concat();
    let first = [base.around(0x44, draft.seal()), identity.around(0x44, draft.seal()), {
        let inner = ratchet.seal();
        outer.around(0x44, inner)
    }];
    (world, first, [ratchet.seal(), sealed.bytes(), distribution])
}

fn check_changed_keys(change: impl Fn(&mut Vec<u8>), expected: KeyError) {
    let (mut world, first, [whisper, sealed, _]) = with_changed_keys(change);
    for message in first {
        let error = world.refused_bytes(ALICE, BOB, MessageType::PreKey, &message);
        assert!(matches!(&error, Refusal::Message(MessageError::Key(key)) if *key == expected), "{error:?}");
        assert_refusal!(error, Refusal::Message(MessageError::Key(_)), InvalidKey);
    }
    let error = world.refused_bytes(ALICE, BOB, MessageType::Whisper, &whisper);
    assert!(matches!(&error, Refusal::Message(MessageError::Key(key)) if *key == expected), "{error:?}");
    let bob = world.people[BOB].device.identity.clone();
    let error = world.refused(BOB, |_, _| open(&sealed, &bob));
    assert_eq!(error, OpenError::Key(expected));
}

#[test]
fn n05_another_type_byte() {
    for byte in [0x00, 0x04, 0x06, 0x08, 0x0A, 0x85, 0xFF] {
        check_changed_keys(|key| key[0] = byte, KeyError::BadKeyType(byte));
        let (_, _, [.., distribution]) = with_changed_keys(|key| key[0] = byte);
        let error = SenderKeyDistributionMessage::decode(&distribution).unwrap_err();
        assert_eq!(error, MessageError::Key(KeyError::BadKeyType(byte)));
    }
}

#[test]
fn n06_a_key_that_is_too_short() {
    check_changed_keys(Vec::clear, KeyError::NoKeyTypeIdentifier);
    for length in [1, 31, 32] {
        check_changed_keys(|key| key.truncate(length), KeyError::BadKeyLength(length));
    }
    assert_eq!(PublicKey::deserialize(&[]), Err(KeyError::NoKeyTypeIdentifier));
}

#[test]
fn n06_bytes_after_a_key_are_ignored() {
    for more in [1, 31] {
        let (mut world, first, [_, sealed, _]) = with_changed_keys(|key| key.extend(vec![0xAA; more]));
        for message in first {
            let fresh = world.people[BOB].device.stores.clone();
            assert_eq!(world.receive(ALICE, BOB, MessageType::PreKey, &message).unwrap(), b"text");
            assert!(world.people[BOB].device.stores.identities.values().all(|key| key.len() == 33));
            world.people[BOB].device.stores = fresh;
        }
        open(&sealed, &world.people[BOB].device.identity).unwrap();
    }
}

#[test]
fn n06_the_signing_key_of_a_distribution_message_has_33_bytes() {
    for length in [2, 31, 32, 34, 64] {
        let (_, _, [.., distribution]) = with_changed_keys(|key| key.resize(length, 0));
        let error = SenderKeyDistributionMessage::decode(&distribution).unwrap_err();
        assert_eq!(error, MessageError::InvalidProtobufEncoding, "{length}");
    }
    let (_, _, [.., distribution]) = with_changed_keys(|_| ());
    SenderKeyDistributionMessage::decode(&distribution).unwrap();
}

#[test]
fn n07_ones_own_identity_key_and_one_that_is_the_base_key_are_accepted() {
    let mut world = World::one_account(701);
    world.start(ALICE, BOB);
    world.exchange(ALICE, BOB, b"to my other device");
    world.exchange(BOB, ALICE, b"and back");

    let mut world = World::new(702);
    let honest = world.keys();
    is_accepted(&mut world, &Keys { identity: honest.base.clone(), ..honest.clone() });
    let own = world.people[BOB].device.identity.private().clone();
    is_accepted(&mut world, &Keys { identity: Half::of(&own), ..honest });
}

#[test]
fn n07_a_known_session_under_another_identity_key() {
    let mut world = World::new(703);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let first = stranger.first(b"text", &mut world.rng);
    world.receive(ALICE, BOB, MessageType::PreKey, &first).unwrap();
    // Whatever would be trusted.
    world.people[BOB].device.stores.identities.clear();
    let other = Half::random(&mut world.rng).serialize();
    let mut outer = stranger.outer.clone();
    outer.identity_key = Some(other.to_vec());
    let mut draft = stranger.draft(b"next", &mut world.rng);
    for identities in [draft.identities, [other, draft.identities[1]]] {
        draft.identities = identities;
        assert_refusal!(
            world.refused_bytes(ALICE, BOB, MessageType::PreKey, &outer.around(0x44, draft.seal())),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage
        );
    }
    // Before anything is tried, so that even a message that was read is not called a duplicate; also of an archived session.
    world.archive(BOB, ALICE);
    let inner = PreKeySignalMessage::decode(&first).unwrap().message().serialize().to_vec();
    assert_refusal!(
        world.refused_bytes(ALICE, BOB, MessageType::PreKey, &outer.around(0x44, inner)),
        Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
        InvalidMessage
    );
    let honest = stranger.first(b"honest", &mut world.rng);
    assert_eq!(world.receive(ALICE, BOB, MessageType::PreKey, &honest).unwrap(), b"honest");
}
