//! Errors of all operations, as far as these tests look into them alike.

#![allow(dead_code, reason = "each file of tests uses its share")]

use khaima_signal::{
    DecryptError, EncryptError, ErrorClass, GroupDecryptError, GroupEncryptError, KeyError, MessageError,
    StartError,
    sealed_sender::{CertificateError, OpenError, SealError, SplitError},
};

/// Why received bytes were refused: while parsing or afterwards.
#[derive(Debug)]
pub enum Refusal {
    Message(MessageError),
    Session(DecryptError),
    Group(GroupDecryptError),
}

/// An error of any operation, as far as these tests look into all of them alike.
pub trait Classed: std::fmt::Debug {
    fn class_of(&self) -> ErrorClass;
}

macro_rules! classed {
    ($($error:ty),* $(,)?) => {
        $(impl Classed for $error {
            fn class_of(&self) -> ErrorClass {
                self.class()
            }
        })*
    };
}

classed!(
    MessageError,
    KeyError,
    StartError,
    EncryptError,
    DecryptError,
    GroupEncryptError,
    GroupDecryptError,
    CertificateError,
    OpenError,
    SealError,
    SplitError,
    khaima_signal::AddressError,
    khaima_signal::BundleError,
    khaima_signal::DistributeError,
    khaima_signal::SafetyNumberError,
    khaima_signal::sealed_sender::UnsealError,
);

impl Classed for Refusal {
    fn class_of(&self) -> ErrorClass {
        match self {
            Self::Message(error) => error.class(),
            Self::Session(error) => error.class(),
            Self::Group(error) => error.class(),
        }
    }
}

/// Checks the variant and the class of an error.
macro_rules! assert_refusal {
    ($error:expr, $variant:pat, $class:ident $(, $($note:tt)+)?) => {{
        let error = $error;
        assert!(matches!(error, $variant), "{error:?} {}", String::new() $(+ &format!($($note)+))?);
        assert_eq!($crate::refusal::Classed::class_of(&error), khaima_signal::ErrorClass::$class);
    }};
}
pub(crate) use assert_refusal;
