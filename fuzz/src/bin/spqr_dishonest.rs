//! A peer of the post-quantum ratchet who has the keys and lies.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| khaima_fuzz::dishonest::play(bytes));
