//! Any bytes as the stored parts of a sender key record: refused, or the same parts when stored again; and what was read can
//! be used without a panic.
#![no_main]

use khaima_fuzz::{
    honest::rng,
    parts::{sorted, split},
};
use khaima_signal::{DistributionId, SenderKeyRecord};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let parts = split(bytes);
    let Ok(record) = SenderKeyRecord::from_parts(parts.clone()) else { return };
    assert!(sorted(record.to_parts()) == sorted(parts), "storing again gives other parts");

    let id = DistributionId::from_bytes([7; 16]);
    if let Ok(distribution) = record.distribution_message(id) {
        let reader = SenderKeyRecord::empty().process(&distribution).record;
        if let Ok(sent) = record.encrypt(id, b"text", &mut rng(1)) {
            let read = reader.decrypt(&sent.message).expect("the key was just handed out");
            assert_eq!(read.plaintext.as_slice(), b"text");
            let _ = sent.record.decrypt(&sent.message);
        }
    }
});
