//! The Signal protocol: PQXDH, the Triple Ratchet, sealed sender; no IO, clock, thread or async.
