//! Sealed sender 1 by hand, with any ephemeral key.
//!
//! Spec: Signal protocol 10.5 Version 1 (single recipient).

use aes::{
    Aes256,
    cipher::{KeyIvInit as _, StreamCipher as _},
};
use ctr::Ctr128BE;
use khaima_signal::{IdentityKey, IdentityKeyPair, LocalIdentity as _};
use prost::Message as _;

use crate::by_hand::{Half, hkdf, hmac};

#[derive(Clone, PartialEq, prost::Message)]
pub struct Envelope {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub ephemeral: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub sealed_static: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub sealed_content: Option<Vec<u8>>,
}

impl Envelope {
    /// With the version byte in front.
    pub fn bytes(&self) -> Vec<u8> {
        [&[0x11], self.encode_to_vec().as_slice()].concat()
    }
}

/// Seals for somebody with this ephemeral key.
pub fn seal(content: &[u8], sender: &IdentityKeyPair, recipient: &IdentityKey, ephemeral: &Half) -> Envelope {
    let salt = [b"UnidentifiedDelivery".as_slice(), &recipient.serialize(), &ephemeral.serialize()].concat();
    let outer: [u8; 96] = hkdf(Some(&salt), &ephemeral.agree(recipient.public_key()), b"");
    let sealed_static = seal_part(&outer[32..64], &outer[64..], &sender.identity_key().serialize());
    let salt = [&outer[..32], &sealed_static].concat();
    let agreed = sender.agree(recipient.public_key()).unwrap();
    let inner: [u8; 96] = hkdf(Some(&salt), agreed.expose(), b"");
    Envelope {
        ephemeral: Some(ephemeral.serialize().to_vec()),
        sealed_content: Some(seal_part(&inner[32..64], &inner[64..], content)),
        sealed_static: Some(sealed_static),
    }
}

fn seal_part(key: &[u8], mac_key: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut sealed = plaintext.to_vec();
    Ctr128BE::<Aes256>::new_from_slices(key, &[0; 16]).unwrap().apply_keystream(&mut sealed);
    let mac = hmac(mac_key, &[&sealed]);
    sealed.extend_from_slice(&mac[..10]);
    sealed
}
