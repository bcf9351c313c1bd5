//! Any bytes as a message of the post-quantum ratchet: refused, or stable.
#![no_main]

use khaima_fuzz::decode::stable;
use khaima_signal::hazmat::spqr::Message;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(message) = stable(bytes, Message::decode, Message::encode) {
        assert_eq!(Message::decode(bytes), Ok(message));
    }
});
