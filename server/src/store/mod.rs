//! Where mailboxes are kept: one small trait, two backends, one suite that both pass.
//!
//! [`EmbeddedStore`] is what a relay runs on, [`MemoryStore`] what simulations and tests run on.
//! `docs/spec/relay-store.md` says what lies on the disk, byte by byte.
//!
//! Not its concern: who may ask for what (`core`).

pub mod conformance;
mod embedded;
mod memory;

use std::future::Future;

pub use embedded::{DATABASE_FILE, EmbeddedStore, HOUR_KEYS_FILE, OpenError, Opener, StoreKey, open_backend};
pub use memory::MemoryStore;

use crate::core::{StoreError, StoreOp, StoreReply};

/// A place where mailboxes are kept.
///
/// One operation is one transaction. When the future yields an answer, what it says has happened is durable; when it
/// yields an error, nothing of the operation may be relied on and it can be asked again. An operation begins with the
/// call, not when its future is first polled, and calls take effect in their order, except that [`StoreOp::Fetch`] may
/// see an earlier state than an operation begun and not yet answered.
pub trait MailboxStore: Send + Sync + 'static {
    /// Applies one operation. It goes on even if the future is dropped.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: overloaded, disk unavailable, or closing.
    fn apply(&self, op: StoreOp) -> impl Future<Output = Result<StoreReply, StoreError>> + Send + use<Self>;
}

impl<S: MailboxStore> MailboxStore for std::sync::Arc<S> {
    fn apply(&self, op: StoreOp) -> impl Future<Output = Result<StoreReply, StoreError>> + Send + use<S> {
        S::apply(self, op)
    }
}
