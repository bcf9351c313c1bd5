//! The entry: one side's whole state, its versions, and the order of the steps of send and receive.
//!
//! Not its concern: the steps themselves (`braid`, `chain`) and the stored form (`stored`).
//!
//! Spec: SPQR 3, 4, 11.

use std::sync::Arc;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::SpqrError;
use super::braid::{Braid, Emitted};
use super::chain::{Chain, ChainParams, Direction};
use super::message::{Message, VERSION};
use crate::secret::Secret;

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

/// One side of the ratchet. Cheap to clone: large values are shared.
///
/// A state must be sent from once only. Sending twice from copies of one state, or again from an old state after a
/// crash, uses a message key twice; store the new state before the message is released.
#[derive(Clone)]
pub struct Spqr(pub(super) Option<Live>);

/// A state of version 1.
#[derive(Clone)]
pub(super) struct Live {
    /// Present until the first message of version 1 has been received.
    pub(super) negotiation: Option<Arc<Negotiation>>,
    /// Absent until the first key is due.
    pub(super) chain: Option<Chain>,
    pub(super) braid: Braid,
}

/// What is needed to choose a version and to begin the chain.
pub(super) struct Negotiation {
    pub(super) direction: Direction,
    pub(super) min_version: u8,
    pub(super) params: ChainParams,
    pub(super) auth_key: Zeroizing<Vec<u8>>,
}

/// What [`Spqr::send`] gives.
#[derive(Debug)]
pub struct SpqrSent {
    /// The state to store before the message is released.
    pub state: Spqr,
    /// Bytes to carry in the session message, 4 to about 50; empty when the ratchet is off.
    pub message: Vec<u8>,
    /// The message key, if there is one yet.
    pub key: Option<Secret<32>>,
}

/// What [`Spqr::recv`] gives.
#[derive(Debug)]
pub struct SpqrReceived {
    /// The state to store, once the session message has been authenticated with `key`.
    pub state: Spqr,
    /// The message key, if the message has one.
    pub key: Option<Secret<32>>,
}

impl Spqr {
    /// The state at the start of a session.
    ///
    /// `auth_key` is the third part of the handshake's output, 32 bytes. With `version` 0 the ratchet is off whatever
    /// the rest; versions above 1 are offered as 1, the highest there is.
    #[must_use]
    pub fn new(
        direction: Direction,
        version: u8,
        min_version: u8,
        auth_key: &[u8],
        params: ChainParams,
    ) -> Self {
        if version == 0 {
            return Self(None);
        }
        let negotiation = Negotiation {
            direction,
            min_version: min_version.min(VERSION),
            params: params.resolved(),
            auth_key: Zeroizing::new(auth_key.to_vec()),
        };
        let braid = Braid::new(direction, auth_key);
        Self(Some(Live { negotiation: Some(Arc::new(negotiation)), chain: None, braid }))
    }

    /// The next message to send, and its key.
    ///
    /// Draws 64 or 32 bytes, in one request, once per epoch each; otherwise nothing.
    ///
    /// # Errors
    /// [`SpqrError::ChainExhausted`] after 2^32 - 1 messages of one epoch; others only from a damaged state.
    ///
    /// Spec: SPQR 11 Send and receive.
    pub fn send<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> Result<SpqrSent, SpqrError> {
        let Some(live) = &self.0 else {
            return Ok(SpqrSent { state: self.clone(), message: Vec::new(), key: None });
        };
        let sent = live.braid.send(rng)?;
        let epoch = sent.braid.epoch;
        let mut chain = match (&live.chain, &live.negotiation) {
            (Some(chain), _) => Some(chain.clone()),
            (None, Some(negotiation)) => (negotiation.min_version >= VERSION).then(|| negotiation.begin()),
            (None, None) => return Err(SpqrError::ChainNotAvailable),
        };
        let (index, key) = match &mut chain {
            None => (0, None),
            Some(chain) => {
                add(chain, sent.emitted)?;
                // The message that starts a secret's epoch still uses the key of the epoch before.
                let sent = chain.send_key(epoch.saturating_sub(1))?;
                (sent.index, Some(sent.key))
            }
        };
        let message = Message { epoch, index, payload: sent.payload }.encode();
        let negotiation = live.negotiation.clone();
        Ok(SpqrSent { state: Self(Some(Live { negotiation, chain, braid: sent.braid })), message, key })
    }

    /// Takes in the bytes a session message carried, and gives its key.
    ///
    /// Nothing in the bytes is authenticated yet: keep the returned state only when the session message's MAC holds.
    /// An absent field is handed in as no bytes.
    ///
    /// # Errors
    /// As [`SpqrError`] says; the message is to be dropped.
    ///
    /// Spec: SPQR 4 Versions and negotiation, 11 Send and receive.
    pub fn recv(&self, message: &[u8]) -> Result<SpqrReceived, SpqrError> {
        let received = |state| SpqrReceived { state, key: None };
        let version = message.first().copied().unwrap_or(0);
        if version > VERSION {
            // Left to the session's MAC, which fails unless the sender used no key either.
            return Ok(received(self.clone()));
        }
        let Some(live) = &self.0 else {
            return Ok(received(Self(None)));
        };
        if version < VERSION {
            return match &live.negotiation {
                None => Err(SpqrError::VersionMismatch),
                Some(negotiation) if negotiation.min_version > version => Err(SpqrError::MinimumVersion),
                Some(_) => Ok(received(Self(None))),
            };
        }
        live.recv(&Message::decode(message)?)
    }

    /// What is agreed about the version.
    #[must_use]
    pub fn status(&self) -> Status {
        match &self.0 {
            None => Status::Complete { version: 0 },
            Some(Live { negotiation: None, .. }) => Status::Complete { version: VERSION },
            Some(Live { negotiation: Some(negotiation), .. }) => {
                Status::Negotiating { version: VERSION, min_version: negotiation.min_version }
            }
        }
    }

    /// The number of the braid's state, 1 to 11, or 0 when the ratchet is off.
    #[must_use]
    pub fn state_code(&self) -> u8 {
        self.0.as_ref().map_or(0, |live| live.braid.state.code())
    }
}

impl Live {
    fn recv(&self, message: &Message) -> Result<SpqrReceived, SpqrError> {
        let received = self.braid.recv(message.epoch, &message.payload)?;
        let mut chain = match (&self.chain, &self.negotiation) {
            (Some(chain), _) => chain.clone(),
            (None, Some(negotiation)) => negotiation.begin(),
            (None, None) => return Err(SpqrError::ChainNotAvailable),
        };
        add(&mut chain, received.emitted)?;
        let key = if message.epoch == 1 && message.index == 0 {
            None
        } else {
            Some(chain.recv_key(message.epoch.saturating_sub(1), message.index)?)
        };
        let state = Spqr(Some(Self { negotiation: None, chain: Some(chain), braid: received.braid }));
        Ok(SpqrReceived { state, key })
    }
}

impl Negotiation {
    fn begin(&self) -> Chain {
        Chain::start(self.direction, &self.auth_key, self.params)
    }
}

fn add(chain: &mut Chain, emitted: Option<Emitted>) -> Result<(), SpqrError> {
    emitted.map_or(Ok(()), |emitted| chain.add_epoch(emitted.epoch, &emitted.secret))
}

impl std::fmt::Debug for Spqr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spqr")
            .field("state_code", &self.state_code())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
