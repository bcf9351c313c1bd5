//! Any bytes as a stored state of the post-quantum ratchet: refused, or the same bytes when stored again, in one piece and in
//! parts; and what was read can be used without a panic.
#![no_main]

use khaima_fuzz::{decode::kept, honest::rng};
use khaima_signal::hazmat::spqr::{Message, Payload, Spqr};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(state) = kept(bytes, Spqr::decode, |state| state.encode().to_vec()) else { return };
    let parts = state.encode_parts(None);
    let page = |epoch, number| {
        let page = parts.pages.iter().find(|page| (page.epoch, page.number) == (epoch, number))?;
        Some(page.bytes.as_slice())
    };
    let again = Spqr::decode_parts(&parts.base, page).expect("its own parts");
    assert_eq!(again.encode().as_slice(), bytes);

    if let Ok(sent) = state.send(&mut rng(1)) {
        assert!(Spqr::decode(&sent.state.encode()).is_ok());
    }
    for epoch in 1..4 {
        let message = Message { epoch, index: 1, payload: Payload::None };
        if let Ok(received) = state.recv(&message.encode()) {
            assert!(Spqr::decode(&received.state.encode()).is_ok());
        }
    }
});
