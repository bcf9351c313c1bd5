//! What the screens show: plain data made from the client's model, with every text ready to draw.
//!
//! ```text
//! Model ── Home::of ──► Home ──────────► screens
//! rows  ── Thread ────► Vec<Item> ─────► screens::thread
//! ```
//!
//! It is made when the model changes, not in every frame. What other people wrote is neutralised here, once.
//!
//! Not its concern: drawing (`screens`), where models come from (`app`).

mod home;
mod thread;

pub use home::{Connection, Home, InvitationEntry, Level, Person, RelayEntry};
pub use thread::{Item, PAGE, Says, Standing, Thread};

use khaima_runtime::{ContactId, ConversationId, InvitationId};

/// What the larger part of the window shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// Nothing chosen.
    #[default]
    Empty,
    /// One of our invitations.
    Invitation(InvitationId),
    /// Making an invitation; the list of them.
    Invite,
    /// Using somebody's link.
    Join,
    /// Relays.
    Relays,
    /// Somebody asks.
    Request(ContactId),
    /// Comparing a safety number.
    SafetyNumber(ContactId),
    /// A conversation.
    Thread(ConversationId),
}
