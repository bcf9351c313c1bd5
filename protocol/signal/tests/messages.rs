//! Recorded messages of every kind: what parses, into what, and which error the rest is.
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

use std::collections::BTreeMap;

use khaima_signal::{
    DecryptionErrorMessage, MessageError, MessageType, PlaintextContent, PreKeySignalMessage,
    SenderKeyDistributionMessage, SenderKeyMessage, SignalMessage, Timestamp,
};
use serde_json::{Value, json};

/// What the kind of a case gives, in the words of the vectors.
fn parse(kind: &str, bytes: &[u8]) -> Result<Value, MessageError> {
    match kind {
        "signal_message" => SignalMessage::decode(bytes).map(|message| {
            assert_eq!(message.serialize(), bytes);
            json!({
                "version": message.version(),
                "counter": message.counter(),
                "ciphertext": hex::encode(message.ciphertext()),
                "pq_ratchet": hex::encode(message.pq_ratchet()),
                "ratchet_key": hex::encode(message.ratchet_key().serialize()),
            })
        }),
        "prekey_signal_message" => PreKeySignalMessage::decode(bytes).map(|message| {
            assert_eq!(message.serialize(), bytes);
            json!({
                "version": message.version(),
                "registration_id": message.registration_id(),
                "pre_key_id": message.one_time_id().map(|id| id.value()),
                "signed_pre_key_id": message.signed_id().value(),
            })
        }),
        "decryption_error_message" => {
            DecryptionErrorMessage::decode(bytes).map(|message| error_fields(&message))
        }
        "decryption_error_body" => {
            DecryptionErrorMessage::from_body(bytes).map(|message| error_fields(&message))
        }
        "plaintext_content" => {
            PlaintextContent::decode(bytes).map(|content| json!({ "body": hex::encode(content.body()) }))
        }
        "sender_key_message" => SenderKeyMessage::decode(bytes).map(|message| {
            assert_eq!(message.serialize(), bytes);
            json!({
                "distribution_id": message.distribution_id().to_string(),
                "chain_id": message.chain_id(),
                "iteration": message.iteration(),
                "ciphertext": hex::encode(message.ciphertext()),
            })
        }),
        "sender_key_distribution_message" => SenderKeyDistributionMessage::decode(bytes).map(|message| {
            assert_eq!(message.serialize(), bytes);
            json!({
                "distribution_id": message.distribution_id().to_string(),
                "chain_id": message.chain_id(),
                "iteration": message.iteration(),
                "chain_key": hex::encode(message.chain_key().expose()),
            })
        }),
        other => panic!("unknown kind {other}"),
    }
}

fn error_fields(message: &DecryptionErrorMessage) -> Value {
    json!({
        "timestamp": message.timestamp().as_millis(),
        "device": message.device_id(),
        "ratchet_key": message.ratchet_key().map(|key| hex::encode(key.serialize())),
    })
}

#[test]
fn recorded_messages_parse_as_recorded() {
    let vectors = common::vectors("messages.json");
    let mut run: BTreeMap<&str, usize> = BTreeMap::new();
    for case in vectors["cases"].as_array().unwrap() {
        let kind = case["kind"].as_str().unwrap();
        let note = case["note"].as_str().unwrap();
        *run.entry(kind).or_default() += 1;
        let found = match parse(kind, &common::bytes(&case["bytes"])) {
            Ok(fields) => fields,
            Err(error) => json!({ "error": error.class().as_str() }),
        };
        assert_eq!(found, case["expect"], "{kind}: {note}");
    }
    let kinds: Vec<_> = run.keys().copied().collect();
    assert_eq!(
        kinds,
        [
            "decryption_error_body",
            "decryption_error_message",
            "plaintext_content",
            "prekey_signal_message",
            "sender_key_distribution_message",
            "sender_key_message",
            "signal_message"
        ]
    );
}

#[test]
fn a_decryption_error_message_is_written_as_recorded() {
    let case = &common::vectors("messages.json")["decryption_error_created"];
    let message_type = MessageType::from_number(common::number(&case["original_type"])).unwrap();
    let timestamp = Timestamp::from_millis(case["timestamp"].as_u64().unwrap());
    let original = common::bytes(&case["original"]);
    let message = DecryptionErrorMessage::for_message(
        message_type,
        &original,
        timestamp,
        common::number(&case["device"]),
    )
    .unwrap();
    assert_eq!(message.encode(), common::bytes(&case["message"]));
    assert_eq!(PlaintextContent::from(&message).serialize(), common::bytes(&case["plaintext_content"]));
}

#[test]
fn no_decryption_error_message_is_made_for_plaintext_or_for_bytes_that_do_not_parse() {
    let now = Timestamp::from_millis(0);
    let error = DecryptionErrorMessage::for_message(MessageType::Plaintext, &[], now, 1).unwrap_err();
    assert!(matches!(error, MessageError::InvalidArgument(_)));
    let error = DecryptionErrorMessage::for_message(MessageType::Whisper, &[0x44], now, 1).unwrap_err();
    assert_eq!(error, MessageError::CiphertextMessageTooShort(1));
    let group = DecryptionErrorMessage::for_message(MessageType::SenderKey, b"anything", now, 1).unwrap();
    assert!(group.ratchet_key().is_none());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = SignalMessage::decode(&bytes);
        let _ = PreKeySignalMessage::decode(&bytes);
        let _ = DecryptionErrorMessage::decode(&bytes);
        let _ = DecryptionErrorMessage::from_body(&bytes);
        let mut bytes = bytes;
        bytes.insert(0, 0x44);
        let _ = SignalMessage::decode(&bytes);
        let _ = PreKeySignalMessage::decode(&bytes);
        bytes[0] = 0x33;
        let _ = SenderKeyMessage::decode(&bytes);
        let _ = SenderKeyDistributionMessage::decode(&bytes);
    }
}
