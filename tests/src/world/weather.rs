//! How bad the network and the machines are.

use rand::RngExt;
use rand_core::Rng;

/// What a connection promises about its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// As QUIC does: in order, complete up to the moment at which the connection breaks. What is lost is sent again
    /// later, and everything behind it waits.
    Ordered,
    /// Worse than any QUIC: single frames are lost, repeated and overtake each other while the connection goes on, until
    /// somebody notices and connects anew.
    Torn,
}

/// The chances of everything that can go wrong. All of them apply anew to each frame, connection or commit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weather {
    /// What connections promise.
    pub stream: Stream,
    /// That a frame is lost, or a connection not made.
    pub loss: f64,
    /// That a frame comes twice (torn streams only).
    pub repeat: f64,
    /// That a frame is overtaken (torn streams only).
    pub overtake: f64,
    /// That a frame is the last of its connection.
    pub breaks: f64,
    /// That a device dies at a commit: half of the times before it, half after it.
    pub crash: f64,
    /// That a relay dies with a frame it has worked on, before any answer is out.
    pub relay_death: f64,
}

impl Weather {
    /// Nothing goes wrong.
    pub const fn calm() -> Self {
        Self {
            stream: Stream::Ordered,
            loss: 0.0,
            repeat: 0.0,
            overtake: 0.0,
            breaks: 0.0,
            crash: 0.0,
            relay_death: 0.0,
        }
    }

    /// Loss from 0 to 40 %, 10 % of the frames twice, 30 % overtaken, now and then a break, a crash or a dead relay. One
    /// run in four has ordered streams.
    pub fn rough(rng: &mut impl Rng) -> Self {
        let stream = if rng.random_bool(0.25) { Stream::Ordered } else { Stream::Torn };
        Self {
            stream,
            loss: rng.random_range(0.0..=0.4),
            repeat: 0.1,
            overtake: 0.3,
            breaks: rng.random_range(0.0..0.05),
            crash: rng.random_range(0.0..0.06),
            relay_death: rng.random_range(0.0..0.02),
        }
    }

    /// Draws a chance.
    pub(super) fn happens(rng: &mut impl Rng, chance: f64) -> bool {
        chance > 0.0 && rng.random_bool(chance.min(1.0))
    }
}
