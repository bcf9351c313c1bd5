//! Thin wrappers around the primitives, named as the specification names them.
//!
//! [`PublicKey`], [`PrivateKey`] and [`KeyPair`] are Curve25519 with XEdDSA signatures; the `Kem` types are Kyber1024;
//! `cipher` and `kdf` are what ratchet and sealed sender encrypt and derive with.
//!
//! Not its concern: any protocol. Nothing here knows messages, sessions or people.

pub(crate) mod cipher;
pub(crate) mod curve;
pub(crate) mod hmac_key;
pub(crate) mod kdf;
pub(crate) mod kem;
mod key_error;
pub(crate) mod labels;
mod x25519;
mod xeddsa;

pub use curve::{KeyPair, PrivateKey, PublicKey};
pub use kem::{Encapsulated, KemCiphertext, KemKeyPair, KemPublicKey, KemSecretKey};
pub use key_error::KeyError;
pub use xeddsa::Signature;
