//! Well-typed values that the protocol refuses, each with its class.
//!
//! Spec: interop 1 Transport, 4 Commands, 5 Error classes.

use serde_json::{Value, json};

use crate::{ALICE, BOB, Driver, GROUP, to_peer};

#[test]
fn a_device_out_of_range_is_an_invalid_address_in_every_address() {
    let commands = [
        "new_party",
        "process_bundle",
        "encrypt",
        "decrypt",
        "session_info",
        "archive",
        "delete_session",
        "set_identity",
        "forget_identity",
        "get_identity",
        "ratchet_key_matches",
        "group_process",
        "group_decrypt",
        "ss1_encrypt",
        "ss1_seal",
    ];
    let mut driver = Driver::with_session();
    let bundle = bundle_of_bob(&mut driver);
    let (certificate, _) = driver.certificate();
    let key = driver.saved_identity_key("bob");
    for cmd in commands {
        for device in [0u64, 128, 255, 256, 257, 1 << 32, (1 << 32) + 1, (1 << 53) - 1] {
            let mut arguments = to_peer(
                "alice",
                json!({"registration_id": 1, "bundle": bundle, "plaintext": "", "type": 2, "message": "", "identity_key": key,
                    "ratchet_key": key, "certificate": certificate, "content": "", "content_hint": 0, "group_id": null}),
            );
            arguments["device"] = json!(device);
            assert_eq!(driver.class(cmd, arguments), "invalid_address", "{cmd}, device {device}");
        }
    }
    let message = driver.encrypt("bob", "00");
    let mut arguments = to_peer("alice", json!({"type": message["type"], "message": message["message"]}));
    arguments["local_device"] = json!(128);
    assert_eq!(driver.class("decrypt", arguments), "invalid_address");
    let mut arguments = many(&certificate, json!([{"name": BOB, "device": 2}, {"name": BOB, "device": 0}]));
    assert_eq!(driver.class("ss2_encrypt", arguments.take()), "invalid_address");
}

#[test]
fn a_device_out_of_range_elsewhere_is_an_invalid_argument() {
    let mut driver = Driver::with_parties();
    for device in [0u64, 128, 256, 1 << 32] {
        let mut bundle = bundle_of_bob(&mut driver);
        bundle["device"] = json!(device);
        assert_eq!(
            driver.class("process_bundle", to_peer("alice", json!({"bundle": bundle}))),
            "invalid_argument"
        );

        let mut arguments = sender_certificate(&mut driver);
        arguments["device"] = json!(device);
        assert_eq!(driver.class("sender_certificate", arguments), "invalid_argument");
    }
    // Whoever reports a failed message repeats a number, whatever it is.
    driver.ok("decryption_error", json!({"type": 7, "message": "", "timestamp": 0, "device": 128}));
}

#[test]
fn half_a_one_time_prekey_is_an_invalid_argument_and_no_key_is_worse() {
    let mut driver = Driver::with_parties();
    for missing in ["prekey", "prekey_id"] {
        let mut bundle = bundle_of_bob(&mut driver);
        bundle[missing] = Value::Null;
        let arguments = to_peer("alice", json!({"bundle": bundle}));
        assert_eq!(driver.class("process_bundle", arguments), "invalid_argument", "without {missing}");
        for key in ["identity_key", "signed_prekey", "kyber_prekey"] {
            for bytes in ["", "05", "06", "0505"] {
                let mut bundle = bundle.clone();
                bundle[key] = json!(bytes);
                bundle["device"] = json!(0);
                let mut arguments = to_peer("alice", json!({"bundle": bundle}));
                arguments["device"] = json!(0);
                assert_eq!(driver.class("process_bundle", arguments), "invalid_key", "{key}: {bytes}");
            }
        }
    }
    let mut bundle = bundle_of_bob(&mut driver);
    (bundle["prekey"], bundle["prekey_id"]) = (Value::Null, Value::Null);
    driver.ok("process_bundle", to_peer("alice", json!({"bundle": bundle})));
}

