//! The steps of a message chain: HKDF-SHA256 with a zero salt, 32 bytes of input, a label of 35 bytes, 64 bytes out.
//!
//! This runs for every message and up to 25,000 times for one that jumps ahead.
//!
//! Not its concern: which step is whose (`chain`).
//!
//! Spec: SPQR 10.1 Derivations, 15.4.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::crypto::hmac_key::HmacKey;

/// A chain being moved on, value by value. Wiped on drop.
pub struct Walker {
    /// The chain's value, and the key of the last index moved to.
    blocks: [[u8; 32]; 2],
}

impl Walker {
    /// Starts from a chain's value.
    #[must_use]
    pub const fn new(value: &[u8; 32]) -> Self {
        Self { blocks: [*value, [0; 32]] }
    }

    /// Moves to the chain's next value, whose index this is.
    pub fn advance(&mut self, index: u32) {
        HmacKey::zero().extract(self.value()).expand_into(&info(index), &mut self.blocks);
    }

    /// Moves to the chain's next value without making the key of its index: six hashed blocks instead of nine. The key
    /// asked for next must be that of a later index.
    pub fn pass_over(&mut self, index: u32) {
        let [value, _] = &mut self.blocks;
        HmacKey::zero().extract(value).expand_into(&info(index), std::array::from_mut(value));
    }

    /// The chain's value.
    #[must_use]
    pub const fn value(&self) -> &[u8; 32] {
        let [value, _] = &self.blocks;
        value
    }

    /// The key of the last index moved to.
    #[must_use]
    pub const fn key(&self) -> &[u8; 32] {
        let [_, key] = &self.blocks;
        key
    }
}

impl Drop for Walker {
    fn drop(&mut self) {
        self.blocks.as_flattened_mut().zeroize();
    }
}

impl ZeroizeOnDrop for Walker {}

crate::wiped::wiped!(Walker);

fn info(index: u32) -> [u8; 35] {
    let mut info = INFO;
    if let Some(to) = info.first_chunk_mut() {
        *to = index.to_be_bytes();
    }
    info
}

/// Room for the index, and the label.
const INFO: [u8; 35] = *b"\0\0\0\0Signal PQ Ratchet V1 Chain Next";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::kdf;

    #[test]
    fn a_step_equals_the_general_key_derivation() {
        let mut walker = Walker::new(&[0x29; 32]);
        for index in [1, 2, 3, 0x0102_0304, u32::MAX] {
            let mut passing_over = Walker::new(walker.value());
            passing_over.pass_over(index);
            let info = [index.to_be_bytes().as_slice(), b"Signal PQ Ratchet V1 Chain Next"].concat();
            let expected = kdf::hkdf::<64>(None, walker.value(), &info);
            walker.advance(index);
            assert_eq!(walker.value(), expected.part::<0, 32>().expose());
            assert_eq!(walker.key(), expected.part::<32, 32>().expose());
            assert_eq!(passing_over.value(), walker.value());
        }
    }
}
