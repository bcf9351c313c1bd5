//! What committing one message costs, in a small vault and in a large one, beside what the disk costs alone.
//!
//! `cargo bench -p khaima-vault --features test-kdf`

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a benchmark")]

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use khaima_engine::{Changes, Commit, RecordKey, RecordKind, StoreView};
use khaima_vault::{KdfParams, Passphrase, Vault};

fn key(kind: RecordKind, id: &[u8]) -> RecordKey {
    RecordKey::new(kind, id).unwrap()
}

fn message(number: u64) -> RecordKey {
    // Spread over 40 conversations.
    let conversation = [u8::try_from(number % 40).unwrap(); 16];
    key(RecordKind::Message, &[conversation.as_slice(), &number.to_be_bytes()].concat())
}

/// A message row, the session state it advances, and an outbox job; the job of the message before is done.
fn one_message(number: u64) -> Changes {
    let mut changes = Changes::new();
    changes.put(message(number), vec![1; 180]);
    changes.put(key(RecordKind::Session, &[u8::try_from(number % 40).unwrap(); 21]), vec![2; 900]);
    changes.put(key(RecordKind::Job, &number.to_be_bytes()), vec![3; 700]);
    changes.delete(key(RecordKind::Job, &(number - 1).to_be_bytes()));
    changes
}

fn vault_of(parent: &tempfile::TempDir, records: u64) -> Vault {
    let passphrase = Passphrase::of("bench").unwrap();
    let mut vault =
        Vault::create(&parent.path().join("vault"), &passphrase, KdfParams::weak_for_tests()).unwrap();
    for first in (0..records).step_by(1000) {
        let mut changes = Changes::new();
        (first..first + 1000).for_each(|number| changes.put(message(number), vec![1; 180]));
        vault.commit(changes).unwrap();
    }
    vault
}

fn commits(criterion: &mut Criterion) {
    for records in [1_000, 50_000] {
        let parent = tempfile::tempdir().unwrap();
        let mut vault = vault_of(&parent, records);
        let mut number = records;
        criterion.bench_function(&format!("commit one message among {records}"), |bencher| {
            bencher.iter(|| {
                number += 1;
                vault.commit(one_message(number)).unwrap();
            });
        });
        let mut at = 0;
        criterion.bench_function(&format!("read one message among {records}"), |bencher| {
            bencher.iter(|| {
                at = (at + 7919) % records;
                vault.get(&message(at)).unwrap().unwrap()
            });
        });
        println!("{:?}", vault.stats().unwrap());
        vault.close().unwrap();
    }
}

fn four_syncs(criterion: &mut Criterion) {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("file");
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(path).unwrap();
    file.write_all_at(&[0; 1 << 20], 0).unwrap();
    file.sync_data().unwrap();
    criterion.bench_function("the disk alone: four times 4 KiB and fdatasync", |bencher| {
        bencher.iter(|| {
            for page in 0..4 {
                file.write_all_at(&[1; 4096], page * 4096).unwrap();
                file.sync_data().unwrap();
            }
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
    targets = four_syncs, commits
}
criterion_main!(benches);
