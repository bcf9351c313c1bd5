//! Any bytes as a stream of frames from a relay: a client must not panic, and what decodes must survive a round trip.
#![no_main]

use khaima_wire::{FrameDecoder, RelayFrame};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut decoder = FrameDecoder::<RelayFrame>::new();
    for chunk in bytes.chunks(1000) {
        decoder.push(chunk);
        while let Ok(Some(frame)) = decoder.next() {
            if let Ok(encoded) = frame.encode() {
                let mut again = FrameDecoder::<RelayFrame>::new();
                again.push(&encoded);
                assert_eq!(again.next().ok().flatten(), Some(frame));
            }
        }
    }
});
