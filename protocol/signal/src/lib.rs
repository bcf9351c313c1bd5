//! The Signal protocol: PQXDH, the Triple Ratchet, sender keys, sealed sender; no IO, clock, thread or async.
//!
//! What it promises: two devices that never were online together share a secret that holds against a recording attacker
//! with a quantum computer; each message has its own key, which is gone once used; a theft of one device's state heals
//! after a few messages; and whoever carries a sealed envelope does not learn who sent it. Byte for byte, it speaks
//! what the official client library speaks.
//!
//! ```text
//!  keys            identity, prekeys ──> PreKeyBundleIn ── verify ──> PreKeyBundle
//!  session         SessionRecord ── start ──> record' ── encrypt ──> record', CiphertextMessage
//!                                record' <── decrypt ── CiphertextMessage      (tried on copies, current first)
//!    pqxdh           first secret: three or four Curve25519 agreements and Kyber1024
//!    triple_ratchet  one key per message: double ratchet and, beside it, the sparse post-quantum ratchet (spqr)
//!  group           SenderKeyRecord ── encrypt ──> record', SenderKeyMessage      (one for all members)
//!                                 record' <── process, decrypt ── distribution message, SenderKeyMessage
//!  sealed_sender   message + certificate ── seal ──> envelope ── open ──> message + certificate ── check ──> sender
//!  safety_number   two identity keys ──> digits to compare
//! ```
//!
//! Every function is pure. Time and randomness are arguments, state comes in and goes out as values, and an error gives
//! nothing back, so that nothing half-done can be stored. Secrets are wiped on drop and do not print; received bytes never
//! panic.
//!
//! # Example
//!
//! Alice writes to Bob, who is offline; Bob reads it later, under seal.
//!
//! ```
//! use khaima_signal::sealed_sender::{self, ContentHint, SealedContent, SenderCertificate, SenderClaims, ServerCertificate};
//! use khaima_signal::*;
//! # use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
//! # let mut rng = ChaCha20Rng::seed_from_u64(7);
//! # struct Anyone;
//! # impl Trust for Anyone {
//! #     fn is_trusted(&self, _: &ProtocolAddress, _: &IdentityKey, _: Direction) -> Result<bool, StoreError> { Ok(true) }
//! # }
//! # struct Prekeys(OneTimePreKey, SignedPreKey, KyberPreKey);
//! # impl PreKeyView for Prekeys {
//! #     fn one_time(&self, _: PreKeyId) -> Result<Option<OneTimePreKey>, StoreError> { Ok(Some(self.0.clone())) }
//! #     fn signed(&self, _: SignedPreKeyId) -> Result<Option<SignedPreKey>, StoreError> { Ok(Some(self.1.clone())) }
//! #     fn kyber(&self, _: KyberPreKeyId) -> Result<Option<StoredKyber>, StoreError> {
//! #         Ok(Some(StoredKyber { prekey: self.2.clone(), last_resort: false }))
//! #     }
//! #     fn base_key_seen(&self, _: KyberPreKeyId, _: SignedPreKeyId, _: &PublicKey) -> Result<bool, StoreError> { Ok(false) }
//! # }
//! let now = Timestamp::from_millis(1_700_000_000_000);
//! let (alice, bob) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
//! let alice_address = ProtocolAddress::new("11111111-1111-4111-8111-111111111111", DeviceId::new(1)?);
//! let bob_address = ProtocolAddress::new("22222222-2222-4222-8222-222222222222", DeviceId::new(1)?);
//!
//! // Bob publishes a bundle, and keeps the private halves.
//! let one_time = OneTimePreKey::generate(PreKeyId::new(1), &mut rng);
//! let signed = SignedPreKey::generate(SignedPreKeyId::new(1), &bob, now, &mut rng);
//! let kyber = KyberPreKey::generate(KyberPreKeyId::new(1), &bob, now, &mut rng);
//! let bundle = PreKeyBundleIn {
//!     registration_id: 2,
//!     device_id: 1,
//!     one_time: Some((one_time.id, *one_time.key_pair.public())),
//!     signed_id: signed.id,
//!     signed_key: *signed.key_pair.public(),
//!     signed_signature: signed.signature.as_bytes().to_vec(),
//!     identity_key: bob.identity_key(),
//!     kyber_id: kyber.id,
//!     kyber_key: kyber.key_pair.public().clone(),
//!     kyber_signature: kyber.signature.as_bytes().to_vec(),
//! };
//!
//! // Alice starts a session from it and encrypts; the new record replaces the old before the message leaves.
//! let local = Local { identity: &alice, address: &alice_address, registration_id: 1 };
//! let record = SessionRecord::empty().verify_and_start(&local, &bob_address, bundle, &Anyone, now, &mut rng)?;
//! let encrypted = record.encrypt(&local, &bob_address, b"noon, by the bridge", &Anyone, now, &mut rng)?;
//!
//! // She seals it with a certificate rooted in her own identity, so that the envelope does not name her.
//! let server_key = KeyPair::generate(&mut rng);
//! let server = ServerCertificate::issue(1, server_key.public(), &alice, &mut rng);
//! let claims = SenderClaims {
//!     uuid: alice_address.name().to_owned(),
//!     e164: None,
//!     device: alice_address.device(),
//!     expires: now,
//!     identity_key: alice.identity_key(),
//! };
//! let content = SealedContent {
//!     message_type: encrypted.message.message_type(),
//!     certificate: SenderCertificate::issue(claims, server, server_key.private(), &mut rng),
//!     content: encrypted.message.serialize().to_vec(),
//!     hint: ContentHint::Resendable,
//!     group_id: None,
//! };
//! let envelope = sealed_sender::v2::seal_for_one(&content.encode(), &alice, &bob.identity_key(), &mut rng)?;
//!
//! // Bob opens it, checks who sent it, and decrypts.
//! let content = sealed_sender::open(&envelope, &bob)?;
//! let valid = content.certificate.validate(&[*alice.identity_key().public_key()], now)?;
//! assert!(valid.is_some());
//! let message = CiphertextMessage::decode(content.message_type, &content.content)?;
//! let local = Local { identity: &bob, address: &bob_address, registration_id: 2 };
//! let prekeys = Prekeys(one_time, signed, kyber);
//! let decrypted =
//!     SessionRecord::empty().decrypt(&local, &alice_address, &message, &prekeys, &Anyone, &mut rng)?;
//! assert_eq!(decrypted.plaintext.as_slice(), b"noon, by the bridge");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Not its concern: storing anything, reaching anybody, padding sizes, what the plaintext means, whom to trust, and who is
//! a member of a group.
//!
//! Spec: Signal protocol and SPQR; sections are named where they are followed.

