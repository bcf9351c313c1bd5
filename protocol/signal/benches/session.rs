//! Sessions and sealed senders. Absolute figures move with the machine: compare ratios to the calibration rows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "a benchmark that fails should stop"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use common::Device;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use curve25519_dalek::montgomery::MontgomeryPoint;
use khaima_signal::{
    CiphertextMessage, DeviceId, IdentityKeyPair, KeyPair, LocalIdentity as _, ProtocolAddress,
    RegistrationId, ServiceId, SessionRecord, Timestamp,
    sealed_sender::{self, v1, v2},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use sha2::{Digest as _, Sha256};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const PLAINTEXT: [u8; 100] = [0x6B; 100];
/// A first message with its certificate fits into one of this size.
const SEALED_CONTENT: usize = 3_872;

/// One side in memory: what is measured is the protocol, not a store.
struct Side {
    device: Device,
    record: SessionRecord,
    peer: ProtocolAddress,
}

impl Side {
    fn encrypt(&mut self, rng: &mut ChaCha20Rng) -> CiphertextMessage {
        let local = self.device.local();
        let sent =
            self.record.encrypt(&local, &self.peer, &PLAINTEXT, &self.device.stores, NOW, rng).unwrap();
        self.record = sent.record;
        sent.message
    }

    fn decrypt(&mut self, message: &CiphertextMessage, rng: &mut ChaCha20Rng) {
        self.record = self.decrypted(message, rng);
    }

    fn decrypted(&self, message: &CiphertextMessage, rng: &mut ChaCha20Rng) -> SessionRecord {
        let (local, stores) = (self.device.local(), &self.device.stores);
        self.record.decrypt(&local, &self.peer, message, stores, stores, rng).unwrap().record
    }
}

/// Both sides without a session, and a bundle of the second.
fn strangers(rng: &mut ChaCha20Rng) -> ([Side; 2], khaima_signal::PreKeyBundleIn) {
    let alice = Device::new("11111111-1111-4111-8111-111111111111", 1, rng);
    let mut bob = Device::new("22222222-2222-4222-8222-222222222222", 2, rng);
    let bundle = bob.bundle(true, true, rng);
    let (to_bob, to_alice) = (bob.address.clone(), alice.address.clone());
    let side = |device, peer| Side { device, record: SessionRecord::empty(), peer };
    ([side(alice, to_bob), side(bob, to_alice)], bundle)
}

fn start(alice: &Side, bundle: &khaima_signal::PreKeyBundleIn, rng: &mut ChaCha20Rng) -> SessionRecord {
    let (local, stores) = (alice.device.local(), &alice.device.stores);
    alice.record.verify_and_start(&local, &alice.peer, bundle.clone(), stores, NOW, rng).unwrap()
}

/// Both sides with a session that both have acknowledged.
fn acquainted(rng: &mut ChaCha20Rng) -> [Side; 2] {
    let ([mut alice, mut bob], bundle) = strangers(rng);
    alice.record = start(&alice, &bundle, rng);
    for _ in 0..5 {
        let message = alice.encrypt(rng);
        bob.decrypt(&message, rng);
        let message = bob.encrypt(rng);
        alice.decrypt(&message, rng);
    }
    [alice, bob]
}

fn calibration(c: &mut Criterion) {
    // The rows that make figures of different machines comparable: dalek's arithmetic, whatever ours runs on.
    let theirs = MontgomeryPoint::mul_base_clamped([7; 32]);
    let mut group = c.benchmark_group("calibration");
    group.bench_function("x25519_variable_base", |b| b.iter(|| black_box(theirs).mul_clamped([9; 32])));
    group.bench_function("x25519_fixed_base", |b| {
        b.iter(|| MontgomeryPoint::mul_base_clamped(black_box([9; 32])));
    });
    group.bench_function("sha256_1k", |b| b.iter(|| Sha256::digest(black_box([7; 1024]))));
    group.finish();
}

fn curve(c: &mut Criterion) {
    let rng = &mut ChaCha20Rng::seed_from_u64(0);
    let (ours, theirs) = (KeyPair::generate(rng), KeyPair::generate(rng));
    let signature = ours.private().sign(&[&PLAINTEXT], rng);
    let mut group = c.benchmark_group("curve");
    group.bench_function("generate", |b| b.iter(|| KeyPair::generate(rng)));
    group.bench_function("agree", |b| b.iter(|| ours.private().agree(black_box(theirs.public())).unwrap()));
    group.bench_function("sign", |b| b.iter(|| ours.private().sign(&[&PLAINTEXT], rng)));
    group.bench_function("verify", |b| {
        b.iter(|| assert!(ours.public().verify(&[black_box(&PLAINTEXT)], signature.as_ref())));
    });
    group.finish();
}

fn beginning(c: &mut Criterion) {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let ([mut alice, bob], bundle) = strangers(rng);
    let mut group = c.benchmark_group("session");
    group.bench_function("process_bundle", |b| b.iter(|| start(&alice, &bundle, rng)));
    alice.record = start(&alice, &bundle, rng);
    let first = alice.encrypt(rng);
    group.bench_function("decrypt_first_message", |b| b.iter(|| bob.decrypted(&first, rng)));
    group.finish();
}

fn conversation(c: &mut Criterion) {
    let rng = &mut ChaCha20Rng::seed_from_u64(2);
    let [mut alice, mut bob] = acquainted(rng);
    let mut group = c.benchmark_group("session");
    let turn = alice.encrypt(rng);
    group.bench_function("decrypt_with_ratchet_step", |b| b.iter(|| bob.decrypted(&turn, rng)));
    bob.decrypt(&turn, rng);
    let next = alice.encrypt(rng);
    group.bench_function("decrypt_on_existing_chain", |b| b.iter(|| bob.decrypted(&next, rng)));
    bob.decrypt(&next, rng);
    group.bench_function("encrypt", |b| {
        let (local, stores) = (alice.device.local(), &alice.device.stores);
        b.iter(|| alice.record.encrypt(&local, &alice.peer, &PLAINTEXT, stores, NOW, rng).unwrap());
    });
    group.bench_function("encrypt_and_decrypt_one_way", |b| {
        b.iter(|| {
            let message = alice.encrypt(rng);
            bob.decrypt(&message, rng);
        });
    });
    group.bench_function("ping_pong", |b| {
        b.iter(|| {
            let message = alice.encrypt(rng);
            bob.decrypt(&message, rng);
            let message = bob.encrypt(rng);
            alice.decrypt(&message, rng);
        });
    });
    group.sample_size(10);
    let mut far = alice.record.clone();
    for _ in 0..24_998 {
        let local = alice.device.local();
        far = far.encrypt(&local, &alice.peer, &PLAINTEXT, &alice.device.stores, NOW, rng).unwrap().record;
    }
    let far = far
        .encrypt(&alice.device.local(), &alice.peer, &PLAINTEXT, &alice.device.stores, NOW, rng)
        .unwrap()
        .message;
    group.bench_function("decrypt_across_a_gap_of_24998", |b| b.iter(|| bob.decrypted(&far, rng)));
    group.bench_function("burst_of_1000", |b| {
        b.iter_batched(
            || (0..1_000).map(|_| alice.encrypt(rng)).collect::<Vec<_>>(),
            |burst| burst.iter().for_each(|message| bob.decrypt(message, &mut ChaCha20Rng::seed_from_u64(3))),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn storage(c: &mut Criterion) {
    let rng = &mut ChaCha20Rng::seed_from_u64(4);
    let [mut alice, mut bob] = acquainted(rng);
    let message = alice.encrypt(rng);
    let after = bob.decrypted(&message, rng);
    let mut group = c.benchmark_group("stored");
    group.bench_function("changes_of_one_message", |b| b.iter(|| after.changes_since(&bob.record)));
    (0..2_000).for_each(|_| drop(alice.encrypt(rng)));
    let late = alice.encrypt(rng);
    bob.decrypt(&late, rng);
    let parts = bob.record.to_parts();
    group.bench_function("write_2000_skipped", |b| b.iter(|| bob.record.to_parts()));
    group.bench_function("read_2000_skipped", |b| {
        b.iter_batched(
            || parts.clone(),
            |parts| SessionRecord::from_parts(parts).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn sealed_senders(c: &mut Criterion) {
    let rng = &mut ChaCha20Rng::seed_from_u64(5);
    let (alice, bob) = (IdentityKeyPair::generate(rng), IdentityKeyPair::generate(rng));
    let content = sealed_content(&alice, rng);
    let to = bob.identity_key();
    let mut group = c.benchmark_group("sealed_sender");
    group.bench_function("v1_seal", |b| b.iter(|| v1::seal(&content, &alice, &to, rng).unwrap()));
    let sealed = v1::seal(&content, &alice, &to, rng).unwrap();
    group.bench_function("v1_open", |b| b.iter(|| sealed_sender::open(&sealed, &bob).unwrap()));
    group.bench_function("v2_seal_for_one", |b| {
        b.iter(|| v2::seal_for_one(&content, &alice, &to, rng).unwrap())
    });
    let sealed = v2::seal_for_one(&content, &alice, &to, rng).unwrap();
    group.bench_function("v2_open", |b| b.iter(|| sealed_sender::open(&sealed, &bob).unwrap()));
    group.finish();
}

/// One message for many recipients of one device each. The reference spreads the work over both cores, as its figures per
/// recipient show (109 µs for the second, 58 for each of a hundred), so ours is measured on one core and on two.
fn sealed_for_many(c: &mut Criterion) {
    let rng = &mut ChaCha20Rng::seed_from_u64(6);
    let alice = IdentityKeyPair::generate(rng);
    let content = sealed_content(&alice, rng);
    let people: Vec<_> = (0..1_000_u128)
        .map(|number| {
            let name = ServiceId::aci(number.to_be_bytes()).to_string();
            let address = ProtocolAddress::new(name, DeviceId::new(1).unwrap());
            (address, IdentityKeyPair::generate(rng).identity_key())
        })
        .collect();
    let to_all: Vec<_> = people
        .iter()
        .map(|(address, identity)| v2::Destination {
            address,
            identity: Some(*identity),
            session: v2::DestinationSession::Current(RegistrationId::new(1)),
        })
        .collect();
    let mut group = c.benchmark_group("sealed_sender");
    group.sample_size(10);
    for count in [2, 10, 100, 1_000] {
        let destinations = &to_all[..count];
        group.bench_function(format!("v2_seal_for_{count}_on_one_core"), |b| {
            b.iter(|| v2::seal(&content, &alice, destinations, &[], rng).unwrap());
        });
        group.bench_function(format!("v2_seal_for_{count}"), |b| {
            b.iter(|| v2::seal_spread(&content, &alice, destinations, &[], rng, on_two_threads).unwrap());
        });
    }
    group.finish();
}

fn on_two_threads(count: usize, seal_entry: &(dyn Fn(usize) + Sync)) {
    std::thread::scope(|scope| {
        scope.spawn(|| (0..count / 2).for_each(seal_entry));
        (count / 2..count).for_each(seal_entry);
    });
}

fn sealed_content(alice: &IdentityKeyPair, rng: &mut ChaCha20Rng) -> Vec<u8> {
    use sealed_sender::{ContentHint, SealedContent, SenderCertificate, SenderClaims, ServerCertificate};
    let (root, server) = (IdentityKeyPair::generate(rng), KeyPair::generate(rng));
    let server_certificate = ServerCertificate::issue(1, server.public(), &root, rng);
    let claims = SenderClaims {
        uuid: "11111111-1111-4111-8111-111111111111".to_owned(),
        e164: None,
        device: DeviceId::new(1).unwrap(),
        identity_key: alice.identity_key(),
        expires: NOW,
    };
    let content = SealedContent {
        message_type: khaima_signal::MessageType::Whisper,
        certificate: SenderCertificate::issue(claims, server_certificate, server.private(), rng),
        content: PLAINTEXT.to_vec(),
        hint: ContentHint::Default,
        group_id: None,
    };
    content.encode_padded(SEALED_CONTENT).unwrap()
}

criterion_group!(
    benches,
    calibration,
    curve,
    beginning,
    conversation,
    storage,
    sealed_senders,
    sealed_for_many
);
criterion_main!(benches);
