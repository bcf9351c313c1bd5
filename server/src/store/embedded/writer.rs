//! The one thread that writes: it gathers what waits into one durable transaction (group commit).
//!
//! Engines sync once per transaction; so do we, for as many operations as wait. Every so often a commit also saves
//! what a quick opening after a crash needs, and so does the last one before a pause.
//!
//! When the disk refuses (full, failing), every operation of that transaction is answered `Unavailable`, the database
//! is closed and opened anew for the next one: the engine trusts nothing after a failed write, and neither do we.
//!
//! Not its concern: what operations do (`apply`, `upkeep`), reading (`reader`).

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use redb::{Database, DatabaseError};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::apply::{self, Keys};
use super::hour_keys::HourKeys;
use super::seal::StoreKey;
use super::tables::{FORMAT, FORMAT_VERSION, Fault, META, Tables};
use super::upkeep::{self, Round, Schedule};
use crate::core::{Calendar, StoreError, StoreOp, StoreReply, Upkept};

/// Opens the database; called again after a fault.
pub type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send>;

/// Most operations in one transaction: more would make the first wait for the last.
const MOST_PER_COMMIT: usize = 512;
/// Most bytes in one transaction, so that it fits well into the engine's cache.
const MOST_BYTES_PER_COMMIT: usize = 8 << 20;
/// At least as often a commit is one from which opening after a crash is quick.
const QUICK_EVERY: Duration = Duration::from_secs(1);

/// An operation that waits, and where its answer goes.
pub(super) struct Job {
    pub op: StoreOp,
    pub answer: oneshot::Sender<Result<StoreReply, StoreError>>,
    /// The place in the queue, given back when the job is dropped.
    pub place: OwnedSemaphorePermit,
    /// Bytes counted as waiting, given back likewise.
    pub bytes: super::QueuedBytes,
}

/// The open database, shared with readers; empty while a fault lasts.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot(Arc<RwLock<Option<Arc<Database>>>>);

impl Slot {
    pub fn get(&self) -> Option<Arc<Database>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set(&self, database: Option<Arc<Database>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = database;
    }
}

/// The writing side of a store.
pub(super) struct Writer {
    pub slot: Slot,
    pub opener: Opener,
    pub store_key: StoreKey,
    pub hour_keys: HourKeys,
    pub schedule: Schedule,
    pub last_quick: Option<Instant>,
    /// Whether opening after a crash would be quick as things are.
    pub settled: bool,
}

/// Opens the database and makes its tables, unless they are there. Which format it has is checked first.
pub(super) fn prepare(opener: &Opener) -> Result<Database, PrepareError> {
    let database = opener()?;
    let txn = database.begin_write().map_err(Fault::from)?;
    {
        let mut meta = txn.open_table(META).map_err(Fault::from)?;
        let found =
            redb::ReadableTable::get(&meta, FORMAT).map_err(Fault::from)?.map(|version| version.value());
        match found {
            None => {
                meta.insert(FORMAT, FORMAT_VERSION).map_err(Fault::from)?;
            }
            Some(FORMAT_VERSION) => {}
            Some(_) => return Err(PrepareError::Format),
        }
        Tables::open(&txn)?;
    }
    txn.commit().map_err(Fault::from)?;
    Ok(database)
}

