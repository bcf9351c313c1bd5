//! Envelopes: sealed bytes of one of five sizes, and the mailbox they are for.
//!
//! What is inside is sealed sender v2 without its version byte, padded by `khaima-signal` (design details §2).
//! Here only the size is known, and it is all a relay or a watcher of the line ever learns.
//!
//! Not its concern: sealing, padding, opening.

use std::fmt;

use crate::{Day, EnvelopeId, MailboxId};

/// Sealed bytes that do not have one of the five sizes. Ours: a bug in padding. A peer's: refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of the five envelope sizes")]
pub struct WrongSize;

/// The sealed bytes of an envelope, of exactly one of five sizes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SealedEnvelope(Vec<u8>);

impl SealedEnvelope {
    /// The five sizes in bytes: 4, 8, 16, 32 and 64 KiB less 128, so that a stored record fits its pages.
    pub const SIZES: [usize; 5] = [3_968, 8_064, 16_256, 32_640, 65_408];

    /// The largest size in bytes.
    pub const MAX_SIZE: usize = 65_408;

    /// Takes sealed bytes.
    ///
    /// # Errors
    ///
    /// [`WrongSize`] unless they have one of the five sizes.
    pub fn new(sealed: Vec<u8>) -> Result<Self, WrongSize> {
        if Self::SIZES.contains(&sealed.len()) { Ok(Self(sealed)) } else { Err(WrongSize) }
    }

    /// The smallest of the five sizes that holds `len` bytes, if one does.
    #[must_use]
    pub fn size_for(len: usize) -> Option<usize> {
        Self::SIZES.into_iter().find(|&size| size >= len)
    }

    /// The sealed bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The sealed bytes, given away.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Its size in bytes, one of [`Self::SIZES`].
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for SealedEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedEnvelope(..)")
    }
}

/// An envelope on its way to a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Where it goes.
    pub mailbox: MailboxId,
    /// What goes there.
    pub sealed: SealedEnvelope,
}

/// An envelope on its way from a relay to the mailbox's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The mailbox it waited in.
    pub mailbox: MailboxId,
    /// Its name there, to acknowledge it by.
    pub id: EnvelopeId,
    /// The day the relay stored it; certificates inside are judged against it.
    pub stored: Day,
    /// The sealed bytes as submitted.
    pub sealed: SealedEnvelope,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_five_sizes_make_an_envelope() {
        let accepted: Vec<usize> =
            (0..=66_000).filter(|&len| SealedEnvelope::new(vec![0; len]).is_ok()).collect();
        assert_eq!(accepted, SealedEnvelope::SIZES);
        assert_eq!(SealedEnvelope::MAX_SIZE, SealedEnvelope::SIZES[4]);
    }

    #[test]
    fn sizes_are_128_below_a_power_of_two() {
        for (i, size) in SealedEnvelope::SIZES.into_iter().enumerate() {
            assert_eq!(size + 128, 4_096 << i);
        }
    }

    #[test]
    fn the_smallest_size_that_fits_is_chosen() {
        assert_eq!(SealedEnvelope::size_for(0), Some(3_968));
        assert_eq!(SealedEnvelope::size_for(3_968), Some(3_968));
        assert_eq!(SealedEnvelope::size_for(3_969), Some(8_064));
        assert_eq!(SealedEnvelope::size_for(65_408), Some(65_408));
        assert_eq!(SealedEnvelope::size_for(65_409), None);
    }

    #[test]
    fn debug_shows_no_bytes() {
        let sealed = SealedEnvelope::new(vec![0xab; 3_968]).unwrap();
        assert_eq!(format!("{sealed:?}"), "SealedEnvelope(..)");
    }
}
