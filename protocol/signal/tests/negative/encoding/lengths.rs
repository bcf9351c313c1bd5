//! 72 to 74: nesting, lengths, long numbers and short messages.

use khaima_signal::sealed_sender::{SealedContent, SenderCertificate, ServerCertificate, open, v2};
use khaima_signal::{
    DecryptionErrorMessage, KemCiphertext, KemPublicKey, KeyError, MessageError, PlaintextContent,
    PreKeySignalMessage, PublicKey, SenderKeyDistributionMessage, SenderKeyMessage, ServiceId, SignalMessage,
};

use crate::crafted::{Insider, fields_of};
use crate::decoders::{self, Field, in_bytes, shortest};
use crate::world::{ALICE, BOB, World};

#[test]
fn n72_groups_nested_more_than_a_hundred_deep() {
    let nested = |depth: usize, inner: &[u8]| {
        let (start, end) = (shortest(500 << 3 | 3), shortest(500 << 3 | 4));
        [start.repeat(depth).as_slice(), inner, &end.repeat(depth)].concat()
    };
    for decoder in decoders::all() {
        let with = |group: &[u8]| decoder.read(&decoder.with(&[group, decoder.protobuf()].concat()));
        assert_eq!(with(&nested(100, &[])), Ok(()), "{}", decoder.name);
        for deep in [nested(100, &[0x20, 0]), nested(101, &[]), nested(100_000, &[])] {
            assert_eq!(with(&deep), Err(decoder.malformed), "{}", decoder.name);
        }
        let unended = shortest(500 << 3 | 3).repeat(100_000);
        assert_eq!(with(&unended), Err(decoder.malformed), "{}", decoder.name);
    }
}

#[test]
fn n72_lengths_beyond_the_input() {
    for decoder in decoders::all() {
        let fields = decoders::fields(decoder.protobuf());
        let far = [1 << 31, u64::from(u32::MAX), 1 << 32, 1 << 62, u64::MAX];
        for length in far.into_iter().chain([decoder.valid.len() as u64]) {
            for (at, (key, field)) in fields.iter().enumerate() {
                let Field::Bytes(bytes) = field else { continue };
                let before = decoders::write(&fields[..at], shortest);
                let lying = [before, shortest(*key), shortest(length), bytes.clone()].concat();
                assert_eq!(decoder.read(&decoder.with(&lying)), Err(decoder.malformed), "{}", decoder.name);
            }
            let unknown = [shortest(500 << 3 | 2), shortest(length)].concat();
            let lying = [decoder.protobuf(), &unknown].concat();
            assert_eq!(decoder.read(&decoder.with(&lying)), Err(decoder.malformed), "{}", decoder.name);
        }
    }
}

/// How large an envelope may be is decided by who carries it.
#[test]
fn n72_must_not_refuse_a_megabyte() {
    let mut world = World::established(72_01);
    let text = vec![7; 1 << 20];
    world.exchange(ALICE, BOB, &text);
    let handed_out = world.hand_out(ALICE);
    let _ = world.process(ALICE, BOB, &handed_out);
    let message = world.group_encrypt(ALICE, &text);
    assert_eq!(world.group_receive(ALICE, BOB, message.serialize()).unwrap(), text);
}

#[test]
fn n73_must_not_refuse_numbers_written_longer_than_needed() {
    for decoder in decoders::all() {
        let fields = decoders::fields(decoder.protobuf());
        for length in 1..=10 {
            let longer = decoders::write(&fields, |number| in_bytes(number, length));
            assert_eq!(decoder.read(&decoder.with(&longer)), Ok(()), "{}: {length} bytes", decoder.name);
        }
        let too_long = decoders::write(&fields, |number| in_bytes(number, 11));
        assert_eq!(decoder.read(&decoder.with(&too_long)), Err(decoder.malformed), "{}", decoder.name);
    }
}

