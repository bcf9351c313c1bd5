//! Any bytes as each kind of stored prekey: refused, or stable.
#![no_main]

use khaima_fuzz::decode::stable;
use khaima_signal::{KyberPreKey, OneTimePreKey, SignedPreKey};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let kinds = [
        stable(bytes, OneTimePreKey::decode, |prekey| prekey.encode().to_vec()).is_some(),
        stable(bytes, SignedPreKey::decode, |prekey| prekey.encode().to_vec()).is_some(),
        stable(bytes, KyberPreKey::decode, |prekey| prekey.encode().to_vec()).is_some(),
    ];
    assert!(kinds.iter().filter(|read| **read).count() <= 1, "one kind was read as another");
});
