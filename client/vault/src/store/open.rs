//! Opening a store: which root holds, finishing what a crash interrupted, sweeping what belongs to nothing.
//!
//! Not its concern: the passphrase.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::{CommitStats, Store, Unsettled};
use crate::disk::{Disk, File, Profile};
use crate::error::OpenError;
use crate::records::{Address, Name, Records};
use crate::seal::{self, Key};
use crate::table::{
    self, Copy, FIRST_PAGE, PAGE_LENGTH, PageNumber, Pages, Root, RootPage, TableError, Tree,
};

impl Store {
    /// Opens a profile's store.
    ///
    /// The later of the readable roots holds; the other is brought up to it. Where the disk does not let that be
    /// done now, the store can still be read and the next commit tries again first.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        records: Box<dyn Records>,
        profile: Profile,
        master: &Key,
    ) -> Result<Self, OpenError> {
        let root_key = master.derive(seal::ROOT_KEY);
        let a = read_root(&*disk, profile, &root_key, Copy::A)?;
        let b = read_root(&*disk, profile, &root_key, Copy::B)?;
        let generations = [&a, &b].map(|root| root.as_ref().map(|root| root.generation));
        let (root, stale) = match (a, b) {
            (Some(a), Some(b)) if a.generation >= b.generation => {
                let stale = (a.generation > b.generation).then_some(Copy::B);
                (a, stale)
            }
            (Some(a), None) => (a, Some(Copy::B)),
            (_, Some(b)) => (b, Some(Copy::A)),
            (None, None) => return Err(OpenError::RootDamaged),
        };
        let tree = Tree::new(Arc::clone(&disk), profile);
        let mut used = BTreeSet::new();
        let end =
            disk.length(File::Keys(profile)).map_err(TableError::from)?.unwrap_or(0) / PAGE_LENGTH as u64;
        let end = PageNumber::try_from(end).unwrap_or(PageNumber::MAX);
        let (pages, is_whole) = match tree.add_pages(&root.node, &mut used) {
            Ok(()) => (Pages::new(&used, end), true),
            // Without all inner pages it is not known what is free. What can be read, can.
            Err(TableError::Damaged) => (Pages::beyond(end), false),
            Err(error) => return Err(error.into()),
        };
        let mut store = Self {
            disk,
            records,
            profile,
            root_key,
            tree,
            pages,
            next_generation: generations.into_iter().flatten().max().unwrap_or(0).saturating_add(1),
            untidy: stale.is_some() || !root.closed,
            root,
            unsettled: None,
            strays: Vec::new(),
            last_commit: CommitStats::default(),
        };
        store.catch_up(stale);
        store.tidy(is_whole);
        store.last_commit = CommitStats::default();
        Ok(store)
    }

    /// Brings the stale root up to the one that holds, which must stand twice before it may be written over.
    fn catch_up(&mut self, stale: Option<Copy>) {
        let root = self.root.clone();
        if let Some(copy) = stale
            && self.write_root(&root, copy).is_err()
        {
            // The next commit writes both: A is either readable and the later, or about to be written.
            self.unsettled = Some(match copy {
                Copy::A => Unsettled::InDoubt { taken: BTreeSet::new() },
                Copy::B => {
                    Unsettled::Committed { b_written: false, dying: Vec::new(), old_names: Vec::new() }
                }
            });
        }
    }

    /// Sweeps after a disorderly end, and marks the store as in use. What fails leaves it to the next opening.
    fn tidy(&mut self, is_whole: bool) {
        if self.unsettled.is_some() {
            return;
        }
        if self.untidy && is_whole && self.sweep().is_ok() && self.strays.is_empty() {
            self.untidy = false;
        }
        if self.mark(false).is_err() {
            self.untidy = true;
        }
    }

    /// Overwrites free pages and removes records to which nothing refers.
    fn sweep(&mut self) -> Result<(), OpenError> {
        self.cut_file()?;
        for page in self.pages.free() {
            table::overwrite(&*self.disk, self.profile, page)?;
        }
        let mut live: HashSet<Name> = HashSet::new();
        self.tree.each_record(&self.root.node, &mut |key, version| {
            live.extend(version.names(Address { profile: self.profile, key }));
        })?;
        let mut orphans = Vec::new();
        self.records.names(&mut |name| {
            if !<&Name>::try_from(name).is_ok_and(|name| live.contains(name)) {
                orphans.push(name.to_vec());
            }
        })?;
        for name in orphans {
            self.records.remove(&name)?;
        }
        Ok(())
    }
}

fn read_root(disk: &dyn Disk, profile: Profile, key: &Key, copy: Copy) -> Result<Option<Root>, OpenError> {
    let Some(length) = disk.length(File::Keys(profile)).map_err(TableError::from)? else {
        return Ok(None);
    };
    if length < table::offset(FIRST_PAGE) {
        return Ok(None);
    }
    let mut page = vec![0; PAGE_LENGTH];
    disk.read(File::Keys(profile), copy.offset(), &mut page).map_err(TableError::from)?;
    match Root::open(key, profile, copy, &page) {
        RootPage::Root(root) => Ok(Some(root)),
        RootPage::Newer => Err(OpenError::Newer),
        RootPage::Unreadable => Ok(None),
    }
}
