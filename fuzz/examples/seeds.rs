//! Writes `seeds/<target>/`: small inputs from which each target's search begins, the same each time this runs.
//!
//! Three kinds: honest bytes, as two people send and store them; recordings of the reference implementation
//! (`protocol/signal/tests/vectors`), also the malformed ones; and short stories for the targets whose input is a row of
//! decisions. `cargo xtask fuzz seeds` runs it.
//!
//! Not its concern: what the fuzzer finds later; that stays on the machine where it was found.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use khaima_fuzz::honest::{CERTIFICATE, CONTENT, EXCHANGE, NOW, PEOPLE, address, rng};
use khaima_fuzz::parts::join;
use khaima_signal::hazmat::spqr::{ChainParams, Direction, Spqr};
use khaima_signal::sealed_sender::v1;
use khaima_signal::sealed_sender::v2::{Destination, DestinationSession, seal};
use khaima_signal::{
    DecryptionErrorMessage, DistributionId, MessageType, PlaintextContent, RegistrationId, SenderKeyRecord,
    ServiceId,
};
use serde_json::Value;

/// Largest seed. Searches go better from small inputs.
const MAX_BYTES: usize = 4_000;
/// Seeds of one target from recordings, at most.
const MAX_RECORDED: usize = 12;

/// Seeds by target and name.
#[derive(Default)]
struct Seeds(BTreeMap<(String, String), Vec<u8>>);

impl Seeds {
    fn add(&mut self, target: &str, name: &str, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        assert!(bytes.len() <= MAX_BYTES, "{target}/{name} has {} bytes", bytes.len());
        self.0.insert((target.to_owned(), name.to_owned()), bytes.to_vec());
    }
}

fn main() {
    let mut seeds = Seeds::default();
    messages(&mut seeds);
    records(&mut seeds);
    sealed(&mut seeds);
    ratchet(&mut seeds);
    keys(&mut seeds);
    stories(&mut seeds);
    recorded(&mut seeds);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let _ = fs::remove_dir_all(&root);
    for ((target, name), bytes) in &seeds.0 {
        let directory = root.join(target);
        fs::create_dir_all(&directory).expect("seeds can be written");
        fs::write(directory.join(name), bytes).expect("seeds can be written");
    }
    let total: usize = seeds.0.values().map(Vec::len).sum();
    println!("{} seeds, {total} bytes", seeds.0.len());
}

fn messages(seeds: &mut Seeds) {
    let exchange = &*EXCHANGE;
    seeds.add("signal_message", "answer", exchange.answer.serialize());
    seeds.add("signal_message", "inner", exchange.first.signal_message().serialize());
    seeds.add("prekey_message", "first", exchange.first.serialize());
    for (name, kind, message) in
        [("answer", MessageType::Whisper, &exchange.answer), ("first", MessageType::PreKey, &exchange.first)]
    {
        let error = DecryptionErrorMessage::for_message(kind, message.serialize(), NOW, 1);
        let error = error.expect("a message of a session");
        seeds.add("decryption_error", name, error.encode());
        seeds.add("plaintext_content", name, PlaintextContent::from(&error).serialize());
    }
    seeds.add("decryption_error", "about", exchange.answer.serialize());

    let id = DistributionId::from_bytes([7; 16]);
    let own = SenderKeyRecord::generate(&mut rng(1));
    let distribution = own.distribution_message(id).expect("one's own key");
    let sent = own.encrypt(id, b"noon, by the bridge", &mut rng(2)).expect("one's own key");
    seeds.add("distribution_message", "first", distribution.serialize());
    seeds.add("sender_key_message", "first", sent.message.serialize());
}

