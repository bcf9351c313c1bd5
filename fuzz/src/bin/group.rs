//! Three members of a group and their sender keys, played by the bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| khaima_fuzz::group::play(bytes));
