//! The MACs that tie each epoch's header and ciphertext to all epochs before.
//!
//! Both sides hold the same two keys and move them on once per epoch with its secret.
//!
//! Not its concern: when to move on (`braid`).
//!
//! Spec: SPQR 8 The authenticator.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::SpqrError;
use super::mlkem::{Ct1, Ct2, Header};
use crate::crypto::kdf;
use crate::secret::Secret;

/// A MAC, never cut short.
pub type Mac = [u8; 32];

/// The authenticator's keys.
#[derive(Clone)]
pub struct Authenticator {
    root_key: Zeroizing<[u8; 32]>,
    mac_key: Zeroizing<[u8; 32]>,
}

impl Authenticator {
    /// The authenticator of epoch 1.
    #[must_use]
    pub fn new(auth_key: &[u8]) -> Self {
        derive(1, &[0; 32], auth_key)
    }

    /// The authenticator with these keys.
    #[must_use]
    pub fn from_keys(root_key: &[u8; 32], mac_key: &[u8; 32]) -> Self {
        Self { root_key: Zeroizing::new(*root_key), mac_key: Zeroizing::new(*mac_key) }
    }

    /// Root key and MAC key, for storing.
    #[must_use]
    pub fn expose(&self) -> (&[u8; 32], &[u8; 32]) {
        (&self.root_key, &self.mac_key)
    }

    /// The authenticator once `epoch` has given its secret.
    #[must_use]
    pub fn updated(&self, epoch: u64, epoch_secret: &Secret<32>) -> Self {
        derive(epoch, &self.root_key, epoch_secret.expose())
    }

    /// The MAC of a header.
    #[must_use]
    pub fn mac_header(&self, epoch: u64, header: &Header) -> Mac {
        *kdf::hmac(self.mac_key.as_slice(), &[HEADER, &epoch.to_be_bytes(), &header.0]).expose()
    }

    /// The MAC of a ciphertext.
    #[must_use]
    pub fn mac_ciphertext(&self, epoch: u64, ct1: &Ct1, ct2: &Ct2) -> Mac {
        *kdf::hmac(self.mac_key.as_slice(), &[CIPHERTEXT, &epoch.to_be_bytes(), ct1.bytes(), ct2]).expose()
    }

    /// Checks a header's MAC, in constant time.
    ///
    /// # Errors
    /// [`SpqrError::MacVerifyFailed`] if it is wrong.
    pub fn verify_header(&self, epoch: u64, header: &Header, mac: &Mac) -> Result<(), SpqrError> {
        verify(&self.mac_header(epoch, header), mac)
    }

    /// Checks a ciphertext's MAC, in constant time.
    ///
    /// # Errors
    /// [`SpqrError::MacVerifyFailed`] if it is wrong.
    pub fn verify_ciphertext(&self, epoch: u64, ct1: &Ct1, ct2: &Ct2, mac: &Mac) -> Result<(), SpqrError> {
        verify(&self.mac_ciphertext(epoch, ct1, ct2), mac)
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authenticator(..)")
    }
}

fn derive(epoch: u64, root_key: &[u8; 32], key: &[u8]) -> Authenticator {
    let mut info = [0; UPDATE.len() + 8];
    for (to, from) in info.iter_mut().zip(UPDATE.iter().chain(&epoch.to_be_bytes())) {
        *to = *from;
    }
    let keys: Secret<64> = kdf::hkdf_parts(None, &[root_key, key], &info);
    Authenticator::from_keys(keys.part::<0, 32>().expose(), keys.part::<32, 32>().expose())
}

fn verify(expected: &Mac, mac: &Mac) -> Result<(), SpqrError> {
    if bool::from(expected.ct_eq(mac)) { Ok(()) } else { Err(SpqrError::MacVerifyFailed) }
}

const UPDATE: &[u8; 45] = b"Signal_PQCKA_V1_MLKEM768:Authenticator Update";
const HEADER: &[u8] = b"Signal_PQCKA_V1_MLKEM768:ekheader";
const CIPHERTEXT: &[u8] = b"Signal_PQCKA_V1_MLKEM768:ciphertext";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_the_specification_come_out() {
        let authenticator = Authenticator::new(&[0x29; 32]);
        let (root_key, mac_key) = authenticator.expose();
        assert_eq!(hex::encode(root_key), "486eb283e739a2b7baea016d6a70df801616dfbf3f022b77a27cfaa3360348a0");
        assert_eq!(hex::encode(mac_key), "5a368111ae4f8d5d407e4b9a369e67af9e01d9449cf2b5e50cede3f7ab525a1e");
        assert_eq!(
            hex::encode(authenticator.mac_header(1, &Header([0; 64]))),
            "acebb57584e9bdd9a44b42652a3b951409cf5f0ba62024fbd42eafe083196369"
        );
    }

    #[test]
    fn a_mac_with_any_bit_changed_is_refused() {
        let authenticator = Authenticator::new(&[0x29; 32]);
        let header = Header([5; 64]);
        let mac = authenticator.mac_header(9, &header);
        assert_eq!(authenticator.verify_header(9, &header, &mac), Ok(()));
        for bit in 0..256 {
            let mut wrong = mac;
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(authenticator.verify_header(9, &header, &wrong), Err(SpqrError::MacVerifyFailed));
        }
        assert!(authenticator.verify_header(10, &header, &mac).is_err());
    }

    #[test]
    fn debug_shows_no_keys() {
        insta::assert_snapshot!(format!("{:?}", Authenticator::new(&[0x41; 32])), @"Authenticator(..)");
    }
}
