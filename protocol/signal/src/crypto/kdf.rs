//! Key derivation and message authentication: HKDF and HMAC, both over SHA-256.
//!
//! Not its concern: labels ([`super::labels`]) and how an output is cut up ([`Secret::part`]).

use hkdf::HkdfExtract;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroize;

use crate::secret::Secret;

/// HKDF-SHA256, extract then expand, `L` bytes. `None` as salt equals 32 zero bytes.
///
/// Spec: Signal protocol 0 Notation (RFC 5869).
#[must_use]
pub(crate) fn hkdf<const L: usize>(salt: Option<&[u8]>, ikm: &[u8], info: &[u8]) -> Secret<L> {
    hkdf_parts(salt, &[ikm], info)
}

/// [`hkdf`] over the concatenation of several parts, without making a copy of them.
#[must_use]
pub(crate) fn hkdf_parts<const L: usize>(salt: Option<&[u8]>, ikm: &[&[u8]], info: &[u8]) -> Secret<L> {
    const { assert!(L <= 255 * 32, "one expand gives at most 255 blocks") };
    let mut extract = HkdfExtract::<Sha256>::new(salt);
    for part in ikm {
        extract.input_ikm(part);
    }
    let (mut prk, expand) = extract.finalize();
    prk.as_mut_slice().zeroize();
    Secret::filled_by(|out| {
        #[expect(
            clippy::expect_used,
            reason = "the only error is an output above 255 blocks, which does not compile"
        )]
        expand.expand(info, out).expect("the length is checked at compile time");
    })
}

/// HMAC-SHA256 over the concatenation of the parts, 32 bytes.
#[must_use]
pub(crate) fn hmac(key: &[u8], parts: &[&[u8]]) -> Secret<32> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    for part in parts {
        mac.update(part);
    }
    Secret::from_bytes(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 5869, appendix A.1 and A.3.
    #[test]
    fn hkdf_gives_the_published_outputs() {
        let salt = hex::decode("000102030405060708090a0b0c").unwrap();
        let info = hex::decode("f0f1f2f3f4f5f6f7f8f9").unwrap();
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        assert_eq!(hex::encode(hkdf::<42>(Some(&salt), &[0x0B; 22], &info).expose()), expected);
        let expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8";
        assert_eq!(hex::encode(hkdf::<42>(None, &[0x0B; 22], &[]).expose()), expected);
    }

    #[test]
    fn no_salt_equals_zero_bytes_and_parts_equal_their_concatenation() {
        let whole = hkdf::<64>(None, b"key material", b"info");
        assert_eq!(whole, hkdf_parts(Some(&[0; 32]), &[b"key ", b"", b"material"], b"info"));
    }

    // RFC 4231, test case 2.
    #[test]
    fn hmac_gives_the_published_output() {
        let mac = hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex::encode(mac.expose()), expected);
    }
}