fn records(seeds: &mut Seeds) {
    let exchange = &*EXCHANGE;
    let [alice, bob] = &exchange.devices;
    seeds.add("session_record", "alice", join(&alice.record.to_parts()));
    seeds.add("session_record", "archived", join(&alice.record.archive().to_parts()));
    let mut bob = bob.clone();
    let mut alice = alice.clone();
    // A page of skipped keys in both ratchets.
    let last = (0..4).map(|_| alice.encrypt(&bob.address, b"", NOW, &mut rng(3)).expect("a session")).last();
    bob.decrypt(&alice.address, &last.expect("four messages"), &mut rng(4)).expect("an honest message");
    seeds.add("session_record", "skipped", join(&bob.record.to_parts()));

    let id = DistributionId::from_bytes([7; 16]);
    let own = SenderKeyRecord::generate(&mut rng(5));
    seeds.add("sender_key_record", "own", join(&own.to_parts()));
    let mut theirs = SenderKeyRecord::empty();
    let mut next = own;
    for distance in [0_u64, 3, 1] {
        let given = next.distribution_message(id).expect("one's own key");
        theirs = theirs.process(&given).record;
        let mut sent = next.encrypt(id, b"", &mut rng(6)).expect("one's own key");
        for _ in 0..distance {
            sent = sent.record.encrypt(id, b"", &mut rng(7)).expect("one's own key");
        }
        theirs = theirs.decrypt(&sent.message).expect("an honest message").record;
        next = SenderKeyRecord::generate(&mut rng(8 + distance));
    }
    seeds.add("sender_key_record", "theirs", join(&theirs.to_parts()));
}

fn sealed(seeds: &mut Seeds) {
    let (alice, bob) = (&PEOPLE[0].device, &PEOPLE[1].device);
    let server = CERTIFICATE.server_certificate().expect("it is embedded");
    seeds.add("server_certificate", "honest", server.encode());
    seeds.add("sender_certificate", "honest", CERTIFICATE.encode());
    let mut short = CONTENT.clone();
    short.message_type = MessageType::Whisper;
    short.content = EXCHANGE.answer.serialize().to_vec();
    seeds.add("sealed_content", "prekey", CONTENT.encode());
    seeds.add("sealed_content", "padded", short.encode_padded(1_000).expect("there is room"));
    let v1 = v1::seal(&short.encode(), &alice.identity, &bob.identity_key(), &mut rng(9)).expect("honest");
    seeds.add("sealed_envelope", "v1", [&[0], &v1[..]].concat());
    seeds.add("sealed_envelope", "inside_v1", [&[1], &short.encode()[..]].concat());
    seeds.add("sealed_envelope", "inside_v2", [&[2], &short.encode()[..]].concat());

    let addresses = [address(1, 1), address(1, 2), address(0, 1)];
    let identities = [bob.identity_key(), bob.identity_key(), alice.identity_key()];
    let session = DestinationSession::Current(RegistrationId::new(0x3FFF));
    let destinations: Vec<_> = addresses
        .iter()
        .zip(identities)
        .map(|(address, identity)| Destination { address, identity: Some(identity), session })
        .collect();
    let excluded = [ServiceId::pni([3; 16])];
    let sent =
        seal(&short.encode(), &alice.identity, &destinations, &excluded, &mut rng(10)).expect("honest");
    seeds.add("sent_message", "three", &sent);
    let split = khaima_signal::sealed_sender::v2::split(&sent).expect("it was just made");
    let received = split.received(&split.recipients()[0]);
    seeds.add("sealed_envelope", "v2", [&[0], &received[..]].concat());
    for (name, input) in [
        ("untouched", &[0, 0, 0][..]),
        ("bit_of_the_sent", &[1, 0, 0, 30, 1, 3, 0, 0]),
        ("bit_of_the_received", &[0, 1, 0, 0, 90, 1, 3, 1, 0, 1, 0, 1, 2]),
        ("recipient_twice", &[1, 0, 0, 2, 36, 4, 68, 0, 70]),
    ] {
        seeds.add("sealed_sender_v2", name, input);
    }
}

