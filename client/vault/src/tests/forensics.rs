//! What somebody can find who has the master key and every file as it is now.

use std::collections::BTreeSet;

use super::PROFILE;
use crate::disk::simulated::SimulatedDisk;
use crate::disk::{File, Profile};
use crate::seal::{self, Key, OVERHEAD};
use crate::table::PAGE_LENGTH;

/// Secrets of records, and every plain page, that can be reached from a master key.
pub(super) struct Found {
    pub(super) secrets: BTreeSet<[u8; 32]>,
    pub(super) plain: Vec<Vec<u8>>,
}

/// Tries every key there is on every page there is, wherever it stands, until nothing new opens.
///
/// Written from the format, not with the code that reads the table.
pub(super) fn search(keys_file: &[u8], master: &Key, profile: Profile) -> Found {
    let pages: Vec<&[u8]> = keys_file.chunks_exact(PAGE_LENGTH).collect();
    let mut found = Found { secrets: BTreeSet::new(), plain: Vec::new() };
    let mut tried = BTreeSet::new();
    let mut keys = Vec::new();
    let root_key = master.derive(seal::ROOT_KEY);
    for page in &pages {
        for copy in [0, 1] {
            let associated = [seal::ROOT, &[profile.number(), copy]].concat();
            if let Some(plain) = seal::open(&root_key, &associated, page) {
                harvest(&plain[24], &plain[26..], &mut found.secrets, &mut keys);
                found.plain.push(plain.to_vec());
            }
        }
    }
    while let Some(key) = keys.pop() {
        if !tried.insert(*key.expose()) {
            continue;
        }
        for (number, page) in (0_u32..).zip(&pages) {
            let associated = [seal::PAGE, &[profile.number()], &number.to_be_bytes()].concat();
            if let Some(plain) = seal::open(&key, &associated, page) {
                harvest(&plain[0], &plain[2..], &mut found.secrets, &mut keys);
                found.plain.push(plain.to_vec());
            }
        }
    }
    found
}

fn harvest(level: &u8, node: &[u8], secrets: &mut BTreeSet<[u8; 32]>, keys: &mut Vec<Key>) {
    let count = u16::from_be_bytes([node[0], node[1]]);
    let mut rest = &node[2..];
    for _ in 0..count {
        let key_length = usize::from(rest[0]);
        let tail = if *level == 0 { 12 } else { 4 };
        let secret_at = 1 + key_length + tail;
        let secret = &rest[secret_at..secret_at + 32];
        if *level == 0 {
            secrets.insert(secret.try_into().unwrap());
        } else {
            keys.push(Key::from_slice(secret).unwrap());
        }
        rest = &rest[secret_at + 32..];
    }
}

/// The same on a simulated disk.
pub(super) fn search_disk(disk: &SimulatedDisk, master: &Key) -> Found {
    search(&disk.bytes(File::Keys(PROFILE)), master, PROFILE)
}

/// Values of chunks that a secret opens by its derived key, whatever the names say; the place is not known, so the
/// tag cannot be checked: tries to open with every place given.
pub(super) fn opens_any(secret: &[u8; 32], chunks: impl IntoIterator<Item = Vec<u8>>, place: &[u8]) -> bool {
    let secret = Key::from_slice(secret).unwrap();
    let key = Key::from_slice(&secret.mac(&[seal::RECORD_KEY])).unwrap();
    let associated = [seal::RECORD, place].concat();
    chunks.into_iter().any(|chunk| chunk.len() > OVERHEAD && seal::open(&key, &associated, &chunk).is_some())
}
