//! Connections to relays: one per relay and role, each reconnecting by itself.
//!
//! ```text
//! driver ── LinkOrder ──► link task ── QUIC ──► relay
//! driver ◄─ LinkReport ── link task ◄──────────
//! ```
//!
//! An owner link and an anonymous link are separate connections from separate sockets, so that a relay cannot tie what
//! somebody submits to the mailboxes that they prove. A relay is known by its key alone: no authority, no name.
//!
//! Not its concern: which requests are due and what answers mean (`khaima_engine::Dispatcher`), storing anything.

mod connect;
mod pin;
mod session;
mod task;

pub use connect::Connector;
pub use task::{Link, LinkId, LinkOrder, LinkReport, LinkTiming, Trouble};
