//! `crafter`: messages that no device writes, for the interop driver (`tests/interop`, scenario `negative`).
//!
//! The initiator of `tests/negative/by_hand.rs` behind a line protocol of the form that `interop` has: it gets everything right but what it is
//! told to get wrong, MACs and signatures included, so that a recipient has one reason to refuse.
//!
//! ```text
//! start          stranger, bundle, from, to, keys            a session from a bundle, with any keys
//! message        stranger, first, plaintext, changes ..      its next message; `commit` moves on
//! sign           key, message, nonce                         signatures that no honest signer makes
//! seal           sender, recipient, ephemeral, content       envelopes of sealed sender 1 with any ephemeral key
//! seal_many      sender, count, entries, content             sealed sender 2 in both forms, with any count and entries
//! ```
//!
//! Not its concern: delivering what it makes, and judging what becomes of it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a tool of tests: what it is told wrongly ends it"
)]

#[path = "../../tests/negative/by_hand.rs"]
mod by_hand;
mod requests;
#[path = "../../tests/negative/sealing.rs"]
mod sealing;
#[path = "../../tests/negative/sealing_v2.rs"]
mod sealing_v2;
#[path = "../../tests/negative/signing.rs"]
mod signing;

use std::io::{BufRead as _, Write as _};

use serde_json::{Value, json};

fn main() -> std::io::Result<()> {
    let mut crafter = requests::Crafter::new();
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let mut answer = crafter.answer(&request);
        answer["id"] = request["id"].clone();
        answer["ok"] = json!(true);
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}
