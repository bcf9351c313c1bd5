//! Any bytes as a DecryptionErrorMessage, and as a message that such a one is about.
#![no_main]

use khaima_fuzz::{decode::stable, honest::NOW};
use khaima_signal::{DecryptionErrorMessage, MessageType};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    stable(bytes, DecryptionErrorMessage::decode, DecryptionErrorMessage::encode);
    for kind in [MessageType::Whisper, MessageType::PreKey, MessageType::SenderKey, MessageType::Plaintext] {
        if let Ok(message) = DecryptionErrorMessage::for_message(kind, bytes, NOW, 1) {
            assert_eq!(DecryptionErrorMessage::decode(&message.encode()), Ok(message));
        }
    }
});
