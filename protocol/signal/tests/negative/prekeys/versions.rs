//! 24: other versions than ours, outside and inside, and what of the version byte counts.

use khaima_signal::{DecryptError, MessageError, MessageType};

use crate::world::{ALICE, BOB, Refusal, World, assert_refusal};

#[test]
fn n24_a_first_message_of_version_3_starts_no_session() {
    let mut world = World::new(2_400);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let draft = stranger.draft(b"text", &mut world.rng);
    let mut old = draft.clone();
    old.version = 0x34;
    let mut without_kyber = stranger.outer.clone();
    (without_kyber.kyber_id, without_kyber.kyber_ciphertext) = (None, None);
    for outer in [&stranger.outer, &without_kyber] {
        for draft in [&draft, &old] {
            for version in [0x33, 0x34] {
                let message = outer.around(version, draft.seal());
                assert_refusal!(
                    world.refused_bytes(ALICE, BOB, MessageType::PreKey, &message),
                    Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
                    InvalidMessage
                );
            }
        }
    }
    // A right outside around a message of version 3: tried, as a message of the new session, and not accepted.
    let message = stranger.outer.around(0x44, old.seal());
    assert_refusal!(
        world.refused_bytes(ALICE, BOB, MessageType::PreKey, &message),
        Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
        InvalidMessage
    );
    let honest = stranger.outer.around(0x44, draft.seal());
    assert_eq!(world.receive(ALICE, BOB, MessageType::PreKey, &honest).unwrap(), b"text");
    // Nor is a session found by it that exists.
    let next = stranger.draft(b"next", &mut world.rng).seal();
    let message = stranger.outer.around(0x34, next.clone());
    assert_refusal!(
        world.refused_bytes(ALICE, BOB, MessageType::PreKey, &message),
        Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
        InvalidMessage
    );
    assert_eq!(world.receive(ALICE, BOB, MessageType::Whisper, &next).unwrap(), b"next");
}

#[test]
fn n24_a_message_of_version_3_in_a_session_of_version_4() {
    let mut world = World::new(2_410);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let first = stranger.first(b"text", &mut world.rng);
    world.receive(ALICE, BOB, MessageType::PreKey, &first).unwrap();
    let draft = stranger.draft(b"text", &mut world.rng);
    let mut old = draft.clone();
    for version in [0x33, 0x34] {
        old.version = version;
        assert_refusal!(
            world.refused_bytes(ALICE, BOB, MessageType::Whisper, &old.seal()),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::Whisper)),
            InvalidMessage
        );
    }
    assert_eq!(world.receive(ALICE, BOB, MessageType::Whisper, &draft.seal()).unwrap(), b"text");
}

#[test]
fn n24_versions_0_to_2_and_5_to_15() {
    let mut world = World::new(2_420);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let draft = stranger.draft(b"text", &mut world.rng);
    for version in (0..=2).chain(5..=15) {
        let mut other = draft.clone();
        other.version = (version << 4) | 4;
        let (inner, outer) = (other.seal(), stranger.outer.around((version << 4) | 4, draft.seal()));
        let around = stranger.outer.around(0x44, inner.clone());
        for (kind, message) in
            [(MessageType::Whisper, inner), (MessageType::PreKey, outer), (MessageType::PreKey, around)]
        {
            let refusal = world.refused_bytes(ALICE, BOB, kind, &message);
            let (Refusal::Message(MessageError::LegacyCiphertextVersion(found))
            | Refusal::Message(MessageError::UnrecognizedCiphertextVersion(found))) = refusal
            else {
                panic!("{refusal:?}")
            };
            assert_eq!(found, version);
            if version < 3 {
                assert_refusal!(
                    refusal,
                    Refusal::Message(MessageError::LegacyCiphertextVersion(_)),
                    LegacyVersion
                );
            } else {
                assert_refusal!(
                    refusal,
                    Refusal::Message(MessageError::UnrecognizedCiphertextVersion(_)),
                    UnknownVersion
                );
            }
        }
    }
}

#[test]
fn n24_the_low_nibble_is_not_looked_at() {
    let mut world = World::new(2_430);
    for low in 0..16 {
        let keys = world.keys();
        world.people[BOB].device.stores.identities.clear();
        let mut stranger = world.stranger(&keys, ALICE, BOB);
        let mut draft = stranger.draft(b"first", &mut world.rng);
        draft.version = 0x40 | low;
        let first = stranger.outer.around(0x40 | (15 - low), draft.seal());
        assert_eq!(world.receive(ALICE, BOB, MessageType::PreKey, &first).unwrap(), b"first");
        let mut next = stranger.draft(b"next", &mut world.rng);
        next.version = 0x40 | low;
        // But the MAC covers it.
        let mut changed = next.seal();
        changed[0] ^= 1;
        assert_refusal!(
            world.refused_bytes(ALICE, BOB, MessageType::Whisper, &changed),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::Whisper)),
            InvalidMessage
        );
        assert_eq!(world.receive(ALICE, BOB, MessageType::Whisper, &next.seal()).unwrap(), b"next");
    }
}
