//! What the reference needs for the same work, and how much faster ours is to be.
//!
//! Not its concern: measuring, and writing the page.

/// An operation that the reference was measured with.
pub struct Reference {
    /// Criterion's name of our measurement.
    pub name: &'static str,
    /// What the reference needed, in microseconds.
    pub micros: f64,
    /// Which calibration row says how fast a machine is at this.
    pub speed: Speed,
    /// What ours may need at most.
    pub goal: Option<Goal>,
}

/// The calibration row that a machine's speed at an operation is judged by.
#[derive(Clone, Copy)]
pub enum Speed {
    /// Mostly agreements on Curve25519.
    Curve,
    /// Mostly hashing and copying.
    Hash,
}

/// What ours may need at most.
#[derive(Clone, Copy)]
pub enum Goal {
    /// One of this many parts of what the reference needs.
    Part(f64),
    /// Microseconds on a machine as fast as the reference's.
    Micros(f64),
}

impl Speed {
    /// The calibration row, and what it was on the machine on which the reference was measured, in microseconds.
    pub const fn calibration(self) -> (&'static str, f64) {
        match self {
            Self::Curve => ("calibration/x25519_variable_base", 55.0),
            Self::Hash => ("calibration/sha256_1k", 0.61),
        }
    }
}

impl Goal {
    /// In microseconds, on a machine as fast as the reference's.
    pub fn micros(self, reference: f64) -> f64 {
        match self {
            Self::Part(part) => reference / part,
            Self::Micros(micros) => micros,
        }
    }

    pub fn describe(self) -> String {
        match self {
            Self::Part(part) => format!("1/{part}"),
            Self::Micros(micros) => format!("{micros} µs"),
        }
    }
}

const fn curve(name: &'static str, micros: f64, goal: Option<Goal>) -> Reference {
    Reference { name, micros, speed: Speed::Curve, goal }
}

const fn hash(name: &'static str, micros: f64, goal: Option<Goal>) -> Reference {
    Reference { name, micros, speed: Speed::Hash, goal }
}

const fn part(part: f64) -> Option<Goal> {
    Some(Goal::Part(part))
}

/// Calibration rows of the machine on which the reference was measured, in microseconds.
pub const CALIBRATION: &[(&str, f64)] = &[
    ("calibration/sha256_1k", 0.61),
    ("calibration/x25519_fixed_base", 15.5),
    ("calibration/x25519_variable_base", 55.0),
];

/// The official Rust library 0.101 and its ratchet crate 1.5.3, their own benchmarks, medians.
pub const REFERENCES: &[Reference] = &[
    hash("spqr/ping_pong_send_and_receive", 17.1, part(8.0)),
    hash("erasure/parity_chunk_first", 67.0, part(100.0)),
    hash("erasure/parity_chunk_later", 3.1, part(6.0)),
    hash("erasure/decode_one_missing", 462.0, part(100.0)),
    hash("erasure/decode_all_parity", 795.0, part(20.0)),
    hash("session/encrypt_and_decrypt_one_way", 15.4, part(3.0)),
    curve("session/ping_pong", 304.0, part(1.7)),
    curve("session/process_bundle", 387.0, part(1.3)),
    curve("session/decrypt_first_message", 381.0, part(1.3)),
    curve("sealed_sender/v1_seal", 125.0, part(1.5)),
    curve("sealed_sender/v1_open", 113.0, part(1.5)),
    curve("sealed_sender/v2_seal_for_one", 174.0, part(1.5)),
    curve("sealed_sender/v2_open", 134.0, part(1.5)),
    curve("sealed_sender/v2_seal_for_1000", 63_500.0, part(1.5)),
    hash("skip/25000_messages", 19_500.0, Some(Goal::Micros(15_000.0))),
    hash("session/decrypt_across_a_gap_of_24998", 19_500.0, Some(Goal::Micros(15_000.0))),
    hash("erasure/decode_systematic", 3.5, None),
    curve("sealed_sender/v2_seal_for_2", 283.0, None),
    curve("sealed_sender/v2_seal_for_10", 903.0, None),
    curve("sealed_sender/v2_seal_for_100", 5_800.0, None),
    hash("session/decrypt_on_existing_chain", 8.6, None),
    curve("session/decrypt_with_ratchet_step", 139.0, None),
    hash("session/encrypt", 8.5, None),
    hash("skip/2000_messages", 1_200.0, None),
    hash("spqr/burst_of_100_receive_ct_side", 490.0, None),
    hash("spqr/burst_of_100_receive_ek_side", 520.0, None),
    hash("spqr/burst_of_100_receive_start", 240.0, None),
    hash("spqr/burst_of_100_send_ct_side", 1_010.0, None),
    hash("spqr/burst_of_100_send_ek_side", 1_050.0, None),
    hash("spqr/burst_of_100_send_start", 510.0, None),
];
