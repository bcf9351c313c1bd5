//! HMAC-SHA256 under one key of 32 bytes for the derivations that every message pays for.
//!
//! A message costs some 35 calls of SHA-256's block function in each direction, and one that jumps ahead up to 25,000
//! times 15. Here the two pads of a key are hashed once and serve every MAC under it, nothing is allocated, and whatever
//! is secret stays in buffers that are wiped (as slices, which takes a tenth of the time that arrays take). The hash function is `sha2`'s; the tests compare every output with the
//! general HMAC and HKDF of [`super::kdf`].
//!
//! Not its concern: keys of other lengths, and what is derived only once in a session ([`super::kdf`]).
//!
//! Spec: RFC 2104, RFC 5869; FIPS 180-4 for padding and the initial state.

use sha2::block_api::compress256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::secret::Secret;

/// A key of 32 bytes, its pads hashed. Wiped on drop.
pub(crate) struct HmacKey {
    inner: State,
    outer: State,
}

impl HmacKey {
    /// The key of these bytes.
    #[must_use]
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let mut pad = [INNER_PAD; BLOCK];
        pad.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        let (mut inner, mut outer) = (INITIAL, INITIAL);
        compress256(&mut inner, std::slice::from_ref(&pad));
        pad.iter_mut().for_each(|byte| *byte ^= INNER_PAD ^ OUTER_PAD);
        compress256(&mut outer, std::slice::from_ref(&pad));
        pad.as_mut_slice().zeroize();
        Self { inner, outer }
    }

    /// The key of 32 zero bytes: HKDF's for extracting without a salt.
    #[must_use]
    pub(crate) const fn zero() -> Self {
        Self { inner: ZERO_KEY_INNER, outer: ZERO_KEY_OUTER }
    }

    /// The key for expanding what HKDF extracts from this input under this salt.
    #[must_use]
    pub(crate) fn extract(&self, input: &[u8]) -> Self {
        let mut extracted = [0; 32];
        self.mac_into(&[input], &mut extracted);
        let expand = Self::new(&extracted);
        extracted.as_mut_slice().zeroize();
        expand
    }

    /// The MAC of the concatenated parts.
    #[must_use]
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> Secret<32> {
        Secret::filled_by(|out| self.mac_into(parts, out))
    }

    /// Writes the MAC of the concatenated parts.
    pub(crate) fn mac_into(&self, parts: &[&[u8]], out: &mut [u8; 32]) {
        let length = parts.iter().map(|part| part.len()).sum();
        let mut state = self.inner;
        let mut block = Block::EMPTY;
        if length < Block::ROOM {
            parts.iter().for_each(|part| block.push(part));
        } else {
            for part in parts {
                let (first, rest) = part.split_at_checked(BLOCK - block.filled).unwrap_or((part, &[]));
                block.push(first);
                if block.filled == BLOCK {
                    block.compress_into(&mut state);
                    let (whole, rest) = rest.as_chunks();
                    compress256(&mut state, whole);
                    block = Block::EMPTY;
                    block.push(rest);
                }
            }
            if block.filled >= Block::ROOM {
                block.mark_end();
                block.compress_into(&mut state);
                block = Block { filled: BLOCK, ..Block::EMPTY };
            }
        }
        block.mark_end();
        block.set_length(length);
        block.compress_into(&mut state);
        write_digest(&state, out);

        // The outer hash, over one block and 32 bytes.
        state = self.outer;
        block = Block::EMPTY;
        if let Some(digest) = block.bytes.first_chunk_mut() {
            *digest = *out;
        }
        block.filled = 32;
        block.mark_end();
        block.set_length(32);
        block.compress_into(&mut state);
        write_digest(&state, out);
        block.bytes.as_mut_slice().zeroize();
        state.as_mut_slice().zeroize();
    }

    /// HKDF's expansion, `L` bytes: a multiple of 32. Spec: RFC 5869 2.3.
    #[must_use]
    pub(crate) fn expand<const L: usize>(&self, info: &[u8]) -> Secret<L> {
        const { assert!(L.is_multiple_of(32) && L <= 255 * 32, "whole blocks, at most 255") };
        Secret::filled_by(|out| self.expand_blocks(info, out.as_chunks_mut().0))
    }

    /// HKDF's expansion in place: writes `N` blocks of 32 bytes, at most 255.
    pub(crate) fn expand_into<const N: usize>(&self, info: &[u8], out: &mut [[u8; 32]; N]) {
        const { assert!(N <= 255, "one expand gives at most 255 blocks") };
        self.expand_blocks(info, out);
    }

    fn expand_blocks(&self, info: &[u8], out: &mut [[u8; 32]]) {
        let mut written: Option<&[u8; 32]> = None;
        for (number, block) in (1..=u8::MAX).zip(out) {
            let previous = written.map_or(&[][..], |block| block);
            self.mac_into(&[previous, info, &[number]], block);
            written = Some(block);
        }
    }
}

