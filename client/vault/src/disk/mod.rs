//! The files of a vault behind a small trait, so that a full disk, a failed sync and a loss of power between any two
//! writes can be played through in tests.
//!
//! Not its concern: sled's files, but for making them durable ([`File::Records`]); what the bytes mean.

mod real;
#[cfg(test)]
pub(crate) mod simulated;

use std::fmt;
use std::io;

pub(crate) use real::{RealDisk, make_private, make_private_directory, sync_directory};

/// Which of the two stores of a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Profile(u8);

impl Profile {
    /// The store a vault is created for.
    pub(crate) const FIRST: Self = Self(0);
    /// The store that is prepared and lies empty until a second passphrase is set.
    pub(crate) const SECOND: Self = Self(1);
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::FIRST, Self::SECOND];

    /// The stored number.
    pub(crate) fn number(self) -> u8 {
        self.0
    }

    /// The profile of a stored number.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.0 == number)
    }
}

/// A file of a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum File {
    /// A header being created; renamed when whole.
    HeaderDraft,
    /// First copy of the header.
    HeaderA,
    /// Second copy of the header.
    HeaderB,
    /// Key table of a profile.
    Keys(Profile),
    /// sled's data file of a profile. Only [`Disk::sync`] may be asked of it.
    Records(Profile),
}

/// The operations a vault needs of a file system. Each may fail at any time; none may be half done and say it is done.
pub(crate) trait Disk: fmt::Debug + Send + Sync {
    /// Length in bytes; `None` when there is no such file.
    fn length(&self, file: File) -> io::Result<Option<u64>>;

    /// Fills `buffer` from `offset` on; fails when the file ends before.
    fn read(&self, file: File, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, creating or extending the file. Durable only after [`sync`](Self::sync).
    fn write(&self, file: File, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file to `length` bytes.
    fn truncate(&self, file: File, length: u64) -> io::Result<()>;

    /// Makes everything written to a file durable (fdatasync).
    fn sync(&self, file: File) -> io::Result<()>;

    /// Gives a file another name, replacing what had it; durable on return.
    fn rename(&self, from: File, to: File) -> io::Result<()>;

    /// Removes a file if it exists.
    fn remove(&self, file: File) -> io::Result<()>;

    /// Makes creations, renamings and removals durable.
    fn sync_names(&self) -> io::Result<()>;
}

/// What a file system did not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// No space left, or a quota is used up. Free some space and try again; nothing was lost.
    #[error("the disk is full")]
    Full,
    /// The vault lies on a disk that cannot be written. Remount or move it.
    #[error("the disk is read-only")]
    ReadOnly,
    /// Another user's files, or permissions were changed.
    #[error("the vault's files may not be read or written by this user")]
    NotPermitted,
    /// Anything else: a failing disk, a removed one.
    #[error("the disk failed: {0}")]
    Failed(io::ErrorKind),
}

impl From<io::Error> for DiskError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            io::ErrorKind::PermissionDenied => Self::NotPermitted,
            kind => Self::Failed(kind),
        }
    }
}
