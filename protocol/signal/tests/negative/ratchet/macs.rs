//! 39, 41 and 42: MACs that are wrong, and messages that are wrong under a right one.

use khaima_signal::{DecryptError, LocalIdentity as _, MessageError, MessageType};
use rand_core::Rng as _;

use crate::{
    by_hand::{Draft, Half, Session},
    world::{ALICE, BOB, CAROL, Refusal, World, assert_refusal},
};

/// A stranger's session with Bob that has a first message behind it.
fn in_session(seed: u64) -> (World, Session) {
    let mut world = World::new(seed);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let first = stranger.first(b"text", &mut world.rng);
    world.receive(ALICE, BOB, MessageType::PreKey, &first).unwrap();
    (world, stranger)
}

/// What Bob says to a message that must not open: alone, and as a first message to somebody who has no session.
fn refused_in_both_forms(
    seed: u64,
    change: impl Fn(&World, Draft) -> Vec<u8>,
) -> [(MessageType, Refusal); 2] {
    let (mut world, mut stranger) = in_session(seed);
    let honest = stranger.draft(b"honest", &mut world.rng);
    let message = change(&world, honest.clone());
    let alone = world.refused_bytes(ALICE, BOB, MessageType::Whisper, &message);
    assert_eq!(world.receive(ALICE, BOB, MessageType::Whisper, &honest.seal()).unwrap(), b"honest");

    let mut world = World::new(seed);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let honest = stranger.draft(b"honest", &mut world.rng);
    let message = stranger.outer.around(0x44, change(&world, honest.clone()));
    let first = world.refused_bytes(ALICE, BOB, MessageType::PreKey, &message);
    let message = stranger.outer.around(0x44, honest.seal());
    assert_eq!(world.receive(ALICE, BOB, MessageType::PreKey, &message).unwrap(), b"honest");
    [(MessageType::Whisper, alone), (MessageType::PreKey, first)]
}

fn invalid_in_both_forms(seed: u64, change: impl Fn(&World, Draft) -> Vec<u8>) {
    for (kind, refusal) in refused_in_both_forms(seed, change) {
        let Refusal::Session(DecryptError::InvalidMessage(found)) = refusal else { panic!("{refusal:?}") };
        assert_eq!(found, kind);
        assert_refusal!(refusal, Refusal::Session(_), InvalidMessage);
    }
}

#[test]
fn n39_each_flipped_bit_of_the_mac() {
    for bit in 0..64 {
        invalid_in_both_forms(3_900, |_, draft| {
            let mut message = draft.seal();
            let at = message.len() - 8 + bit / 8;
            message[at] ^= 1 << (bit % 8);
            message
        });
    }
}

#[test]
fn n39_each_flipped_bit_of_a_message() {
    let (mut world, mut stranger) = in_session(3_910);
    let message = stranger.draft(b"honest", &mut world.rng).seal();
    for bit in 0..message.len() * 8 {
        let mut changed = message.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        // Whatever it then is: malformed, of another version, or not authentic.
        let _ = world.refused_bytes(ALICE, BOB, MessageType::Whisper, &changed);
    }
    assert_eq!(world.receive(ALICE, BOB, MessageType::Whisper, &message).unwrap(), b"honest");
}

/// The last 8 bytes are the tag whatever they were meant to be, so that what is before them may be no protobuf.
#[test]
fn n39_a_mac_of_another_length() {
    for length in [0, 1, 7, 9, 10, 16, 32] {
        let refusals = refused_in_both_forms(3_920, |_, draft| {
            let mut message = draft.seal();
            let mac = message.split_off(message.len() - 8);
            message.extend(mac.iter().cycle().take(length));
            message
        });
        for (_, refusal) in refusals {
            assert!(
                matches!(
                    refusal,
                    Refusal::Session(DecryptError::InvalidMessage(_))
                        | Refusal::Message(MessageError::InvalidProtobufEncoding)
                ),
                "{length}: {refusal:?}"
            );
        }
    }
}

#[test]
fn n39_a_message_shorter_than_a_mac() {
    let (mut world, mut stranger) = in_session(3_930);
    let message = stranger.draft(b"honest", &mut world.rng).seal();
    for length in 0..9 {
        let refusal = world.refused_bytes(ALICE, BOB, MessageType::Whisper, &message[..length]);
        assert_refusal!(
            refusal,
            Refusal::Message(MessageError::CiphertextMessageTooShort(_)),
            Malformed,
            "{length}"
        );
    }
}

