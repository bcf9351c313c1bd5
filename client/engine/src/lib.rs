//! What a client decides: identity, contacts, conversations, outbox. Sans-IO.
//!
//! ```text
//!  person ── Command ──►┐                      ┌──► Changes ── commit ──► store
//!  relay ─── Delivery ─►│ Engine::step(input,  │        then
//!  relay ─── Reply ────►│   view, now, rng) ───┤──► Effects ──► Dispatcher ──► relay
//!  clock ─── Tick ─────►┘                      └──► Events ───► screen
//! ```
//!
//! The engine reads through [`StoreView`], takes time and randomness as arguments, and answers with a [`Step`]: everything
//! that changes, to be committed before anything of it leaves the device. Relay work that must not be lost is a *job* in
//! the store; the [`Dispatcher`] turns jobs into requests. So a crash between any two instructions leaves the old state
//! or the new one, and what was decided is done.
//!
//! ```
//! use khaima_engine::{Command, Commit, Engine, Input, MemoryStore, query};
//! # use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
//! # let mut rng = ChaCha20Rng::seed_from_u64(1);
//! # let now = khaima_wire::Timestamp::from_secs(1_800_000_000);
//! let (engine, mut store) = (Engine::new(), MemoryStore::new());
//! let command = Command::CreateProfile { name: "Amina".into() };
//! let step = engine.step(Input::Command(command), &store, now, &mut rng)?;
//! store.commit(step.changes)?;
//! assert_eq!(query::profile(&store)?.map(|profile| profile.name), Some("Amina".into()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where things are: `accept`, `invite`, `request`, `contacts` how people meet; `send`, `seal` what leaves; `receive`,
//! `rows`, `held`, `drops` what comes; `mailboxes` our mailboxes and their prekeys; `reply` relays' answers; `upkeep` what
//! time brings; `content` what is inside messages; `records` what is inside the store; `dispatch` when requests go out.
//!
//! Not its concern: the ratchet (`khaima-signal`), frames (`khaima-wire`), files and keys at rest (the vault), sockets and
//! clocks (the runtime), words on screens.

mod accept;
mod contacts;
mod content;
mod ctx;
mod dispatch;
mod drops;
mod effect;
mod engine;
mod error;
mod event;
mod held;
mod identity;
mod ids;
mod input;
mod invite;
mod labels;
mod mailboxes;
pub mod query;
mod receive;
mod records;
mod reply;
mod request;
mod rows;
mod seal;
mod send;
mod slips;
mod store;
#[cfg(test)]
mod testing;
mod upkeep;

pub use dispatch::{
    Dispatch, Dispatcher, LinkState, OutgoingRequest, REQUEST_TIMEOUT_MILLIS, Ticket, WantedLink,
};
pub use drops::DropReason;
pub use effect::{Effect, Step};
pub use engine::Engine;
pub use error::{CommandError, EngineError, ErrorKind};
pub use event::{Event, Problem};
pub use ids::{ContactId, ConversationId, InvitationId, JobId, MessageId, ParseIdError, RelayId};
pub use input::{Command, Input, JobReply};
pub use records::{FailReason, Profile};
pub use send::MAX_TEXT_LENGTH;
pub use store::{Change, Changes, Commit, MemoryStore, Order, Overlay, RecordKey, RecordKind, StoreView};
