//! Changing the tree: new pages beside the old ones, up to a new top node.
//!
//! Separators are the shortest bytes that still separate, always a prefix of a key that is live under them; a deleted
//! id therefore leaves nothing in the pages above it.
//!
//! Not its concern: the root pages and syncs (`store`); whether a change is worth making.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::node::{Child, Entry, MAX_ENTRY, total_length};
use super::pages::{self, PAGE_ROOM, Pages};
use super::root::ROOT_ROOM;
use super::{Node, PageNumber, TableError, Tree};
use crate::disk::{Disk, Profile};
use crate::records::Version;

/// What becomes of one key.
#[derive(Debug)]
pub(crate) enum EntryChange {
    /// It stands for this version.
    Put(Version),
    /// It is gone.
    Delete,
}

/// One batch of changes. Whatever is written goes to pages that were free.
#[derive(Debug)]
pub(crate) struct Edit<'a> {
    tree: &'a Tree,
    disk: &'a dyn Disk,
    profile: Profile,
    pages: &'a mut Pages,
    /// Pages written, with what is in them.
    pub(crate) written: Vec<(PageNumber, Arc<Node>)>,
    /// Pages that the new tree no longer refers to.
    pub(crate) dying: Vec<PageNumber>,
}

/// Part of an inner node while it is changed.
enum Slot {
    /// As it was.
    Kept(Entry),
    /// Entries for one or more new pages; all keys are at least `low`.
    Rebuilt { low: Vec<u8>, entries: Vec<Entry> },
}

/// A page with less than this is joined with a neighbour if both fit one page. Higher would join and split pages all
/// the time, lower would leave a table after many deletions with pages that are nearly empty.
const SPARSE: usize = PAGE_ROOM / 3;

impl<'a> Edit<'a> {
    /// Begins a batch.
    pub(crate) fn new(tree: &'a Tree, disk: &'a dyn Disk, profile: Profile, pages: &'a mut Pages) -> Self {
        Self { tree, disk, profile, pages, written: Vec::new(), dying: Vec::new() }
    }

    /// Applies changes, sorted by key, to the tree under `root`; returns the new top node.
    ///
    /// On error the pages in `written` are to be given back; nothing else has happened.
    pub(crate) fn apply(
        &mut self,
        root: &Node,
        changes: &[(Vec<u8>, EntryChange)],
    ) -> Result<Node, TableError> {
        let mut level = root.level();
        let mut entries = self.rebuild(root, &[], changes)?;
        while total_length(&entries) > ROOT_ROOM {
            entries = self.write(level, &[], entries)?;
            level = level.checked_add(1).ok_or(TableError::Full)?;
        }
        while let ([only], 1..) = (entries.as_slice(), level) {
            let child = only.child().ok_or(TableError::Damaged)?;
            let node = self.node(&child, level - 1)?;
            if node.bytes().len() > ROOT_ROOM {
                break;
            }
            self.dying.push(child.page);
            level -= 1;
            entries = node.entries().map(|entry| entry.to_entry()).collect();
        }
        Ok(Node::of(if entries.is_empty() { 0 } else { level }, &entries))
    }

    /// Pages to give back when the batch is given up.
    pub(crate) fn taken(&self) -> BTreeSet<PageNumber> {
        self.written.iter().map(|(page, _)| *page).collect()
    }

    /// The entries of a node after the changes, its children written. All keys of the node are at least `low`.
    fn rebuild(
        &mut self,
        node: &Node,
        low: &[u8],
        changes: &[(Vec<u8>, EntryChange)],
    ) -> Result<Vec<Entry>, TableError> {
        if node.level() == 0 {
            return Ok(merged(node, changes));
        }
        let mut slots = self.slots(node, low, changes)?;
        self.join_sparse(&mut slots, node.level() - 1, low)?;
        let mut entries = Vec::with_capacity(slots.len());
        for slot in slots {
            match slot {
                Slot::Kept(entry) => entries.push(entry),
                Slot::Rebuilt { low, entries: below } => {
                    entries.extend(self.write(node.level() - 1, &low, below)?)
                }
            }
        }
        Ok(entries)
    }

