//! Every recorded certificate and sealed envelope of the official library, and conversations under seal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "test code"
)]

mod common;

use common::{Device, address, bytes, may_be_refused, number, vector_address, vectors};
use khaima_signal::sealed_sender::{
    ContentHint, SealedContent, SenderCertificate, SenderCheck, SenderClaims, ServerCertificate, UnsealError,
    Unsealed, decrypt, open, v1, v2,
};
use khaima_signal::{
    ErrorClass, IdentityKey, IdentityKeyPair, KeyPair, Local, LocalIdentity, PrivateKey, ProtocolAddress,
    PublicKey, Timestamp,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};

fn cases(file: &Value, name: &str) -> Vec<Value> {
    let cases = file[name].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

fn assert_expected(case: &Value, result: Result<Value, ErrorClass>) {
    let refused = match &result {
        Ok(value) => value["valid"] == false,
        Err(_) => true,
    };
    if refused && may_be_refused(case) {
        return;
    }
    let result = result.unwrap_or_else(|class| json!({ "error": class.as_str() }));
    assert_eq!(result, case["expect"], "{}", case["note"]);
}

fn timestamp(value: &Value) -> Timestamp {
    Timestamp::from_millis(value.as_u64().unwrap())
}

fn identity(private_key: &Value) -> IdentityKeyPair {
    IdentityKeyPair::from_private(PrivateKey::deserialize(&bytes(private_key)).unwrap())
}

#[test]
fn sender_certificates_end_as_recorded() {
    for case in cases(&vectors("certificates.json"), "sender_certificates") {
        let roots: Vec<_> = case["trust_roots"]
            .as_array()
            .unwrap()
            .iter()
            .map(|root| PublicKey::deserialize(&bytes(root)).unwrap())
            .collect();
        let result = SenderCertificate::decode(&bytes(&case["certificate"])).and_then(|certificate| {
            let valid = certificate.validate(&roots, timestamp(&case["now"]))?.is_some();
            Ok(json!({
                "valid": valid,
                "sender_uuid": certificate.sender_uuid(),
                "sender_e164": certificate.sender_e164(),
                "device": certificate.sender_device().value(),
                "expires": certificate.expires().as_millis(),
                "key": hex::encode(certificate.identity_key().serialize()),
            }))
        });
        assert_expected(&case, result.map_err(|error| error.class()));
    }
}

#[test]
fn server_certificates_end_as_recorded() {
    for case in cases(&vectors("certificates.json"), "server_certificates") {
        let result = ServerCertificate::decode(&bytes(&case["certificate"]))
            .map(|certificate| json!({ "id": certificate.id(), "key": hex::encode(certificate.key().serialize()) }));
        assert_expected(&case, result.map_err(|error| error.class()));
    }
}

#[test]
fn envelopes_open_as_recorded() {
    for case in cases(&vectors("sealed_sender.json"), "open") {
        let local = identity(&case["recipient_identity_private"]);
        let result = open(&bytes(&case["message"]), &local).map(|content| {
            json!({
                "type": content.message_type.number(),
                "content": hex::encode(&content.content),
                "content_hint": content.hint.number(),
                "group_id": content.group_id.as_ref().map(hex::encode),
                "sender_uuid": content.certificate.sender_uuid(),
                "sender_e164": content.certificate.sender_e164(),
                "sender_device": content.certificate.sender_device().value(),
            })
        });
        assert_expected(&case, result.map_err(|error| error.class()));
    }
}

#[test]
fn opened_content_encodes_to_what_the_library_wrote() {
    for case in cases(&vectors("sealed_sender.json"), "open") {
        let local = identity(&case["recipient_identity_private"]);
        let Ok(content) = open(&bytes(&case["message"]), &local) else { continue };
        let again = SealedContent::decode(&content.encode()).unwrap();
        assert_eq!(again, content);
        // The envelope is as long as its content and the fixed parts, if nothing was left out.
        let sealed = bytes(&case["message"]);
        if sealed[0] >> 4 == 2 {
            assert_eq!(sealed.len(), 1 + v2::OVERHEAD + content.encoded_len(), "{}", case["note"]);
        }
    }
}

#[test]
fn full_decryption_ends_as_recorded() {
    let file = vectors("sealed_sender.json");
    for case in cases(&file, "decrypt") {
        let recipient = &file["decrypt_recipient"];
        let mut bob = Device::from_vector(recipient);
        if let Some(trusted) = case.get("trusted_sender_identity") {
            let key = IdentityKey::deserialize(&bytes(&trusted["identity_public"])).unwrap();
            bob.set_identity(&vector_address(trusted), Some(&key));
        }
        let local_address =
            address(case["local_uuid"].as_str().unwrap(), number(&case["local_device"]).try_into().unwrap());
        let local =
            Local { identity: &bob.identity, address: &local_address, registration_id: bob.registration_id };
        let roots = [PublicKey::deserialize(&bytes(&case["trust_root"])).unwrap()];
        let check = SenderCheck {
            trust_roots: &roots,
            now: timestamp(&case["now"]),
            local_e164: case["local_e164"].as_str(),
        };
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let result =
            decrypt(&bytes(&case["message"]), &local, &check, &bob.stores, &mut rng).map(|unsealed| {
                json!({
                    "plaintext": hex::encode(unsealed.decrypted.plaintext.as_slice()),
                    "sender_uuid": unsealed.sender.name(),
                    "sender_e164": unsealed.sender_e164,
                    "sender_device": unsealed.sender.device().value(),
                })
            });
        assert_expected(&case, result.map_err(|error| error.class()));
    }
}

#[test]
fn messages_to_many_split_as_recorded() {
    for case in cases(&vectors("sealed_sender.json"), "sent") {
        let message = bytes(&case["message"]);
        let result = v2::split(&message).map(|split| {
            // Recorded in the order of their names, not of the message.
            let mut recipients: Vec<_> = split.recipients().iter().collect();
            recipients.sort_by_key(|recipient| recipient.service_id.to_string());
            let recipients: Vec<_> = recipients
                .into_iter()
                .map(|recipient| {
                    let devices: Vec<_> = recipient
                        .devices
                        .iter()
                        .map(
                            |(device, id)| json!({ "device": device.value(), "registration_id": id.value() }),
                        )
                        .collect();
                    json!({
                        "service_id": recipient.service_id.to_string(),
                        "devices": devices,
                        "received": hex::encode(split.received(recipient)),
                    })
                })
                .collect();
            let mut excluded: Vec<_> = split.excluded().iter().map(ToString::to_string).collect();
            excluded.sort();
            json!({ "recipients": recipients, "excluded": excluded })
        });
        assert_expected(&case, result.map_err(|error| error.class()));
    }
}

/// Two devices that talk under seal, each with a certificate rooted in its own identity.
struct Pair {
    alice: Device,
    bob: Device,
    rng: ChaCha20Rng,
}

const ALICE: &str = "11111111-1111-4111-8111-111111111111";
const BOB: &str = "22222222-2222-4222-8222-222222222222";
const NOW: Timestamp = Timestamp::from_millis(1_000_000);

impl Pair {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut alice = Device::new(ALICE, 1, &mut rng);
        let mut bob = Device::new(BOB, 2, &mut rng);
        let bundle = bob.bundle(true, false, &mut rng);
        alice.start(&bob.address, bundle, NOW, &mut rng).unwrap();
        Self { alice, bob, rng }
    }
}

