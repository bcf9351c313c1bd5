//! Any bytes as a sealed message to many, as the server takes it apart.
#![no_main]

use khaima_fuzz::honest::PEOPLE;
use khaima_signal::sealed_sender::{open, v2};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(split) = v2::split(bytes) else { return };
    for recipient in split.recipients() {
        assert!(!recipient.devices.is_empty());
        assert!(!split.excluded().contains(&recipient.service_id));
        let received = split.received(recipient);
        assert!(received.len() > v2::OVERHEAD - 16 && received.len() <= bytes.len());
        let _ = open(&received, &PEOPLE[1].device.identity);
    }
});
