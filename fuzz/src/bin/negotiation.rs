//! Two sides of the post-quantum ratchet, of any versions and limits, over a bad network.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| khaima_fuzz::ratchet::negotiate(bytes));
