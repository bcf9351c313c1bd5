//! The hour keys and their file: what is dropped here cannot be read any more, on no page of the database.
//!
//! The file has two slots of 4,096 bytes, always overwritten in place (a new file would leave the old one's blocks
//! behind) and one after the other, so that one is whole whenever the machine stops. Two keys are there while rows are
//! being re-wrapped, else one.
//!
//! ```text
//!   slot: "KHHK" || version (1) = 1 || sequence (8) || keys (1) = 1 or 2
//!         || 2 × (generation (4) || key (32)), newest first, unused: zeros
//!         || SHA-256("khaima/v1/store-hour-keys" || 0x00 || all before) || zeros
//! ```
//!
//! A generation counts renewals; no time is written down.
//!
//! Not its concern: when to renew (`upkeep`).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use khaima_wire::Label;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::seal::HourKey;

const MAGIC: &[u8; 4] = b"KHHK";
const VERSION: u8 = 1;
const CHECKSUM: Label = Label::new("store-hour-keys");
/// A slot is a block of the disk, so that tearing one leaves the other alone.
const SLOT: usize = 4_096;
const SLOTS: usize = 2;
const ENTRY: usize = 36;
const BODY: usize = 4 + 1 + 8 + 1 + 2 * ENTRY;

/// The keys in use, newest first. Shared with readers.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    current: (u32, HourKey),
    previous: Option<(u32, HourKey)>,
}

impl Ring {
    /// The key for new rows and its generation.
    pub const fn current(&self) -> (u32, &HourKey) {
        (self.current.0, &self.current.1)
    }

    /// The key of a generation, if it is still there.
    pub fn get(&self, generation: u32) -> Option<&HourKey> {
        [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .find_map(|(number, key)| (*number == generation).then_some(key))
    }
}

/// What readers look at.
#[derive(Clone, Debug)]
pub(super) struct SharedRing(Arc<RwLock<Arc<Ring>>>);

impl SharedRing {
    fn new(ring: Ring) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(ring))))
    }

    /// The keys as they are now.
    pub fn snapshot(&self) -> Arc<Ring> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, ring: Ring) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum HourKeysError {
    /// It cannot be read or written.
    #[error("hour key file cannot be read or written")]
    Io(#[from] io::Error),
    /// Neither slot is whole.
    #[error("hour key file is damaged")]
    Damaged,
}

/// The hour keys with their file. Only the writer has it.
#[derive(Debug)]
pub(super) struct HourKeys {
    file: File,
    sequence: u64,
    ring: SharedRing,
}

impl HourKeys {
    /// Makes a key file with one key. Fails if there is one.
    pub fn create<R: CryptoRng + ?Sized>(path: &Path, rng: &mut R) -> Result<Self, HourKeysError> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        let ring = Ring { current: (1, HourKey::generate(rng)), previous: None };
        let mut keys = Self { file, sequence: 0, ring: SharedRing::new(ring.clone()) };
        keys.write(&ring)?;
        keys.file.sync_all()?;
        Ok(keys)
    }

    /// Opens a key file, and mends a slot that was torn.
    pub fn open(path: &Path) -> Result<Self, HourKeysError> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut bytes = Zeroizing::new(vec![0; SLOT * SLOTS]);
        let length = read_up_to(&file, &mut bytes)?;
        bytes.truncate(length);
        let slots: Vec<_> = bytes.chunks(SLOT).map(decode_slot).collect();
        let newest = slots.iter().flatten().max_by_key(|(sequence, _)| *sequence);
        let (sequence, ring) = newest.cloned().ok_or(HourKeysError::Damaged)?;
        let mut keys = Self { file, sequence, ring: SharedRing::new(ring.clone()) };
        let same = slots.iter().all(|slot| slot.as_ref().is_some_and(|(other, _)| *other == sequence));
        if !same || slots.len() < SLOTS {
            // Else the slot with the lower number would keep a key that was dropped.
            keys.write(&ring)?;
        }
        Ok(keys)
    }

    /// The keys, for readers.
    pub fn shared(&self) -> SharedRing {
        self.ring.clone()
    }

    /// The keys as they are now.
    pub fn ring(&self) -> Arc<Ring> {
        self.ring.snapshot()
    }

    /// Whether an older key is still there.
    #[cfg(test)]
    pub fn has_previous(&self) -> bool {
        self.ring().previous.is_some()
    }

    /// Puts a fresh key in front, durably. While an older one is still there, nothing happens: its rows come first.
    pub fn renew<R: CryptoRng + ?Sized>(&mut self, rng: &mut R) -> Result<(), HourKeysError> {
        let ring = self.ring();
        if ring.previous.is_some() {
            return Ok(());
        }
        let generation = ring.current.0.wrapping_add(1);
        let fresh =
            Ring { current: (generation, HourKey::generate(rng)), previous: Some(ring.current.clone()) };
        self.write(&fresh)?;
        self.ring.set(fresh);
        Ok(())
    }

    /// Drops the older key, durably: what was only under it is unreadable from here on.
    pub fn drop_previous(&mut self) -> Result<(), HourKeysError> {
        let fresh = Ring { current: self.ring().current.clone(), previous: None };
        self.write(&fresh)?;
        self.ring.set(fresh);
        Ok(())
    }

    /// Writes both slots, one after the other.
    fn write(&mut self, ring: &Ring) -> Result<(), HourKeysError> {
        let sequence = self.sequence.saturating_add(1);
        let slot = encode_slot(sequence, ring);
        for offset in [0, SLOT] {
            self.file.write_all_at(&slot, crate::core::size_as_u64(offset))?;
            self.file.sync_data()?;
        }
        self.sequence = sequence;
        Ok(())
    }
}

