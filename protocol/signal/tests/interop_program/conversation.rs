//! Two parties who do everything there is, each answer checked.
//!
//! Spec: interop 3 Party stores, 4 Commands.

use serde_json::{Value, json};

use crate::{ALICE, BOB, Driver, GROUP, to_peer};

#[test]
fn a_session_starts_carries_messages_both_ways_and_ends() {
    let mut driver = Driver::with_parties();
    let info =
        |driver: &mut Driver, party: &str| driver.ok("session_info", to_peer(party, json!({"now_ms": 0})));
    assert_eq!(info(&mut driver, "alice")["exists"], json!(false));
    driver.start("alice", "bob", json!({"one_time": true, "kyber": "one_time"}));
    let after_start = info(&mut driver, "alice");
    assert_eq!((&after_start["exists"], &after_start["usable"]), (&json!(true), &json!(true)));
    assert_eq!(after_start["remote_registration_id"], json!(202));
    assert_eq!(driver.encrypt("alice", "")["type"], json!(3));
    driver.talk("alice", "bob", "");
    driver.talk("bob", "alice", "00");
    assert_eq!(driver.encrypt("alice", "")["type"], json!(2));

    driver.ok("archive", to_peer("alice", json!({})));
    let archived = info(&mut driver, "alice");
    assert_eq!((&archived["exists"], &archived["usable"]), (&json!(true), &json!(false)));
    assert_eq!(archived["remote_registration_id"], Value::Null);
    assert_eq!(driver.class("encrypt", to_peer("alice", json!({"plaintext": ""}))), "no_session");
    driver.talk("bob", "alice", "01");
    driver.talk("alice", "bob", "02");

    driver.ok("delete_session", to_peer("alice", json!({})));
    assert_eq!(info(&mut driver, "alice")["exists"], json!(false));
    assert_eq!(driver.class("archive", to_peer("alice", json!({}))), "no_session");
}

#[test]
fn an_unanswered_session_is_usable_for_thirty_days() {
    let mut driver = Driver::with_parties();
    let bundle = json!({"party": "bob", "one_time": false, "kyber": "last_resort"});
    let bundle = driver.ok("bundle", bundle)["bundle"].take();
    driver.ok("process_bundle", to_peer("alice", json!({"bundle": bundle, "now_ms": 1_999})));
    let last = 1_000 + 2_592_000_000u64;
    for (now, usable) in [(last, true), (last + 1, false)] {
        let info = driver.ok("session_info", to_peer("alice", json!({"now_ms": now})));
        assert_eq!(info["usable"], json!(usable));
        let encrypted = driver.ask("encrypt", to_peer("alice", json!({"plaintext": "", "now_ms": now})));
        assert_eq!(encrypted["ok"], json!(usable));
    }
}

#[test]
fn used_prekeys_go_and_the_last_resort_stays_and_remembers() {
    let mut driver = Driver::with_parties();
    for (kyber, left) in [("one_time", 0), ("last_resort", 1)] {
        driver.start("alice", "bob", json!({"one_time": true, "kyber": kyber}));
        let message = driver.encrypt("alice", "00");
        let decrypt = to_peer("bob", json!({"type": 3, "message": message["message"]}));
        let mut before = driver.ok("prekeys", json!({"party": "bob"}));
        driver.ok("decrypt", decrypt.clone());
        let after = driver.ok("prekeys", json!({"party": "bob"}));
        assert_eq!(before["prekeys"].as_array().unwrap().len(), 1);
        assert_eq!(after["prekeys"], json!([]));
        assert_eq!(after["signed_prekeys"], before["signed_prekeys"].take());
        assert_eq!(after["kyber_prekeys"].as_array().unwrap().len(), left);

        driver.ok("delete_session", to_peer("bob", json!({})));
        assert_eq!(
            driver.class("decrypt", decrypt),
            if left == 0 { "invalid_kyber_prekey_id" } else { "invalid_prekey_id" }
        );
    }

    driver.start("alice", "bob", json!({"one_time": false, "kyber": "last_resort", "reuse": true}));
    let message = driver.encrypt("alice", "00");
    let decrypt = to_peer("bob", json!({"type": 3, "message": message["message"]}));
    driver.ok("decrypt", decrypt.clone());
    assert_eq!(driver.class("decrypt", decrypt.clone()), "duplicate_message");
    driver.ok("delete_session", to_peer("bob", json!({})));
    assert_eq!(driver.class("decrypt", decrypt), "invalid_message");
}

