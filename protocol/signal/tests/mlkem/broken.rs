//! Implementations with one fault each: a comparison that does not find them proves nothing.

use crate::case::compare;
use crate::implementations::{Kem, Libcrux768, RustCrypto768};

const NOWHERE: u8 = 0;
const PUBLIC: u8 = 1;
const SECRET: u8 = 2;
const CIPHERTEXT: u8 = 3;
const SHARED: u8 = 4;
const DECAPSULATION: u8 = 5;
const REJECTION: u8 = 6;
const UNCHECKED: u8 = 7;

/// ML-KEM-768 with a fault at the place named.
struct Broken<const AT: u8> {
    right: RustCrypto768,
    /// The same key pair, but for the secret that implicit rejection mixes in.
    other_rejection: RustCrypto768,
}

impl<const AT: u8> Kem for Broken<AT> {
    fn generate(seed: [u8; 64]) -> Self {
        let mut other = seed;
        other[63] ^= 1;
        Self { right: RustCrypto768::generate(seed), other_rejection: RustCrypto768::generate(other) }
    }

    fn public(&self) -> Vec<u8> {
        let mut public = self.right.public();
        public[1_183] ^= u8::from(AT == PUBLIC);
        public
    }

    fn expanded(&self) -> Option<Vec<u8>> {
        let mut expanded = self.right.expanded()?;
        expanded[2_399] ^= u8::from(AT == SECRET);
        Some(expanded)
    }

    fn encapsulate(public: &[u8], randomness: [u8; 32]) -> Option<(Vec<u8>, [u8; 32])> {
        let Some((mut ciphertext, mut shared)) = RustCrypto768::encapsulate(public, randomness) else {
            return (AT == UNCHECKED).then(|| (vec![0; 1_088], [0; 32]));
        };
        ciphertext[1_087] ^= u8::from(AT == CIPHERTEXT);
        shared[31] ^= u8::from(AT == SHARED);
        Some((ciphertext, shared))
    }

    fn decapsulate(&self, ciphertext: &[u8]) -> [u8; 32] {
        let key = if AT == REJECTION { &self.other_rejection } else { &self.right };
        let mut shared = key.decapsulate(ciphertext);
        shared[31] ^= u8::from(AT == DECAPSULATION);
        shared
    }
}

/// The step at which the fault shows first in 200 cases.
fn found<const AT: u8>() -> Option<String> {
    let error = (0..200).find_map(|number| compare::<Libcrux768, Broken<AT>>(number).err())?;
    Some(error.split_once(": ").unwrap().1.to_owned())
}

#[test]
fn a_fault_in_any_step_is_found() {
    assert_eq!(found::<NOWHERE>(), None);
    assert_eq!(found::<PUBLIC>().unwrap(), "public key");
    assert_eq!(found::<SECRET>().unwrap(), "secret key");
    assert_eq!(found::<CIPHERTEXT>().unwrap(), "encapsulation");
    assert_eq!(found::<SHARED>().unwrap(), "encapsulation");
    assert_eq!(found::<DECAPSULATION>().unwrap(), "decapsulation by the second");
    assert_eq!(found::<REJECTION>().unwrap(), "implicit rejection");
    assert_eq!(found::<UNCHECKED>().unwrap(), "a strange key");
}
