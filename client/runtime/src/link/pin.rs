//! Knows a relay by its key: the SHA-256 of its public key must be the pin in its address.
//!
//! Names, dates and issuers in the certificate say nothing and are not looked at; TLS proves that the other end holds
//! the key. What is *not* here: where pins come from (invitations, relay addresses).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use khaima_wire::RelayPin;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// Accepts exactly one key.
#[derive(Debug)]
pub struct PinVerifier {
    pin: RelayPin,
    provider: Arc<CryptoProvider>,
    other_key_seen: AtomicBool,
}

impl PinVerifier {
    /// A verifier for one connection attempt.
    pub fn new(pin: RelayPin, provider: Arc<CryptoProvider>) -> Self {
        Self { pin, provider, other_key_seen: AtomicBool::new(false) }
    }

    /// Whether a relay showed another key: the reason of a failed handshake that a person must hear about.
    pub fn saw_another_key(&self) -> bool {
        self.other_key_seen.load(Ordering::Relaxed)
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (_, certificate) = x509_parser::parse_x509_certificate(end_entity)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        if RelayPin::of_public_key(certificate.tbs_certificate.subject_pki.raw) != self.pin {
            self.other_key_seen.store(true, Ordering::Relaxed);
            return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is never offered".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
