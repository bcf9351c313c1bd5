//! Any bytes as the stored parts of a session or sender key record: refused, or stable when stored again.
#![no_main]

use khaima_signal::{RecordPart, SenderKeyRecord, SessionRecord};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let [name_length, length_high, length_low, tail @ ..] = rest {
        let name_length = usize::from(*name_length) % 25;
        let length = usize::from(*length_high) * 256 + usize::from(*length_low);
        let (name, tail) = tail.split_at(name_length.min(tail.len()));
        let (part, tail) = tail.split_at(length.min(tail.len()));
        parts.push(RecordPart { name: name.to_vec(), bytes: part.to_vec().into() });
        rest = tail;
    }
    if let Ok(record) = SessionRecord::from_parts(parts.clone()) {
        assert!(SessionRecord::from_parts(record.to_parts()).is_ok());
    }
    if let Ok(record) = SenderKeyRecord::from_parts(parts.clone()) {
        let mut again = record.to_parts();
        again.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        parts.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        assert!(again == parts);
    }
});
