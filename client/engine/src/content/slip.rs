//! Slips: where one contact may write to one device of ours. Signed by the identity key, so that a later slip can come
//! by any way.

use khaima_signal::{IdentityKey, LocalIdentity};
use khaima_wire::{BundleKey, MailboxId};
use prost::Message;
use rand_core::CryptoRng;

use super::ContentError;
use super::proto::{PlaceProto, SignedProto, SlipProto};
use crate::labels::SLIP_SIGNATURE;
use crate::records::{Place, Slip};

/// Signs and encodes a slip.
pub(crate) fn encode_slip(slip: &Slip, identity: &impl LocalIdentity, rng: &mut dyn CryptoRng) -> Vec<u8> {
    let places = slip.places.iter().map(|place| PlaceProto {
        relay: place.relay.to_string(),
        mailbox: place.mailbox.as_bytes().to_vec(),
        bundle_key: place.bundle_key.expose().to_vec(),
    });
    let body = SlipProto { number: slip.number, device: u32::from(slip.device), places: places.collect() };
    let body = body.encode_to_vec();
    let signature = identity.sign(&[&SLIP_SIGNATURE.bytes(), &body], rng);
    SignedProto { body, signature: signature.as_ref().to_vec() }.encode_to_vec()
}

/// Reads a slip and verifies that `identity` signed it.
pub(crate) fn decode_slip(bytes: &[u8], identity: &IdentityKey) -> Result<Slip, ContentError> {
    let signed = SignedProto::decode(bytes).map_err(|_| ContentError)?;
    let message: [&[u8]; 2] = [&SLIP_SIGNATURE.bytes(), &signed.body];
    if !identity.public_key().verify(&message, &signed.signature) {
        return Err(ContentError);
    }
    let body = SlipProto::decode(signed.body.as_slice()).map_err(|_| ContentError)?;
    if !(1..=Slip::MAX_PLACES).contains(&body.places.len()) || body.number == 0 {
        return Err(ContentError);
    }
    let device = u8::try_from(body.device).map_err(|_| ContentError)?;
    let place = |place: &PlaceProto| {
        Ok(Place {
            relay: place.relay.parse().map_err(|_| ContentError)?,
            mailbox: MailboxId::from_slice(&place.mailbox).map_err(|_| ContentError)?,
            bundle_key: BundleKey::from_slice(&place.bundle_key).map_err(|_| ContentError)?,
        })
    };
    let places: Result<Vec<Place>, ContentError> = body.places.iter().map(place).collect();
    Ok(Slip { number: body.number, device, places: places? })
}
