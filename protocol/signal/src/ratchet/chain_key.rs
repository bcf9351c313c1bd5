//! Chain keys: one step per message, never backwards.
//!
//! Not its concern: keeping the seeds of messages that have not arrived.

use super::MessageSeed;
use crate::{Secret, crypto::kdf};

/// Input of the HMAC that gives the seed of a message.
const SEED_INPUT: &[u8] = &[0x01];
/// Input of the HMAC that gives the next chain key.
const NEXT_INPUT: &[u8] = &[0x02];

/// Chain key, 32 bytes, with the index of the next message, from 0.
#[derive(Clone, Debug)]
pub(crate) struct ChainKey {
    key: Secret<32>,
    index: u32,
}

/// The chain stands at the last index and must not wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChainExhausted;

impl ChainKey {
    pub(crate) fn new(key: Secret<32>, index: u32) -> Self {
        Self { key, index }
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn secret(&self) -> &Secret<32> {
        &self.key
    }

    /// What the keys of the message at this index are derived from.
    pub(crate) fn seed(&self) -> MessageSeed {
        MessageSeed::new(kdf::hmac(self.key.expose(), &[SEED_INPUT]))
    }

    /// Moves on by one. Takes `self`, so that the key of a used index is gone.
    ///
    /// Spec: Signal protocol 5.1 Key schedule, chain step.
    pub(crate) fn advance(self) -> Result<Self, ChainExhausted> {
        let index = self.index.checked_add(1).ok_or(ChainExhausted)?;
        Ok(Self { key: kdf::hmac(self.key.expose(), &[NEXT_INPUT]), index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advancing_moves_the_index_by_one_and_changes_the_key() {
        let first = ChainKey::new(Secret::from_bytes([7; 32]), 0);
        let second = first.clone().advance().unwrap();
        assert_eq!(second.index(), 1);
        assert_ne!(first.secret().expose(), second.secret().expose());
    }

    #[test]
    fn the_last_index_cannot_be_left() {
        let last = ChainKey::new(Secret::from_bytes([7; 32]), u32::MAX);
        assert_eq!(last.advance().unwrap_err(), ChainExhausted);
    }
}
