//! Certificates: how a recipient knows who sealed an envelope.
//!
//! ```text
//! trust root ──signs──> ServerCertificate ──signs──> SenderCertificate { name, device, identity key, expiry }
//! ```
//!
//! Decoding checks form; [`SenderCertificate::check`] and [`SenderCertificate::validate`] check truth. Signatures cover
//! the bytes as received, so both kinds keep them.
//!
//! Not its concern: which root is trusted for whom. The caller gives the roots.
//!
//! Spec: Signal protocol 10.1 Server certificate, 10.2 Sender certificate.

use std::fmt;

use prost::Message;
use rand_core::CryptoRng;
use uuid::Uuid;

use super::known::known_server_certificate;
use crate::address::{DeviceId, ProtocolAddress};
use crate::crypto::{KeyError, PrivateKey, PublicKey};
use crate::error_class::{ErrorClass, ErrorKind};
use crate::keys::{IdentityKey, LocalIdentity};
use crate::time::Timestamp;

/// Server certificates that are refused whoever signed them. A test id; no production id is revoked.
const REVOKED: [u32; 1] = [0xDEAD_C357];

/// Why bytes are not a certificate, or cannot be judged. Drop what carried them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Undecodable, incomplete, or a field out of range.
    #[error("malformed certificate")]
    InvalidProtobufEncoding,
    /// A key in it is none.
    #[error("certificate with a bad key")]
    Key(#[from] KeyError),
    /// It names a server certificate we do not know; that id.
    #[error("unknown server certificate {0:#x}")]
    UnknownSealedSenderServerCertificateId(u32),
}

impl CertificateError {
    /// Whose fault it is: the certificate came from the peer.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::Peer
    }

    /// The class in the interoperability protocol.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::InvalidProtobufEncoding => ErrorClass::Malformed,
            Self::Key(error) => error.class(),
            Self::UnknownSealedSenderServerCertificateId(_) => {
                ErrorClass::SealedSenderUnknownServerCertificate
            }
        }
    }
}

impl From<prost::DecodeError> for CertificateError {
    fn from(_: prost::DecodeError) -> Self {
        Self::InvalidProtobufEncoding
    }
}

/// Proof that a sender certificate was checked: signed under a given root and not expired.
///
/// Only [`SenderCertificate::validate`] and [`SenderCertificate::check`] make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateValid(());

/// What checking a sender certificate found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateStatus {
    /// Signed under one of the roots and not expired.
    Valid(CertificateValid),
    /// Signed under one of the roots, but past its expiry: show the message with a warning, do not lose it.
    Expired,
    /// Not signed under any of the roots. Drop the message.
    Invalid,
}

/// A key that may sign sender certificates, signed by a trust root.
///
/// Spec: Signal protocol 10.1 Server certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerCertificate {
    id: u32,
    key: PublicKey,
    certificate: Vec<u8>,
    signature: Vec<u8>,
    encoded: Vec<u8>,
}

impl ServerCertificate {
    /// Signs a server key with the trust root's private key.
    #[must_use]
    pub fn issue<R: CryptoRng>(
        id: u32,
        key: &PublicKey,
        trust_root: &(impl LocalIdentity + ?Sized),
        rng: &mut R,
    ) -> Self {
        let certificate =
            proto::ServerContents { id: Some(id), key: Some(key.serialize().to_vec()) }.encode_to_vec();
        let signature = trust_root.sign(&[&certificate], rng).as_ref().to_vec();
        let outer =
            proto::Signed { certificate: Some(certificate.clone()), signature: Some(signature.clone()) };
        Self { id, key: *key, certificate, signature, encoded: outer.encode_to_vec() }
    }

    /// Reads a certificate. Nothing is verified.
    ///
    /// # Errors
    /// [`CertificateError::InvalidProtobufEncoding`] or [`CertificateError::Key`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CertificateError> {
        let (certificate, signature) = proto::Signed::decode(bytes)?.into_parts()?;
        let contents = proto::ServerContents::decode(certificate.as_slice())?;
        let key = contents.key.ok_or(CertificateError::InvalidProtobufEncoding)?;
        let key = PublicKey::deserialize(&key)?;
        let id = contents.id.ok_or(CertificateError::InvalidProtobufEncoding)?;
        Ok(Self { id, key, certificate, signature, encoded: bytes.to_vec() })
    }

    /// The bytes, as received or issued.
    #[must_use]
    pub fn encode(&self) -> &[u8] {
        &self.encoded
    }

    /// The certificate's number.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// The key that signs sender certificates.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Whether this root signed it and its id is not revoked.
    #[must_use]
    pub fn is_valid_for(&self, trust_root: &PublicKey) -> bool {
        !REVOKED.contains(&self.id) && trust_root.verify(&[&self.certificate], &self.signature)
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerCertificate(..)")
    }
}

