//! The braid: one ML-KEM key agreement after the other, its values carried by ordinary messages, chunk by chunk.
//!
//! In each epoch one side makes the key pair (the ek side) and the other encapsulates (the ct side); the next epoch
//! they change places. A side is always in one of eleven states. Sending never changes the epoch; receiving moves on
//! when a value is complete.
//!
//! ```text
//!  ek side                                              ct side
//!  KeysUnsampled                                        NoHeaderReceived
//!    | send: keys            --- Hdr --->                 | header complete, MAC right
//!  KeysSampled                                          HeaderReceived
//!    | first Ct1             <--- Ct1 ---                 | send: encapsulate, secret of the epoch
//!  HeaderSent                --- Ek ---->               Ct1Sampled
//!    | ct1 complete          - EkCt1Ack ->                | ek complete       \ ct1 acknowledged first
//!  Ct1Received                                          EkReceivedCt1Sampled   Ct1Acknowledged
//!    | first Ct2             <--- Ct2 ---                 | ct1 acknowledged  / ek complete
//!  EkSentCt1Received         -- Ct1Ack -->              Ct2Sampled
//!    | ct2 complete, MAC right: secret of the epoch       | a message of the next epoch
//!  NoHeaderReceived, next epoch                         KeysUnsampled, next epoch
//! ```
//! Nothing received is authenticated yet; both steps leave the old state as it was.
//!
//! Not its concern: message keys (`chain`), versions (`state`), the wire (`message`).
//!
//! Spec: SPQR 9 The braid state machine.

mod ct_side;
mod ek_side;

use std::sync::Arc;

use rand_core::CryptoRng;

use super::SpqrError;
use super::authenticator::Authenticator;
use super::chain::Direction;
use super::erasure::{Decoder, Encoder};
use super::message::Payload;
use super::mlkem::{Ct1, DecapsulationKey, EkVector, Encapsulation, Header, ValidEk};
use crate::secret::Secret;

/// Header and MAC while being sent or received: 96 bytes.
pub const HEADER_ROWS: usize = 3;
/// The second ciphertext part and its MAC: 160 bytes.
pub const CT2_ROWS: usize = 5;
/// The first ciphertext part: 960 bytes.
pub const CT1_ROWS: usize = 30;
/// The ek vector: 1152 bytes.
pub const EK_ROWS: usize = 36;

/// One side of the braid.
#[derive(Debug, Clone)]
pub struct Braid {
    /// The epoch being negotiated, from 1.
    pub epoch: u64,
    /// In step with the peer's.
    pub authenticator: Arc<Authenticator>,
    /// Where in the epoch this side is.
    pub state: State,
}

/// Where in an epoch a side is, and what it holds there.
#[derive(Debug, Clone)]
pub enum State {
    /// Ek side, start of an epoch. Left by sending, which makes the key pair.
    KeysUnsampled,
    /// Ek side, sending the header. Left when a chunk of ct1 shows that the peer has it.
    KeysSampled {
        /// To be sent next.
        ek_vector: EkVector,
        /// For the end of the epoch.
        key: Arc<DecapsulationKey>,
        /// Header and MAC being sent.
        header: Encoder<HEADER_ROWS>,
    },
    /// Ek side, sending the ek vector and collecting ct1. Left when ct1 is complete.
    HeaderSent {
        /// For the end of the epoch.
        key: Arc<DecapsulationKey>,
        /// Ek vector being sent.
        ek_vector: Encoder<EK_ROWS>,
        /// What there is of ct1.
        ct1: Decoder<CT1_ROWS>,
    },
    /// Ek side, still sending the ek vector, saying that ct1 is complete. Left by the first chunk of ct2.
    Ct1Received {
        /// For the end of the epoch.
        key: Arc<DecapsulationKey>,
        /// The first ciphertext part.
        ct1: Ct1,
        /// Ek vector being sent.
        ek_vector: Encoder<EK_ROWS>,
    },
    /// Ek side, collecting ct2. Left when it is complete, to the next epoch.
    EkSentCt1Received {
        /// Used now.
        key: Arc<DecapsulationKey>,
        /// The first ciphertext part.
        ct1: Ct1,
        /// What there is of ct2 and its MAC.
        ct2: Decoder<CT2_ROWS>,
    },
    /// Ct side, start of an epoch, collecting the header. Left when it is complete and authentic.
    NoHeaderReceived {
        /// What there is of the header and its MAC.
        header: Decoder<HEADER_ROWS>,
    },
    /// Ct side. Left by sending, which encapsulates.
    HeaderReceived {
        /// The peer's header.
        header: Header,
    },
    /// Ct side, sending ct1 and collecting the ek vector. Left when either is done.
    Ct1Sampled {
        /// The peer's header.
        header: Header,
        /// For the second phase.
        encapsulation: Arc<Encapsulation>,
        /// Ct1 being sent.
        ct1: Encoder<CT1_ROWS>,
        /// What there is of the ek vector.
        ek_vector: Decoder<EK_ROWS>,
    },
    /// Ct side, still sending ct1. Left when the peer says that it has it.
    EkReceivedCt1Sampled {
        /// For the second phase.
        encapsulation: Arc<Encapsulation>,
        /// Ct1 being sent.
        ct1: Encoder<CT1_ROWS>,
        /// The peer's key, checked.
        ek: Arc<ValidEk>,
    },
    /// Ct side, the peer has ct1; collecting the rest of the ek vector. Left when it is complete.
    Ct1Acknowledged {
        /// The peer's header.
        header: Header,
        /// For the second phase.
        encapsulation: Arc<Encapsulation>,
        /// The first ciphertext part.
        ct1: Ct1,
        /// What there is of the ek vector.
        ek_vector: Decoder<EK_ROWS>,
    },
    /// Ct side, sending ct2. Left by a message of the next epoch, to that epoch.
    Ct2Sampled {
        /// Ct2 and its MAC being sent.
        ct2: Encoder<CT2_ROWS>,
    },
}

