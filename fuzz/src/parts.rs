//! Stored records as one run of bytes: name and content of each part, with their lengths.
//!
//! Not its concern: what the parts mean.

use khaima_signal::RecordPart;

use crate::input::Input;

/// Names have at most 24 bytes, and those of no record have more.
const NAME_LENGTHS: u8 = 26;

/// The parts that the input describes.
pub fn split(bytes: &[u8]) -> Vec<RecordPart> {
    let mut input = Input::new(bytes);
    let mut parts = Vec::new();
    while !input.is_empty() {
        let name_length = usize::from(input.byte() % NAME_LENGTHS);
        let name = input.take(name_length).to_vec();
        parts.push(RecordPart { name, bytes: input.run().to_vec().into() });
    }
    parts
}

/// An input that describes these parts.
pub fn join(parts: &[RecordPart]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.push(u8::try_from(part.name.len()).expect("names are short"));
        out.extend_from_slice(&part.name);
        out.extend_from_slice(&u16::try_from(part.bytes.len()).expect("parts are small").to_be_bytes());
        out.extend_from_slice(&part.bytes);
    }
    out
}

/// The same parts in the order of their names, so that they can be compared.
pub fn sorted(mut parts: Vec<RecordPart>) -> Vec<RecordPart> {
    parts.sort_by(|one, other| one.name.cmp(&other.name));
    parts
}
