//! The vault from outside: creating, opening, changing the passphrase, two processes, sudden ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests: helpers outside of #[test] functions too"
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use khaima_engine::{Changes, Commit, Order, RecordKey, RecordKind, StoreView};
use khaima_vault::{ChangePassphraseError, CreateError, KdfParams, OpenError, Passphrase, Vault};

fn phrase(text: &str) -> Passphrase {
    Passphrase::of(text).unwrap()
}

fn create(directory: &Path) -> Result<Vault, CreateError> {
    Vault::create(directory, &phrase("right"), KdfParams::weak_for_tests())
}

fn new_vault() -> (tempfile::TempDir, PathBuf, Vault) {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("deep/vault");
    let vault = create(&directory).unwrap();
    (parent, directory, vault)
}

fn job(number: u64) -> RecordKey {
    RecordKey::new(RecordKind::Job, &number.to_be_bytes()).unwrap()
}

fn put(key: RecordKey, value: &[u8]) -> Changes {
    let mut changes = Changes::new();
    changes.put(key, value.to_vec());
    changes
}

#[test]
fn a_vault_keeps_what_was_committed() {
    let (_parent, directory, mut vault) = new_vault();
    assert!(Vault::exists(&directory));
    vault.commit(put(job(1), b"one")).unwrap();
    vault.close().unwrap();
    let vault = Vault::open(&directory, &phrase("right")).unwrap();
    assert_eq!(vault.get(&job(1)).unwrap().unwrap().as_slice(), b"one");
    assert!(vault.get(&job(2)).unwrap().is_none());
    assert_eq!(vault.scan(RecordKind::Job, &[], Order::Descending, None, 9).unwrap(), [job(1)]);
}

#[test]
fn what_an_interrupted_snapshot_left_behind_closes_no_vault() {
    // Found on a real disk that filled up: sled leaves an empty file and takes it for damage ever after.
    let (_parent, directory, mut vault) = new_vault();
    vault.commit(put(job(1), b"one")).unwrap();
    vault.close().unwrap();
    let leftover = directory.join("records.0/snap.000000000007F9D1.generating");
    fs::write(&leftover, b"").unwrap();
    let vault = Vault::open(&directory, &phrase("right")).unwrap();
    assert_eq!(vault.get(&job(1)).unwrap().unwrap().as_slice(), b"one");
    assert!(!leftover.exists());
}

#[test]
fn a_vault_is_created_only_in_a_place_of_its_own() {
    let (_parent, directory, vault) = new_vault();
    assert!(matches!(create(&directory), Err(CreateError::Exists)));
    vault.close().unwrap();
    assert!(matches!(create(&directory), Err(CreateError::Exists)));

    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("letter.txt"), "x").unwrap();
    assert!(matches!(create(other.path()), Err(CreateError::NotEmpty)));
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1);

    let empty = tempfile::tempdir().unwrap();
    let no_passphrase = Vault::create(empty.path(), &Passphrase::new(), KdfParams::weak_for_tests());
    assert!(matches!(no_passphrase, Err(CreateError::EmptyPassphrase)));
    assert!(!Vault::exists(empty.path()));
    create(empty.path()).unwrap();
}

#[test]
fn what_is_no_vault_is_said_to_be_none_and_left_alone() {
    let empty = tempfile::tempdir().unwrap();
    assert!(!Vault::exists(empty.path()));
    assert!(matches!(Vault::open(empty.path(), &phrase("x")), Err(OpenError::NotAVault)));
    assert!(matches!(Vault::open(&empty.path().join("none"), &phrase("x")), Err(OpenError::NotAVault)));
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
}

#[test]
fn a_wrong_passphrase_and_a_damaged_header_look_alike() {
    let (_parent, directory, vault) = new_vault();
    vault.close().unwrap();
    let wrong = Vault::open(&directory, &phrase("wrong")).unwrap_err();
    for copy in ["header.a", "header.b"] {
        let mut bytes = fs::read(directory.join(copy)).unwrap();
        bytes[64..1088].fill(7);
        fs::write(directory.join(copy), bytes).unwrap();
    }
    let damaged = Vault::open(&directory, &phrase("right")).unwrap_err();
    assert_eq!(format!("{wrong:?} {wrong}"), format!("{damaged:?} {damaged}"));
    assert!(matches!(damaged, OpenError::DoesNotOpen));
}

