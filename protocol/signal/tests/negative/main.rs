//! Every number of the list of negative tests (docs/spec/negative-tests.md), as tests that carry the number in their names.
//!
//! A test whose number the list marks "must not" shows that the acceptance holds. Where our crate is stricter than the official
//! library, docs/spec/stricter.md names the test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "test code"
)]

#[path = "../common/mod.rs"]
mod common;

mod by_hand;
mod crafted;
mod person;
mod refusal;
mod sealing;
mod signing;
mod world;

mod curve;
mod page;
mod prekeys;
mod ratchet;
mod xeddsa;

#[path = "../groups/forge.rs"]
mod forge;

mod certificates;
mod decoders;
mod sealing_v2;

mod encoding;
mod fingerprint;
mod groups;
mod memory;
mod sealed_sender;
mod silence;
mod spqr;
