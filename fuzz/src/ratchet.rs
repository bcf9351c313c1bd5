//! The two sides of the post-quantum ratchet: honest ones over a bad network, and one that a dishonest peer talks to.
//!
//! Not its concern: the session around it, whose MAC decides which states are kept.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use khaima_signal::hazmat::spqr::{
    CHUNK_LENGTH, ChainParams, Chunk, Direction, Message, Payload, Spqr, SpqrError, SpqrSent,
};
use rand_chacha::ChaCha20Rng;

use crate::honest::rng;
use crate::input::Input;

/// Small, so that inputs reach the limits, and a jump costs little.
const SMALL: ChainParams = ChainParams { max_jump: 300, max_ooo_keys: 100 };
/// Epochs whose keys are held at once, at most.
const LINKS: usize = 3;
/// Skipped keys of one epoch: those that may still be asked for, and what shares a page of 256 with them.
const KEYS_KEPT: usize = 100 + 255;
/// What a state without skipped keys takes at most: some 3 KB, and a page number for each run of 256 keys.
const MAX_BASE: usize = 4_096;

/// Honest sides, with versions and limits of the input's choice, over a network that loses, repeats and reorders.
///
/// Held to: sender and recipient of a message have the same key for it, nobody gets a key twice, and only what came too
/// late or from too far ahead is refused.
pub fn negotiate(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (mut rng, versions) = (rng(30), [input.below(3), input.below(3)]);
    let params =
        [ChainParams::default(), SMALL, ChainParams { max_jump: 3, max_ooo_keys: 2 }][input.below(3)];
    let mut sides = [(0, Direction::A2B), (1, Direction::B2A)].map(|(side, direction)| {
        // Off; on, and either would do; on, and nothing else will do.
        let (version, min_version) = [(0, 0), (1, 0), (1, 1)][versions[side]];
        Spqr::new(direction, version, min_version, &[0x29; 32], params)
    });
    let both_on = versions.iter().all(|version| *version > 0);
    let mut inbox: [Vec<(SpqrSent, bool)>; 2] = [Vec::new(), Vec::new()];
    while !input.is_empty() {
        let action = input.byte();
        let side = usize::from(action >> 7);
        let at = |input: &mut Input<'_>, count| if action & 1 == 0 { 0 } else { input.below(count) };
        match action & 0x7F {
            // A burst, for an epoch takes dozens of messages.
            0..=39 => {
                for _ in 0..=input.below(40) {
                    inbox[1 - side].push((send(&mut sides[side], &mut rng), false));
                }
            }
            40..=99 => {
                for _ in 0..=input.below(40) {
                    if inbox[side].is_empty() {
                        break;
                    }
                    let at = at(&mut input, inbox[side].len());
                    let (sent, arrived) = inbox[side].remove(at);
                    receive(&mut sides[side], &sent, arrived, both_on, params);
                }
            }
            100..=107 if !inbox[side].is_empty() => {
                let at = at(&mut input, inbox[side].len());
                let (sent, arrived) = &mut inbox[side][at];
                *arrived |= receive(&mut sides[side], sent, *arrived, both_on, params);
            }
            108..=119 if !inbox[side].is_empty() => {
                let at = at(&mut input, inbox[side].len());
                inbox[side].remove(at);
            }
            _ => restart(&mut sides[side]),
        }
    }
}

fn send(side: &mut Spqr, rng: &mut ChaCha20Rng) -> SpqrSent {
    let sent = side.send(rng).expect("an honest side can send");
    *side = sent.state.clone();
    sent
}

/// Whether it was accepted.
fn receive(side: &mut Spqr, sent: &SpqrSent, arrived: bool, both_on: bool, params: ChainParams) -> bool {
    match side.recv(&sent.message) {
        Ok(received) => {
            assert!(!both_on || received.key == sent.key, "the sides have different keys");
            assert!(!arrived || received.key.is_none(), "a key was given twice");
            *side = received.state;
            true
        }
        Err(error) => {
            let limited = params != ChainParams::default();
            let allowed = match error {
                SpqrError::EpochOutOfRange(_) => true,
                SpqrError::KeyAlreadyRequested(_) => arrived,
                SpqrError::KeyJump { .. } | SpqrError::KeyTrimmed(_) => limited,
                SpqrError::MinimumVersion | SpqrError::VersionMismatch => !both_on,
                _ => false,
            };
            assert!(allowed, "an honest message was refused: {error:?}");
            false
        }
    }
}

