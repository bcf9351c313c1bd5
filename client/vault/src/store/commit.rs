//! The five steps of a commit, and what is done when one of them fails.
//!
//! Not its concern: what an opening finds half done (`open`).

use std::collections::BTreeSet;
use std::sync::Arc;

use khaima_engine::{Change, Changes};
use zeroize::Zeroizing;

use super::{CommitStats, Store, Unsettled};
use crate::disk::File;
use crate::error::CommitError;
use crate::records::{Address, CHUNK_ROOM, MAX_VALUE, Name, Version};
use crate::seal::Key;
use crate::table::{self, Copy, Edit, EntryChange, Node, PageNumber, Root, TableError};

/// Changes with everything they need, before anything is written.
#[derive(Default)]
struct Batch {
    generation: u64,
    /// Records there are afterwards.
    records: u64,
    /// Changes to the table, sorted by key.
    entries: Vec<(Vec<u8>, EntryChange)>,
    values: Vec<Value>,
    /// Names of the chunks that are replaced or deleted.
    old_names: Vec<Name>,
    /// Names of the chunks that are written.
    new_names: Vec<Name>,
}

/// A value to be written.
struct Value {
    key: Vec<u8>,
    version: Version,
    bytes: Zeroizing<Vec<u8>>,
}

/// A tree that is written and to which no root refers yet.
struct Next {
    root: Root,
    written: Vec<(PageNumber, Arc<Node>)>,
    taken: BTreeSet<PageNumber>,
    dying: Vec<PageNumber>,
    old_names: Vec<Name>,
}

impl Store {
    /// Makes changes durable, all or none.
    pub(crate) fn commit(&mut self, changes: Changes) -> Result<(), CommitError> {
        let is_too_large = |change: &Change| matches!(change, Change::Put(value) if value.len() > MAX_VALUE);
        if changes.iter().any(|(_, change)| is_too_large(change)) {
            return Err(CommitError::TooLarge);
        }
        self.settle()?;
        let mut batch = self.batch(changes)?;
        if batch.entries.is_empty() {
            return Ok(());
        }
        self.last_commit = CommitStats::default();
        let new_names = std::mem::take(&mut batch.new_names);
        let result = self.write(batch);
        match &result {
            // The new root may be in force: its records are left for the next opening to judge.
            Err(CommitError::InDoubt(_)) => self.untidy = true,
            Err(error) if !error.is_kept() => self.forget(new_names),
            _ => {}
        }
        result
    }

    /// Finishes what is unfinished and marks the store as closed in order; otherwise the next opening sweeps.
    pub(crate) fn close(mut self) -> Result<(), CommitError> {
        self.settle()?;
        self.records.flush()?;
        self.sync(File::Records(self.profile))?;
        self.cut_file()?;
        let is_tidy = self.strays.is_empty() && !self.untidy;
        Ok(self.mark(is_tidy)?)
    }

    /// Finishes or takes back what an earlier commit left.
    pub(super) fn settle(&mut self) -> Result<(), TableError> {
        match &self.unsettled {
            None => {}
            Some(Unsettled::InDoubt { taken }) => {
                let taken = taken.clone();
                self.write_root(&self.root.clone(), Copy::A)?;
                self.pages.give_back(taken);
                self.unsettled = None;
            }
            Some(Unsettled::Committed { .. }) => self.finish()?,
        }
        let strays = std::mem::take(&mut self.strays);
        self.forget(strays);
        Ok(())
    }

    /// Writes both roots anew with the same tree, saying whether the store is closed.
    pub(super) fn mark(&mut self, closed: bool) -> Result<(), TableError> {
        let root = Root { generation: self.take_generation(), closed, ..self.root.clone() };
        self.write_root(&root, Copy::A)?;
        self.root = root;
        self.write_root(&self.root.clone(), Copy::B)
    }

    /// Writes one root page and syncs it.
    pub(super) fn write_root(&mut self, root: &Root, copy: Copy) -> Result<(), TableError> {
        let page = root.seal(&self.root_key, self.profile, copy)?;
        self.disk.write(File::Keys(self.profile), copy.offset(), &page)?;
        self.last_commit.table_bytes += page.len() as u64;
        self.sync(File::Keys(self.profile))
    }

    /// Gives free pages at the end of the file back to the file system.
    pub(super) fn cut_file(&mut self) -> Result<(), TableError> {
        let length = table::offset(self.pages.trim());
        if self.disk.length(File::Keys(self.profile))?.is_some_and(|now| now > length) {
            self.disk.truncate(File::Keys(self.profile), length)?;
        }
        Ok(())
    }

    /// Removes chunks; those that cannot be removed now are tried again later.
    pub(super) fn forget(&mut self, names: Vec<Name>) {
        let mut names = names.into_iter();
        for name in names.by_ref() {
            if self.records.remove(&name).is_err() {
                // Where one is refused, the next will be: a full disk.
                self.strays.push(name);
                break;
            }
        }
        self.strays.extend(names);
    }

    fn write(&mut self, batch: Batch) -> Result<(), CommitError> {
        self.write_records(&batch)?;
        let next = self.write_pages(batch)?;
        self.switch(next)
    }

