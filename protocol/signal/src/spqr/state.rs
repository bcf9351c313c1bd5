//! The entry: one side's whole state, its versions, and the order of the steps of send and receive.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::SpqrError;
use crate::secret::Secret;

/// Which side of the session this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The initiator of the handshake.
    A2B,
    /// Its recipient.
    B2A,
}

/// Limits of the key chain. 0 stands for the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainParams {
    /// How far ahead of the last key an index may lie; that many derivations is what a forged message can cost.
    pub max_jump: u32,
    /// How many keys of messages not yet seen are kept, and how far behind an index may lie.
    pub max_ooo_keys: u32,
}

impl Default for ChainParams {
    fn default() -> Self {
        Self { max_jump: 25_000, max_ooo_keys: 2_000 }
    }
}

/// What is agreed about the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nothing has been received yet: the peer may still choose a version down to `min_version`.
    Negotiating {
        /// Version offered.
        version: u8,
        /// Lowest version accepted.
        min_version: u8,
    },
    /// The version is settled. 0 means the ratchet is off.
    Complete {
        /// Version in use.
        version: u8,
    },
}

/// One side of the ratchet.
#[derive(Debug, Clone)]
pub struct Spqr(());

/// What [`Spqr::send`] gives.
#[derive(Debug)]
pub struct SpqrSent {
    /// The state to store before the message is released.
    pub state: Spqr,
    /// Bytes to carry in the session message; empty when the ratchet is off.
    pub message: Vec<u8>,
    /// The message key, if there is one yet.
    pub key: Option<Secret<32>>,
}

/// What [`Spqr::recv`] gives.
#[derive(Debug)]
pub struct SpqrReceived {
    /// The state to store once the session message has been authenticated with `key`.
    pub state: Spqr,
    /// The message key, if the message has one.
    pub key: Option<Secret<32>>,
}

impl Spqr {
    /// The state at the start of a session. `auth_key` is the third part of the handshake's output.
    #[must_use]
    pub fn new(_direction: Direction, _version: u8, _min_version: u8, _auth_key: &[u8], _params: ChainParams) -> Self {
        Self(())
    }

    /// Sends.
    ///
    /// # Errors
    /// See [`SpqrError`].
    pub fn send<R: CryptoRng + ?Sized>(&self, _rng: &mut R) -> Result<SpqrSent, SpqrError> {
        Err(SpqrError::ChainNotAvailable)
    }

    /// Receives.
    ///
    /// # Errors
    /// See [`SpqrError`].
    pub fn recv(&self, _message: &[u8]) -> Result<SpqrReceived, SpqrError> {
        Err(SpqrError::ChainNotAvailable)
    }

    /// Stored form. Empty exactly when the ratchet is off.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(Vec::new())
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`SpqrError::StateDecode`].
    pub fn decode(_bytes: &[u8]) -> Result<Self, SpqrError> {
        Err(SpqrError::StateDecode)
    }

    /// What is agreed about the version.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::Complete { version: 0 }
    }
}
