//! Damaged pages and records cost what they held and no more.

use khaima_engine::{Changes, Commit, MemoryStore, Order, RecordKind};

use super::{after, contents, filled, key, model_contents, new_disk, open, put, try_open};
use crate::disk::File;
use crate::disk::simulated::SimulatedDisk;
use crate::error::{OpenError, ReadError};
use crate::seal::Key;
use crate::store::Store;
use crate::table::{PAGE_LENGTH, TableError};

const KEYS: File = File::Keys(super::PROFILE);

fn spoil_page(disk: &SimulatedDisk, page: usize) {
    disk.damage(KEYS, |bytes| bytes[page * PAGE_LENGTH + 100] ^= 1);
}

#[test]
fn a_damaged_record_costs_that_record_only() {
    let (disk, master) = new_disk();
    let mut store = open(&disk, &master);
    store.commit(put(key(RecordKind::Contact, b"bob"), &[1; 5000])).unwrap();
    let of_bob = store.names();
    store.commit(put(key(RecordKind::Message, b"1"), b"text")).unwrap();
    for spoil in [
        (|bytes: Option<&mut Vec<u8>>| bytes.unwrap()[50] ^= 1) as fn(Option<&mut Vec<u8>>),
        |bytes| bytes.unwrap().truncate(30),
        |bytes| bytes.unwrap().clear(),
    ] {
        let disk = disk.copy();
        disk.damage_records(super::PROFILE, |chunks| {
            spoil(chunks.get_mut(of_bob.last().unwrap().as_slice()))
        });
        let mut store = open(&disk, &master);
        let error = store.get(&key(RecordKind::Contact, b"bob")).unwrap_err();
        assert!(matches!(error, ReadError::Record { kind: RecordKind::Contact }));
        assert_eq!(error.to_string(), "a record is damaged (kind: Contact); other records are not concerned");
        assert_eq!(store.get(&key(RecordKind::Message, b"1")).unwrap().unwrap().as_slice(), b"text");
        store.commit(put(key(RecordKind::Contact, b"bob"), b"again")).unwrap();
        assert_eq!(store.get(&key(RecordKind::Contact, b"bob")).unwrap().unwrap().as_slice(), b"again");
    }
    disk.damage_records(super::PROFILE, |chunks| chunks.clear());
    let mut store = open(&disk, &master);
    assert!(store.get(&key(RecordKind::Contact, b"bob")).is_err());
    let mut changes = Changes::new();
    changes.delete(key(RecordKind::Contact, b"bob"));
    store.commit(changes).unwrap();
    assert!(store.get(&key(RecordKind::Contact, b"bob")).unwrap().is_none());
}

#[test]
fn chunks_that_change_places_are_damage() {
    let (disk, master) = new_disk();
    let mut store = open(&disk, &master);
    store.commit(put(key(RecordKind::Contact, b"a"), b"one")).unwrap();
    store.commit(put(key(RecordKind::Contact, b"b"), b"two")).unwrap();
    disk.damage_records(super::PROFILE, |chunks| {
        let names: Vec<Vec<u8>> = chunks.keys().cloned().collect();
        let first = chunks[&names[0]].clone();
        let second = chunks.insert(names[1].clone(), first).unwrap();
        chunks.insert(names[0].clone(), second);
    });
    assert!(store.get(&key(RecordKind::Contact, b"a")).is_err());
    assert!(store.get(&key(RecordKind::Contact, b"b")).is_err());
}

/// Readable records, and the number of those whose keys are lost.
fn readable(store: &Store, model: &MemoryStore) -> (usize, usize) {
    let mut counts = (0, 0);
    for (key, bytes) in model.iter() {
        match store.get(key) {
            Ok(value) => {
                assert_eq!(value.unwrap().as_slice(), bytes);
                counts.0 += 1;
            }
            Err(ReadError::Table(TableError::Damaged)) => counts.1 += 1,
            Err(error) => panic!("{error}"),
        }
    }
    counts
}

