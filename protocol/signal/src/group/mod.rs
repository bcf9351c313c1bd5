//! Sender keys: one encryption per message for a whole group.
//!
//! Each member has a sender key for the group, hands it to every other member inside the session with them, and then
//! encrypts each message once. The key is a chain like a session's, so that every message has its own key, and a
//! signing key, so that those who can read cannot write in the member's name.
//!
//! ```text
//!  sender     SenderKeyRecord ── generate
//!               ├─ distribution_message ──> SenderKeyDistributionMessage ──(one session per member)──┐
//!               └─ encrypt ──> record', SenderKeyMessage ──(to all)──┐                               │
//!  recipient  SenderKeyRecord, one per sender and distribution id    │                               │
//!               ├─ process <─────────────────────────────────────────┼───────────────────────────────┘
//!               │     └──> record', Added / Kept / SigningKeyReplaced
//!               └─ decrypt <─────────────────────────────────────────┘
//!                     └──> record', plaintext
//! ```
//!
//! A record holds up to five chains of one sender, newest first, so that messages of a key before the latest still open.
//! To rotate a key is to generate a new record: whoever left keeps what they had and can read nothing after it.
//!
//! Every function is pure: it takes a record and returns a new one. An error returns nothing, so there is nothing that
//! could be stored by mistake. The caller stores the new record before a message leaves or a plaintext is shown.
//!
//! # Example
//!
//! Alice hands out her key to Bob and writes twice; Bob reads out of order.
//!
//! ```
//! use khaima_signal::*;
//! # use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
//! # let mut rng = ChaCha20Rng::seed_from_u64(7);
//! let id = DistributionId::from_bytes([7; 16]);
//!
//! // Alice makes her sender key. The bytes of the distribution message go to Bob inside their session.
//! let alice = SenderKeyRecord::generate(&mut rng);
//! let distribution = alice.distribution_message(id)?.serialize().to_vec();
//!
//! // Bob keeps it with what he has of hers, which is nothing yet.
//! let distribution = SenderKeyDistributionMessage::decode(&distribution)?;
//! let bob = SenderKeyRecord::empty().process(&distribution);
//! assert_eq!(bob.change, SenderKeyChange::Added);
//!
//! // Alice writes; each new record replaces the old before its message leaves.
//! let first = alice.encrypt(id, b"noon, by the bridge", &mut rng)?;
//! let second = first.record.encrypt(id, b"bring nobody", &mut rng)?;
//!
//! // The second message comes first. The key of the one passed over is kept.
//! let message = SenderKeyMessage::decode(second.message.serialize())?;
//! let read = bob.record.decrypt(&message)?;
//! assert_eq!(read.plaintext.as_slice(), b"bring nobody");
//! let read = read.record.decrypt(&first.message)?;
//! assert_eq!(read.plaintext.as_slice(), b"noon, by the bridge");
//!
//! // Nothing is read twice.
//! assert!(matches!(read.record.decrypt(&first.message), Err(GroupDecryptError::DuplicatedMessage { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Not its concern: who is a member and who may hand out a key (the group's signed operations), when to rotate, where
//! records are kept (one's own under one's own address, others' by sender and distribution id), the sessions that carry
//! distribution messages, sealing the sender, and what the plaintext means.
//!
//! Spec: Signal protocol 9 Sender keys (groups).

mod codec;
mod decrypt;
mod encrypt;
mod error;
mod message_keys;
mod record;
mod state;

pub use decrypt::GroupDecrypted;
pub use encrypt::GroupEncrypted;
pub use error::{DistributeError, GroupDecryptError, GroupEncryptError};
pub use record::{Processed, SenderKeyChange, SenderKeyRecord};
