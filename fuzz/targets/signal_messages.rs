//! Any bytes as each kind of Signal message: refused, or kept byte for byte.
#![no_main]

use khaima_signal::{DecryptionErrorMessage, PlaintextContent, PreKeySignalMessage, SignalMessage};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = SignalMessage::decode(bytes) {
        assert_eq!(message.serialize(), bytes);
    }
    if let Ok(message) = PreKeySignalMessage::decode(bytes) {
        assert_eq!(message.serialize(), bytes);
    }
    if let Ok(content) = PlaintextContent::decode(bytes) {
        let _ = DecryptionErrorMessage::from_body(content.body());
    }
    if let Ok(message) = DecryptionErrorMessage::decode(bytes) {
        assert!(DecryptionErrorMessage::decode(&message.encode()).is_ok());
    }
});
