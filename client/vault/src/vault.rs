//! A vault: its directory, its lock, its header and the store that a passphrase opens.
//!
//! Not its concern: how a store keeps its promises (`store`).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use khaima_engine::{Changes, Commit, Order, RecordKey, RecordKind, StoreView};
use zeroize::Zeroizing;

use crate::disk::{self, Disk, DiskError, Profile, RealDisk};
use crate::error::{ChangePassphraseError, CommitError, CreateError, OpenError, ReadError};
use crate::header::{ChangeError, Copies, Header, NewHeaderError, UnlockError};
use crate::kdf::KdfParams;
use crate::lock::{LockError, VaultLock};
use crate::passphrase::Passphrase;
use crate::records::{RecordsError, SledRecords};
use crate::seal::Key;
use crate::store::{Stats, Store};
use crate::table::TableError;

/// An open vault: one profile's records, readable and writable, and nobody else's at the same time.
///
/// Reads take `&self`, a commit `&mut self`. The keys are in memory until [`close`](Self::close) or drop; ending the
/// process without either loses nothing that was committed.
///
/// Spec: vault.
#[derive(Debug)]
pub struct Vault {
    store: Store,
    profile: Profile,
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    // Last, so that everything else is closed before another process may come.
    _lock: VaultLock,
}

impl Vault {
    /// Whether there is a vault in a directory, open or not, whole or damaged.
    pub fn exists(directory: &Path) -> bool {
        Copies::exist(&RealDisk::new(directory)).unwrap_or(false)
    }

    /// Makes a vault in a new or empty directory and opens it. The directory is closed to other users.
    ///
    /// Takes as long as the derivation of `kdf`. Both stores are made; the second one's key is in no slot. On error,
    /// and after a crash, there is no vault, and creating can be tried again.
    ///
    /// # Errors
    /// When there is a vault or anything else in the directory, or it cannot be written.
    pub fn create(directory: &Path, passphrase: &Passphrase, kdf: KdfParams) -> Result<Self, CreateError> {
        if passphrase.is_empty() {
            return Err(CreateError::EmptyPassphrase);
        }
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(directory));
        if Copies::exist(&*disk)? {
            return Err(CreateError::Exists);
        }
        if holds_other_files(directory).map_err(DiskError::from)? {
            return Err(CreateError::NotEmpty);
        }
        disk::make_private_directory(directory).map_err(DiskError::from)?;
        let lock = VaultLock::take(directory)?;
        // Once more, now that nobody else can be creating it.
        if Copies::exist(&*disk)? {
            return Err(CreateError::Exists);
        }
        let master = Key::random()?;
        let mut records = Vec::new();
        for profile in Profile::ALL {
            let other_master = Key::random()?;
            let master = if profile == Profile::FIRST { &master } else { &other_master };
            Store::create(&*disk, profile, master)?;
            records.push(create_records(&*disk, directory, profile)?);
        }
        disk.sync_names().map_err(DiskError::from)?;
        Header::create(kdf, passphrase, Profile::FIRST, &master)?.write_new(&*disk)?;
        let first = records.swap_remove(0);
        drop(records);
        let store = Store::open(Arc::clone(&disk), Box::new(first), Profile::FIRST, &master)?;
        Ok(Self { store, profile: Profile::FIRST, disk, directory: directory.to_owned(), _lock: lock })
    }

    /// Opens a vault. Takes as long as the derivation of the passphrase; the records are opened meanwhile.
    ///
    /// # Errors
    /// When it is no vault, in use, or the passphrase does not open it. Trying changes nothing.
    pub fn open(directory: &Path, passphrase: &Passphrase) -> Result<Self, OpenError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(directory));
        if !Copies::exist(&*disk)? {
            return Err(OpenError::NotAVault);
        }
        let lock = VaultLock::take(directory)?;
        let (unlocked, [first, second]) = thread::scope(|scope| {
            // Which store the passphrase opens is not known yet: both are opened, and look used alike.
            let records = Profile::ALL.map(|profile| {
                scope.spawn(move || SledRecords::open(&RealDisk::records_directory(directory, profile)))
            });
            let unlocked = Copies::read(&*disk).unlock(&*disk, passphrase);
            (unlocked, records.map(|opening| opening.join().unwrap_or(Err(RecordsError::Failed))))
        });
        let unlocked = unlocked?;
        let records = if unlocked.profile == Profile::FIRST { first } else { second };
        let store = Store::open(Arc::clone(&disk), Box::new(records?), unlocked.profile, &unlocked.master)?;
        Ok(Self { store, profile: unlocked.profile, disk, directory: directory.to_owned(), _lock: lock })
    }

    /// Puts the open profile under another passphrase: its slot is overwritten in both copies of the header.
    ///
    /// Takes two derivations. The salt and the cost stay, as they are shared with the other slots. Copies of the
    /// vault made before keep the old passphrase.
    ///
    /// # Errors
    /// When `current` is not the open profile's passphrase, or the header cannot be written.
    pub fn change_passphrase(
        &mut self,
        current: &Passphrase,
        new: &Passphrase,
    ) -> Result<(), ChangePassphraseError> {
        if new.is_empty() {
            return Err(ChangePassphraseError::EmptyPassphrase);
        }
        let mut copies = Copies::read(&*self.disk);
        let unlocked = match copies.unlock(&*self.disk, current) {
            Ok(unlocked) if unlocked.profile == self.profile => unlocked,
            Err(UnlockError::Kdf(error)) => return Err(error.into()),
            Err(UnlockError::Disk(error)) => return Err(error.into()),
            Ok(_) | Err(UnlockError::DoesNotOpen | UnlockError::Newer) => {
                return Err(ChangePassphraseError::WrongPassphrase);
            }
        };
        copies.change(&*self.disk, &unlocked, new).map_err(|error| match error {
            ChangeError::Kdf(error) => error.into(),
            ChangeError::Random(error) => error.into(),
            ChangeError::Disk { begun: true, error } => ChangePassphraseError::OldMayOpen(error),
            ChangeError::Disk { begun: false, error } => error.into(),
        })
    }

    /// Finishes what is unfinished, wipes the keys and lets the vault go. The next opening then need not sweep.
    ///
    /// # Errors
    /// When something could not be finished; it will be at the next opening. The vault is closed all the same.
    pub fn close(self) -> Result<(), CommitError> {
        let closed = self.store.close();
        // sled makes files of its own with the rights the umask gives.
        let records = RealDisk::records_directory(&self.directory, self.profile);
        disk::make_private(&records).map_err(|error| TableError::from(DiskError::from(error)))?;
        closed
    }

    /// Figures: counts and what the last commit cost.
    ///
    /// # Errors
    /// When the key table cannot be read.
    pub fn stats(&self) -> Result<Stats, ReadError> {
        Ok(self.store.stats()?)
    }
}

