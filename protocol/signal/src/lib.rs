//! The Signal protocol: PQXDH, the Triple Ratchet, sealed sender; no IO, clock, thread or async.

#![cfg_attr(test, allow(clippy::cast_possible_truncation, reason = "test data is small"))]

mod address;
mod crypto;
mod error_class;
#[doc(hidden)]
pub mod hazmat;
mod keys;
mod message;
mod pqxdh;
mod ratchet;
mod safety_number;
pub mod sealed_sender;
mod secret;
mod session;
mod spqr;
mod time;
mod triple_ratchet;

pub use address::{AddressError, DeviceId, ProtocolAddress, RegistrationId, ServiceId, ServiceIdKind};
pub use crypto::{
    Encapsulated, KemCiphertext, KemKeyPair, KemPublicKey, KemSecretKey, KeyError, KeyPair, PrivateKey,
    PublicKey, Signature,
};
pub use error_class::{ErrorClass, ErrorKind};
pub use keys::{
    BundleError, IdentityKey, IdentityKeyPair, KyberPreKey, KyberPreKeyId, LocalIdentity, OneTimePreKey,
    PreKeyBundle, PreKeyBundleIn, PreKeyDecodeError, PreKeyId, SignedPreKey, SignedPreKeyId,
};
pub use message::{
    CiphertextMessage, DecryptionErrorMessage, MessageError, MessageType, PlaintextContent,
    PreKeySignalMessage, SESSION_VERSION, SignalMessage,
};
pub use safety_number::{SafetyNumber, SafetyNumberError, SafetyNumberSide, compare_scannable};
pub use secret::Secret;
pub use session::{
    DecodeError, DecryptError, Decrypted, Direction, EncryptError, Encrypted, Local, PartChanges, PreKeyView,
    RecordPart, SessionRecord, SpentPreKeys, StartError, StoreError, StoredKyber, Trust,
};
pub use time::Timestamp;

/// Seeded randomness for unit tests, so that a failure repeats.
#[cfg(test)]
pub(crate) fn test_rng(seed: u64) -> rand_chacha::ChaCha20Rng {
    use rand_chacha::rand_core::SeedableRng;
    rand_chacha::ChaCha20Rng::seed_from_u64(seed)
}
