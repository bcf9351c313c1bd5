//! People with one device each, all of their stores, and the check that every refusal leaves those byte for byte alone (N0).
//!
//! Whatever is delivered goes over the wire as bytes, and every record through its stored form.

#![allow(dead_code, reason = "each file of tests uses its share")]

use khaima_signal::{
    CiphertextMessage, DeviceId, DistributionId, IdentityKeyPair, KeyError, KeyPair, LocalIdentity as _,
    MessageType, PreKeyBundleIn, ProtocolAddress, SenderKeyChange, SenderKeyDistributionMessage,
    SenderKeyMessage, SenderKeyRecord, SessionRecord, StartError, Timestamp,
    sealed_sender::{ContentHint, SealedContent, SenderCertificate, SenderClaims, ServerCertificate},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

pub(crate) use crate::refusal::assert_refusal;
use crate::{
    by_hand::{Keys, Session},
    common::{self, Device},
    person::changed,
};
pub use crate::{
    person::Person,
    refusal::{Classed, Refusal},
};

pub const ALICE: usize = 0;
pub const BOB: usize = 1;
pub const CAROL: usize = 2;

/// Their names: service ids, so that messages are bound to them.
pub const NAMES: [&str; 3] = [
    "11111111-1111-4111-8111-111111111111",
    "22222222-2222-4222-8222-222222222222",
    "33333333-3333-4333-8333-333333333333",
];

pub const GROUP: DistributionId = DistributionId::from_bytes([0xD1; 16]);

pub const DAY_MS: u64 = 86_400_000;

pub const fn now() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000)
}

/// Some content of a sender whose certificate names the sender's identity key.
pub fn sealed_content(sender: &IdentityKeyPair, rng: &mut ChaCha20Rng) -> SealedContent {
    let server_key = KeyPair::generate(rng);
    let server = ServerCertificate::issue(1, server_key.public(), sender, rng);
    let claims = SenderClaims {
        uuid: NAMES[0].to_owned(),
        e164: None,
        device: DeviceId::new(1).unwrap(),
        expires: now(),
        identity_key: sender.identity_key(),
    };
    SealedContent {
        message_type: MessageType::Whisper,
        certificate: SenderCertificate::issue(claims, server, server_key.private(), rng),
        content: vec![7; 40],
        hint: ContentHint::Default,
        group_id: None,
    }
}

pub struct World {
    pub people: Vec<Person>,
    pub rng: ChaCha20Rng,
}

impl World {
    /// Alice, Bob and Carol, who do not know each other yet.
    pub fn new(seed: u64) -> Self {
        println!("seed {seed}");
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let people = NAMES.map(|name| Person::new(Device::new(name, 1, &mut rng))).into();
        Self { people, rng }
    }

    /// With a session between Alice and Bob, started by Alice, that both have acknowledged.
    pub fn established(seed: u64) -> Self {
        let mut world = Self::new(seed);
        world.start(ALICE, BOB);
        world.exchange(ALICE, BOB, b"hello");
        world.exchange(BOB, ALICE, b"hello yourself");
        world
    }

    /// Two devices of one person, as [`ALICE`] and [`BOB`].
    pub fn one_account(seed: u64) -> Self {
        println!("seed {seed}");
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let identity = IdentityKeyPair::generate(&mut rng);
        let device = |number| {
            let address = common::address(NAMES[ALICE], number);
            Person::new(Device::with_identity(identity.clone(), address, u32::from(number)))
        };
        Self { people: vec![device(1), device(2)], rng }
    }

    pub fn address(&self, who: usize) -> ProtocolAddress {
        self.people[who].address()
    }

    /// New prekeys of somebody, all of them one-time.
    pub fn bundle(&mut self, of: usize) -> PreKeyBundleIn {
        self.people[of].device.bundle(true, false, &mut self.rng)
    }

    /// New prekeys of somebody: no one-time prekey, and the Kyber prekey of last resort.
    pub fn last_resort_bundle(&mut self, of: usize) -> PreKeyBundleIn {
        self.people[of].device.bundle(false, true, &mut self.rng)
    }

    pub fn start(&mut self, from: usize, to: usize) {
        let bundle = self.bundle(to);
        self.start_with(from, to, bundle).unwrap();
    }

    pub fn start_with(&mut self, from: usize, to: usize, bundle: PreKeyBundleIn) -> Result<(), StartError> {
        let peer = self.address(to);
        self.people[from].device.start(&peer, bundle, now(), &mut self.rng)
    }

    pub fn encrypt(&mut self, from: usize, to: usize, plaintext: &[u8]) -> CiphertextMessage {
        let peer = self.address(to);
        self.people[from].device.encrypt(&peer, plaintext, now(), &mut self.rng).unwrap()
    }

    /// Delivers bytes that claim to be a message.
    pub fn receive(
        &mut self,
        from: usize,
        to: usize,
        kind: MessageType,
        bytes: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let sender = self.address(from);
        self.people[to].receive(&sender, kind, bytes, &mut self.rng)
    }

    /// Delivers a message that must open.
    pub fn deliver(&mut self, from: usize, to: usize, message: &CiphertextMessage) -> Vec<u8> {
        self.receive(from, to, message.message_type(), message.serialize()).unwrap()
    }

    pub fn exchange(&mut self, from: usize, to: usize, plaintext: &[u8]) {
        let message = self.encrypt(from, to, plaintext);
        assert_eq!(self.deliver(from, to, &message), plaintext);
    }

