//! sled behind [`Records`].
//!
//! sled keeps an input/output error for ever, so after a failed write the database is dropped and opened anew, which is
//! sled's own recovery. What the failed commit left behind is swept by the store above. Opening writes, too: a reserve
//! of 2 MiB lies beside the database and is given up when the disk is full, so that what is there can always be read.
//!
//! Not its concern: what the bytes mean; durability beyond the hand-over to the operating system.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::{Name, Records, RecordsError};
use crate::disk::{self, DiskError};
use crate::seal;

/// A profile's records in sled.
#[derive(Debug)]
pub(crate) struct SledRecords {
    directory: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` after a failed write, until the next call.
    db: Option<sled::Db>,
    /// Whether the reserve is in place. Without it nothing is written.
    has_reserve: bool,
}

impl SledRecords {
    /// Makes an empty database in `directory`.
    pub(crate) fn create(directory: &Path) -> Result<Self, RecordsError> {
        disk::make_private_directory(&directory.join("blobs")).map_err(DiskError::from)?;
        disk::make_private_directory(directory).map_err(DiskError::from)?;
        make_reserve(directory)?;
        Self::start(directory)
    }

    /// Opens the database in `directory`.
    pub(crate) fn open(directory: &Path) -> Result<Self, RecordsError> {
        // sled would make an empty one instead.
        if !directory.join("db").is_file() {
            return Err(RecordsError::Damaged);
        }
        Self::start(directory)
    }

    fn start(directory: &Path) -> Result<Self, RecordsError> {
        let db = open_with_reserve(directory)?;
        disk::make_private(directory).map_err(DiskError::from)?;
        disk::sync_directory(directory).map_err(DiskError::from)?;
        let state = State { db: Some(db), has_reserve: directory.join(RESERVE).is_file() };
        Ok(Self { directory: directory.to_owned(), state: Mutex::new(state) })
    }

    fn read<T>(&self, action: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, RecordsError> {
        let db = self.db(&mut self.state())?;
        Ok(action(&db)?)
    }

    fn write<T>(&self, action: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, RecordsError> {
        let db = {
            let mut state = self.state();
            let db = self.db(&mut state)?;
            if !state.has_reserve {
                make_reserve(&self.directory)?;
                state.has_reserve = true;
            }
            db
        };
        let result = action(&db);
        if result.is_err() {
            self.state().db = None;
        }
        Ok(result?)
    }

    fn db(&self, state: &mut State) -> Result<sled::Db, RecordsError> {
        if let Some(db) = &state.db {
            return Ok(db.clone());
        }
        let db = open_with_reserve(&self.directory)?;
        state.has_reserve = self.directory.join(RESERVE).is_file();
        Ok(state.db.insert(db).clone())
    }

    /// As after an error.
    #[cfg(test)]
    pub(crate) fn give_up(&self) {
        self.state().db = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Name of the reserve in sled's directory.
const RESERVE: &str = "reserve";

/// More than sled writes when it opens: a snapshot and part of a segment of 512 KiB.
const RESERVE_BYTES: usize = 2 * 1024 * 1024;

/// Takes room on the disk; random, so that no file system makes it small.
fn make_reserve(directory: &Path) -> Result<(), RecordsError> {
    let path = directory.join(RESERVE);
    let mut bytes = vec![0; RESERVE_BYTES];
    seal::fill_random(&mut bytes).map_err(|_| RecordsError::Failed)?;
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_data()));
    if let Err(error) = written {
        let _ = fs::remove_file(&path); // half a reserve is none, and in the way
        return Err(DiskError::from(error).into());
    }
    Ok(())
}

/// Opens the database; on a full disk at the cost of the reserve.
fn open_with_reserve(directory: &Path) -> Result<sled::Db, RecordsError> {
    match open_db(directory) {
        Err(RecordsError::Disk(DiskError::Full)) => {
            fs::remove_file(directory.join(RESERVE)).map_err(|_| DiskError::Full)?;
            open_db(directory)
        }
        result => result,
    }
}

/// Memory sled may use for its page cache: everything in it is sealed.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// How often sled tidies up its file. Durability does not depend on it.
const TIDY_EVERY_MS: u64 = 2_000;

/// sled's worker threads hold its lock for some milliseconds after a database is dropped.
const LOCK_ATTEMPTS: u32 = 400;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

fn open_db(directory: &Path) -> Result<sled::Db, RecordsError> {
    let mut attempt = 0;
    loop {
        let result = sled::Config::new()
            .path(directory)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(Some(TIDY_EVERY_MS))
            .open();
        match result {
            // The only error of this kind that sled makes itself is that of its lock. The vault's own lock keeps
            // other processes away, so it is our own database that is still closing.
            Err(sled::Error::Io(error))
                if error.kind() == io::ErrorKind::Other && attempt < LOCK_ATTEMPTS =>
            {
                attempt += 1;
                thread::sleep(LOCK_PAUSE);
            }
            // A disk that filled up while sled wrote a snapshot leaves its unfinished file, which sled then takes for
            // a damaged one and refuses to open. Nothing but that file's name ever held it; the log is whole.
            Err(sled::Error::Corruption { .. }) if remove_unfinished_snapshots(directory)? => {}
            result => return Ok(result?),
        }
    }
}

/// Removes what an interrupted snapshot left; `true` if there was any.
fn remove_unfinished_snapshots(directory: &Path) -> Result<bool, RecordsError> {
    let mut found = false;
    for entry in fs::read_dir(directory).map_err(DiskError::from)? {
        let path = entry.map_err(DiskError::from)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(&path).map_err(DiskError::from)?;
            found = true;
        }
    }
    Ok(found)
}

impl From<sled::Error> for RecordsError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => Self::Disk(error.into()),
            sled::Error::Corruption { .. } => Self::Damaged,
            _ => Self::Failed,
        }
    }
}

impl Records for SledRecords {
    fn get(&self, name: &Name) -> Result<Option<Vec<u8>>, RecordsError> {
        Ok(self.read(|db| db.get(name))?.map(|bytes| bytes.to_vec()))
    }

    fn put(&self, name: &Name, bytes: &[u8]) -> Result<(), RecordsError> {
        self.write(|db| db.insert(name, bytes)).map(drop)
    }

    fn remove(&self, name: &[u8]) -> Result<(), RecordsError> {
        self.write(|db| db.remove(name)).map(drop)
    }

    fn flush(&self) -> Result<(), RecordsError> {
        self.write(|db| db.flush()).map(drop)
    }

    fn names(&self, visit: &mut dyn FnMut(&[u8])) -> Result<(), RecordsError> {
        self.read(|db| {
            for name in db.iter().keys() {
                visit(&name?);
            }
            Ok(())
        })
    }
}
