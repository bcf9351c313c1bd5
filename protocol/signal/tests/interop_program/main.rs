//! The `interop` example, line by line, without a process: what an outside driver relies on.
//!
//! Two programs stand for two processes: they share nothing.
//!
//! Not its concern: whether the protocol behind it is the official one; that is `cargo xtask interop`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "test code"
)]

#[path = "../../examples/interop/program/mod.rs"]
mod program;

mod arguments;
mod commands;
mod conversation;
mod lines;
mod refusals;
mod saving;

use program::Program;
use serde_json::{Value, json};

pub const ALICE: &str = "11111111-1111-4111-8111-111111111111";
pub const BOB: &str = "22222222-2222-4222-8222-222222222222";
pub const GROUP: &str = "33333333-3333-4333-8333-333333333333";

/// A program and who asks it.
#[derive(Default)]
pub struct Driver {
    program: Program,
    requests: u64,
}

impl Driver {
    /// A fresh process with the parties `alice` and `bob`.
    pub fn with_parties() -> Self {
        let mut driver = Self::default();
        driver.ok("new_party", json!({"party": "alice", "name": ALICE, "device": 1, "registration_id": 101}));
        driver.ok("new_party", json!({"party": "bob", "name": BOB, "device": 2, "registration_id": 202}));
        driver
    }

    /// The same, with a session that both sides have used.
    pub fn with_session() -> Self {
        let mut driver = Self::with_parties();
        driver.start("alice", "bob", json!({"one_time": true, "kyber": "one_time"}));
        driver.talk("alice", "bob", "68656c6c6f");
        driver.talk("bob", "alice", "6879");
        driver
    }

    /// The response to a request.
    pub fn ask(&mut self, cmd: &str, mut arguments: Value) -> Value {
        self.requests += 1;
        let id = self.requests;
        arguments["id"] = json!(id);
        arguments["cmd"] = json!(cmd);
        let response = self.program.answer(arguments.to_string().as_bytes());
        let response: Value = serde_json::from_str(&response).unwrap();
        assert_eq!(response["id"], json!(id));
        response
    }

    /// The results of a request that has to succeed.
    pub fn ok(&mut self, cmd: &str, arguments: Value) -> Value {
        let response = self.ask(cmd, arguments);
        assert_eq!(response["ok"], json!(true), "{cmd}: {response}");
        response
    }

    /// The class of a request that has to fail.
    pub fn class(&mut self, cmd: &str, arguments: Value) -> String {
        let response = self.ask(cmd, arguments);
        assert_eq!(response["ok"], json!(false), "{cmd}: {response}");
        response["error"].as_str().unwrap().to_owned()
    }

    /// The party's state, to be compared.
    pub fn saved(&mut self, party: &str) -> Value {
        self.ok("save", json!({"party": party}))["state"].take()
    }

    /// `from` starts a session from a new bundle of `to`.
    pub fn start(&mut self, from: &str, to: &str, mut bundle: Value) {
        bundle["party"] = json!(to);
        let bundle = self.ok("bundle", bundle)["bundle"].take();
        self.ok("process_bundle", to_peer(from, json!({"bundle": bundle})));
    }

    /// `from` encrypts for the other one.
    pub fn encrypt(&mut self, from: &str, plaintext: &str) -> Value {
        self.ok("encrypt", to_peer(from, json!({"plaintext": plaintext})))
    }

    /// A message that arrives.
    pub fn talk(&mut self, from: &str, to: &str, plaintext: &str) {
        let sent = self.encrypt(from, plaintext);
        let received =
            self.ok("decrypt", to_peer(to, json!({"type": sent["type"], "message": sent["message"]})));
        assert_eq!(received["plaintext"], json!(plaintext));
    }

    /// A sender certificate of Alice's, and the trust root.
    pub fn certificate(&mut self) -> (Value, Value) {
        let (root, server) = ("11".repeat(32), "22".repeat(32));
        let trust_root = self.ok("public_key", json!({"private_key": root}))["public_key"].take();
        let key = self.ok("public_key", json!({"private_key": server}))["public_key"].take();
        let server_certificate = self
            .ok("server_certificate", json!({"key_id": 7, "key": key, "trust_root_private": root}))["certificate"]
            .take();
        let identity_key = self.saved_identity_key("alice");
        let certificate = self.ok(
            "sender_certificate",
            json!({"name": ALICE, "e164": "+31201234567", "device": 1, "identity_key": identity_key, "expires_ms": 1_000,
                "server_certificate": server_certificate, "server_private": server}),
        )["certificate"]
            .take();
        (certificate, trust_root)
    }

    /// The party's own identity key, as its bundles show it.
    pub fn saved_identity_key(&mut self, party: &str) -> Value {
        let bundle = json!({"party": party, "one_time": false, "kyber": "last_resort", "reuse": true});
        self.ok("bundle", bundle)["bundle"]["identity_key"].take()
    }
}

/// The arguments, with the party and its peer's address.
pub fn to_peer(party: &str, mut arguments: Value) -> Value {
    let (name, device) = if party == "alice" { (BOB, 2) } else { (ALICE, 1) };
    arguments["party"] = json!(party);
    arguments["name"] = json!(name);
    arguments["device"] = json!(device);
    arguments
}
