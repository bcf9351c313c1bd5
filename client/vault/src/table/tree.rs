//! Reading the tree below a root.
//!
//! Not its concern: changing it (`edit`).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use khaima_engine::Order;

use super::cache::Cache;
use super::node::Child;
use super::{Node, PageNumber, Range, TableError, pages};
use crate::disk::{Disk, Profile};
use crate::records::Version;

/// Reads nodes of one profile's table, keeping some.
#[derive(Debug)]
pub(crate) struct Tree {
    disk: Arc<dyn Disk>,
    profile: Profile,
    cache: Mutex<Cache>,
}

impl Tree {
    /// Reads from this disk.
    pub(crate) fn new(disk: Arc<dyn Disk>, profile: Profile) -> Self {
        Self { disk, profile, cache: Mutex::default() }
    }

    /// The record of this key.
    pub(crate) fn find(&self, root: &Arc<Node>, key: &[u8]) -> Result<Option<Version>, TableError> {
        let mut node = Arc::clone(root);
        while node.level() > 0 {
            let child = node.child_for(key).ok_or(TableError::Damaged)?;
            node = self.load(&child, node.level() - 1)?;
        }
        node.find(key).map(|entry| entry.version().ok_or(TableError::Damaged)).transpose()
    }

    /// Keys within a range, in order, at most `limit`.
    pub(crate) fn keys(
        &self,
        root: &Node,
        range: &Range,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, TableError> {
        let mut keys = Vec::new();
        self.walk(root, range, order, limit, &mut keys)?;
        Ok(keys)
    }

    /// Every record, without keeping what was read.
    pub(crate) fn each_record(
        &self,
        root: &Node,
        visit: &mut dyn FnMut(&[u8], &Version),
    ) -> Result<(), TableError> {
        for entry in root.entries() {
            if root.level() == 0 {
                visit(entry.key, &entry.version().ok_or(TableError::Damaged)?);
            } else {
                let child = entry.child().ok_or(TableError::Damaged)?;
                let node = pages::read(&*self.disk, self.profile, &child, root.level() - 1)?;
                self.each_record(&node, visit)?;
            }
        }
        Ok(())
    }

    /// Adds the pages below a node to `used`; leaves are not read.
    pub(crate) fn add_pages(&self, node: &Node, used: &mut BTreeSet<PageNumber>) -> Result<(), TableError> {
        if node.level() == 0 {
            return Ok(());
        }
        for entry in node.entries() {
            let child = entry.child().ok_or(TableError::Damaged)?;
            used.insert(child.page);
            if node.level() > 1 {
                self.add_pages(&*self.load(&child, node.level() - 1)?, used)?;
            }
        }
        Ok(())
    }

    /// A node by its place.
    pub(crate) fn load(&self, child: &Child, level: u8) -> Result<Arc<Node>, TableError> {
        if let Some(node) = self.with_cache(|cache| cache.get(child.page)) {
            return Ok(node);
        }
        let node = pages::read(&*self.disk, self.profile, child, level)?;
        self.with_cache(|cache| cache.insert(child.page, Arc::clone(&node)));
        Ok(node)
    }

    /// Follows a commit: old pages are no longer needed, new ones soon will be.
    pub(crate) fn follow(&self, old: &[PageNumber], new: &[(PageNumber, Arc<Node>)]) {
        self.with_cache(|cache| {
            old.iter().for_each(|page| cache.remove(*page));
            new.iter().filter(|(page, _)| !old.contains(page)).for_each(|(page, node)| {
                cache.insert(*page, Arc::clone(node));
            });
        });
    }

    fn with_cache<T>(&self, action: impl FnOnce(&mut Cache) -> T) -> T {
        action(&mut self.cache.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn walk(
        &self,
        node: &Node,
        range: &Range,
        order: Order,
        limit: usize,
        keys: &mut Vec<Vec<u8>>,
    ) -> Result<(), TableError> {
        if node.level() == 0 {
            let within: Vec<&[u8]> =
                node.entries().map(|e| e.key).filter(|key| range.contains(key)).collect();
            let missing = limit.saturating_sub(keys.len());
            match order {
                Order::Ascending => keys.extend(within.iter().take(missing).map(|key| key.to_vec())),
                Order::Descending => keys.extend(within.iter().rev().take(missing).map(|key| key.to_vec())),
            }
            return Ok(());
        }
        let entries: Vec<_> = node.entries().collect();
        // A child holds the keys from its separator (the first child: from the beginning) to the next one.
        let mut children: Vec<Child> = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let ends_before = entries.get(at + 1).is_some_and(|next| next.key <= range.from.as_slice());
            let begins_after = at > 0 && range.to.as_deref().is_some_and(|to| entry.key >= to);
            if !ends_before && !begins_after {
                children.push(entry.child().ok_or(TableError::Damaged)?);
            }
        }
        if order == Order::Descending {
            children.reverse();
        }
        for child in children {
            if keys.len() >= limit {
                break;
            }
            self.walk(&*self.load(&child, node.level() - 1)?, range, order, limit, keys)?;
        }
        Ok(())
    }
}
