//! The safety number: what two people compare to know that nobody stands between them.
//!
//! Each side hashes both identities slowly and shows the same 60 digits, or a code that the other scans. The
//! identifiers are opaque bytes (version 2: the 16 bytes of the UUID), the keys are in their 33-byte form.
//!
//! Spec: Signal protocol 11 Fingerprints.
//!
//! Not its concern: drawing the code, remembering that somebody compared.

use std::fmt;

use prost::Message;
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

use crate::error_class::{ErrorClass, ErrorKind};
use crate::keys::IdentityKey;

/// Why a safety number could not be made or compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SafetyNumberError {
    /// Outside 2 to 1,000,000. A mistake of the caller.
    #[error("invalid number of iterations")]
    FingerprintInvalidIterations(u32),
    /// The scanned bytes are no safety number. Ask for another scan.
    #[error("not a safety number")]
    FingerprintParse,
    /// The two apps use different versions; comparing says nothing. One of them must be updated.
    #[error("safety numbers of different versions")]
    FingerprintVersionMismatch {
        /// The scanned one's version.
        theirs: u32,
        /// Ours.
        ours: u32,
    },
}

impl SafetyNumberError {
    /// Whose fault it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::FingerprintInvalidIterations(_) => ErrorKind::Caller,
            Self::FingerprintParse | Self::FingerprintVersionMismatch { .. } => ErrorKind::Peer,
        }
    }

    /// The class in the interoperability protocol.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::FingerprintInvalidIterations(_) | Self::FingerprintParse => ErrorClass::FingerprintInvalid,
            Self::FingerprintVersionMismatch { .. } => ErrorClass::FingerprintVersionMismatch,
        }
    }
}

/// Both halves of a safety number as one side sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct SafetyNumber {
    version: u32,
    local: [u8; 64],
    remote: [u8; 64],
}

/// One side of a safety number: who, under which key.
#[derive(Clone, Copy)]
pub struct SafetyNumberSide<'a> {
    /// The stable identifier, version 2: the 16 bytes of the service id's UUID.
    pub identifier: &'a [u8],
    /// The identity key.
    pub key: &'a IdentityKey,
}

impl SafetyNumber {
    /// Iterations by convention.
    pub const ITERATIONS: u32 = 5200;
    /// Version of numbers over UUIDs.
    pub const VERSION: u32 = 2;

    /// The number of two people, with the conventional version and iterations. Takes some milliseconds.
    pub fn new(local: SafetyNumberSide<'_>, remote: SafetyNumberSide<'_>) -> Self {
        Self::compute(Self::VERSION, Self::ITERATIONS, local, remote)
    }

    /// As [`SafetyNumber::new`] with other parameters, for vectors and interoperability.
    ///
    /// # Errors
    /// Iterations outside 2 to 1,000,000.
    pub fn with_parameters(
        version: u32,
        iterations: u32,
        local: SafetyNumberSide<'_>,
        remote: SafetyNumberSide<'_>,
    ) -> Result<Self, SafetyNumberError> {
        if !(2..=1_000_000).contains(&iterations) {
            return Err(SafetyNumberError::FingerprintInvalidIterations(iterations));
        }
        Ok(Self::compute(version, iterations, local, remote))
    }

    fn compute(
        version: u32,
        iterations: u32,
        local: SafetyNumberSide<'_>,
        remote: SafetyNumberSide<'_>,
    ) -> Self {
        Self { version, local: slow_hash(iterations, local), remote: slow_hash(iterations, remote) }
    }

    /// 60 digits, the same on both sides. Show them in groups of five.
    pub fn digits(&self) -> String {
        let mut halves = [half_digits(&self.local), half_digits(&self.remote)];
        halves.sort();
        halves.concat()
    }

    /// What the other side scans, 70 bytes or so.
    pub fn to_scannable(&self) -> Vec<u8> {
        CombinedFingerprints {
            version: Some(self.version),
            local: Some(Half { content: Some(first_32(&self.local)) }),
            remote: Some(Half { content: Some(first_32(&self.remote)) }),
        }
        .encode_to_vec()
    }

    /// Whether the other side's code shows the same two identities.
    ///
    /// # Errors
    /// The bytes are no code, or one of another version.
    pub fn matches(&self, scanned: &[u8]) -> Result<bool, SafetyNumberError> {
        compare_scannable(&self.to_scannable(), scanned)
    }
}

impl fmt::Debug for SafetyNumber {
    /// Shows no digits: they identify two people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SafetyNumber(..)")
    }
}

/// Compares one's own code with a scanned one, both as bytes.
///
/// # Errors
/// Either is no code, or the versions differ.
pub fn compare_scannable(mine: &[u8], theirs: &[u8]) -> Result<bool, SafetyNumberError> {
    let parse =
        |bytes: &[u8]| CombinedFingerprints::decode(bytes).map_err(|_| SafetyNumberError::FingerprintParse);
    let content =
        |half: Option<Half>| half.and_then(|half| half.content).ok_or(SafetyNumberError::FingerprintParse);
    let mine = parse(mine)?;
    let ours = mine.version.ok_or(SafetyNumberError::FingerprintParse)?;
    let (my_local, my_remote) = (content(mine.local)?, content(mine.remote)?);
    let scanned = parse(theirs)?;
    let theirs = scanned.version.unwrap_or(0);
    if theirs != ours {
        return Err(SafetyNumberError::FingerprintVersionMismatch { theirs, ours });
    }
    let (their_local, their_remote) = (content(scanned.local)?, content(scanned.remote)?);
    let crossed = their_local.ct_eq(&my_remote) & their_remote.ct_eq(&my_local);
    Ok(crossed.into())
}

#[derive(Clone, PartialEq, Message)]
struct CombinedFingerprints {
    #[prost(uint32, optional, tag = "1")]
    version: Option<u32>,
    #[prost(message, optional, tag = "2")]
    local: Option<Half>,
    #[prost(message, optional, tag = "3")]
    remote: Option<Half>,
}

#[derive(Clone, PartialEq, Message)]
struct Half {
    #[prost(bytes = "vec", optional, tag = "1")]
    content: Option<Vec<u8>>,
}

/// The chain of SHA-512 that makes forging a matching number dear. Two leading zero bytes whatever the version.
fn slow_hash(iterations: u32, side: SafetyNumberSide<'_>) -> [u8; 64] {
    let key = side.key.serialize();
    let first =
        Sha512::new().chain_update([0, 0]).chain_update(key).chain_update(side.identifier).chain_update(key);
    let mut hash: [u8; 64] = first.finalize().into();
    for _ in 1..iterations {
        hash = Sha512::new().chain_update(hash).chain_update(key).finalize().into();
    }
    hash
}

fn half_digits(hash: &[u8; 64]) -> String {
    hash.chunks_exact(5)
        .take(6)
        .map(|group| {
            let number = group.iter().fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
            format!("{:05}", number % 100_000)
        })
        .collect()
}

fn first_32(hash: &[u8; 64]) -> Vec<u8> {
    hash.iter().take(32).copied().collect()
}
