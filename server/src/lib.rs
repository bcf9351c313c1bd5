//! The relay: mailboxes of opaque envelopes over QUIC.

pub mod core;
pub mod store;
