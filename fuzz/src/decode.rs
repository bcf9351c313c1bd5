//! Decoding, encoding, decoding again: what every format is held to.
//!
//! Not its concern: which format.

use std::fmt::Debug;

/// For what keeps its bytes as they came. Gives the decoded value, if there is one.
pub fn kept<T, E>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, E>,
    encode: impl Fn(&T) -> Vec<u8>,
) -> Option<T> {
    let value = decode(bytes).ok()?;
    assert_eq!(encode(&value), bytes, "decoded bytes were not kept");
    Some(value)
}

/// For what has one encoding although several may be read: encoding and decoding it again changes nothing.
pub fn stable<T, E: Debug>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, E>,
    encode: impl Fn(&T) -> Vec<u8>,
) -> Option<T> {
    let value = decode(bytes).ok()?;
    let encoded = encode(&value);
    let again = decode(&encoded).expect("what was encoded can be decoded");
    assert_eq!(encode(&again), encoded, "the encoding is not stable");
    Some(again)
}
