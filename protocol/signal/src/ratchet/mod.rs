//! The Double Ratchet: one type per stage of its key schedule.
//!
//! ```text
//! RootKey ──step(DH)──> RootKey'            at each new ratchet key of the peer
//!    └────────────────> ChainKey ──advance──> ChainKey' ──> ..   at each message
//!                                   └───────> MessageSeed ──keys(pq)──> MessageKeys
//! ```
//!
//! Seeds, not keys, are kept for messages that have not arrived: the post-quantum ratchet's share of a key is known
//! only when the message comes.
//!
//! Not its concern: MACs, encryption and headers (session), and the post-quantum ratchet.
//!
//! Spec: Signal protocol 5 Double Ratchet.

mod chain_key;
mod double_ratchet;
mod message_keys;
mod receiver_chain;
mod root_key;
mod skipping_chain;

pub(crate) use chain_key::{Advanced, ChainExhausted, ChainKey};
pub(crate) use double_ratchet::{DoubleRatchet, Turn};
pub(crate) use message_keys::{MessageKeys, MessageSeed};
pub(crate) use receiver_chain::ReceiverChain;
pub(crate) use root_key::RootKey;
pub(crate) use skipping_chain::{SkippedPage, SkippedSeeds, SkippingChain, TakeError};

/// Receiver chains kept per session; the oldest goes when a sixth begins.
///
/// Fewer would lose messages of recent turns that are still on their way; more would keep keys of old turns for longer.
pub(crate) const MAX_RECEIVER_CHAINS: usize = 5;
/// Skipped seeds kept per receiver chain; the one added earliest goes first.
pub(crate) const MAX_SKIPPED: usize = 2_000;
/// How far a message may be ahead of the last one of its chain, except in a self session. Also of the post-quantum
/// ratchet. Bounds what a forged counter can cost before the MAC is looked at.
pub(crate) const MAX_FORWARD_JUMP: u32 = 25_000;

/// How far ahead a message may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JumpLimit {
    /// At most [`MAX_FORWARD_JUMP`].
    Ordinary,
    /// Any distance: both ends are devices of one account, and one may lag far behind.
    SelfSession,
}

impl JumpLimit {
    /// The largest distance allowed.
    pub(crate) const fn max(self) -> u32 {
        match self {
            Self::Ordinary => MAX_FORWARD_JUMP,
            Self::SelfSession => u32::MAX,
        }
    }
}

/// Why a ratchet has no key for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReceiveError {
    /// The key of this index was used already, or is no longer kept.
    Duplicated { chain_index: u32, counter: u32 },
    /// Too far ahead, beyond the last index, or a key agreement without contribution.
    Unacceptable,
}