    /// Sorts out which changes change anything, and makes secrets for what is put.
    fn batch(&mut self, changes: Changes) -> Result<Batch, CommitError> {
        let generation = self.take_generation();
        let mut batch = Batch { generation, records: self.root.records, ..Batch::default() };
        for (key, change) in changes {
            let key = table::table_key(&key);
            let address = Address { profile: self.profile, key: &key };
            let old = self.tree.find(&self.root.node, &key)?;
            batch.old_names.extend(old.iter().flat_map(|old| old.names(address)));
            match change {
                Change::Put(bytes) => {
                    let length = u32::try_from(bytes.len()).map_err(|_| CommitError::TooLarge)?;
                    let version =
                        Version { generation, length, secret: Key::random().map_err(TableError::from)? };
                    batch.new_names.extend(version.names(address));
                    batch.records += u64::from(old.is_none());
                    batch.entries.push((key.clone(), EntryChange::Put(version.clone())));
                    batch.values.push(Value { key, version, bytes });
                }
                Change::Delete if old.is_some() => {
                    batch.records = batch.records.saturating_sub(1);
                    batch.entries.push((key, EntryChange::Delete));
                }
                Change::Delete => {}
            }
        }
        Ok(batch)
    }

    /// Step 1.
    fn write_records(&mut self, batch: &Batch) -> Result<(), CommitError> {
        for Value { key, version, bytes } in &batch.values {
            let address = Address { profile: self.profile, key };
            let chunk_key = version.chunk_key();
            let mut parts = bytes.chunks(CHUNK_ROOM);
            for chunk in 0..version.chunks() {
                let part = parts.next().unwrap_or_default();
                let sealed = version.seal(&chunk_key, address, chunk, part).map_err(TableError::from)?;
                self.records.put(&version.name(address, chunk), &sealed)?;
                self.last_commit.record_bytes += sealed.len() as u64;
            }
        }
        if !batch.values.is_empty() {
            self.records.flush()?;
            self.sync(File::Records(self.profile))?;
        }
        Ok(())
    }

    /// Step 2.
    fn write_pages(&mut self, batch: Batch) -> Result<Next, TableError> {
        let mut edit = Edit::new(&self.tree, &*self.disk, self.profile, &mut self.pages);
        let node = edit.apply(&self.root.node, &batch.entries);
        let (taken, written, dying) = (edit.taken(), edit.written, edit.dying);
        self.last_commit.table_bytes += (written.len() * table::PAGE_LENGTH) as u64;
        let result = node.and_then(|node| {
            if !written.is_empty() {
                self.sync(File::Keys(self.profile))?;
            }
            Ok(Arc::new(node))
        });
        match result {
            Ok(node) => {
                let root = Root { generation: batch.generation, records: batch.records, closed: false, node };
                Ok(Next { root, written, taken, dying, old_names: batch.old_names })
            }
            Err(error) => {
                self.pages.give_back(taken);
                Err(error)
            }
        }
    }

    /// Step 3, then the rest.
    fn switch(&mut self, next: Next) -> Result<(), CommitError> {
        if let Err(error) = self.write_root(&next.root, Copy::A) {
            // The page may be written, in part or whole. Writing the old one again decides.
            return match self.write_root(&self.root.clone(), Copy::A) {
                Ok(()) => {
                    self.pages.give_back(next.taken);
                    Err(error.into())
                }
                Err(_) => {
                    self.unsettled = Some(Unsettled::InDoubt { taken: next.taken });
                    Err(CommitError::InDoubt(error))
                }
            };
        }
        self.root = next.root;
        self.tree.follow(&next.dying, &next.written);
        self.unsettled =
            Some(Unsettled::Committed { b_written: false, dying: next.dying, old_names: next.old_names });
        self.finish().map_err(CommitError::NotErased)
    }

    /// Steps 4 and 5, from where they stand.
    fn finish(&mut self) -> Result<(), TableError> {
        if let Some(Unsettled::Committed { b_written: false, .. }) = &self.unsettled {
            self.write_root(&self.root.clone(), Copy::B)?;
        }
        let Some(Unsettled::Committed { b_written, dying, .. }) = &mut self.unsettled else { return Ok(()) };
        *b_written = true;
        // No sync: the keys of these pages are gone already. The next sync of the file takes them along.
        while let Some(page) = dying.last() {
            table::overwrite(&*self.disk, self.profile, *page)?;
            self.last_commit.table_bytes += table::PAGE_LENGTH as u64;
            self.pages.give_back(dying.pop());
        }
        if let Some(Unsettled::Committed { old_names, .. }) = self.unsettled.take() {
            self.forget(old_names);
        }
        Ok(())
    }

    fn take_generation(&mut self) -> u64 {
        let generation = self.next_generation;
        self.next_generation = generation.saturating_add(1);
        generation
    }

    fn sync(&mut self, file: File) -> Result<(), TableError> {
        self.disk.sync(file)?;
        self.last_commit.syncs += 1;
        Ok(())
    }
}