#[test]
fn a_private_key_of_another_length_is_an_invalid_key() {
    let mut driver = Driver::with_parties();
    let public = driver.saved_identity_key("alice");
    let certificate = sender_certificate(&mut driver);
    for length in [0, 1, 31, 33, 64] {
        let bad = "01".repeat(length);
        let mut with_server = certificate.clone();
        with_server["server_private"] = json!(bad);
        let requests = [
            ("new_party", to_peer("alice", json!({"registration_id": 1, "identity_private": bad}))),
            ("agree", json!({"private_key": bad, "public_key": public})),
            ("sign", json!({"private_key": bad, "message": ""})),
            ("public_key", json!({"private_key": bad})),
            ("sign_alternate_identity", json!({"private_key": bad, "other": public})),
            ("server_certificate", json!({"key_id": 1, "key": public, "trust_root_private": bad})),
            ("sender_certificate", with_server),
        ];
        for (cmd, arguments) in requests {
            assert_eq!(driver.class(cmd, arguments), "invalid_key", "{cmd}, {length} bytes");
        }
    }
}

#[test]
fn bytes_that_are_no_public_key_are_an_invalid_key() {
    let mut driver = Driver::with_parties();
    let (certificate, _) = driver.certificate();
    let (private, public) = ("01".repeat(32), driver.saved_identity_key("alice"));
    for bad in ["".to_owned(), "05".to_owned(), "06".repeat(33), "05".repeat(32)] {
        let mut for_sender = sender_certificate(&mut driver);
        for_sender["identity_key"] = json!(bad);
        let fingerprint = |local: &Value, remote: &Value| json!({"version": 2, "iterations": 2, "local_id": "", "local_key": local, "remote_id": "", "remote_key": remote});
        let requests = [
            ("agree", json!({"private_key": private, "public_key": bad})),
            ("verify", json!({"public_key": bad, "message": "", "signature": ""})),
            ("sign_alternate_identity", json!({"private_key": private, "other": bad})),
            ("verify_alternate_identity", json!({"public_key": bad, "other": public, "signature": ""})),
            ("verify_alternate_identity", json!({"public_key": public, "other": bad, "signature": ""})),
            ("fingerprint", fingerprint(&json!(bad), &public)),
            ("fingerprint", fingerprint(&public, &json!(bad))),
            ("set_identity", to_peer("alice", json!({"identity_key": bad}))),
            ("ratchet_key_matches", to_peer("alice", json!({"ratchet_key": bad}))),
            ("server_certificate", json!({"key_id": 1, "key": bad, "trust_root_private": private})),
            ("sender_certificate", for_sender),
            ("validate_certificate", json!({"certificate": certificate, "trust_roots": [public, bad]})),
            ("ss_decrypt", json!({"party": "bob", "message": "", "trust_root": bad, "local_e164": null})),
        ];
        for (cmd, arguments) in requests {
            assert_eq!(driver.class(cmd, arguments), "invalid_key", "{cmd}: {bad}");
        }
    }
    let zero = format!("05{}", "00".repeat(32));
    assert_eq!(driver.class("agree", json!({"private_key": private, "public_key": zero})), "invalid_key");
}

#[test]
fn each_command_has_the_classes_of_what_it_does() {
    let mut driver = Driver::with_parties();
    let (certificate, trust_root) = driver.certificate();
    let sealed = json!({"certificate": certificate, "plaintext": "", "content_hint": 0, "group_id": null});
    let one =
        json!({"certificate": certificate, "type": 2, "content": "", "content_hint": 0, "group_id": null});
    let to_bob = json!([{"name": BOB, "device": 2}]);
    let mut excluding = many(&certificate, json!([]));
    excluding["excluded"] = json!([BOB, "nobody"]);
    let expected = [
        ("encrypt", to_peer("alice", json!({"plaintext": ""})), "no_session"),
        ("decrypt", to_peer("alice", json!({"type": 2, "message": ""})), "malformed"),
        ("decrypt", to_peer("alice", json!({"type": 3, "message": "34"})), "malformed"),
        ("decrypt", to_peer("alice", json!({"type": 3, "message": "2400"})), "legacy_version"),
        ("decrypt", to_peer("alice", json!({"type": 2, "message": "54".repeat(9)})), "unknown_version"),
        ("archive", to_peer("alice", json!({})), "no_session"),
        ("ss1_encrypt", to_peer("alice", sealed), "no_session"),
        ("ss1_seal", to_peer("alice", one), "no_session"),
        ("ss2_encrypt", many(&certificate, to_bob), "no_session"),
        ("ss2_encrypt", excluding, "invalid_argument"),
        ("ss2_split", json!({"message": ""}), "sealed_sender_invalid"),
        ("ss2_split", json!({"message": "24"}), "sealed_sender_unknown_version"),
        ("ss2_split", json!({"message": "23"}), "malformed"),
        ("ss_open", json!({"party": "bob", "message": ""}), "sealed_sender_invalid"),
        ("ss_open", json!({"party": "bob", "message": "33"}), "sealed_sender_unknown_version"),
        (
            "ss_decrypt",
            json!({"party": "bob", "message": "11", "trust_root": trust_root, "local_e164": null}),
            "malformed",
        ),
        ("validate_certificate", json!({"certificate": "", "trust_roots": []}), "malformed"),
        ("validate_certificate", by_reference(), "sealed_sender_unknown_server_certificate"),
        (
            "decryption_error",
            json!({"type": 8, "message": "", "timestamp": 0, "device": 1}),
            "invalid_argument",
        ),
        ("parse_decryption_error", json!({"plaintext_content": "c080"}), "invalid_argument"),
        ("parse_decryption_error", json!({"plaintext_content": "80"}), "unknown_version"),
        ("parse_decryption_error", json!({"plaintext_content": ""}), "malformed"),
        (
            "group_encrypt",
            json!({"party": "bob", "distribution_id": GROUP, "plaintext": ""}),
            "no_sender_key",
        ),
        ("group_process", to_peer("alice", json!({"message": ""})), "malformed"),
        ("group_decrypt", to_peer("alice", json!({"message": "43".repeat(65)})), "unknown_version"),
        ("fingerprint_compare", json!({"mine": "", "theirs": ""}), "fingerprint_invalid"),
        ("load", json!({"party": "new", "state": ""}), "invalid_argument"),
    ];
    for (cmd, arguments, class) in expected {
        let seen = arguments.to_string();
        assert_eq!(driver.class(cmd, arguments), class, "{cmd} {seen}");
    }
}

