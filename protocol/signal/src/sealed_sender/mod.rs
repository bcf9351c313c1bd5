//! Sealed sender: the form of envelope that hides its sender.
//!
//! ```text
//! CiphertextMessage + SenderCertificate ──> SealedContent ── v1::seal, v2::seal ──> envelope
//!                          envelope ── open ──> SealedContent ── check of the certificate ──> sender, message
//! ```
//!
//! Only the recipient can open an envelope, and whoever carries it learns nothing about the sender. Opening proves that
//! the holder of the certificate's identity key sealed it; that this key is the named person's only the check of
//! the certificate proves.
//!
//! Not its concern: sessions, except in [`decrypt`], which joins both; how envelopes travel; padding sizes.
//!
//! Spec: Signal protocol 10 Sealed sender.

mod certificate;
mod content;
mod decrypt;
mod error;
mod known;
#[cfg(test)]
mod testing;
pub mod v1;
pub mod v2;

pub use certificate::{
    CertificateError, CertificateStatus, CertificateValid, SenderCertificate, SenderClaims, ServerCertificate,
};
pub use content::{ContentHint, SealedContent};
pub use decrypt::{SenderCheck, SessionView, UnsealError, Unsealed, VerifiedContent, decrypt};
pub use error::{OpenError, SealError, SplitError};

use crate::keys::LocalIdentity;

/// Opens an envelope of either version. The certificate inside is not validated.
///
/// # Errors
/// See [`OpenError`]; all of them mean that the envelope is of no use.
///
/// Spec: Signal protocol 10.4 Envelope.
pub fn open(sealed: &[u8], local: &(impl LocalIdentity + ?Sized)) -> Result<SealedContent, OpenError> {
    let (version_byte, rest) = sealed.split_first().ok_or(OpenError::InvalidSealedSenderMessage)?;
    let content = match version_byte >> 4 {
        0 | 1 => v1::open(rest, local)?,
        2 => v2::open(rest, local)?,
        version => return Err(OpenError::UnknownSealedSenderVersion(version)),
    };
    // Nothing covers the version byte: what somebody changed on the way is noticed here, after everything else.
    match *version_byte {
        v1::VERSION_BYTE | v2::RECEIVED_VERSION_BYTE => Ok(content),
        other => Err(OpenError::UnknownSealedSenderVersion(other >> 4)),
    }
}
