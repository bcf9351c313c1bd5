//! Any bytes as a SignalMessage: refused, or kept byte for byte.
#![no_main]

use khaima_fuzz::decode::kept;
use khaima_signal::{CiphertextMessage, MessageType, SignalMessage};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let message = kept(bytes, SignalMessage::decode, |message| message.serialize().to_vec());
    let either = CiphertextMessage::decode(MessageType::Whisper, bytes);
    assert_eq!(either.is_ok(), message.is_some());
});