fn certificate(device: &Device, rng: &mut ChaCha20Rng) -> SenderCertificate {
    let server_key = KeyPair::generate(rng);
    let server = ServerCertificate::issue(1, server_key.public(), &device.identity, rng);
    let claims = SenderClaims {
        uuid: device.address.name().to_owned(),
        e164: None,
        device: device.address.device(),
        expires: NOW,
        identity_key: device.identity.identity_key(),
    };
    SenderCertificate::issue(claims, server, server_key.private(), rng)
}

fn content(from: &mut Device, to: &ProtocolAddress, text: &[u8], rng: &mut ChaCha20Rng) -> SealedContent {
    let message = from.encrypt(to, text, NOW, rng).unwrap();
    SealedContent {
        message_type: message.message_type(),
        certificate: certificate(from, rng),
        content: message.serialize().to_vec(),
        hint: ContentHint::Resendable,
        group_id: None,
    }
}

fn unseal(
    to: &Device,
    root: &IdentityKey,
    sealed: &[u8],
    rng: &mut ChaCha20Rng,
) -> Result<Unsealed, UnsealError> {
    let roots = [*root.public_key()];
    let check = SenderCheck { trust_roots: &roots, now: NOW, local_e164: None };
    decrypt(sealed, &to.local(), &check, &to.stores, rng)
}

