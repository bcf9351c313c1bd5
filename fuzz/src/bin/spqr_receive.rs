//! A live side of the post-quantum ratchet, and a peer who says anything.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| khaima_fuzz::ratchet::hear_anything(bytes));