#![deny(
    clippy::expect_used,
    clippy::get_unwrap,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "received bytes must not stop the program; a place that cannot fail says why"
)]
#![cfg_attr(
    test,
    allow(clippy::cast_possible_truncation, clippy::string_slice, reason = "test data is small")
)]

mod address;
mod crypto;
mod error_class;
mod group;
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
mod stored;
mod time;
mod triple_ratchet;
mod wiped;

pub use address::{AddressError, DeviceId, ProtocolAddress, RegistrationId, ServiceId, ServiceIdKind};
pub use crypto::{
    Encapsulated, KemCiphertext, KemKeyPair, KemPublicKey, KemSecretKey, KeyError, KeyPair, PrivateKey,
    PublicKey, Signature,
};
pub use error_class::{ErrorClass, ErrorKind};
pub use group::{
    DistributeError, GroupDecryptError, GroupDecrypted, GroupEncryptError, GroupEncrypted, Processed,
    SenderKeyChange, SenderKeyRecord,
};
pub use keys::{
    BundleError, IdentityKey, IdentityKeyPair, KyberPreKey, KyberPreKeyId, LocalIdentity, OneTimePreKey,
    PreKeyBundle, PreKeyBundleIn, PreKeyDecodeError, PreKeyId, SignedPreKey, SignedPreKeyId,
};
pub use message::{
    CiphertextMessage, DecryptionErrorMessage, DistributionId, MessageError, MessageType, PlaintextContent,
    PreKeySignalMessage, SESSION_VERSION, SenderKeyDistributionMessage, SenderKeyMessage, SignalMessage,
};
pub use safety_number::{SafetyNumber, SafetyNumberError, SafetyNumberSide, compare_scannable};
pub use secret::Secret;
pub use session::{
    DecryptError, Decrypted, Direction, EncryptError, Encrypted, Local, PreKeyView, SessionRecord,
    SpentPreKeys, StartError, StoreError, StoredKyber, Trust,
};
pub use stored::{DecodeError, PartChanges, RecordPart};
pub use time::Timestamp;

/// Seeded randomness for unit tests, so that a failure repeats.
#[cfg(test)]
pub(crate) fn test_rng(seed: u64) -> rand_chacha::ChaCha20Rng {
    use rand_chacha::rand_core::SeedableRng;
    rand_chacha::ChaCha20Rng::seed_from_u64(seed)
}

/// The README's example, so that it stays true.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
