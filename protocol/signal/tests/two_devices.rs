//! Two devices and a seeded network between them: loss, repetition, reordering, bursts, resets and simultaneous starts.
//! Every step goes through the stored form, because the devices store nothing else.
//!
//! What must be refused, and the limits of what is kept, are in `tests/negative/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "helpers of tests, outside #[test] functions"
)]

mod common;

use common::Device;
use khaima_signal::{
    CiphertextMessage, DecryptError, EncryptError, ErrorClass, MessageType, PreKeyBundleIn,
    PreKeySignalMessage, SessionRecord, Timestamp,
};
use rand::RngExt as _;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

const ALICE: &str = "11111111-1111-4111-8111-111111111111";
const BOB: &str = "22222222-2222-4222-8222-222222222222";

fn now() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000)
}

struct Pair {
    devices: [Device; 2],
    rng: ChaCha20Rng,
}

impl Pair {
    fn new(seed: u64) -> Self {
        println!("seed {seed}");
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let devices = [Device::new(ALICE, 1, &mut rng), Device::new(BOB, 2, &mut rng)];
        Self { devices, rng }
    }

    /// With a session that both have acknowledged.
    fn established(seed: u64) -> Self {
        let mut pair = Self::new(seed);
        pair.start(0);
        pair.exchange(0, b"hello");
        pair.exchange(1, b"hello yourself");
        pair
    }

    fn start(&mut self, from: usize) {
        let bundle = self.devices[1 - from].bundle(true, false, &mut self.rng);
        let peer = self.devices[1 - from].address.clone();
        self.devices[from].start(&peer, bundle, now(), &mut self.rng).unwrap();
    }

    fn encrypt(&mut self, from: usize, plaintext: &[u8]) -> CiphertextMessage {
        let peer = self.devices[1 - from].address.clone();
        self.devices[from].encrypt(&peer, plaintext, now(), &mut self.rng).unwrap()
    }

    /// Delivers to the other side; a refused message must leave every store as it was.
    fn deliver(&mut self, from: usize, message: &CiphertextMessage) -> Result<Vec<u8>, DecryptError> {
        let sender = self.devices[from].address.clone();
        let receiver = &mut self.devices[1 - from];
        let before = receiver.stores.clone();
        // Over the wire, as bytes.
        let message = CiphertextMessage::decode(message.message_type(), message.serialize()).unwrap();
        let result = receiver.decrypt(&sender, &message, &mut self.rng);
        assert!(result.is_ok() || receiver.stores == before, "a refused message changed a store");
        result
    }

    fn exchange(&mut self, from: usize, plaintext: &[u8]) {
        let message = self.encrypt(from, plaintext);
        assert_eq!(self.deliver(from, &message).unwrap(), plaintext);
    }

    fn archive(&mut self, at: usize) {
        let peer = self.devices[1 - at].address.clone();
        self.devices[at].archive(&peer);
    }

    fn record(&self, at: usize) -> SessionRecord {
        self.devices[at].record(&self.devices[1 - at].address)
    }

    fn refused(&mut self, from: usize, message: &CiphertextMessage) -> ErrorClass {
        self.deliver(from, message).unwrap_err().class()
    }
}

/// Reads a message again after its bytes were changed.
fn changed(message: &CiphertextMessage, at: usize, mask: u8) -> Option<CiphertextMessage> {
    let mut bytes = message.serialize().to_vec();
    bytes[at] ^= mask;
    CiphertextMessage::decode(message.message_type(), &bytes).ok()
}

/// A message on its way.
struct InFlight {
    from: usize,
    plaintext: Vec<u8>,
    message: CiphertextMessage,
    delivered: bool,
}

