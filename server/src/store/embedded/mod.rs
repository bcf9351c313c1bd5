//! The store a relay runs on: redb in one file, one writing thread with group commit, envelopes under keys that are
//! forgotten.
//!
//! ```text
//!   mailboxes.redb   rows named by the store key; counts, days, sealed bundles, sealed envelopes
//!   hours.key        the keys under which envelope keys are wrapped; renewed about once an hour
//! ```
//!
//! What lies there byte by byte, and what somebody who takes it can and cannot learn: `docs/spec/relay-store.md`.
//!
//! Not its concern: the store key's own file (`home`).

mod apply;
mod fetch;
mod hour_keys;
mod reader;
mod seal;
mod tables;
mod upkeep;
mod writer;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError};
use tokio::sync::{Semaphore, oneshot};

pub use self::seal::StoreKey;
pub use self::writer::Opener;

use self::fetch::Wanted;
use self::hour_keys::{HourKeys, HourKeysError};
use self::reader::ReadJob;
use self::writer::{Job, PrepareError, Slot, Writer};
use super::MailboxStore;
use crate::core::{StoreError, StoreOp, StoreReply};

/// Name of the database file.
pub const DATABASE_FILE: &str = "mailboxes.redb";
/// Name of the hour key file.
pub const HOUR_KEYS_FILE: &str = "hours.key";

/// Operations that may wait for the writer. At some thousand a second this is under a second of work.
const MOST_WAITING: usize = 1_024;
/// Of these, places kept for operations that may not be put off.
const RESERVED: usize = 256;
/// Bytes that may wait before new envelopes and bundles are put off.
const MOST_WAITING_BYTES: usize = 32 << 20;
/// Threads that read. Two keep one slow page from holding up every push.
const READERS: usize = 2;
/// Memory for pages: a volunteer's machine has 1 GB for everything.
const CACHE_BYTES: usize = 64 << 20;

/// Why a store cannot be opened. What to do about it is in the message of each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open. End that one first.
    #[error("the store is in use by another process")]
    Locked,
    /// The database is there and its hour key file is not. Without it waiting envelopes cannot be read: put it back, or
    /// move the database away to start empty.
    #[error("the hour key file is missing")]
    KeyFileMissing,
    /// The hour key file cannot be used. As for a missing one.
    #[error("the hour key file is damaged")]
    KeyFileDamaged,
    /// No room, where some is needed to open the store. Make room.
    #[error("the disk is full")]
    DiskFull,
    /// Files cannot be read or written. The cause says why.
    #[error("the store's files cannot be read or written")]
    Io(#[source] io::Error),
    /// The database file is no database, or damaged. Move it away to start empty, or put back a copy.
    #[error("the database is damaged")]
    Damaged,
    /// The database was written by a later version of this program. Use that one.
    #[error("the database is of a later version")]
    LaterVersion,
}

/// Mailboxes in an encrypted database file. Durable on return; shared by reference.
pub struct EmbeddedStore {
    store_key: StoreKey,
    threads: Mutex<Vec<JoinHandle<()>>>,
    queues: Mutex<Option<Queues>>,
    places: Arc<Semaphore>,
    waiting_bytes: Arc<AtomicUsize>,
}

/// The ways to the threads. Gone once the store is closed.
#[derive(Clone)]
struct Queues {
    writer: mpsc::Sender<Job>,
    reader: mpsc::Sender<ReadJob>,
}

/// Where an answer arrives.
type Answered = oneshot::Receiver<Result<StoreReply, StoreError>>;

/// Bytes counted as waiting until this is dropped.
struct QueuedBytes {
    count: usize,
    total: Arc<AtomicUsize>,
}

impl QueuedBytes {
    fn add(count: usize, total: &Arc<AtomicUsize>) -> Self {
        total.fetch_add(count, Ordering::Relaxed);
        Self { count, total: Arc::clone(total) }
    }
}

impl Drop for QueuedBytes {
    fn drop(&mut self) {
        self.total.fetch_sub(self.count, Ordering::Relaxed);
    }
}

