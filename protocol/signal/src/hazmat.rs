//! The parts inside, for test vectors, fuzzing and benchmarks. Not an interface.
//!
//! Everything here is sharp: keys can be used twice, checks left out, secrets taken apart. Nothing that sends messages
//! for people may name this module, and no promise is made that it stays as it is.
//!
//! Not its concern: anything an application needs; that is in the crate's root.

pub use crate::spqr::hazmat as spqr;
