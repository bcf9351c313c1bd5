//! Any bytes as a sealed envelope, and as what was sealed inside an authentic one of either version.
#![no_main]

use khaima_fuzz::honest::{PEOPLE, rng};
use khaima_fuzz::input::Input;
use khaima_signal::sealed_sender::{SealedContent, open, v1, v2};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [alice, bob] = PEOPLE.each_ref().map(|published| &published.device);
    let mut input = Input::new(bytes);
    let version = input.below(3);
    let content = input.rest();
    let sealed = match version {
        0 => {
            let _ = open(content, &bob.identity);
            return;
        }
        1 => v1::seal(content, &alice.identity, &bob.identity_key(), &mut rng(1)),
        _ => v2::seal_for_one(content, &alice.identity, &bob.identity_key(), &mut rng(1)),
    };
    // Whoever seals must be whom the certificate names; that it is valid is not asked here.
    let expected = SealedContent::decode(content)
        .ok()
        .filter(|content| *content.certificate.identity_key() == alice.identity_key());
    let opened = open(&sealed.expect("an honest recipient"), &bob.identity).ok();
    assert!(opened == expected);
});
