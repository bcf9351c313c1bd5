//! The steps of a message chain: HKDF-SHA256 with a zero salt, 32 bytes of input, a label of 35 bytes, 64 bytes out.
//!
//! This runs for every message and up to 25,000 times for one that jumps ahead. The shape never varies, so it is
//! written out in nine calls of SHA-256's block function instead of the general HKDF's eleven and its buffers: the two
//! blocks of the salt's HMAC pads are constants, and whatever is secret stays in one buffer that is written over from
//! step to step and wiped in the end. The tests compare it with the general one.
//!
//! Not its concern: which step is whose (`chain`).
//!
//! Spec: SPQR 10.1 Derivations, 15.4.

use sha2::block_api::compress256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A chain being moved on, value by value. Wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Walker {
    value: [u8; 32],
    key: [u8; 32],
    block: [u8; BLOCK],
    inner: State,
    outer: State,
    state: State,
}

impl Walker {
    /// Starts from a chain's value.
    #[must_use]
    pub const fn new(value: &[u8; 32]) -> Self {
        let zero = [0; 8];
        Self { value: *value, key: [0; 32], block: [0; BLOCK], inner: zero, outer: zero, state: zero }
    }

    /// Moves to the chain's next value, whose index this is.
    pub fn advance(&mut self, index: u32) {
        // Extract.
        self.block = short_block(&self.value);
        self.state = ZERO_KEY_INNER;
        self.compress();
        self.take_digest();
        self.state = ZERO_KEY_OUTER;
        self.compress();

        // Expand: the pads of the extracted key, then its two blocks of output.
        self.take_digest();
        let (key, rest) = self.block.split_at_mut(32);
        key.iter_mut().for_each(|byte| *byte ^= INNER_PAD);
        rest.fill(INNER_PAD);
        self.state = INITIAL;
        self.compress();
        self.inner = self.state;
        self.block.iter_mut().for_each(|byte| *byte ^= INNER_PAD ^ OUTER_PAD);
        self.state = INITIAL;
        self.compress();
        self.outer = self.state;

        self.block = first_block(index);
        self.state = self.inner;
        self.compress();
        self.finish();
        self.value = digest(&self.state);

        self.block = second_block(&self.value, index);
        self.state = self.inner;
        self.compress();
        compress256(&mut self.state, &[SECOND_BLOCK_END]);
        self.finish();
        self.key = digest(&self.state);
    }

    /// The chain's value.
    #[must_use]
    pub const fn value(&self) -> &[u8; 32] {
        &self.value
    }

    /// The key of the last index moved to.
    #[must_use]
    pub const fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The outer hash of an HMAC over the inner one's state.
    fn finish(&mut self) {
        self.take_digest();
        self.state = self.outer;
        self.compress();
    }

    fn take_digest(&mut self) {
        self.block = short_block(&digest(&self.state));
    }

    fn compress(&mut self) {
        compress256(&mut self.state, std::slice::from_ref(&self.block));
    }
}

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;
type State = [u32; 8];

const INNER_PAD: u8 = 0x36;
const OUTER_PAD: u8 = 0x5C;
const LABEL: &[u8; 31] = b"Signal PQ Ratchet V1 Chain Next";

fn digest(state: &State) -> [u8; 32] {
    let mut digest = [0; 32];
    for (to, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *to = word.to_be_bytes();
    }
    digest
}

/// The last block of a message, after one block already hashed, that ends with these 32 bytes.
const fn short_block(bytes: &[u8; 32]) -> [u8; BLOCK] {
    padded(bytes, 32)
}

/// index | label | 01, padded: the input of the first block of output.
fn first_block(index: u32) -> [u8; BLOCK] {
    let mut block = const { padded(&label_from::<36>(4, 1), 36) };
    if let Some(to) = block.first_chunk_mut() {
        *to = index.to_be_bytes();
    }
    block
}

/// The first 64 bytes of value | index | label | 02.
fn second_block(value: &[u8; 32], index: u32) -> [u8; BLOCK] {
    let mut block = const { label_from::<BLOCK>(36, 0) };
    let (start, rest) = block.split_at_mut(32);
    start.copy_from_slice(value);
    if let Some(to) = rest.first_chunk_mut() {
        *to = index.to_be_bytes();
    }
    block
}

/// What is left of it: the last three bytes of the label and 02, padded. Nothing secret.
const SECOND_BLOCK_END: [u8; BLOCK] = {
    let [.., a, b, c] = *LABEL;
    padded(&[a, b, c, 2], 68)
};

/// Bytes and SHA-256's padding, the message being one block and `length` bytes long.
#[expect(clippy::indexing_slicing, reason = "called with at most 36 bytes")]
const fn padded<const N: usize>(bytes: &[u8; N], length: u16) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut at = 0;
    while at < N {
        block[at] = bytes[at];
        at += 1;
    }
    block[N] = 0x80;
    [block[BLOCK - 2], block[BLOCK - 1]] = ((64 + length) * 8).to_be_bytes();
    block
}

/// The label from byte `at` on as far as it fits, and what follows it.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn label_from<const N: usize>(at: usize, last: u8) -> [u8; N] {
    let mut bytes = [0; N];
    let mut from = 0;
    while from < LABEL.len() && at + from < N {
        bytes[at + from] = LABEL[from];
        from += 1;
    }
    if at + from < N {
        bytes[at + from] = last;
    }
    bytes
}

/// SHA-256's initial state (FIPS 180-4, 5.3.3).
const INITIAL: State =
    [0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19];
/// SHA-256's state after 64 bytes 36, the inner pad of a zero key.
const ZERO_KEY_INNER: State =
    [0xF454_DEAD, 0x9725_214F, 0x90DA_F2A0, 0xDF12_28EA, 0x64E5_750F, 0xA392_4181, 0x824A_932B, 0xF8E0_4E32];
/// SHA-256's state after 64 bytes 5C, the outer pad of a zero key.
const ZERO_KEY_OUTER: State =
    [0xD385_480F, 0x7ABB_6477, 0x37C9_C538, 0x5DD8_2467, 0x8E04_3A72, 0x7534_34B0, 0xDEB8_2818, 0x361D_45A6];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::kdf;

    #[test]
    fn the_pads_of_a_zero_key_are_as_computed() {
        for (fill, expected) in [(INNER_PAD, ZERO_KEY_INNER), (OUTER_PAD, ZERO_KEY_OUTER)] {
            let mut state = INITIAL;
            compress256(&mut state, &[[fill; BLOCK]]);
            assert_eq!(state, expected);
        }
    }

    #[test]
    fn a_step_equals_the_general_key_derivation() {
        let mut walker = Walker::new(&[0x5A; 32]);
        for index in [1, 2, 255, 256, 65_536, u32::MAX] {
            let info = [&index.to_be_bytes()[..], LABEL].concat();
            let expected = kdf::hkdf::<64>(None, walker.value(), &info);
            walker.advance(index);
            assert_eq!(walker.value(), expected.part::<0, 32>().expose());
            assert_eq!(walker.key(), expected.part::<32, 32>().expose());
        }
    }
}
