//! XEdDSA by hand: signatures that no honest signer makes.
//!
//! Spec: Signal protocol 1.4 XEdDSA signatures.

#![allow(dead_code, reason = "each file of tests uses its share")]

use curve25519_dalek::{MontgomeryPoint, Scalar, edwards::EdwardsPoint, traits::IsIdentity as _};
use khaima_signal::PrivateKey;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use sha2::{Digest as _, Sha512};

pub fn random_scalar(rng: &mut ChaCha20Rng) -> Scalar {
    let mut bytes = [0; 64];
    rng.fill_bytes(&mut bytes);
    Scalar::from_bytes_mod_order_wide(&bytes)
}

/// The scalar of a private key.
pub fn scalar(key: &PrivateKey) -> Scalar {
    Scalar::from_bytes_mod_order(*key.serialize().expose())
}

fn challenge(r_written: &[u8; 32], public: &[u8; 32], message: &[u8]) -> Scalar {
    let hash = Sha512::new().chain_update(r_written).chain_update(public).chain_update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

fn signature(r_written: &[u8; 32], s: &Scalar, sign: u8) -> [u8; 64] {
    let mut signature: [u8; 64] = [r_written.as_slice(), s.as_bytes()].concat().try_into().unwrap();
    signature[63] |= sign;
    signature
}

/// Signs with a private scalar, a nonce, and any way to write the nonce's point.
pub fn sign(a: &Scalar, r: &Scalar, r_written: &[u8; 32], message: &[u8]) -> [u8; 64] {
    let public = EdwardsPoint::mul_base(a).compress().to_bytes();
    let s = challenge(r_written, &public, message) * a + r;
    signature(r_written, &s, public[31] & 0x80)
}

/// As an honest signer would, with a private scalar.
pub fn sign_honestly(a: &Scalar, message: &[u8], rng: &mut ChaCha20Rng) -> [u8; 64] {
    let r = random_scalar(rng);
    sign(a, &r, &EdwardsPoint::mul_base(&r).compress().to_bytes(), message)
}

/// A signature under a public key of small order, for which nobody needs a private one. None for p - 1, which is no point of
/// the Edwards curve.
pub fn sign_with_small_order(public: &[u8; 32], message: &[u8], rng: &mut ChaCha20Rng) -> Option<[u8; 64]> {
    let point = MontgomeryPoint(*public).to_edwards(0)?;
    let encoded = point.compress().to_bytes();
    loop {
        let s = random_scalar(rng);
        let r_written = EdwardsPoint::mul_base(&s).compress().to_bytes();
        if (challenge(&r_written, &encoded, message) * point).is_identity() {
            return Some(signature(&r_written, &s, 0));
        }
    }
}
