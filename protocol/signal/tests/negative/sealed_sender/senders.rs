//! 56, 57, 60: who sealed, and who is said to have.

use khaima_signal::sealed_sender::{CertificateError, OpenError, SenderCertificate, UnsealError, open};
use khaima_signal::{DecryptError, LocalIdentity as _, MessageType};
use prost::Message as _;

use super::{Scene, scene};
use crate::by_hand::Half;
use crate::certificates::{Authority, Claims};
use crate::common::address;
use crate::sealing;
use crate::world::{ALICE, BOB, CAROL, NAMES, World, assert_refusal, now};

/// Whoever has seen Alice's certificate cannot seal in her name.
#[test]
fn n56_the_certificate_of_another_than_who_sealed() {
    let mut scene = scene(56_01);
    let content = scene.content(ALICE, BOB);
    let bob = scene.identity(BOB);
    for sealed in scene.seal(&content, CAROL, BOB) {
        assert_eq!(open(&sealed, &bob), Err(OpenError::InvalidSealedSenderMessage));
        assert_refusal!(
            scene.refused(BOB, &sealed),
            UnsealError::Open(OpenError::InvalidSealedSenderMessage),
            SealedSenderInvalid
        );
    }
    for sealed in scene.seal(&content, ALICE, BOB) {
        assert!(open(&sealed, &bob).is_ok());
    }
}

#[test]
fn n56_every_bit_of_the_authentication_tag() {
    let mut scene = scene(56_02);
    let content = scene.content(ALICE, BOB);
    let bob = scene.identity(BOB);
    let [_, sealed] = scene.seal(&content, ALICE, BOB);
    for bit in 0..128 {
        let mut changed = sealed.clone();
        changed[1 + 32 + bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&changed, &bob), Err(OpenError::InvalidSealedSenderMessage));
    }
}

/// In version 1 the tag that hides the sender's key can be right and the key be another than the certificate's.
#[test]
fn n56_a_static_key_that_is_not_the_certificates() {
    let mut scene = scene(56_03);
    let content = scene.content(ALICE, BOB).encode();
    let (alice, bob, carol) = (scene.identity(ALICE), scene.identity(BOB), scene.identity(CAROL));
    let ephemeral = Half::random(&mut scene.world.rng);
    let honest = sealing::seal(&content, &alice, &bob.identity_key(), &ephemeral);
    assert!(open(&honest.bytes(), &bob).is_ok());
    let forged = sealing::seal(&content, &carol, &bob.identity_key(), &ephemeral);
    assert_eq!(open(&forged.bytes(), &bob), Err(OpenError::InvalidSealedSenderMessage));
}

#[test]
fn n57_a_message_from_this_very_device() {
    let mut scene = Scene::new(57_01);
    let content = scene.content_of(ALICE, MessageType::Whisper, vec![7; 60]);
    for sealed in scene.seal(&content, ALICE, ALICE) {
        let error = scene.refused(ALICE, &sealed);
        assert_refusal!(error, UnsealError::SealedSenderSelfSend, SealedSenderSelfSend);
    }
}

#[test]
fn n57_must_not_refuse_another_device_of_the_same_account() {
    let mut scene = Scene { world: World::one_account(57_02), ..Scene::new(57_02) };
    scene.world.people[0].device.address = address(NAMES[ALICE], 1);
    scene.world.start(ALICE, BOB);
    let content = scene.content(ALICE, BOB);
    for sealed in scene.seal(&content, ALICE, BOB) {
        let unsealed = scene.unsealed(BOB, &sealed);
        assert_eq!(unsealed.decrypted.plaintext.as_slice(), b"text");
        assert_eq!(unsealed.sender, address(NAMES[ALICE], 1));
    }
}

