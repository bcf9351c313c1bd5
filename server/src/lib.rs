//! The relay: mailboxes of opaque envelopes over QUIC. It knows mailboxes, not people.
//!
//! ```text
//!   client ══ QUIC ══► transport ── frames ──► core ── StoreOp ──► store ── redb
//!                          ▲                     │                   │
//!                          └──── replies, pushes ◄──── StoreReply ◄──┘
//! ```
//!
//! * [`core`] decides, without touching anything. `Accepted` is said only of what is durable; owner rights exist only
//!   as a value that a verified proof makes; owner and anonymous requests never share a connection.
//! * [`store`] keeps, and forgets: envelopes lie under keys that are gone two hours after they were acknowledged.
//! * [`transport`] carries. No client can make the relay hold more than a fixed amount of memory.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use khaima_relay::Server;
//!
//! let relay = Server::start_on_loopback(std::path::Path::new("relay"))?;
//! println!("{}", relay.address());
//! relay.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! What a relay keeps, byte by byte: `docs/spec/relay-store.md`. What passes between it and clients:
//! `docs/spec/wire.md`.
//!
//! Not its concern: what is in envelopes and bundles. This crate cannot name any of the code that could open them.

mod clock;
mod config;
pub mod core;
mod home;
pub mod invites;
mod metrics;
mod server;
pub mod store;
pub mod transport;

pub use config::{CONFIG_FILE, Config, ConfigError, DEFAULT_LISTEN};
pub use home::{Home, HomeError};
pub use metrics::{Counter, Metrics};
pub use server::{RunningServer, Server, StartError};
