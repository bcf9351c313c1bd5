//! A vault written by version 1 of the format opens, now and in every later version.
//!
//! `KHAIMA_WRITE_FIXTURES=1` writes the files anew: only for a new version, into a directory of its own.

use std::fs;
use std::path::PathBuf;

use khaima_engine::{Changes, RecordKind};

use super::{Contents, PROFILE, contents, key, new_disk, open};
use crate::disk::simulated::SimulatedDisk;
use crate::disk::{Disk, File};
use crate::header::{Copies, Header};
use crate::kdf::KdfParams;
use crate::passphrase::Passphrase;
use crate::records::Records;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1")
}

/// Enough for inner pages, and a value of two chunks.
fn expected() -> Contents {
    let mut contents = Contents::new();
    for number in 0..90_u8 {
        contents.insert(key(RecordKind::Seen, &[number; 40]), vec![number]);
    }
    contents.insert(key(RecordKind::Profile, b"me"), b"Aminatou".to_vec());
    contents.insert(key(RecordKind::Message, &[7; 24]), (0..5000_u32).map(|at| (at % 251) as u8).collect());
    contents
}

fn write() {
    let (disk, master) = new_disk();
    let mut store = open(&disk, &master);
    let mut changes = Changes::new();
    expected().into_iter().for_each(|(key, value)| changes.put(key, value));
    store.commit(changes).unwrap();
    store.close().unwrap();
    let passphrase = Passphrase::of("خيمة ñandú").unwrap();
    let header = Header::create(KdfParams::weak_for_tests(), &passphrase, PROFILE, &master).unwrap();
    header.write_new(&disk).unwrap();
    fs::create_dir_all(directory()).unwrap();
    fs::write(directory().join("header.a"), disk.bytes(File::HeaderA)).unwrap();
    fs::write(directory().join("keys.0"), disk.bytes(File::Keys(PROFILE))).unwrap();
    let chunks = disk.chunks(PROFILE).into_iter();
    let chunks: Vec<Vec<u8>> = chunks
        .map(|(name, chunk)| [name, (chunk.len() as u16).to_be_bytes().to_vec(), chunk].concat())
        .collect();
    fs::write(directory().join("chunks"), chunks.concat()).unwrap();
}

#[test]
fn a_vault_of_version_1_opens() {
    if std::env::var_os("KHAIMA_WRITE_FIXTURES").is_some() {
        write();
    }
    let disk = SimulatedDisk::default();
    let read = |name: &str| fs::read(directory().join(name)).unwrap();
    disk.write(File::HeaderA, 0, &read("header.a")).unwrap();
    disk.write(File::Keys(PROFILE), 0, &read("keys.0")).unwrap();
    let records = disk.records(PROFILE);
    let chunks = read("chunks");
    let mut rest = chunks.as_slice();
    while let Some((name, tail)) = rest.split_first_chunk::<32>() {
        let (length, tail) = tail.split_first_chunk().unwrap();
        let (chunk, tail) = tail.split_at(u16::from_be_bytes(*length).into());
        records.put(name, chunk).unwrap();
        rest = tail;
    }
    let passphrase = Passphrase::of("خيمة ñandú").unwrap();
    let unlocked = Copies::read(&disk).unlock(&disk, &passphrase).unwrap();
    assert_eq!(unlocked.profile, PROFILE);
    let store = open(&disk, &unlocked.master);
    assert_eq!(store.level(), 1);
    assert_eq!(contents(&store), expected());
}