/// A few hundred random events; afterwards both sides have to talk on one session again.
fn random_schedule(seed: u64) {
    let mut pair = Pair::new(seed);
    pair.start(0);
    if seed.is_multiple_of(3) {
        pair.start(1);
    }
    let mut network: Vec<InFlight> = Vec::new();
    let mut decrypted = 0;
    for number in 0..300_u32 {
        match pair.rng.random_range(0..100) {
            // A message, or a burst of them.
            0..40 => {
                let from = pair.rng.random_range(0..2);
                let burst = if pair.rng.random_range(0..20) == 0 { 30 } else { 1 };
                for part in 0..burst {
                    let plaintext = format!("{number}.{part}").into_bytes();
                    let peer = pair.devices[1 - from].address.clone();
                    match pair.devices[from].encrypt(&peer, &plaintext, now(), &mut pair.rng) {
                        Ok(message) => network.push(InFlight { from, plaintext, message, delivered: false }),
                        Err(EncryptError::SessionNotFound) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            }
            // Whatever arrives next, in any order; sometimes it stays on the wire to arrive again.
            40..85 if !network.is_empty() => {
                let at = pair.rng.random_range(0..network.len());
                let repeat = pair.rng.random_range(0..10) == 0;
                let mut flight = network.swap_remove(at);
                let result = pair.deliver(flight.from, &flight.message);
                match result {
                    Ok(plaintext) => {
                        assert!(!flight.delivered, "decrypted twice");
                        assert_eq!(plaintext, flight.plaintext);
                        decrypted += 1;
                        flight.delivered = true;
                    }
                    Err(error) => {
                        let class = error.class();
                        let once_more = flight.delivered && class == ErrorClass::DuplicateMessage;
                        // Chains that are gone after many turns, and first messages before the one that starts.
                        let gone = matches!(class, ErrorClass::InvalidMessage | ErrorClass::NoSession);
                        assert!(once_more || gone, "{error}");
                    }
                }
                if repeat {
                    network.push(flight);
                }
            }
            // Lost.
            85..92 if !network.is_empty() => {
                let at = pair.rng.random_range(0..network.len());
                network.swap_remove(at);
            }
            // Damaged on the way; the right one arrives later.
            92..96 if !network.is_empty() => {
                let at = pair.rng.random_range(0..network.len());
                let flight = &network[at];
                let (from, byte) = (flight.from, pair.rng.random_range(0..flight.message.serialize().len()));
                if let Some(message) = changed(&flight.message, byte, 0x10) {
                    let delivered = flight.delivered;
                    let plaintext = flight.plaintext.clone();
                    // A changed registration id or unused field of a first message goes unnoticed.
                    if let Ok(found) = pair.deliver(from, &message) {
                        assert_eq!(message.message_type(), MessageType::PreKey);
                        assert!(!delivered);
                        assert_eq!(found, plaintext);
                        network.swap_remove(at);
                    }
                }
            }
            96..98 => pair.archive((number % 2) as usize),
            98.. => {
                let from = pair.rng.random_range(0..2);
                pair.start(from);
            }
            _ => {}
        }
    }
    assert!(decrypted > 30, "only {decrypted} messages arrived");
    // Whatever happened, a new start and one answer put both on one session.
    pair.start(0);
    for round in 0..10 {
        pair.exchange(round % 2, b"agreed");
    }
    let from_alice = pair.encrypt(0, b"last");
    assert_eq!(from_alice.message_type(), MessageType::Whisper);
    assert_eq!(pair.deliver(0, &from_alice).unwrap(), b"last");
}

#[test]
fn two_devices_agree_under_any_schedule() {
    (100..112).for_each(random_schedule);
}

#[test]
fn two_hundred_and_fifty_turns_stay_in_step() {
    let mut pair = Pair::established(1);
    for turn in 0..250 {
        pair.exchange(turn % 2, format!("turn {turn}").as_bytes());
        if turn % 7 == 0 {
            pair.exchange(turn % 2, b"");
        }
    }
}

#[test]
fn every_changed_byte_of_a_first_message_is_refused_or_goes_unnoticed_where_nothing_covers_it() {
    let mut pair = Pair::new(7);
    pair.start(0);
    let message = pair.encrypt(0, b"first");
    let original = PreKeySignalMessage::decode(message.serialize()).unwrap();
    let mut unnoticed = 0;
    for at in 0..message.serialize().len() {
        let Some(message) = changed(&message, at, 0x01) else {
            continue;
        };
        let kept = pair.devices[1].stores.clone();
        if pair.deliver(0, &message).is_ok() {
            let CiphertextMessage::PreKey(changed) = &message else { panic!("type") };
            assert_eq!(changed.message(), original.message());
            assert_eq!(
                (changed.base_key(), changed.identity_key()),
                (original.base_key(), original.identity_key())
            );
            unnoticed += 1;
            pair.devices[1].stores = kept;
        }
    }
    assert!((1..=4).contains(&unnoticed), "low nibble of the version and the registration id: {unnoticed}");
    assert_eq!(pair.deliver(0, &message).unwrap(), b"first");
}

#[test]
fn an_archived_unacknowledged_session_is_promoted_to_plain_messages() {
    let mut pair = Pair::new(10);
    pair.start(0);
    let first = pair.encrypt(0, b"first");
    pair.deliver(0, &first).unwrap();
    pair.archive(0);
    pair.exchange(1, b"answer");
    assert_eq!(pair.encrypt(0, b"next").message_type(), MessageType::Whisper);
}

#[test]
fn first_messages_repeat_the_same_header_until_answered() {
    let mut pair = Pair::new(14);
    pair.start(0);
    let (one, two) = (pair.encrypt(0, b"one"), pair.encrypt(0, b"two"));
    assert_eq!(pair.deliver(0, &two).unwrap(), b"two");
    let keys_left = pair.devices[1].stores.one_time.len();
    assert_eq!(keys_left, 0);
    assert_eq!(pair.deliver(0, &one).unwrap(), b"one");
    assert_eq!(pair.refused(0, &one), ErrorClass::DuplicateMessage);
    pair.exchange(1, b"answer");
    assert_eq!(pair.encrypt(0, b"three").message_type(), MessageType::Whisper);
}

#[test]
fn a_bundle_of_an_impossible_device_starts_nothing() {
    let mut pair = Pair::new(19);
    let bundle = pair.devices[1].bundle(true, false, &mut pair.rng);
    let peer = pair.devices[1].address.clone();
    for device_id in [0, 128, 257] {
        let bundle = PreKeyBundleIn { device_id, ..bundle.clone() };
        let error = pair.devices[0].start(&peer, bundle, now(), &mut pair.rng).unwrap_err();
        assert_eq!(error.class(), ErrorClass::InvalidArgument);
    }
    assert!(bundle.verify().is_ok());
}

#[test]
fn the_current_ratchet_key_is_that_of_the_next_message() {
    let mut pair = Pair::established(23);
    let key = pair.record(0).current_ratchet_key().unwrap();
    let message = pair.encrypt(0, b"x");
    assert_eq!(*message.signal_message().ratchet_key(), key);
    assert!(SessionRecord::empty().current_ratchet_key().is_none());
}

#[test]
fn debug_shows_neither_keys_nor_messages() {
    let mut pair = Pair::new(24);
    pair.start(0);
    let bundle = pair.devices[1].bundle(true, true, &mut pair.rng);
    let message = pair.encrypt(0, b"x");
    let record = pair.record(0);
    let (sender, stores) = (&pair.devices[0].address, &pair.devices[1].stores);
    let empty = SessionRecord::empty();
    let decrypted =
        empty.decrypt(&pair.devices[1].local(), sender, &message, stores, stores, &mut pair.rng).unwrap();
    let inner = message.signal_message();
    insta::assert_snapshot!(
        format!("{record:?} {message:?} {inner:?} {bundle:?} {decrypted:?} {:?}", record.to_parts()[0]),
        @"SessionRecord(..) PreKey(PreKeySignalMessage(..)) SignalMessage(..) PreKeyBundleIn(..) Decrypted(..) RecordPart(..)"
    );
}

#[test]
fn archiving_forgets_what_first_messages_carry() {
    let mut pair = Pair::new(25);
    pair.start(0);
    let stored = |pair: &Pair| common::parts_of(&pair.record(0)).values().map(Vec::len).sum::<usize>();
    let before = stored(&pair);
    pair.archive(0);
    assert!(stored(&pair) + 1_569 < before, "the KEM ciphertext is gone");
}