#[test]
fn fingerprints_are_refused_by_iterations_and_version() {
    let mut driver = Driver::with_parties();
    let (alice, bob) = (driver.saved_identity_key("alice"), driver.saved_identity_key("bob"));
    let side = |version: u64, iterations: u64, swapped: bool| {
        let (local, remote) = if swapped { (&bob, &alice) } else { (&alice, &bob) };
        let (local_id, remote_id) = if swapped { ("02", "01") } else { ("01", "02") };
        json!({"version": version, "iterations": iterations, "local_id": local_id, "local_key": local, "remote_id": remote_id,
            "remote_key": remote})
    };
    for iterations in [0, 1, 1_000_001, (1 << 32) + 2] {
        assert_eq!(driver.class("fingerprint", side(2, iterations, false)), "fingerprint_invalid");
    }
    let mine = driver.ok("fingerprint", side(2, 2, false));
    let theirs = driver.ok("fingerprint", side(2, 2, true));
    let older = driver.ok("fingerprint", side(1, 2, true));
    assert_eq!(mine["display"], theirs["display"]);
    assert_eq!(mine["display"].as_str().unwrap().len(), 60);
    let mut compare = |theirs: &Value| {
        driver.ask("fingerprint_compare", json!({"mine": mine["scannable"], "theirs": theirs}))
    };
    assert_eq!(compare(&theirs["scannable"])["match"], json!(true));
    assert_eq!(compare(&mine["scannable"])["match"], json!(false));
    assert_eq!(compare(&older["scannable"])["error"], json!("fingerprint_version_mismatch"));
}

fn bundle_of_bob(driver: &mut Driver) -> Value {
    driver.ok("bundle", json!({"party": "bob", "one_time": true, "kyber": "one_time"}))["bundle"].take()
}

/// A right request for a sender certificate.
fn sender_certificate(driver: &mut Driver) -> Value {
    let key = driver.saved_identity_key("alice");
    let private = "22".repeat(32);
    let server = json!({"key_id": 1, "key": key, "trust_root_private": private});
    let server = driver.ok("server_certificate", server)["certificate"].take();
    json!({"name": ALICE, "e164": null, "device": 1, "identity_key": key, "expires_ms": 1, "server_certificate": server,
        "server_private": private})
}

fn many(certificate: &Value, recipients: Value) -> Value {
    json!({"party": "alice", "recipients": recipients, "excluded": [], "certificate": certificate, "type": 2, "content": "",
        "content_hint": 0, "group_id": null})
}

/// A sender certificate that names server certificate 1, which nobody knows.
fn by_reference() -> Value {
    let contents = format!("1001190000000000000000222105{}4001320161", "09".repeat(32));
    let length = contents.len() / 2;
    json!({"certificate": format!("0a{length:02x}{contents}1200"), "trust_roots": []})
}
