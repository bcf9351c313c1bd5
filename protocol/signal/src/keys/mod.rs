//! The keys of a person and of a device: identity, prekeys, and the bundle others start sessions from.
//!
//! ```text
//! identity key ──signs──> signed prekey, Kyber prekey ┐
//!                         one-time prekey (unsigned)  ├─> bundle ──verify──> PreKeyBundle ──> session
//!                         registration and device id  ┘
//! ```
//!
//! Not its concern: storing keys, publishing bundles, and deciding whom to trust.

mod bundle;
mod identity;
mod prekey;

pub use bundle::{BundleError, PreKeyBundle, PreKeyBundleIn};
pub use identity::{IdentityKey, IdentityKeyPair, LocalIdentity};
pub use prekey::{
    KyberPreKey, KyberPreKeyId, OneTimePreKey, PreKeyDecodeError, PreKeyId, SignedPreKey, SignedPreKeyId,
};