#[test]
fn a_bundle_reuses_only_the_signed_prekey_and_the_last_resort() {
    let mut driver = Driver::with_parties();
    let mut bundle = |kyber: &str, reuse: bool| {
        let arguments = json!({"party": "bob", "one_time": true, "kyber": kyber, "reuse": reuse});
        driver.ok("bundle", arguments)["bundle"].take()
    };
    let first = bundle("last_resort", true);
    let again = bundle("last_resort", true);
    for same in
        ["signed_prekey_id", "signed_prekey", "kyber_prekey_id", "kyber_prekey", "kyber_prekey_signature"]
    {
        assert_eq!(first[same], again[same], "{same}");
    }
    assert_ne!(first["prekey_id"], again["prekey_id"]);
    assert_ne!(first["prekey"], again["prekey"]);
    let one_time = bundle("one_time", true);
    assert_eq!(one_time["signed_prekey"], first["signed_prekey"]);
    assert_ne!(one_time["kyber_prekey_id"], first["kyber_prekey_id"]);
    assert_eq!(bundle("last_resort", true)["kyber_prekey"], first["kyber_prekey"]);
    let fresh = bundle("last_resort", false);
    assert_ne!(fresh["signed_prekey_id"], first["signed_prekey_id"]);
    assert_ne!(fresh["kyber_prekey_id"], first["kyber_prekey_id"]);
    assert_eq!(bundle("last_resort", true)["kyber_prekey"], fresh["kyber_prekey"]);
}

#[test]
fn identities_are_trusted_on_first_use_in_both_directions() {
    let mut driver = Driver::with_parties();
    let own = driver.saved_identity_key("alice");
    let known = |driver: &mut Driver, party: &str| {
        driver.ok("get_identity", to_peer(party, json!({})))["identity_key"].take()
    };
    let bob = driver.saved_identity_key("bob");
    assert_eq!(known(&mut driver, "alice"), Value::Null);
    driver.start("alice", "bob", json!({"one_time": true, "kyber": "one_time"}));
    assert_eq!(known(&mut driver, "alice"), bob);
    driver.talk("alice", "bob", "00");
    assert_eq!(known(&mut driver, "bob"), own);

    let message = driver.encrypt("bob", "01");
    let decrypt = to_peer("alice", json!({"type": message["type"], "message": message["message"]}));
    driver.ok("set_identity", to_peer("alice", json!({"identity_key": own})));
    assert_eq!(driver.class("encrypt", to_peer("alice", json!({"plaintext": ""}))), "untrusted_identity");
    assert_eq!(driver.class("decrypt", decrypt.clone()), "untrusted_identity");
    let bundle =
        driver.ok("bundle", json!({"party": "bob", "one_time": false, "kyber": "one_time"}))["bundle"].take();
    assert_eq!(
        driver.class("process_bundle", to_peer("alice", json!({"bundle": bundle}))),
        "untrusted_identity"
    );

    // Encrypting and decrypting learn the identity again.
    for (cmd, arguments) in [("encrypt", to_peer("alice", json!({"plaintext": ""}))), ("decrypt", decrypt)] {
        driver.ok("forget_identity", to_peer("alice", json!({})));
        assert_eq!(known(&mut driver, "alice"), Value::Null);
        driver.ok(cmd, arguments);
        assert_eq!(known(&mut driver, "alice"), bob, "after {cmd}");
    }
}

#[test]
fn a_first_message_is_for_one_address_only() {
    let mut driver = Driver::with_parties();
    driver.start("alice", "bob", json!({"one_time": true, "kyber": "one_time"}));
    let message = driver.encrypt("alice", "00");
    let decrypt = to_peer("bob", json!({"type": 3, "message": message["message"]}));
    for (name, value) in
        [("local_name", json!(ALICE)), ("local_name", json!("bob")), ("local_device", json!(3))]
    {
        let mut elsewhere = decrypt.clone();
        elsewhere[name] = value;
        assert_eq!(driver.class("decrypt", elsewhere), "invalid_message", "{name}");
    }
    let mut same = decrypt;
    (same["local_name"], same["local_device"]) = (json!(BOB), json!(2));
    driver.ok("decrypt", same);
}

