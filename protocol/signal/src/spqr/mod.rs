//! The sparse post-quantum ratchet: ML-KEM-768 run in small pieces beside every message.
//!
//! One [`Spqr`] is one side of a session. Every message sent calls [`Spqr::send`], which gives 4 to about 50 bytes
//! to carry along and a message key; every message received calls [`Spqr::recv`] on those bytes, which gives the
//! same key. The session mixes the key into its own. Both calls leave the state they are made on alone and return
//! the next one, so a message that turns out forged costs nothing.
//!
//! ```text
//!  state      versions, order of the steps below
//!    message    wire form
//!    braid      eleven states: which value is being sent, which is being collected
//!      erasure    values of 96..1152 bytes as 32-byte chunks, any n of which are enough   (gf16, rows)
//!      mlkem      the key encapsulation, cut in two halves
//!      authenticator  MACs over header and ciphertext
//!    chain      one key per message from each epoch's secret                              (skipped, step)
//!  stored     the versioned form in which a state is kept
//! ```
//!
//! Not its concern: encryption, the classical ratchet, and whether a message is authentic. A state from `recv` may
//! be kept only after the session message's own MAC has been verified with the key it returned.
//!
//! Spec: SPQR (all sections).

mod authenticator;
mod braid;
mod chain;
mod erasure;
mod error;
mod gf16;
mod message;
mod mlkem;
#[cfg(test)]
mod reference_states;
mod rows;
mod skipped;
mod state;
mod step;
mod stored;

pub use chain::{ChainParams, Direction};
pub use error::SpqrError;
pub use state::{Spqr, SpqrReceived, SpqrSent, Status};
pub use stored::{StoredPage, StoredParts};

/// See [`crate::hazmat`].
pub mod hazmat {
    pub use super::authenticator::{Authenticator, Mac};
    pub use super::chain::{Chain, ChainParams, Direction, IndexedKey};
    pub use super::erasure::{Decoder, Encoder, Value};
    pub use super::gf16::{inverse, mul};
    pub use super::message::{CHUNK_LENGTH, Chunk, Message, Payload};
    pub use super::mlkem::{
        Ct1, Ct2, DecapsulationKey, EkVector, Encapsulated, Encapsulation, Header, KeyPair, ValidEk,
        epoch_secret,
    };
    pub use super::{Spqr, SpqrError, SpqrReceived, SpqrSent, Status, StoredPage, StoredParts};
}