/// What a sender certificate says.
#[derive(Clone, PartialEq, Eq)]
pub struct SenderClaims {
    /// The sender's name: a service id in text form, kept verbatim and not checked to be one.
    pub uuid: String,
    /// The sender's phone number, if they show it.
    pub e164: Option<String>,
    /// The sender's device.
    pub device: DeviceId,
    /// The last instant at which the certificate is valid.
    pub expires: Timestamp,
    /// The sender's identity key.
    pub identity_key: IdentityKey,
}

impl fmt::Debug for SenderClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SenderClaims(..)")
    }
}

/// Short-lived proof of the sender's name, device and identity key.
///
/// Spec: Signal protocol 10.2 Sender certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct SenderCertificate {
    claims: SenderClaims,
    signer: Signer,
    certificate: Vec<u8>,
    signature: Vec<u8>,
    encoded: Vec<u8>,
}

/// Which server certificate the signature is by.
#[derive(Clone, PartialEq, Eq)]
enum Signer {
    Embedded(Box<ServerCertificate>),
    Reference(u32),
}

impl SenderCertificate {
    /// Signs the claims with the server key, and embeds that key's certificate.
    #[must_use]
    pub fn issue<R: CryptoRng + ?Sized>(
        claims: SenderClaims,
        server_certificate: ServerCertificate,
        server_key: &PrivateKey,
        rng: &mut R,
    ) -> Self {
        let certificate = proto::SenderContents {
            sender_e164: claims.e164.clone(),
            sender_device: Some(claims.device.into()),
            expires: Some(claims.expires.as_millis()),
            identity_key: Some(claims.identity_key.serialize().to_vec()),
            signer: Some(proto::Signer::Certificate(server_certificate.encode().to_vec())),
            sender_uuid: Some(proto::SenderUuid::Text(claims.uuid.clone())),
        }
        .encode_to_vec();
        let signature = server_key.sign(&[&certificate], rng).as_ref().to_vec();
        let outer =
            proto::Signed { certificate: Some(certificate.clone()), signature: Some(signature.clone()) };
        let encoded = outer.encode_to_vec();
        Self {
            claims,
            signer: Signer::Embedded(Box::new(server_certificate)),
            certificate,
            signature,
            encoded,
        }
    }

