//! 75, 76: names, and plaintexts with and without padding.

use khaima_signal::sealed_sender::{
    CertificateError, ContentHint, SealedContent, SenderCertificate, open, v1, v2,
};
use khaima_signal::{
    DecryptionErrorMessage, ErrorClass, LocalIdentity as _, MessageError, MessageType, PlaintextContent,
};
use prost::Message as _;

use crate::certificates::{Authority, Claims};
use crate::world::{ALICE, BOB, CAROL, World, now};

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
