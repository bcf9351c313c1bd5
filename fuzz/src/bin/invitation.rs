//! Any text as an invitation link: refused or whole, never a panic.
#![no_main]

use khaima_wire::{Day, SignedInvitation};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(invitation) = SignedInvitation::parse(text, Day::new(20_000)) {
        assert!(SignedInvitation::parse(&invitation.to_uri(), Day::new(20_000)).is_ok());
    }
});