fn ratchet(seeds: &mut Seeds) {
    let rng = &mut rng(11);
    let mut sides = [Direction::A2B, Direction::B2A]
        .map(|direction| Spqr::new(direction, 1, 0, &[0x29; 32], ChainParams::default()));
    seeds.add("spqr_state", "a_01", sides[0].encode());
    let mut seen = [false; 7];
    for turn in 0..300_usize {
        let sent = sides[turn % 2].send(rng).expect("an honest side can send");
        sides[turn % 2] = sent.state;
        let kind = usize::from(sent.message[3.min(sent.message.len() - 1)]) % 7;
        if !std::mem::replace(&mut seen[kind], true) {
            seeds.add("spqr_message", &format!("turn_{turn:03}"), &sent.message);
            let length = u16::try_from(sent.message.len()).expect("short").to_be_bytes();
            let heard = [&[0, 0, 0, 0][..], &length, &sent.message].concat();
            seeds.add("spqr_receive", &format!("turn_{turn:03}"), heard);
        }
        // One in nine is lost, so that there are skipped keys.
        if turn % 9 != 4 {
            let received = sides[1 - turn % 2].recv(&sent.message).expect("an honest message");
            sides[1 - turn % 2] = received.state;
        }
        let code = sides[turn % 2].state_code();
        let name = format!("state_{code:02}");
        if !seeds.0.contains_key(&("spqr_state".to_owned(), name.clone())) {
            seeds.add("spqr_state", &name, sides[turn % 2].encode());
        }
    }
    // At a moment of a conversation: honest messages, then an epoch ahead, then an index ahead, then a made-up chunk.
    for (name, moment) in [("early", 5_u16), ("middle", 130), ("late", 333)] {
        let story =
            [&moment.to_be_bytes()[..], &[1, 170, 60, 1, 170, 60, 2, 1, 0, 60, 4, 0, 3, 250, 220, 170]];
        seeds.add("spqr_receive", name, story.concat());
    }
}

fn keys(seeds: &mut Seeds) {
    let bob = &PEOPLE[1].device;
    let kyber = &bob.prekeys.kyber[&0].prekey;
    let made = kyber.key_pair.public().encapsulate(&mut rng(12));
    seeds.add("keys", "public", [&[0], &bob.identity_key().serialize()[..]].concat());
    seeds.add("keys", "identity", [&[1], &bob.identity_key().serialize()[..]].concat());
    seeds.add("keys", "private", [2; 33]);
    seeds.add("keys", "kem_public", [&[3], &kyber.key_pair.public().serialize()[..]].concat());
    seeds.add("keys", "kem_secret", [&[4], &kyber.key_pair.secret().serialize().expose()[..]].concat());
    seeds.add("keys", "kem_ciphertext", [&[4], &made.ciphertext.serialize()[..]].concat());
    seeds.add("stored_prekeys", "one_time", &*bob.prekeys.one_time[&0].encode());
    seeds.add("stored_prekeys", "signed", &*bob.prekeys.signed[&0].encode());
    let stored = kyber.encode();
    // The whole is larger than a seed should be; what follows its public key is made up by the fuzzer.
    seeds.add("stored_prekeys", "kyber_cut", &stored[..1_600]);
    seeds.add("addresses", "text", address(1, 1).name());
    seeds.add("addresses", "pni", format!("PNI:{}", address(1, 1).name()));
    seeds.add("addresses", "fixed", ServiceId::pni([7; 16]).to_fixed_width());
    seeds.add("addresses", "binary", [7; 16]);
    seeds.add("addresses", "device", [0, 0, 0, 127]);
}