#[test]
fn a_failed_message_is_reported_with_its_ratchet_key() {
    let mut driver = Driver::with_session();
    let message = driver.encrypt("alice", "00");
    let report =
        json!({"type": message["type"], "message": message["message"], "timestamp": 77, "device": 1});
    let report = driver.ok("decryption_error", report);
    let parsed =
        driver.ok("parse_decryption_error", json!({"plaintext_content": report["plaintext_content"]}));
    assert_eq!((&parsed["timestamp"], &parsed["device"]), (&json!(77), &json!(1)));
    let matches = |driver: &mut Driver, party: &str| {
        driver.ok("ratchet_key_matches", to_peer(party, json!({"ratchet_key": parsed["ratchet_key"]})))["matches"].take()
    };
    assert_eq!(matches(&mut driver, "alice"), json!(true));
    assert_eq!(matches(&mut driver, "bob"), json!(false));
    driver.ok("delete_session", to_peer("alice", json!({})));
    assert_eq!(matches(&mut driver, "alice"), json!(false));

    let of_group =
        driver.ok("decryption_error", json!({"type": 7, "message": "", "timestamp": 1, "device": 0}));
    let parsed =
        driver.ok("parse_decryption_error", json!({"plaintext_content": of_group["plaintext_content"]}));
    assert_eq!(parsed["ratchet_key"], Value::Null);
}

#[test]
fn a_group_has_a_key_that_can_be_handed_out_and_reset() {
    let mut driver = Driver::with_parties();
    let create = json!({"party": "alice", "distribution_id": GROUP});
    let first = driver.ok("group_create", create.clone());
    assert_eq!(driver.ok("group_create", create.clone())["message"], first["message"]);
    driver.ok("group_process", to_peer("bob", json!({"message": first["message"]})));
    let encrypt = json!({"party": "alice", "distribution_id": GROUP, "plaintext": "00ff"});
    let sent = driver.ok("group_encrypt", encrypt.clone());
    let decrypt = to_peer("bob", json!({"message": sent["message"]}));
    assert_eq!(driver.ok("group_decrypt", decrypt.clone())["plaintext"], json!("00ff"));
    assert_eq!(driver.class("group_decrypt", decrypt), "duplicate_message");
    let to_write = json!({"party": "bob", "distribution_id": GROUP, "plaintext": ""});
    assert_eq!(driver.class("group_encrypt", to_write), "no_sender_key");

    driver.ok("group_reset", create.clone());
    assert_eq!(driver.class("group_encrypt", encrypt.clone()), "no_sender_key");
    assert_ne!(driver.ok("group_create", create)["message"], first["message"]);
    let sent = driver.ok("group_encrypt", encrypt);
    assert_eq!(
        driver.class("group_decrypt", to_peer("bob", json!({"message": sent["message"]}))),
        "no_sender_key"
    );
}

