//! Sender keys of groups: against the recorded transcripts, at their limits, as stored, and many members against a model.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "helpers outside of test functions fail tests by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod forge;
mod limits;
mod members;
mod order;
mod stored;
mod transcripts;
