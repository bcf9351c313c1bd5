//! Any bytes as PlaintextContent: refused, or kept byte for byte, and what it asks for can be asked again.
#![no_main]

use khaima_fuzz::decode::kept;
use khaima_signal::{DecryptionErrorMessage, PlaintextContent};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let content = kept(bytes, PlaintextContent::decode, |content| content.serialize().to_vec());
    if let Some(content) = content
        && let Ok(message) = DecryptionErrorMessage::from_body(content.body())
    {
        let again = PlaintextContent::from(&message);
        assert_eq!(DecryptionErrorMessage::from_body(again.body()), Ok(message));
    }
});