#[test]
fn a_conversation_runs_under_seal_in_both_versions() {
    let Pair { mut alice, mut bob, mut rng } = Pair::new(1);
    let (alice_root, bob_root) = (alice.identity.identity_key(), bob.identity.identity_key());
    for round in 0..4_u8 {
        let there = content(&mut alice, &bob.address, &[round; 40], &mut rng);
        let padded = there.encode_padded(3_968 - 1 - v2::OVERHEAD).unwrap();
        let sealed = v2::seal_for_one(&padded, &alice.identity, &bob_root, &mut rng).unwrap();
        assert_eq!(sealed.len(), 3_968);
        let unsealed = unseal(&bob, &alice_root, &sealed, &mut rng).unwrap();
        assert_eq!(**unsealed.decrypted.plaintext, [round; 40]);
        assert_eq!(unsealed.sender, alice.address);
        let old = bob.record(&alice.address);
        bob.store(&alice.address, &old, &unsealed.decrypted.record);

        let back = content(&mut bob, &alice.address, &[round; 9], &mut rng);
        let sealed = v1::seal(&back.encode(), &bob.identity, &alice_root, &mut rng).unwrap();
        let unsealed = unseal(&alice, &bob_root, &sealed, &mut rng).unwrap();
        assert_eq!(**unsealed.decrypted.plaintext, [round; 9]);
        let old = alice.record(&bob.address);
        alice.store(&bob.address, &old, &unsealed.decrypted.record);
    }
}

#[test]
fn the_certificate_is_judged_before_the_session() {
    let Pair { mut alice, bob, mut rng } = Pair::new(2);
    let message = content(&mut alice, &bob.address, b"text", &mut rng);
    let sealed =
        v1::seal(&message.encode(), &alice.identity, &bob.identity.identity_key(), &mut rng).unwrap();
    let stranger = IdentityKeyPair::generate(&mut rng).identity_key();
    let error = unseal(&bob, &stranger, &sealed, &mut rng).unwrap_err();
    assert_eq!(error.class(), ErrorClass::SealedSenderInvalid);
    assert!(unseal(&bob, &alice.identity.identity_key(), &sealed, &mut rng).is_ok());
}

#[test]
fn an_ordinary_message_without_a_session_names_that() {
    let Pair { mut alice, mut bob, mut rng } = Pair::new(3);
    let first = alice.encrypt(&bob.address, b"first", NOW, &mut rng).unwrap();
    bob.decrypt(&alice.address, &first, &mut rng).unwrap();
    let answer = content(&mut bob, &alice.address, b"answer", &mut rng);
    alice.delete_session(&bob.address);
    let sealed = v1::seal(&answer.encode(), &bob.identity, &alice.identity.identity_key(), &mut rng).unwrap();
    let error = unseal(&alice, &bob.identity.identity_key(), &sealed, &mut rng).unwrap_err();
    assert_eq!(error.class(), ErrorClass::NoSession);
}
