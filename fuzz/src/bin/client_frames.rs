//! Any bytes as a stream of frames from a client: a relay must not panic, and what decodes must survive a round trip.
#![no_main]

use khaima_wire::{ClientFrame, FrameDecoder};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut decoder = FrameDecoder::<ClientFrame>::new();
    for chunk in bytes.chunks(1000) {
        decoder.push(chunk);
        while let Ok(Some(frame)) = decoder.next() {
            if let Ok(encoded) = frame.encode() {
                let mut again = FrameDecoder::<ClientFrame>::new();
                again.push(&encoded);
                assert_eq!(again.next().ok().flatten(), Some(frame));
            }
        }
    }
});
