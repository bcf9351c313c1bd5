//! Nodes that were read lately, at most a fixed number of them; wiped when they leave and on drop.
//!
//! Not its concern: whether a page has changed on disk: pages are never rewritten while the tree refers to them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Node, PageNumber};

/// Nodes by page number; the one not used for longest leaves first.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    nodes: HashMap<PageNumber, (u64, Arc<Node>)>,
    by_use: BTreeMap<u64, PageNumber>,
    uses: u64,
}

impl Cache {
    /// Nodes kept, about 4 KiB each. Fewer cost a read and a decryption more often, more cost memory.
    const CAPACITY: usize = 512;

    /// A node that is kept.
    pub(crate) fn get(&mut self, page: PageNumber) -> Option<Arc<Node>> {
        self.uses += 1;
        let (used, node) = self.nodes.get_mut(&page)?;
        self.by_use.remove(used);
        *used = self.uses;
        self.by_use.insert(self.uses, page);
        Some(Arc::clone(node))
    }

    /// Keeps a node.
    pub(crate) fn insert(&mut self, page: PageNumber, node: Arc<Node>) {
        self.remove(page);
        self.uses += 1;
        self.nodes.insert(page, (self.uses, node));
        self.by_use.insert(self.uses, page);
        while self.nodes.len() > Self::CAPACITY {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            self.nodes.remove(&oldest);
        }
    }

    /// Drops a node.
    pub(crate) fn remove(&mut self, page: PageNumber) {
        if let Some((used, _)) = self.nodes.remove(&page) {
            self.by_use.remove(&used);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_not_used_for_longest_leaves_first() {
        let mut cache = Cache::default();
        let capacity = u32::try_from(Cache::CAPACITY).unwrap();
        (0..capacity).for_each(|page| cache.insert(page, Arc::new(Node::empty())));
        assert!(cache.get(0).is_some());
        cache.insert(capacity, Arc::new(Node::empty()));
        assert!(cache.get(0).is_some() && cache.get(1).is_none() && cache.get(capacity).is_some());
        assert_eq!((cache.nodes.len(), cache.by_use.len()), (Cache::CAPACITY, Cache::CAPACITY));
    }

    #[test]
    fn a_removed_node_is_gone() {
        let mut cache = Cache::default();
        cache.insert(7, Arc::new(Node::empty()));
        cache.insert(7, Arc::new(Node::empty()));
        cache.remove(7);
        assert!(cache.get(7).is_none() && cache.by_use.is_empty());
    }
}