impl Drop for HmacKey {
    fn drop(&mut self) {
        self.inner.as_mut_slice().zeroize();
        self.outer.as_mut_slice().zeroize();
    }
}

impl ZeroizeOnDrop for HmacKey {}

crate::wiped::wiped!(HmacKey);

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;
type State = [u32; 8];

const INNER_PAD: u8 = 0x36;
const OUTER_PAD: u8 = 0x5C;

/// The block being filled.
struct Block {
    bytes: [u8; BLOCK],
    /// How many of them are taken.
    filled: usize,
}

impl Block {
    const EMPTY: Self = Self { bytes: [0; BLOCK], filled: 0 };
    /// A block filled less than this has room for the mark at the end and the length.
    const ROOM: usize = BLOCK - 8;

    /// Takes as many bytes as fit; callers give no more.
    fn push(&mut self, bytes: &[u8]) {
        let end = self.filled + bytes.len();
        let Some(to) = self.bytes.get_mut(self.filled..end) else { return };
        self.filled = end;
        // Most parts are keys and digests: copied without a call.
        match (<&mut [u8; 32]>::try_from(&mut *to), <&[u8; 32]>::try_from(bytes)) {
            (Ok(to), Ok(from)) => *to = *from,
            _ => to.copy_from_slice(bytes),
        }
    }

    /// Nothing, if the block is full.
    fn mark_end(&mut self) {
        if let Some(mark) = self.bytes.get_mut(self.filled) {
            *mark = 0x80;
        }
    }

    /// `length` counts the bytes after the block of the key's pad.
    fn set_length(&mut self, length: usize) {
        if let Some(bits) = self.bytes.last_chunk_mut() {
            *bits = ((BLOCK as u64 + length as u64) * 8).to_be_bytes();
        }
    }

    fn compress_into(&self, state: &mut State) {
        compress256(state, std::slice::from_ref(&self.bytes));
    }
}

fn write_digest(state: &State, out: &mut [u8; 32]) {
    for (to, word) in out.as_chunks_mut().0.iter_mut().zip(state) {
        *to = word.to_be_bytes();
    }
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
    use rand_core::Rng;

    use super::*;
    use crate::{crypto::kdf, test_rng};

    #[test]
    fn the_zero_key_is_that_of_zeros() {
        let key = HmacKey::new(&[0; 32]);
        assert_eq!((key.inner, key.outer), (HmacKey::zero().inner, HmacKey::zero().outer));
    }

    #[test]
    fn macs_of_every_length_and_cut_equal_the_general_ones() {
        let mut rng = test_rng(1);
        let mut message = [0; 200];
        for length in 0..message.len() {
            let mut key = [0; 32];
            rng.fill_bytes(&mut key);
            rng.fill_bytes(&mut message);
            let message = &message[..length];
            let expected = kdf::hmac(&key, &[message]);
            let (ours, cut) = (HmacKey::new(&key), length * 7 % (length + 1));
            assert_eq!(ours.mac(&[message]), expected, "{length} bytes");
            assert_eq!(ours.mac(&[&message[..cut], &[], &message[cut..]]), expected, "{length} cut at {cut}");
        }
    }

    #[test]
    fn expansions_equal_the_general_ones() {
        let mut rng = test_rng(2);
        for length in 0..70 {
            let (mut salt, mut input) = ([0; 32], [0; 32]);
            rng.fill_bytes(&mut salt);
            rng.fill_bytes(&mut input);
            let info = vec![0x5A; length];
            let mut blocks = [[0; 32]; 3];
            HmacKey::new(&salt).extract(&input).expand_into(&info, &mut blocks);
            assert_eq!(blocks.as_flattened(), kdf::hkdf::<96>(Some(&salt), &input, &info).expose());
            HmacKey::zero().extract(&input).expand_into(&info, &mut blocks);
            assert_eq!(blocks.as_flattened(), kdf::hkdf::<96>(None, &input, &info).expose());
        }
    }
}
