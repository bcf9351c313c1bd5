//! With the master key and every file as it is now, what was deleted is gone.

use std::collections::BTreeSet;

use khaima_engine::{Changes, Commit, RecordKind};

use super::forensics::{opens_any, search, search_disk};
use super::{below, filled, key, new_disk, open, put, rng, sure_changes};
use crate::disk::File;
use crate::disk::simulated::{Plan, SimulatedDisk};
use crate::seal::Key;
use crate::store::Store;
use crate::table::PAGE_LENGTH;

#[test]
fn no_secret_of_a_deleted_record_can_be_reached() {
    let (disk, master, mut model) = filled(1, 1500);
    let mut store = open(&disk, &master);
    let before = store.secrets();
    let earlier = disk.copy();
    let mut random = rng(1);
    for _ in 0..30 {
        let mut changes = Changes::new();
        for _ in 0..20 {
            let at = below(&mut random, model.len());
            changes.delete(model.iter().nth(at).unwrap().0.clone());
        }
        model.commit(changes.clone()).unwrap();
        store.commit(changes).unwrap();
    }
    let kept = store.secrets();
    let deleted: BTreeSet<[u8; 32]> = before.difference(&kept).copied().collect();
    assert!(deleted.len() > 400 && kept.len() > 400);

    for reopened in [false, true] {
        if reopened {
            store.close().unwrap();
            store = open(&disk, &master);
        }
        let found = search_disk(&disk, &master);
        assert!(found.secrets == kept);
        for plain in &found.plain {
            assert!(
                plain.windows(32).all(|window| !deleted.contains::<[u8; 32]>(window.try_into().unwrap()))
            );
        }
    }
    // Control: the files as they were before give all of them.
    assert!(search_disk(&earlier, &master).secrets == before);
}

#[test]
fn a_replaced_version_is_gone_and_a_kept_key_would_open_it() {
    let (disk, master) = new_disk();
    let mut store = open(&disk, &master);
    let place = key(RecordKind::Session, b"alice");
    store.commit(put(place.clone(), b"old ratchet state")).unwrap();
    let old = *store.secrets().first().unwrap();
    let sled_before: Vec<Vec<u8>> = disk.chunks(super::PROFILE).into_values().collect();
    store.commit(put(place, b"new ratchet state")).unwrap();

    let found = search_disk(&disk, &master);
    assert_eq!(found.secrets.len(), 1);
    assert!(!found.secrets.contains(&old));
    // sled keeps the old chunk in its log. Whoever kept the secret could open it: so it is the secret that counts.
    let generation = (2_u64..9).find(|generation| {
        let place = [
            &[0, 6, 5],
            b"alice".as_slice(),
            &generation.to_be_bytes(),
            &17_u32.to_be_bytes(),
            &0_u32.to_be_bytes(),
        ]
        .concat();
        opens_any(&old, sled_before.clone(), &place)
    });
    assert!(generation.is_some());
}

#[test]
fn both_roots_hold_the_new_state_and_only_that_after_each_commit() {
    for records in [0, 120] {
        let (disk, master, mut model) = filled(4, records);
        let mut store = open(&disk, &master);
        let mut random = rng(4);
        for _ in 0..8 {
            let changes = sure_changes(&mut random, &model, 400, 3);
            model.commit(changes.clone()).unwrap();
            store.commit(changes).unwrap();
            for other in 0..2 {
                let mut bytes = disk.bytes(File::Keys(super::PROFILE));
                bytes[other * PAGE_LENGTH..][..PAGE_LENGTH].fill(0);
                assert!(search(&bytes, &master, super::PROFILE).secrets == store.secrets());
            }
        }
    }
}

/// Pages of a table, roots left out.
fn pages(disk: &SimulatedDisk) -> Vec<Vec<u8>> {
    disk.bytes(File::Keys(super::PROFILE)).chunks(PAGE_LENGTH).skip(2).map(<[u8]>::to_vec).collect()
}

fn assert_free_pages_are_overwritten(disk: &SimulatedDisk, store: &Store, old: &[Vec<u8>]) -> usize {
    let now = pages(disk);
    let free = store.free_pages();
    // Pages that were taken and never written may lie beyond the end of the file.
    let held = free.iter().filter_map(|page| now.get(*page as usize - 2));
    assert!(held.into_iter().all(|page| !old.contains(page)));
    free.len()
}

#[test]
fn freed_pages_hold_nothing_of_what_they_held() {
    let (disk, master, model) = filled(5, 300);
    let free = open(&disk.copy(), &master).free_pages();
    let used = (2..).zip(pages(&disk)).filter(|(page, _)| !free.contains(page));
    let old: Vec<Vec<u8>> = used.map(|(_, bytes)| bytes).collect();
    let changes = sure_changes(&mut rng(5), &model, 400, 6);
    let whole = disk.copy();
    whole.plan(Plan::Well);
    let mut store = open(&whole, &master);
    store.commit(changes.clone()).unwrap();
    let operations = whole.operations();
    assert!(assert_free_pages_are_overwritten(&whole, &store, &old) > 1);
    // Also when the power goes between the commit and the overwriting.
    for at in 0..operations {
        let disk = disk.copy();
        disk.plan(Plan::PowerCutAt(at));
        if let Ok(mut store) = super::try_open(&disk, &master) {
            let _ = store.commit(changes.clone());
        }
        disk.cut_power(&mut rng(at));
        let store = open(&disk, &master);
        assert_free_pages_are_overwritten(&disk, &store, &old);
    }
}

#[test]
fn deleted_ids_leave_nothing_in_the_pages() {
    let (disk, master, mut model) = filled(2, 2500);
    let mut store = open(&disk, &master);
    // A conversation among others, with enough messages to fill pages and be in separators.
    let conversation = b"conversation-17!";
    let mut changes = Changes::new();
    for order in 0..400_u64 {
        let id = [conversation.as_slice(), &order.to_be_bytes()].concat();
        changes.put(key(RecordKind::Message, &id), b"text".to_vec());
    }
    let mut deletion = Changes::new();
    changes.iter().for_each(|(key, _)| deletion.delete(key.clone()));
    store.commit(changes).unwrap();
    let is_in_pages = |disk| {
        let found = search_disk(disk, &master);
        found.plain.iter().any(|plain| plain.windows(6).any(|window| window == &conversation[..6]))
    };
    assert!(is_in_pages(&disk));
    store.commit(deletion).unwrap();
    assert!(!is_in_pages(&disk));
    assert_eq!(super::contents(&store), super::model_contents(&model));
    model.commit(Changes::new()).unwrap();
}

#[test]
fn another_master_key_finds_nothing() {
    let (disk, _, _) = filled(3, 100);
    let other = Key::random().unwrap();
    let found = search_disk(&disk, &other);
    assert!(found.secrets.is_empty() && found.plain.is_empty());
    assert!(super::try_open(&disk, &other).is_err());
}
