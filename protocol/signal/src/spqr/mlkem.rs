//! ML-KEM-768, its values cut for transport: header and ek vector, first and second part of the ciphertext.
//!
//! ```text
//! ek = t (1152) | rho (32)        header = rho | SHA3-256(ek)      ek vector = t
//! ciphertext = ct1 (960) | ct2 (128)
//! ```
//! [`DecapsulationKey`] and [`Encapsulation`] are kept by the 64 and 32 random bytes they come from. What these expand
//! to (7392 and 2080 bytes) is held beside them in memory while it lasts, and made anew after a state was stored. The
//! expanded key is the library's form that keeps the public matrix, which makes decapsulation three times as fast.
//!
//! Not its concern: authenticity of the parts, and when they are sent.
//!
//! Spec: SPQR 7 ML-KEM-768 in split form.

use std::sync::Arc;

use libcrux_ml_kem::mlkem768::{self, MlKem768PublicKey, incremental};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::SpqrError;
use super::erasure::Value;
use crate::crypto::kdf;
use crate::secret::Secret;

/// The ek vector: 1152 bytes, 36 chunks.
pub type EkVector = Value<36>;
/// The first part of the ciphertext: 960 bytes, 30 chunks.
pub type Ct1 = Value<30>;
/// The second part of the ciphertext.
pub type Ct2 = [u8; 128];

/// Bytes of the expanded key pair: header, ek vector, then the secret part and the matrix.
const EXPANDED_LENGTH: usize = incremental::key_pair_len();
/// Bytes of the state between the two phases of encapsulation.
const ENCAPSULATION_STATE_LENGTH: usize = 2080;
/// What the peer needs to encapsulate: rho and the hash of the encapsulation key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header(pub [u8; Self::LENGTH]);

impl Header {
    /// Length in bytes.
    pub const LENGTH: usize = 64;

    /// Whether the ek vector is the one this header was made from, and all its coefficients are reduced.
    ///
    /// # Errors
    /// [`SpqrError::ErroneousDataReceived`] otherwise.
    ///
    /// Spec: SPQR 7, phase 2; FIPS 203 modulus check.
    pub fn validate(&self, ek_vector: EkVector) -> Result<ValidEk, SpqrError> {
        incremental::validate_pk_bytes(&self.0, ek_vector.bytes())
            .map_err(|_| SpqrError::ErroneousDataReceived)?;
        Ok(ValidEk { header: *self, vector: ek_vector })
    }
}

/// An encapsulation key that was checked against its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidEk {
    header: Header,
    vector: EkVector,
}

impl ValidEk {
    /// The header it was checked against.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The ek vector.
    #[must_use]
    pub const fn vector(&self) -> &EkVector {
        &self.vector
    }
}

/// A fresh key pair.
#[derive(Debug)]
pub struct KeyPair {
    /// The header to send first.
    pub header: Header,
    /// The rest of the public key.
    pub ek_vector: EkVector,
    /// The secret half.
    pub decapsulation_key: DecapsulationKey,
}

impl KeyPair {
    /// Draws 64 bytes, in one request, and makes the key pair.
    ///
    /// # Errors
    /// [`SpqrError::ErroneousDataReceived`] if the library refuses to, which it does not.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Result<Self, SpqrError> {
        Self::from_seed(Secret::random(rng))
    }

    /// The key pair of a seed d, z.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub fn from_seed(seed: Secret<64>) -> Result<Self, SpqrError> {
        let expanded = expand(&seed)?;
        let mut header = [0; Header::LENGTH];
        for (to, from) in header.iter_mut().zip(incremental::pk1(expanded.expose())) {
            *to = *from;
        }
        let mut vector = [[0; 32]; 36];
        for (to, from) in vector.as_flattened_mut().iter_mut().zip(incremental::pk2(expanded.expose())) {
            *to = *from;
        }
        let decapsulation_key = DecapsulationKey { seed, expanded: Some(Arc::new(expanded)) };
        Ok(Self { header: Header(header), ek_vector: EkVector::from_rows(vector), decapsulation_key })
    }
}

