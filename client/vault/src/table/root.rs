//! The root page: the state of a profile's table, and the top node of the tree.
//!
//! ```text
//! version (2) ‖ flags (2) ‖ generation (8) ‖ records (8) ‖ zero (4) ‖ level (1) ‖ zero (1) ‖ count (2) ‖ entries ‖ zeros
//! ```
//!
//! Not its concern: when which copy is written (`store`).

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Node, PAGE_LENGTH};
use crate::disk::Profile;
use crate::seal::{self, Key, OVERHEAD, RandomError};

/// Version of the format of a store, in each root page.
const VERSION: u16 = 1;

/// Flag: the vault was closed in order; no orphans, free pages overwritten.
const CLOSED: u16 = 1;

const PLAIN_LENGTH: usize = PAGE_LENGTH - OVERHEAD;
const HEAD_LENGTH: usize = 28;

/// Bytes of entries that a root page holds.
pub(crate) const ROOT_ROOM: usize = PLAIN_LENGTH - HEAD_LENGTH;

/// Which of the two places of the root page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copy {
    /// Page 0: its write is the commit.
    A,
    /// Page 1: follows.
    B,
}

impl Copy {
    /// Byte offset in the file.
    pub(crate) fn offset(self) -> u64 {
        u64::from(self.number()) * PAGE_LENGTH as u64
    }

    fn number(self) -> u8 {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }
}

/// A committed state.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    /// Counts commits; the greater of two roots is the later.
    pub(crate) generation: u64,
    /// Number of records.
    pub(crate) records: u64,
    /// Whether the store was closed in order with this state.
    pub(crate) closed: bool,
    /// The top of the tree.
    pub(crate) node: Arc<Node>,
}

/// What a root page turned out to be.
#[derive(Debug)]
pub(crate) enum RootPage {
    /// A state.
    Root(Root),
    /// A state of a format that this program does not know.
    Newer,
    /// Torn, damaged, or of another key.
    Unreadable,
}

impl Root {
    /// The state of a new store.
    pub(crate) fn empty() -> Self {
        Self { generation: 1, records: 0, closed: true, node: Arc::new(Node::empty()) }
    }

    /// The page of one copy, sealed.
    pub(crate) fn seal(&self, key: &Key, profile: Profile, copy: Copy) -> Result<Vec<u8>, RandomError> {
        let mut plain = Zeroizing::new(Vec::with_capacity(PLAIN_LENGTH));
        plain.extend_from_slice(&VERSION.to_be_bytes());
        plain.extend_from_slice(&(if self.closed { CLOSED } else { 0 }).to_be_bytes());
        plain.extend_from_slice(&self.generation.to_be_bytes());
        plain.extend_from_slice(&self.records.to_be_bytes());
        plain.extend_from_slice(&[0; 4]);
        plain.extend_from_slice(&[self.node.level(), 0]);
        plain.extend_from_slice(&self.node.count().to_be_bytes());
        plain.extend_from_slice(self.node.bytes());
        debug_assert!(plain.len() <= PLAIN_LENGTH, "root node too large");
        plain.resize(PLAIN_LENGTH, 0);
        seal::seal(key, &associated(profile, copy), &plain)
    }

    /// Opens the page of one copy.
    pub(crate) fn open(key: &Key, profile: Profile, copy: Copy, page: &[u8]) -> RootPage {
        let Some(plain) = seal::open(key, &associated(profile, copy), page) else {
            return RootPage::Unreadable;
        };
        if plain.first_chunk().is_some_and(|version| u16::from_be_bytes(*version) > VERSION) {
            return RootPage::Newer;
        }
        Self::decode(&plain).map_or(RootPage::Unreadable, RootPage::Root)
    }

    fn decode(plain: &[u8]) -> Option<Self> {
        let (version, rest) = plain.split_first_chunk()?;
        let (flags, rest) = rest.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let (records, rest) = rest.split_first_chunk()?;
        let ([_, _, _, _, level, _], rest) = rest.split_first_chunk()?;
        let (count, entries) = rest.split_first_chunk()?;
        let node = Node::decode(*level, u16::from_be_bytes(*count), entries)?;
        (u16::from_be_bytes(*version) == VERSION).then(|| Self {
            generation: u64::from_be_bytes(*generation),
            records: u64::from_be_bytes(*records),
            closed: u16::from_be_bytes(*flags) & CLOSED != 0,
            node: Arc::new(node),
        })
    }
}

fn associated(profile: Profile, copy: Copy) -> Vec<u8> {
    [seal::ROOT, &[profile.number(), copy.number()]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_read_back_at_its_place_only() {
        let key = Key::random().unwrap();
        let root = Root { generation: 9, records: 4, closed: false, node: Arc::new(Node::empty()) };
        let page = root.seal(&key, Profile::FIRST, Copy::A).unwrap();
        assert_eq!(page.len(), PAGE_LENGTH);
        let open = |key: &Key, profile, copy| Root::open(key, profile, copy, &page);
        let RootPage::Root(read) = open(&key, Profile::FIRST, Copy::A) else { panic!("unreadable") };
        assert_eq!((read.generation, read.records, read.closed), (9, 4, false));
        assert!(matches!(open(&key, Profile::FIRST, Copy::B), RootPage::Unreadable));
        assert!(matches!(open(&key, Profile::SECOND, Copy::A), RootPage::Unreadable));
        assert!(matches!(open(&Key::random().unwrap(), Profile::FIRST, Copy::A), RootPage::Unreadable));
    }

    #[test]
    fn a_root_of_a_later_version_is_told_from_a_damaged_one() {
        let key = Key::random().unwrap();
        let mut plain = vec![0; PLAIN_LENGTH];
        plain[1] = 2;
        let page = seal::seal(&key, &associated(Profile::FIRST, Copy::A), &plain).unwrap();
        assert!(matches!(Root::open(&key, Profile::FIRST, Copy::A, &page), RootPage::Newer));
    }
}
