//! sled behind [`Records`].
//!
//! sled keeps an input/output error for ever; this wrapper drops the database after an error and opens it anew at the
//! next call, which is sled's own recovery. What a failed commit left behind is swept by the store above.
//!
//! Not its concern: what the bytes mean; durability beyond the hand-over to the operating system.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::{Name, Records, RecordsError};
use crate::disk::{self, DiskError};

/// A profile's records in sled.
#[derive(Debug)]
pub(crate) struct SledRecords {
    directory: PathBuf,
    /// `None` after an error, until the next call opens it again.
    open: Mutex<Option<sled::Db>>,
}

impl SledRecords {
    /// Makes an empty database in `directory`.
    pub(crate) fn create(directory: &Path) -> Result<Self, RecordsError> {
        disk::make_private_directory(&directory.join("blobs")).map_err(DiskError::from)?;
        disk::make_private_directory(directory).map_err(DiskError::from)?;
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
        let db = open_db(directory)?;
        disk::make_private(directory).map_err(DiskError::from)?;
        disk::sync_directory(directory).map_err(DiskError::from)?;
        Ok(Self { directory: directory.to_owned(), open: Mutex::new(Some(db)) })
    }

    /// Runs `action` on the open database; after an error it counts as closed.
    fn with<T>(&self, action: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, RecordsError> {
        let db = {
            let mut open = self.guard();
            match &*open {
                Some(db) => db.clone(),
                None => open.insert(open_db(&self.directory)?).clone(),
            }
        };
        let result = action(&db).map_err(RecordsError::from);
        if result.is_err() {
            self.guard().take();
        }
        result
    }

    /// As after an error.
    #[cfg(test)]
    pub(crate) fn give_up(&self) {
        self.guard().take();
    }

    fn guard(&self) -> MutexGuard<'_, Option<sled::Db>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
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
            result => return Ok(result?),
        }
    }
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
        Ok(self.with(|db| db.get(name))?.map(|bytes| bytes.to_vec()))
    }

    fn put(&self, name: &Name, bytes: &[u8]) -> Result<(), RecordsError> {
        self.with(|db| db.insert(name, bytes)).map(drop)
    }

    fn remove(&self, name: &[u8]) -> Result<(), RecordsError> {
        self.with(|db| db.remove(name)).map(drop)
    }

    fn flush(&self) -> Result<(), RecordsError> {
        self.with(|db| db.flush()).map(drop)
    }

    fn names(&self, visit: &mut dyn FnMut(&[u8])) -> Result<(), RecordsError> {
        self.with(|db| {
            for name in db.iter().keys() {
                visit(&name?);
            }
            Ok(())
        })
    }
}
