//! Project Wycheproof's vectors, made to break implementations, on the primitives as this crate uses them.
//!
//! All classes of X25519, HMAC, HKDF, AES-CBC, AES-GCM-SIV and ML-KEM, as far as the crate's key sizes go; each test says
//! how many that are, so that none is passed over unseen. Number 8 of the list of negative tests.
//!
//! Not its concern: Ed25519, which XEdDSA is not; the recordings of the official library cover that.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    missing_docs,
    reason = "test code; the KEM's other implementations are another test's"
)]

#[path = "mlkem/implementations.rs"]
mod implementations;
#[path = "mlkem/rng.rs"]
mod rng;

use aes_gcm_siv::aead::{Aead, Payload};
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce};
use implementations::{Kem, Libcrux768, Libcrux1024, Portable768, Portable1024, Split768};
use khaima_signal::hazmat::primitives::{
    cbc_decrypt, cbc_encrypt, gcm_siv_open, gcm_siv_seal, hkdf, hkdf_of_32, hmac, hmac_of_32,
};
use khaima_signal::{KeyError, PrivateKey, PublicKey, Secret};
use wycheproof::mlkem::{TestName, TestSet};
use wycheproof::{TestResult, aead, cipher, hkdf as hkdf_vectors, mac, xdh};

#[test]
fn n08_x25519_agrees_and_refuses_agreements_that_are_zero() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let (mut agreed, mut zero) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let private = PrivateKey::deserialize(&test.private_key).unwrap();
        let public = PublicKey::from_bytes(test.public_key.as_slice().try_into().unwrap());
        let shared = private.agree(&public);
        if test.flags.contains(&xdh::TestFlag::ZeroSharedSecret) {
            assert_eq!(shared, Err(KeyError::InvalidKeyAgreement), "{}", test.tc_id);
            zero += 1;
        } else {
            assert_eq!(shared.unwrap().expose().as_slice(), test.shared_secret.as_slice(), "{}", test.tc_id);
            agreed += 1;
        }
    }
    assert_eq!((agreed, zero), (487, 31));
}

#[test]
fn n08_hmac_gives_every_tag_and_none_of_the_wrong_ones() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let (mut all, mut of_32) = (0, 0);
    for group in &set.test_groups {
        for test in &group.tests {
            let length = group.tag_size / 8;
            let tag = hmac(&test.key, &test.msg);
            let right = tag.expose()[..length] == *test.tag;
            assert_eq!(right, test.result == TestResult::Valid, "{}", test.tc_id);
            all += 1;
            if let Ok(key) = <&[u8; 32]>::try_from(test.key.as_slice()) {
                assert_eq!(hmac_of_32(key, &test.msg), tag, "{}", test.tc_id);
                of_32 += 1;
            }
        }
    }
    assert_eq!((all, of_32), (174, 162));
}

/// The most that one expansion gives.
const MOST: usize = 255 * 32;

#[test]
fn n08_hkdf_gives_every_output() {
    let set = hkdf_vectors::TestSet::load(hkdf_vectors::TestName::HkdfSha256).unwrap();
    let (mut valid, mut too_large, mut of_32) = (0, 0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        if test.size > MOST {
            // More than the most does not compile.
            assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
            too_large += 1;
            continue;
        }
        // A shorter output is the beginning of a longer one.
        let salt = (!test.salt.is_empty()).then_some(test.salt.as_slice());
        let output = hkdf::<MOST>(salt, &test.ikm, &test.info);
        assert_eq!(output.expose()[..test.size], *test.okm, "{}", test.tc_id);
        valid += 1;
        let salt = if test.salt.is_empty() { &[0; 32] } else { test.salt.as_slice() };
        if let Ok(salt) = salt.try_into() {
            assert_eq!(hkdf_of_32::<MOST>(salt, &test.ikm, &test.info), output, "{}", test.tc_id);
            of_32 += 1;
        }
    }
    assert_eq!((valid, too_large, of_32), (83, 3, 32));
}

#[test]
fn n08_cbc_undoes_what_is_right_and_refuses_bad_padding() {
    let set = cipher::TestSet::load(cipher::TestName::AesCbcPkcs5).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for test in set.test_groups.iter().filter(|group| group.key_size == 256).flat_map(|group| &group.tests) {
        let key = test.key.as_slice().try_into().unwrap();
        let iv = test.nonce.as_slice().try_into().unwrap();
        let opened = cbc_decrypt(key, iv, &test.ct);
        if test.result == TestResult::Valid {
            assert_eq!(opened.unwrap().as_slice(), test.pt.as_slice(), "{}", test.tc_id);
            assert_eq!(cbc_encrypt(key, iv, &test.pt), test.ct.as_slice(), "{}", test.tc_id);
            valid += 1;
        } else {
            assert!(opened.is_none(), "{}", test.tc_id);
            invalid += 1;
        }
    }
    assert_eq!((valid, invalid), (24, 48));
}

