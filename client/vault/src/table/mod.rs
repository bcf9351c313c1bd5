//! The key table: which records there are, and the secret of each.
//!
//! A copy-on-write tree of pages of 4 KiB, ordered by kind and id. Each page is sealed under a fresh key that only its
//! parent page holds; the root page is sealed under a key derived from the profile's master key and stands twice, at
//! fixed places.
//!
//! ```text
//!   root A, root B (pages 0 and 1)       sealed under the root key; hold the top node of the tree
//!     │ page number and page key
//!   inner pages                          separator, page number, page key
//!     │
//!   leaf pages                           kind, id, generation, length, secret of the record
//! ```
//!
//! A change rewrites one leaf and the pages above it, in other places, and at last the root. When both roots are
//! written, no key in the file opens an old page: what only an old page held is gone.
//!
//! Not its concern: the records themselves (`records`), the order of writes and syncs (`store`).

mod cache;
mod edit;
mod node;
mod pages;
mod root;
mod tree;

pub(crate) use edit::{Edit, EntryChange};
pub(crate) use node::{Node, Range, record_key, table_key};
pub(crate) use pages::{Pages, offset, overwrite};
pub(crate) use root::{Copy, Root, RootPage};
pub(crate) use tree::Tree;

use crate::disk::DiskError;
use crate::seal::RandomError;

/// Bytes of a page on disk.
pub(crate) const PAGE_LENGTH: usize = 4096;

/// Number of a page in the file.
pub(crate) type PageNumber = u32;

/// The first page that is no root.
pub(crate) const FIRST_PAGE: PageNumber = 2;

/// Why the key table could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// A page of the key table is damaged. The records whose keys it held are lost; the others can be read.
    #[error("a page of the vault's key table is damaged")]
    Damaged,
    /// The key table has as many pages as its numbers allow.
    #[error("the vault's key table is full")]
    Full,
    /// The file system below.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// No random bytes for a new key.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl From<std::io::Error> for TableError {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error.into())
    }
}
