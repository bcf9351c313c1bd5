//! 70, 71: unknown fields and repeated ones.

use khaima_signal::sealed_sender::{CertificateError, SenderCertificate, SenderClaims};
use khaima_signal::{MessageError, SenderKeyDistributionMessage, SignalMessage};
use proptest::prelude::*;
use prost::Message as _;

use crate::by_hand::Inner;
use crate::certificates::{Authority, Claims};
use crate::crafted::Insider;
use crate::decoders::{self, Field, shortest};
use crate::forge;
use crate::world::{ALICE, BOB, GROUP, NAMES, World, now};

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
