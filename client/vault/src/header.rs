//! The header: salt, derivation parameters and eight key slots, in two copies.
//!
//! ```text
//! 0     salt (32)
//! 32    parameters: memory in KiB (4) ‖ passes (4) ‖ lanes (4)
//! 44    random (20)
//! 64    eight slots of 128 bytes, sealed: version (2) ‖ profile (1) ‖ zero (5) ‖ master key (32) ‖ zeros (48)
//! 1088  random, to 4096
//! ```
//!
//! A slot that is not used is random, and no one can tell. All slots are always tried. There is no checksum over the
//! whole: wrong passphrase, empty slot and damage look alike. A copy is repaired slot by slot from the other, and only
//! with what the passphrase has just proved right.
//!
//! Not its concern: what a master key opens (`store`).

use std::io::ErrorKind;

use zeroize::Zeroizing;

use crate::disk::{Disk, DiskError, File, Profile};
use crate::kdf::{KdfError, KdfParams, PARAMS_LENGTH, SALT_LENGTH};
use crate::passphrase::Passphrase;
use crate::seal::{self, KEY_LENGTH, Key, OVERHEAD, RandomError};

/// Bytes of one copy.
pub(crate) const HEADER_LENGTH: usize = 4096;

/// Number of slots.
const SLOTS: usize = 8;

const SLOTS_OFFSET: usize = 64;
const SLOT_LENGTH: usize = 128;
const SLOT_PLAIN: usize = SLOT_LENGTH - OVERHEAD;

/// Version of the format of a slot, and with it of the header.
const VERSION: u16 = 1;

/// The copies, in the order they are written.
const COPIES: [File; 2] = [File::HeaderA, File::HeaderB];

/// One copy, as read or to be written. Everything in it may lie open.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Header(Box<[u8; HEADER_LENGTH]>);

/// What a passphrase opened.
#[derive(Debug)]
pub(crate) struct Unlocked {
    /// The store it belongs to.
    pub(crate) profile: Profile,
    /// Opens that store.
    pub(crate) master: Key,
    /// Which slot it stood in, from 0.
    pub(crate) slot: usize,
}

