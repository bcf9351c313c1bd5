//! The sparse post-quantum ratchet. Absolute figures move with the machine: compare ratios to the calibration rows.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "a benchmark that fails should stop"
)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use khaima_signal::hazmat::spqr::{
    ChainParams, Decoder, Direction, Encapsulation, Encoder, KeyPair as KemKeyPair, Spqr, Value,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

fn pair() -> [Spqr; 2] {
    [Direction::A2B, Direction::B2A]
        .map(|direction| Spqr::new(direction, 1, 1, &[0x29; 32], ChainParams::default()))
}

/// One message from the first to the second.
fn deliver(from: &mut Spqr, to: &mut Spqr, rng: &mut ChaCha20Rng) {
    let sent = from.send(rng).unwrap();
    let received = to.recv(&sent.message).unwrap();
    assert_eq!(sent.key, received.key);
    (*from, *to) = (sent.state, received.state);
}

/// Both sides after this many messages each way.
fn after(rounds: usize, rng: &mut ChaCha20Rng) -> [Spqr; 2] {
    let [mut a, mut b] = pair();
    for _ in 0..rounds {
        deliver(&mut a, &mut b, rng);
        deliver(&mut b, &mut a, rng);
    }
    [a, b]
}

fn conversation(c: &mut Criterion) {
    let mut group = c.benchmark_group("spqr");
    // A message each way per two iterations; the state goes on through epoch after epoch.
    group.bench_function("ping_pong_send_and_receive", |b| {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let [mut from, mut to] = after(10, &mut rng);
        b.iter(|| {
            deliver(&mut from, &mut to, &mut rng);
            std::mem::swap(&mut from, &mut to);
        });
    });
    group.bench_function("ping_pong_stored_between", |b| {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let [mut from, mut to] = after(10, &mut rng);
        b.iter(|| {
            deliver(&mut from, &mut to, &mut rng);
            from = Spqr::decode(&from.encode()).unwrap();
            to = Spqr::decode(&to.encode()).unwrap();
            std::mem::swap(&mut from, &mut to);
        });
    });
    for (name, rounds, sender) in [("start", 0, 0), ("ct_side", 25, 1), ("ek_side", 25, 0)] {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut sides = after(rounds, &mut rng);
        sides.rotate_left(sender);
        let [from, to] = sides;
        let mut states = (from, to);
        let mut sent = Vec::new();
        for _ in 0..100 {
            let message = states.0.send(&mut rng).unwrap();
            states.0 = message.state;
            sent.push(message.message);
        }
        let sending = after(rounds, &mut ChaCha20Rng::seed_from_u64(2));
        group.bench_function(format!("burst_of_100_send_{name}"), |b| {
            b.iter(|| (0..100).fold(sending[sender].clone(), |state, _| state.send(&mut rng).unwrap().state));
        });
        group.bench_function(format!("burst_of_100_receive_{name}"), |b| {
            b.iter(|| {
                sent.iter().fold(states.1.clone(), |state, message| state.recv(message).unwrap().state)
            });
        });
    }
    group.finish();
}

fn erasure(c: &mut Criterion) {
    let mut group = c.benchmark_group("erasure");
    let value = Value::from_rows(std::array::from_fn::<_, 36, _>(|row| [row as u8; 32]));
    group.bench_function("parity_chunk_first", |b| {
        b.iter_batched(
            || Encoder::resume(Value::from_parts(&[value.bytes()]).unwrap(), 36),
            |encoder: Encoder<36>| encoder.advance(),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("parity_chunk_later", |b| {
        let mut index = 36;
        b.iter(|| {
            index = if index == 71 { 36 } else { index + 1 };
            value.chunk(black_box(index))
        });
    });
    group.bench_function("parity_chunk_far", |b| b.iter(|| value.chunk(black_box(1_000))));
    let held = |indices: &mut dyn Iterator<Item = u16>| {
        indices.fold(Decoder::new(), |decoder: Decoder<36>, index| decoder.with(value.chunk(index)))
    };
    for (name, decoder) in [
        ("decode_systematic", held(&mut (0..36))),
        ("decode_one_missing", held(&mut (0..37).filter(|index| *index != 17))),
        ("decode_all_parity", held(&mut (36..72))),
        ("decode_all_far", held(&mut (1_000..1_036))),
    ] {
        group.bench_function(name, |b| b.iter(|| black_box(&decoder).complete().unwrap()));
    }
    group.finish();
}

fn skipping(c: &mut Criterion) {
    let mut group = c.benchmark_group("skip");
    group.sample_size(20);
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for count in [2_000, 25_000] {
        let [mut from, to] = pair();
        for _ in 1..count {
            from = from.send(&mut rng).unwrap().state;
        }
        let last = from.send(&mut rng).unwrap().message;
        group.bench_function(format!("{count}_messages"), |b| b.iter(|| to.recv(black_box(&last)).unwrap()));
    }
    group.finish();
}

fn key_encapsulation(c: &mut Criterion) {
    let mut group = c.benchmark_group("mlkem");
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let pair = KemKeyPair::generate(&mut rng).unwrap();
    let begun = Encapsulation::begin(&pair.header, &mut rng).unwrap();
    let ek = pair.header.validate(pair.ek_vector.clone()).unwrap();
    let ct2 = begun.encapsulation.finish(&ek);
    group.bench_function("generate", |b| b.iter(|| KemKeyPair::generate(&mut rng).unwrap()));
    group.bench_function("begin", |b| b.iter(|| Encapsulation::begin(&pair.header, &mut rng).unwrap()));
    group.bench_function("validate", |b| b.iter(|| pair.header.validate(pair.ek_vector.clone()).unwrap()));
    group.bench_function("finish", |b| b.iter(|| begun.encapsulation.finish(&ek)));
    group.bench_function("decapsulate", |b| {
        b.iter(|| pair.decapsulation_key.decapsulate(&begun.ct1, &ct2).unwrap())
    });
    group.finish();
}

criterion_group!(benches, conversation, erasure, skipping, key_encapsulation);
criterion_main!(benches);