impl State {
    /// The number of the state in specification and vectors, 1 to 11.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::KeysUnsampled => 1,
            Self::KeysSampled { .. } => 2,
            Self::HeaderSent { .. } => 3,
            Self::Ct1Received { .. } => 4,
            Self::EkSentCt1Received { .. } => 5,
            Self::NoHeaderReceived { .. } => 6,
            Self::HeaderReceived { .. } => 7,
            Self::Ct1Sampled { .. } => 8,
            Self::EkReceivedCt1Sampled { .. } => 9,
            Self::Ct1Acknowledged { .. } => 10,
            Self::Ct2Sampled { .. } => 11,
        }
    }
}

/// An epoch's secret, for the key chain.
#[derive(Debug)]
pub struct Emitted {
    /// The epoch it belongs to.
    pub epoch: u64,
    /// The secret.
    pub secret: Secret<32>,
}

/// What sending gives.
#[derive(Debug)]
pub struct BraidSent {
    /// The next state.
    pub braid: Braid,
    /// What the message of epoch `braid.epoch` carries.
    pub payload: Payload,
    /// The epoch's secret, if this step made it.
    pub emitted: Option<Emitted>,
}

/// What receiving gives.
#[derive(Debug)]
pub struct BraidReceived {
    /// The next state.
    pub braid: Braid,
    /// The epoch's secret, if this step made it.
    pub emitted: Option<Emitted>,
}

impl BraidReceived {
    const fn silent(braid: Braid) -> Self {
        Self { braid, emitted: None }
    }
}

impl Braid {
    /// The braid at the start of a session: the initiator is ek side of epoch 1.
    #[must_use]
    pub fn new(direction: Direction, auth_key: &[u8]) -> Self {
        let state = match direction {
            Direction::A2B => State::KeysUnsampled,
            Direction::B2A => State::NoHeaderReceived { header: Decoder::new() },
        };
        Self { epoch: 1, authenticator: Arc::new(Authenticator::new(auth_key)), state }
    }

    /// What the next message carries.
    ///
    /// Draws 64 bytes in `KeysUnsampled` and 32 in `HeaderReceived`, each in one request, and nothing elsewhere.
    ///
    /// # Errors
    /// None between sides that keep to the protocol; [`SpqrError::ErroneousDataReceived`] if the library refuses a
    /// header.
    ///
    /// Spec: SPQR 9.1 On send.
    pub fn send<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> Result<BraidSent, SpqrError> {
        let (state, payload) = match &self.state {
            State::KeysUnsampled => ek_side::generate(self, rng)?,
            State::HeaderReceived { header } => return ct_side::encapsulate(self, header, rng),
            State::KeysSampled { ek_vector, key, header } => {
                let (chunk, header) = header.advance();
                let (ek_vector, key) = (ek_vector.clone(), key.clone());
                (State::KeysSampled { ek_vector, key, header }, Payload::Hdr(chunk))
            }
            State::HeaderSent { key, ek_vector, ct1 } => {
                let (chunk, ek_vector) = ek_vector.advance();
                (State::HeaderSent { key: key.clone(), ek_vector, ct1: ct1.clone() }, Payload::Ek(chunk))
            }
            State::Ct1Received { key, ct1, ek_vector } => {
                let (chunk, ek_vector) = ek_vector.advance();
                (
                    State::Ct1Received { key: key.clone(), ct1: ct1.clone(), ek_vector },
                    Payload::EkCt1Ack(chunk),
                )
            }
            State::EkSentCt1Received { .. } => (self.state.clone(), Payload::Ct1Ack),
            State::NoHeaderReceived { .. } | State::Ct1Acknowledged { .. } => {
                (self.state.clone(), Payload::None)
            }
            State::Ct1Sampled { header, encapsulation, ct1, ek_vector } => {
                let (chunk, ct1) = ct1.advance();
                let (encapsulation, ek_vector) = (encapsulation.clone(), ek_vector.clone());
                (State::Ct1Sampled { header: *header, encapsulation, ct1, ek_vector }, Payload::Ct1(chunk))
            }
            State::EkReceivedCt1Sampled { encapsulation, ct1, ek } => {
                let (chunk, ct1) = ct1.advance();
                let (encapsulation, ek) = (encapsulation.clone(), ek.clone());
                (State::EkReceivedCt1Sampled { encapsulation, ct1, ek }, Payload::Ct1(chunk))
            }
            State::Ct2Sampled { ct2 } => {
                let (chunk, ct2) = ct2.advance();
                (State::Ct2Sampled { ct2 }, Payload::Ct2(chunk))
            }
        };
        Ok(BraidSent { braid: self.with(state), payload, emitted: None })
    }

