//! Arguments that are missing or of the wrong type, in every command.
//!
//! Spec: interop 1 Transport, 2 Types.

use serde_json::{Map, Value, json};

use crate::commands::{
    BUNDLE, COMMANDS, Kind,
    Kind::{Flag, Hex, HexOrNull, List, Number, NumberOrNull, Object, Optional, Text, TextOrNull},
};
use crate::{ALICE, BOB, Driver, GROUP, to_peer};

/// Values that are none of this kind.
fn ill_typed(kind: Kind) -> Vec<Value> {
    let mut values =
        vec![json!({}), json!([]), json!([1]), json!(true), json!("zz"), json!("abc"), json!(""), json!("7")];
    values.extend([
        json!(7),
        json!(-1),
        json!(1.5),
        json!(0.5),
        json!(1u64 << 53),
        json!(u64::MAX),
        json!(1e300),
        Value::Null,
    ]);
    let fits = |value: &Value| match kind {
        Text => value.is_string(),
        TextOrNull => value.is_string() || value.is_null(),
        Hex => value.as_str() == Some(""),
        HexOrNull => value.as_str() == Some("") || value.is_null(),
        Number => value.as_u64().is_some_and(|number| number < 1 << 53),
        NumberOrNull => value.is_null() || value == &json!(7),
        Flag => value.is_boolean(),
        List => value == &json!([]),
        Object => false,
        Optional(_) => unreachable!(),
    };
    values.retain(|value| !fits(value));
    values
}

/// A request in which everything has the right type; what the values are does not matter.
fn well_typed(cmd: &str, kinds: &[(&str, Kind)]) -> Value {
    let mut arguments = Map::new();
    for (name, kind) in kinds {
        let value = match (*name, kind) {
            ("party", _) => json!(if cmd == "new_party" || cmd == "load" { "new" } else { "alice" }),
            ("kyber", _) => json!("one_time"),
            ("distribution_id", _) => json!(GROUP),
            ("type", _) => json!(2),
            ("bundle", _) => well_typed("", BUNDLE),
            (_, Text | TextOrNull | Optional(Text)) => json!(BOB),
            (_, Hex | HexOrNull | Optional(Hex)) => json!("00fF"),
            (_, Number | NumberOrNull | Optional(Number)) => json!(2),
            (_, Flag | Optional(Flag)) => json!(true),
            (_, List) => json!([]),
            (_, Object | Optional(_)) => json!({}),
        };
        arguments.insert((*name).to_owned(), value);
    }
    Value::Object(arguments)
}

fn is_bad_request(driver: &mut Driver, cmd: &str, arguments: Value) -> bool {
    driver.ask(cmd, arguments)["error"] == json!("bad_request")
}

fn check(driver: &mut Driver, cmd: &str, kinds: &[(&str, Kind)], wrap: impl Fn(Value) -> Value) {
    let right = well_typed(cmd, kinds);
    assert!(!is_bad_request(driver, cmd, wrap(right.clone())), "{cmd}: the request is right");
    for (name, kind) in kinds {
        let mut missing = right.clone();
        missing.as_object_mut().unwrap().remove(*name);
        let (kind, may_be_missing) = match kind {
            Optional(kind) => (**kind, true),
            kind => (*kind, false),
        };
        // The party of some requests is used up by the right one.
        let mut driver = Driver::with_parties();
        assert_eq!(is_bad_request(&mut driver, cmd, wrap(missing)), !may_be_missing, "{cmd} without {name}");
        for value in ill_typed(kind) {
            let mut wrong = right.clone();
            wrong[*name] = value.clone();
            assert!(is_bad_request(&mut driver, cmd, wrap(wrong)), "{cmd}: {name} is {value}");
        }
    }
    assert!(!is_bad_request(&mut Driver::with_parties(), cmd, wrap(right)), "{cmd}: still right");
}

#[test]
fn a_missing_or_ill_typed_argument_of_any_command_is_a_bad_request() {
    for (cmd, kinds) in COMMANDS {
        check(&mut Driver::with_parties(), cmd, kinds, |arguments| arguments);
    }
}

