//! A party that moves from process to process, and operations that fail without a trace.
//!
//! Spec: interop 4 Commands, save and load; 6 Requirements checked from outside.

use std::mem;

use serde_json::{Value, json};

use crate::{Driver, GROUP, to_peer};

/// Moves all parties into a new process.
fn restart(driver: &mut Driver) {
    let mut old = mem::take(driver);
    for party in ["alice", "bob"] {
        let state = old.saved(party);
        driver.ok("load", json!({"party": party, "state": state}));
        assert_eq!(driver.saved(party), state, "saved again it is the same");
    }
}

#[test]
fn a_conversation_goes_on_whenever_processes_end() {
    let mut driver = Driver::with_parties();
    driver.ok("group_create", json!({"party": "alice", "distribution_id": GROUP}));
    restart(&mut driver);
    let key =
        driver.ok("group_create", json!({"party": "alice", "distribution_id": GROUP}))["message"].take();
    driver.ok("group_process", to_peer("bob", json!({"message": key})));
    driver.start("alice", "bob", json!({"one_time": true, "kyber": "last_resort"}));
    restart(&mut driver);
    let (late, first) = (driver.encrypt("alice", "00"), driver.encrypt("alice", "01"));
    let decrypt =
        |message: &Value| to_peer("bob", json!({"type": message["type"], "message": message["message"]}));
    driver.ok("decrypt", decrypt(&first));
    restart(&mut driver);
    assert_eq!(driver.class("decrypt", decrypt(&first)), "duplicate_message");
    for turn in 0..20 {
        driver.talk("bob", "alice", "02");
        driver.talk("alice", "bob", "03");
        if turn % 3 == 0 {
            restart(&mut driver);
        }
    }
    // Its chain is long gone by then: five newer ones have come.
    assert_eq!(driver.class("decrypt", decrypt(&late)), "invalid_message");
    let skipped = driver.encrypt("alice", "04");
    driver.talk("alice", "bob", "05");
    restart(&mut driver);
    assert_eq!(driver.ok("decrypt", decrypt(&skipped))["plaintext"], json!("04"));

    let sent =
        driver.ok("group_encrypt", json!({"party": "alice", "distribution_id": GROUP, "plaintext": "06"}));
    restart(&mut driver);
    let sent = to_peer("bob", json!({"message": sent["message"]}));
    assert_eq!(driver.ok("group_decrypt", sent.clone())["plaintext"], json!("06"));
    restart(&mut driver);
    assert_eq!(driver.class("group_decrypt", sent), "duplicate_message");

    // Identities, archived sessions, and the base keys that a last resort has seen.
    driver.ok("archive", to_peer("alice", json!({})));
    restart(&mut driver);
    driver.talk("bob", "alice", "07");
    driver.ok("delete_session", to_peer("bob", json!({})));
    restart(&mut driver);
    assert_eq!(driver.class("decrypt", decrypt(&first)), "invalid_prekey_id");
    let alice = driver.saved_identity_key("alice");
    assert_eq!(driver.ok("get_identity", to_peer("bob", json!({})))["identity_key"], alice);
}

#[test]
fn a_last_resort_remembers_base_keys_and_ids_are_not_used_again_after_a_restart() {
    let mut driver = Driver::with_parties();
    driver.start("alice", "bob", json!({"one_time": false, "kyber": "last_resort"}));
    let message = driver.encrypt("alice", "00");
    let decrypt = to_peer("bob", json!({"type": 3, "message": message["message"]}));
    driver.ok("decrypt", decrypt.clone());
    driver.ok("delete_session", to_peer("bob", json!({})));
    restart(&mut driver);
    assert_eq!(driver.class("decrypt", decrypt), "invalid_message");

    let bundle = json!({"party": "bob", "one_time": true, "kyber": "one_time"});
    let first = driver.ok("bundle", bundle.clone());
    driver.ok("process_bundle", to_peer("alice", json!({"bundle": first["bundle"]})));
    driver.talk("alice", "bob", "01");
    restart(&mut driver);
    let second = driver.ok("bundle", bundle);
    for id in ["prekey_id", "kyber_prekey_id", "signed_prekey_id"] {
        assert_ne!(first["bundle"][id], second["bundle"][id], "{id}");
    }
}