#[test]
fn a_damaged_page_costs_the_records_below_it_only() {
    let (disk, master, model) = filled(4, 900);
    let pages = disk.bytes(KEYS).len() / PAGE_LENGTH;
    let mut worst = 0;
    for page in 2..pages {
        let disk = disk.copy();
        spoil_page(&disk, page);
        let mut store = open(&disk, &master);
        let (good, lost) = readable(&store, &model);
        assert_eq!(good + lost, model.len());
        worst = worst.max(lost);
        // What can still be written is, and nothing that can be read is lost by it.
        let changes = put(key(RecordKind::Settings, b"after the damage"), b"x");
        if store.commit(changes).is_ok() {
            assert!(store.get(&key(RecordKind::Settings, b"after the damage")).unwrap().is_some());
        }
        drop(store);
        assert_eq!(readable(&open(&disk, &master), &model), (good, lost));
    }
    assert!(worst > 0);
}

#[test]
fn one_damaged_root_is_repaired_from_the_other() {
    let (disk, master, model) = filled(5, 200);
    for spoiled in 0..2 {
        let disk = disk.copy();
        spoil_page(&disk, spoiled);
        assert_eq!(contents(&open(&disk, &master)), model_contents(&model));
        spoil_page(&disk, 1 - spoiled);
        assert_eq!(contents(&open(&disk, &master)), model_contents(&model), "the repair was written");
    }
}

#[test]
fn two_damaged_roots_a_short_and_a_missing_table_are_told() {
    let (disk, master, _) = filled(6, 50);
    let cases: [fn(&SimulatedDisk); 4] = [
        |disk| (0..2).for_each(|page| spoil_page(disk, page)),
        |disk| disk.damage(KEYS, |bytes| bytes.truncate(2 * PAGE_LENGTH - 1)),
        |disk| disk.damage(KEYS, Vec::clear),
        |disk| disk.lose(KEYS),
    ];
    for damage in cases {
        let disk = disk.copy();
        damage(&disk);
        assert!(matches!(try_open(&disk, &master), Err(OpenError::RootDamaged)));
    }
}

#[test]
fn a_table_cut_short_costs_the_pages_that_are_missing() {
    let (disk, master, model) = filled(7, 900);
    let pages = disk.bytes(KEYS).len() / PAGE_LENGTH;
    disk.damage(KEYS, |bytes| bytes.truncate(pages / 2 * PAGE_LENGTH));
    let store = open(&disk, &master);
    let (good, lost) = readable(&store, &model);
    assert!(good > 0 && lost > 0, "{good} {lost}");
}

#[test]
fn a_page_put_in_place_of_another_is_damage() {
    let (disk, master, model) = filled(8, 900);
    disk.damage(KEYS, |bytes| {
        let (head, tail) = bytes.split_at_mut(4 * PAGE_LENGTH);
        head[3 * PAGE_LENGTH..].swap_with_slice(&mut tail[..PAGE_LENGTH]);
    });
    let store = open(&disk, &master);
    let (_, lost) = readable(&store, &model);
    assert!(lost > 0);
}

#[test]
fn an_older_copy_of_root_b_does_not_come_back() {
    let (disk, master, model) = filled(9, 60);
    let old = disk.bytes(KEYS);
    let changes = put(key(RecordKind::Job, b"new"), b"x");
    let mut store = open(&disk, &master);
    store.commit(changes.clone()).unwrap();
    drop(store);
    disk.damage(KEYS, |bytes| {
        bytes[PAGE_LENGTH..2 * PAGE_LENGTH].copy_from_slice(&old[PAGE_LENGTH..2 * PAGE_LENGTH])
    });
    assert_eq!(contents(&open(&disk, &master)), model_contents(&after(&model, &changes)));
}

#[test]
fn scans_report_damage_instead_of_leaving_records_out() {
    let (disk, master, model) = filled(10, 900);
    let everything = model.len();
    (2..disk.bytes(KEYS).len() / PAGE_LENGTH).for_each(|page| spoil_page(&disk, page));
    let store = open(&disk, &master);
    assert!(store.scan(RecordKind::Message, &[], Order::Ascending, None, everything).is_err());
}

#[test]
fn a_key_of_another_vault_opens_nothing() {
    let (disk, _, _) = filled(11, 5);
    assert!(matches!(try_open(&disk, &Key::random().unwrap()), Err(OpenError::RootDamaged)));
    let mut model = MemoryStore::new();
    model.commit(Changes::new()).unwrap();
}
