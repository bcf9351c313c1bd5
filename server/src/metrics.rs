//! Counters without labels, for the log: how much, never who.
//!
//! Written every ten minutes, rounded to tens: the exact number of envelopes of a quiet hour would say when somebody
//! wrote.
//!
//! Not its concern: serving them anywhere.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a relay has counted since it started.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Connections open now.
    pub connections: Counter,
    /// Envelopes stored.
    pub accepted: Counter,
    /// Envelopes pushed.
    pub delivered: Counter,
    /// Requests put off because the store was busy or somebody asked too often.
    pub busy: Counter,
    /// Handshakes that had to prove their address first.
    pub retried: Counter,
    /// Requests refused, and connections turned away.
    pub refused: Counter,
}

/// A number that threads count in.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One fewer.
    pub fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// The number now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn rounded(&self) -> u64 {
        self.get().next_multiple_of(10)
    }
}

impl Metrics {
    /// Writes the counters to the log, rounded up to tens.
    pub fn log(&self) {
        tracing::info!(
            event = "counts",
            connections = self.connections.rounded(),
            accepted = self.accepted.rounded(),
            delivered = self.delivered.rounded(),
            busy = self.busy.rounded(),
            retried = self.retried.rounded(),
            refused = self.refused.rounded(),
        );
    }
}
