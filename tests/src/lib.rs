//! The whole system at once: a simulated [`world`], the [`conversation`] played in it, and the [`real`] programs.
//!
//! ```text
//!  tests/*.rs, bin/soak ── conversation, by seed ──► world: engine ── frames ── network ── frames ── relay core
//!                       └─ processes, over QUIC ───► real: khaima-relay, khaima-cli, a proxy between them
//! ```
//!
//! A failing run prints its seed; the same seed plays the same run again, to the last bit.
//!
//! Not its concern: what one crate promises by itself; that is tested beside its code.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test harness: a broken assumption has to stop the run"
)]

pub mod conversation;
pub mod real;
pub mod world;
