//! One chain of the peer's messages: those under one of its ratchet keys.
//!
//! Not its concern: which chain a message belongs to.

use super::{ChainKey, JumpLimit, MessageSeed, ReceiveError, SkippingChain, TakeError};
use crate::crypto::PublicKey;

/// The peer's messages under one of its ratchet keys.
#[derive(Clone, Debug)]
pub(crate) struct ReceiverChain {
    /// Number of this chain within its session; never used twice. Names its pages in storage.
    pub(crate) serial: u32,
    pub(crate) ratchet_key: PublicKey,
    pub(crate) messages: SkippingChain,
}

impl ReceiverChain {
    pub(crate) fn new(serial: u32, ratchet_key: PublicKey, chain: ChainKey) -> Self {
        Self { serial, ratchet_key, messages: SkippingChain::new(chain) }
    }

    /// Takes out the seed for a counter. On an error the chain may be half changed: work on a copy.
    ///
    /// Spec: Signal protocol 5.3 step 2.
    pub(crate) fn take(&mut self, counter: u32, limit: JumpLimit) -> Result<MessageSeed, ReceiveError> {
        self.messages.take(counter, limit.max()).map_err(|error| match error {
            TakeError::Duplicated { chain_index, counter } => {
                ReceiveError::Duplicated { chain_index, counter }
            }
            TakeError::TooFarAhead | TakeError::Exhausted => ReceiveError::Unacceptable,
        })
    }
}
