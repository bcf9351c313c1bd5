//! Any bytes as a PreKeySignalMessage: refused, or kept byte for byte, the message inside as well.
#![no_main]

use khaima_fuzz::decode::kept;
use khaima_signal::{PreKeySignalMessage, SignalMessage};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(message) = kept(bytes, PreKeySignalMessage::decode, |message| message.serialize().to_vec()) {
        let inner = message.message().serialize();
        assert!(SignalMessage::decode(inner).expect("it was decoded before") == *message.message());
        assert!(message.kyber_id().is_some() || message.version() == 3);
    }
});
