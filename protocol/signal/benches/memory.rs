//! What a session and a sender key weigh: stored, and on the heap.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark that fails should stop"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::fmt::Write as _;

use common::Device;
use khaima_signal::{ProtocolAddress, RecordPart, SenderKeyRecord, SessionRecord, Timestamp};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn main() {
    let report = report();
    println!("{report}");
    if let Some(path) = std::env::var_os("KHAIMA_BENCH_REPORT") {
        std::fs::write(path, report).expect("the report can be written");
    }
}

/// What a record weighs, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Weight {
    stored: usize,
    heap: usize,
}

fn weigh<T>(parts: Vec<RecordPart>, read: impl FnOnce(Vec<RecordPart>) -> T) -> Weight {
    let stored = parts.iter().map(|part| part.bytes.len()).sum();
    // The parts are freed while the record is read, so only what they weighed is added again.
    let of_parts: usize =
        parts.iter().map(|part| part.name.capacity() + part.bytes.capacity()).sum::<usize>()
            + parts.capacity() * size_of::<RecordPart>();
    let mut record = None;
    let grown = allocation_counter::measure(|| record = Some(read(parts))).bytes_current;
    let heap = i64::try_from(of_parts).unwrap() + grown;
    assert!(record.is_some());
    Weight { stored, heap: usize::try_from(heap).unwrap() }
}

fn session(record: &SessionRecord) -> Weight {
    weigh(record.to_parts(), |parts| SessionRecord::from_parts(parts).unwrap())
}

fn sender_key(record: &SenderKeyRecord) -> Weight {
    weigh(record.to_parts(), |parts| SenderKeyRecord::from_parts(parts).unwrap())
}

/// Two devices in conversation.
struct Pair {
    sides: [(Device, SessionRecord, ProtocolAddress); 2],
    rng: ChaCha20Rng,
}

impl Pair {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let alice = Device::new("11111111-1111-4111-8111-111111111111", 1, &mut rng);
        let mut bob = Device::new("22222222-2222-4222-8222-222222222222", 2, &mut rng);
        let bundle = bob.bundle(true, true, &mut rng);
        let (to_bob, to_alice) = (bob.address.clone(), alice.address.clone());
        let record = SessionRecord::empty()
            .verify_and_start(&alice.local(), &to_bob, bundle, &alice.stores, NOW, &mut rng)
            .unwrap();
        Self { sides: [(alice, record, to_bob), (bob, SessionRecord::empty(), to_alice)], rng }
    }

    fn send(&mut self, from: usize, lost: usize) {
        for _ in 0..lost {
            drop(self.encrypt(from));
        }
        let message = self.encrypt(from);
        let (device, record, peer) = &mut self.sides[1 - from];
        *record = record
            .decrypt(&device.local(), peer, &message, &device.stores, &device.stores, &mut self.rng)
            .unwrap()
            .record;
    }

    fn encrypt(&mut self, from: usize) -> khaima_signal::CiphertextMessage {
        let (device, record, peer) = &mut self.sides[from];
        let sent =
            record.encrypt(&device.local(), peer, b"text", &device.stores, NOW, &mut self.rng).unwrap();
        *record = sent.record;
        sent.message
    }
}

fn report() -> String {
    let mut text = String::from(
        "## Memory of a session\n\n| what | stored, bytes | on the heap, bytes |\n|---|---|---|\n",
    );
    let mut row = |what: &str, weight: Weight| {
        writeln!(text, "| {what} | {} | {} |", weight.stored, weight.heap).expect("a string takes it");
    };
    let mut pair = Pair::new();
    row("session just started, not answered", session(&pair.sides[0].1));
    for _ in 0..5 {
        pair.send(0, 0);
        pair.send(1, 0);
    }
    row("session after five turns each way", session(&pair.sides[0].1));
    // An epoch of the post-quantum ratchet takes some 80 turns; this sees several.
    let mut weights: Vec<_> = (0..500)
        .map(|turn| {
            pair.send(turn % 2, 0);
            session(&pair.sides[0].1)
        })
        .collect();
    weights.sort_unstable();
    row("session, median over several epochs", weights[weights.len() / 2]);
    row("session, largest over several epochs", weights[weights.len() - 1]);
    let before = session(&pair.sides[1].1);
    pair.send(0, 2_000);
    let after = session(&pair.sides[1].1);
    row("session with 2,000 skipped messages", after);
    row(
        "of which the keys of the 2,000",
        Weight { stored: after.stored - before.stored, heap: after.heap - before.heap },
    );
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    row("sender key of one's own", sender_key(&SenderKeyRecord::generate(&mut rng)));
    text
}
