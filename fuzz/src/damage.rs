//! Honest bytes, changed here and there as the input says.
//!
//! Not its concern: what the bytes are.

use crate::input::Input;

/// Changes bytes in one to eight places: a byte, a bit, a run taken out, put in or copied, the end cut off.
pub fn damage(bytes: &mut Vec<u8>, input: &mut Input<'_>) {
    for _ in 0..=input.below(8) {
        if bytes.is_empty() {
            return;
        }
        let at = usize::from(input.u16()) % bytes.len();
        let length = |input: &mut Input<'_>| usize::from(input.byte()).min(bytes.len() - at);
        match input.below(6) {
            0 => bytes[at] = input.byte(),
            1 => bytes[at] ^= 1 << input.below(8),
            2 => {
                let length = length(input);
                bytes.drain(at..at + length);
            }
            3 => {
                let length = input.below(64);
                bytes.splice(at..at, input.take(length).iter().copied());
            }
            4 => {
                let copied = bytes[at..at + length(input)].to_vec();
                let to = usize::from(input.u16()) % bytes.len();
                bytes.splice(to..to, copied);
            }
            _ => bytes.truncate(at),
        }
    }
}

/// One byte made another.
pub fn change(bytes: &mut [u8], input: &mut Input<'_>) {
    let at = usize::from(input.u16()) % bytes.len();
    bytes[at] ^= input.byte().max(1);
}
