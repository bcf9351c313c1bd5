//! Disks that are full, that fail, and that do a thing and say they did not.

use khaima_engine::{Order, RecordKind};

use super::{after, contents, filled, forensics, model_contents, open, put, rng, sure_changes};
use crate::disk::simulated::{Plan, SimulatedDisk};
use crate::error::CommitError;

#[test]
fn a_full_disk_at_any_step_loses_nothing_and_goes_on_when_space_returns() {
    let mut in_doubt = 0;
    for seed in 0..12 {
        let (disk, master, model) = filled(seed, [10, 80, 600][seed as usize % 3]);
        let mut random = rng(seed);
        let changes = sure_changes(&mut random, &model, 400, 5);
        for at in 0.. {
            let disk = disk.copy();
            let mut store = open(&disk, &master);
            disk.plan(Plan::FullFrom(at));
            let result = store.commit(changes.clone());
            if disk.operations() <= at {
                break;
            }
            match &result {
                Ok(()) => {} // only removals from sled were refused
                Err(error) => assert!(error.is_disk_full(), "{error}"),
            }
            in_doubt += usize::from(matches!(result, Err(CommitError::InDoubt(_))));
            let kept = result.is_ok() || result.is_err_and(|error| error.is_kept());
            let now = if kept { after(&model, &changes) } else { model.clone() };
            assert_eq!(contents(&store), model_contents(&now));
            // Still full: refused, and still readable.
            let more = sure_changes(&mut random, &now, 400, 5);
            assert!(store.commit(more).is_err());
            assert_eq!(contents(&store), model_contents(&now));
            disk.plan(Plan::Well);
            store.commit(changes.clone()).unwrap();
            let now = after(&model, &changes);
            assert_eq!(contents(&store), model_contents(&now));
            assert_eq!(forensics::search_disk(&disk, &master).secrets, store.secrets());
            store.close().unwrap();
            let store = open(&disk, &master);
            assert_eq!(contents(&store), model_contents(&now));
            let names: Vec<Vec<u8>> = store.names().into_iter().map(Vec::from).collect();
            // A vault that was in doubt is swept by the opening after its closing.
            assert!(disk.chunks(super::PROFILE).into_keys().eq(names), "seed {seed}, operation {at}");
        }
    }
    assert!(in_doubt > 0);
}

#[test]
fn opening_on_a_full_disk_still_reads() {
    for seed in 0..6 {
        let (disk, master, model) = filled(seed, 80);
        let changes = sure_changes(&mut rng(seed), &model, 100, 5);
        let whole = disk.copy();
        whole.plan(Plan::Well);
        open(&whole, &master).commit(changes.clone()).unwrap();
        for at in 0..whole.operations() {
            let disk = disk.copy();
            disk.plan(Plan::PowerCutAt(at));
            if let Ok(mut store) = super::try_open(&disk, &master) {
                let _ = store.commit(changes.clone());
            }
            disk.cut_power(&mut rng(at));
            disk.plan(Plan::FullFrom(0));
            let mut store = open(&disk, &master);
            let found = contents(&store);
            let new = after(&model, &changes);
            assert!(found == model_contents(&model) || found == model_contents(&new));
            disk.plan(Plan::Well);
            store.commit(changes.clone()).unwrap();
            assert_eq!(contents(&store), model_contents(&new));
            assert_eq!(forensics::search_disk(&disk, &master).secrets, store.secrets());
        }
    }
}

#[test]
fn a_disk_that_does_it_and_says_it_did_not_cannot_split_the_state() {
    for seed in 0..10 {
        let (disk, master, model) = filled(seed, 90);
        let changes = sure_changes(&mut rng(seed), &model, 300, 5);
        for at in 0.. {
            let disk = disk.copy();
            let mut store = open(&disk, &master);
            disk.plan(Plan::LieAt(at));
            let result = store.commit(changes.clone());
            if disk.operations() <= at {
                break;
            }
            let kept = result.is_ok() || result.is_err_and(|error| error.is_kept());
            let now = if kept { after(&model, &changes) } else { model.clone() };
            assert_eq!(contents(&store), model_contents(&now));
            drop(store);
            let store = open(&disk, &master);
            assert_eq!(contents(&store), model_contents(&now), "seed {seed}, operation {at}");
            assert_eq!(forensics::search_disk(&disk, &master).secrets, store.secrets());
        }
    }
}

#[test]
fn a_commit_in_doubt_is_decided_before_its_pages_are_used_again() {
    let (disk, master, model) = filled(7, 150);
    let mut random = rng(7);
    let first = sure_changes(&mut random, &model, 400, 5);
    let second = sure_changes(&mut random, &model, 400, 5);
    // Where the sync of root A and that of taking it back fail.
    let in_doubt = |disk: &SimulatedDisk, at| {
        let mut store = open(disk, &master);
        disk.plan(Plan::SyncsFailFrom(at));
        let result = store.commit(first.clone());
        (store, matches!(result, Err(CommitError::InDoubt(_))))
    };
    let at = (0..).find(|at| in_doubt(&disk.copy(), *at).1).unwrap();
    let possible = [&model, &after(&model, &first), &after(&model, &second)].map(model_contents);
    let mut seen = [0; 3];
    for cut in 0.. {
        // At first both root pages are pending; that only the new one lands takes some tries.
        for seed in 0..if cut < 3 { 150 } else { 10 } {
            let disk = disk.copy();
            let (mut store, _) = in_doubt(&disk, at);
            assert_eq!(contents(&store), possible[0]);
            disk.plan(Plan::PowerCutAt(cut));
            let committed = store.commit(second.clone()).is_ok();
            let cut_off = disk.operations() > cut;
            drop(store);
            disk.cut_power(&mut rng(1000 * cut + seed));
            let found = contents(&open(&disk, &master));
            let which = possible.iter().position(|possible| *possible == found);
            let which = which.unwrap_or_else(|| panic!("no possible state (cut at {cut}, seed {seed})"));
            assert!(which == 2 || !committed);
            seen[which] += 1;
            if !cut_off {
                assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
                return;
            }
        }
    }
}

#[test]
fn a_failed_read_is_an_error_and_passes() {
    let (disk, master, model) = filled(5, 2500);
    let key = model.iter().next().unwrap().0.clone();
    for at in 0.. {
        let store = open(&disk, &master);
        disk.plan(Plan::FailAt(at));
        let result = store.get(&key);
        let scan = store.scan(RecordKind::Message, &[], Order::Ascending, None, 1);
        if disk.operations() <= at {
            break;
        }
        assert!(result.is_err() || scan.is_err());
        disk.plan(Plan::Well);
        assert!(store.get(&key).unwrap().is_some());
    }
}

#[test]
fn a_failed_closing_loses_nothing() {
    let (disk, master, model) = filled(6, 40);
    for at in 0.. {
        let disk = disk.copy();
        let mut store = open(&disk, &master);
        store.commit(put(super::key(RecordKind::Job, b"one"), b"value")).unwrap();
        disk.plan(Plan::FailAt(at));
        let closed = store.close();
        if disk.operations() <= at {
            assert!(closed.is_ok());
            break;
        }
        assert!(closed.is_err());
        disk.plan(Plan::Well);
        assert_eq!(contents(&open(&disk, &master)).len(), model.len() + 1);
    }
}