    /// Reads a certificate. Nothing is verified.
    ///
    /// # Errors
    /// [`CertificateError::InvalidProtobufEncoding`] or [`CertificateError::Key`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CertificateError> {
        const MALFORMED: CertificateError = CertificateError::InvalidProtobufEncoding;
        let (certificate, signature) = proto::Signed::decode(bytes)?.into_parts()?;
        let contents = proto::SenderContents::decode(certificate.as_slice())?;
        // The order of the checks is the specification's: the first that fails decides the error.
        let device =
            contents.sender_device.and_then(|device| DeviceId::try_from(device).ok()).ok_or(MALFORMED)?;
        let expires = Timestamp::from_millis(contents.expires.ok_or(MALFORMED)?);
        let signer = match contents.signer.ok_or(MALFORMED)? {
            proto::Signer::Certificate(bytes) => {
                Signer::Embedded(Box::new(ServerCertificate::decode(&bytes)?))
            }
            proto::Signer::Id(id) => Signer::Reference(id),
        };
        let uuid = match contents.sender_uuid.ok_or(MALFORMED)? {
            proto::SenderUuid::Text(text) => text,
            proto::SenderUuid::Bytes(bytes) => Uuid::from_slice(&bytes).map_err(|_| MALFORMED)?.to_string(),
        };
        let identity_key = IdentityKey::deserialize(&contents.identity_key.ok_or(MALFORMED)?)?;
        let claims = SenderClaims { uuid, e164: contents.sender_e164, device, expires, identity_key };
        Ok(Self { claims, signer, certificate, signature, encoded: bytes.to_vec() })
    }

    /// The bytes, as received or issued.
    #[must_use]
    pub fn encode(&self) -> &[u8] {
        &self.encoded
    }

    /// What it says. Believe it only after a check.
    #[must_use]
    pub const fn claims(&self) -> &SenderClaims {
        &self.claims
    }

    /// The sender's name, verbatim.
    #[must_use]
    pub fn sender_uuid(&self) -> &str {
        &self.claims.uuid
    }

    /// The sender's phone number, if shown.
    #[must_use]
    pub fn sender_e164(&self) -> Option<&str> {
        self.claims.e164.as_deref()
    }

    /// The sender's device.
    #[must_use]
    pub const fn sender_device(&self) -> DeviceId {
        self.claims.device
    }

    /// The sender's name and device.
    #[must_use]
    pub fn sender(&self) -> ProtocolAddress {
        ProtocolAddress::new(self.claims.uuid.clone(), self.claims.device)
    }

    /// The last instant at which it is valid.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.claims.expires
    }

    /// The sender's identity key.
    #[must_use]
    pub const fn identity_key(&self) -> &IdentityKey {
        &self.claims.identity_key
    }

    /// The certificate of the key that signed this one.
    ///
    /// # Errors
    /// [`CertificateError::UnknownSealedSenderServerCertificateId`] for a reference to an unknown one.
    pub fn server_certificate(&self) -> Result<ServerCertificate, CertificateError> {
        match &self.signer {
            Signer::Embedded(certificate) => Ok((**certificate).clone()),
            Signer::Reference(id) => known_server_certificate(*id)
                .ok_or(CertificateError::UnknownSealedSenderServerCertificateId(*id)),
        }
    }

    /// Checks the chain of signatures up to one of the roots, and the expiry at `now` (the last instant included).
    ///
    /// # Errors
    /// [`CertificateError::UnknownSealedSenderServerCertificateId`] alone.
    ///
    /// Spec: Signal protocol 10.2 Sender certificate, validation.
    pub fn check(
        &self,
        trust_roots: &[PublicKey],
        now: Timestamp,
    ) -> Result<CertificateStatus, CertificateError> {
        let server = self.server_certificate()?;
        // Every root is tested, so that timing does not tell which one it was.
        let is_rooted = trust_roots.iter().fold(false, |found, root| found | server.is_valid_for(root));
        let is_signed = server.key().verify(&[&self.certificate], &self.signature);
        Ok(match (is_rooted && is_signed, now <= self.claims.expires) {
            (true, true) => CertificateStatus::Valid(CertificateValid(())),
            (true, false) => CertificateStatus::Expired,
            (false, _) => CertificateStatus::Invalid,
        })
    }

    /// The specification's yes or no: a proof value when valid, `None` when expired or not signed under a root.
    ///
    /// # Errors
    /// [`CertificateError::UnknownSealedSenderServerCertificateId`] alone.
    pub fn validate(
        &self,
        trust_roots: &[PublicKey],
        now: Timestamp,
    ) -> Result<Option<CertificateValid>, CertificateError> {
        Ok(match self.check(trust_roots, now)? {
            CertificateStatus::Valid(proof) => Some(proof),
            CertificateStatus::Expired | CertificateStatus::Invalid => None,
        })
    }
}

impl fmt::Debug for SenderCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SenderCertificate(..)")
    }
}

/// Wire forms.
mod proto {
    use super::CertificateError;

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Signed {
        #[prost(bytes = "vec", optional, tag = "1")]
        pub(super) certificate: Option<Vec<u8>>,
        #[prost(bytes = "vec", optional, tag = "2")]
        pub(super) signature: Option<Vec<u8>>,
    }

