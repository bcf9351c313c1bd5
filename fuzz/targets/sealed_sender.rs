//! Any bytes as a sealed envelope, and as what lies inside one.
#![no_main]

use std::sync::LazyLock;

use khaima_signal::IdentityKeyPair;
use khaima_signal::sealed_sender::{SealedContent, SenderCertificate, open};
use khaima_signal::PrivateKey;

static IDENTITY: LazyLock<IdentityKeyPair> = LazyLock::new(|| IdentityKeyPair::from_private(PrivateKey::from_bytes([7; 32])));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = open(bytes, &*IDENTITY);
    let _ = SenderCertificate::decode(bytes);
    if let Ok(content) = SealedContent::decode(bytes) {
        assert!(SealedContent::decode(&content.encode()).is_ok());
    }
});
