//! Records as they lie in sled: sealed chunks of a few sizes under names that say nothing.
//!
//! Each version of a record has a random secret of 32 bytes, which lies in the key table only. From it come the key
//! that seals its chunks and their names. When the secret is gone, neither the bytes nor the name of what was there
//! can be had, although sled keeps both in its files for long.
//!
//! Not its concern: which records exist and their secrets (`table`), when things are durable (`store`).

mod chunk;
mod sled_records;

use std::fmt;

pub(crate) use chunk::{Address, CHUNK_ROOM, MAX_VALUE, Version};
pub(crate) use sled_records::SledRecords;

use crate::disk::DiskError;

/// The key under which a chunk lies in sled: 32 bytes that look random.
pub(crate) type Name = [u8; 32];

/// A store of sealed chunks. Nothing it gives is trusted.
pub(crate) trait Records: fmt::Debug + Send + Sync {
    /// The chunk of this name.
    fn get(&self, name: &Name) -> Result<Option<Vec<u8>>, RecordsError>;

    /// Stores a chunk; durable after [`flush`](Self::flush) and a sync of [`File::Records`](crate::disk::File).
    fn put(&self, name: &Name, bytes: &[u8]) -> Result<(), RecordsError>;

    /// Removes a chunk, of any name, if it is there.
    fn remove(&self, name: &[u8]) -> Result<(), RecordsError>;

    /// Hands everything to the operating system.
    fn flush(&self) -> Result<(), RecordsError>;

    /// Every name there is, in any order; also those that are no name of ours.
    fn names(&self, visit: &mut dyn FnMut(&[u8])) -> Result<(), RecordsError>;
}

/// Why the store of records did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordsError {
    /// The file system below.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// sled found its own files damaged. Put a copy of the vault's directory in place.
    #[error("the files that hold the records are damaged")]
    Damaged,
    /// sled refused in another way; closing and opening the vault may help.
    #[error("the store of records failed")]
    Failed,
}