#[test]
fn a_changed_passphrase_opens_and_the_old_one_does_not() {
    let (_parent, directory, mut vault) = new_vault();
    vault.commit(put(job(1), b"one")).unwrap();
    let refused = vault.change_passphrase(&phrase("wrong"), &phrase("new"));
    assert!(matches!(refused, Err(ChangePassphraseError::WrongPassphrase)));
    let refused = vault.change_passphrase(&phrase("right"), &Passphrase::new());
    assert!(matches!(refused, Err(ChangePassphraseError::EmptyPassphrase)));
    vault.change_passphrase(&phrase("right"), &phrase("new")).unwrap();
    vault.commit(put(job(2), b"two")).unwrap();
    vault.close().unwrap();
    assert!(matches!(Vault::open(&directory, &phrase("right")), Err(OpenError::DoesNotOpen)));
    let vault = Vault::open(&directory, &phrase("new")).unwrap();
    assert_eq!(vault.stats().unwrap().records, 2);
}

#[test]
fn missing_records_are_damage_and_not_an_empty_vault() {
    let (_parent, directory, mut vault) = new_vault();
    vault.commit(put(job(1), b"one")).unwrap();
    vault.close().unwrap();
    fs::rename(directory.join("records.0"), directory.join("elsewhere")).unwrap();
    assert!(matches!(Vault::open(&directory, &phrase("right")), Err(OpenError::Records(_))));
    fs::rename(directory.join("elsewhere"), directory.join("records.0")).unwrap();
    assert_eq!(Vault::open(&directory, &phrase("right")).unwrap().stats().unwrap().records, 1);
}

#[test]
fn a_second_opening_in_the_same_process_is_refused() {
    let (_parent, directory, vault) = new_vault();
    assert!(matches!(Vault::open(&directory, &phrase("right")), Err(OpenError::InUse)));
    drop(vault);
    for _ in 0..5 {
        Vault::open(&directory, &phrase("right")).unwrap();
    }
}

/// Set for a child process: the vault it is to use.
const DIRECTORY: &str = "KHAIMA_TEST_VAULT";

fn child(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(DIRECTORY, directory);
    command
}

fn directory_of_child() -> Option<PathBuf> {
    std::env::var_os(DIRECTORY).map(PathBuf::from)
}

#[test]
fn a_vault_is_open_in_one_process_at_a_time() {
    if let Some(directory) = directory_of_child() {
        let result = Vault::open(&directory, &phrase("right"));
        println!("\nresult: {}", result.map_or_else(|error| error.to_string(), |_| "opened".to_owned()));
        return;
    }
    let (_parent, directory, vault) = new_vault();
    let opened_elsewhere = || {
        let output = child("a_vault_is_open_in_one_process_at_a_time", &directory).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().find_map(|line| line.strip_prefix("result: ").map(str::to_owned)).unwrap()
    };
    assert_eq!(opened_elsewhere(), "this vault is in use by another process");
    drop(vault);
    assert_eq!(opened_elsewhere(), "opened");
}

