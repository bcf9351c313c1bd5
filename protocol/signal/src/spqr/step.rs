//! One step of a message chain: HKDF-SHA256 with a zero salt, 32 bytes of input, a label of 35 bytes, 64 bytes out.
//!
//! This runs for every message and up to 25,000 times for one that jumps ahead. The shape never varies, so it is
//! written out in nine calls of SHA-256's block function instead of the general HKDF's eleven and its buffers: the two
//! blocks of the salt's HMAC pads are constants. The tests compare it with the general one.
//!
//! Not its concern: which step is whose (`chain`).
//!
//! Spec: SPQR 10.1 Derivations, 15.4.
#![expect(clippy::indexing_slicing, reason = "blocks of 64 bytes are cut at constants")]

use sha2::block_api::compress256;
use zeroize::{Zeroize, Zeroizing};

/// The value a chain stands at.
pub type ChainValue = Zeroizing<[u8; 32]>;

/// What a step gives.
pub struct Step {
    /// The chain's next value.
    pub next: ChainValue,
    /// The key of the message with this index.
    pub key: Zeroizing<[u8; 32]>,
}

/// Moves a chain to `index`.
#[must_use]
pub fn step(value: &ChainValue, index: u32) -> Step {
    // Extract. The key of the outer hash is the salt, its message the inner digest.
    let inner = Zeroizing::new(finish(ZERO_KEY_INNER, &[&value[..]]));
    let prk = Zeroizing::new(finish(ZERO_KEY_OUTER, &[&inner[..]]));

    // Expand.
    let (inner_pad, outer_pad) = (pad(&prk, 0x36), pad(&prk, 0x5C));
    let index = index.to_be_bytes();
    let inner = Zeroizing::new(finish(*inner_pad, &[&index, LABEL, &[1]]));
    let next = Zeroizing::new(finish(*outer_pad, &[&inner[..]]));
    let inner = Zeroizing::new(finish(*inner_pad, &[&next[..], &index, LABEL, &[2]]));
    let key = Zeroizing::new(finish(*outer_pad, &[&inner[..]]));
    Step { next, key }
}

/// SHA-256's state after the block of an HMAC pad.
fn pad(key: &[u8; 32], fill: u8) -> Zeroizing<[u32; 8]> {
    let mut block = Zeroizing::new([fill; 64]);
    for (to, from) in block.iter_mut().zip(key) {
        *to ^= from;
    }
    let mut state = Zeroizing::new(INITIAL);
    compress256(&mut state, &[*block]);
    state
}

/// Hashes the parts, at most 119 bytes, after one block already hashed.
fn finish(mut state: [u32; 8], parts: &[&[u8]]) -> [u8; 32] {
    let mut blocks = [[0; 64]; 2];
    let bytes = blocks.as_flattened_mut();
    let mut length = 0;
    for part in parts {
        bytes[length..length + part.len()].copy_from_slice(part);
        length += part.len();
    }
    bytes[length] = 0x80;
    let count = if length < 56 { 1 } else { 2 };
    let bits = (64 + length as u64) * 8;
    bytes[count * 64 - 8..count * 64].copy_from_slice(&bits.to_be_bytes());
    compress256(&mut state, &blocks[..count]);
    blocks.as_flattened_mut().zeroize();
    let mut digest = [0; 32];
    for (to, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(&state) {
        *to = word.to_be_bytes();
    }
    state.zeroize();
    digest
}

const LABEL: &[u8; 31] = b"Signal PQ Ratchet V1 Chain Next";

/// SHA-256's initial state (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] =
    [0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19];
/// SHA-256's state after 64 bytes 36, the inner pad of a zero key.
const ZERO_KEY_INNER: [u32; 8] =
    [0xF454_DEAD, 0x9725_214F, 0x90DA_F2A0, 0xDF12_28EA, 0x64E5_750F, 0xA392_4181, 0x824A_932B, 0xF8E0_4E32];
/// SHA-256's state after 64 bytes 5C, the outer pad of a zero key.
const ZERO_KEY_OUTER: [u32; 8] =
    [0xD385_480F, 0x7ABB_6477, 0x37C9_C538, 0x5DD8_2467, 0x8E04_3A72, 0x7534_34B0, 0xDEB8_2818, 0x361D_45A6];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::kdf;

    #[test]
    fn the_pads_of_a_zero_key_are_as_computed() {
        assert_eq!(*pad(&[0; 32], 0x36), ZERO_KEY_INNER);
        assert_eq!(*pad(&[0; 32], 0x5C), ZERO_KEY_OUTER);
    }

    #[test]
    fn a_step_equals_the_general_key_derivation() {
        let mut value = ChainValue::new([0x5A; 32]);
        for index in [1, 2, 255, 256, 65_536, u32::MAX] {
            let info = [&index.to_be_bytes()[..], LABEL].concat();
            let expected = kdf::hkdf::<64>(None, value.as_slice(), &info);
            let step = step(&value, index);
            assert_eq!(step.next.as_slice(), &expected.expose()[..32]);
            assert_eq!(step.key.as_slice(), &expected.expose()[32..]);
            value = step.next;
        }
    }
}
