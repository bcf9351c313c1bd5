//! The sparse post-quantum ratchet against the recorded vectors, and against itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "helpers outside of test functions fail tests by panicking"
)]

mod parts;
mod properties;
mod transcripts;
mod vectors;
