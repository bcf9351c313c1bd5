//! A bundle and a first message, both changed by the bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| khaima_fuzz::start::play(bytes));
