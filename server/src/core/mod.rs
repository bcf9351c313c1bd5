//! What a relay decides: synchronous and pure. No socket, file, clock, thread or randomness of its own.
//!
//! [`Relay`] turns requests into [`StoreOp`]s and the store's answers into replies; [`ConnectionState`] keeps what one
//! connection has proven and been pushed; [`LocalRelay`] runs both in one thread for simulations.
//!
//! Not its concern: bytes on a wire (`transport`), keeping things (`store`).

mod auth;
mod connection;
mod delivery;
mod limits;
mod local;
mod mailbox;
mod op;
mod relay;

pub use auth::{AddressPrefix, MailboxOwner, prove};
pub use connection::{Action, CloseReason, ConnectionState, MOST_IN_FLIGHT, Ticket};
pub use delivery::{MOST_UNACKNOWLEDGED, MOST_UNACKNOWLEDGED_BYTES};
pub use limits::{Limits, Rates, TooOften};
pub use local::{ConnId, LocalRelay, Sent};
pub(crate) use mailbox::size_as_u64;
pub use mailbox::{Calendar, MailboxRecord, Quota};
pub use op::{CreationRight, Invite, StoreError, StoreOp, StoreReply, Upkept};
pub use relay::{Caller, Creation, MOST_SUBSCRIPTIONS, Outcome, Pending, Plan, Policy, Relay};

#[cfg(test)]
mod tests;
