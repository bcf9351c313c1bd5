//! Names of mailboxes and of the envelopes in them.
//!
//! Neither shows itself in logs: `Debug` is fixed text and there is no `Display`.
//!
//! Not its concern: proving that a mailbox is one's own (`keys`).

use std::fmt;

use rand_core::CryptoRng;

use crate::{Label, MailboxPublicKey};

/// Bytes that should have been an id, a key or a secret have the wrong length. Treat the input as malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wrong length")]
pub struct WrongLength;

/// The name of a mailbox at a relay: 32 bytes, the hash of its own public key.
///
/// Whoever knows it may put an envelope in. It names no person: each relationship has its own.
///
/// Spec: wire.md, Mailbox id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxId([u8; 32]);

impl MailboxId {
    /// Length in bytes.
    pub const LENGTH: usize = 32;

    /// The id of the mailbox that belongs to `key`: SHA-256("khaima/v1/mailbox" || 0x00 || key).
    #[must_use]
    pub fn of_key(key: &MailboxPublicKey) -> Self {
        Self(Label::MAILBOX.hash(&[key.as_bytes()]))
    }

    /// From its 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From a slice.
    ///
    /// # Errors
    ///
    /// [`WrongLength`] unless it has 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, WrongLength> {
        bytes.try_into().map(Self).map_err(|_| WrongLength)
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// In hexadecimal, for tests and for people who look into a store. Never for logs.
    #[must_use]
    pub fn to_hex(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }
}

impl fmt::Debug for MailboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailboxId(..)")
    }
}

/// The name of one envelope within its mailbox: 16 bytes, made by the relay.
///
/// An 8-byte position (big endian) keeps envelopes in the order of their arrival: 1 + the highest one waiting in
/// that mailbox, so it starts again when the mailbox is empty. Eight random bytes keep a name from coming twice.
///
/// Spec: wire.md, Envelope id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvelopeId([u8; 16]);

impl EnvelopeId {
    /// Length in bytes.
    pub const LENGTH: usize = 16;

    /// From its parts.
    #[must_use]
    pub fn new(position: u64, random: [u8; 8]) -> Self {
        let mut bytes = [0; 16];
        let (head, tail) = bytes.split_at_mut(8);
        head.copy_from_slice(&position.to_be_bytes());
        tail.copy_from_slice(&random);
        Self(bytes)
    }

    /// At `position`, with a random part from `rng`.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(position: u64, rng: &mut R) -> Self {
        let mut random = [0; 8];
        rng.fill_bytes(&mut random);
        Self::new(position, random)
    }

    /// From its 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// From a slice.
    ///
    /// # Errors
    ///
    /// [`WrongLength`] unless it has 16 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, WrongLength> {
        bytes.try_into().map(Self).map_err(|_| WrongLength)
    }

    /// Its 16 bytes. They sort as the envelopes arrived.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Its place in the mailbox.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.0.first_chunk().map_or(0, |head| u64::from_be_bytes(*head))
    }

    /// In hexadecimal, for tests. Never for logs.
    #[must_use]
    pub fn to_hex(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }
}

impl fmt::Debug for EnvelopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnvelopeId(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_id() {
        assert_eq!(format!("{:?}", MailboxId([0xab; 32])), "MailboxId(..)");
        assert_eq!(format!("{:?}", EnvelopeId([0xab; 16])), "EnvelopeId(..)");
    }

    #[test]
    fn envelope_ids_sort_by_position_first() {
        let (early, late) = (EnvelopeId::new(255, [0xff; 8]), EnvelopeId::new(256, [0; 8]));
        assert!(early < late);
        assert!(early.as_bytes() < late.as_bytes());
        assert_eq!(late.position(), 256);
        assert_eq!(late.to_hex(), "00000000000001000000000000000000");
    }

    #[test]
    fn ids_have_their_length_and_no_other() {
        for len in 0..64 {
            assert_eq!(MailboxId::from_slice(&vec![1; len]).is_ok(), len == MailboxId::LENGTH);
            assert_eq!(EnvelopeId::from_slice(&vec![1; len]).is_ok(), len == EnvelopeId::LENGTH);
        }
    }
}
