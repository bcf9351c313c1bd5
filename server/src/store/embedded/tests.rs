//! What is true of this backend beside the rules of all stores: crashes, faults of the disk, what lies on it.

use std::ops::Bound;
use std::sync::atomic::AtomicBool;

use khaima_wire::{Day, Timestamp};
use redb::{BackendError, StorageBackend};

use super::*;
use crate::store::conformance::{
    acknowledge, append, ask, create, envelope, numbers, owner, upkeep, wait, waiting,
};

const KEY: [u8; 32] = [3; 32];
const HOUR_MS: u64 = 3_600_000;
const START: Timestamp = Day::new(20_000).start();

fn open(dir: &Path) -> EmbeddedStore {
    EmbeddedStore::open(dir, StoreKey::from_bytes(&KEY)).unwrap()
}

fn fresh() -> (tempfile::TempDir, EmbeddedStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    (dir, store)
}

/// The files as they are at this moment, as somebody who pulls the plug or takes the disk finds them.
fn image(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in [DATABASE_FILE, HOUR_KEYS_FILE] {
        std::fs::copy(dir.join(name), copy.path().join(name)).unwrap();
    }
    copy
}

#[test]
fn an_embedded_store_keeps_every_rule() {
    let dirs = std::cell::RefCell::new(Vec::new());
    crate::store::conformance::every_fact(|| {
        let (dir, store) = fresh();
        dirs.borrow_mut().push(dir);
        store
    });
}

