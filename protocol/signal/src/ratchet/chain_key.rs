//! Chain keys: one step per message, never backwards.
//!
//! Not its concern: keeping the seeds of messages that have not arrived.

use super::MessageSeed;
use crate::{Secret, crypto::hmac_key::HmacKey};

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

/// What one step gives.
#[derive(Debug)]
pub(crate) struct Advanced {
    /// What the keys of the message at the old index are derived from.
    pub(crate) seed: MessageSeed,
    pub(crate) chain: ChainKey,
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

    /// Splits off the seed of one message and moves on by one. Takes `self`, so that the key of a used index is gone.
    ///
    /// Spec: Signal protocol 5.1 Key schedule, chain step and message seed.
    pub(crate) fn advance(self) -> Result<Advanced, ChainExhausted> {
        let index = self.index.checked_add(1).ok_or(ChainExhausted)?;
        let hmac = HmacKey::new(self.key.expose());
        let seed = MessageSeed::new(hmac.mac(&[SEED_INPUT]));
        let key = self.key.modified(|key| hmac.mac_into(&[NEXT_INPUT], key));
        Ok(Advanced { seed, chain: Self { key, index } })
    }

    /// Moves on by one without making the seed of the index passed over.
    pub(crate) fn skip(self) -> Result<Self, ChainExhausted> {
        let index = self.index.checked_add(1).ok_or(ChainExhausted)?;
        let key = self.key.modified(|key| HmacKey::new(key).mac_into(&[NEXT_INPUT], key));
        Ok(Self { key, index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::kdf;

    #[test]
    fn advancing_moves_the_index_by_one_and_derives_as_specified() {
        let first = ChainKey::new(Secret::from_bytes([7; 32]), 0);
        let Advanced { seed, chain } = first.clone().advance().unwrap();
        assert_eq!(chain.index(), 1);
        assert_eq!(*seed.secret(), kdf::hmac(first.secret().expose(), &[&[1]]));
        assert_eq!(*chain.secret(), kdf::hmac(first.secret().expose(), &[&[2]]));
    }

    #[test]
    fn skipping_ends_where_advancing_does() {
        let first = ChainKey::new(Secret::from_bytes([7; 32]), 4);
        let (advanced, skipped) = (first.clone().advance().unwrap().chain, first.skip().unwrap());
        assert_eq!((advanced.index(), advanced.secret()), (skipped.index(), skipped.secret()));
    }

    #[test]
    fn the_last_index_cannot_be_left() {
        let last = ChainKey::new(Secret::from_bytes([7; 32]), u32::MAX);
        assert_eq!(last.clone().advance().unwrap_err(), ChainExhausted);
        assert_eq!(last.skip().unwrap_err(), ChainExhausted);
    }
}
