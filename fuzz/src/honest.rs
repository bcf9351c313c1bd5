//! Two people, their keys, and what they would send: the same in every run, so that an input that was found stays found.
//!
//! Not its concern: damage, and what a target makes of it.

use std::sync::LazyLock;

use khaima_signal::sealed_sender::{
    ContentHint, SealedContent, SenderCertificate, SenderClaims, ServerCertificate,
};
use khaima_signal::{
    CiphertextMessage, DeviceId, IdentityKeyPair, KeyPair, KyberPreKey, KyberPreKeyId, MessageType,
    OneTimePreKey, PreKeyBundleIn, PreKeyId, ProtocolAddress, SignedPreKey, SignedPreKeyId, StoredKyber,
    Timestamp,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use crate::device::Device;

pub const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
/// How many bundles each device has published. The last one may be used again and again.
pub const BUNDLES: usize = 5;

/// Randomness that is the same in every run.
pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A device as it was set up, and the bundles it has published.
pub struct Published {
    pub device: Device,
    pub bundles: Vec<PreKeyBundleIn>,
}

/// Alice's device and Bob's.
pub static PEOPLE: LazyLock<[Published; 2]> = LazyLock::new(|| [publish(0), publish(1)]);

/// The root that every honest certificate goes back to.
pub static TRUST_ROOT: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate(&mut rng(10)));

/// Alice's certificate.
pub static CERTIFICATE: LazyLock<SenderCertificate> = LazyLock::new(|| {
    let mut rng = rng(11);
    let alice = &PEOPLE[0].device;
    let server_key = KeyPair::generate(&mut rng);
    let root = IdentityKeyPair::from_private(TRUST_ROOT.private().clone());
    let server = ServerCertificate::issue(1, server_key.public(), &root, &mut rng);
    let claims = SenderClaims {
        uuid: alice.address.name().to_owned(),
        e164: Some("+31201234567".to_owned()),
        device: alice.address.device(),
        expires: NOW,
        identity_key: alice.identity_key(),
    };
    SenderCertificate::issue(claims, server, server_key.private(), &mut rng)
});

/// What a first exchange leaves: Alice's PreKey message, Bob's answer, and both devices as they are then.
pub struct Exchange {
    pub devices: [Device; 2],
    pub first: CiphertextMessage,
    pub answer: CiphertextMessage,
    /// From Alice, in the established session; not delivered.
    pub next: CiphertextMessage,
}

pub static EXCHANGE: LazyLock<Exchange> = LazyLock::new(|| {
    let mut rng = rng(12);
    let [mut alice, mut bob] = PEOPLE.each_ref().map(|published| published.device.clone());
    let (to_alice, to_bob) = (alice.address.clone(), bob.address.clone());
    alice.start(&to_bob, PEOPLE[1].bundles[0].clone(), NOW, &mut rng).expect("an honest bundle");
    let first = alice.encrypt(&to_bob, b"noon, by the bridge", NOW, &mut rng).expect("a session");
    bob.decrypt(&to_alice, &first, &mut rng).expect("an honest message");
    let answer = bob.encrypt(&to_alice, b"yes", NOW, &mut rng).expect("a session");
    alice.decrypt(&to_bob, &answer, &mut rng).expect("an honest message");
    let next = alice.encrypt(&to_bob, b"bring nobody", NOW, &mut rng).expect("a session");
    Exchange { devices: [alice, bob], first, answer, next }
});

/// What Alice seals: the first message of a session.
pub static CONTENT: LazyLock<SealedContent> = LazyLock::new(|| SealedContent {
    message_type: MessageType::PreKey,
    certificate: CERTIFICATE.clone(),
    content: EXCHANGE.first.serialize().to_vec(),
    hint: ContentHint::Resendable,
    group_id: Some(vec![7; 16]),
});

/// The name of the person of this number, a service id.
pub fn name(person: u8) -> String {
    format!("{person:08x}-0000-4000-8000-000000000000")
}

pub fn address(person: u8, device: u8) -> ProtocolAddress {
    ProtocolAddress::new(name(person), DeviceId::new(device).expect("a small number"))
}

fn publish(person: u8) -> Published {
    let rng = &mut rng(person.into());
    let identity = IdentityKeyPair::generate(rng);
    let mut device = Device::new(identity, address(person, person + 1), 1_000 + u32::from(person));
    let bundles = (0..BUNDLES).map(|number| bundle(&mut device, number, rng)).collect();
    Published { device, bundles }
}

/// The bundle of this number; its prekeys have that number too.
fn bundle(device: &mut Device, number: usize, rng: &mut ChaCha20Rng) -> PreKeyBundleIn {
    let last_resort = number == BUNDLES - 1;
    let number = u32::try_from(number).expect("few bundles");
    let signed = SignedPreKey::generate(SignedPreKeyId::new(number), &device.identity, NOW, rng);
    let kyber = KyberPreKey::generate(KyberPreKeyId::new(number), &device.identity, NOW, rng);
    // One in two has no one-time prekey, the last resort among them.
    let one_time = (number % 2 == 0 && !last_resort).then(|| {
        let prekey = OneTimePreKey::generate(PreKeyId::new(number), rng);
        let public = (prekey.id, *prekey.key_pair.public());
        device.prekeys.one_time.insert(number, prekey);
        public
    });
    let bundle = PreKeyBundleIn {
        registration_id: device.registration_id,
        device_id: device.address.device().into(),
        one_time,
        signed_id: signed.id,
        signed_key: *signed.key_pair.public(),
        signed_signature: signed.signature.as_bytes().to_vec(),
        identity_key: device.identity_key(),
        kyber_id: kyber.id,
        kyber_key: kyber.key_pair.public().clone(),
        kyber_signature: kyber.signature.as_bytes().to_vec(),
    };
    device.prekeys.signed.insert(number, signed);
    device.prekeys.kyber.insert(number, StoredKyber { prekey: kyber, last_resort });
    bundle
}