/// Rows of decisions, written out: see `parties.rs`, `group.rs`, `ratchet.rs` and `start.rs` for what each byte means.
fn stories(seeds: &mut Seeds) {
    let (start, send, deliver, again, change) = (0, 4, 50, 90, 106);
    let (archive, restart, later, other) = (118, 121, 127, 128);
    let two_parties: [(&str, Vec<u8>); 5] = [
        ("talk", [start, send, 5, other + deliver, 0, other + send, 5, deliver, 0].repeat(6)),
        ("both_start", vec![start, other + start, send, 1, other + send, 1, deliver, 0, other + deliver, 0]),
        (
            "late_and_twice",
            vec![
                start,
                send,
                1,
                send,
                2,
                send,
                3,
                other + again,
                130,
                other + deliver,
                130,
                other + deliver,
                0,
                other + deliver,
                0,
                other + restart,
                other + send,
                1,
                again,
                0,
                deliver,
                0,
            ],
        ),
        (
            "changed",
            vec![
                start,
                send,
                1,
                other + change,
                0,
                0,
                40,
                1,
                other + change,
                0,
                0,
                1,
                8,
                other + deliver,
                0,
                other + send,
                1,
                change,
                0,
                0,
                9,
                1,
                deliver,
                0,
            ],
        ),
        (
            "reset",
            vec![
                start,
                send,
                1,
                other + deliver,
                0,
                archive,
                restart,
                start,
                send,
                1,
                other + send,
                1,
                other + deliver,
                0,
                deliver,
                0,
                later,
                start,
                later,
                send,
                1,
                restart,
            ],
        ),
    ];
    for (name, story) in two_parties {
        seeds.add("two_parties", name, story);
    }

    let (rotate, hand_out, take, claim, write, read, forge) = (0, 10, 25, 70, 77, 130, 210);
    let group: [(&str, Vec<u8>); 4] = [
        ("talk", vec![take, 1, 2, write, 0, 5, read, 1, 0, write, 0, 5, write, 0, 5, read, 1, 0, read, 1, 1]),
        (
            "late_key",
            vec![write, 1, 3, read, 2, 0, hand_out, 1, take, 2, 0, write, 1, 3, read, 2, 0, read, 2, 1],
        ),
        (
            "rotated",
            [take, 1, 2, write, 0, 5, rotate, 0, take, 1, 0, write, 0, 5, read, 1, 1, read, 1, 0, 240, 1]
                .repeat(6),
        ),
        (
            "claimed",
            vec![
                take, 1, 2, write, 0, 5, claim, 1, 2, read, 1, 0, forge, 1, 0, take, 1, 2, 217, 1, 0, 0, 30,
                1,
            ],
        ),
    ];
    for (name, story) in group {
        seeds.add("group", name, story);
    }

    for (name, story) in [
        ("late_and_twice", vec![2, 2, 0, 0, 9, 128 + 41, 0, 9, 128 + 100, 128 + 40, 0, 120]),
        ("both_on", [&[2, 2, 0][..], &[0, 39, 128 + 40, 39, 128, 39, 40, 39, 120].repeat(12)].concat()),
        ("one_off", [&[1, 0, 0][..], &[0, 3, 128 + 40, 3, 128, 3, 40, 3].repeat(3)].concat()),
        (
            "limits",
            [&[2, 1, 2][..], &[0, 30, 128 + 41, 9, 7, 128 + 41, 9, 128 + 100, 128 + 108].repeat(6)].concat(),
        ),
    ] {
        seeds.add("negotiation", name, story);
    }
    for (name, story) in [
        ("honest_keys", vec![1, 0, 0, 0, 0, 0, 0]),
        ("late_acknowledgement", vec![1, 0, 1, 0, 0xFF, 0xF0, 39]),
        ("damaged_key", vec![1, 1, 0, 0, 7, 1, 0, 0, 0, 0, 20]),
        ("key_and_hash", vec![1, 3, 0, 0, 7, 1, 0, 0, 0, 0, 20]),
        ("damaged_header", vec![1, 4, 0, 40, 1, 0, 0, 0, 0, 20]),
        ("honest_ciphertext", vec![0, 0, 0, 0, 0, 0]),
        ("damaged_first", vec![0, 1, 0, 0, 9, 1, 0, 40, 0, 9]),
        ("damaged_second", vec![0, 2, 0, 40, 0, 9, 1, 0, 3]),
    ] {
        seeds.add("spqr_dishonest", name, story);
    }
    for (name, story) in [
        ("honest", vec![0, 0, 0, 0, 0]),
        ("last_resort", vec![4, 0, 0, 0, 0]),
        ("other_one_time", vec![0, 0, 0b1100, 2, 3, 0, 0, 1, 1, 0, 0]),
        ("other_signed", vec![0, 0, 0b10_0000, 1, 0]),
        ("bit_of_a_signature", vec![1, 0, 0b1000_0000, 1, 0, 0, 5, 1, 2, 0]),
        ("bit_of_the_message", vec![1, 0, 0, 0, 1, 0, 0, 2, 1, 1]),
    ] {
        seeds.add("session_start", name, story);
    }
}