#[test]
fn a_missing_or_ill_typed_part_of_a_bundle_is_a_bad_request() {
    check(&mut Driver::with_parties(), "process_bundle", BUNDLE, |bundle| {
        to_peer("alice", json!({ "bundle": bundle }))
    });
}

#[test]
fn an_ill_typed_entry_of_a_list_is_a_bad_request() {
    let mut driver = Driver::with_parties();
    for root in [json!("zz"), json!(1), Value::Null, json!([])] {
        let arguments = json!({"certificate": "00", "trust_roots": ["00", root]});
        assert_eq!(driver.class("validate_certificate", arguments), "bad_request");
    }
    let request = |recipients: Value, excluded: Value| {
        json!({"party": "alice", "recipients": recipients, "excluded": excluded, "certificate": "00", "type": 2, "content": "",
            "content_hint": 0, "group_id": null})
    };
    let recipients = [
        json!({"name": BOB}),
        json!({"device": 1}),
        json!({"name": BOB, "device": 1.5}),
        json!([BOB, 1]),
        json!(BOB),
    ];
    for recipient in recipients {
        let arguments = request(json!([{"name": BOB, "device": 1}, recipient]), json!([]));
        assert_eq!(driver.class("ss2_encrypt", arguments), "bad_request", "{recipient}");
    }
    for excluded in [json!(1), Value::Null, json!({})] {
        assert_eq!(driver.class("ss2_encrypt", request(json!([]), json!([ALICE, excluded]))), "bad_request");
    }
    assert_eq!(driver.class("ss2_encrypt", request(json!([]), json!([]))), "malformed");
}

#[test]
fn numbers_and_names_outside_a_list_are_bad_requests() {
    let mut driver = Driver::with_session();
    for (cmd, listed) in
        [("decrypt", &[2, 3][..]), ("ss1_seal", &[2, 3, 7, 8]), ("decryption_error", &[2, 3, 7, 8])]
    {
        for number in (0..=20).chain([0x1_0000_0002u64, (1 << 53) - 1]) {
            let arguments = to_peer(
                "alice",
                json!({"type": number, "message": "", "certificate": "", "content": "", "content_hint": 0, "group_id": null,
                    "timestamp": 0}),
            );
            assert_eq!(
                is_bad_request(&mut driver, cmd, arguments),
                !listed.contains(&number),
                "{cmd} of type {number}"
            );
        }
    }
    for kyber in ["", "One_time", "last-resort"] {
        let arguments = json!({"party": "bob", "one_time": true, "kyber": kyber});
        assert_eq!(driver.class("bundle", arguments), "bad_request");
    }
    let braced = format!("{{{GROUP}}}");
    for id in [
        "",
        "33333333333343338333333333333333",
        &GROUP[1..],
        braced.as_str(),
        "PNI:33333333-3333-4333-8333-333333333333",
    ] {
        let arguments = json!({"party": "bob", "distribution_id": id});
        assert_eq!(driver.class("group_create", arguments), "bad_request", "{id}");
    }
    driver.ok(
        "group_create",
        json!({"party": "bob", "distribution_id": "AAAAAAAA-aaaa-4AAA-8aaa-AAAAAAAAAAAA"}),
    );
}

#[test]
fn an_unknown_party_is_a_bad_request_before_anything_else() {
    for (cmd, kinds) in COMMANDS {
        if kinds.iter().any(|(name, _)| *name == "party") && !["new_party", "load"].contains(cmd) {
            let mut arguments = well_typed(cmd, kinds);
            arguments["party"] = json!("nobody");
            assert_eq!(Driver::with_parties().class(cmd, arguments), "bad_request", "{cmd}");
        }
    }
}

#[test]
fn unknown_arguments_are_ignored() {
    let mut driver = Driver::with_parties();
    driver.ok("prekeys", json!({"party": "alice", "device": "x", "unheard": [1.5]}));
}
