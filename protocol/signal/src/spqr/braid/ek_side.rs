//! The steps of the side that makes the key pair.
//!
//! Not its concern: the steps that only hand out the next chunk (`braid`).

use std::sync::Arc;

use rand_core::CryptoRng;

use super::{Braid, BraidReceived, CT1_ROWS, CT2_ROWS, EK_ROWS, Emitted, State};
use crate::spqr::SpqrError;
use crate::spqr::erasure::{Decoder, Encoder, Value};
use crate::spqr::message::Payload;
use crate::spqr::mlkem::{Ct1, DecapsulationKey, KeyPair, epoch_secret};

/// Makes the key pair and sends the header's first chunk.
pub(super) fn generate<R: CryptoRng + ?Sized>(
    braid: &Braid,
    rng: &mut R,
) -> Result<(State, Payload), SpqrError> {
    let pair = KeyPair::generate(rng)?;
    let mac = braid.authenticator.mac_header(braid.epoch, &pair.header);
    let [rho, hash] = halves(&pair.header.0);
    let (chunk, header) = Encoder::new(Value::from_rows([rho, hash, mac])).advance();
    let state =
        State::KeysSampled { ek_vector: pair.ek_vector, key: Arc::new(pair.decapsulation_key), header };
    Ok((state, Payload::Hdr(chunk)))
}

/// A chunk of ct1 has been added.
pub(super) fn on_ct1(
    key: &Arc<DecapsulationKey>,
    ek_vector: &Encoder<EK_ROWS>,
    ct1: &Decoder<CT1_ROWS>,
) -> State {
    let (key, ek_vector) = (key.clone(), ek_vector.clone());
    match ct1.complete() {
        None => State::HeaderSent { key, ek_vector, ct1: ct1.clone() },
        Some(ct1) => State::Ct1Received { key, ct1, ek_vector },
    }
}

/// A chunk of ct2 has been added. Once complete, the epoch's secret is final: the MAC over the ciphertext is made with
/// keys that depend on it.
pub(super) fn on_ct2(
    braid: &Braid,
    key: &Arc<DecapsulationKey>,
    ct1: &Ct1,
    ct2: Decoder<CT2_ROWS>,
) -> Result<BraidReceived, SpqrError> {
    let Some(value) = ct2.complete() else {
        let state = State::EkSentCt1Received { key: key.clone(), ct1: ct1.clone(), ct2 };
        return Ok(BraidReceived::silent(braid.with(state)));
    };
    let (ct2, mac) = value.bytes().split_first_chunk().ok_or(SpqrError::MacVerifyFailed)?;
    let mac = mac.try_into().map_err(|_| SpqrError::MacVerifyFailed)?;
    let secret = epoch_secret(braid.epoch, &key.decapsulate(ct1, ct2)?);
    let authenticator = braid.authenticator.updated(braid.epoch, &secret);
    authenticator.verify_ciphertext(braid.epoch, ct1, ct2, mac)?;
    let next = Braid {
        epoch: braid.epoch.checked_add(1).ok_or(SpqrError::EpochOutOfRange(braid.epoch))?,
        authenticator: Arc::new(authenticator),
        state: State::NoHeaderReceived { header: Decoder::new() },
    };
    Ok(BraidReceived { braid: next, emitted: Some(Emitted { epoch: braid.epoch, secret }) })
}

fn halves(header: &[u8; 64]) -> [[u8; 32]; 2] {
    let (rows, _) = header.as_chunks();
    [rows.first().copied().unwrap_or_default(), rows.get(1).copied().unwrap_or_default()]
}
