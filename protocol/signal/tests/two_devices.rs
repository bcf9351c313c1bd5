//! Two devices and a seeded network between them: loss, repetition, reordering, bursts, resets and simultaneous starts.
//! Every step goes through the stored form, because the devices store nothing else.
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
    CiphertextMessage, DecryptError, EncryptError, ErrorClass, IdentityKeyPair, LocalIdentity as _,
    MessageType, PreKeySignalMessage, SessionRecord, SignalMessage, StartError, Timestamp,
};
use rand::RngExt as _;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

const ALICE: &str = "11111111-1111-4111-8111-111111111111";
const BOB: &str = "22222222-2222-4222-8222-222222222222";
const DAY_MS: u64 = 86_400_000;

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

fn inner(message: &CiphertextMessage) -> CiphertextMessage {
    message.signal_message().clone().into()
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
fn a_message_decrypts_once_and_is_a_duplicate_every_time_after() {
    let mut pair = Pair::established(2);
    let message = pair.encrypt(0, b"once");
    assert_eq!(pair.deliver(0, &message).unwrap(), b"once");
    pair.exchange(1, b"turn");
    for _ in 0..3 {
        assert_eq!(pair.refused(0, &message), ErrorClass::DuplicateMessage);
    }
}

#[test]
fn two_thousand_skipped_messages_are_read_late_and_the_one_before_is_not() {
    let mut pair = Pair::established(3);
    let messages: Vec<_> = (0..2_002).map(|number: u32| pair.encrypt(0, &number.to_be_bytes())).collect();
    assert_eq!(pair.deliver(0, &messages[2_001]).unwrap(), 2_001_u32.to_be_bytes());
    assert_eq!(pair.refused(0, &messages[0]), ErrorClass::DuplicateMessage);
    for number in [1_u32, 2, 255, 256, 257, 1_000, 1_999, 2_000] {
        assert_eq!(pair.deliver(0, &messages[number as usize]).unwrap(), number.to_be_bytes());
        assert_eq!(pair.refused(0, &messages[number as usize]), ErrorClass::DuplicateMessage);
    }
    let parts = pair.record(1).to_parts();
    assert!(parts.len() > 8, "skipped keys are stored in pages");
}

#[test]
fn a_jump_of_24_999_is_accepted_and_25_000_is_not() {
    let mut pair = Pair::established(4);
    let peer = pair.devices[1].address.clone();
    // Encrypted in memory: storing each one of 25,000 is not what is tested here.
    let mut record = pair.record(0);
    let mut messages = Vec::new();
    for _ in 0..=25_000 {
        let local = pair.devices[0].local();
        let sent =
            record.encrypt(&local, &peer, b"far", &pair.devices[0].stores, now(), &mut pair.rng).unwrap();
        record = sent.record;
        messages.push(sent.message);
    }
    assert_eq!(pair.refused(0, &messages[25_000]), ErrorClass::InvalidMessage);
    assert_eq!(pair.deliver(0, &messages[24_999]).unwrap(), b"far");
}

#[test]
fn devices_of_one_account_may_lag_any_distance() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let identity = IdentityKeyPair::generate(&mut rng);
    let device = |number| Device::with_identity(identity.clone(), common::address(ALICE, number), 7);
    let mut pair = Pair { devices: [device(1), device(2)], rng };
    pair.start(0);
    let peer = pair.devices[1].address.clone();
    let mut record = pair.record(0);
    let mut last = None;
    for _ in 0..26_000 {
        let local = pair.devices[0].local();
        let sent =
            record.encrypt(&local, &peer, b"mine", &pair.devices[0].stores, now(), &mut pair.rng).unwrap();
        record = sent.record;
        last = Some(sent.message);
    }
    assert_eq!(pair.deliver(0, &last.unwrap()).unwrap(), b"mine");
}