/// From the recordings: the first of each kind, honest and malformed alike.
fn recorded(seeds: &mut Seeds) {
    let mut recorded = Recorded { seeds, counts: BTreeMap::new() };
    for case in vectors("messages.json")["cases"].as_array().expect("a list") {
        let target = match case["kind"].as_str().expect("a word") {
            "signal_message" => "signal_message",
            "prekey_signal_message" => "prekey_message",
            "sender_key_message" => "sender_key_message",
            "sender_key_distribution_message" => "distribution_message",
            "plaintext_content" => "plaintext_content",
            "decryption_error_message" => "decryption_error",
            "decryption_error_body" => {
                recorded.add("plaintext_content", &[0xC0], &case["bytes"]);
                continue;
            }
            other => panic!("a recorded kind that no target reads: {other}"),
        };
        recorded.add(target, &[], &case["bytes"]);
    }
    let certificates = vectors("certificates.json");
    for case in certificates["sender_certificates"].as_array().expect("a list") {
        recorded.add("sender_certificate", &[], &case["certificate"]);
    }
    for case in certificates["server_certificates"].as_array().expect("a list") {
        recorded.add("server_certificate", &[], &case["certificate"]);
    }
    let sealed = vectors("sealed_sender.json");
    for case in sealed["open"].as_array().expect("a list") {
        recorded.add("sealed_envelope", &[0], &case["message"]);
    }
    for case in sealed["sent"].as_array().expect("a list") {
        recorded.add("sent_message", &[], &case["message"]);
    }
    for case in vectors("fingerprint.json")["comparisons"].as_array().expect("a list") {
        recorded.add("safety_number", &[], &case["theirs"]);
    }
    for case in vectors("curve.json")["public_keys"].as_array().expect("a list") {
        recorded.add("keys", &[0], &case["input"]);
    }
    for case in vectors("address.json")["service_id_strings"].as_array().expect("a list") {
        let text = case["input"].as_str().expect("a text");
        recorded.add_bytes("addresses", text.as_bytes().to_vec());
    }
}

struct Recorded<'a> {
    seeds: &'a mut Seeds,
    counts: BTreeMap<String, usize>,
}

impl Recorded<'_> {
    fn add(&mut self, target: &str, before: &[u8], hexadecimal: &Value) {
        let bytes = hex::decode(hexadecimal.as_str().expect("a text")).expect("hexadecimal");
        self.add_bytes(target, [before, &bytes].concat());
    }

    fn add_bytes(&mut self, target: &str, bytes: Vec<u8>) {
        let count = self.counts.entry(target.to_owned()).or_default();
        if bytes.len() <= MAX_BYTES && *count < MAX_RECORDED {
            self.seeds.add(target, &format!("recorded_{count:02}"), bytes);
            *count += 1;
        }
    }
}

fn vectors(name: &str) -> Value {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/signal/tests/vectors");
    let text = fs::read_to_string(directory.join(name)).expect("the recordings are there");
    serde_json::from_str(&text).expect("recordings are JSON")
}