    /// The children of a node, changed where there are changes; those that became empty left out.
    fn slots(
        &mut self,
        node: &Node,
        low: &[u8],
        mut changes: &[(Vec<u8>, EntryChange)],
    ) -> Result<Vec<Slot>, TableError> {
        let children: Vec<Entry> = node.entries().map(|entry| entry.to_entry()).collect();
        let mut slots = Vec::with_capacity(children.len());
        for (at, entry) in children.iter().enumerate() {
            let count = match children.get(at + 1) {
                Some(next) => changes.partition_point(|(key, _)| key.as_slice() < next.key()),
                None => changes.len(),
            };
            let (mine, rest) = changes.split_at_checked(count).unwrap_or_default();
            changes = rest;
            if mine.is_empty() {
                slots.push(Slot::Kept(entry.clone()));
                continue;
            }
            let low = if at == 0 { low } else { entry.key() };
            let entries = self.replace(entry, node.level() - 1, low, mine)?;
            if !entries.is_empty() {
                slots.push(Slot::Rebuilt { low: low.to_vec(), entries });
            }
        }
        Ok(slots)
    }

    /// The entries of a child after changes; its page is no longer needed.
    fn replace(
        &mut self,
        entry: &Entry,
        level: u8,
        low: &[u8],
        changes: &[(Vec<u8>, EntryChange)],
    ) -> Result<Vec<Entry>, TableError> {
        let child = entry.child().ok_or(TableError::Damaged)?;
        let node = self.tree.load(&child, level)?;
        self.dying.push(child.page);
        self.rebuild(&node, low, changes)
    }

    /// Joins rebuilt children that have little left with a neighbour.
    fn join_sparse(&mut self, slots: &mut Vec<Slot>, level: u8, low: &[u8]) -> Result<(), TableError> {
        let mut at = 0;
        while at < slots.len() {
            let sparse = matches!(slots.get(at), Some(Slot::Rebuilt { entries, .. }) if total_length(entries) < SPARSE);
            if !sparse || slots.len() < 2 {
                at += 1;
                continue;
            }
            let left = at.saturating_sub(1);
            let joined =
                match (self.opened(slots, left, level, low)?, self.opened(slots, left + 1, level, low)?) {
                    (Some(left), Some(right)) => join(left, right),
                    _ => None,
                };
            let Some((slot, pages)) = joined else {
                at += 1;
                continue;
            };
            self.dying.extend(pages);
            slots.splice(left..=left + 1, [slot]);
            at = left; // the joined one may still be sparse
        }
        Ok(())
    }

    /// A slot's lower bound and entries, and its page if it has one still.
    fn opened(&self, slots: &[Slot], at: usize, level: u8, low: &[u8]) -> Result<Option<Opened>, TableError> {
        Ok(match slots.get(at) {
            None => None,
            Some(Slot::Rebuilt { low, entries }) => {
                Some(Opened { low: low.clone(), entries: entries.clone(), page: None })
            }
            Some(Slot::Kept(entry)) => {
                let child = entry.child().ok_or(TableError::Damaged)?;
                let entries =
                    self.tree.load(&child, level)?.entries().map(|entry| entry.to_entry()).collect();
                let low = if at == 0 { low } else { entry.key() };
                Some(Opened { low: low.to_vec(), entries, page: Some(child.page) })
            }
        })
    }

    /// Writes entries to as many pages as they need; returns the entries that refer to these.
    fn write(&mut self, level: u8, low: &[u8], entries: Vec<Entry>) -> Result<Vec<Entry>, TableError> {
        let mut parents = Vec::new();
        let mut low = low.to_vec();
        let groups = split(entries);
        let mut groups = groups.iter().peekable();
        while let Some(group) = groups.next() {
            let node = Arc::new(Node::of(level, group));
            let page = self.pages.take()?;
            self.written.push((page, Arc::clone(&node)));
            let child = pages::write(self.disk, self.profile, page, &node)?;
            let first = group.first().map(Entry::key).unwrap_or_default();
            parents.push(Entry::of_page(shortest_prefix(first, &low), &child));
            // What the next page's keys are at least: above this leaf's last key, or the next child's separator.
            low = match (level, groups.peek().and_then(|next| next.first())) {
                (0, _) => [group.last().map(Entry::key).unwrap_or_default(), &[0]].concat(),
                (_, Some(next)) => next.key().to_vec(),
                (_, None) => Vec::new(),
            };
        }
        Ok(parents)
    }

