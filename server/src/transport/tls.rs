//! The relay's key, its pin, and TLS.
//!
//! The key is all that a client knows a relay by: the pin in its address is SHA-256 of the SubjectPublicKeyInfo. The
//! certificate around it is self-signed, made anew at each start, and says nothing that anybody relies on. ECDSA with
//! P-256, because that is what other servers on the same port have.
//!
//! Not its concern: QUIC settings (`settings`), the file (`home`).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use khaima_wire::{ALPN, RelayPin};
use quinn::crypto::rustls::QuicServerConfig;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

/// Why a key cannot be used for TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The key file holds no P-256 private key in PEM. Put the right file back; a new key means a new address.
    #[error("not a relay key")]
    Key,
    /// The certificate cannot be made for this host name.
    #[error("cannot make a certificate for this host")]
    Certificate,
    /// The cryptographic library refuses our settings: a bug of ours.
    #[error("tls cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// The relay's long-term key.
pub struct Identity(KeyPair);

impl Identity {
    /// A fresh key.
    ///
    /// # Errors
    ///
    /// [`TlsError::Key`] if the system gives no randomness.
    pub fn generate() -> Result<Self, TlsError> {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map(Self).map_err(|_| TlsError::Key)
    }

    /// Reads a key as [`Self::to_pem`] wrote it.
    ///
    /// # Errors
    ///
    /// [`TlsError::Key`].
    pub fn from_pem(pem: &str) -> Result<Self, TlsError> {
        let key = KeyPair::from_pem(pem).map_err(|_| TlsError::Key)?;
        if key.is_compatible(&PKCS_ECDSA_P256_SHA256) { Ok(Self(key)) } else { Err(TlsError::Key) }
    }

    /// The private key, PKCS #8 in PEM. Secret; wiped on drop.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.serialize_pem())
    }

    /// What clients know this relay by.
    #[must_use]
    pub fn pin(&self) -> RelayPin {
        RelayPin::of_public_key(&self.0.subject_public_key_info())
    }

    /// TLS for QUIC: 1.3 only, X25519MLKEM768 first, ALPN `h3`, no tickets, no early data, no client certificates.
    ///
    /// # Errors
    ///
    /// [`TlsError::Certificate`] or [`TlsError::Setup`].
    pub fn quic_config(&self, host: &str) -> Result<Arc<QuicServerConfig>, TlsError> {
        let config = self.tls_config(host)?;
        let quic = QuicServerConfig::try_from(config)
            .map_err(|_| TlsError::Setup(rustls::Error::General("no initial cipher suite".to_owned())))?;
        Ok(Arc::new(quic))
    }

    fn tls_config(&self, host: &str) -> Result<rustls::ServerConfig, TlsError> {
        let mut params = CertificateParams::new([host.to_owned()]).map_err(|_| TlsError::Certificate)?;
        let name = if host.parse::<IpAddr>().is_ok() { "localhost" } else { host };
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&self.0).map_err(|_| TlsError::Certificate)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.0.serialized_der().to_vec()));
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(TlsError::Setup)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        Ok(config)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

/// Cryptography of a connection: aws-lc-rs, the post-quantum hybrid first.
#[must_use]
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1],
        ..aws_lc_rs::default_provider()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_pin_through_its_file() {
        let identity = Identity::generate().unwrap();
        let read = Identity::from_pem(&identity.to_pem()).unwrap();
        assert_eq!(read.pin(), identity.pin());
        assert_ne!(Identity::generate().unwrap().pin(), identity.pin());
        assert!(Identity::from_pem("not a key").is_err());
    }

    #[test]
    fn the_pin_is_the_hash_of_the_key_in_the_certificate() {
        use x509_parser::prelude::{FromDer, X509Certificate};
        let identity = Identity::generate().unwrap();
        for host in ["relay.test", "192.0.2.1", "2001:db8::1"] {
            let mut params = CertificateParams::new([host.to_owned()]).unwrap();
            params.distinguished_name = rcgen::DistinguishedName::new();
            let der = params.self_signed(&identity.0).unwrap().der().to_vec();
            let (_, certificate) = X509Certificate::from_der(&der).unwrap();
            assert_eq!(RelayPin::of_public_key(certificate.public_key().raw), identity.pin());
            assert!(identity.quic_config(host).is_ok(), "{host}");
        }
    }

    #[test]
    fn tls_is_post_quantum_first_and_keeps_no_session() {
        let config = Identity::generate().unwrap().tls_config("relay.test").unwrap();
        let first = config.crypto_provider().kx_groups.first().unwrap().name();
        assert_eq!(first, rustls::NamedGroup::X25519MLKEM768);
        assert_eq!(config.alpn_protocols, [b"h3"]);
        assert_eq!((config.send_tls13_tickets, config.max_early_data_size), (0, 0));
        assert!(!config.session_storage.can_cache());
        assert!(!config.ticketer.enabled());
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", Identity::generate().unwrap()), "Identity(..)");
    }
}
