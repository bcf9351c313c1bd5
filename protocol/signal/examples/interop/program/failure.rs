//! Why a request failed: the class the driver compares, and words for whoever reads along.
//!
//! Not its concern: which error belongs to which class; the crate's errors know that themselves.

use khaima_signal::sealed_sender::{CertificateError, OpenError, SealError, SplitError, UnsealError};
use khaima_signal::{
    AddressError, DecryptError, DistributeError, EncryptError, ErrorClass, GroupDecryptError,
    GroupEncryptError, KeyError, MessageError, SafetyNumberError, StartError,
};

/// A request that failed.
#[derive(Debug)]
pub struct Failure {
    pub class: &'static str,
    pub detail: String,
}

impl Failure {
    /// The request itself is at fault: malformed, or of an unknown command or party.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self { class: "bad_request", detail: detail.into() }
    }

    /// The protocol refused.
    pub fn new(class: ErrorClass, detail: impl Into<String>) -> Self {
        Self { class: class.as_str(), detail: detail.into() }
    }
}

macro_rules! failures {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error.class(), error.to_string())
            }
        }
    )*};
}

failures!(
    AddressError,
    CertificateError,
    DecryptError,
    DistributeError,
    EncryptError,
    GroupDecryptError,
    GroupEncryptError,
    KeyError,
    MessageError,
    OpenError,
    SafetyNumberError,
    SealError,
    SplitError,
    StartError,
    UnsealError,
);
