//! Two devices and a network between them, played by the bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| khaima_fuzz::parties::play(bytes));