/// Reads until the buffer is full or the file ends.
fn read_up_to(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = buffer.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, crate::core::size_as_u64(read)) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

fn encode_slot(sequence: u64, ring: &Ring) -> Zeroizing<Vec<u8>> {
    let mut slot = Zeroizing::new(Vec::with_capacity(SLOT));
    slot.extend_from_slice(MAGIC);
    slot.push(VERSION);
    slot.extend_from_slice(&sequence.to_be_bytes());
    slot.push(1 + u8::from(ring.previous.is_some()));
    for (generation, key) in [Some(&ring.current), ring.previous.as_ref()].into_iter().flatten() {
        slot.extend_from_slice(&generation.to_be_bytes());
        slot.extend_from_slice(key.expose());
    }
    slot.resize(BODY, 0);
    let checksum = CHECKSUM.hash(&[&slot]);
    slot.extend_from_slice(&checksum);
    slot.resize(SLOT, 0);
    slot
}

fn decode_slot(slot: &[u8]) -> Option<(u64, Ring)> {
    let (body, rest) = slot.split_at_checked(BODY)?;
    if rest.first_chunk() != Some(&CHECKSUM.hash(&[body])) {
        return None;
    }
    let rest = body.strip_prefix(MAGIC)?.strip_prefix(&[VERSION])?;
    let (sequence, rest) = rest.split_first_chunk()?;
    let (&[count], rest) = rest.split_first_chunk()?;
    let (current, rest) = rest.split_first_chunk::<ENTRY>()?;
    let (previous, _) = rest.split_first_chunk::<ENTRY>()?;
    let previous = match count {
        1 => None,
        2 => Some(decode_entry(previous)?),
        _ => return None,
    };
    Some((u64::from_be_bytes(*sequence), Ring { current: decode_entry(current)?, previous }))
}

fn decode_entry(entry: &[u8; ENTRY]) -> Option<(u32, HourKey)> {
    let (generation, key) = entry.split_first_chunk()?;
    Some((u32::from_be_bytes(*generation), HourKey::from_bytes(key.first_chunk()?)))
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    fn fresh() -> (tempfile::TempDir, std::path::PathBuf, HourKeys, ChaCha20Rng) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hours.key");
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let keys = HourKeys::create(&path, &mut rng).unwrap();
        (dir, path, keys, rng)
    }

    #[test]
    fn a_dropped_key_is_in_no_byte_of_the_file() {
        let (_dir, path, mut keys, mut rng) = fresh();
        let first = keys.ring().current().1.clone();
        let holds =
            |key: &HourKey| std::fs::read(&path).unwrap().windows(32).any(|bytes| bytes == key.expose());
        assert!(holds(&first));
        keys.renew(&mut rng).unwrap();
        assert!(holds(&first) && keys.has_previous());
        keys.drop_previous().unwrap();
        assert!(!holds(&first) && !keys.has_previous());
        assert_eq!(keys.ring().current().0, 2);
        assert!(keys.ring().get(1).is_none());
    }

    #[test]
    fn keys_survive_opening_again() {
        let (_dir, path, mut keys, mut rng) = fresh();
        keys.renew(&mut rng).unwrap();
        let before = keys.ring();
        let after = HourKeys::open(&path).unwrap().ring();
        for generation in [1, 2] {
            assert_eq!(before.get(generation).unwrap().expose(), after.get(generation).unwrap().expose());
        }
    }

    #[test]
    fn a_torn_slot_is_mended_from_the_other() {
        for torn in [0, SLOT] {
            let (_dir, path, keys, _) = fresh();
            let current = keys.ring().current().1.expose().to_owned();
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[torn + 20] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(HourKeys::open(&path).unwrap().ring().current().1.expose(), &current);
            let mended = std::fs::read(&path).unwrap();
            assert_eq!(mended[..SLOT], mended[SLOT..]);
        }
    }

    #[test]
    fn a_stop_between_the_slots_leaves_no_dropped_key_after_opening() {
        let (_dir, path, mut keys, mut rng) = fresh();
        keys.renew(&mut rng).unwrap();
        let first = keys.ring().get(1).unwrap().clone();
        let before = std::fs::read(&path).unwrap();
        keys.drop_previous().unwrap();
        let after = std::fs::read(&path).unwrap();
        // The first slot was written, the second was not.
        std::fs::write(&path, [&after[..SLOT], &before[SLOT..]].concat()).unwrap();
        let opened = HourKeys::open(&path).unwrap();
        assert!(!opened.has_previous());
        assert!(!std::fs::read(&path).unwrap().windows(32).any(|bytes| bytes == first.expose()));
    }

    #[test]
    fn two_torn_slots_are_an_error() {
        let (_dir, path, _, _) = fresh();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20] ^= 1;
        bytes[SLOT + 20] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(HourKeys::open(&path), Err(HourKeysError::Damaged)));
        std::fs::write(&path, []).unwrap();
        assert!(matches!(HourKeys::open(&path), Err(HourKeysError::Damaged)));
    }
}