    pub fn record(&self, of: usize, with: usize) -> SessionRecord {
        self.people[of].device.record(&self.address(with))
    }

    pub fn set_record(&mut self, of: usize, with: usize, record: &SessionRecord) {
        let peer = self.address(with);
        let old = self.people[of].device.record(&peer);
        self.people[of].device.store(&peer, &old, record);
    }

    /// A session of somebody with a stranger who writes by hand and from this address. The stranger's first message is not
    /// written yet.
    pub fn stranger(&mut self, keys: &Keys, from: usize, to: usize) -> Session {
        let bundle = self.bundle(to);
        self.stranger_with(keys, from, to, &bundle)
    }

    pub fn stranger_with(&mut self, keys: &Keys, from: usize, to: usize, bundle: &PreKeyBundleIn) -> Session {
        Session::start(keys, bundle, &self.address(from), &self.address(to), &mut self.rng)
    }

    pub fn keys(&mut self) -> Keys {
        Keys::random(&mut self.rng)
    }

    pub fn archive(&mut self, of: usize, with: usize) {
        let peer = self.address(with);
        self.people[of].device.archive(&peer);
    }

    pub fn delete_session(&mut self, of: usize, with: usize) {
        let peer = self.address(with);
        self.people[of].device.delete_session(&peer);
    }

    /// Runs what somebody has to refuse. Gives the error; no store may have changed.
    pub fn refused<T, E: Classed>(
        &mut self,
        who: usize,
        operation: impl FnOnce(&mut Person, &mut ChaCha20Rng) -> Result<T, E>,
    ) -> E {
        match self.refused_or(who, operation) {
            Ok(_) => panic!("not refused"),
            Err(error) => error,
        }
    }

    /// Runs what somebody may refuse or not; no store may have changed if it was refused.
    pub fn refused_or<T, E: Classed>(
        &mut self,
        who: usize,
        operation: impl FnOnce(&mut Person, &mut ChaCha20Rng) -> Result<T, E>,
    ) -> Result<T, E> {
        let before = self.people[who].snapshot();
        let result = operation(&mut self.people[who], &mut self.rng);
        let changed = changed(&before, &self.people[who].snapshot());
        assert!(result.is_ok() || changed.is_empty(), "a refusal changed {changed:?}");
        result
    }

    /// Delivers bytes that must be refused.
    pub fn refused_bytes(&mut self, from: usize, to: usize, kind: MessageType, bytes: &[u8]) -> Refusal {
        let sender = self.address(from);
        self.refused(to, |person, rng| person.receive(&sender, kind, bytes, rng))
    }

    /// Delivers a message that must be refused.
    pub fn refused_message(&mut self, from: usize, to: usize, message: &CiphertextMessage) -> Refusal {
        self.refused_bytes(from, to, message.message_type(), message.serialize())
    }

    /// The message that hands out somebody's sender key of [`GROUP`]; a new one if there is none.
    pub fn hand_out(&mut self, who: usize) -> SenderKeyDistributionMessage {
        let own = self.address(who);
        let keys = &mut self.people[who].sender_keys;
        if keys.parts(&own, GROUP).is_none() {
            keys.set(&own, GROUP, &SenderKeyRecord::generate(&mut self.rng));
        }
        keys.hand_out(&own, GROUP)
    }

    pub fn process(
        &mut self,
        from: usize,
        to: usize,
        message: &SenderKeyDistributionMessage,
    ) -> SenderKeyChange {
        let sender = self.address(from);
        self.people[to].sender_keys.process(&sender, message)
    }

    pub fn group_encrypt(&mut self, from: usize, plaintext: &[u8]) -> SenderKeyMessage {
        let own = self.address(from);
        self.people[from].sender_keys.encrypt(&own, GROUP, plaintext, &mut self.rng).unwrap()
    }

    pub fn group_receive(&mut self, from: usize, to: usize, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
        let sender = self.address(from);
        self.people[to].group_receive(&sender, bytes)
    }

    pub fn refused_in_group(&mut self, from: usize, to: usize, bytes: &[u8]) -> Refusal {
        let sender = self.address(from);
        self.refused(to, |person, _| person.group_receive(&sender, bytes))
    }
}

#[test]
fn n0_a_snapshot_tells_every_store_from_what_it_was() {
    let mut world = World::established(1);
    let bundle = world.last_resort_bundle(BOB);
    let before = world.people[BOB].snapshot();
    world.start_with(ALICE, BOB, bundle).unwrap();
    let message = world.encrypt(ALICE, BOB, b"text");
    assert_eq!(world.people[BOB].snapshot(), before);
    world.deliver(ALICE, BOB, &message);
    let after = world.people[BOB].snapshot();
    let changed = changed(&before, &after);
    assert!(changed.iter().any(|name| name.starts_with("session with")));
    assert!(changed.iter().any(|name| name.starts_with("seen base key")));
    let handed_out = world.hand_out(ALICE);
    let _ = world.process(ALICE, BOB, &handed_out);
    assert_ne!(world.people[BOB].snapshot(), after);
}

#[test]
#[should_panic(expected = "a refusal changed [\"one-time prekey 0\"]")]
fn n0_a_refusal_that_changed_a_store_is_noticed() {
    let mut world = World::new(2);
    world.bundle(BOB);
    world.refused(BOB, |bob, _| {
        bob.device.stores.one_time.clear();
        Err::<(), _>(KeyError::InvalidKeyAgreement)
    });
}
