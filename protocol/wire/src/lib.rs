//! What passes between client and relay: ids, envelopes, padding, frames, invitations.
//!
//! A client and a relay share these types and nothing else. Everything here is bytes in, bytes out: the crate
//! opens no socket, reads no clock and makes no randomness of its own.
//!
//! ```text
//!   client                                    relay
//!   Envelope ── ClientFrame::Request(Submit) ──► stored
//!            ◄─ RelayFrame::Reply(Accepted) ───  durable
//!   Delivery ◄─ RelayFrame::Push(Deliver) ─────  to the owner's connection
//!            ── Request::Acknowledge ──────────► deleted
//! ```
//!
//! ```
//! use khaima_wire::{ClientFrame, FrameDecoder, Request, RequestId};
//!
//! let frame = ClientFrame::Request { id: RequestId::new(1), request: Request::Ping };
//! let mut decoder = FrameDecoder::<ClientFrame>::new();
//! decoder.push(&frame.encode()?);
//! assert_eq!(decoder.next()?, Some(frame));
//! # Ok::<(), khaima_wire::FrameError>(())
//! ```
//!
//! The bytes are written down in `docs/spec/wire.md`; a test compares that page with this code.
//!
//! Not its concern: sessions and sealed sender (`khaima-signal`), what a relay stores and when it answers what
//! (`khaima-relay`), when a client sends what (`khaima-engine`), connections (`khaima-runtime`).

mod address;
mod bundle;
mod envelope;
mod frame;
mod ids;
mod invitation;
mod keys;
mod label;
mod permit;
mod secret;
mod time;
mod version;

pub use address::{AddressError, RelayAddress, RelayPin};
pub use bundle::{BundleError, BundleKey, SealedBundle};
pub use envelope::{Delivery, Envelope, SealedEnvelope, WrongSize};
pub use frame::{
    ClientFrame, Frame, FrameDecoder, FrameError, MAX_ACKNOWLEDGED, MAX_FRAME, MAX_PERMITS, MAX_PUBLISHED,
    Push, Refusal, RelayFrame, Reply, Request, RequestId, Role,
};
pub use ids::{EnvelopeId, MailboxId, WrongLength};
pub use invitation::{
    Invitation, InvitationError, InvitationFlags, LinkSecret, ProofKey, SignError, SignedInvitation,
};
pub use keys::{MailboxKey, MailboxPublicKey, OwnerProof, ProofError, Purpose, WeakKey};
pub use label::Label;
pub use permit::{InviteCode, InviteCodeError, Permit};
pub use time::{CivilDate, Day, Timestamp};
pub use version::{ALPN, EXPORTER_LABEL, PROTOCOL_VERSION, is_supported};