#[test]
fn a_sealed_message_of_either_version_shows_who_sent_it() {
    let mut driver = Driver::with_session();
    let (certificate, trust_root) = driver.certificate();
    let valid = |driver: &mut Driver, root: &Value, now: u64| {
        let arguments = json!({"certificate": certificate, "trust_roots": [root], "now_ms": now});
        driver.ok("validate_certificate", arguments)["valid"].take()
    };
    assert_eq!(valid(&mut driver, &trust_root, 1_000), json!(true));
    assert_eq!(valid(&mut driver, &trust_root, 1_001), json!(false));
    let other = driver.saved_identity_key("bob");
    assert_eq!(valid(&mut driver, &other, 0), json!(false));

    let sealed = json!({"certificate": certificate, "plaintext": "0a", "content_hint": 2, "group_id": ""});
    let first = driver.ok("ss1_encrypt", to_peer("alice", sealed))["message"].take();
    let opened = driver.ok("ss_open", json!({"party": "bob", "message": first}));
    assert_eq!(opened["group_id"], Value::Null);
    let many = json!({"party": "alice", "recipients": [{"name": BOB, "device": 2}], "excluded": [format!("PNI:{ALICE}")],
        "certificate": certificate, "type": opened["type"], "content": opened["content"], "content_hint": 42, "group_id": "07"});
    let sent = driver.ok("ss2_encrypt", many)["message"].take();
    let split = driver.ok("ss2_split", json!({"message": sent}));
    assert_eq!(split["excluded"], json!([format!("PNI:{ALICE}")]));
    let recipient = &split["recipients"][0];
    assert_eq!(recipient["service_id"], json!(BOB));
    assert_eq!(recipient["devices"], json!([{"device": 2, "registration_id": 202}]));
    let second = driver.ok("ss_open", json!({"party": "bob", "message": recipient["received"]}));
    assert_eq!((&second["content_hint"], &second["group_id"]), (&json!(42), &json!("07")));
    for (name, value) in [("sender_name", ALICE), ("sender_e164", "+31201234567")] {
        assert_eq!(second[name], json!(value));
    }
    assert_eq!(second["certificate"], certificate);

    let decrypt = |message: &Value, now: u64, e164: Value| json!({"party": "bob", "message": message, "trust_root": trust_root, "now_ms": now, "local_e164": e164});
    assert_eq!(driver.class("ss_decrypt", decrypt(&first, 1_001, Value::Null)), "sealed_sender_invalid");
    // The same number and another device: not a message from this very device.
    let decrypted = driver.ok("ss_decrypt", decrypt(&recipient["received"], 0, json!("+31201234567")));
    assert_eq!((&decrypted["plaintext"], &decrypted["sender_device"]), (&json!("0a"), &json!(1)));
    assert_eq!(driver.class("ss_decrypt", decrypt(&first, 0, Value::Null)), "duplicate_message");

    // Alice seals for herself.
    let to_self = |mut arguments: Value| {
        (arguments["party"], arguments["name"], arguments["device"]) =
            (json!("alice"), json!(ALICE), json!(1));
        arguments
    };
    let content = to_self(
        json!({"certificate": certificate, "type": 8, "content": "", "content_hint": 0, "group_id": null}),
    );
    assert_eq!(driver.class("ss1_seal", content.clone()), "no_session");
    let key = driver.saved_identity_key("alice");
    driver.ok("set_identity", to_self(json!({"identity_key": key})));
    let sealed = driver.ok("ss1_seal", content)["message"].take();
    let mut decrypt = decrypt(&sealed, 0, Value::Null);
    decrypt["party"] = json!("alice");
    assert_eq!(driver.class("ss_decrypt", decrypt), "sealed_sender_self_send");
}

#[test]
fn signatures_and_agreements_are_those_of_the_keys() {
    let mut driver = Driver::default();
    let (one, two) = ("11".repeat(32), "22".repeat(32));
    let public_one = driver.ok("public_key", json!({"private_key": one}))["public_key"].take();
    let public_two = driver.ok("public_key", json!({"private_key": two}))["public_key"].take();
    let there = driver.ok("agree", json!({"private_key": one, "public_key": public_two}));
    let back = driver.ok("agree", json!({"private_key": two, "public_key": public_one}));
    assert_eq!(there["shared"], back["shared"]);

    let signature = driver.ok("sign", json!({"private_key": one, "message": "AB"}))["signature"].take();
    for (key, message, valid) in
        [(&public_one, "ab", true), (&public_two, "ab", false), (&public_one, "ac", false)]
    {
        let arguments = json!({"public_key": key, "message": message, "signature": signature});
        assert_eq!(driver.ok("verify", arguments)["valid"], json!(valid));
    }
    let proof = json!({"private_key": one, "other": public_two});
    let proof = driver.ok("sign_alternate_identity", proof)["signature"].take();
    for (key, other, valid) in [(&public_one, &public_two, true), (&public_two, &public_one, false)] {
        let arguments = json!({"public_key": key, "other": other, "signature": proof});
        assert_eq!(driver.ok("verify_alternate_identity", arguments)["valid"], json!(valid));
    }
}
