//! The same promises on a real file system with the real sled.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use khaima_engine::{Changes, Commit, MemoryStore, RecordKind, StoreView};

use super::forensics::search;
use super::{below, key, put, random_changes, rng};
use crate::disk::{Profile, RealDisk};
use crate::header::Copies;
use crate::kdf::KdfParams;
use crate::passphrase::Passphrase;
use crate::records::{Records, SledRecords};
use crate::seal::Key;
use crate::vault::Vault;

fn phrase() -> Passphrase {
    Passphrase::of("correct horse").unwrap()
}

fn new_vault(parent: &tempfile::TempDir) -> (PathBuf, Vault) {
    let directory = parent.path().join("vault");
    let vault = Vault::create(&directory, &phrase(), KdfParams::weak_for_tests()).unwrap();
    (directory, vault)
}

fn master_of(directory: &Path) -> Key {
    let disk = RealDisk::new(directory);
    Copies::read(&disk).unlock(&disk, &phrase()).unwrap().master
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        }
        files.push(path);
    }
    files
}

fn is_in_files(directory: &Path, needle: &[u8]) -> bool {
    files_below(directory).iter().filter(|path| path.is_file()).any(|path| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

#[test]
fn random_histories_read_like_the_memory_store_across_reopenings() {
    for seed in 0..4 {
        let parent = tempfile::tempdir().unwrap();
        let (directory, mut vault) = new_vault(&parent);
        let mut model = MemoryStore::new();
        let mut rng = rng(seed);
        for step in 0..25 {
            let changes = random_changes(&mut rng, &model, 120, 12);
            model.commit(changes.clone()).unwrap();
            vault.commit(changes).unwrap();
            if step % 8 == 7 {
                if below(&mut rng, 2) == 0 {
                    vault.close().unwrap();
                } else {
                    drop(vault);
                }
                vault = Vault::open(&directory, &phrase()).unwrap();
            }
            for (key, bytes) in model.iter() {
                assert_eq!(vault.get(key).unwrap().unwrap().as_slice(), bytes, "seed {seed}");
            }
            assert_eq!(vault.stats().unwrap().records, model.len() as u64);
        }
        assert!(
            fs::read_dir(directory.join("records.0/blobs")).unwrap().next().is_none(),
            "no unsynced blobs"
        );
    }
}

#[test]
fn with_all_files_and_the_master_key_what_was_deleted_is_gone() {
    let parent = tempfile::tempdir().unwrap();
    let (directory, mut vault) = new_vault(&parent);
    let id = |number: u32| key(RecordKind::Message, &number.to_be_bytes());
    for batch in 0..10 {
        let mut changes = Changes::new();
        (0..50).for_each(|number| changes.put(id(batch * 50 + number), vec![number as u8; 300]));
        vault.commit(changes).unwrap();
    }
    vault.close().unwrap();
    let master = master_of(&directory);
    let keys_file = directory.join("keys.0");
    let before = search(&fs::read(&keys_file).unwrap(), &master, Profile::FIRST).secrets;
    assert_eq!(before.len(), 500, "control: what is not deleted can be found");
    let records = SledRecords::open(&directory.join("records.0")).unwrap();
    let mut old_chunks = Vec::new();
    records
        .names(&mut |name| old_chunks.push(records.get(name.try_into().unwrap()).unwrap().unwrap()))
        .unwrap();
    drop(records);

    let mut vault = Vault::open(&directory, &phrase()).unwrap();
    let mut changes = Changes::new();
    (0..250).for_each(|number| changes.delete(id(number * 2)));
    vault.commit(changes).unwrap();
    let while_open = search(&fs::read(&keys_file).unwrap(), &master, Profile::FIRST).secrets;
    vault.close().unwrap();
    let after = search(&fs::read(&keys_file).unwrap(), &master, Profile::FIRST).secrets;
    assert!(while_open == after && after.len() == 250 && after.is_subset(&before));
    // Control: sled itself has not forgotten the chunks; only their keys are gone.
    let remaining = old_chunks.iter().filter(|chunk| is_in_files(&directory, &chunk[..40])).count();
    assert!(remaining > 250, "{remaining}");
}

#[test]
fn no_file_shows_a_text_an_id_or_a_passphrase() {
    let parent = tempfile::tempdir().unwrap();
    let (directory, mut vault) = new_vault(&parent);
    for number in 0..200_u32 {
        let id = [b"contact-of-alice".as_slice(), &number.to_be_bytes()].concat();
        vault.commit(put(key(RecordKind::Contact, &id), b"noon, by the bridge")).unwrap();
    }
    let master = master_of(&directory);
    let check = || {
        let needles: [&[u8]; 5] =
            [b"contact-of-alice", b"noon, by the bridge", b"correct horse", b"khaima", &master.expose()[..8]];
        needles.map(|needle| is_in_files(&directory, needle))
    };
    assert_eq!(check(), [false; 5]);
    vault.close().unwrap();
    assert_eq!(check(), [false; 5]);
    fs::write(directory.join("records.0/leak"), b"xx noon, by the bridge").unwrap();
    assert_eq!(check(), [false, true, false, false, false], "control");
}

#[test]
fn only_this_user_may_read_what_lies_there() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("vault");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let vault = Vault::create(&directory, &phrase(), KdfParams::weak_for_tests()).unwrap();
    vault.close().unwrap();
    let mut vault = Vault::open(&directory, &phrase()).unwrap();
    vault.commit(put(key(RecordKind::Job, b"1"), b"x")).unwrap();
    vault.close().unwrap();
    for path in files_below(&directory).into_iter().chain([directory]) {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
}

#[test]
fn both_stores_are_there_from_the_beginning() {
    let parent = tempfile::tempdir().unwrap();
    let (directory, vault) = new_vault(&parent);
    let length = |name: &str| fs::metadata(directory.join(name)).unwrap().len();
    assert_eq!(length("keys.0"), length("keys.1"));
    assert!(directory.join("records.1/db").is_file());
    vault.close().unwrap();
    let master = master_of(&directory);
    let second = fs::read(directory.join("keys.1")).unwrap();
    assert!(search(&second, &master, Profile::SECOND).plain.is_empty());
}

#[test]
fn a_creation_cut_short_can_be_repeated() {
    let parent = tempfile::tempdir().unwrap();
    let (directory, vault) = new_vault(&parent);
    drop(vault);
    // As it is before the first header is renamed into place.
    fs::rename(directory.join("header.a"), directory.join("header.new")).unwrap();
    fs::remove_file(directory.join("header.b")).unwrap();
    assert!(!Vault::exists(&directory));
    let mut vault = Vault::create(&directory, &phrase(), KdfParams::weak_for_tests()).unwrap();
    vault.commit(put(key(RecordKind::Job, b"1"), b"x")).unwrap();
    drop(vault);
    assert_eq!(Vault::open(&directory, &phrase()).unwrap().stats().unwrap().records, 1);
}

#[test]
fn sled_is_opened_anew_after_a_failed_write() {
    let parent = tempfile::tempdir().unwrap();
    let records = SledRecords::create(parent.path()).unwrap();
    for round in 0..10_u8 {
        records.put(&[round; 32], b"chunk").unwrap();
        records.flush().unwrap();
        records.give_up();
        assert_eq!(records.get(&[round; 32]).unwrap().unwrap(), b"chunk");
        records.put(&[round; 32], b"other").unwrap();
        assert_eq!(records.get(&[round; 32]).unwrap().unwrap(), b"other");
    }
}
