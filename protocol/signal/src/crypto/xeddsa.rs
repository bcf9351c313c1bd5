//! XEdDSA: signatures by Curve25519 keys.
//!
//! Like XEdDSA over SHA-512, with one difference: the sign of the Edwards public key is not forced to zero but carried
//! in the top bit of the last signature byte.
//!
//! Not its concern: what is signed. Labels and layouts stand where they are used.
//!
//! Spec: Signal protocol 1.4 XEdDSA signatures.

use std::fmt;

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::{PrivateKey, PublicKey};
use crate::secret::Secret;

/// What is hashed before the key when the nonce scalar is derived, so that it differs from every encoded point.
const HASH_PREFIX: [u8; 32] = {
    let mut prefix = [0xFF; 32];
    prefix[0] = 0xFE;
    prefix
};

/// An XEdDSA signature: 64 bytes, `R || s` with the sign of the public point in the top bit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Length in bytes.
    pub const LENGTH: usize = 64;

    /// From its 64 bytes, unchecked: only verification tells.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// From a slice, or `None` when it is not 64 bytes long.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 64 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

/// Signs the concatenated parts with fresh randomness `nonce`.
pub(crate) fn sign(key: &PrivateKey, message: &[&[u8]], nonce: &Secret<64>) -> Signature {
    let mut a = Scalar::from_bytes_mod_order(*key.expose());
    let public = EdwardsPoint::mul_base(&a).compress().to_bytes();
    let sign_bit = public.last().map_or(0, |last| last & 0x80);

    let mut nonce_hash = Sha512::new().chain_update(HASH_PREFIX).chain_update(key.expose());
    for part in message {
        nonce_hash.update(part);
    }
    nonce_hash.update(nonce.expose());
    let mut r = wide_scalar(nonce_hash);
    let r_point = EdwardsPoint::mul_base(&r).compress().to_bytes();

    let h = challenge(&r_point, &public, message);
    let mut s = h * a + r;

    let mut signature = [0; 64];
    for (to, from) in signature.iter_mut().zip(r_point.iter().chain(s.as_bytes())) {
        *to = *from;
    }
    if let Some(last) = signature.last_mut() {
        *last = (*last & 0x7F) | sign_bit;
    }
    a.zeroize();
    r.zeroize();
    s.zeroize();
    Signature(signature)
}

/// A public key as a point with a sign, for checking its signatures.
struct SignedPoint {
    sign: u8,
    point: EdwardsPoint,
    encoded: [u8; 32],
}

impl SignedPoint {
    /// `None` when the key is no point with this sign.
    fn new(key: &PublicKey, sign: u8) -> Option<Self> {
        let point = MontgomeryPoint(*key.as_bytes()).to_edwards(sign)?;
        Some(Self { sign, point, encoded: point.compress().to_bytes() })
    }
}

/// Whether each signature is that of the key over its concatenated parts. Variable time; all inputs are public.
///
/// Stricter than the specification in two ways: a key with its top bit set verifies nothing, and `s` must be below the
/// group order, so that a signature cannot be changed into another valid one.
pub(crate) fn verify_all(key: &PublicKey, signed: &[(&[&[u8]], &[u8])]) -> bool {
    let [.., top] = key.as_bytes();
    if top & 0x80 != 0 {
        return false;
    }
    // The signatures of one key all have the same sign, so that the point is computed once.
    let mut last: Option<SignedPoint> = None;
    signed.iter().all(|(message, signature)| {
        let Ok(signature) = <&[u8; 64]>::try_from(*signature) else { return false };
        let [.., last_byte] = signature;
        let sign = last_byte >> 7;
        if last.as_ref().is_none_or(|point| point.sign != sign) {
            last = SignedPoint::new(key, sign);
        }
        last.as_ref().is_some_and(|point| verify(point, message, signature))
    })
}

fn verify(key: &SignedPoint, message: &[&[u8]], signature: &[u8; 64]) -> bool {
    let Some((r_bytes, s_bytes)) = signature.split_first_chunk::<32>() else { return false };
    let Ok(mut s_bytes) = <[u8; 32]>::try_from(s_bytes) else { return false };
    let [.., last] = &mut s_bytes;
    *last &= 0x7F;
    let Some(s) = Option::<Scalar>::from(Scalar::from_canonical_bytes(s_bytes)) else { return false };
    let h = challenge(r_bytes, &key.encoded, message);
    let r_check = EdwardsPoint::vartime_double_scalar_mul_basepoint(&h, &-key.point, &s);
    r_check.compress().to_bytes().ct_eq(r_bytes).into()
}

/// `SHA512(R || A || M) mod L`.
fn challenge(r_point: &[u8; 32], public: &[u8; 32], message: &[&[u8]]) -> Scalar {
    let mut hash = Sha512::new().chain_update(r_point).chain_update(public);
    for part in message {
        hash.update(part);
    }
    wide_scalar(hash)
}

fn wide_scalar(hash: Sha512) -> Scalar {
    let mut digest: [u8; 64] = hash.finalize().into();
    let scalar = Scalar::from_bytes_mod_order_wide(&digest);
    digest.zeroize();
    scalar
}

#[cfg(test)]
mod tests {
    use super::super::{KeyPair, PublicKey};
    use super::{EdwardsPoint, Scalar, SignedPoint, challenge};
    use crate::test_rng;

