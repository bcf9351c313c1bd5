//! Every recorded key, agreement, signature and address of the official library.
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

use common::{bytes, may_be_refused, number, vectors};
use khaima_signal::{
    DeviceId, ErrorClass, IdentityKey, IdentityKeyPair, KemPublicKey, KemSecretKey, LocalIdentity,
    PrivateKey, ProtocolAddress, PublicKey, ServiceId,
};
use serde_json::Value;

fn cases(file: &Value, name: &str) -> Vec<Value> {
    let cases = file[name].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

/// The value that `expect` holds under `field`, or the error class.
fn assert_expected(case: &Value, field: &str, result: Result<String, ErrorClass>) {
    let expect = &case["expect"];
    match result {
        Ok(value) => assert_eq!(Some(value.as_str()), expect[field].as_str(), "{case}"),
        Err(_) if may_be_refused(case) => {}
        Err(class) => assert_eq!(Some(class.as_str()), expect["error"].as_str(), "{case}"),
    }
}

#[test]
fn private_keys_are_clamped_and_give_the_recorded_public_keys() {
    for case in cases(&vectors("curve.json"), "private_keys") {
        let key = PrivateKey::deserialize(&bytes(&case["input"])).unwrap();
        assert_eq!(key.serialize().expose().as_slice(), bytes(&case["clamped"]));
        assert_eq!(key.public_key().serialize().as_slice(), bytes(&case["public_key"]));
    }
    for length in [0, 31, 33] {
        let error = PrivateKey::deserialize(&vec![1; length]).unwrap_err();
        assert_eq!(error.class(), ErrorClass::InvalidKey);
    }
}

#[test]
fn public_keys_parse_as_recorded() {
    for case in cases(&vectors("curve.json"), "public_keys") {
        let result = PublicKey::deserialize(&bytes(&case["input"]));
        assert_expected(
            &case,
            "serialized",
            result.map(|key| hex::encode(key.serialize())).map_err(|error| error.class()),
        );
    }
}

#[test]
fn agreements_end_as_recorded() {
    for case in cases(&vectors("curve.json"), "agreements") {
        let private = PrivateKey::deserialize(&bytes(&case["private_key"])).unwrap();
        let public = PublicKey::deserialize(&bytes(&case["public_key"])).unwrap();
        let result = private.agree(&public);
        assert_expected(
            &case,
            "shared",
            result.map(|shared| hex::encode(shared.expose())).map_err(|error| error.class()),
        );
    }
}

#[test]
fn signatures_verify_as_recorded() {
    for case in cases(&vectors("curve.json"), "signatures") {
        let key = PublicKey::deserialize(&bytes(&case["public_key"])).unwrap();
        let valid = key.verify(&[&bytes(&case["message"])], &bytes(&case["signature"]));
        assert!(valid == case["valid"].as_bool().unwrap() || !valid && may_be_refused(&case), "{case}");
    }
}

#[test]
fn alternate_identities_verify_as_recorded() {
    for case in cases(&vectors("curve.json"), "alternate_identity") {
        let signer = IdentityKey::deserialize(&bytes(&case["signer"])).unwrap();
        let other = IdentityKey::deserialize(&bytes(&case["other"])).unwrap();
        let valid = signer.verify_alternate_identity(&other, &bytes(&case["signature"]));
        assert!(valid == case["valid"].as_bool().unwrap() || !valid && may_be_refused(&case), "{case}");
    }
}

#[test]
fn the_identity_of_a_recorded_private_key_has_the_recorded_public_key() {
    for case in cases(&vectors("curve.json"), "private_keys") {
        let pair = IdentityKeyPair::from_private(PrivateKey::deserialize(&bytes(&case["input"])).unwrap());
        assert_eq!(pair.identity_key().serialize().as_slice(), bytes(&case["public_key"]));
    }
}

#[test]
fn kem_keys_parse_as_recorded() {
    for case in cases(&vectors("kem.json"), "keys") {
        let input = bytes(&case["input"]);
        let result = match case["kind"].as_str().unwrap() {
            "public" => KemPublicKey::deserialize(&input).map(|key| key.serialize()),
            "secret" => KemSecretKey::deserialize(&input).map(|key| key.serialize().expose().to_vec()),
            other => panic!("unknown kind {other}"),
        };
        // "same": the bytes come back as they went in.
        let result = result.map(|bytes| if bytes == input { "same".to_owned() } else { hex::encode(bytes) });
        assert_expected(&case, "serialized", result.map_err(|error| error.class()));
    }
}

#[test]
fn service_ids_parse_as_recorded() {
    let file = vectors("address.json");
    for case in cases(&file, "service_id_strings") {
        let result = case["input"].as_str().unwrap().parse::<ServiceId>().map_err(|error| error.class());
        assert_expected(&case, "string", result.map(|id| id.to_string()));
        assert_expected(&case, "binary", result.map(|id| hex::encode(id.to_binary())));
        assert_expected(&case, "fixed", result.map(|id| hex::encode(id.to_fixed_width())));
    }
    for case in cases(&file, "service_id_binary") {
        let result = ServiceId::from_binary(&bytes(&case["input"]));
        assert_expected(&case, "string", result.map(|id| id.to_string()).map_err(|error| error.class()));
    }
    for case in cases(&file, "service_id_fixed") {
        let result = ServiceId::from_fixed_width(&bytes(&case["input"]));
        assert_expected(&case, "string", result.map(|id| id.to_string()).map_err(|error| error.class()));
    }
}

#[test]
fn device_ids_are_accepted_as_recorded() {
    for case in cases(&vectors("address.json"), "devices") {
        let result = DeviceId::try_from(number(&case["device"])).map_err(|error| error.class());
        assert_expected(&case, "display", result.map(|device| ProtocolAddress::new("n", device).to_string()));
    }
}
