//! What can be wrong with the bytes of a key, or with an agreement.
//!
//! Not its concern: signatures, which are true or false.

use crate::error_class::{ErrorClass, ErrorKind};

/// Why bytes are not a key, or why two keys do not agree. Drop the message or bundle that carried them.
///
/// Spec: Signal protocol 1.1, 1.3, 1.5, 12.2. The variants have the specification's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The input is empty.
    #[error("key bytes are empty")]
    NoKeyTypeIdentifier,
    /// The first byte names no curve we know.
    #[error("unknown curve key type {0:#04x}")]
    BadKeyType(u8),
    /// A curve key of the wrong total length in bytes.
    #[error("curve key of {0} bytes")]
    BadKeyLength(usize),
    /// The first byte names no KEM that is enabled.
    #[error("unknown KEM key type {0:#04x}")]
    BadKEMKeyType(u8),
    /// A KEM ciphertext of one type for a key of another.
    #[error("KEM type {0:#04x} where {1:#04x} is needed")]
    WrongKEMKeyType(u8, u8),
    /// A KEM key of the wrong total length in bytes.
    #[error("KEM key of {0} bytes")]
    BadKEMKeyLength(usize),
    /// A KEM ciphertext of the wrong total length in bytes.
    #[error("KEM ciphertext of {0} bytes")]
    BadKEMCiphertextLength(usize),
    /// The other key contributes nothing: the agreement is all zeros.
    #[error("key agreement without contribution")]
    InvalidKeyAgreement,
}

impl KeyError {
    /// Whose fault it is: keys come from the peer.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::Peer
    }

    /// The class in the interoperability protocol.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        ErrorClass::InvalidKey
    }
}
