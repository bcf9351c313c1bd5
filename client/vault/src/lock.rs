//! The lock that keeps a vault to one process.
//!
//! Held by the system: it ends with the process, however that ends.
//!
//! Not its concern: sled's own lock, which follows this one.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Proof that this process alone uses the vault; ends on drop.
#[derive(Debug)]
pub(crate) struct VaultLock(#[expect(dead_code, reason = "held for its lock")] File);

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Somebody has it.
    #[error("in use")]
    InUse,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl VaultLock {
    /// Takes the lock of the vault in `directory`, which exists, without waiting.
    pub(crate) fn take(directory: &Path) -> Result<Self, LockError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(directory.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(LockError::InUse),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}