#[test]
fn a_killed_process_loses_nothing_that_was_committed() {
    if let Some(directory) = directory_of_child() {
        let mut vault = Vault::open(&directory, &phrase("right")).unwrap();
        let mut counter = vault.get(&job(0)).unwrap().map_or(0, |value| number(&value));
        loop {
            counter += 1;
            let mut changes = put(job(0), &counter.to_be_bytes());
            changes.put(job(counter), counter.to_be_bytes().repeat(1 + counter as usize % 90));
            if counter > 40 {
                changes.delete(job(counter - 40));
            }
            vault.commit(changes).unwrap();
            println!("\ncommitted {counter}");
            std::io::stdout().flush().unwrap();
        }
    }
    let (_parent, directory, mut vault) = new_vault();
    vault.commit(put(job(0), &0_u64.to_be_bytes())).unwrap();
    drop(vault);
    let mut acknowledged = 0;
    for round in 0..6 {
        let mut process = child("a_killed_process_loses_nothing_that_was_committed", &directory)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut commits = lines
            .map_while(Result::ok)
            .filter_map(|line| Some(line.strip_prefix("committed ")?.parse().unwrap()));
        for _ in 0..10 + round * 7 {
            acknowledged = commits.next().unwrap();
        }
        process.kill().unwrap();
        process.wait().unwrap();
        acknowledged = commits.last().unwrap_or(acknowledged);

        let vault = Vault::open(&directory, &phrase("right")).unwrap();
        let counter = number(&vault.get(&job(0)).unwrap().unwrap());
        assert!((acknowledged..=acknowledged + 1).contains(&counter), "{counter} after {acknowledged}");
        for other in 1..=counter + 1 {
            let value = vault.get(&job(other)).unwrap();
            let is_live = other + 40 > counter && other <= counter;
            assert_eq!(value.is_some(), is_live, "record {other} after {counter}");
            assert!(value.is_none_or(|value| *value == other.to_be_bytes().repeat(1 + other as usize % 90)));
        }
    }
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().unwrap())
}

/// A directory on a file system of some 12 MiB. As root:
/// `mount -t tmpfs -o size=12m tmpfs /mnt && KHAIMA_TEST_SMALL_DISK=/mnt cargo nextest run -p khaima-vault --run-ignored all small`
#[test]
#[ignore = "needs KHAIMA_TEST_SMALL_DISK"]
fn a_small_disk_that_fills_up_loses_nothing() {
    let parent = tempfile::tempdir_in(std::env::var_os("KHAIMA_TEST_SMALL_DISK").unwrap()).unwrap();
    let directory = parent.path().join("vault");
    let spare = parent.path().join("spare");
    fs::write(&spare, vec![1; 4 << 20]).unwrap();
    let mut vault = create(&directory).unwrap();
    let value = |number: u64| number.to_be_bytes().repeat(400);
    let check = |vault: &Vault, count: u64| {
        for number in 0..count {
            assert_eq!(*vault.get(&job(number)).unwrap().unwrap(), value(number));
        }
        assert_eq!(vault.stats().unwrap().records, count);
    };
    let mut count = 0;
    let mut errors = Vec::new();
    while errors.len() < 5 {
        match vault.commit(put(job(count), &value(count))) {
            Ok(()) => count += 1,
            Err(error) => {
                count += u64::from(error.is_kept());
                assert!(error.is_disk_full(), "{error:?}");
                errors.push(error.to_string());
            }
        }
    }
    println!("full after {count} records: {errors:?}");
    check(&vault, count);
    let _ = vault.close(); // there is no room to sweep
    // As full as can be.
    let mut rest = fs::File::create(parent.path().join("rest")).unwrap();
    while rest.write_all(&[1; 512]).is_ok() {}
    let mut vault = Vault::open(&directory, &phrase("right")).unwrap();
    check(&vault, count);
    let refused = vault.commit(put(job(count), &value(count)));
    assert!(refused.is_err_and(|error| error.is_disk_full()));
    check(&vault, count);
    fs::remove_file(&spare).unwrap();
    for more in 0..50 {
        let result = vault.commit(put(job(count), &value(count)));
        assert!(result.is_ok(), "{result:?} after {more} more");
        count += 1;
    }
    check(&vault, count);
    vault.close().unwrap();
    check(&Vault::open(&directory, &phrase("right")).unwrap(), count);
}

#[test]
fn errors_and_open_vaults_print_nothing_secret() {
    let (_parent, directory, mut vault) = new_vault();
    vault.commit(put(RecordKey::new(RecordKind::Contact, b"private-id").unwrap(), b"private text")).unwrap();
    let text = format!("{vault:?}");
    assert!(!text.contains("private") && text.contains("Key(..)"), "{text}");
    drop(vault);
    let error = Vault::open(&directory, &phrase("wrong words")).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("wrong words"));
}
