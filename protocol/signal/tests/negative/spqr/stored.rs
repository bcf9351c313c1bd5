//! 52: stored ratchets that are damaged.

use khaima_signal::EncryptError;
use khaima_signal::hazmat::spqr::{Spqr, SpqrError};

use super::{PREKEY, WHISPER, first_message, is_invalid, stored};
use crate::crafted::{self};
use crate::world::{ALICE, BOB, World, assert_refusal, now};

#[test]
fn n52_a_stored_ratchet_cut_short_or_with_a_bit_flipped() {
    let mut world = World::established(52_01);
    for _ in 0..30 {
        world.exchange(ALICE, BOB, b"there");
        world.exchange(BOB, ALICE, b"back");
    }
    for (who, with) in [(ALICE, BOB), (BOB, ALICE)] {
        let whole = stored(&world, who, with).encode();
        assert!(Spqr::decode(&whole).is_ok());
        for length in 1..whole.len() {
            assert_eq!(Spqr::decode(&whole[..length]).unwrap_err(), SpqrError::StateDecode);
        }
        let mut refused = 0;
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            match Spqr::decode(&changed) {
                // A flipped bit of a key is another key.
                Ok(read) => assert_eq!(read.encode().as_slice(), changed),
                Err(error) => {
                    assert_eq!(error, SpqrError::StateDecode);
                    refused += 1;
                }
            }
        }
        assert!(refused > 50, "{refused} of {}", whole.len() * 8);
    }
}

/// Ways to damage a stored ratchet that leave it no ratchet.
fn damages() -> [fn(&mut Vec<u8>); 4] {
    [
        |ratchet| ratchet.truncate(ratchet.len() - 1),
        |ratchet| ratchet[0] ^= 0x80,
        |ratchet| ratchet.truncate(1),
        |ratchet| ratchet.push(0),
    ]
}

#[test]
fn n52_a_session_with_a_damaged_ratchet_does_not_send() {
    for (at, damage) in damages().into_iter().enumerate() {
        let mut world = World::established(52_02);
        let alice = world.address(ALICE);
        crafted::change_stored_ratchet(&mut world.people[BOB].device, &alice, damage);
        assert!(!world.record(BOB, ALICE).is_usable(now()));
        let error = world.refused(BOB, |bob, rng| bob.device.encrypt(&alice, b"text", now(), rng));
        assert_refusal!(error, EncryptError::InvalidState(_), InvalidState, "damage {at}");
    }
}

#[test]
fn n52_what_arrives_for_a_damaged_ratchet_is_an_invalid_message() {
    for damage in damages() {
        let mut world = World::established(52_03);
        let message = world.encrypt(ALICE, BOB, b"text");
        let alice = world.address(ALICE);
        crafted::change_stored_ratchet(&mut world.people[BOB].device, &alice, damage);
        is_invalid(world.refused_message(ALICE, BOB, &message), WHISPER);
    }
}

/// Its session is still known by its base key: no other is tried, and no prekey is looked for.
#[test]
fn n52_a_first_message_for_a_damaged_ratchet_is_an_invalid_message() {
    for damage in damages() {
        let (mut world, honest, _) = first_message(52_04);
        let second = world.encrypt(ALICE, BOB, b"second");
        world.deliver(ALICE, BOB, &honest);
        let alice = world.address(ALICE);
        crafted::change_stored_ratchet(&mut world.people[BOB].device, &alice, damage);
        is_invalid(world.refused_message(ALICE, BOB, &second), PREKEY);
    }
}

#[test]
fn n52_a_damaged_ratchet_hides_no_other_session() {
    let mut world = World::established(52_05);
    let late = world.encrypt(ALICE, BOB, b"late");
    world.start(ALICE, BOB);
    world.exchange(ALICE, BOB, b"new session");
    let alice = world.address(ALICE);
    crafted::change_stored_ratchet(&mut world.people[BOB].device, &alice, |ratchet| ratchet[0] = 9);
    assert_eq!(world.deliver(ALICE, BOB, &late), b"late");
    world.exchange(BOB, ALICE, b"on the older session");
    world.start(BOB, ALICE);
    world.exchange(BOB, ALICE, b"or on a new one");
}

/// A ratchet that is off, which no session of ours ever has, sends nothing and reads nothing.
#[test]
fn n52_a_stored_ratchet_of_no_bytes_is_one_that_is_off() {
    let mut world = World::established(52_06);
    let message = world.encrypt(ALICE, BOB, b"text");
    let alice = world.address(ALICE);
    crafted::change_stored_ratchet(&mut world.people[BOB].device, &alice, Vec::clear);
    is_invalid(world.refused_message(ALICE, BOB, &message), WHISPER);
    let stripped = crafted::tampered(&message, |fields| fields.pq_ratchet = None);
    is_invalid(world.refused_message(ALICE, BOB, &stripped), WHISPER);
    let error = world.refused(BOB, |bob, rng| bob.device.encrypt(&alice, b"text", now(), rng));
    assert_refusal!(error, EncryptError::InvalidState(_), InvalidState);
}