impl EmbeddedStore {
    /// Opens the store in `dir`, or makes it if there is none.
    ///
    /// # Errors
    ///
    /// [`OpenError`], by cause. Nothing is made or changed then, except that a new store may be half made; opening
    /// again goes on.
    pub fn open(dir: &Path, store_key: StoreKey) -> Result<Self, OpenError> {
        let database = dir.join(DATABASE_FILE);
        let opener: Opener = Box::new(move || {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&database)?;
            redb::Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(FileBackend::new(file)?)
        });
        Self::open_with(dir, store_key, opener)
    }

    /// Opens the store in `dir` with another way to open the database: tests put a failing disk beneath it.
    ///
    /// # Errors
    ///
    /// As for [`Self::open`].
    pub fn open_with(dir: &Path, store_key: StoreKey, opener: Opener) -> Result<Self, OpenError> {
        let hour_keys_path = dir.join(HOUR_KEYS_FILE);
        let has_keys = hour_keys_path.try_exists().map_err(open_io)?;
        let has_database = dir.join(DATABASE_FILE).try_exists().map_err(open_io)?;
        // Keys first: a database without them is an accident, keys without a database are a beginning.
        let hour_keys = match (has_keys, has_database) {
            (true, _) => HourKeys::open(&hour_keys_path),
            (false, false) => HourKeys::create(&hour_keys_path, &mut rand::rng()),
            (false, true) => return Err(OpenError::KeyFileMissing),
        }?;
        let database = writer::prepare(&opener)?;
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(open_io)?;
        Self::start(store_key, hour_keys, opener, database)
    }

    fn start(
        store_key: StoreKey,
        hour_keys: HourKeys,
        opener: Opener,
        database: Database,
    ) -> Result<Self, OpenError> {
        let slot = Slot::default();
        slot.set(Some(Arc::new(database)));
        let ring = hour_keys.shared();
        let (writer_queue, writer_jobs) = mpsc::channel();
        let (reader_queue, reader_jobs) = mpsc::channel();
        let reader_jobs = Arc::new(Mutex::new(reader_jobs));
        let mut threads = Vec::with_capacity(1 + READERS);
        for _ in 0..READERS {
            let (jobs, slot, ring) = (Arc::clone(&reader_jobs), slot.clone(), ring.clone());
            threads.push(spawn("store-reader", move || reader::run(&jobs, &slot, &ring))?);
        }
        let writer = Writer {
            slot,
            opener,
            store_key: store_key.clone(),
            hour_keys,
            schedule: upkeep::Schedule::default(),
            last_quick: None,
            settled: false,
        };
        threads.push(spawn("store-writer", move || writer.run(&writer_jobs))?);
        Ok(Self {
            store_key,
            threads: Mutex::new(threads),
            queues: Mutex::new(Some(Queues { writer: writer_queue, reader: reader_queue })),
            places: Arc::new(Semaphore::new(MOST_WAITING)),
            waiting_bytes: Arc::new(AtomicUsize::new(0)),
        })
    }

    /// Finishes what waits and closes the files. Later operations are answered [`StoreError::Closed`]. Blocks until
    /// done; again is as good as once.
    pub fn close(&self) {
        drop(lock(&self.queues).take());
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            // A thread that panicked has nothing left to finish.
            let _ = thread.join();
        }
    }

    /// Puts an operation into the queue, at once and in the order of the calls.
    fn write(&self, op: StoreOp) -> Result<Answered, StoreError> {
        let size = op.size_bytes();
        let crowded = self.places.available_permits() <= RESERVED
            || self.waiting_bytes.load(Ordering::Relaxed) >= MOST_WAITING_BYTES;
        if op.may_be_put_off() && crowded {
            return Err(StoreError::Overloaded);
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| StoreError::Overloaded)?;
        let bytes = QueuedBytes::add(size, &self.waiting_bytes);
        let (answer, answered) = oneshot::channel();
        self.queues()?.writer.send(Job { op, answer, place, bytes }).map_err(|_| StoreError::Closed)?;
        Ok(answered)
    }

    fn read(&self, wanted: Wanted) -> Result<Answered, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queues()?.reader.send(ReadJob { wanted, answer }).map_err(|_| StoreError::Closed)?;
        Ok(answered)
    }

    fn queues(&self) -> Result<Queues, StoreError> {
        lock(&self.queues).clone().ok_or(StoreError::Closed)
    }
}

impl MailboxStore for EmbeddedStore {
    fn apply(&self, op: StoreOp) -> impl Future<Output = Result<StoreReply, StoreError>> + Send + use<> {
        let begun = match op {
            StoreOp::Fetch { owner, except, most, most_bytes, calendar } => {
                let mailbox = owner.mailbox();
                let row = self.store_key.mailbox_row(&mailbox);
                self.read(Wanted { mailbox, row, except, most, most_bytes, calendar })
            }
            op => self.write(op),
        };
        async move { begun?.await.map_err(|_| StoreError::Closed)? }
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmbeddedStore(..)")
    }
}

impl From<HourKeysError> for OpenError {
    fn from(error: HourKeysError) -> Self {
        match error {
            HourKeysError::Io(error) => open_io(error),
            HourKeysError::Damaged => Self::KeyFileDamaged,
        }
    }
}

impl From<PrepareError> for OpenError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Format => Self::LaterVersion,
            PrepareError::Open(error) => from_redb(error.into()),
            PrepareError::Fault(fault) => from_redb(*fault.0),
        }
    }
}

fn from_redb(error: redb::Error) -> OpenError {
    match error {
        redb::Error::DatabaseAlreadyOpen => OpenError::Locked,
        redb::Error::UpgradeRequired(_) => OpenError::LaterVersion,
        // What is too short or has another beginning than a database.
        redb::Error::Io(error)
            if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            OpenError::Damaged
        }
        redb::Error::Io(error) => open_io(error),
        _ => OpenError::Damaged,
    }
}

fn open_io(error: io::Error) -> OpenError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenError::DiskFull,
        _ => OpenError::Io(error),
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(open_io)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Held for a take or a clone only; neither panics.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a database file as [`EmbeddedStore::open`] does, for a wrapped disk in tests.
///
/// # Errors
///
/// The engine's, unchanged.
pub fn open_backend(backend: impl redb::StorageBackend) -> Result<Database, DatabaseError> {
    redb::Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(backend)
}

#[cfg(test)]
mod tests;