#[test]
fn n57_a_message_from_ones_own_phone_number_and_device() {
    let mut scene = scene(57_03);
    let mut content = scene.content(ALICE, BOB);
    let claims = scene.authority.claims(&scene.world.people[ALICE].device);
    let claims = Claims { e164: Some(b"+31201234567".to_vec()), ..claims };
    content.certificate = scene.authority.certificate(&claims, &mut scene.world.rng);
    for sealed in scene.seal(&content, ALICE, BOB) {
        let error = scene.refused_with(BOB, &sealed, now(), Some("+31201234567"));
        assert_refusal!(error, UnsealError::SealedSenderSelfSend, SealedSenderSelfSend);
        // Another number, no number, or another device is no self-send.
        let (here, elsewhere) = (scene.world.address(BOB), address(NAMES[BOB], 2));
        for (at, e164) in [(&here, Some("+31201234568")), (&here, None)] {
            assert!(scene.unseal(BOB, at, &sealed, now(), e164).is_ok());
        }
        let error = scene.unseal(BOB, &elsewhere, &sealed, now(), Some("+31201234567")).unwrap_err();
        assert_refusal!(
            error,
            UnsealError::Decrypt(DecryptError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage,
            "the first message is bound to the device it was written for"
        );
    }
}

#[test]
fn n57_ones_own_message_to_another_comes_back() {
    let mut scene = scene(57_04);
    let content = scene.content(ALICE, BOB);
    for sealed in scene.seal(&content, ALICE, BOB) {
        assert_eq!(open(&sealed, &scene.identity(ALICE)), Err(OpenError::InvalidSealedSenderMessage));
        let error = scene.refused(ALICE, &sealed);
        assert_refusal!(error, UnsealError::Open(OpenError::InvalidSealedSenderMessage), SealedSenderInvalid);
    }
}

/// A certificate that is bad in any way is refused before the self-send check.
#[test]
fn n57_an_invalid_certificate_is_named_before_a_self_send() {
    let mut scene = Scene::new(57_05);
    let mut content = scene.content_of(ALICE, MessageType::Whisper, vec![7; 60]);
    let stranger = Authority::new(&mut scene.world.rng);
    content.certificate = stranger.certify(&scene.world.people[ALICE].device, &mut scene.world.rng);
    for sealed in scene.seal(&content, ALICE, ALICE) {
        let error = scene.refused(ALICE, &sealed);
        assert_refusal!(error, UnsealError::InvalidSealedSenderMessage, SealedSenderInvalid);
    }
}

/// A message of Alice's first session, which names both ends, under Carol's certificate and seal.
#[test]
fn n60_a_certificate_that_names_another_than_the_message_inside() {
    let mut scene = scene(60_01);
    let message = scene.world.encrypt(ALICE, BOB, b"text");
    let stolen = scene.content_of(CAROL, MessageType::PreKey, message.serialize().to_vec());
    for sealed in scene.seal(&stolen, CAROL, BOB) {
        assert_refusal!(
            scene.refused(BOB, &sealed),
            UnsealError::Decrypt(DecryptError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage
        );
    }
    assert_eq!(scene.world.deliver(ALICE, BOB, &message), b"text");
}

#[test]
fn n60_must_not_hide_the_phone_number() {
    let mut scene = scene(60_02);
    let mut content = scene.content(ALICE, BOB);
    let claims = scene.authority.claims(&scene.world.people[ALICE].device);
    for number in [Some("+31201234567"), Some(""), None] {
        let claims = Claims { e164: number.map(|text| text.as_bytes().to_vec()), ..claims.clone() };
        content.certificate = scene.authority.certificate(&claims, &mut scene.world.rng);
        for sealed in scene.seal(&content, ALICE, BOB) {
            assert_eq!(scene.unsealed(BOB, &sealed).sender_e164.as_deref(), number);
        }
    }
}

#[test]
fn n60_must_not_change_the_text_of_a_uuid() {
    let mut scene = scene(60_03);
    let claims = scene.authority.claims(&scene.world.people[ALICE].device);
    let texts = [
        "AAAAAAAA-1111-4111-8111-111111111111",
        "aaaaaaaa111141118111111111111111",
        "{aaaaaaaa-1111-4111-8111-111111111111}",
        "PNI:aaaaaaaa-1111-4111-8111-111111111111",
        " aaaaaaaa-1111-4111-8111-111111111111",
        "nobody",
        "",
    ];
    for text in texts {
        let claims = Claims { uuid: Some(text.as_bytes().to_vec()), ..claims.clone() };
        let certificate = scene.authority.certificate(&claims, &mut scene.world.rng);
        assert_eq!(certificate.sender_uuid(), text);
        let valid = certificate.validate(&scene.authority.roots(), now()).unwrap();
        assert!(valid.is_some(), "allowed to be invalid, and is not: {text:?}");
    }
    let bytes = Claims { uuid: None, uuid_bytes: Some(vec![0xAA; 16]), ..claims.clone() };
    let certificate = scene.authority.certificate(&bytes, &mut scene.world.rng);
    assert_eq!(certificate.sender_uuid(), "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa");
    for length in [0, 15, 17] {
        let bytes = Claims { uuid: None, uuid_bytes: Some(vec![0xAA; length]), ..claims.clone() };
        let bytes = scene.authority.signed(&bytes.encode_to_vec(), &mut scene.world.rng);
        assert_eq!(SenderCertificate::decode(&bytes).unwrap_err(), CertificateError::InvalidProtobufEncoding);
    }
}

/// Names are compared byte for byte, as everywhere.
#[test]
fn n60_ones_own_name_in_upper_case_is_another_name() {
    let mut scene = Scene::new(60_04);
    scene.world.people[ALICE].device.address = address("aaaaaaaa-1111-4111-8111-111111111111", 1);
    scene.world.people[CAROL].device.address = address("AAAAAAAA-1111-4111-8111-111111111111", 1);
    scene.world.start(CAROL, ALICE);
    let content = scene.content(CAROL, ALICE);
    assert!(!content.is_self_send(&scene.world.address(ALICE), None));
    for sealed in scene.seal(&content, CAROL, ALICE) {
        assert_eq!(scene.unsealed(ALICE, &sealed).sender, scene.world.address(CAROL));
    }
}