#[test]
fn a_party_loads_under_any_handle_and_replaces_what_was_there() {
    let mut driver = Driver::with_session();
    let state = driver.saved("alice");
    driver.ok("load", json!({"party": "bob", "state": state}));
    assert_eq!(driver.saved("bob"), state);
    driver.ok("load", json!({"party": "carol", "state": state}));
    driver.ok("drop_party", json!({"party": "alice"}));
    assert_eq!(driver.class("save", json!({"party": "alice"})), "bad_request");
    assert_eq!(driver.saved("carol"), state);
    driver.ok("new_party", json!({"party": "carol", "name": "carol", "device": 127, "registration_id": 0}));
    assert_ne!(driver.saved("carol"), state);
}

#[test]
fn every_damage_of_a_saved_party_is_an_invalid_argument() {
    let mut driver = Driver::with_session();
    driver.ok("group_create", json!({"party": "alice", "distribution_id": GROUP}));
    let state = hex::decode(driver.saved("alice").as_str().unwrap()).unwrap();
    let mut refuses =
        |bytes: &[u8]| driver.class("load", json!({"party": "alice", "state": hex::encode(bytes)}));
    for position in (0..state.len()).step_by(7).chain(0..40) {
        let mut damaged = state.clone();
        damaged[position] ^= 1 << (position % 8);
        assert_eq!(refuses(&damaged), "invalid_argument", "byte {position}");
        assert_eq!(refuses(&state[..position]), "invalid_argument", "cut at {position}");
    }
    assert_eq!(refuses(&[state.as_slice(), &[0]].concat()), "invalid_argument");
    assert_eq!(driver.saved("alice"), json!(hex::encode(&state)), "the party is still there");
}

#[test]
fn what_fails_leaves_no_trace() {
    let mut driver = Driver::with_session();
    let (certificate, trust_root) = driver.certificate();
    let create = json!({"party": "alice", "distribution_id": GROUP});
    let key = driver.ok("group_create", create)["message"].take();
    driver.ok("group_process", to_peer("bob", json!({"message": key})));
    let group =
        driver.ok("group_encrypt", json!({"party": "alice", "distribution_id": GROUP, "plaintext": "00"}));
    let sealed = json!({"certificate": certificate, "plaintext": "00", "content_hint": 0, "group_id": null});
    let sealed = driver.ok("ss1_encrypt", to_peer("alice", sealed));
    let whisper = driver.encrypt("alice", "00");
    driver.ok("archive", to_peer("alice", json!({})));
    driver.start("alice", "bob", json!({"one_time": true, "kyber": "one_time"}));
    let prekey = driver.encrypt("alice", "00");
    let bundle =
        driver.ok("bundle", json!({"party": "alice", "one_time": true, "kyber": "last_resort"}))["bundle"]
            .take();

    let decrypt = |message: &Value| {
        ("decrypt", to_peer("bob", json!({"type": message["type"], "message": message["message"]})))
    };
    let requests = [
        (decrypt(&whisper), "message"),
        (decrypt(&prekey), "message"),
        (("group_decrypt", to_peer("bob", json!({"message": group["message"]}))), "message"),
        (
            (
                "ss_decrypt",
                json!({"party": "bob", "message": sealed["message"], "trust_root": trust_root, "now_ms": 0,
                "local_e164": null}),
            ),
            "message",
        ),
        (("process_bundle", to_peer("bob", json!({"bundle": bundle}))), "bundle"),
    ];
    let before = driver.saved("bob");
    for ((cmd, arguments), changed) in &requests {
        let mut wrong = arguments.clone();
        if *changed == "bundle" {
            flip_last_bit(&mut wrong["bundle"]["kyber_prekey_signature"]);
        } else {
            flip_last_bit(&mut wrong[*changed]);
        }
        driver.class(cmd, wrong);
        assert_eq!(driver.saved("bob"), before, "after a failed {cmd}");
    }
    driver.class("encrypt", to_peer("bob", json!({"plaintext": "zz"})));
    assert_eq!(driver.saved("bob"), before);
    // And each works as if nothing had been tried.
    for ((cmd, arguments), _) in requests {
        driver.ok(cmd, arguments);
    }
}

#[test]
fn the_last_of_a_burst_of_twenty_five_thousand_arrives() {
    let mut driver = Driver::with_session();
    for _ in 1..25_000 {
        driver.encrypt("alice", "00");
    }
    driver.talk("alice", "bob", "01");
}

#[test]
fn a_message_of_megabytes_is_a_message() {
    let mut driver = Driver::with_session();
    driver.talk("alice", "bob", &"5a".repeat(3_000_000));
}

fn flip_last_bit(text: &mut Value) {
    let mut bytes = hex::decode(text.as_str().unwrap()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    *text = json!(hex::encode(bytes));
}
