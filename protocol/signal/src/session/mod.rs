//! Sessions between two devices: starting, encrypting, decrypting, and which of several applies.
//!
//! ```text
//!                  SessionRecord (one per peer device)
//!   start ───────> current ── archive ──> archived, newest first, at most 40
//!   encrypt <────> current <─ promote ──┘
//!   decrypt <────> current, then archived: tried on copies
//! ```
//!
//! Every function is pure: it takes a record and returns a new one. An error returns nothing, so there is nothing that
//! could be stored by mistake. The caller stores the new record, together with whatever else the result names, before a
//! message leaves or a plaintext is shown.
//!
//! Not its concern: where records, identities and prekeys are kept, sealing the sender, and what the plaintext means.
//!
//! Spec: Signal protocol 8 Session management.

mod codec;
mod decrypt;
mod encrypt;
mod error;
mod parts;
mod record;
mod select;
mod start;
mod state;
mod store;

pub use decrypt::{Decrypted, SpentPreKeys};
pub use encrypt::Encrypted;
pub use error::{DecryptError, EncryptError, StartError, StoreError};
pub use record::SessionRecord;
#[cfg(test)]
pub(crate) use state::bound_addresses;
pub use store::{Direction, Local, PreKeyView, StoredKyber, Trust};
