//! A good envelope to three devices, changed by the input before the server and after it: what still opens says what was
//! sealed.
#![no_main]

use std::sync::LazyLock;

use khaima_fuzz::honest::{CONTENT, PEOPLE, address, rng};
use khaima_fuzz::{damage::damage, input::Input};
use khaima_signal::sealed_sender::v2::{self, Destination, DestinationSession};
use khaima_signal::{IdentityKeyPair, RegistrationId, ServiceId, sealed_sender::open};

static CAROL: LazyLock<IdentityKeyPair> = LazyLock::new(|| IdentityKeyPair::generate(&mut rng(50)));

static SENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let addresses = [address(1, 1), address(1, 2), address(2, 1)];
    let identities = [PEOPLE[1].device.identity_key(), PEOPLE[1].device.identity_key(), identity_of_carol()];
    let session = DestinationSession::Current(RegistrationId::new(9));
    let destinations: Vec<_> = addresses
        .iter()
        .zip(identities)
        .map(|(address, identity)| Destination { address, identity: Some(identity), session })
        .collect();
    let excluded = [ServiceId::aci([9; 16])];
    let alice = &PEOPLE[0].device.identity;
    v2::seal(&CONTENT.encode(), alice, &destinations, &excluded, &mut rng(51)).expect("honest recipients")
});

fn identity_of_carol() -> khaima_signal::IdentityKey {
    khaima_signal::LocalIdentity::identity_key(&*CAROL)
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let mut sent = SENT.clone();
    if input.flag() {
        damage(&mut sent, &mut input);
    }
    let Ok(split) = v2::split(&sent) else { return };
    for recipient in split.recipients() {
        let mut received = split.received(recipient);
        if input.flag() {
            damage(&mut received, &mut input);
        }
        for identity in [&PEOPLE[1].device.identity, &*CAROL] {
            if let Ok(content) = open(&received, identity) {
                assert!(content == *CONTENT, "a changed envelope opened to something else");
                assert_eq!(received.len(), 1 + v2::OVERHEAD + CONTENT.encoded_len());
            }
        }
    }
});
