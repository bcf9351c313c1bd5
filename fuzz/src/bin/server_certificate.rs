//! Any bytes as a server certificate: refused, or kept byte for byte; the root signed the honest one only.
#![no_main]

use khaima_fuzz::decode::kept;
use khaima_fuzz::honest::{CERTIFICATE, TRUST_ROOT};
use khaima_signal::sealed_sender::ServerCertificate;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let certificate = kept(bytes, ServerCertificate::decode, |certificate| certificate.encode().to_vec());
    if let Some(certificate) = certificate
        && certificate.is_valid_for(TRUST_ROOT.public())
    {
        let honest = CERTIFICATE.server_certificate().expect("it is embedded");
        assert!((certificate.id(), certificate.key()) == (honest.id(), honest.key()), "a forged certificate");
    }
});