    /// A node that may just have been written.
    fn node(&self, child: &Child, level: u8) -> Result<Arc<Node>, TableError> {
        match self.written.iter().find(|(page, _)| *page == child.page) {
            Some((_, node)) => Ok(Arc::clone(node)),
            None => self.tree.load(child, level),
        }
    }
}

/// A slot of which the entries are known.
struct Opened {
    low: Vec<u8>,
    entries: Vec<Entry>,
    page: Option<PageNumber>,
}

/// Two neighbours as one, with the pages this frees; `None` when they do not fit one page.
fn join(left: Opened, right: Opened) -> Option<(Slot, impl Iterator<Item = PageNumber>)> {
    let mut entries = left.entries;
    entries.extend(right.entries);
    let pages = left.page.into_iter().chain(right.page);
    (total_length(&entries) <= PAGE_ROOM).then_some((Slot::Rebuilt { low: left.low, entries }, pages))
}

/// A leaf's entries after changes to it.
fn merged(leaf: &Node, changes: &[(Vec<u8>, EntryChange)]) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(usize::from(leaf.count()) + changes.len());
    let mut changes = changes.iter().peekable();
    for old in leaf.entries() {
        while let Some((key, change)) = changes.next_if(|(key, _)| key.as_slice() < old.key) {
            push_put(&mut entries, key, change);
        }
        match changes.next_if(|(key, _)| key == old.key) {
            Some((key, change)) => push_put(&mut entries, key, change),
            None => entries.push(old.to_entry()),
        }
    }
    changes.for_each(|(key, change)| push_put(&mut entries, key, change));
    entries
}

fn push_put(entries: &mut Vec<Entry>, key: &[u8], change: &EntryChange) {
    if let EntryChange::Put(version) = change {
        entries.push(Entry::of_record(key, version));
    }
}

/// Cuts entries into groups of about equal size that fit a page each.
fn split(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let total = total_length(&entries);
    if total <= PAGE_ROOM {
        return vec![entries];
    }
    // With room for one entry more than the target, no group outgrows its page.
    let count = total.div_ceil(PAGE_ROOM - MAX_ENTRY);
    let target = total.div_ceil(count);
    let mut groups = Vec::with_capacity(count);
    let mut group = Vec::new();
    let mut length = 0;
    for entry in entries {
        length += entry.length();
        group.push(entry);
        if length >= target {
            groups.push(std::mem::take(&mut group));
            length = 0;
        }
    }
    if !group.is_empty() {
        groups.push(group);
    }
    groups
}

/// The shortest prefix of `key` that is not below `low`, where `key` itself is not.
fn shortest_prefix<'k>(key: &'k [u8], low: &[u8]) -> &'k [u8] {
    let common = key.iter().zip(low).take_while(|(a, b)| a == b).count();
    let length = if common == low.len() { common } else { common + 1 };
    key.get(..length).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Key;

    #[test]
    fn a_separator_is_as_short_as_it_can_be() {
        assert_eq!(shortest_prefix(b"bcd", b""), b"");
        assert_eq!(shortest_prefix(b"bcd", b"a"), b"b");
        assert_eq!(shortest_prefix(b"bcd", b"bca\0"), b"bcd");
        assert_eq!(shortest_prefix(b"bcd", b"bc"), b"bc");
        assert_eq!(shortest_prefix(b"bcd", b"bb\0"), b"bc");
        assert_eq!(shortest_prefix(b"bcd", b"bcd"), b"bcd");
        assert_eq!(shortest_prefix(b"bcd\0", b"bcd\0"), b"bcd\0");
    }

    #[test]
    fn groups_fit_their_pages_and_are_not_sparse() {
        for count in [1, 36, 37, 38, 80, 400] {
            for id in [1, 16, 64] {
                let entries: Vec<Entry> = (0..count)
                    .map(|_| {
                        let version = Version { generation: 0, length: 0, secret: Key::zero() };
                        Entry::of_record(&vec![1; 1 + id], &version)
                    })
                    .collect();
                let groups = split(entries);
                assert_eq!(groups.iter().map(Vec::len).sum::<usize>(), count);
                assert!(groups.iter().all(|group| total_length(group) <= PAGE_ROOM && !group.is_empty()));
                assert!(groups.len() == 1 || groups.iter().all(|group| total_length(group) >= SPARSE));
            }
        }
    }
}