/// Why a database could not be opened for use.
#[derive(Debug, thiserror::Error)]
pub(super) enum PrepareError {
    #[error("cannot be opened")]
    Open(#[from] DatabaseError),
    #[error("cannot be written")]
    Fault(#[from] Fault),
    #[error("has another format")]
    Format,
}

impl Writer {
    /// Works until every sender is gone, then closes the database.
    pub fn run(mut self, jobs: &Receiver<Job>) {
        while let Some(first) = self.wait(jobs) {
            let mut size = first.op.size_bytes();
            let mut batch = vec![first];
            while batch.len() < MOST_PER_COMMIT && size < MOST_BYTES_PER_COMMIT {
                let Ok(job) = jobs.try_recv() else { break };
                size += job.op.size_bytes();
                batch.push(job);
            }
            self.do_batch(batch);
        }
        self.slot.set(None);
    }

    /// The next job; `None` when there will be no more. In a pause the database is settled.
    fn wait(&mut self, jobs: &Receiver<Job>) -> Option<Job> {
        loop {
            if self.settled {
                return jobs.recv().ok();
            }
            match jobs.recv_timeout(QUICK_EVERY) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.settle(),
            }
        }
    }

    /// Commits nothing, in the way that makes opening quick.
    pub fn settle(&mut self) {
        // Whether it works or not, there is no second attempt before the next operation.
        self.settled = true;
        let Some(database) = self.slot.get() else { return };
        let settled = (|| -> Result<(), Fault> {
            let mut txn = database.begin_write()?;
            txn.set_quick_repair(true);
            txn.commit()?;
            Ok(())
        })();
        match settled {
            Ok(()) => self.last_quick = Some(Instant::now()),
            Err(fault) => self.give_up(&fault),
        }
    }

    fn do_batch(&mut self, batch: Vec<Job>) {
        let mut waiting = Vec::with_capacity(batch.len());
        let mut ops = Vec::with_capacity(batch.len());
        for Job { op, answer, place, bytes } in batch {
            ops.push(op);
            waiting.push((answer, place, bytes));
        }
        let answers = self.transact(ops).unwrap_or_else(|fault| {
            self.give_up(&fault);
            waiting.iter().map(|_| Err(StoreError::Unavailable)).collect()
        });
        self.finish_round();
        for ((answer, place, bytes), result) in waiting.into_iter().zip(answers) {
            // The place is free before the answer is heard, so that who hears it can ask the next thing.
            drop((place, bytes));
            // Nobody there to hear it: the client has gone, what is done is done.
            let _ = answer.send(result);
        }
    }

    /// Does all of them in one durable transaction. The answers are true only if this returns them.
    pub fn transact(&mut self, ops: Vec<StoreOp>) -> Result<Vec<Result<StoreReply, StoreError>>, Fault> {
        let database = self.database()?;
        let mut txn = database.begin_write()?;
        let quick = self.last_quick.is_none_or(|last| last.elapsed() >= QUICK_EVERY);
        txn.set_quick_repair(quick);
        let mut rng = rand::rng();
        let mut answers = Vec::with_capacity(ops.len());
        let changed = {
            let mut tables = Tables::open(&txn)?;
            for op in ops {
                if let StoreOp::Upkeep { now, calendar } = op {
                    answers.push(self.upkeep(&mut tables, now, calendar)?);
                    continue;
                }
                let ring = self.hour_keys.ring();
                let keys = Keys { store: &self.store_key, ring: &ring };
                let answer = apply::apply(&mut tables, &keys, op, &mut rng)?;
                answers.push(answer.ok_or(StoreError::Unavailable));
            }
            tables.changed
        };
        if changed {
            txn.commit()?;
            self.settled = quick;
            if quick {
                self.last_quick = Some(Instant::now());
            }
        } else {
            txn.abort()?;
        }
        Ok(answers)
    }

    fn upkeep(
        &mut self,
        tables: &mut Tables<'_>,
        now: khaima_wire::Timestamp,
        calendar: Calendar,
    ) -> Result<Result<StoreReply, StoreError>, Fault> {
        let mut rng = rand::rng();
        if self.schedule.is_due(now) {
            // Durable before the first row under it is.
            if let Err(error) = self.hour_keys.renew(&mut rng) {
                tracing::error!(event = "hour key file cannot be written", kind = ?io_kind(&error));
                return Ok(Err(StoreError::Unavailable));
            }
            self.schedule.begin(now);
        }
        let mut done = Upkept::default();
        if let Some(round) = self.schedule.round.clone() {
            let ring = self.hour_keys.ring();
            let next = upkeep::step(tables, &ring, round, calendar, &mut done, &mut rng)?;
            done.more = !matches!(next, Round::DropKey);
            self.schedule.round = Some(next);
        }
        Ok(Ok(StoreReply::Upkept(done)))
    }

    /// Drops the older hour key once everything under the new one is durable.
    fn finish_round(&mut self) {
        if !matches!(self.schedule.round, Some(Round::DropKey)) {
            return;
        }
        match self.hour_keys.drop_previous() {
            Ok(()) => self.schedule.round = None,
            // Tried again at the next upkeep; until then the older key stays.
            Err(error) => tracing::error!(event = "hour key file cannot be written", kind = ?io_kind(&error)),
        }
    }

    fn database(&mut self) -> Result<Arc<Database>, Fault> {
        if let Some(database) = self.slot.get() {
            return Ok(database);
        }
        let database = match prepare(&self.opener) {
            Ok(database) => Arc::new(database),
            Err(PrepareError::Fault(fault)) => return Err(fault),
            Err(PrepareError::Open(error)) => return Err(Fault(Box::new(error.into()))),
            Err(PrepareError::Format) => {
                let error = redb::Error::Corrupted("format".to_owned());
                return Err(Fault(Box::new(error)));
            }
        };
        tracing::info!(event = "store opened again");
        self.slot.set(Some(Arc::clone(&database)));
        Ok(database)
    }

    /// After a fault: nothing of the transaction counts, and the database is opened anew for the next one.
    fn give_up(&mut self, fault: &Fault) {
        tracing::error!(event = "store fault", kind = fault.kind());
        self.slot.set(None);
        self.schedule.start_over();
        self.last_quick = None;
        self.settled = true;
    }
}

impl Fault {
    /// What it was, in words without paths or ids.
    pub fn kind(&self) -> &'static str {
        match &*self.0 {
            redb::Error::Io(error) => kind_of(error),
            redb::Error::Corrupted(_) => "database damaged",
            redb::Error::PreviousIo => "earlier disk fault",
            redb::Error::DatabaseAlreadyOpen => "database locked",
            _ => "database refused",
        }
    }
}

pub(super) fn kind_of(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "disk full",
        io::ErrorKind::ReadOnlyFilesystem => "disk read-only",
        io::ErrorKind::PermissionDenied => "permission denied",
        _ => "disk fault",
    }
}

fn io_kind(error: &super::hour_keys::HourKeysError) -> &'static str {
    match error {
        super::hour_keys::HourKeysError::Io(error) => kind_of(error),
        super::hour_keys::HourKeysError::Damaged => "damaged",
    }
}
