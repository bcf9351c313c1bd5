//! Sender keys of groups. Absolute figures move with the machine: compare ratios to the calibration rows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "a benchmark that fails should stop"
)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use khaima_signal::{
    DistributionId, KeyPair, SenderKeyDistributionMessage, SenderKeyMessage, SenderKeyRecord,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

const ID: DistributionId = DistributionId::from_bytes([7; 16]);
const PLAINTEXT: [u8; 100] = [0x6B; 100];

/// A sender, and who has their key; in memory, for what is measured is the protocol, not a store.
struct Scene {
    alice: SenderKeyRecord,
    bob: SenderKeyRecord,
    rng: ChaCha20Rng,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let alice = SenderKeyRecord::generate(&mut rng);
        let bob = SenderKeyRecord::empty().process(&alice.distribution_message(ID).unwrap()).record;
        Self { alice, bob, rng }
    }

    fn send(&mut self) -> SenderKeyMessage {
        let sent = self.alice.encrypt(ID, &PLAINTEXT, &mut self.rng).unwrap();
        self.alice = sent.record;
        sent.message
    }

    /// The message after as many that are lost.
    fn send_after(&mut self, lost: u32) -> SenderKeyMessage {
        (0..lost).for_each(|_| drop(self.send()));
        self.send()
    }

    fn read(&mut self, message: &SenderKeyMessage) {
        self.bob = self.bob.decrypt(message).unwrap().record;
    }
}

fn calibration(c: &mut Criterion) {
    let mut rng = ChaCha20Rng::seed_from_u64(0);
    let key = KeyPair::generate(&mut rng);
    let message = [7; 200];
    let signature = key.private().sign(&[&message], &mut rng);
    let mut group = c.benchmark_group("calibration");
    group.bench_function("xeddsa_sign", |b| b.iter(|| key.private().sign(&[black_box(&message)], &mut rng)));
    group.bench_function("xeddsa_verify", |b| {
        b.iter(|| assert!(key.public().verify(&[black_box(&message)], signature.as_ref())));
    });
    group.finish();
}

fn messages(c: &mut Criterion) {
    let mut scene = Scene::new(1);
    let mut group = c.benchmark_group("group");
    group.bench_function("generate", |b| b.iter(|| SenderKeyRecord::generate(&mut scene.rng)));
    let distribution = scene.alice.distribution_message(ID).unwrap().serialize().to_vec();
    group.bench_function("process_distribution", |b| {
        b.iter(|| {
            let message = SenderKeyDistributionMessage::decode(black_box(&distribution)).unwrap();
            SenderKeyRecord::empty().process(&message)
        });
    });
    group.bench_function("encrypt", |b| {
        b.iter(|| scene.alice.encrypt(ID, &PLAINTEXT, &mut scene.rng).unwrap());
    });
    let next = scene.send().serialize().to_vec();
    group.bench_function("decrypt_on_chain", |b| {
        b.iter(|| scene.bob.decrypt(&SenderKeyMessage::decode(black_box(&next)).unwrap()).unwrap());
    });
    group.finish();
}

fn gaps(c: &mut Criterion) {
    let mut group = c.benchmark_group("group");
    for gap in [2_000, 25_000] {
        let mut scene = Scene::new(2);
        let far = scene.send_after(gap);
        group.bench_function(format!("decrypt_across_a_gap_of_{gap}"), |b| {
            b.iter(|| scene.bob.decrypt(&far).unwrap());
        });
    }
    let mut scene = Scene::new(3);
    let late = scene.send();
    let far = scene.send_after(1_999);
    scene.read(&far);
    group.bench_function("decrypt_late_among_2000_skipped", |b| b.iter(|| scene.bob.decrypt(&late).unwrap()));
    let next = scene.send();
    group.bench_function("decrypt_next_with_2000_skipped", |b| b.iter(|| scene.bob.decrypt(&next).unwrap()));
    // The whole window is pushed out by another.
    let far = scene.send_after(2_000);
    group.bench_function("decrypt_across_a_gap_of_2000_with_2000_skipped", |b| {
        b.iter(|| scene.bob.decrypt(&far).unwrap());
    });
    group.finish();
}

fn storage(c: &mut Criterion) {
    let mut scene = Scene::new(4);
    let late = scene.send();
    let far = scene.send_after(1_999);
    scene.read(&far);
    let next = scene.send();
    let mut group = c.benchmark_group("group_stored");
    let (after_next, after_late) =
        (scene.bob.decrypt(&next).unwrap().record, scene.bob.decrypt(&late).unwrap().record);
    group.bench_function("changes_of_the_next_message", |b| b.iter(|| after_next.changes_since(&scene.bob)));
    group.bench_function("changes_of_a_late_message", |b| b.iter(|| after_late.changes_since(&scene.bob)));
    let parts = scene.bob.to_parts();
    group.bench_function("write_2000_skipped", |b| b.iter(|| scene.bob.to_parts()));
    group.bench_function("read_2000_skipped", |b| {
        b.iter_batched(
            || parts.clone(),
            |parts| SenderKeyRecord::from_parts(parts).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, calibration, messages, gaps, storage);
criterion_main!(benches);
