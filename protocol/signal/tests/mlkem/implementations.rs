//! The implementations, made alike: keys from a seed, encapsulation from given randomness, everything else as bytes.

use khaima_signal::hazmat::spqr::{Ct1, DecapsulationKey, EkVector, Encapsulation, Header, KeyPair};
use khaima_signal::{KemCiphertext, KemKeyPair, KemPublicKey, Secret};
use libcrux_ml_kem::{mlkem768, mlkem1024};
#[expect(deprecated, reason = "the expanded form is what the other library keeps")]
use ml_kem::ExpandedKeyEncoding;
use ml_kem::kem::{Decapsulate, KeyExport};
use ml_kem::{MlKem768, MlKem1024};
use sha3::{Digest, Sha3_256, Sha3_512};
use shake::{ExtendableOutput, Shake256, Update, XofReader};

use crate::rng::Fixed;

/// A key pair of one implementation.
pub trait Kem: Sized {
    fn generate(seed: [u8; 64]) -> Self;
    fn public(&self) -> Vec<u8>;
    /// The secret key in the expanded form of FIPS 203, where there is one.
    fn expanded(&self) -> Option<Vec<u8>>;
    /// Ciphertext and shared secret, or nothing for a key with a coefficient that is not reduced.
    fn encapsulate(public: &[u8], randomness: [u8; 32]) -> Option<(Vec<u8>, [u8; 32])>;
    fn decapsulate(&self, ciphertext: &[u8]) -> [u8; 32];
}

macro_rules! rust_crypto {
    ($name:ident, $parameters:ty) => {
        /// The independent implementation.
        pub struct $name(ml_kem::DecapsulationKey<$parameters>);

        impl Kem for $name {
            fn generate(seed: [u8; 64]) -> Self {
                Self(ml_kem::DecapsulationKey::from_seed(seed.into()))
            }

            fn public(&self) -> Vec<u8> {
                self.0.encapsulation_key().to_bytes().to_vec()
            }

            #[expect(deprecated, reason = "the expanded form is what the other library keeps")]
            fn expanded(&self) -> Option<Vec<u8>> {
                Some(self.0.to_expanded_bytes().to_vec())
            }

            fn encapsulate(public: &[u8], randomness: [u8; 32]) -> Option<(Vec<u8>, [u8; 32])> {
                let key = ml_kem::EncapsulationKey::<$parameters>::new(public.try_into().unwrap()).ok()?;
                let (ciphertext, shared) = key.encapsulate_deterministic(&randomness.into());
                Some((ciphertext.to_vec(), shared.into()))
            }

            fn decapsulate(&self, ciphertext: &[u8]) -> [u8; 32] {
                self.0.decapsulate(ciphertext.try_into().unwrap()).into()
            }
        }
    };
}

rust_crypto!(RustCrypto768, MlKem768);
rust_crypto!(RustCrypto1024, MlKem1024);

macro_rules! libcrux {
    ($name:ident, $functions:path, $doc:literal) => {
        #[doc = $doc]
        pub struct $name {
            public: Vec<u8>,
            secret: Vec<u8>,
        }

        impl Kem for $name {
            fn generate(seed: [u8; 64]) -> Self {
                use $functions as functions;
                let (secret, public) = functions::generate_key_pair(seed).into_parts();
                Self { public: public.as_slice().to_vec(), secret: secret.as_slice().to_vec() }
            }

            fn public(&self) -> Vec<u8> {
                self.public.clone()
            }

            fn expanded(&self) -> Option<Vec<u8>> {
                Some(self.secret.clone())
            }

            fn encapsulate(public: &[u8], randomness: [u8; 32]) -> Option<(Vec<u8>, [u8; 32])> {
                use $functions as functions;
                let public = public.try_into().unwrap();
                let (ciphertext, shared) = functions::validate_public_key(&public)
                    .then(|| functions::encapsulate(&public, randomness))?;
                Some((ciphertext.as_slice().to_vec(), shared))
            }

            fn decapsulate(&self, ciphertext: &[u8]) -> [u8; 32] {
                use $functions as functions;
                let secret = self.secret.as_slice().try_into().unwrap();
                functions::decapsulate(&secret, &ciphertext.try_into().unwrap())
            }
        }
    };
}

libcrux!(Libcrux768, mlkem768, "With the vector instructions that the processor has.");
libcrux!(Libcrux1024, mlkem1024, "With the vector instructions that the processor has.");
libcrux!(Portable768, mlkem768::portable, "What processors without vector instructions run.");
libcrux!(Portable1024, mlkem1024::portable, "What processors without vector instructions run.");

/// The split form of the sparse ratchet, put together again.
pub struct Split768 {
    pair: KeyPair,
    stored: DecapsulationKey,
}

impl Split768 {
    fn halves(public: &[u8]) -> Option<(Header, EkVector)> {
        // The header ends with the hash of the key, which its maker computes.
        let (vector, rho) = public.split_at(EkVector::LENGTH);
        let header = [rho, Sha3_256::digest(public).as_slice()].concat();
        Some((Header(header.try_into().ok()?), EkVector::from_parts(&[vector])?))
    }
}

impl Kem for Split768 {
    fn generate(seed: [u8; 64]) -> Self {
        let pair = KeyPair::from_seed(Secret::from_bytes(seed)).unwrap();
        Self { pair, stored: DecapsulationKey::from_seed(Secret::from_bytes(seed)) }
    }

    fn public(&self) -> Vec<u8> {
        let public = [self.pair.ek_vector.bytes(), &self.pair.header.0[..32]].concat();
        assert_eq!(Self::halves(&public).unwrap().0, self.pair.header);
        public
    }