/// The secret half of a key pair.
#[derive(Clone)]
pub struct DecapsulationKey {
    seed: Secret<64>,
    expanded: Option<Arc<Secret<EXPANDED_LENGTH>>>,
}

impl DecapsulationKey {
    /// The key of a stored seed.
    #[must_use]
    pub const fn from_seed(seed: Secret<64>) -> Self {
        Self { seed, expanded: None }
    }

    /// The seed, which is all that needs to be stored.
    #[must_use]
    pub const fn seed(&self) -> &Secret<64> {
        &self.seed
    }

    /// The shared secret. A wrong ciphertext gives one that nobody else has.
    ///
    /// # Errors
    /// [`SpqrError::ErroneousDataReceived`] if the library refuses its own key, which it does not.
    pub fn decapsulate(&self, ct1: &Ct1, ct2: &Ct2) -> Result<Secret<32>, SpqrError> {
        let mut first = incremental::Ciphertext1 { value: [0; 960] };
        for (to, from) in first.value.iter_mut().zip(ct1.bytes()) {
            *to = *from;
        }
        let second = incremental::Ciphertext2 { value: *ct2 };
        let shared_secret = match &self.expanded {
            Some(expanded) => incremental::decapsulate_incremental_key(expanded.expose(), &first, &second),
            None => incremental::decapsulate_incremental_key(expand(&self.seed)?.expose(), &first, &second),
        };
        // The only error is a key of another length.
        shared_secret.map(Secret::from_bytes).map_err(|_| SpqrError::ErroneousDataReceived)
    }
}

impl std::fmt::Debug for DecapsulationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DecapsulationKey(..)")
    }
}

/// Written where it stays, so that no copy is left on the stack.
fn expand(seed: &Secret<64>) -> Result<Secret<EXPANDED_LENGTH>, SpqrError> {
    let mut written = Ok(());
    let expanded = Secret::filled_by(|out| written = incremental::generate_key_pair(*seed.expose(), out));
    // The only error is a buffer of another length.
    written.map(|()| expanded).map_err(|_| SpqrError::ErroneousDataReceived)
}

/// An encapsulation after its first phase.
#[derive(Clone)]
pub struct Encapsulation {
    randomness: Secret<32>,
    state: Option<Arc<Secret<ENCAPSULATION_STATE_LENGTH>>>,
}

/// What the first phase gives.
#[derive(Debug)]
pub struct Encapsulated {
    /// The first part of the ciphertext.
    pub ct1: Ct1,
    /// The shared secret, final already.
    pub shared_secret: Secret<32>,
    /// What the second phase needs.
    pub encapsulation: Encapsulation,
}

impl Encapsulation {
    /// Draws 32 bytes, in one request, and does the first phase, which needs the header only.
    ///
    /// # Errors
    /// [`SpqrError::ErroneousDataReceived`] if the library refuses the header; it refuses none of 64 bytes.
    pub fn begin<R: CryptoRng + ?Sized>(header: &Header, rng: &mut R) -> Result<Encapsulated, SpqrError> {
        Self::begin_with(header, Secret::random(rng))
    }

