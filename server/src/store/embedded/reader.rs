//! The threads that read for pushes, beside the one that writes.
//!
//! Not its concern: what is read (`fetch`).

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::fetch::{self, Wanted};
use super::hour_keys::SharedRing;
use super::writer::Slot;
use crate::core::{StoreError, StoreReply};

/// Something to read, and where the answer goes.
pub(super) struct ReadJob {
    pub wanted: Wanted,
    pub answer: oneshot::Sender<Result<StoreReply, StoreError>>,
}

/// Reads until every sender is gone.
pub(super) fn run(jobs: &Arc<Mutex<Receiver<ReadJob>>>, slot: &Slot, ring: &SharedRing) {
    loop {
        // The lock is held while waiting: the other readers queue up behind it, each for one job.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(ReadJob { wanted, answer }) = job else { return };
        let result = match slot.get() {
            None => Err(StoreError::Unavailable),
            Some(database) => fetch::fetch(&database, ring, &wanted).map_err(|fault| {
                tracing::error!(event = "store cannot be read", kind = fault.kind());
                StoreError::Unavailable
            }),
        };
        let _ = answer.send(result);
    }
}
