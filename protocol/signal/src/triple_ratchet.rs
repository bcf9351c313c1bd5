//! The triple ratchet: the double ratchet and the sparse post-quantum ratchet, step for step.
//!
//! Each message needs a key of both. The post-quantum key is the salt of the message's key derivation and touches
//! neither root nor chain keys. Like its two halves, every function leaves the old state as it was.
//!
//! Not its concern: MACs, ciphertexts and sessions.
//!
//! Spec: Signal protocol 6 Triple ratchet.

use std::sync::Arc;

use rand_core::CryptoRng;

use crate::{
    Secret,
    message::{SignalHeader, SignalMessage},
    ratchet::{DoubleRatchet, JumpLimit, MessageKeys, ReceiveError},
    spqr::{ChainParams, Direction, Spqr, SpqrError, SpqrReceived, SpqrSent, StoredParts},
};

/// Version of the post-quantum ratchet; also the least we accept, so that nobody can turn it off.
const SPQR_VERSION: u8 = 1;
/// Keys of late messages the post-quantum ratchet keeps; as many as the double ratchet, so that neither loses a message
/// the other could read.
const MAX_LATE_KEYS: u32 = 2_000;

/// Both ratchets of a session.
#[derive(Clone, Debug)]
pub(crate) struct TripleRatchet {
    pub(crate) double: DoubleRatchet,
    pub(crate) post_quantum: PostQuantum,
}

/// The post-quantum half, as far as it could be read.
#[derive(Clone, Debug)]
pub(crate) enum PostQuantum {
    Working(Spqr),
    /// What was stored does not decode. Kept as it is, so that nothing is lost that a newer version might read; it can
    /// neither send nor receive, while the rest of the session still says which one it is.
    Damaged(Arc<StoredParts>),
}

impl PostQuantum {
    fn send<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> Result<SpqrSent, SpqrError> {
        self.working().ok_or(SpqrError::StateDecode)?.send(rng)
    }

    fn recv(&self, message: &[u8]) -> Result<SpqrReceived, SpqrError> {
        self.working().ok_or(SpqrError::StateDecode)?.recv(message)
    }

    pub(crate) fn working(&self) -> Option<&Spqr> {
        match self {
            Self::Working(ratchet) => Some(ratchet),
            Self::Damaged(_) => None,
        }
    }
}

/// A message can be sent: its header and keys, and the state to keep before it leaves.
pub(crate) struct Sent {
    pub(crate) ratchet: TripleRatchet,
    pub(crate) header: SignalHeader,
    pub(crate) keys: MessageKeys,
}

/// The keys of a message, and the state to keep once they prove right.
pub(crate) struct Received {
    pub(crate) ratchet: TripleRatchet,
    pub(crate) keys: MessageKeys,
}

/// Why a ratchet cannot send. The session is used up or damaged; start a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendError {
    ChainExhausted,
    PostQuantum,
}

impl TripleRatchet {
    /// Joins a fresh double ratchet with a fresh post-quantum one.
    ///
    /// Spec: Signal protocol 6.2 Initialisation.
    pub(crate) fn new(
        double: DoubleRatchet,
        direction: Direction,
        pq_auth: &Secret<32>,
        limit: JumpLimit,
    ) -> Self {
        let params = ChainParams { max_jump: limit.max(), max_ooo_keys: MAX_LATE_KEYS };
        let post_quantum = Spqr::new(direction, SPQR_VERSION, SPQR_VERSION, pq_auth.expose(), params);
        Self { double, post_quantum: PostQuantum::Working(post_quantum) }
    }

    /// A ratchet that gives no key does not send: nothing leaves that the post-quantum ratchet has no part in.
    ///
    /// Spec: Signal protocol 5.2 Sending, steps 1 and 2; the post-quantum ratchet goes first.
    pub(crate) fn send<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> Result<Sent, SendError> {
        let post_quantum = self.post_quantum.send(rng).map_err(|_| SendError::PostQuantum)?;
        let key = post_quantum.key.ok_or(SendError::PostQuantum)?;
        let double = self.double.send().map_err(|_| SendError::ChainExhausted)?;
        Ok(Sent {
            ratchet: Self { double: double.ratchet, post_quantum: PostQuantum::Working(post_quantum.state) },
            header: SignalHeader {
                ratchet_key: double.ratchet_key,
                counter: double.counter,
                previous_counter: double.previous_counter,
                pq_ratchet: post_quantum.message,
            },
            keys: double.seed.keys(&key),
        })
    }

    /// A message that gives no post-quantum key is refused here, where a wrong MAC would be: with an unknown version, or
    /// as one "without a key yet". Otherwise whoever broke the double ratchet could leave the other one out, message by
    /// message. No honest sender does, since both sides demand version 1.
    ///
    /// Spec: Signal protocol 5.3 Receiving, steps 1 to 4; the double ratchet goes first.
    pub(crate) fn receive<R: CryptoRng + ?Sized>(
        &self,
        message: &SignalMessage,
        limit: JumpLimit,
        rng: &mut R,
    ) -> Result<Received, ReceiveError> {
        let double = self.double.receive(message.ratchet_key(), message.counter(), limit, rng)?;
        let post_quantum =
            self.post_quantum.recv(message.pq_ratchet()).map_err(|_| ReceiveError::Unacceptable)?;
        let key = post_quantum.key.ok_or(ReceiveError::Unacceptable)?;
        Ok(Received {
            ratchet: Self { double: double.ratchet, post_quantum: PostQuantum::Working(post_quantum.state) },
            keys: double.seed.keys(&key),
        })
    }
}
