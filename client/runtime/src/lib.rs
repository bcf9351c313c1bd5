//! Drives engine, vault and relay links with real clocks and sockets.
//!
//! ```text
//! screens, terminal ── Handle / Api ──► driver ──► engine (decides), vault (commits)
//!                   ◄─ Model, Notice ──   │
//!                                         └──► links ── QUIC ──► relays
//! ```
//!
//! A [`Client`] owns an open vault. Every command and every envelope is one step: decided by the engine, committed by the
//! vault, and only then acted upon. What needs a relay is a job in the vault, so that a crash or a dead network
//! delays it and loses nothing.
//!
//! Not its concern: what a step decides (`khaima_engine`), words for people (the programs).

pub mod api;
mod client;
mod clock;
mod driver;
mod error;
mod link;
mod model;
mod unlock;

pub use api::agent::Agent;
pub use client::{Client, ClientOptions, Handle};
pub use error::{CommandError, StartError};
pub use khaima_engine::query::{
    ContactView, ConversationView, InvitationState, InvitationView, MessageRow, MessageState, ProfileView,
    Relation, RelayView, RowBody,
};
pub use khaima_engine::{
    Command, CommandError as Refusal, ContactId, ConversationId, Event, FailReason, InvitationId, Problem,
};
pub use khaima_vault::{CreateError, KdfParams, OpenError, Passphrase, PassphraseTooLong, Vault};
pub use khaima_wire::{Day, InvitationError, RelayAddress, Timestamp};
pub use link::{LinkTiming, Trouble};
pub use model::{LinkView, Model, Notice, RelayStatus, StorageTrouble, Waker};
pub use unlock::{check_name, check_relay_address, create_vault, open_vault, vault_exists};
