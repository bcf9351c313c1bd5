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
        let mut info = INFO;
        if let Some(to) = info.first_chunk_mut() {
            *to = index.to_be_bytes();
        }
        HmacKey::zero().extract(self.value()).expand_into(&info, &mut self.blocks);
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
            let info = [index.to_be_bytes().as_slice(), b"Signal PQ Ratchet V1 Chain Next"].concat();
            let expected = kdf::hkdf::<64>(None, walker.value(), &info);
            walker.advance(index);
            assert_eq!(walker.value(), expected.part::<0, 32>().expose());
            assert_eq!(walker.key(), expected.part::<32, 32>().expose());
        }
    }
}
