//! 54, 55: certificates that do not hold.

use khaima_signal::sealed_sender::{
    CertificateError, CertificateStatus, SenderCertificate, ServerCertificate, UnsealError, open,
};
use khaima_signal::{KeyPair, Timestamp};
use prost::Message as _;

use super::scene;
use crate::certificates::{Authority, Claims};
use crate::world::{ALICE, BOB, assert_refusal, now};

#[test]
fn n54_a_certificate_one_millisecond_past_its_expiry() {
    let mut scene = scene(54_01);
    let content = scene.content(ALICE, BOB);
    let roots = scene.authority.roots();
    let after = Timestamp::from_millis(now().as_millis() + 1);
    assert_eq!(content.certificate.check(&roots, after), Ok(CertificateStatus::Expired));
    assert_eq!(content.certificate.validate(&roots, after), Ok(None));
    assert!(content.certificate.validate(&roots, now()).unwrap().is_some(), "its last millisecond");
    for sealed in scene.seal(&content, ALICE, BOB) {
        assert_refusal!(
            scene.refused_with(BOB, &sealed, after, None),
            UnsealError::InvalidSealedSenderMessage,
            SealedSenderInvalid
        );
        assert_eq!(scene.unsealed(BOB, &sealed).decrypted.plaintext.as_slice(), b"text");
    }
}

#[test]
fn n54_a_certificate_that_says_no_expiry() {
    let mut scene = scene(54_02);
    let claims = scene.authority.claims(&scene.world.people[ALICE].device);
    let without = Claims { expires: None, ..claims }.encode_to_vec();
    let bytes = scene.authority.signed(&without, &mut scene.world.rng);
    assert_eq!(SenderCertificate::decode(&bytes).unwrap_err(), CertificateError::InvalidProtobufEncoding);
}

/// The time is the caller's: a clock that went back lets an expired certificate live again. Nothing here remembers.
#[test]
fn n54_the_time_is_whatever_the_caller_says() {
    let mut scene = scene(54_03);
    let certificate = scene.certificate(ALICE);
    let roots = scene.authority.roots();
    let valid_at = |millis| certificate.validate(&roots, Timestamp::from_millis(millis)).unwrap().is_some();
    let expires = now().as_millis();
    assert_eq!([expires, expires + 1, expires, 0, u64::MAX].map(valid_at), [true, false, true, true, false]);
}

#[test]
fn n55_a_server_certificate_under_another_root() {
    let mut scene = scene(55_01);
    let stranger = Authority::new(&mut scene.world.rng);
    let roots = scene.authority.roots();
    let mut content = scene.content(ALICE, BOB);
    content.certificate = stranger.certify(&scene.world.people[ALICE].device, &mut scene.world.rng);
    assert_eq!(content.certificate.validate(&roots, now()), Ok(None));
    assert_eq!(content.certificate.validate(&[], now()), Ok(None));
    let both = [roots[0], stranger.roots()[0]];
    assert!(content.certificate.validate(&both, now()).unwrap().is_some(), "any of the roots will do");
    for sealed in scene.seal(&content, ALICE, BOB) {
        let error = scene.refused(BOB, &sealed);
        assert_refusal!(error, UnsealError::InvalidSealedSenderMessage, SealedSenderInvalid);
    }
}

#[test]
fn n55_a_certificate_that_the_server_key_did_not_sign() {
    let mut scene = scene(55_02);
    let mut content = scene.content(ALICE, BOB);
    let claims = scene.authority.claims(&scene.world.people[ALICE].device).encode_to_vec();
    let key = KeyPair::generate(&mut scene.world.rng);
    let forged = crate::certificates::signed(&claims, key.private(), &mut scene.world.rng);
    content.certificate = SenderCertificate::decode(&forged).unwrap();
    assert_eq!(content.certificate.validate(&scene.authority.roots(), now()), Ok(None));
    for sealed in scene.seal(&content, ALICE, BOB) {
        let error = scene.refused(BOB, &sealed);
        assert_refusal!(error, UnsealError::InvalidSealedSenderMessage, SealedSenderInvalid);
    }
}

#[test]
fn n55_a_revoked_server_certificate() {
    let mut scene = scene(55_03);
    for (id, valid) in [(0xDEAD_C357, false), (0xDEAD_C356, true), (0xDEAD_C358, true)] {
        let authority = Authority::with_id(id, &mut scene.world.rng);
        assert_eq!(authority.server.is_valid_for(&authority.roots()[0]), valid, "{id:#x}");
        let certificate = authority.certify(&scene.world.people[ALICE].device, &mut scene.world.rng);
        assert_eq!(certificate.validate(&authority.roots(), now()).unwrap().is_some(), valid, "{id:#x}");
    }
}

#[test]
fn n55_a_reference_to_an_unknown_server_certificate_is_an_error_of_validation_alone() {
    let mut scene = scene(55_04);
    let mut content = scene.content(ALICE, BOB);
    let claims = scene.authority.claims(&scene.world.people[ALICE].device);
    let claims = Claims { signer: None, signer_id: Some(12_345), ..claims };
    content.certificate = scene.authority.certificate(&claims, &mut scene.world.rng);
    let unknown = CertificateError::UnknownSealedSenderServerCertificateId(12_345);
    assert_eq!(content.certificate.validate(&scene.authority.roots(), now()), Err(unknown));
    assert_eq!(content.certificate.check(&[], now()), Err(unknown));
    let bob = scene.identity(BOB);
    for sealed in scene.seal(&content, ALICE, BOB) {
        assert_eq!(open(&sealed, &bob), Ok(content.clone()));
        assert_refusal!(
            scene.refused(BOB, &sealed),
            UnsealError::Certificate(CertificateError::UnknownSealedSenderServerCertificateId(12_345)),
            SealedSenderUnknownServerCertificate
        );
    }
}

/// What a certificate lacks decides its error, in the order of the specification.
#[test]
fn n55_certificates_that_lack_something() {
    let mut scene = scene(55_05);
    let whole = scene.authority.claims(&scene.world.people[ALICE].device);
    let incomplete = [
        Claims { device: None, ..whole.clone() },
        Claims { device: Some(0), ..whole.clone() },
        Claims { device: Some(128), ..whole.clone() },
        Claims { identity_key: None, ..whole.clone() },
        Claims { signer: None, ..whole.clone() },
        Claims { signer: Some(vec![]), ..whole.clone() },
        Claims { uuid: None, ..whole.clone() },
    ];
    for claims in incomplete {
        let bytes = scene.authority.signed(&claims.encode_to_vec(), &mut scene.world.rng);
        assert_eq!(SenderCertificate::decode(&bytes).unwrap_err(), CertificateError::InvalidProtobufEncoding);
    }
    assert_eq!(ServerCertificate::decode(&[]).unwrap_err(), CertificateError::InvalidProtobufEncoding);
}
