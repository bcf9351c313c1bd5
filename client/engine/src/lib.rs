//! What a client decides: identity, contacts, conversations, outbox. Sans-IO.

mod store;

pub use store::{Change, Changes, Commit, MemoryStore, Order, Overlay, RecordKey, RecordKind, StoreView};
