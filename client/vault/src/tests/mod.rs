//! The store under a disk that fails, loses power and fills up, and what can be found in its files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests: helpers outside of #[test] functions too"
)]

mod conformance;
mod cost;
mod crashes;
mod damage;
mod faults;
mod fixtures;
mod forensics;
mod forgetting;
mod headers;
mod real;

use std::collections::BTreeMap;
use std::sync::Arc;

use khaima_engine::{Changes, Commit, MemoryStore, Order, RecordKey, RecordKind};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::disk::Profile;
use crate::disk::simulated::SimulatedDisk;
use crate::error::OpenError;
use crate::seal::Key;
use crate::store::Store;

const PROFILE: Profile = Profile::FIRST;

/// A disk with an empty store of the first profile.
fn new_disk() -> (SimulatedDisk, Key) {
    let disk = SimulatedDisk::default();
    let master = Key::random().unwrap();
    Store::create(&disk, PROFILE, &master).unwrap();
    (disk, master)
}

fn try_open(disk: &SimulatedDisk, master: &Key) -> Result<Store, OpenError> {
    Store::open(Arc::new(disk.clone()), disk.records(PROFILE), PROFILE, master)
}

fn open(disk: &SimulatedDisk, master: &Key) -> Store {
    try_open(disk, master).unwrap()
}

/// From so many possible keys on, ids are long.
const DEEP: usize = 3000;

type Contents = BTreeMap<RecordKey, Vec<u8>>;

/// Everything a store gives, by scan and get.
fn contents(store: &Store) -> Contents {
    let mut contents = Contents::new();
    for kind in RecordKind::ALL {
        for key in store.scan(kind, &[], Order::Ascending, None, usize::MAX).unwrap() {
            let value = store.get(&key).unwrap().unwrap().to_vec();
            contents.insert(key, value);
        }
    }
    contents
}

fn model_contents(model: &MemoryStore) -> Contents {
    model.iter().map(|(key, bytes)| (key.clone(), bytes.to_vec())).collect()
}

fn after(model: &MemoryStore, changes: &Changes) -> MemoryStore {
    let mut model = model.clone();
    model.commit(changes.clone()).unwrap();
    model
}

fn key(kind: RecordKind, id: &[u8]) -> RecordKey {
    RecordKey::new(kind, id).unwrap()
}

fn put(key: RecordKey, value: &[u8]) -> Changes {
    let mut changes = Changes::new();
    changes.put(key, value.to_vec());
    changes
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn below(rng: &mut impl Rng, bound: usize) -> usize {
    (rng.next_u64() % bound as u64) as usize
}

/// A key out of `universe` of them, in three kinds, with ids of different lengths. In a large universe ids are long
/// and begin alike, so that separators are long and the tree is deep with few records.
fn random_key(rng: &mut impl Rng, universe: usize) -> RecordKey {
    let number = below(rng, universe) as u32;
    let kind = [RecordKind::Message, RecordKind::Session, RecordKind::Seen][number as usize % 3];
    let group = number.wrapping_mul(2_654_435_761) % 7;
    let length = if universe >= DEEP { 60 } else { 1 + (number as usize * 5) % 56 };
    let mut id = vec![group as u8; length];
    id.extend_from_slice(&number.to_be_bytes());
    key(kind, &id)
}

fn random_value(rng: &mut impl Rng) -> Vec<u8> {
    let length = match below(rng, 20) {
        0 => 0,
        1 => below(rng, 12_000),
        _ => below(rng, 600),
    };
    let mut value = vec![0; length];
    rng.fill_bytes(&mut value);
    value
}

fn random_changes(rng: &mut impl Rng, model: &MemoryStore, universe: usize, most: usize) -> Changes {
    let mut changes = Changes::new();
    for _ in 0..=below(rng, most) {
        match below(rng, 5) {
            0 => changes.delete(random_key(rng, universe)),
            1 if !model.is_empty() => {
                let at = below(rng, model.len());
                changes.delete(model.iter().nth(at).unwrap().0.clone());
            }
            _ => changes.put(random_key(rng, universe), random_value(rng)),
        }
    }
    changes
}

/// Changes that put, replace and delete something for certain, and more by chance.
fn sure_changes(rng: &mut impl Rng, model: &MemoryStore, universe: usize, most: usize) -> Changes {
    let mut changes = random_changes(rng, model, universe, most);
    let mut some = || model.iter().nth(below(rng, model.len().max(1))).map(|(key, _)| key.clone());
    some().into_iter().for_each(|key| changes.put(key, b"replaced".to_vec()));
    some().into_iter().for_each(|key| changes.delete(key));
    changes.put(key(RecordKind::Gap, &rng.next_u64().to_be_bytes()), b"new".to_vec());
    changes
}

/// A store with about `records` records, and its model.
fn filled(seed: u64, records: usize) -> (SimulatedDisk, Key, MemoryStore) {
    let (disk, master) = new_disk();
    let mut store = open(&disk, &master);
    let mut model = MemoryStore::new();
    let mut rng = rng(seed);
    for _ in 0..records.div_ceil(200) {
        let mut changes = Changes::new();
        for _ in 0..records.min(200) {
            let value = vec![7; below(&mut rng, 40)];
            changes.put(random_key(&mut rng, records * 4), value);
        }
        model.commit(changes.clone()).unwrap();
        store.commit(changes).unwrap();
    }
    store.close().unwrap();
    (disk, master, model)
}

/// Deletes every record of a store in batches of `size`, in an order of chance.
fn delete_all(store: &mut Store, model: &mut MemoryStore, size: usize, rng: &mut impl Rng) {
    while !model.is_empty() {
        let mut changes = Changes::new();
        for _ in 0..size {
            let at = below(rng, model.len());
            changes.delete(model.iter().nth(at).unwrap().0.clone());
        }
        model.commit(changes.clone()).unwrap();
        store.commit(changes).unwrap();
    }
}

#[test]
fn the_vault_can_be_handed_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<crate::Vault>();
}
