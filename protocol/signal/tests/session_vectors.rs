//! Recorded transcripts: flights of messages from the official library to one device, with its verdict on each.
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

use common::{Device, bytes, number, vector_address};
use khaima_signal::{CiphertextMessage, IdentityKey, MessageType, ProtocolAddress};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use serde_json::{Value, json};

fn run(name: &str) {
    let vectors = common::vectors("session.json");
    let transcripts = vectors["transcripts"].as_array().unwrap();
    let transcript = transcripts.iter().find(|transcript| transcript["name"] == name).unwrap();
    let mut bob = Device::from_vector(&transcript["bob"]);
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    for (at, step) in transcript["steps"].as_array().unwrap().iter().enumerate() {
        let note = format!("{name}, step {at}: {} {}", step["op"], step["note"]);
        let sender =
            vector_address(if step["from"].is_null() { &transcript["alice"] } else { &step["from"] });
        match step["op"].as_str().unwrap() {
            "decrypt" => decrypt(&mut bob, &sender, step, &note, &mut rng),
            "delete_session" => bob.delete_session(&sender),
            "archive_session" => bob.archive(&sender),
            "set_identity" => {
                let key = IdentityKey::deserialize(&bytes(&step["identity_public"])).unwrap();
                bob.set_identity(&sender, Some(&key));
            }
            "forget_identity" => bob.set_identity(&sender, None),
            "check" => assert_eq!(check(&bob, &sender), step["expect"], "{note}"),
            // Every step goes through the stored form anyway.
            "save_and_load" => {
                let before = bob.stores.clone();
                let record = bob.record(&sender);
                assert!(
                    common::parts_of(&record)
                        == before.sessions[&(sender.name().to_owned(), sender.device().value())]
                );
            }
            other => panic!("unknown step {other}"),
        }
    }
}

fn decrypt(bob: &mut Device, sender: &ProtocolAddress, step: &Value, note: &str, rng: &mut ChaCha20Rng) {
    let local = if step["local"].is_null() { bob.address.clone() } else { vector_address(&step["local"]) };
    let message_type = MessageType::from_number(number(&step["type"])).unwrap();
    let before = bob.stores.clone();
    let result = CiphertextMessage::decode(message_type, &bytes(&step["message"]))
        .map_err(|error| error.class())
        .and_then(|message| bob.decrypt_at(&local, sender, &message, rng).map_err(|error| error.class()));
    let found = match result {
        Ok(plaintext) => json!({ "plaintext": hex::encode(plaintext) }),
        Err(class) => {
            assert!(bob.stores == before, "{note}: a refused message changed a store");
            json!({ "error": class.as_str() })
        }
    };
    assert_eq!(found, step["expect"], "{note}");
}

fn check(bob: &Device, sender: &ProtocolAddress) -> Value {
    json!({
        "prekeys": bob.stores.one_time.keys().collect::<Vec<_>>(),
        "kyber_prekeys": bob.stores.kyber.keys().collect::<Vec<_>>(),
        "has_session": bob.has_session(sender),
        "remote_registration_id": bob.record(sender).remote_registration_id(),
    })
}

macro_rules! transcripts {
    ($($(#[$meta:meta])* $test:ident: $name:literal,)*) => {
        $($(#[$meta])* #[test] fn $test() { run($name); })*

        #[test]
        fn every_recorded_transcript_is_run() {
            let vectors = common::vectors("session.json");
            let names: Vec<_> =
                vectors["transcripts"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
            assert_eq!(names, [$($name),*]);
        }
    };
}

transcripts! {
    messages_in_order_decrypt_once: "in_order",
    messages_out_of_order_decrypt_and_changed_ones_do_not: "out_of_order",
    the_largest_jump_on_a_fresh_session_is_accepted: "jump_first",
    the_largest_jump_after_a_message_is_accepted: "jump_later",
    two_thousand_skipped_keys_are_kept: "skipped_window",
    forty_archived_sessions_still_decrypt: "many_sessions",
    a_base_key_seen_before_is_refused: "replay_after_loss",
    a_second_session_with_a_spent_one_time_prekey_is_refused: "one_time_prekey_gone",
    messages_are_bound_to_both_addresses: "addresses",
    names_that_are_no_service_ids_bind_nothing: "no_addresses",
    identities_are_trusted_on_first_use: "identity_trust",
    changed_headers_are_refused_as_recorded: "header_errors",
    a_self_session_has_no_jump_limit: "self_session",
}
