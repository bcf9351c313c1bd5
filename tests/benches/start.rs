//! Start of a client with 10,000 messages: from the passphrase's key to the list and the newest rows on the screen.
//!
//! The messages are exchanged in a simulated world and then laid into a real vault. The stretching of the passphrase is
//! shown beside it: it is meant to take its second.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark"
)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use khaima_engine::{Changes, Commit, ConversationId, MemoryStore, Order, RecordKind, StoreView};
use khaima_runtime::{Client, ClientOptions};
use khaima_tests::world::{Seed, World};
use khaima_vault::{KdfParams, Passphrase, Vault};

const MESSAGES: usize = 10_000;
const ROUNDS: usize = 7;

fn main() {
    // The test runners start every target; only a bench run measures.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let (store, conversation) = conversation();
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("vault");
    let passphrase = Passphrase::of("seven tents under one quiet sky").unwrap();
    let mut vault = Vault::create(&dir, &passphrase, KdfParams::default()).unwrap();
    for changes in batches(&store) {
        vault.commit(changes).unwrap();
    }
    vault.close().unwrap();

    let mut opening = Vec::new();
    let mut starting = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let vault = Vault::open(&dir, &passphrase).unwrap();
        opening.push(began.elapsed());
        let began = Instant::now();
        let client = Client::start(vault, ClientOptions::default()).unwrap();
        let rows = client.handle().rows(conversation, None, 100).unwrap();
        assert_eq!(rows.len(), 100);
        while client.handle().model().conversations.is_empty() {
            std::thread::yield_now();
        }
        starting.push(began.elapsed());
        client.stop();
    }
    let mut report = String::from(
        "## Start of the client with 10,000 messages\n\n| what | median | longest |\n|---|---|---|\n",
    );
    let mut row = |what: &str, times: &mut Vec<Duration>| {
        times.sort();
        let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
        writeln!(report, "| {what} | {:.1} ms | {:.1} ms |", millis(median), millis(longest)).unwrap();
    };
    row("opening the vault, 256 MiB and 3 passes of Argon2id included", &mut opening);
    row("from the open vault to list and newest 100 rows", &mut starting);
    println!("{report}");
    if let Some(path) = std::env::var_os("KHAIMA_BENCH_REPORT") {
        std::fs::write(path, report).unwrap();
    }
}

/// A device with a long conversation.
fn conversation() -> (MemoryStore, ConversationId) {
    let mut world = World::new(Seed(1));
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    for number in 0..MESSAGES {
        let (from, to) = if number % 2 == 0 { (alice, bob) } else { (bob, alice) };
        world.say(from, to, &format!("message {number}: السلام عليكم, noon by the bridge"));
        if number % 100 == 99 {
            world.run_until_idle();
        }
    }
    world.run_until_idle();
    (world.store(alice).clone(), world.conversation(alice, bob))
}

/// Everything in a store, in commits of a size that a vault likes.
fn batches(store: &MemoryStore) -> Vec<Changes> {
    let mut batches = Vec::new();
    for kind in RecordKind::ALL {
        for keys in store.scan(kind, &[], Order::Ascending, None, usize::MAX).unwrap().chunks(500) {
            let mut changes = Changes::default();
            for key in keys {
                changes.put(key.clone(), store.get(key).unwrap().unwrap());
            }
            batches.push(changes);
        }
    }
    batches
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
