//! What other programs of the same person ask of a running client: one JSON object a line, over a socket that only that
//! person may open ([`agent`]), or by a direct call ([`Api`]).
//!
//! Not its concern: words for people (the programs), what a command does (`khaima_engine`).

pub mod agent;
mod handle;
mod types;

pub use handle::Api;
pub use types::{
    Answer, Call, CallError, ContactEntry, ContactState, ContactWait, InvitationEntry, MessageEntry,
    RelayEntry,
};
