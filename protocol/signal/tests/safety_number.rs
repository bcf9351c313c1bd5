//! Every recorded safety number of the official library.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "test code"
)]

use khaima_signal::{IdentityKey, SafetyNumber, SafetyNumberError, SafetyNumberSide, compare_scannable};
use serde_json::Value;

fn vectors() -> Value {
    let dir = std::env::var("KHAIMA_VECTORS")
        .unwrap_or_else(|_| format!("{}/tests/vectors", env!("CARGO_MANIFEST_DIR")));
    serde_json::from_slice(&std::fs::read(format!("{dir}/fingerprint.json")).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn number(case: &Value) -> Result<SafetyNumber, SafetyNumberError> {
    let local_key = IdentityKey::deserialize(&bytes(&case["local_key"])).unwrap();
    let remote_key = IdentityKey::deserialize(&bytes(&case["remote_key"])).unwrap();
    let (local_id, remote_id) = (bytes(&case["local_id"]), bytes(&case["remote_id"]));
    SafetyNumber::with_parameters(
        case["version"].as_u64().unwrap() as u32,
        case["iterations"].as_u64().unwrap() as u32,
        SafetyNumberSide { identifier: &local_id, key: &local_key },
        SafetyNumberSide { identifier: &remote_id, key: &remote_key },
    )
}

#[test]
fn digits_and_codes_equal_the_recorded_ones() {
    let cases = vectors()["fingerprints"].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    for case in cases {
        let number = number(&case).unwrap();
        assert_eq!(number.digits(), case["display"].as_str().unwrap());
        assert_eq!(number.to_scannable(), bytes(&case["scannable"]));
        assert_eq!(number.matches(&bytes(&case["remote_scannable"])), Ok(true));
    }
}

#[test]
fn comparisons_end_as_recorded() {
    let cases = vectors()["comparisons"].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    for case in cases {
        let result = compare_scannable(&bytes(&case["mine"]), &bytes(&case["theirs"]));
        match (&result, case["expect"]["error"].as_str()) {
            (Ok(matches), None) => {
                assert_eq!(Some(*matches), case["expect"]["match"].as_bool(), "{}", case["note"])
            }
            (Err(error), Some(expected)) => assert_eq!(error.class().as_str(), expected, "{}", case["note"]),
            _ => panic!("{}: {result:?}", case["note"]),
        }
    }
}

#[test]
fn iterations_out_of_bounds_are_refused() {
    let all = vectors();
    let mut case = all["fingerprints"][0].clone();
    for invalid in all["invalid_iterations"].as_array().unwrap() {
        case["iterations"] = invalid["iterations"].clone();
        assert_eq!(number(&case).unwrap_err().class().as_str(), invalid["error"].as_str().unwrap());
    }
}