    impl Signed {
        pub(super) fn into_parts(self) -> Result<(Vec<u8>, Vec<u8>), CertificateError> {
            self.certificate.zip(self.signature).ok_or(CertificateError::InvalidProtobufEncoding)
        }
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ServerContents {
        #[prost(uint32, optional, tag = "1")]
        pub(super) id: Option<u32>,
        #[prost(bytes = "vec", optional, tag = "2")]
        pub(super) key: Option<Vec<u8>>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct SenderContents {
        #[prost(string, optional, tag = "1")]
        pub(super) sender_e164: Option<String>,
        #[prost(uint32, optional, tag = "2")]
        pub(super) sender_device: Option<u32>,
        #[prost(fixed64, optional, tag = "3")]
        pub(super) expires: Option<u64>,
        #[prost(bytes = "vec", optional, tag = "4")]
        pub(super) identity_key: Option<Vec<u8>>,
        #[prost(oneof = "Signer", tags = "5, 8")]
        pub(super) signer: Option<Signer>,
        #[prost(oneof = "SenderUuid", tags = "6, 7")]
        pub(super) sender_uuid: Option<SenderUuid>,
    }

    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(super) enum Signer {
        #[prost(bytes = "vec", tag = "5")]
        Certificate(Vec<u8>),
        #[prost(uint32, tag = "8")]
        Id(u32),
    }

    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(super) enum SenderUuid {
        #[prost(string, tag = "6")]
        Text(String),
        #[prost(bytes = "vec", tag = "7")]
        Bytes(Vec<u8>),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Sender;
    use super::*;
    use crate::crypto::KeyPair;
    use crate::keys::IdentityKeyPair;
    use crate::test_rng;

    #[test]
    fn debug_of_certificates_is_redacted() {
        let sender = Sender::new(1);
        insta::assert_snapshot!(
            format!(
                "{:?} {:?} {:?}",
                sender.certificate,
                sender.certificate.claims(),
                sender.certificate.server_certificate().unwrap()
            ),
            @"SenderCertificate(..) SenderClaims(..) ServerCertificate(..)"
        );
    }

    #[test]
    fn an_issued_certificate_reads_back_equal() {
        let sender = Sender::new(2);
        assert_eq!(SenderCertificate::decode(sender.certificate.encode()).unwrap(), sender.certificate);
        let server = sender.certificate.server_certificate().unwrap();
        assert_eq!(ServerCertificate::decode(server.encode()).unwrap(), server);
    }

    #[test]
    fn the_status_tells_expired_from_invalid() {
        let sender = Sender::new(3);
        let expiry = sender.certificate.expires();
        let later = Timestamp::from_millis(expiry.as_millis() + 1);
        let stranger = [*KeyPair::generate(&mut test_rng(4)).public()];
        let check = |roots: &[PublicKey], now| sender.certificate.check(roots, now).unwrap();
        assert_eq!(check(&[sender.root], expiry), CertificateStatus::Valid(CertificateValid(())));
        let named_twice = [sender.root, stranger[0], sender.root];
        assert_eq!(check(&named_twice, expiry), CertificateStatus::Valid(CertificateValid(())));
        assert_eq!(check(&[sender.root], later), CertificateStatus::Expired);
        assert_eq!(check(&stranger, expiry), CertificateStatus::Invalid);
        assert_eq!(check(&stranger, later), CertificateStatus::Invalid);
        assert_eq!(check(&[], expiry), CertificateStatus::Invalid);
        assert_eq!(sender.certificate.validate(&[sender.root], later).unwrap(), None);
    }

    #[test]
    fn a_certificate_may_be_rooted_in_the_senders_own_identity() {
        let mut rng = test_rng(5);
        let identity = IdentityKeyPair::generate(&mut rng);
        let server_key = KeyPair::generate(&mut rng);
        let server = ServerCertificate::issue(1, server_key.public(), &identity, &mut rng);
        let claims =
            SenderClaims { identity_key: identity.identity_key(), ..Sender::new(5).certificate.claims };
        let certificate = SenderCertificate::issue(claims, server, server_key.private(), &mut rng);
        let root = *certificate.identity_key().public_key();
        assert!(certificate.validate(&[root], Timestamp::from_millis(0)).unwrap().is_some());
    }

    #[test]
    fn every_flipped_bit_is_noticed_by_decoding_or_validation() {
        let sender = Sender::new(6);
        for bit in 0..sender.certificate.encode().len() * 8 {
            let mut changed = sender.certificate.encode().to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            let valid = SenderCertificate::decode(&changed)
                .and_then(|certificate| certificate.validate(&[sender.root], Timestamp::from_millis(0)));
            assert!(!matches!(valid, Ok(Some(_))), "bit {bit}");
        }
    }

    #[test]
    fn zero_and_empty_fields_are_written() {
        // Explicit presence: `id = 0` is `08 00`, an empty e164 is `0a 00`.
        let contents = proto::ServerContents { id: Some(0), key: Some(Vec::new()) };
        assert_eq!(contents.encode_to_vec(), [0x08, 0x00, 0x12, 0x00]);
    }
}
