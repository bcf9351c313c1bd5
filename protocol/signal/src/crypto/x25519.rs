//! X25519 by one of two implementations.
//!
//! With the feature `aws-lc-rs`, on by default, agreements run on AWS-LC's formally verified assembly, in half the time.
//! Without it, or should that library refuse a key, `curve25519-dalek` computes them. Both give the same bytes; the tests
//! hold them against each other.
//!
//! AWS-LC wipes its copy of a key when it is dropped. The bytes of an agreement pass through an allocation that
//! `aws-lc-rs` frees without wiping it; programs that hold people's keys should free through an allocator that wipes.
//!
//! Not its concern: clamping, whether a result is all zeros, and what keys are for ([`super::curve`]).
//!
//! Spec: Signal protocol 1.3 Key agreement; RFC 7748.

#[cfg(feature = "aws-lc-rs")]
use aws_lc_rs::agreement;
use curve25519_dalek::montgomery::MontgomeryPoint;
use zeroize::Zeroize;

use crate::secret::Secret;

/// A clamped private key, ready for agreements, and its public half.
pub(super) struct X25519Key {
    private: Secret<32>,
    public: [u8; 32],
    #[cfg(feature = "aws-lc-rs")]
    imported: Option<agreement::PrivateKey>,
}

impl X25519Key {
    /// The key of 32 clamped bytes.
    #[cfg(feature = "aws-lc-rs")]
    pub(super) fn new(private: Secret<32>) -> Self {
        let imported = agreement::PrivateKey::from_private_key(&agreement::X25519, private.expose()).ok();
        let public = imported.as_ref().and_then(|key| key.compute_public_key().ok());
        let public = public.and_then(|public| public.as_ref().try_into().ok());
        let public = public.unwrap_or_else(|| portable_public_key(&private));
        Self { private, public, imported }
    }

    /// The key of 32 clamped bytes.
    #[cfg(not(feature = "aws-lc-rs"))]
    pub(super) fn new(private: Secret<32>) -> Self {
        let public = portable_public_key(&private);
        Self { private, public }
    }

    pub(super) const fn private(&self) -> &Secret<32> {
        &self.private
    }

    pub(super) const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The agreement with a u-coordinate, which may be any 32 bytes; may be all zeros.
    pub(super) fn agree(&self, their: &[u8; 32]) -> Secret<32> {
        #[cfg(feature = "aws-lc-rs")]
        if let Some(agreed) = self.agree_imported(their) {
            return agreed;
        }
        portable_agreement(&self.private, their)
    }

    /// `None` also when the agreement is all zeros, which the library takes for an error.
    #[cfg(feature = "aws-lc-rs")]
    fn agree_imported(&self, their: &[u8; 32]) -> Option<Secret<32>> {
        let their = agreement::UnparsedPublicKey::new(&agreement::X25519, their);
        let take = |agreed: &[u8]| Secret::from_slice(agreed).ok_or(());
        agreement::agree(self.imported.as_ref()?, their, (), take).ok()
    }
}

fn portable_public_key(private: &Secret<32>) -> [u8; 32] {
    MontgomeryPoint::mul_base_clamped(*private.expose()).to_bytes()
}

fn portable_agreement(private: &Secret<32>, their: &[u8; 32]) -> Secret<32> {
    let mut agreed = MontgomeryPoint(*their).mul_clamped(*private.expose());
    let secret = Secret::from_bytes(agreed.to_bytes());
    agreed.zeroize();
    secret
}

#[cfg(all(test, feature = "aws-lc-rs"))]
mod tests {
    use super::*;
    use crate::{PrivateKey, test_rng};
    use rand_core::Rng;

    /// Points that one implementation might treat otherwise than the other: small, unreduced, of low order, with the top
    /// bit set.
    fn odd_points(order_8: [&str; 2]) -> Vec<[u8; 32]> {
        let small = (0..=20).map(|u| {
            let mut bytes = [0; 32];
            bytes[0] = u;
            bytes
        });
        let large = (0xE0..=0xFF).map(|first| {
            let mut bytes = [0xFF; 32];
            (bytes[0], bytes[31]) = (first, 0x7F);
            bytes
        });
        let order_8 = order_8.map(|text| {
            std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap_or(0))
        });
        let plain: Vec<[u8; 32]> = small.chain(large).chain(order_8).collect();
        let with_top_bit = plain.iter().map(|bytes| {
            let mut bytes = *bytes;
            bytes[31] |= 0x80;
            bytes
        });
        plain.iter().copied().chain(with_top_bit).collect()
    }

    #[test]
    fn both_implementations_give_the_same_bytes() {
        let order_8 = [
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        ];
        let mut rng = test_rng(1);
        let mut random = [[0; 32]; 200];
        random.iter_mut().for_each(|bytes| rng.fill_bytes(bytes));
        for point in odd_points(order_8).into_iter().chain(random) {
            let key = X25519Key::new(PrivateKey::generate(&mut rng).serialize());
            assert!(key.imported.is_some());
            assert_eq!(key.public, portable_public_key(&key.private));
            let portable = portable_agreement(&key.private, &point);
            match key.agree_imported(&point) {
                Some(agreed) => assert_eq!(agreed, portable, "{}", hex::encode(point)),
                None => assert_eq!(portable.expose(), &[0; 32], "{}", hex::encode(point)),
            }
            assert_eq!(key.agree(&point), portable);
        }
    }
}
