//! Any bytes as a SenderKeyMessage: refused, or kept byte for byte; a record without its key refuses it.
#![no_main]

use khaima_fuzz::decode::kept;
use khaima_signal::{SenderKeyMessage, SenderKeyRecord};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(message) = kept(bytes, SenderKeyMessage::decode, |message| message.serialize().to_vec()) {
        assert!(SenderKeyRecord::empty().decrypt(&message).is_err());
    }
});