#[test]
fn everything_answered_is_there_after_a_stop_at_any_moment() {
    let (dir, store) = fresh();
    create(&store, owner(1));
    for number in 0..30 {
        append(&store, owner(1).mailbox(), number);
        if number == 20 {
            acknowledge(&store, owner(1), vec![waiting(&store, owner(1))[0].id]);
        }
        if number % 5 == 0 {
            // Nothing was closed: this is what a killed process leaves.
            let image = image(dir.path());
            let found = numbers(&open(image.path()), owner(1));
            let first = u32::from(number >= 20);
            assert_eq!(found, (first..=number).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_closed_store_opens_as_it_was_and_answers_closed_before() {
    let (dir, store) = fresh();
    create(&store, owner(1));
    append(&store, owner(1).mailbox(), 7);
    store.close();
    store.close();
    let op = StoreOp::Touch { owners: vec![], calendar: crate::core::Calendar::new(Day::new(1), 1) };
    assert_eq!(wait(store.apply(op)), Err(StoreError::Closed));
    assert_eq!(numbers(&open(dir.path()), owner(1)), [7]);
}

#[test]
fn a_store_is_open_once() {
    let (dir, _store) = fresh();
    let again = EmbeddedStore::open(dir.path(), StoreKey::from_bytes(&KEY));
    assert!(matches!(again, Err(OpenError::Locked)), "{again:?}");
}

#[test]
fn another_store_key_finds_nothing() {
    let (dir, store) = fresh();
    create(&store, owner(1));
    drop(store);
    let other = EmbeddedStore::open(dir.path(), StoreKey::from_bytes(&[4; 32])).unwrap();
    assert_eq!(append(&other, owner(1).mailbox(), 1), StoreReply::Gone);
}

#[test]
fn what_was_acknowledged_is_unreadable_two_hours_later_even_from_an_old_database() {
    let (dir, store) = fresh();
    upkeep(&store, START);
    create(&store, owner(1));
    append(&store, owner(1).mailbox(), 1);
    append(&store, owner(1).mailbox(), 2);
    // Somebody copies the database, and the relay goes on.
    let before = image(dir.path());
    acknowledge(&store, owner(1), vec![waiting(&store, owner(1))[0].id]);
    upkeep(&store, START.plus_millis(HOUR_MS));
    upkeep(&store, START.plus_millis(2 * HOUR_MS));
    assert_eq!(numbers(&store, owner(1)), [2], "what waits stays readable");
    drop(store);
    // The old database with the keys of today: everything the relay has now, and what it had on free pages.
    let stolen = tempfile::tempdir().unwrap();
    std::fs::copy(before.path().join(DATABASE_FILE), stolen.path().join(DATABASE_FILE)).unwrap();
    std::fs::copy(dir.path().join(HOUR_KEYS_FILE), stolen.path().join(HOUR_KEYS_FILE)).unwrap();
    let found = open(stolen.path());
    assert_eq!(numbers(&found, owner(1)), [0_u32; 0]);
    assert_eq!(upkeep(&found, START).unreadable, 2, "and is swept out");
    // With the keys of then it would have been readable: the keys are what was lost.
    assert_eq!(numbers(&open(before.path()), owner(1)), [1, 2]);
}

#[test]
fn a_round_of_upkeep_that_was_interrupted_is_finished_after_opening() {
    let (dir, store) = fresh();
    create(&store, owner(1));
    (0..5).for_each(|number| drop(append(&store, owner(1).mailbox(), number)));
    drop(store);
    // A stop after the new key was written and before any row was: two keys in the file, all rows under the older.
    let mut keys = HourKeys::open(&dir.path().join(HOUR_KEYS_FILE)).unwrap();
    keys.renew(&mut rand::rng()).unwrap();
    let old = keys.ring().get(1).unwrap().expose().to_owned();
    drop(keys);
    let store = open(dir.path());
    assert_eq!(numbers(&store, owner(1)), [0, 1, 2, 3, 4]);
    upkeep(&store, START);
    assert_eq!(numbers(&store, owner(1)), [0, 1, 2, 3, 4]);
    let file = std::fs::read(dir.path().join(HOUR_KEYS_FILE)).unwrap();
    assert!(!file.windows(32).any(|bytes| bytes == old));
}

#[test]
fn missing_damaged_and_foreign_files_are_told_apart() {
    let (dir, store) = fresh();
    create(&store, owner(1));
    drop(store);
    let reopen = || EmbeddedStore::open(dir.path(), StoreKey::from_bytes(&KEY)).map(drop);
    let (keys, database) = (dir.path().join(HOUR_KEYS_FILE), dir.path().join(DATABASE_FILE));
    let (kept_keys, kept_database) = (std::fs::read(&keys).unwrap(), std::fs::read(&database).unwrap());
    std::fs::remove_file(&keys).unwrap();
    assert!(matches!(reopen(), Err(OpenError::KeyFileMissing)));
    assert!(!keys.exists(), "none is made in its place");
    std::fs::write(&keys, vec![7; 8_192]).unwrap();
    assert!(matches!(reopen(), Err(OpenError::KeyFileDamaged)));
    std::fs::write(&keys, &kept_keys).unwrap();
    std::fs::write(&database, vec![7; 8_192]).unwrap();
    assert!(matches!(reopen(), Err(OpenError::Damaged)), "{:?}", reopen());
    std::fs::write(&database, &kept_database).unwrap();
    assert!(reopen().is_ok());
    let later = redb::Database::create(&database).unwrap();
    let txn = later.begin_write().unwrap();
    txn.open_table(tables::META).unwrap().insert(tables::FORMAT, 2).unwrap();
    txn.commit().unwrap();
    drop(later);
    assert!(matches!(reopen(), Err(OpenError::LaterVersion)));
}

/// A disk that can be full.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    full: Arc<AtomicBool>,
}

impl Disk {
    fn check(&self) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        if len > self.file.len()? {
            self.check()?;
        }
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        self.file.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.file.write(offset, data)
    }
    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }
    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

#[test]
fn a_full_disk_refuses_loses_nothing_and_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(false));
    let (path, is_full) = (dir.path().join(DATABASE_FILE), Arc::clone(&full));
    let opener: Opener = Box::new(move || {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        open_backend(Disk { file: FileBackend::new(file)?, full: Arc::clone(&is_full) })
    });
    let store = EmbeddedStore::open_with(dir.path(), StoreKey::from_bytes(&KEY), opener).unwrap();
    create(&store, owner(1));
    let mut accepted: Vec<u32> = Vec::new();
    for round in 0..5_u32 {
        for number in 0..10 {
            assert_eq!(append(&store, owner(1).mailbox(), round * 100 + number), StoreReply::Appended);
            accepted.push(round * 100 + number);
        }
        full.store(true, Ordering::SeqCst);
        for number in 50..55 {
            let op = StoreOp::Append {
                mailbox: owner(1).mailbox(),
                sealed: envelope(round * 100 + number),
                random: [9; 8],
                expires: Day::new(20_030),
                calendar: crate::core::Calendar::new(Day::new(20_000), 180),
                quota: crate::core::Quota { envelopes: 100, bytes: 1 << 20 },
            };
            assert_eq!(wait(store.apply(op)), Err(StoreError::Unavailable));
        }
        full.store(false, Ordering::SeqCst);
        let found = numbers_when_open(&store);
        let kept: Vec<u32> = found.iter().copied().filter(|number| accepted.contains(number)).collect();
        assert_eq!(kept, accepted, "all that was accepted, in order");
    }
    drop(store);
    let found = numbers(&open(dir.path()), owner(1));
    assert!(accepted.iter().all(|number| found.contains(number)));
}

