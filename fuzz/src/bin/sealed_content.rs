//! Any bytes as what a sealed envelope holds: refused, or stable, padded or not; only an honest certificate is verified.
#![no_main]

use khaima_fuzz::decode::stable;
use khaima_fuzz::honest::{CERTIFICATE, NOW, TRUST_ROOT, address};
use khaima_signal::sealed_sender::{SealedContent, SenderCheck};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(content) = stable(bytes, SealedContent::decode, SealedContent::encode) else { return };
    let total = content.encoded_len() + SealedContent::PADDING_OVERHEAD + bytes.len();
    let padded = content.encode_padded(total).expect("there is room");
    assert_eq!(padded.len(), total);
    assert!(SealedContent::decode(&padded).expect("padding is skipped") == content);

    let roots = [*TRUST_ROOT.public()];
    let check = SenderCheck { trust_roots: &roots, now: NOW, local_e164: Some("+31207654321") };
    if let Ok(verified) = content.verify(&address(1, 2), &check) {
        assert_eq!(verified.sender(), CERTIFICATE.sender(), "a forged certificate");
    }
});
