//! 70 to 76: encodings. What the decoders accept, what they refuse, and that padding is none of their business.

use khaima_signal::sealed_sender::{
    CertificateError, ContentHint, SealedContent, SenderCertificate, SenderClaims, ServerCertificate, open,
    v1, v2,
};
use khaima_signal::{
    DecryptionErrorMessage, ErrorClass, KemCiphertext, KemPublicKey, KeyError, LocalIdentity as _,
    MessageError, MessageType, PlaintextContent, PreKeySignalMessage, PublicKey,
    SenderKeyDistributionMessage, SenderKeyMessage, ServiceId, SignalMessage,
};
use proptest::prelude::*;
use prost::Message as _;

use crate::by_hand::Inner;
use crate::certificates::{Authority, Claims};
use crate::crafted::{Insider, fields_of};
use crate::decoders::{self, Field, in_bytes, shortest};
use crate::forge;
use crate::world::{ALICE, BOB, CAROL, GROUP, NAMES, World, now};

/// One unknown field of each wire type, of numbers that no structure of the protocol has.
fn unknown_fields() -> Vec<Vec<u8>> {
    let key = |wire_type: u64| shortest(500 << 3 | wire_type);
    vec![
        [key(0), vec![0x7F]].concat(),
        [key(1), vec![0xAA; 8]].concat(),
        [key(2), vec![4], b"MARK".to_vec()].concat(),
        [key(3), vec![0x08, 1], key(4)].concat(),
        [key(5), vec![0xAA; 4]].concat(),
        [shortest(u64::from(u32::MAX) & !7), vec![1]].concat(),
    ]
}

/// What [`unknown_fields`] has that could be found again.
fn holds_mark(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|window| window == b"MARK")
}

fn marked(protobuf: &[u8]) -> Vec<u8> {
    [&unknown_fields().concat(), protobuf, &unknown_fields().concat()].concat()
}

#[test]
fn n70_must_not_refuse_unknown_fields_anywhere() {
    for decoder in decoders::all() {
        assert_eq!(decoder.read(&decoder.valid), Ok(()), "{}", decoder.name);
        for unknown in unknown_fields() {
            let protobuf = decoder.protobuf();
            for changed in [[&unknown, protobuf].concat(), [protobuf, &unknown].concat()] {
                assert_eq!(decoder.read(&decoder.with(&changed)), Ok(()), "{}: {unknown:02x?}", decoder.name);
            }
        }
    }
}

#[test]
fn n70_unknown_fields_under_a_mac_are_read_and_not_written_into_the_answer() {
    let mut world = World::established(70_01);
    let insider = Insider::of(&world.people[ALICE].device, &world.address(BOB));
    let honest = world.encrypt(ALICE, BOB, b"honest");
    let crafted = insider.rewritten(&honest, b"marked", |protobuf| marked(&protobuf));
    assert!(holds_mark(crafted.serialize()));
    assert_eq!(world.deliver(ALICE, BOB, &crafted), b"marked");
    assert!(!holds_mark(world.encrypt(BOB, ALICE, b"answer").serialize()));
}

#[test]
fn n70_unknown_fields_under_a_signature_are_read_and_not_written_into_what_is_signed_next() {
    let mut world = World::new(70_02);
    let handed_out = world.hand_out(ALICE);
    let bytes = handed_out.serialize();
    let distribution =
        SenderKeyDistributionMessage::decode(&[&bytes[..1], &marked(&bytes[1..])].concat()).unwrap();
    let _ = world.process(ALICE, BOB, &distribution);
    let key = world.people[ALICE].sender_keys.parts(&world.address(ALICE), GROUP).unwrap().clone();
    let signing_key = forge::OwnChain::of(&crate::common::sender_keys::read(&key)).signing_key();
    let message = world.group_encrypt(ALICE, b"text");
    let bytes = message.serialize();
    let contents = [&bytes[..1], &marked(&bytes[1..bytes.len() - 64])].concat();
    let message = forge::signed(contents, &signing_key, &mut world.rng);
    assert!(holds_mark(message.serialize()));
    assert_eq!(world.group_receive(ALICE, BOB, message.serialize()).unwrap(), b"text");
    // What Bob has of Alice's key, handed on, and what Alice writes next.
    let parts = world.people[BOB].sender_keys.parts(&world.address(ALICE), GROUP).unwrap();
    let record = crate::common::sender_keys::read(parts);
    assert!(!holds_mark(record.distribution_message(GROUP).unwrap().serialize()));
    assert!(!parts.values().any(|part| holds_mark(part)));
    assert!(!holds_mark(world.group_encrypt(ALICE, b"text").serialize()));
}

