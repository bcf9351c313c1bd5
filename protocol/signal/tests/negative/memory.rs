//! 72: how much memory a decoder takes. Never what a length says, only what is there.

use khaima_signal::hazmat::spqr;
use khaima_signal::sealed_sender::v2;
use khaima_signal::{KyberPreKey, OneTimePreKey, RecordPart, SenderKeyRecord, SessionRecord, SignedPreKey};

use crate::common;
use crate::decoders::{self, Decoder, Field, shortest};
use crate::world::{ALICE, BOB, GROUP, World};

/// What a decoder may take however small its input is: keys it derives, and the least a vector takes.
const CONSTANT: u64 = 2_048;
/// Large enough that the constant does not matter.
const LARGE: usize = 1 << 20;

/// The most memory held at one time while bytes are read.
fn peak(read: impl FnOnce()) -> u64 {
    allocation_counter::measure(read).bytes_max
}

fn within(name: &str, input: usize, factor: u64, read: impl FnOnce()) {
    let (taken, allowed) = (peak(read), factor * input as u64 + CONSTANT);
    println!("{name}: {taken} bytes for {input}");
    assert!(taken <= allowed, "{name}: {taken} bytes for an input of {input}");
}

/// Lengths that nothing follows.
fn lies() -> impl Iterator<Item = Vec<u8>> {
    [1 << 20, (1 << 31) - 1, 1 << 31, u64::from(u32::MAX), 1 << 32, 1 << 62, u64::MAX]
        .into_iter()
        .map(shortest)
}

fn refused_within(decoder: &Decoder, protobuf: &[u8]) {
    let bytes = decoder.with(protobuf);
    within(decoder.name, bytes.len(), 2, || {
        assert!(decoder.read(&bytes).is_err(), "{}", decoder.name);
    });
}

#[test]
fn n72_a_length_beyond_the_input_takes_no_memory() {
    for decoder in decoders::all() {
        let fields = decoders::fields(decoder.protobuf());
        for lie in lies() {
            for (at, (key, field)) in fields.iter().enumerate() {
                if let Field::Bytes(bytes) = field {
                    let before = decoders::write(&fields[..at], shortest);
                    refused_within(&decoder, &[before, shortest(*key), lie.clone(), bytes.clone()].concat());
                }
            }
            refused_within(&decoder, &[decoder.protobuf(), &shortest(500 << 3 | 2), &lie].concat());
        }
    }
}

#[test]
fn n72_a_large_message_that_is_refused_takes_twice_its_size_at_most() {
    for decoder in decoders::all() {
        let fields = decoders::fields(decoder.protobuf());
        for (at, (key, field)) in fields.iter().enumerate() {
            let Field::Bytes(_) = field else { continue };
            // One large field, repeated, and then the end is missing.
            let large = decoders::write(&[(*key, Field::Bytes(vec![7; LARGE]))], shortest);
            let before = decoders::write(&fields[..at], shortest);
            refused_within(&decoder, &[before.as_slice(), &large, &[0x0F]].concat());
            refused_within(&decoder, &[before.as_slice(), &large, &large, &large[..LARGE]].concat());
        }
        let groups = shortest(500 << 3 | 3).repeat(LARGE / 2);
        refused_within(&decoder, &[decoder.protobuf(), &groups].concat());
    }
}

/// Large messages are read; what that takes grows with them and no faster.
#[test]
fn n72_a_message_that_is_read_takes_a_few_times_its_size() {
    for decoder in decoders::all() {
        for size in [0, LARGE / 16, LARGE] {
            let unknown = decoders::write(&[(500 << 3 | 2, Field::Bytes(vec![7; size]))], shortest);
            let bytes = decoder.with(&[decoder.protobuf(), &unknown].concat());
            within(decoder.name, bytes.len(), 6, || {
                assert_eq!(decoder.read(&bytes), Ok(()), "{}", decoder.name)
            });
        }
    }
}

/// A message to many is taken apart without a look at its count. What is kept of an excluded recipient is larger than its 18
/// bytes, and by a fixed factor.
#[test]
fn n72_a_count_of_recipients_takes_no_memory() {
    let entry = |number: u32, rest: &[u8]| {
        let id = [&[0; 13], number.to_be_bytes().as_slice()].concat();
        [id.as_slice(), rest].concat()
    };
    let excluded: Vec<u8> = (0..50_000).flat_map(|number| entry(number, &[0])).collect();
    let share = [&[1, 0, 7], [9; 48].as_slice()].concat();
    let included: Vec<u8> = (0..15_000).flat_map(|number| entry(number, &share)).collect();
    let devices = [&[1; 17], [2, 0x80, 7].repeat(300_000).as_slice()].concat();
    for version in [0x22, 0x23] {
        for count in lies() {
            for (name, factor, entries) in [
                ("nothing", 2, &[][..]),
                ("excluded", 12, &excluded),
                ("included", 4, &included),
                ("devices", 8, &devices),
            ] {
                let sent = [&[version], count.as_slice(), entries].concat();
                within(name, sent.len(), factor, || assert!(v2::split(&sent).is_err()));
            }
        }
    }
}

#[test]
fn n72_the_post_quantum_part_takes_no_memory() {
    let params = spqr::ChainParams::default();
    let state = spqr::Spqr::new(spqr::Direction::B2A, 1, 1, &[7; 32], params);
    for bytes in [
        vec![1; LARGE],
        [&[1], [0xFF; LARGE].as_slice()].concat(),
        [&[1, 1, 0xFF], vec![0xFF; LARGE].as_slice()].concat(),
    ] {
        within("ratchet message", 0, 0, || _ = spqr::Message::decode(&bytes));
        within("ratchet", 0, 8, || drop(state.recv(&bytes)));
    }
}

/// Our own stores can be damaged too.
#[test]
fn n72_stored_records_with_false_lengths_take_what_is_there() {
    let mut world = World::established(72_11);
    let handed_out = world.hand_out(ALICE);
    let _ = world.process(ALICE, BOB, &handed_out);
    let bob = &world.people[BOB];
    let sessions = bob.device.stores.sessions.values().next().unwrap();
    let groups = bob.sender_keys.parts(&world.address(ALICE), GROUP).unwrap();
    let read_session: fn(Vec<RecordPart>) = |parts| drop(SessionRecord::from_parts(parts));
    let read_sender_key: fn(Vec<RecordPart>) = |parts| drop(SenderKeyRecord::from_parts(parts));
    let reads = [("session record", sessions, read_session), ("sender key record", groups, read_sender_key)];
    for (name, parts, read) in reads {
        let size: usize = parts.iter().map(|(name, bytes)| name.len() + bytes.len()).sum();
        for (part, bytes) in parts {
            for at in 0..bytes.len() {
                let mut damaged = parts.clone();
                let bytes = damaged.get_mut(part).unwrap();
                bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xFF);
                let damaged = common::record_parts(&damaged);
                let taken = peak(|| read(damaged));
                assert!(taken <= 4 * size as u64 + 16_384, "{name}, byte {at}: {taken} bytes for {size}");
            }
        }
    }
    let stores = &bob.device.stores;
    for bytes in stores.signed.values().chain(stores.kyber.values().map(|(_, bytes)| bytes)) {
        for length in 0..bytes.len() {
            let cut = &bytes[..length];
            within("prekey", length, 4, || {
                let _ = (OneTimePreKey::decode(cut), SignedPreKey::decode(cut), KyberPreKey::decode(cut));
            });
        }
    }
}