#[test]
fn every_changed_byte_of_a_message_is_refused_and_changes_nothing() {
    let mut pair = Pair::established(6);
    let message = pair.encrypt(0, b"untouched");
    for at in 0..message.serialize().len() {
        for mask in [0x01, 0x80] {
            if let Some(message) = changed(&message, at, mask) {
                assert!(pair.deliver(0, &message).is_err(), "byte {at}");
            }
        }
    }
    let last = message.serialize().len() - 1;
    for bit in 0..64 {
        let message = changed(&message, last - bit / 8, 1 << (bit % 8)).unwrap();
        assert_eq!(pair.refused(0, &message), ErrorClass::InvalidMessage);
    }
    assert_eq!(pair.deliver(0, &message).unwrap(), b"untouched");
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
fn both_may_start_at_once_and_converge_on_the_session_last_received() {
    let mut pair = Pair::new(8);
    pair.start(0);
    pair.start(1);
    let (from_alice, from_bob) = (pair.encrypt(0, b"from alice"), pair.encrypt(1, b"from bob"));
    assert_eq!(pair.deliver(0, &from_alice).unwrap(), b"from alice");
    assert_eq!(pair.deliver(1, &from_bob).unwrap(), b"from bob");
    assert_ne!(pair.record(0).remote_registration_id(), None);
    for round in 0..6 {
        pair.exchange(round % 2, b"converged");
    }
    assert_eq!((pair.record(0).archived_count(), pair.record(1).archived_count()), (1, 1));
    assert_eq!(pair.encrypt(0, b"x").message_type(), MessageType::Whisper);
}

#[test]
fn a_message_of_an_archived_session_makes_it_current_again() {
    let mut pair = Pair::established(9);
    let late = pair.encrypt(0, b"late");
    pair.archive(1);
    assert!(!pair.record(1).has_current());
    let record = pair.record(1);
    let (local, sender) = (pair.devices[1].local(), &pair.devices[0].address);
    let stores = &pair.devices[1].stores;
    let decrypted = record.decrypt(&local, sender, &late, stores, stores, &mut pair.rng).unwrap();
    assert!(decrypted.promoted && decrypted.record.has_current());
    assert_eq!(pair.deliver(0, &late).unwrap(), b"late");
    pair.exchange(1, b"answered on it");
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
fn the_forty_first_archived_session_pushes_out_the_oldest() {
    let mut pair = Pair::established(11);
    let oldest = pair.encrypt(0, b"oldest");
    for _ in 0..40 {
        pair.start(0);
        pair.exchange(0, b"new session");
    }
    assert_eq!(pair.record(1).archived_count(), 40);
    assert_eq!(pair.deliver(0, &oldest).unwrap(), b"oldest");
    let second = pair.encrypt(0, b"second");
    for _ in 0..41 {
        pair.start(0);
        pair.exchange(0, b"new session");
    }
    assert_eq!(pair.record(1).archived_count(), 40);
    assert_eq!(pair.refused(0, &inner(&second)), ErrorClass::InvalidMessage);
}

#[test]
fn five_turns_back_is_read_late_and_six_is_not() {
    let mut pair = Pair::established(12);
    let turn = |pair: &mut Pair| {
        let late = pair.encrypt(0, b"late");
        pair.exchange(0, b"in time");
        pair.exchange(1, b"turn");
        late
    };
    let late: Vec<_> = (0..6).map(|_| turn(&mut pair)).collect();
    assert_eq!(pair.refused(0, &late[0]), ErrorClass::InvalidMessage);
    for late in &late[1..] {
        assert_eq!(pair.deliver(0, late).unwrap(), b"late");
    }
}

#[test]
fn an_unacknowledged_session_is_not_sent_with_after_thirty_days() {
    let mut pair = Pair::new(13);
    pair.start(0);
    let peer = pair.devices[1].address.clone();
    let at = |millis| Timestamp::from_millis(now().as_millis() + millis);
    let send = |pair: &mut Pair, now| pair.devices[0].encrypt(&peer, b"old", now, &mut pair.rng);
    assert!(send(&mut pair, at(30 * DAY_MS)).is_ok());
    assert!(pair.record(0).is_usable(at(30 * DAY_MS)));
    let late = at(30 * DAY_MS + 1);
    assert!(!pair.record(0).is_usable(late) && pair.record(0).has_current());
    assert!(matches!(send(&mut pair, late), Err(EncryptError::SessionNotFound)));
    pair.exchange(0, b"delivered");
    pair.exchange(1, b"acknowledged");
    assert!(send(&mut pair, late).is_ok());
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
fn spent_prekeys_are_refused_by_the_name_of_what_is_missing() {
    let mut pair = Pair::new(15);
    pair.start(0);
    let message = pair.encrypt(0, b"first");
    let fresh = pair.devices[1].stores.clone();
    pair.deliver(0, &message).unwrap();
    let sender = pair.devices[0].address.clone();
    pair.devices[1].delete_session(&sender);
    assert_eq!(pair.refused(0, &message), ErrorClass::InvalidKyberPreKeyId);
    pair.devices[1].stores = fresh.clone();
    pair.devices[1].stores.one_time.clear();
    assert_eq!(pair.refused(0, &message), ErrorClass::InvalidPreKeyId);
    pair.devices[1].stores = fresh;
    pair.devices[1].stores.signed.clear();
    assert_eq!(pair.refused(0, &message), ErrorClass::InvalidSignedPreKeyId);
}

#[test]
fn a_last_resort_prekey_starts_no_second_session_from_one_message() {
    let mut pair = Pair::new(16);
    let bundle = pair.devices[1].bundle(false, true, &mut pair.rng);
    let peer = pair.devices[1].address.clone();
    pair.devices[0].start(&peer, bundle.clone(), now(), &mut pair.rng).unwrap();
    let message = pair.encrypt(0, b"first");
    pair.deliver(0, &message).unwrap();
    let sender = pair.devices[0].address.clone();
    pair.devices[1].delete_session(&sender);
    assert_eq!(pair.refused(0, &message), ErrorClass::InvalidMessage);
    // Another session from the same prekey is fine: its base key is new.
    pair.devices[0].start(&peer, bundle, now(), &mut pair.rng).unwrap();
    pair.exchange(0, b"again");
    assert_eq!(pair.devices[1].stores.seen.len(), 2);
}

#[test]
fn a_changed_identity_is_untrusted_in_both_directions() {
    let mut pair = Pair::established(17);
    let (alice, bob) = (pair.devices[0].address.clone(), pair.devices[1].address.clone());
    let other = IdentityKeyPair::generate(&mut pair.rng).identity_key();
    let message = pair.encrypt(0, b"kept");
    pair.devices[1].set_identity(&alice, Some(&other));
    assert_eq!(pair.refused(0, &message), ErrorClass::UntrustedIdentity);
    let before = pair.devices[1].stores.clone();
    let error = pair.devices[1].encrypt(&alice, b"no", now(), &mut pair.rng).unwrap_err();
    assert_eq!(error.class(), ErrorClass::UntrustedIdentity);
    let bundle = pair.devices[0].bundle(true, false, &mut pair.rng);
    let error = pair.devices[1].start(&alice, bundle, now(), &mut pair.rng).unwrap_err();
    assert!(matches!(error, StartError::UntrustedIdentity));
    assert!(pair.devices[1].stores == before);
    let right = pair.devices[0].identity.identity_key();
    pair.devices[1].set_identity(&alice, Some(&right));
    assert_eq!(pair.deliver(0, &message).unwrap(), b"kept");
    assert_ne!(alice, bob);
}

#[test]
fn a_known_session_under_another_identity_is_refused_before_anything_is_tried() {
    let mut pair = Pair::new(18);
    pair.start(0);
    let message = pair.encrypt(0, b"first");
    pair.deliver(0, &message).unwrap();
    let alice = pair.devices[0].address.clone();
    pair.devices[1].set_identity(&alice, None);
    let bytes = message.serialize();
    let ours = pair.devices[0].identity.identity_key().serialize();
    let at = bytes.windows(33).position(|window| window == ours).unwrap();
    let message = changed(&message, at + 5, 1).unwrap();
    assert_eq!(pair.refused(0, &message), ErrorClass::InvalidMessage);
}

#[test]
fn a_bundle_with_a_wrong_signature_or_device_starts_nothing() {
    let mut pair = Pair::new(19);
    let bundle = pair.devices[1].bundle(true, false, &mut pair.rng);
    let peer = pair.devices[1].address.clone();
    let mut start = |bundle| pair.devices[0].start(&peer, bundle, now(), &mut pair.rng).unwrap_err().class();
    let mut swapped = bundle.clone();
    std::mem::swap(&mut swapped.signed_signature, &mut swapped.kyber_signature);
    assert_eq!(start(swapped), ErrorClass::InvalidSignature);
    let mut short = bundle.clone();
    short.kyber_signature.pop();
    assert_eq!(start(short), ErrorClass::InvalidSignature);
    for device_id in [0, 128, 257] {
        assert_eq!(
            start(khaima_signal::PreKeyBundleIn { device_id, ..bundle.clone() }),
            ErrorClass::InvalidArgument
        );
    }
    assert!(bundle.verify().is_ok());
}

#[test]
fn a_bundle_with_a_low_order_key_is_no_agreement() {
    let mut pair = Pair::new(20);
    let mut bundle = pair.devices[1].bundle(true, false, &mut pair.rng);
    let peer = pair.devices[1].address.clone();
    let low_order = khaima_signal::PublicKey::from_bytes([0; 32]);
    let (id, _) = bundle.one_time.unwrap();
    bundle.one_time = Some((id, low_order));
    let error = pair.devices[0].start(&peer, bundle.clone(), now(), &mut pair.rng).unwrap_err();
    assert_eq!(error.class(), ErrorClass::InvalidKey);
    bundle.one_time = None;
    bundle.signed_key = low_order;
    let signed = pair.devices[1].identity.sign(&[&low_order.serialize()], &mut pair.rng);
    bundle.signed_signature = signed.as_bytes().to_vec();
    let error = pair.devices[0].start(&peer, bundle, now(), &mut pair.rng).unwrap_err();
    assert_eq!(error.class(), ErrorClass::InvalidKey);
    assert!(!pair.devices[0].has_session(&peer));
}

#[test]
fn without_a_session_nothing_is_sent_or_received() {
    let mut pair = Pair::established(21);
    let message = pair.encrypt(0, b"lost");
    let alice = pair.devices[0].address.clone();
    pair.devices[1].delete_session(&alice);
    assert_eq!(pair.refused(0, &message), ErrorClass::NoSession);
    let error = pair.devices[1].encrypt(&alice, b"no", now(), &mut pair.rng).unwrap_err();
    assert_eq!(error.class(), ErrorClass::NoSession);
}

#[test]
fn a_version_3_message_never_decrypts_in_a_version_4_session() {
    let mut pair = Pair::established(22);
    let message = pair.encrypt(0, b"old");
    let mut bytes = message.serialize().to_vec();
    bytes[0] = 0x34;
    let message = SignalMessage::decode(&bytes).unwrap();
    assert_eq!(pair.refused(0, &message.into()), ErrorClass::InvalidMessage);
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

#[test]
fn a_first_message_is_not_tried_on_sessions_it_does_not_name() {
    let mut pair = Pair::new(26);
    pair.start(0);
    pair.exchange(0, b"first");
    let of_old = pair.encrypt(0, b"old");
    pair.start(0);
    pair.exchange(0, b"second");
    let of_new = pair.encrypt(0, b"new");
    // The header of the new session around a message of the old one.
    let (old, new) = (of_old.signal_message().serialize(), of_new.signal_message().serialize());
    assert_eq!(old.len(), new.len());
    let mut bytes = of_new.serialize().to_vec();
    let at = bytes.windows(new.len()).position(|window| window == new).unwrap();
    bytes[at..at + old.len()].copy_from_slice(old);
    let mixed = CiphertextMessage::decode(MessageType::PreKey, &bytes).unwrap();
    assert_eq!(pair.refused(0, &mixed), ErrorClass::InvalidMessage);
    assert_eq!(pair.deliver(0, &inner(&of_old)).unwrap(), b"old");
}