/// Writes once, so that the store opens its database again, then reads.
fn numbers_when_open(store: &EmbeddedStore) -> Vec<u32> {
    let calendar = crate::core::Calendar::new(Day::new(20_000), 180);
    let touched = ask(store, StoreOp::Touch { owners: vec![owner(1)], calendar });
    assert_eq!(touched, StoreReply::Touched, "there is room again");
    numbers(store, owner(1))
}

#[test]
fn too_much_waiting_is_put_off_and_what_frees_room_is_not() {
    let (_dir, store) = fresh();
    create(&store, owner(1));
    let places = Arc::clone(&store.places);
    let taken = places.try_acquire_many(u32::try_from(MOST_WAITING - RESERVED).unwrap()).unwrap();
    let calendar = crate::core::Calendar::new(Day::new(20_000), 180);
    let claim = StoreOp::Claim { mailbox: owner(1).mailbox(), calendar };
    assert_eq!(wait(store.apply(claim.clone())), Err(StoreError::Overloaded));
    assert_eq!(acknowledge(&store, owner(1), vec![]), StoreReply::Acknowledged);
    drop(taken);
    assert_eq!(wait(store.apply(claim.clone())), Ok(StoreReply::Gone));
    let waiting = QueuedBytes::add(MOST_WAITING_BYTES, &store.waiting_bytes);
    assert_eq!(wait(store.apply(claim.clone())), Err(StoreError::Overloaded));
    drop(waiting);
    assert_eq!(wait(store.apply(claim)), Ok(StoreReply::Gone));
    assert_eq!(store.places.available_permits(), MOST_WAITING, "every place was given back");
    assert_eq!(store.waiting_bytes.load(Ordering::Relaxed), 0);
}

#[test]
fn upkeep_of_many_envelopes_comes_in_pieces_between_which_others_are_served() {
    let (_dir, store) = fresh();
    for seed in 1..=30 {
        create(&store, owner(seed));
        let appends: Vec<_> = (0..80)
            .map(|number| {
                store.apply(StoreOp::Append {
                    mailbox: owner(seed).mailbox(),
                    sealed: envelope(number),
                    random: number.to_be_bytes().repeat(2).try_into().unwrap(),
                    expires: Day::new(20_030),
                    calendar: crate::core::Calendar::new(Day::new(20_000), 180),
                    quota: crate::core::Quota { envelopes: 100, bytes: 1 << 20 },
                })
            })
            .collect();
        appends.into_iter().for_each(|append| assert_eq!(wait(append), Ok(StoreReply::Appended)));
    }
    let calendar = crate::core::Calendar::new(Day::new(20_000), 180);
    let mut steps = 0;
    loop {
        let StoreReply::Upkept(done) = ask(&store, StoreOp::Upkeep { now: START, calendar }) else {
            panic!()
        };
        steps += 1;
        assert_eq!((done.envelopes, done.unreadable), (0, 0));
        append(&store, owner(1).mailbox(), 1_000 + steps);
        if !done.more {
            break;
        }
    }
    assert!(steps > 2, "{steps}");
    for seed in 2..=30 {
        assert_eq!(waiting(&store, owner(seed)).len(), 64);
    }
}

#[test]
fn after_a_pause_opening_needs_no_repair() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(DATABASE_FILE);
    let opener: Opener = Box::new(move || redb::Database::create(&path));
    let slot = Slot::default();
    slot.set(Some(Arc::new(writer::prepare(&opener).unwrap())));
    let hour_keys = HourKeys::create(&dir.path().join(HOUR_KEYS_FILE), &mut rand::rng()).unwrap();
    let mut writer = Writer {
        slot,
        opener,
        store_key: StoreKey::from_bytes(&KEY),
        hour_keys,
        schedule: upkeep::Schedule::default(),
        last_quick: None,
        settled: false,
    };
    let create = |seed| StoreOp::Create {
        owner: owner(seed),
        right: crate::core::CreationRight::Free,
        calendar: crate::core::Calendar::new(Day::new(20_000), 180),
        most_mailboxes: 100,
    };
    let needs_repair = || {
        let copy = image(dir.path());
        let repaired = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&repaired);
        let mut builder = redb::Builder::new();
        builder.set_repair_callback(move |_| seen.store(true, Ordering::SeqCst));
        drop(builder.open(copy.path().join(DATABASE_FILE)).unwrap());
        repaired.load(Ordering::SeqCst)
    };
    // The first commit is a quick one; the next, in the same second, is not.
    writer.transact(vec![create(1)]).unwrap();
    assert!(!needs_repair() && writer.settled);
    writer.last_quick = Some(std::time::Instant::now() + std::time::Duration::from_secs(60));
    writer.transact(vec![create(2)]).unwrap();
    assert!(needs_repair() && !writer.settled);
    writer.settle();
    assert!(!needs_repair() && writer.settled);
}
