//! Any bytes as a SenderKeyDistributionMessage: refused, or kept byte for byte, and what is taken in can be handed on.
#![no_main]

use khaima_fuzz::decode::kept;
use khaima_signal::{SenderKeyDistributionMessage, SenderKeyRecord};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let decode = SenderKeyDistributionMessage::decode;
    if let Some(message) = kept(bytes, decode, |message| message.serialize().to_vec()) {
        let record = SenderKeyRecord::empty().process(&message).record;
        let again = record.distribution_message(message.distribution_id()).expect("it was just taken in");
        assert_eq!(again.chain_key(), message.chain_key());
        assert_eq!(again.signing_key(), message.signing_key());
        assert_eq!((again.chain_id(), again.iteration()), (message.chain_id(), message.iteration()));
        let stored = SenderKeyRecord::from_parts(record.to_parts()).expect("what was stored can be read");
        assert!(stored.to_parts() == record.to_parts());
    }
});
