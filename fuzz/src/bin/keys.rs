//! Any bytes as keys, signatures and KEM ciphertexts: refused, or stable, and usable without a panic.
#![no_main]

use khaima_fuzz::decode::{kept, stable};
use khaima_fuzz::honest::{PEOPLE, TRUST_ROOT, rng};
use khaima_fuzz::input::Input;
use khaima_signal::{IdentityKey, KemPublicKey, KemSecretKey, PrivateKey, PublicKey};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let (kind, bytes) = (input.below(5), input.rest());
    match kind {
        0 => {
            let key = stable(bytes, PublicKey::deserialize, |key| key.serialize().to_vec());
            if let Some(key) = key {
                let _ = TRUST_ROOT.private().agree(&key);
                // Nothing but a signature is one, unless the key is of small order, and then it is not canonical.
                let rest = bytes.get(33..).unwrap_or_default();
                if key.verify(&[b"text"], rest) {
                    assert!(!key.is_canonical(), "a forged signature");
                }
            }
        }
        1 => {
            let key = stable(bytes, IdentityKey::deserialize, |key| key.serialize().to_vec());
            if let Some(key) = key {
                let signed = PEOPLE[0].device.identity_key().verify_alternate_identity(&key, bytes);
                assert!(!signed, "a forged signature");
            }
        }
        2 => {
            stable(bytes, PrivateKey::deserialize, |key| key.serialize().expose().to_vec());
        }
        3 => {
            if let Some(key) = kept(bytes, KemPublicKey::deserialize, KemPublicKey::serialize) {
                let _ = key.encapsulate(&mut rng(1));
            }
        }
        _ => {
            let secret = kept(bytes, KemSecretKey::deserialize, |key| key.serialize().expose().to_vec());
            let honest = &PEOPLE[1].device.prekeys.kyber[&0].prekey.key_pair;
            if let Some(secret) = secret {
                let made = honest.public().encapsulate(&mut rng(2));
                let _ = secret.decapsulate(&made.ciphertext.serialize());
            }
            let once = honest.secret().decapsulate(bytes);
            assert!(once == honest.secret().decapsulate(bytes));
        }
    }
});
