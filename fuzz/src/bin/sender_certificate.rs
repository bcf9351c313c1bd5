//! Any bytes as a sender certificate: refused, or kept byte for byte; only the honest one is valid.
#![no_main]

use khaima_fuzz::decode::kept;
use khaima_fuzz::honest::{CERTIFICATE, NOW, TRUST_ROOT};
use khaima_signal::sealed_sender::{CertificateStatus, SenderCertificate};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let certificate = kept(bytes, SenderCertificate::decode, |certificate| certificate.encode().to_vec());
    let Some(certificate) = certificate else { return };
    assert_eq!(certificate.sender().name(), certificate.sender_uuid());
    if let Ok(CertificateStatus::Valid(_)) = certificate.check(&[*TRUST_ROOT.public()], NOW) {
        assert!(certificate.claims() == CERTIFICATE.claims(), "a forged certificate");
    }
});