#[test]
fn n39_a_mac_over_other_identities() {
    invalid_in_both_forms(3_940, |_, mut draft| {
        draft.identities.swap(0, 1);
        draft.seal()
    });
    invalid_in_both_forms(3_941, |world, mut draft| {
        draft.identities[0] = world.people[CAROL].device.identity.identity_key().serialize();
        draft.seal()
    });
    invalid_in_both_forms(3_942, |world, mut draft| {
        draft.identities[1] = world.people[CAROL].device.identity.identity_key().serialize();
        draft.seal()
    });
    invalid_in_both_forms(3_943, |_, mut draft| {
        draft.identities[1] = draft.identities[0];
        draft.seal()
    });
}

#[test]
fn n41_a_forged_header_with_a_new_ratchet_key() {
    let mut world = World::established(4_100);
    let honest = world.encrypt(ALICE, BOB, b"honest");
    for at in 0..20 {
        let key = Half::random(&mut world.rng);
        let mut bytes = honest.serialize().to_vec();
        // Version, tag, length, type byte.
        assert_eq!(bytes[..4], [0x44, 0x0A, 33, 5]);
        bytes[4..36].copy_from_slice(&key.public);
        if at % 2 == 0 {
            let end = bytes.len();
            world.rng.fill_bytes(&mut bytes[end - 24..]);
        }
        assert_refusal!(
            world.refused_bytes(ALICE, BOB, MessageType::Whisper, &bytes),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::Whisper)),
            InvalidMessage
        );
    }
    // No step was taken: both directions go on, and more than five forged keys pushed out no chain.
    assert_eq!(world.deliver(ALICE, BOB, &honest), b"honest");
    world.exchange(BOB, ALICE, b"answer");
    world.exchange(ALICE, BOB, b"next");
}

/// Ways in which a padding of 16 is none.
fn bad_paddings() -> Vec<Vec<u8>> {
    let ending = |last: &[u8]| [&vec![b'x'; 32 - last.len()], last].concat();
    vec![
        ending(&[0]),
        ending(&[17]),
        ending(&[0xFF]),
        ending(&[0x80]),
        ending(&[1, 2]),
        ending(&[3, 2, 3]),
        [[b'x'; 16], [15; 16]].concat()[..31].iter().copied().chain([16]).collect(),
        vec![0; 16],
        vec![32; 32],
    ]
}

#[test]
fn n42_bad_padding_under_a_right_mac() {
    for padded in bad_paddings() {
        invalid_in_both_forms(4_200, |_, mut draft| {
            draft.padded.clone_from(&padded);
            draft.seal()
        });
    }
    // Right ones open.
    for padded in [vec![16; 16], [[b'x'; 15].as_slice(), &[1]].concat()] {
        let (mut world, mut stranger) = in_session(4_201);
        let mut draft = stranger.draft(b"", &mut world.rng);
        draft.padded.clone_from(&padded);
        let plaintext = world.receive(ALICE, BOB, MessageType::Whisper, &draft.seal()).unwrap();
        assert_eq!(plaintext, padded[..16 - usize::from(padded[15])]);
    }
}

#[test]
fn n42_a_ciphertext_that_is_no_whole_number_of_blocks() {
    for length in [0, 1, 15, 17, 31, 33] {
        invalid_in_both_forms(4_210, |_, mut draft| {
            draft.fields.ciphertext = Some(vec![0xAB; length]);
            draft.seal()
        });
    }
}

#[test]
fn n42_bad_padding_says_the_same_as_a_wrong_mac() {
    let texts = |refusals: [(MessageType, Refusal); 2]| {
        refusals.map(|(_, refusal)| match refusal {
            Refusal::Session(error) => format!("{error:?} {error}"),
            other => panic!("{other:?}"),
        })
    };
    let bad_padding = refused_in_both_forms(4_220, |_, mut draft| {
        draft.padded = vec![0; 16];
        draft.seal()
    });
    let wrong_mac = refused_in_both_forms(4_221, |_, draft| {
        let mut message = draft.seal();
        *message.last_mut().unwrap() ^= 1;
        message
    });
    assert_eq!(texts(bad_padding), texts(wrong_mac));
}