#[test]
fn n73_numbers_written_longer_than_needed_under_a_mac() {
    let mut world = World::established(73_01);
    for length in [2, 3, 5, 10] {
        let insider = Insider::of(&world.people[ALICE].device, &world.address(BOB));
        let honest = world.encrypt(ALICE, BOB, b"honest");
        let crafted = insider.rewritten(&honest, b"longer", |protobuf| {
            decoders::write(&decoders::fields(&protobuf), |number| in_bytes(number, length))
        });
        assert_eq!(fields_of(&crafted).counter, fields_of(&honest).counter);
        assert_eq!(world.deliver(ALICE, BOB, &crafted), b"longer");
    }
}

#[test]
fn n74_messages_of_0_1_and_9_bytes() {
    use MessageError::{CiphertextMessageTooShort, InvalidProtobufEncoding, UnrecognizedMessageVersion};
    let nine = |first: u8| [&[first], [0; 8].as_slice()].concat();
    let signal = |bytes: &[u8]| SignalMessage::decode(bytes).unwrap_err();
    assert_eq!(signal(&[]), CiphertextMessageTooShort(0));
    assert_eq!(signal(&[0x44]), CiphertextMessageTooShort(1));
    assert_eq!(signal(&nine(0x44)[..8]), CiphertextMessageTooShort(8));
    assert_eq!(signal(&nine(0x44)), InvalidProtobufEncoding);
    let first = |bytes: &[u8]| PreKeySignalMessage::decode(bytes).unwrap_err();
    assert_eq!(first(&[]), CiphertextMessageTooShort(0));
    assert_eq!(first(&[0x44]), InvalidProtobufEncoding);
    assert_eq!(first(&nine(0x44)), InvalidProtobufEncoding);
    for bytes in [vec![], vec![0x33], nine(0x33), vec![0x33; 64]] {
        let too_short = CiphertextMessageTooShort(bytes.len());
        assert_eq!(SenderKeyMessage::decode(&bytes).unwrap_err(), too_short);
        assert_eq!(SenderKeyDistributionMessage::decode(&bytes).unwrap_err(), too_short);
    }
    let plaintext = |bytes: &[u8]| PlaintextContent::decode(bytes);
    assert_eq!(plaintext(&[]).unwrap_err(), CiphertextMessageTooShort(0));
    assert_eq!(plaintext(&[0x80]).unwrap_err(), UnrecognizedMessageVersion(0x80));
    assert_eq!(plaintext(&nine(0x44)).unwrap_err(), UnrecognizedMessageVersion(0x44));
    let body = plaintext(&[0xC0]).unwrap().body().to_vec();
    assert_eq!(DecryptionErrorMessage::from_body(&body).unwrap_err(), InvalidProtobufEncoding);
    assert_eq!(DecryptionErrorMessage::decode(&[]).unwrap_err(), InvalidProtobufEncoding);
    assert_eq!(PublicKey::deserialize(&[]).unwrap_err(), KeyError::NoKeyTypeIdentifier);
    assert_eq!(KemPublicKey::deserialize(&[]).unwrap_err(), KeyError::NoKeyTypeIdentifier);
    assert_eq!(KemCiphertext::deserialize(&[]).unwrap_err(), KeyError::NoKeyTypeIdentifier);
}

#[test]
fn n74_any_single_byte_and_nine_of_it_are_refused_everywhere() {
    let bob = World::new(74_01).people[BOB].device.identity.clone();
    for byte in 0..=u8::MAX {
        for length in [1, 9] {
            let bytes = vec![byte; length];
            assert!(SignalMessage::decode(&bytes).is_err());
            assert!(PreKeySignalMessage::decode(&bytes).is_err());
            assert!(SenderKeyMessage::decode(&bytes).is_err());
            assert!(SenderKeyDistributionMessage::decode(&bytes).is_err());
            assert!(DecryptionErrorMessage::decode(&bytes).is_err());
            assert!(DecryptionErrorMessage::from_body(&bytes).is_err());
            assert!(ServerCertificate::decode(&bytes).is_err());
            assert!(SenderCertificate::decode(&bytes).is_err());
            assert!(SealedContent::decode(&bytes).is_err());
            assert!(open(&bytes, &bob).is_err());
            assert!(v2::split(&bytes).is_err());
            assert!(PublicKey::deserialize(&bytes).is_err());
            assert!(KemPublicKey::deserialize(&bytes).is_err());
            assert!(ServiceId::from_binary(&bytes).is_err());
        }
    }
}
