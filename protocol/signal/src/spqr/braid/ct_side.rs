//! The steps of the side that encapsulates.
//!
//! Not its concern: the steps that only hand out the next chunk (`braid`).

use std::sync::Arc;

use rand_core::CryptoRng;

use super::{Braid, BraidSent, CT1_ROWS, EK_ROWS, Emitted, HEADER_ROWS, State};
use crate::spqr::SpqrError;
use crate::spqr::erasure::{Decoder, Encoder, Value};
use crate::spqr::message::Payload;
use crate::spqr::mlkem::{Ct1, Encapsulation, Header, ValidEk, epoch_secret};

/// A chunk of the header has been added.
pub(super) fn on_header(braid: &Braid, header: Decoder<HEADER_ROWS>) -> Result<State, SpqrError> {
    let Some(value) = header.complete() else {
        return Ok(State::NoHeaderReceived { header });
    };
    let (header, mac) = value.bytes().split_first_chunk().ok_or(SpqrError::MacVerifyFailed)?;
    let mac = mac.try_into().map_err(|_| SpqrError::MacVerifyFailed)?;
    let header = Header(*header);
    braid.authenticator.verify_header(braid.epoch, &header, mac)?;
    Ok(State::HeaderReceived { header })
}

/// The first phase: ct1 and the epoch's secret, and the first chunk of ct1.
pub(super) fn encapsulate<R: CryptoRng + ?Sized>(
    braid: &Braid,
    header: &Header,
    rng: &mut R,
) -> Result<BraidSent, SpqrError> {
    let begun = Encapsulation::begin(header, rng)?;
    let secret = epoch_secret(braid.epoch, &begun.shared_secret);
    let authenticator = braid.authenticator.updated(braid.epoch, &secret);
    let (chunk, ct1) = Encoder::new(begun.ct1).advance();
    let state = State::Ct1Sampled {
        header: *header,
        encapsulation: Arc::new(begun.encapsulation),
        ct1,
        ek_vector: Decoder::new(),
    };
    Ok(BraidSent {
        braid: Braid { epoch: braid.epoch, authenticator: Arc::new(authenticator), state },
        payload: Payload::Ct1(chunk),
        emitted: Some(Emitted { epoch: braid.epoch, secret }),
    })
}

/// A chunk of the ek vector has been added, ct1 being acknowledged now or not yet.
pub(super) fn on_ek(
    braid: &Braid,
    header: &Header,
    encapsulation: &Arc<Encapsulation>,
    ct1: &Encoder<CT1_ROWS>,
    ek_vector: Decoder<EK_ROWS>,
    acknowledged: bool,
) -> Result<State, SpqrError> {
    if acknowledged {
        return on_last_ek(braid, header, encapsulation, ct1.value(), ek_vector);
    }
    let (encapsulation, ct1) = (encapsulation.clone(), ct1.clone());
    Ok(match ek_vector.complete() {
        None => State::Ct1Sampled { header: *header, encapsulation, ct1, ek_vector },
        Some(value) => {
            State::EkReceivedCt1Sampled { encapsulation, ct1, ek: Arc::new(header.validate(value)?) }
        }
    })
}

/// A chunk of the ek vector has been added, ct1 being acknowledged.
pub(super) fn on_last_ek(
    braid: &Braid,
    header: &Header,
    encapsulation: &Arc<Encapsulation>,
    ct1: &Ct1,
    ek_vector: Decoder<EK_ROWS>,
) -> Result<State, SpqrError> {
    match ek_vector.complete() {
        None => Ok(State::Ct1Acknowledged {
            header: *header,
            encapsulation: encapsulation.clone(),
            ct1: ct1.clone(),
            ek_vector,
        }),
        Some(value) => finish(braid, encapsulation, ct1, &header.validate(value)?),
    }
}

/// The second phase: ct2 and its MAC, to be sent from chunk 0.
pub(super) fn finish(
    braid: &Braid,
    encapsulation: &Encapsulation,
    ct1: &Ct1,
    ek: &ValidEk,
) -> Result<State, SpqrError> {
    let ct2 = encapsulation.finish(ek);
    let mac = braid.authenticator.mac_ciphertext(braid.epoch, ct1, &ct2);
    let value = Value::from_parts(&[&ct2, &mac]).ok_or(SpqrError::ErroneousDataReceived)?;
    Ok(State::Ct2Sampled { ct2: Encoder::new(value) })
}
