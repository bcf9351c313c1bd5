//! 46 to 52: the post-quantum ratchet. Whatever is wrong with its part of a message, the message is invalid and no more.
//!
//! Two kinds of sender are played: somebody on the way, who changes a message and cannot repair its MAC, and an insider
//! who holds the session's keys, so that only the check in question stands between the message and its acceptance.

mod chunks;
mod epochs;
mod long;
mod stored;
mod versions;

use khaima_signal::hazmat::spqr::{Message, Payload, Spqr};
use khaima_signal::{CiphertextMessage, DecryptError, MessageType};

use crate::crafted::{self, Insider};
use crate::world::{ALICE, BOB, Refusal, World};

pub const PREKEY: MessageType = MessageType::PreKey;
pub const WHISPER: MessageType = MessageType::Whisper;

/// The session's next message, and what an insider can make of it. The message is not delivered yet.
pub fn next(world: &mut World, from: usize, to: usize) -> (CiphertextMessage, Insider) {
    let insider = Insider::of(&world.people[from].device, &world.address(to));
    (world.encrypt(from, to, b"honest"), insider)
}

pub fn first_message(seed: u64) -> (World, CiphertextMessage, Insider) {
    let mut world = World::new(seed);
    world.start(ALICE, BOB);
    let (honest, insider) = next(&mut world, ALICE, BOB);
    (world, honest, insider)
}

/// The recipient's side of the post-quantum ratchet, as stored.
pub fn stored(world: &World, who: usize, with: usize) -> Spqr {
    Insider::of(&world.people[who].device, &world.address(with)).post_quantum
}

#[track_caller]
pub fn is_invalid(error: Refusal, message_type: MessageType) {
    match error {
        Refusal::Session(DecryptError::InvalidMessage(found)) => assert_eq!(found, message_type),
        other => panic!("{other:?}"),
    }
}

/// Delivers an honest message in which only the post-quantum part is another, authentic or not: both must be invalid.
pub fn refuse_part(world: &mut World, honest: &CiphertextMessage, insider: &Insider, part: &[u8]) {
    let tampered = crafted::tampered(honest, |fields| fields.pq_ratchet = Some(part.to_vec()));
    is_invalid(world.refused_message(ALICE, BOB, &tampered), honest.message_type());
    let crafted = insider.with_pq(honest, Some(&insider.key()), Some(part));
    is_invalid(world.refused_message(ALICE, BOB, &crafted), honest.message_type());
}

pub fn part(epoch: u64, index: u32) -> Vec<u8> {
    Message { epoch, index, payload: Payload::None }.encode()
}
