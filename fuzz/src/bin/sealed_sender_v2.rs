//! A good envelope to three devices, changed by the input before the server and after it: what still opens was not changed
//! in anything that its recipient reads.
#![no_main]

use std::sync::LazyLock;

use khaima_fuzz::honest::{CONTENT, PEOPLE, address, rng};
use khaima_fuzz::{damage::damage, input::Input};
use khaima_signal::sealed_sender::v2::{self, Destination, DestinationSession};
use khaima_signal::{IdentityKeyPair, LocalIdentity, RegistrationId, ServiceId, sealed_sender::open};

static CAROL: LazyLock<IdentityKeyPair> = LazyLock::new(|| IdentityKeyPair::generate(&mut rng(50)));

static SENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let bob = PEOPLE[1].device.identity_key();
    let people = [(address(1, 1), bob), (address(1, 2), bob), (address(2, 1), CAROL.identity_key())];
    let session = DestinationSession::Current(RegistrationId::new(9));
    let to = |(address, identity)| Destination { address, identity: Some(identity), session };
    let destinations: Vec<_> = people.iter().map(|(address, identity)| to((address, *identity))).collect();
    let excluded = [ServiceId::aci([9; 16])];
    let alice = &PEOPLE[0].device.identity;
    v2::seal(&CONTENT.encode(), alice, &destinations, &excluded, &mut rng(51)).expect("honest recipients")
});

/// What Bob's devices and Carol's get when nothing is changed.
static RECEIVED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let split = v2::split(&SENT).expect("it was just sealed");
    split.recipients().iter().map(|recipient| split.received(recipient)).collect()
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let mut sent = SENT.clone();
    let is_changed = input.flag();
    if is_changed {
        damage(&mut sent, &mut input);
    }
    let Ok(split) = v2::split(&sent) else { return assert!(is_changed, "an honest message was refused") };
    for recipient in split.recipients() {
        let mut received = split.received(recipient);
        if input.flag() {
            damage(&mut received, &mut input);
        }
        for (identity, honest) in [&PEOPLE[1].device.identity, &*CAROL].into_iter().zip(&*RECEIVED) {
            match open(&received, identity) {
                Ok(content) => assert!(content == *CONTENT && received == *honest, "a changed one opened"),
                Err(_) => assert!(received != *honest, "an honest envelope did not open"),
            }
        }
    }
});