fn restart(side: &mut Spqr) {
    let stored = side.encode();
    *side = Spqr::decode(&stored).expect("what was stored can be read");
    assert_eq!(side.encode(), stored, "storing again gives other bytes");
}

/// Both sides after each of some hundred messages: more than two epochs, in every state there is.
static MOMENTS: LazyLock<Vec<[Spqr; 2]>> = LazyLock::new(|| {
    let mut rng = rng(31);
    let mut sides =
        [Direction::A2B, Direction::B2A].map(|direction| Spqr::new(direction, 1, 1, &[0x29; 32], SMALL));
    let mut moments = vec![sides.clone()];
    for turn in 0..400 {
        let sent = send(&mut sides[turn % 2], &mut rng);
        receive(&mut sides[1 - turn % 2], &sent, false, true, SMALL);
        moments.push(sides.clone());
    }
    moments
});

/// A side at any moment of a conversation, and from then on a peer who says anything.
///
/// Held to: no panic, states stay as small as they should, read back as they were, and can be sent from.
pub fn hear_anything(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut rng = rng(32);
    let moment = usize::from(input.u16()) % MOMENTS.len();
    let listener = input.below(2);
    let [mut side, mut peer] = [listener, 1 - listener].map(|side| MOMENTS[moment][side].clone());
    while !input.is_empty() {
        let message = match input.byte() {
            0..=49 => input.run().to_vec(),
            50..=169 => built(&mut input, &peer, &mut rng).encode(),
            170..=219 => send(&mut peer, &mut rng).message,
            220..=239 => {
                // Only a state that was led astray cannot send, and it says so.
                if let Ok(sent) = side.send(&mut rng) {
                    side = sent.state;
                }
                continue;
            }
            _ => {
                restart(&mut side);
                continue;
            }
        };
        let Ok(received) = side.recv(&message) else { continue };
        side = received.state;
        let parts = side.encode_parts(None);
        assert!(parts.base.len() <= MAX_BASE, "a base of {} bytes", parts.base.len());
        let mut keys = BTreeMap::<u64, usize>::new();
        for page in &parts.pages {
            *keys.entry(page.epoch).or_default() += (page.bytes.len() - 2) / (1 + 32);
        }
        assert!(
            keys.len() <= LINKS && keys.values().all(|keys| *keys <= KEYS_KEPT),
            "skipped keys: {keys:?}"
        );
    }
    restart(&mut side);
}

/// A message that parses: near the peer's next one, or anywhere.
fn built(input: &mut Input<'_>, peer: &Spqr, rng: &mut ChaCha20Rng) -> Message {
    let honest = peer.send(rng).ok().and_then(|sent| Message::decode(&sent.message).ok());
    let mut message = honest.unwrap_or(Message { epoch: 1, index: 1, payload: Payload::None });
    let choice = input.byte();
    if choice & 1 != 0 {
        // Two before to five after.
        message.epoch = (message.epoch + u64::from(choice >> 5)).saturating_sub(2).max(1);
    }
    if choice & 2 != 0 {
        message.index = message.index.saturating_add(u32::from(input.u16())).saturating_sub(200);
    }
    if choice & 4 != 0 {
        let mut chunk = Chunk { index: input.u16(), data: [0; CHUNK_LENGTH] };
        if choice & 8 == 0 {
            let taken = input.take(CHUNK_LENGTH);
            chunk.data[..taken.len()].copy_from_slice(taken);
        } else if let Some(honest) = message.payload.chunk() {
            chunk.data = honest.data;
        }
        message.payload = match input.below(7) {
            0 => Payload::None,
            1 => Payload::Hdr(chunk),
            2 => Payload::Ek(chunk),
            3 => Payload::EkCt1Ack(chunk),
            4 => Payload::Ct1Ack,
            5 => Payload::Ct1(chunk),
            _ => Payload::Ct2(chunk),
        };
    }
    message
}
