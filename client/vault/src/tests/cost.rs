//! What a commit costs does not grow with the table.

use khaima_engine::{Changes, RecordKind};

use super::{key, new_disk, open, rng};
use crate::disk::simulated::Plan;

/// A message, a session state replaced and an outbox job, as sending one message commits.
fn one_message(number: u64) -> Changes {
    let mut changes = Changes::new();
    let conversation = number % 40;
    let message = [[conversation as u8; 16].as_slice(), &(1_000_000 + number).to_be_bytes()].concat();
    changes.put(key(RecordKind::Message, &message), vec![1; 180]);
    changes.put(
        key(RecordKind::Session, &[[conversation as u8; 16].as_slice(), b"state"].concat()),
        vec![2; 900],
    );
    changes.put(key(RecordKind::Job, &number.to_be_bytes()), vec![3; 700]);
    changes
}

#[test]
fn with_50_000_records_a_message_costs_at_most_64_kib_and_four_syncs() {
    let (disk, master) = new_disk();
    let mut store = open(&disk, &master);
    let mut random = rng(1);
    for batch in 0..50_u64 {
        let mut changes = Changes::new();
        for number in batch * 1000..(batch + 1) * 1000 {
            let mut id = [0; 16];
            rand::Rng::fill_bytes(&mut random, &mut id);
            let id = [[(number % 40) as u8; 16].as_slice(), &id[..8]].concat();
            changes.put(key(RecordKind::Message, &id), vec![0; 10]);
        }
        store.commit(changes).unwrap();
    }
    let stats = store.stats().unwrap();
    assert_eq!(stats.records, 50_000);
    let mut most = 0;
    for number in 0..200 {
        disk.plan(Plan::Well);
        store.commit(one_message(number)).unwrap();
        let commit = store.stats().unwrap().last_commit;
        let counts = disk.counts();
        assert_eq!((counts.bytes, counts.syncs), (commit.table_bytes, u64::from(commit.syncs)));
        assert!(commit.syncs <= 4, "{commit:?}");
        most = most.max(commit.table_bytes + commit.record_bytes);
    }
    println!("{} pages; at most {most} bytes per commit", stats.table_pages);
    assert!(most <= 64 * 1024, "{most} bytes");
}
