//! The screens: drawing functions of what is to be shown (`view`), what is being written (drafts) and nothing else.
//!
//! ```text
//! gate ─► desk = list (people, connection) + page (thread, invite, join, request, safety number, relays)
//! ```
//!
//! Every widget has an accessible label, by which screen readers and tests find it. Sides follow the direction of the interface,
//! words their own.
//!
//! Not its concern: what follows from a click (`app`).

mod composer;
mod desk;
mod gate;
mod invitation;
mod join;
mod kit;
mod list;
mod relays;
mod request;
mod safety_number;
mod thread;

pub use composer::{Draft, TEXT_BYTES_MAX};
pub use desk::{Desk, desk_ui};
pub use gate::{Gate, GateForm, gate_ui};
pub use invitation::{Code, InviteForm};
pub use join::JoinForm;
pub use relays::RelayForm;
pub use thread::Scroll;