/// A certificate is passed on as it came, because its signature covers all of it; a new one made from what it says has no more
/// than that.
#[test]
fn n70_unknown_fields_of_a_certificate_stay_in_it_and_go_nowhere_else() {
    let mut world = World::new(70_03);
    let authority = Authority::new(&mut world.rng);
    let claims = authority.claims(&world.people[ALICE].device).encode_to_vec();
    let bytes = authority.signed(&marked(&claims), &mut world.rng);
    let certificate = SenderCertificate::decode(&bytes).unwrap();
    assert!(certificate.validate(&authority.roots(), now()).unwrap().is_some(), "the signature covers them");
    assert_eq!(certificate.encode(), bytes);
    let SenderClaims { uuid, e164, device, expires, identity_key } = certificate.claims().clone();
    let claims = SenderClaims { uuid, e164, device, expires, identity_key };
    let server = certificate.server_certificate().unwrap();
    let again = SenderCertificate::issue(claims, server, authority.server_key.private(), &mut world.rng);
    assert!(!holds_mark(again.encode()));
    // Without its unknown fields the certificate is another one, and not signed.
    let mut stripped = crate::certificates::Signed::decode(bytes.as_slice()).unwrap();
    let claims = Claims::decode(stripped.certificate.unwrap().as_slice()).unwrap();
    stripped.certificate = Some(claims.encode_to_vec());
    let stripped = SenderCertificate::decode(&stripped.encode_to_vec()).unwrap();
    assert_eq!(stripped.validate(&authority.roots(), now()), Ok(None));
}

/// Fields of a SignalMessage, each valid on its own, in any order and number.
fn signal_fields() -> impl Strategy<Value = Vec<u8>> {
    let bytes = |number: u64| {
        prop::collection::vec(any::<u8>(), 0..40)
            .prop_map(move |bytes| decoders::write(&[(number << 3 | 2, Field::Bytes(bytes))], shortest))
    };
    let number = |number: u64| {
        any::<u64>().prop_map(move |value| decoders::write(&[(number << 3, Field::Varint(value))], shortest))
    };
    let key = any::<[u8; 32]>()
        .prop_map(|key| decoders::write(&[(1 << 3 | 2, Field::Bytes([&[5], &key[..]].concat()))], shortest));
    let one = prop_oneof![key, number(2), number(3), bytes(4), bytes(5), bytes(6), number(500)];
    prop::collection::vec(one, 0..30).prop_map(|fields| fields.concat())
}

proptest! {
    #[test]
    fn n71_of_repeated_fields_the_last_counts_as_in_every_protobuf(protobuf in signal_fields()) {
        let bytes = [&[0x44], protobuf.as_slice(), &[0; 8]].concat();
        let expected = Inner::decode(protobuf.as_slice()).unwrap();
        match SignalMessage::decode(&bytes) {
            Ok(message) => {
                prop_assert_eq!(Some(message.ratchet_key().serialize().to_vec()), expected.ratchet_key);
                prop_assert_eq!(Some(message.counter()), expected.counter);
                prop_assert_eq!(message.previous_counter(), expected.previous_counter.unwrap_or(0));
                prop_assert_eq!(Some(message.ciphertext()), expected.ciphertext.as_deref());
                prop_assert_eq!(message.pq_ratchet(), expected.pq_ratchet.unwrap_or_default());
            }
            Err(error) => {
                prop_assert_eq!(error, MessageError::InvalidProtobufEncoding);
                let complete = [expected.ratchet_key.is_some(), expected.counter.is_some(), expected.ciphertext.is_some()];
                prop_assert!(complete.contains(&false));
            }
        }
    }
}

#[test]
fn n71_repeated_fields_under_a_mac() {
    let mut world = World::established(71_01);
    let insider = Insider::of(&world.people[ALICE].device, &world.address(BOB));
    let honest = world.encrypt(ALICE, BOB, b"honest");
    let wrong = Inner {
        ratchet_key: Some([&[5], [9; 32].as_slice()].concat()),
        counter: Some(77),
        previous_counter: Some(77),
        ciphertext: Some(vec![1; 16]),
        pq_ratchet: Some(vec![1, 9, 9, 0]),
        addresses: None,
    }
    .encode_to_vec();
    let last = insider.rewritten(&honest, b"last", |right| [right, wrong.clone()].concat());
    world.refused_message(ALICE, BOB, &last);
    let first = insider.rewritten(&honest, b"last", |right| [wrong, right].concat());
    assert_eq!(world.deliver(ALICE, BOB, &first), b"last");
}

#[test]
fn n71_of_both_members_of_a_oneof_the_last_counts() {
    let mut world = World::new(71_02);
    let authority = Authority::new(&mut world.rng);
    let claims = authority.claims(&world.people[ALICE].device);
    let base = Claims { uuid: None, signer: None, ..claims.clone() }.encode_to_vec();
    let of = |claims: Claims| claims.encode_to_vec();
    let text = of(Claims { uuid: claims.uuid.clone(), ..Claims::default() });
    let bytes = of(Claims { uuid_bytes: Some(vec![0xBB; 16]), ..Claims::default() });
    let embedded = of(Claims { signer: claims.signer.clone(), ..Claims::default() });
    let reference = of(Claims { signer_id: Some(12_345), ..Claims::default() });
    let mut decode = |parts: &[&[u8]]| {
        SenderCertificate::decode(&authority.signed(&parts.concat(), &mut world.rng)).unwrap()
    };
    let found = decode(&[&base, &embedded, &bytes, &text]);
    assert_eq!(found.sender_uuid(), NAMES[ALICE]);
    assert_eq!(
        decode(&[&base, &embedded, &text, &bytes]).sender_uuid(),
        "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb"
    );
    assert!(decode(&[&base, &text, &reference, &embedded]).server_certificate().is_ok());
    let unknown = CertificateError::UnknownSealedSenderServerCertificateId(12_345);
    assert_eq!(decode(&[&base, &text, &embedded, &reference]).server_certificate(), Err(unknown));
}

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

