//! One profile's store: reading through the key table, and the commit.
//!
//! A commit is five steps, each finished before the next begins:
//!
//! 1. new records, sled's flush, fdatasync of sled's file;
//! 2. new pages of the key table, fdatasync;
//! 3. root page A, fdatasync: **the commit**;
//! 4. root page B, fdatasync: from here on nothing in the file opens an old page;
//! 5. old pages overwritten and freed, old records removed.
//!
//! What fails before step 3 has not happened. What fails in step 3 is taken back by writing the old root again, and is
//! in doubt until that succeeds. What fails after it is finished before anything else is done, here or at opening.
//!
//! Not its concern: the header and the passphrase (`header`, `vault`).

mod commit;
mod open;

use std::collections::BTreeSet;
use std::sync::Arc;

use khaima_engine::{Order, RecordKey, RecordKind};
use zeroize::Zeroizing;

use crate::disk::{Disk, File, Profile};
use crate::error::ReadError;
use crate::records::{Address, MAX_VALUE, Name, Records};
use crate::seal::{self, Key};
use crate::table::{self, Copy, PageNumber, Pages, Range, Root, TableError, Tree};

/// Figures of an open vault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Records there are.
    pub records: u64,
    /// Pages of the key table in use, the two root pages not counted.
    pub table_pages: u64,
    /// The last commit that changed anything.
    pub last_commit: CommitStats,
}

/// What one commit cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommitStats {
    /// Bytes handed to sled.
    pub record_bytes: u64,
    /// Bytes written to the key table, overwriting included.
    pub table_bytes: u64,
    /// fdatasyncs, that of sled's file included; sled's own flush is not counted.
    pub syncs: u32,
}

/// A profile's store.
#[derive(Debug)]
pub(crate) struct Store {
    disk: Arc<dyn Disk>,
    records: Box<dyn Records>,
    profile: Profile,
    root_key: Key,
    tree: Tree,
    pages: Pages,
    root: Root,
    /// Generation of the next attempt; grows with attempts that fail, too.
    next_generation: u64,
    unsettled: Option<Unsettled>,
    /// Names that should be gone from sled and may not be.
    strays: Vec<Name>,
    /// Whether there may be orphans whose names are not known, or free pages that are not overwritten.
    untidy: bool,
    last_commit: CommitStats,
}

/// What stands between this store and its next commit.
#[derive(Debug)]
enum Unsettled {
    /// Step 3 failed and so did taking it back: root A may be the old one or the new, which refers to `taken`.
    InDoubt { taken: BTreeSet<PageNumber> },
    /// Step 3 is done, 4 or 5 is not.
    Committed { b_written: bool, dying: Vec<PageNumber>, old_names: Vec<Name> },
}

impl Store {
    /// Writes an empty store under `master`. Durable on return but for the file's name.
    pub(crate) fn create(disk: &dyn Disk, profile: Profile, master: &Key) -> Result<(), TableError> {
        disk.remove(File::Keys(profile))?;
        let root_key = master.derive(seal::ROOT_KEY);
        for copy in [Copy::A, Copy::B] {
            let page = Root::empty().seal(&root_key, profile, copy)?;
            disk.write(File::Keys(profile), copy.offset(), &page)?;
        }
        Ok(disk.sync(File::Keys(profile))?)
    }

    /// The value of a record.
    pub(crate) fn get(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>, ReadError> {
        let table_key = table::table_key(key);
        let Some(version) = self.tree.find(&self.root.node, &table_key)? else { return Ok(None) };
        let address = Address { profile: self.profile, key: &table_key };
        let damaged = || ReadError::Record { kind: key.kind() };
        let chunk_key = version.chunk_key();
        let length = usize::try_from(version.length).map_err(|_| damaged())?;
        // All room at once: a buffer that grows would leave pieces behind.
        let mut value = Zeroizing::new(Vec::with_capacity(length.min(MAX_VALUE)));
        for chunk in 0..version.chunks() {
            let sealed = self.records.get(&version.name(address, chunk))?.ok_or_else(damaged)?;
            version.open(&chunk_key, address, chunk, &sealed, &mut value).ok_or_else(damaged)?;
        }
        if value.len() == length { Ok(Some(value)) } else { Err(damaged()) }
    }

    /// Keys of records, as [`khaima_engine::StoreView::scan`].
    pub(crate) fn scan(
        &self,
        kind: RecordKind,
        prefix: &[u8],
        order: Order,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<RecordKey>, ReadError> {
        let of = |id: &[u8]| [&[kind.code()], id].concat();
        let mut range = Range::of_prefix(of(prefix));
        if let Some(after) = after {
            range = match order {
                Order::Ascending => range.above(of(after)),
                Order::Descending => range.below(of(after)),
            };
        }
        let keys = self.tree.keys(&self.root.node, &range, order, limit)?;
        Ok(keys.iter().filter_map(|key| table::record_key(key)).collect())
    }

    /// Figures.
    pub(crate) fn stats(&self) -> Result<Stats, TableError> {
        let mut used = BTreeSet::new();
        self.tree.add_pages(&self.root.node, &mut used)?;
        Ok(Stats {
            records: self.root.records,
            table_pages: used.len() as u64,
            last_commit: self.last_commit,
        })
    }

    /// Level of the top node: 0 when it is a leaf.
    #[cfg(test)]
    pub(crate) fn level(&self) -> u8 {
        self.root.node.level()
    }

    /// Pages that may be written over.
    #[cfg(test)]
    pub(crate) fn free_pages(&self) -> Vec<PageNumber> {
        self.pages.free().collect()
    }

    /// Secrets of all records, for tests of forgetting.
    #[cfg(test)]
    pub(crate) fn secrets(&self) -> std::collections::BTreeSet<[u8; 32]> {
        let mut secrets = std::collections::BTreeSet::new();
        let mut visit = |_: &[u8], version: &crate::records::Version| {
            secrets.insert(*version.secret.expose());
        };
        self.tree.each_record(&self.root.node, &mut visit).unwrap();
        secrets
    }

    /// Names of all chunks of all records.
    #[cfg(test)]
    pub(crate) fn names(&self) -> std::collections::BTreeSet<Name> {
        let mut names = std::collections::BTreeSet::new();
        let mut visit = |key: &[u8], version: &crate::records::Version| {
            names.extend(version.names(Address { profile: self.profile, key }));
        };
        self.tree.each_record(&self.root.node, &mut visit).unwrap();
        names
    }
}