    fn expanded(&self) -> Option<Vec<u8>> {
        None
    }

    fn encapsulate(public: &[u8], randomness: [u8; 32]) -> Option<(Vec<u8>, [u8; 32])> {
        let (header, vector) = Self::halves(public)?;
        let valid = header.validate(vector).ok()?;
        let begun = Encapsulation::begin_with(&header, Secret::from_bytes(randomness)).unwrap();
        let second = begun.encapsulation.finish(&valid);
        let stored = Encapsulation::from_randomness(Secret::from_bytes(randomness));
        assert_eq!(stored.finish(&valid), second, "the second phase after a restart");
        Some(([begun.ct1.bytes(), second.as_slice()].concat(), *begun.shared_secret.expose()))
    }

    fn decapsulate(&self, ciphertext: &[u8]) -> [u8; 32] {
        let (first, second) = ciphertext.split_at(Ct1::LENGTH);
        let (first, second) = (Ct1::from_parts(&[first]).unwrap(), second.try_into().unwrap());
        let shared = self.pair.decapsulation_key.decapsulate(&first, &second).unwrap();
        assert_eq!(self.stored.decapsulate(&first, &second).unwrap(), shared, "after a restart");
        *shared.expose()
    }
}

/// The Kyber1024 of the handshake.
pub struct Kyber(KemKeyPair);

impl Kem for Kyber {
    fn generate(seed: [u8; 64]) -> Self {
        Self(KemKeyPair::generate(&mut Fixed(seed.to_vec())))
    }

    fn public(&self) -> Vec<u8> {
        self.0.public().serialize()[1..].to_vec()
    }

    fn expanded(&self) -> Option<Vec<u8>> {
        Some(self.0.secret().serialize().expose()[1..].to_vec())
    }

    fn encapsulate(public: &[u8], randomness: [u8; 32]) -> Option<(Vec<u8>, [u8; 32])> {
        let key = KemPublicKey::deserialize(&typed(public)).unwrap();
        // As the bundle check does before a key is used.
        if !mlkem1024::validate_public_key(&public.try_into().unwrap()) {
            return None;
        }
        let made = key.encapsulate(&mut Fixed(randomness.to_vec()));
        Some((made.ciphertext.serialize()[1..].to_vec(), *made.shared_secret.expose()))
    }

    fn decapsulate(&self, ciphertext: &[u8]) -> [u8; 32] {
        assert_eq!(ciphertext.len() + 1, KemCiphertext::LENGTH);
        *self.0.secret().decapsulate(&typed(ciphertext)).unwrap().expose()
    }
}

fn typed(raw: &[u8]) -> Vec<u8> {
    [&[0x08], raw].concat()
}

/// Kyber1024 of round 3 on the inner encryption of the independent ML-KEM-1024, which is the same.
///
/// Round 3 hashes the randomness first and the ciphertext into the shared secret, and expands a seed otherwise. The
/// last cannot be had from outside, so the pair is taken over from the implementation that is tested, and what can be
/// known of it without that expansion is checked.
///
/// At a rejection, `libcrux` derives the secret from J(z, c), as ML-KEM has it, and not from z as round 3 does. Nobody
/// but the key's owner ever knows either, so no peer can tell; what it gives is held fast here.
pub struct KyberOnMlKem(ml_kem::DecapsulationKey<MlKem1024>);

/// Bytes of the secret vector of an expanded key.
const VECTOR_LENGTH: usize = 1536;

fn kyber_shared(before: &[u8], ciphertext: &[u8]) -> [u8; 32] {
    let mut hash = Shake256::default();
    hash.update(before);
    hash.update(&Sha3_256::digest(ciphertext));
    let mut shared = [0; 32];
    hash.finalize_xof().read(&mut shared);
    shared
}

impl Kem for KyberOnMlKem {
    #[expect(deprecated, reason = "the expanded form is what the other library keeps")]
    fn generate(seed: [u8; 64]) -> Self {
        let expanded = Kyber::generate(seed).expanded().unwrap();
        let (d, z) = seed.split_at(32);
        let public = &expanded[VECTOR_LENGTH..VECTOR_LENGTH + 1568];
        assert_eq!(public[1536..], Sha3_512::digest(d)[..32], "the matrix seed is hashed from d");
        assert_eq!(expanded[3136..], *z, "z is taken as it is");
        // Checks the hash of the public key and that every coefficient is reduced.
        let key = ml_kem::DecapsulationKey::from_expanded_bytes(expanded.as_slice().try_into().unwrap());
        Self(key.unwrap())
    }

    fn public(&self) -> Vec<u8> {
        self.0.encapsulation_key().to_bytes().to_vec()
    }

    #[expect(deprecated, reason = "the expanded form is what the other library keeps")]
    fn expanded(&self) -> Option<Vec<u8>> {
        Some(self.0.to_expanded_bytes().to_vec())
    }

    fn encapsulate(public: &[u8], randomness: [u8; 32]) -> Option<(Vec<u8>, [u8; 32])> {
        let hashed = Sha3_256::digest(randomness).into();
        let (ciphertext, before) = RustCrypto1024::encapsulate(public, hashed)?;
        let shared = kyber_shared(&before, &ciphertext);
        Some((ciphertext, shared))
    }

    fn decapsulate(&self, ciphertext: &[u8]) -> [u8; 32] {
        kyber_shared(&self.0.decapsulate(ciphertext.try_into().unwrap()), ciphertext)
    }
}
