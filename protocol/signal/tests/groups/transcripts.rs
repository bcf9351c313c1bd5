//! Recorded transcripts: what the official library sends to one device, with its verdict on each.

use khaima_signal::{SenderKeyDistributionMessage, SenderKeyMessage};
use serde_json::{Value, json};

use crate::{
    common::sender_keys::SenderKeys,
    common::{self, bytes, vector_address},
};

fn run(name: &str) {
    let vectors = common::vectors("groups.json");
    let transcripts = vectors["transcripts"].as_array().unwrap();
    let transcript = transcripts.iter().find(|transcript| transcript["name"] == name).unwrap();
    let mut device = SenderKeys::default();
    for (at, step) in transcript["steps"].as_array().unwrap().iter().enumerate() {
        let note = format!("{name}, step {at}: {} {}", step["op"], step["note"]);
        match step["op"].as_str().unwrap() {
            "process" => assert_eq!(process(&mut device, step), step["expect"], "{note}"),
            "decrypt" => assert_eq!(decrypt(&mut device, step, &note), step["expect"], "{note}"),
            "save_and_load" => device = device.saved_and_loaded(),
            other => panic!("unknown step {other}"),
        }
    }
}

fn process(device: &mut SenderKeys, step: &Value) -> Value {
    match SenderKeyDistributionMessage::decode(&bytes(&step["message"])) {
        Ok(message) => {
            let _ = device.process(&vector_address(&step["from"]), &message);
            json!({ "processed": true })
        }
        Err(error) => json!({ "error": error.class().as_str() }),
    }
}

fn decrypt(device: &mut SenderKeys, step: &Value, note: &str) -> Value {
    let before = device.clone();
    let result = SenderKeyMessage::decode(&bytes(&step["message"])).map_err(|error| error.class()).and_then(
        |message| device.decrypt(&vector_address(&step["from"]), &message).map_err(|error| error.class()),
    );
    match result {
        Ok(plaintext) => json!({ "plaintext": hex::encode(plaintext) }),
        Err(class) => {
            assert!(*device == before, "{note}: a refused message changed a store");
            json!({ "error": class.as_str() })
        }
    }
}

macro_rules! transcripts {
    ($($test:ident: $name:literal,)*) => {
        $(#[test] fn $test() { run($name); })*

        #[test]
        fn every_recorded_transcript_is_run() {
            let vectors = common::vectors("groups.json");
            let names: Vec<_> =
                vectors["transcripts"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
            assert_eq!(names, [$($name),*]);
        }
    };
}

transcripts! {
    messages_decrypt_once_in_any_order_and_changed_ones_do_not: "basic",
    a_late_joiner_reads_nothing_older: "late_join",
    a_jump_of_25000_is_accepted_and_2000_skipped_keys_are_kept: "limits",
    five_chains_are_kept_and_the_oldest_goes: "rotation",
}
