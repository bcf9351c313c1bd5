//! Certificates with any fields, signed by whoever one likes.
//!
//! Spec: Signal protocol 10.1 Server certificate, 10.2 Sender certificate.

use khaima_signal::{
    IdentityKeyPair, KeyPair, LocalIdentity as _, PrivateKey, PublicKey,
    sealed_sender::{SenderCertificate, ServerCertificate},
};
use prost::Message as _;
use rand_chacha::ChaCha20Rng;

use crate::common::Device;
use crate::world::now;

#[derive(Clone, PartialEq, prost::Message)]
pub struct Signed {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub certificate: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub signature: Option<Vec<u8>>,
}

/// What a sender certificate says. Strings are bytes, so that they can be no text at all.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Claims {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub e164: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "2")]
    pub device: Option<u32>,
    #[prost(fixed64, optional, tag = "3")]
    pub expires: Option<u64>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub identity_key: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    pub signer: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "6")]
    pub uuid: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "7")]
    pub uuid_bytes: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "8")]
    pub signer_id: Option<u32>,
}

/// Who is trusted: a root, and a server key it has signed.
pub struct Authority {
    pub root: IdentityKeyPair,
    pub server_key: KeyPair,
    pub server: ServerCertificate,
}

impl Authority {
    pub fn new(rng: &mut ChaCha20Rng) -> Self {
        Self::with_id(1, rng)
    }

    pub fn with_id(id: u32, rng: &mut ChaCha20Rng) -> Self {
        let root = IdentityKeyPair::generate(rng);
        let server_key = KeyPair::generate(rng);
        let server = ServerCertificate::issue(id, server_key.public(), &root, rng);
        Self { root, server_key, server }
    }

    pub fn roots(&self) -> [PublicKey; 1] {
        [*self.root.identity_key().public_key()]
    }

    /// What an honest certificate of this device says. It expires now, which is in time.
    pub fn claims(&self, device: &Device) -> Claims {
        Claims {
            e164: None,
            device: Some(device.address.device().value().into()),
            expires: Some(now().as_millis()),
            identity_key: Some(device.identity.identity_key().serialize().to_vec()),
            signer: Some(self.server.encode().to_vec()),
            uuid: Some(device.address.name().as_bytes().to_vec()),
            uuid_bytes: None,
            signer_id: None,
        }
    }

    /// Signs anything as a sender certificate.
    pub fn signed(&self, contents: &[u8], rng: &mut ChaCha20Rng) -> Vec<u8> {
        signed(contents, self.server_key.private(), rng)
    }

    pub fn certificate(&self, claims: &Claims, rng: &mut ChaCha20Rng) -> SenderCertificate {
        SenderCertificate::decode(&self.signed(&claims.encode_to_vec(), rng)).unwrap()
    }

    /// The honest certificate of a device.
    pub fn certify(&self, device: &Device, rng: &mut ChaCha20Rng) -> SenderCertificate {
        self.certificate(&self.claims(device), rng)
    }
}

pub fn signed(contents: &[u8], key: &PrivateKey, rng: &mut ChaCha20Rng) -> Vec<u8> {
    let signature = key.sign(&[contents], rng).as_bytes().to_vec();
    Signed { certificate: Some(contents.to_vec()), signature: Some(signature) }.encode_to_vec()
}