    #[test]
    fn a_signature_verifies_for_its_key_and_message_only() {
        let mut rng = test_rng(1);
        for _ in 0..16 {
            let (pair, other) = (KeyPair::generate(&mut rng), KeyPair::generate(&mut rng));
            let signature = pair.private().sign(&[b"noon", b" by the bridge"], &mut rng);
            assert!(pair.public().verify(&[b"noon by ", b"the bridge"], signature.as_ref()));
            assert!(!pair.public().verify(&[b"noon by the bridgf"], signature.as_ref()));
            assert!(!other.public().verify(&[b"noon by the bridge"], signature.as_ref()));
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut rng = test_rng(2);
        let pair = KeyPair::generate(&mut rng);
        let signature = pair.private().sign(&[b"message"], &mut rng);
        for bit in 0..512 {
            let mut changed = *signature.as_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!pair.public().verify(&[b"message"], &changed), "bit {bit}");
        }
    }

    #[test]
    fn two_signatures_of_one_message_differ() {
        let mut rng = test_rng(3);
        let pair = KeyPair::generate(&mut rng);
        let (one, two) = (pair.private().sign(&[b"m"], &mut rng), pair.private().sign(&[b"m"], &mut rng));
        assert_ne!(one, two);
        assert!(pair.public().verify(&[b"m"], one.as_ref()) && pair.public().verify(&[b"m"], two.as_ref()));
    }

    #[test]
    fn other_lengths_are_false() {
        let mut rng = test_rng(4);
        let pair = KeyPair::generate(&mut rng);
        let signature = pair.private().sign(&[], &mut rng);
        assert!(pair.public().verify(&[], signature.as_ref()));
        assert!(!pair.public().verify(&[], &signature.as_bytes()[..63]));
        assert!(!pair.public().verify(&[], &[signature.as_ref(), &[0]].concat()));
        assert!(!pair.public().verify(&[], &[]));
    }

    #[test]
    fn both_signs_of_the_public_point_occur_and_verify() {
        let mut rng = test_rng(5);
        let signs: std::collections::BTreeSet<u8> = (0..32)
            .map(|_| {
                let pair = KeyPair::generate(&mut rng);
                let signature = pair.private().sign(&[b"sign"], &mut rng);
                assert!(pair.public().verify(&[b"sign"], signature.as_ref()));
                signature.as_bytes()[63] >> 7
            })
            .collect();
        assert_eq!(signs.len(), 2);
    }

    #[test]
    fn a_key_with_its_top_bit_set_verifies_nothing() {
        let mut rng = test_rng(7);
        let pair = KeyPair::generate(&mut rng);
        let signature = pair.private().sign(&[b"m"], &mut rng);
        let mut bytes = *pair.public().as_bytes();
        bytes[31] |= 0x80;
        assert!(!PublicKey::from_bytes(bytes).verify(&[b"m"], signature.as_ref()));
    }

    #[test]
    fn of_several_signatures_each_is_checked() {
        let mut rng = test_rng(8);
        let pair = KeyPair::generate(&mut rng);
        let signatures: Vec<_> =
            [b"one", b"two"].map(|message| pair.private().sign(&[message], &mut rng)).to_vec();
        let verify = |first: &[u8], second: &[u8]| {
            let signed: [(&[&[u8]], &[u8]); 2] =
                [(&[first], signatures[0].as_ref()), (&[second], signatures[1].as_ref())];
            super::verify_all(pair.public(), &signed)
        };
        assert!(verify(b"one", b"two"));
        assert!(!verify(b"two", b"one"));
        assert!(!verify(b"one", b"one"));
        assert!(!verify(b"two", b"two"));
    }

    #[test]
    fn signatures_of_both_signs_verify_together() {
        let mut rng = test_rng(9);
        let pair = KeyPair::generate(&mut rng);
        let own = pair.private().sign(&[b"own"], &mut rng);
        // As somebody would sign who holds the negative of the private key, which has the same public key.
        let private = Scalar::from_bytes_mod_order(*pair.private().expose());
        let sign = 1 - (own.as_ref()[63] >> 7);
        let point = SignedPoint::new(pair.public(), sign).unwrap();
        let nonce = Scalar::from(0x0123_4567_89AB_CDEF_u64);
        let r_point = EdwardsPoint::mul_base(&nonce).compress().to_bytes();
        let s = nonce - challenge(&r_point, &point.encoded, &[b"other"]) * private;
        let mut other = [r_point, s.to_bytes()].concat();
        other[63] |= sign << 7;
        let one: (&[&[u8]], &[u8]) = (&[b"own"], own.as_ref());
        let two: (&[&[u8]], &[u8]) = (&[b"other"], &other);
        assert!(super::verify_all(pair.public(), &[one, two]));
        assert!(super::verify_all(pair.public(), &[two, one, one, two]));
    }

    /// Little-endian sum; the carry out of the last byte is lost.
    fn add(one: &[u8], other: &[u8]) -> [u8; 32] {
        let mut carry = 0;
        std::array::from_fn(|i| {
            let sum = u16::from(one[i]) + u16::from(other[i]) + carry;
            carry = sum >> 8;
            u8::try_from(sum & 0xFF).unwrap()
        })
    }

    // The official library accepts s + L; see docs/spec/stricter.md.
    #[test]
    fn s_is_below_the_group_order() {
        let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
        let mut rng = test_rng(6);
        for _ in 0..16 {
            let pair = KeyPair::generate(&mut rng);
            let signature = *pair.private().sign(&[b"m"], &mut rng).as_bytes();
            let sign_bit = signature[63] & 0x80;
            let mut s: [u8; 32] = signature[32..].try_into().unwrap();
            s[31] &= 0x7F;
            for times in 1..=3 {
                s = add(&s, &order);
                let mut changed = [&signature[..32], &s].concat();
                changed[63] |= sign_bit;
                assert!(!pair.public().verify(&[b"m"], &changed), "s + {times} L");
            }
        }
    }
}