    /// The first phase with given randomness m.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn begin_with(header: &Header, randomness: Secret<32>) -> Result<Encapsulated, SpqrError> {
        let mut shared_secret = Zeroizing::new([0; 32]);
        let mut ct1 = Ok(incremental::Ciphertext1 { value: [0; 960] });
        let state = Secret::filled_by(|state| {
            ct1 = incremental::encapsulate1(
                &header.0,
                *randomness.expose(),
                state,
                shared_secret.as_mut_slice(),
            );
        });
        let ct1 = ct1.map_err(|_| SpqrError::ErroneousDataReceived)?;
        Ok(Encapsulated {
            ct1: Ct1::from_parts(&[&ct1.value]).ok_or(SpqrError::ErroneousDataReceived)?,
            shared_secret: Secret::from_bytes(*shared_secret),
            encapsulation: Self { randomness, state: Some(Arc::new(state)) },
        })
    }

    /// The encapsulation of stored randomness.
    #[must_use]
    pub const fn from_randomness(randomness: Secret<32>) -> Self {
        Self { randomness, state: None }
    }

    /// The randomness m, which is all that needs to be stored.
    #[must_use]
    pub const fn randomness(&self) -> &Secret<32> {
        &self.randomness
    }

    /// The state between the phases as the library keeps it, while it is held.
    #[cfg(test)]
    pub(super) fn expanded(&self) -> Option<&[u8; ENCAPSULATION_STATE_LENGTH]> {
        self.state.as_ref().map(|state| state.expose())
    }

    /// The second phase. It takes a checked key, for the library does not check.
    #[must_use]
    pub fn finish(&self, ek: &ValidEk) -> Ct2 {
        let mut vector = [0; EkVector::LENGTH];
        for (to, from) in vector.iter_mut().zip(ek.vector.bytes()) {
            *to = *from;
        }
        if let Some(state) = &self.state {
            return incremental::encapsulate2(state.expose(), &vector).value;
        }
        // Encapsulation is determined by m: done again as a whole, its ciphertext ends with ct2.
        let mut public_key = [0; 1184];
        for (to, from) in public_key.iter_mut().zip(vector.iter().chain(&ek.header.0)) {
            *to = *from;
        }
        let public_key = MlKem768PublicKey::from(public_key);
        let (ciphertext, mut shared_secret) = mlkem768::encapsulate(&public_key, *self.randomness.expose());
        zeroize::Zeroize::zeroize(&mut shared_secret);
        ciphertext.as_slice().last_chunk().copied().unwrap_or([0; 128])
    }
}

impl std::fmt::Debug for Encapsulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encapsulation(..)")
    }
}

/// The secret an epoch gives to authenticator and key chain.
///
/// Spec: SPQR 7, epoch secret.
#[must_use]
pub fn epoch_secret(epoch: u64, shared_secret: &Secret<32>) -> Secret<32> {
    let mut info = [0; LABEL.len() + 8];
    for (to, from) in info.iter_mut().zip(LABEL.iter().chain(&epoch.to_be_bytes())) {
        *to = *from;
    }
    kdf::hkdf(None, shared_secret.expose(), &info)
}

const LABEL: &[u8; 33] = b"Signal_PQCKA_V1_MLKEM768:SCKA Key";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_secret_of_the_specification_comes_out() {
        let shared_secret = Secret::from_bytes(core::array::from_fn(|byte| byte as u8));
        assert_eq!(
            hex::encode(epoch_secret(1, &shared_secret).expose()),
            "52def81f0514130c29c964f889a798b839be4a32d8b79ee273b55af67f4b2eb6"
        );
    }

    #[test]
    fn debug_shows_no_secret_bytes() {
        let pair = KeyPair::from_seed(Secret::from_bytes([0x41; 64])).unwrap();
        let begun = Encapsulation::begin_with(&pair.header, Secret::from_bytes([0x42; 32])).unwrap();
        insta::assert_snapshot!(format!("{:?} {:?}", pair.decapsulation_key, begun.encapsulation), @"DecapsulationKey(..) Encapsulation(..)");
    }

    #[test]
    fn both_phases_agree_with_and_without_the_state_kept() {
        let pair = KeyPair::from_seed(Secret::from_bytes([1; 64])).unwrap();
        let begun = Encapsulation::begin_with(&pair.header, Secret::from_bytes([2; 32])).unwrap();
        let ek = pair.header.validate(pair.ek_vector).unwrap();
        let ct2 = begun.encapsulation.finish(&ek);
        assert_eq!(Encapsulation::from_randomness(Secret::from_bytes([2; 32])).finish(&ek), ct2);
        for key in [pair.decapsulation_key, DecapsulationKey::from_seed(Secret::from_bytes([1; 64]))] {
            assert_eq!(key.decapsulate(&begun.ct1, &ct2).unwrap(), begun.shared_secret);
        }
    }
}