    /// Takes in what a message of `epoch` carries. Older epochs are ignored, and so is a payload the state has no use
    /// for.
    ///
    /// # Errors
    /// [`SpqrError::EpochOutOfRange`] for an epoch ahead, [`SpqrError::MacVerifyFailed`] and
    /// [`SpqrError::ErroneousDataReceived`] when a value is complete and does not hold.
    ///
    /// Spec: SPQR 9.2 On receive.
    pub fn recv(&self, epoch: u64, payload: &Payload) -> Result<BraidReceived, SpqrError> {
        if epoch < self.epoch {
            return Ok(BraidReceived::silent(self.clone()));
        }
        if epoch > self.epoch {
            // The peer is there only after it has verified ct2.
            if matches!(self.state, State::Ct2Sampled { .. }) && epoch - self.epoch == 1 {
                let authenticator = self.authenticator.clone();
                return Ok(BraidReceived::silent(Self { epoch, authenticator, state: State::KeysUnsampled }));
            }
            return Err(SpqrError::EpochOutOfRange(epoch));
        }
        let state = match (&self.state, payload) {
            (State::KeysSampled { ek_vector, key, .. }, Payload::Ct1(chunk)) => State::HeaderSent {
                key: key.clone(),
                ek_vector: Encoder::new(ek_vector.clone()),
                ct1: Decoder::new().with(*chunk),
            },
            (State::HeaderSent { key, ek_vector, ct1 }, Payload::Ct1(chunk)) => {
                ek_side::on_ct1(key, ek_vector, &ct1.with(*chunk))
            }
            (State::Ct1Received { key, ct1, .. }, Payload::Ct2(chunk)) => State::EkSentCt1Received {
                key: key.clone(),
                ct1: ct1.clone(),
                ct2: Decoder::new().with(*chunk),
            },
            (State::EkSentCt1Received { key, ct1, ct2 }, Payload::Ct2(chunk)) => {
                return ek_side::on_ct2(self, key, ct1, ct2.with(*chunk));
            }
            (State::NoHeaderReceived { header }, Payload::Hdr(chunk)) => {
                ct_side::on_header(self, header.with(*chunk))?
            }
            (
                State::Ct1Sampled { header, encapsulation, ct1, ek_vector },
                Payload::Ek(chunk) | Payload::EkCt1Ack(chunk),
            ) => {
                let acknowledged = matches!(payload, Payload::EkCt1Ack(_));
                ct_side::on_ek(self, header, encapsulation, ct1, ek_vector.with(*chunk), acknowledged)?
            }
            (
                State::EkReceivedCt1Sampled { encapsulation, ct1, ek },
                Payload::Ct1Ack | Payload::EkCt1Ack(_),
            ) => ct_side::finish(self, encapsulation, ct1.value(), ek)?,
            (
                State::Ct1Acknowledged { header, encapsulation, ct1, ek_vector },
                Payload::Ek(chunk) | Payload::EkCt1Ack(chunk),
            ) => ct_side::on_last_ek(self, header, encapsulation, ct1, ek_vector.with(*chunk))?,
            _ => self.state.clone(),
        };
        Ok(BraidReceived::silent(self.with(state)))
    }

    /// The same epoch in another state.
    fn with(&self, state: State) -> Self {
        Self { epoch: self.epoch, authenticator: self.authenticator.clone(), state }
    }
}

#[cfg(test)]
mod tests {
    use super::super::erasure::Value;
    use super::*;

    fn braid(state: State) -> Braid {
        Braid { epoch: 7, state, ..Braid::new(Direction::A2B, &[0x29; 32]) }
    }

    #[test]
    fn an_epoch_ahead_is_taken_only_when_the_peer_can_have_got_there() {
        let sending_ct2 = || {
            let ct2 = Encoder::resume(Value::from_rows([[1; 32]; CT2_ROWS]), 0);
            braid(State::Ct2Sampled { ct2 })
        };
        let next = sending_ct2().recv(8, &Payload::None).unwrap().braid;
        assert_eq!(next.epoch, 8);
        assert!(matches!(next.state, State::KeysUnsampled));
        for epoch in [9, 10, u64::MAX] {
            let refused = sending_ct2().recv(epoch, &Payload::None).unwrap_err();
            assert_eq!(refused, SpqrError::EpochOutOfRange(epoch));
        }
        for epoch in [8, 9] {
            let refused = braid(State::KeysUnsampled).recv(epoch, &Payload::None).unwrap_err();
            assert_eq!(refused, SpqrError::EpochOutOfRange(epoch), "the peer has nothing to go on with");
        }
    }
}