/// The crate's own form has a fixed nonce and nothing associated: the vectors go to the cipher it wraps, and what the
/// wrapper makes of their keys and plaintexts is held against that.
#[test]
fn n08_gcm_siv_opens_what_is_right_and_refuses_changed_tags() {
    let set = aead::TestSet::load(aead::TestName::AesGcmSiv).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for test in set.test_groups.iter().filter(|group| group.key_size == 256).flat_map(|group| &group.tests) {
        let cipher = Aes256GcmSiv::new(test.key.as_slice().try_into().unwrap());
        let nonce: &Nonce = test.nonce.as_slice().try_into().unwrap();
        let sealed = [test.ct.as_slice(), test.tag.as_slice()].concat();
        let opened = cipher.decrypt(nonce, Payload { msg: &sealed, aad: &test.aad });
        if test.result == TestResult::Valid {
            assert_eq!(opened.unwrap(), test.pt.as_slice(), "{}", test.tc_id);
            let again = cipher.encrypt(nonce, Payload { msg: &test.pt, aad: &test.aad });
            assert_eq!(again.unwrap(), sealed, "{}", test.tc_id);
            valid += 1;
        } else {
            assert!(opened.is_err(), "{}", test.tc_id);
            invalid += 1;
        }
        let key = Secret::from_slice(&test.key).unwrap();
        let mut sealed = cipher.encrypt(&Nonce::default(), test.pt.as_slice()).unwrap();
        assert_eq!(gcm_siv_seal(&key, &test.pt).unwrap(), sealed, "{}", test.tc_id);
        assert_eq!(gcm_siv_open(&key, &sealed).unwrap().as_slice(), test.pt.as_slice(), "{}", test.tc_id);
        *sealed.last_mut().unwrap() ^= 1;
        assert!(gcm_siv_open(&key, &sealed).is_none(), "{}", test.tc_id);
    }
    assert_eq!((valid, invalid), (69, 34));
}

/// Key generation, encapsulation and decapsulation. Values of other lengths do not fit the types.
fn ml_kem<K: Kem>(names: [TestName; 3], public_length: usize, ciphertext_length: usize) -> (usize, usize) {
    let (mut valid, mut invalid) = (0, 0);
    for test in
        names.into_iter().flat_map(|name| TestSet::load(name).unwrap().test_groups).flat_map(|g| g.tests)
    {
        let found = (|| {
            let same = |length: usize, bytes: &[u8]| bytes.len() == length;
            let shared = test.shared_secret.as_ref();
            if let Some(seed) = &test.seed {
                let pair = K::generate(seed.as_slice().try_into().ok()?);
                if let Some(public) = &test.encaps_key {
                    assert_eq!(pair.public(), public.as_slice(), "{}", test.tc_id);
                }
                if let (Some(expanded), Some(expected)) = (pair.expanded(), &test.decaps_key) {
                    assert_eq!(expanded, expected.as_slice(), "{}", test.tc_id);
                }
                let Some(ciphertext) = &test.ct else { return Some(()) };
                same(ciphertext_length, ciphertext).then_some(())?;
                assert_eq!(pair.decapsulate(ciphertext), shared.unwrap().as_slice(), "{}", test.tc_id);
                return Some(());
            }
            let (public, randomness) = (test.encaps_key.as_ref().unwrap(), test.msg.as_ref().unwrap());
            same(public_length, public).then_some(())?;
            let made = K::encapsulate(public, randomness.as_slice().try_into().ok()?)?;
            assert_eq!(made.0, test.ct.as_ref().unwrap().as_slice(), "{}", test.tc_id);
            assert_eq!(made.1, shared.unwrap().as_slice(), "{}", test.tc_id);
            Some(())
        })();
        assert_eq!(found.is_some(), test.result == TestResult::Valid, "{} {}", test.tc_id, test.comment);
        *(if found.is_some() { &mut valid } else { &mut invalid }) += 1;
    }
    (valid, invalid)
}

const ML_KEM_768: [TestName; 3] =
    [TestName::MlKem768KeyGenSeed, TestName::MlKem768Encaps, TestName::MlKem768];
const ML_KEM_1024: [TestName; 3] =
    [TestName::MlKem1024KeyGenSeed, TestName::MlKem1024Encaps, TestName::MlKem1024];

#[test]
fn n08_ml_kem_768_in_split_form_agrees() {
    assert_eq!(ml_kem::<Split768>(ML_KEM_768, 1_184, 1_088), (394, 172));
}

#[test]
fn n08_ml_kem_768_agrees() {
    assert_eq!(ml_kem::<Libcrux768>(ML_KEM_768, 1_184, 1_088), (394, 172));
    assert_eq!(ml_kem::<Portable768>(ML_KEM_768, 1_184, 1_088), (394, 172));
}

#[test]
fn n08_ml_kem_1024_agrees() {
    assert_eq!(ml_kem::<Libcrux1024>(ML_KEM_1024, 1_568, 1_568), (395, 176));
    assert_eq!(ml_kem::<Portable1024>(ML_KEM_1024, 1_568, 1_568), (395, 176));
}