impl StoreView for Vault {
    type Error = ReadError;

    fn get(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>, ReadError> {
        self.store.get(key)
    }

    fn scan(
        &self,
        kind: RecordKind,
        prefix: &[u8],
        order: Order,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<RecordKey>, ReadError> {
        self.store.scan(kind, prefix, order, after, limit)
    }
}

impl Commit for Vault {
    type Error = CommitError;

    /// See [`Commit::commit`]. Beyond its contract: [`CommitError::is_kept`] tells the one error after which the
    /// change is in force; reads show which it is at any time.
    fn commit(&mut self, changes: Changes) -> Result<(), CommitError> {
        self.store.commit(changes)
    }
}

/// Names that a creation cut short may leave behind.
const OURS: [&str; 6] = ["lock", "header.new", "keys.0", "keys.1", "records.0", "records.1"];

fn holds_other_files(directory: &Path) -> io::Result<bool> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        entries => entries?,
    };
    for entry in entries {
        if entry?.file_name().to_str().is_none_or(|name| !OURS.contains(&name)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An empty sled, durable on return but for the name of its directory.
fn create_records(disk: &dyn Disk, directory: &Path, profile: Profile) -> Result<SledRecords, CreateError> {
    let path = RealDisk::records_directory(directory, profile);
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(DiskError::from(error).into()),
        _ => {}
    }
    let records = SledRecords::create(&path)?;
    disk.sync(disk::File::Records(profile)).map_err(DiskError::from)?;
    Ok(records)
}

impl From<LockError> for CreateError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::InUse => Self::InUse,
            LockError::Io(error) => Self::Disk(error.into()),
        }
    }
}

impl From<LockError> for OpenError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::InUse => Self::InUse,
            LockError::Io(error) => Self::Disk(error.into()),
        }
    }
}

impl From<UnlockError> for OpenError {
    fn from(error: UnlockError) -> Self {
        match error {
            UnlockError::DoesNotOpen => Self::DoesNotOpen,
            UnlockError::Newer => Self::Newer,
            UnlockError::Kdf(error) => error.into(),
            UnlockError::Disk(error) => error.into(),
        }
    }
}

impl From<NewHeaderError> for CreateError {
    fn from(error: NewHeaderError) -> Self {
        match error {
            NewHeaderError::Kdf(error) => error.into(),
            NewHeaderError::Random(error) => error.into(),
        }
    }
}

impl From<OpenError> for CreateError {
    /// A store that was just written and cannot be opened: the disk does not keep what it is given.
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Kdf(error) => error.into(),
            OpenError::Disk(error) => error.into(),
            OpenError::Records(error) => error.into(),
            OpenError::Table(error) => error.into(),
            OpenError::Random(error) => error.into(),
            _ => Self::Table(TableError::Damaged),
        }
    }
}
