//! Any bytes as each kind of Signal message: refused, or kept byte for byte.
#![no_main]

use khaima_signal::{
    DecryptionErrorMessage, PlaintextContent, PreKeySignalMessage, SenderKeyDistributionMessage,
    SenderKeyMessage, SenderKeyRecord, SignalMessage,
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = SignalMessage::decode(bytes) {
        assert_eq!(message.serialize(), bytes);
    }
    if let Ok(message) = PreKeySignalMessage::decode(bytes) {
        assert_eq!(message.serialize(), bytes);
    }
    if let Ok(message) = SenderKeyMessage::decode(bytes) {
        assert_eq!(message.serialize(), bytes);
    }
    if let Ok(message) = SenderKeyDistributionMessage::decode(bytes) {
        assert_eq!(message.serialize(), bytes);
        let taken = SenderKeyRecord::empty().process(&message).record;
        let again = taken.distribution_message(message.distribution_id()).expect("it was just taken in");
        assert_eq!(again.chain_key(), message.chain_key());
    }
    if let Ok(content) = PlaintextContent::decode(bytes) {
        let _ = DecryptionErrorMessage::from_body(content.body());
    }
    if let Ok(message) = DecryptionErrorMessage::decode(bytes) {
        assert!(DecryptionErrorMessage::decode(&message.encode()).is_ok());
    }
});
