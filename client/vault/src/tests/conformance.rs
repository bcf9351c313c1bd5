//! The store answers as the engine's own store in memory does.

use khaima_engine::{Changes, Commit, MemoryStore, Order, RecordKind, StoreView};
use proptest::prelude::*;
use rand::Rng;

use super::{
    below, contents, delete_all, filled, key, model_contents, new_disk, open, random_changes, random_key,
    random_value, rng,
};
use crate::store::Store;

fn assert_same_scans(store: &Store, model: &MemoryStore, rng: &mut impl Rng, universe: usize, count: usize) {
    for _ in 0..count {
        let kind =
            [RecordKind::Message, RecordKind::Session, RecordKind::Seen, RecordKind::Job][below(rng, 4)];
        let some = random_key(rng, universe);
        let prefix = &some.id()[..below(rng, some.id().len() + 1).min(below(rng, 70))];
        let mark = random_key(rng, universe);
        let after = (below(rng, 2) == 0).then(|| mark.id());
        let order = if below(rng, 2) == 0 { Order::Ascending } else { Order::Descending };
        let limit = [0, 1, 3, 50, usize::MAX][below(rng, 5)];
        assert_eq!(
            store.scan(kind, prefix, order, after, limit).unwrap(),
            model.scan(kind, prefix, order, after, limit).unwrap()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_read_like_the_memory_store(
        seed: u64, universe in prop::sample::select(vec![5_usize, 200, 2999, 3000]), steps in 1_usize..40,
    ) {
        let (disk, master) = new_disk();
        let mut rng = rng(seed);
        let mut model = MemoryStore::new();
        let mut store = open(&disk, &master);
        for _ in 0..steps {
            let most = [1, 6, 120][below(&mut rng, 3)];
            let changes = random_changes(&mut rng, &model, universe, most);
            model.commit(changes.clone()).unwrap();
            store.commit(changes).unwrap();
            match below(&mut rng, 8) {
                0 => {
                    store.close().unwrap();
                    store = open(&disk, &master);
                }
                1 => {
                    drop(store);
                    disk.cut_power(&mut rng);
                    store = open(&disk, &master);
                }
                _ => {}
            }
            assert_same_scans(&store, &model, &mut rng, universe, 5);
            prop_assert_eq!(store.stats().unwrap().records, model.len() as u64);
        }
        prop_assert_eq!(contents(&store), model_contents(&model));
    }
}

#[test]
fn a_table_grows_to_three_levels_and_shrinks_to_none() {
    for seed in 0..3 {
        let (disk, master, mut model) = filled(seed, 2000);
        let mut store = open(&disk, &master);
        let mut rng = rng(seed);
        assert_eq!(contents(&store), model_contents(&model));
        assert_same_scans(&store, &model, &mut rng, 8000, 300);
        assert_eq!(store.level(), 2);
        delete_all(&mut store, &mut model, [1, 17, 300][seed as usize], &mut rng);
        assert_eq!(store.stats().unwrap().table_pages, 0);
        store.close().unwrap();
        assert_eq!(disk.bytes(crate::disk::File::Keys(super::PROFILE)).len(), 2 * crate::table::PAGE_LENGTH);
        assert!(disk.chunks(super::PROFILE).is_empty());
    }
}

#[test]
fn pages_stay_filled_while_records_come_and_go() {
    let (disk, master, mut model) = filled(1, 3000);
    let mut store = open(&disk, &master);
    let mut rng = rng(9);
    // Leaves of at least a third, so at most about three times the pages of a full table.
    for _ in 0..300 {
        let mut changes = Changes::new();
        for _ in 0..8 {
            let at = below(&mut rng, model.len());
            changes.delete(model.iter().nth(at).unwrap().0.clone());
        }
        model.commit(changes.clone()).unwrap();
        store.commit(changes).unwrap();
    }
    let bytes: usize = model.iter().map(|(key, _)| 1 + 1 + key.id().len() + 44).sum();
    let pages = store.stats().unwrap().table_pages as usize;
    assert!(pages <= 4 + 3 * bytes.div_ceil(4052), "{pages} pages for {bytes} bytes");
}

#[test]
fn large_values_are_read_back() {
    let (disk, master) = new_disk();
    let mut store = open(&disk, &master);
    let mut rng = rng(3);
    for length in [0, 4055, 4056, 4057, 65_536, 1_000_000] {
        let mut value = vec![0; length];
        rng.fill_bytes(&mut value);
        store.commit(super::put(key(RecordKind::Message, b"large"), &value)).unwrap();
        assert_eq!(store.get(&key(RecordKind::Message, b"large")).unwrap().unwrap().as_slice(), value);
    }
    let mut too_large = Changes::new();
    too_large.put(key(RecordKind::Message, b"large"), vec![0; 16 * 1024 * 1024 + 1]);
    too_large.put(key(RecordKind::Message, b"other"), random_value(&mut rng));
    assert!(matches!(store.commit(too_large), Err(crate::CommitError::TooLarge)));
    assert_eq!(store.stats().unwrap().records, 1);
}

#[test]
fn a_commit_that_changes_nothing_writes_nothing() {
    let (disk, master, _) = filled(1, 100);
    let mut store = open(&disk, &master);
    disk.plan(crate::disk::simulated::Plan::FullFrom(0));
    store.commit(Changes::new()).unwrap();
    let mut changes = Changes::new();
    changes.delete(key(RecordKind::Job, b"never was"));
    store.commit(changes).unwrap();
    assert_eq!(disk.counts().bytes, 0);
}