#[test]
fn n75_names_that_are_no_utf_8() {
    let mut world = World::new(75_01);
    let authority = Authority::new(&mut world.rng);
    let claims = authority.claims(&world.people[ALICE].device);
    for wrong in [&[0xFF][..], &[0xC0, 0x80], b"abc\xE2\x82", &[0xED, 0xA0, 0x80], &[0xF4, 0x90, 0x80, 0x80]]
    {
        for claims in [
            Claims { uuid: Some(wrong.to_vec()), ..claims.clone() },
            Claims { e164: Some(wrong.to_vec()), ..claims.clone() },
        ] {
            let bytes = authority.signed(&claims.encode_to_vec(), &mut world.rng);
            let error = SenderCertificate::decode(&bytes).unwrap_err();
            assert_eq!(error, CertificateError::InvalidProtobufEncoding, "{wrong:02x?}");
        }
    }
    let right = Claims { uuid: Some("é漢🕊".into()), e164: Some("\u{0}".into()), ..claims };
    let certificate = authority.certificate(&right, &mut world.rng);
    assert_eq!((certificate.sender_uuid(), certificate.sender_e164()), ("é漢🕊", Some("\u{0}")));
}

/// Plaintexts as padding might have left them.
fn plaintexts() -> Vec<Vec<u8>> {
    vec![
        vec![],
        vec![0],
        vec![0; 160],
        vec![0x80],
        vec![0x80, 0, 0],
        b"no end".to_vec(),
        vec![0xFF; 15],
        vec![16; 16],
        vec![1; 159],
    ]
}

#[test]
fn n76_must_not_look_into_the_padding_of_a_plaintext() {
    let mut world = World::new(76_01);
    world.start(ALICE, BOB);
    for plaintext in plaintexts() {
        world.exchange(ALICE, BOB, &plaintext);
    }
    world.exchange(BOB, ALICE, b"");
    let handed_out = world.hand_out(CAROL);
    let _ = world.process(CAROL, BOB, &handed_out);
    for plaintext in plaintexts() {
        world.exchange(ALICE, BOB, &plaintext);
        let message = world.group_encrypt(CAROL, &plaintext);
        assert_eq!(world.group_receive(CAROL, BOB, message.serialize()).unwrap(), plaintext);
    }
}

#[test]
fn n76_must_not_look_into_the_padding_of_sealed_content() {
    let mut world = World::new(76_02);
    let authority = Authority::new(&mut world.rng);
    let certificate = authority.certify(&world.people[ALICE].device, &mut world.rng);
    let (alice, bob) =
        (world.people[ALICE].device.identity.clone(), world.people[BOB].device.identity.clone());
    for content in plaintexts() {
        let (message_type, hint) = (MessageType::Plaintext, ContentHint::Default);
        let content =
            SealedContent { message_type, certificate: certificate.clone(), content, hint, group_id: None };
        for seal in [v1::seal, v2::seal_for_one] {
            let sealed = seal(&content.encode(), &alice, &bob.identity_key(), &mut world.rng).unwrap();
            assert_eq!(open(&sealed, &bob), Ok(content.clone()));
        }
    }
}

#[test]
fn n76_the_end_of_a_plaintext_content_is_looked_at_when_its_message_is_taken_out() {
    let mut world = World::new(76_03);
    world.start(ALICE, BOB);
    let first = world.encrypt(ALICE, BOB, b"text");
    let (kind, bytes) = (first.message_type(), first.serialize());
    let asked = DecryptionErrorMessage::for_message(kind, bytes, now(), 1).unwrap();
    let whole = PlaintextContent::from(&asked).serialize().to_vec();
    let body = |bytes: &[u8]| PlaintextContent::decode(bytes).unwrap().body().to_vec();
    assert_eq!(DecryptionErrorMessage::from_body(&body(&whole)), Ok(asked));
    let end = whole.len() - 1;
    for changed in [
        whole[..end].to_vec(),
        [&whole[..end], &[0]].concat(),
        [whole.as_slice(), &[0]].concat(),
        [&whole[..end], &[0x81]].concat(),
        vec![0xC0],
    ] {
        // must not: parsing looks at the first byte only.
        let error = DecryptionErrorMessage::from_body(&body(&changed)).unwrap_err();
        assert_eq!(error, MessageError::InvalidProtobufEncoding);
        assert_eq!(error.class(), ErrorClass::Malformed);
    }
}