/// Why a header gave no master key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnlockError {
    /// No slot opens, in neither copy.
    #[error("no slot opens")]
    DoesNotOpen,
    /// A slot opens and holds what this program does not know.
    #[error("newer format")]
    Newer,
    #[error(transparent)]
    Kdf(#[from] KdfError),
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Header {
    /// A new header with one slot, at a random place.
    pub(crate) fn create(
        params: KdfParams,
        passphrase: &Passphrase,
        profile: Profile,
        master: &Key,
    ) -> Result<Self, NewHeaderError> {
        let mut header = Self(Box::new([0; HEADER_LENGTH]));
        seal::fill_random(header.0.as_mut_slice())?;
        write_at(&mut *header.0, SALT_LENGTH, &params.encode());
        let mut slot = [0];
        seal::fill_random(&mut slot)?;
        let key = params.derive(passphrase, &header.salt())?;
        header.set_slot(usize::from(slot[0]) % SLOTS, &key, profile, master)?;
        Ok(header)
    }

    /// Writes a new vault's header, both copies, whole or not at all: until the first rename there is none.
    pub(crate) fn write_new(&self, disk: &dyn Disk) -> Result<(), DiskError> {
        for copy in COPIES.into_iter().rev() {
            disk.write(File::HeaderDraft, 0, self.0.as_slice())?;
            disk.sync(File::HeaderDraft)?;
            disk.rename(File::HeaderDraft, copy)?;
        }
        Ok(())
    }

    fn salt(&self) -> [u8; SALT_LENGTH] {
        self.0.first_chunk().copied().unwrap_or([0; SALT_LENGTH])
    }

    fn params(&self) -> KdfParams {
        let encoded = self.0.get(SALT_LENGTH..).and_then(|rest| rest.first_chunk::<PARAMS_LENGTH>());
        encoded.map(KdfParams::decode).unwrap_or_default()
    }

    fn slot(&self, slot: usize) -> &[u8] {
        let start = SLOTS_OFFSET + slot * SLOT_LENGTH;
        self.0.get(start..start + SLOT_LENGTH).unwrap_or_default()
    }

    fn set_slot(
        &mut self,
        slot: usize,
        key: &Key,
        profile: Profile,
        master: &Key,
    ) -> Result<(), RandomError> {
        self.set_slot_of(VERSION, slot, key, profile, master)
    }

    fn set_slot_of(
        &mut self,
        version: u16,
        slot: usize,
        key: &Key,
        profile: Profile,
        master: &Key,
    ) -> Result<(), RandomError> {
        let mut plain = Zeroizing::new(Vec::with_capacity(SLOT_PLAIN));
        plain.extend_from_slice(&version.to_be_bytes());
        plain.extend_from_slice(&[profile.number(), 0, 0, 0, 0, 0]);
        plain.extend_from_slice(master.expose());
        plain.resize(SLOT_PLAIN, 0);
        let sealed = seal::seal(key, &associated(self.params(), slot), &plain)?;
        write_at(&mut *self.0, SLOTS_OFFSET + slot * SLOT_LENGTH, &sealed);
        Ok(())
    }

    /// Tries all slots.
    fn open_slots(&self, key: &Key) -> Result<Option<Unlocked>, UnlockError> {
        let mut opened = Ok(None);
        for slot in 0..SLOTS {
            let plain = seal::open(key, &associated(self.params(), slot), self.slot(slot));
            // The first that opens counts; the others are tried all the same.
            if let (Some(plain), Ok(None)) = (plain, &opened) {
                opened = decode_slot(&plain, slot).map(Some);
            }
        }
        opened
    }

    /// Salt, parameters and one slot of `from`: what a passphrase has proved right.
    fn repaired_from(&self, from: &Self, slot: usize) -> Self {
        let mut repaired = self.clone();
        let proved = from.0.get(..SALT_LENGTH + PARAMS_LENGTH).unwrap_or_default();
        write_at(&mut *repaired.0, 0, proved);
        write_at(&mut *repaired.0, SLOTS_OFFSET + slot * SLOT_LENGTH, from.slot(slot));
        repaired
    }
}

/// Why no new header was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NewHeaderError {
    #[error(transparent)]
    Kdf(#[from] KdfError),
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// The two copies as they are on disk.
pub(crate) struct Copies {
    copies: [Option<Header>; 2],
    /// Why a copy could not be read, when it was neither missing nor short.
    failed: Option<DiskError>,
}

impl Copies {
    /// Whether there is a header, of whatever state.
    pub(crate) fn exist(disk: &dyn Disk) -> Result<bool, DiskError> {
        for copy in COPIES {
            if disk.length(copy)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads both. One that is missing or short counts as damaged.
    pub(crate) fn read(disk: &dyn Disk) -> Self {
        let mut failed = None;
        let copies = COPIES.map(|copy| {
            let mut header = Header(Box::new([0; HEADER_LENGTH]));
            match disk.read(copy, 0, header.0.as_mut_slice()) {
                Ok(()) => Some(header),
                Err(error) => {
                    let is_damage = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof);
                    failed = failed.take().or((!is_damage).then(|| error.into()));
                    None
                }
            }
        });
        Self { copies, failed }
    }

    /// Tries a passphrase on both copies: one derivation, a second one only where their salts or parameters differ.
    /// A copy in which the slot is torn or stale is repaired from the other.
    ///
    /// A repair that the disk refuses is left for the next time.
    pub(crate) fn unlock(
        &mut self,
        disk: &dyn Disk,
        passphrase: &Passphrase,
    ) -> Result<Unlocked, UnlockError> {
        let mut derived: Option<(Header, Key)> = None;
        let mut newer = false;
        for at in 0..self.copies.len() {
            let Some(Some(copy)) = self.copies.get(at).cloned() else { continue };
            let key = match &derived {
                Some((of, key)) if of.salt() == copy.salt() && of.params() == copy.params() => key.clone(),
                _ => copy.params().derive(passphrase, &copy.salt())?,
            };
            match copy.open_slots(&key) {
                Ok(Some(unlocked)) => {
                    let _ = self.repair(disk, &copy, unlocked.slot); // tried again at the next opening
                    return Ok(unlocked);
                }
                Ok(None) => {}
                Err(_) => newer = true,
            }
            derived = Some((copy, key));
        }
        // A header that cannot be read now may open another time.
        if let Some(error) = self.failed.take().filter(|_| !newer) {
            return Err(error.into());
        }
        if derived.is_none() {
            // Nothing to try it on: take as long as a wrong passphrase takes.
            KdfParams::default().derive(passphrase, &[0; SALT_LENGTH])?;
        }
        Err(if newer { UnlockError::Newer } else { UnlockError::DoesNotOpen })
    }

    /// Puts a master key under another passphrase, in the same slot of both copies.
    ///
    /// On error [`ChangeError::Disk`] says whether one copy holds the new passphrase already; then both passphrases
    /// may open the vault.
    pub(crate) fn change(
        &mut self,
        disk: &dyn Disk,
        unlocked: &Unlocked,
        passphrase: &Passphrase,
    ) -> Result<(), ChangeError> {
        let good = self.copies.iter().flatten().next().cloned();
        let Some(mut header) = good else { return Err(ChangeError::Disk { begun: false, error: lost() }) };
        let key = header.params().derive(passphrase, &header.salt())?;
        header.set_slot(unlocked.slot, &key, unlocked.profile, &unlocked.master)?;
        let mut begun = false;
        for (copy, file) in self.copies.iter_mut().zip(COPIES) {
            let changed = copy.as_ref().unwrap_or(&header).repaired_from(&header, unlocked.slot);
            let written = write_copy(disk, file, &changed);
            if written.is_ok() {
                *copy = Some(changed);
            }
            written.map_err(|error| ChangeError::Disk { begun, error })?;
            begun = true;
        }
        Ok(())
    }

    /// Writes a slot as a later version of the program would.
    #[cfg(test)]
    pub(crate) fn change_version_for_tests(
        &mut self,
        disk: &dyn Disk,
        unlocked: &Unlocked,
        passphrase: &Passphrase,
        version: u16,
    ) -> Result<(), DiskError> {
        let mut header = self.copies[0].clone().unwrap();
        let key = header.params().derive(passphrase, &header.salt()).unwrap();
        header.set_slot_of(version, unlocked.slot, &key, unlocked.profile, &unlocked.master).unwrap();
        COPIES.into_iter().try_for_each(|file| write_copy(disk, file, &header))
    }

    fn repair(&mut self, disk: &dyn Disk, good: &Header, slot: usize) -> Result<(), DiskError> {
        for (copy, file) in self.copies.iter_mut().zip(COPIES) {
            let repaired = copy.as_ref().unwrap_or(good).repaired_from(good, slot);
            if copy.as_ref() != Some(&repaired) {
                write_copy(disk, file, &repaired)?;
                *copy = Some(repaired);
            }
        }
        Ok(())
    }
}

/// Why a passphrase was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    #[error(transparent)]
    Kdf(#[from] KdfError),
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error("{error}")]
    Disk {
        /// Whether one copy holds the new passphrase for certain.
        begun: bool,
        error: DiskError,
    },
}

fn lost() -> DiskError {
    DiskError::Failed(ErrorKind::NotFound)
}

fn write_copy(disk: &dyn Disk, copy: File, header: &Header) -> Result<(), DiskError> {
    disk.write(copy, 0, header.0.as_slice())?;
    Ok(disk.sync(copy)?)
}

fn write_at(bytes: &mut [u8], offset: usize, part: &[u8]) {
    if let Some(to) = bytes.get_mut(offset..offset + part.len()) {
        to.copy_from_slice(part);
    }
}

fn associated(params: KdfParams, slot: usize) -> Vec<u8> {
    [seal::SLOT, &params.encode(), &[u8::try_from(slot).unwrap_or(u8::MAX)]].concat()
}

fn decode_slot(plain: &[u8], slot: usize) -> Result<Unlocked, UnlockError> {
    let ([a, b, profile, _, _, _, _, _], rest) = plain.split_first_chunk().ok_or(UnlockError::Newer)?;
    let profile = Profile::from_number(*profile).filter(|_| u16::from_be_bytes([*a, *b]) == VERSION);
    let master = rest.get(..KEY_LENGTH).and_then(Key::from_slice);
    match (profile, master) {
        (Some(profile), Some(master)) => Ok(Unlocked { profile, master, slot }),
        _ => Err(UnlockError::Newer),
    }
}
