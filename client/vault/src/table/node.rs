//! A node of the tree and its entries, as bytes.
//!
//! Entries are kept encoded: secrets then lie only in the buffers of nodes and entries, which are wiped.
//!
//! ```text
//! entry of a leaf   length of key (1) ‖ key ‖ generation (8) ‖ length (4) ‖ secret (32)
//! entry of a node   length of separator (1) ‖ separator ‖ page number (4) ‖ page key (32)
//! ```
//!
//! Not its concern: pages and their sealing (`pages`), the shape of the tree (`edit`).

use std::fmt;

use khaima_engine::{RecordKey, RecordKind};
use zeroize::Zeroizing;

use super::PageNumber;
use crate::records::Version;
use crate::seal::{KEY_LENGTH, Key};

/// Longest key in the table: kind and id.
const MAX_KEY: usize = 1 + RecordKey::MAX_ID_LENGTH;

const LEAF_TAIL: usize = 8 + 4 + KEY_LENGTH;
const INNER_TAIL: usize = 4 + KEY_LENGTH;

/// Bytes of the longest entry.
pub(crate) const MAX_ENTRY: usize = 1 + MAX_KEY + LEAF_TAIL;

/// A record's key as the table orders it: the kind, then the id.
pub(crate) fn table_key(key: &RecordKey) -> Vec<u8> {
    [&[key.kind().code()], key.id()].concat()
}

/// The record's key again; `None` for a kind this version does not know.
pub(crate) fn record_key(key: &[u8]) -> Option<RecordKey> {
    let (kind, id) = key.split_first()?;
    RecordKey::new(RecordKind::from_code(*kind)?, id)
}

/// One entry, encoded.
#[derive(Clone)]
pub(crate) struct Entry(Zeroizing<Vec<u8>>);

impl Entry {
    /// An entry of a leaf.
    pub(crate) fn of_record(key: &[u8], version: &Version) -> Self {
        Self::of(
            key,
            &[&version.generation.to_be_bytes(), &version.length.to_be_bytes(), version.secret.expose()],
        )
    }

    /// An entry of an inner node.
    pub(crate) fn of_page(separator: &[u8], child: &Child) -> Self {
        Self::of(separator, &[&child.page.to_be_bytes(), child.key.expose()])
    }

    /// The key, or the separator.
    pub(crate) fn key(&self) -> &[u8] {
        self.view().key
    }

    /// What it says about a child page.
    pub(crate) fn child(&self) -> Option<Child> {
        self.view().child()
    }

    /// Encoded length.
    pub(crate) fn length(&self) -> usize {
        self.0.len()
    }

    fn view(&self) -> EntryView<'_> {
        let (length, rest) = self.0.split_first().unwrap_or((&0, &[]));
        let (key, tail) = rest.split_at_checked(usize::from(*length)).unwrap_or_default();
        EntryView { key, tail, whole: &self.0 }
    }

    fn of(key: &[u8], tail: &[&[u8]]) -> Self {
        let key = key.get(..key.len().min(MAX_KEY)).unwrap_or_default();
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_ENTRY));
        bytes.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(key);
        tail.iter().for_each(|part| bytes.extend_from_slice(part));
        Self(bytes)
    }
}

/// Where a child page is and what opens it.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    /// The page.
    pub(crate) page: PageNumber,
    /// Its key.
    pub(crate) key: Key,
}

/// One entry within a node.
#[derive(Clone, Copy)]
pub(crate) struct EntryView<'a> {
    /// The key, or the separator.
    pub(crate) key: &'a [u8],
    tail: &'a [u8],
    whole: &'a [u8],
}

impl EntryView<'_> {
    /// A copy that stands alone.
    pub(crate) fn to_entry(self) -> Entry {
        Entry(Zeroizing::new(self.whole.to_vec()))
    }

    /// What a leaf's entry says about its record.
    pub(crate) fn version(&self) -> Option<Version> {
        let (generation, rest) = self.tail.split_first_chunk()?;
        let (length, secret) = rest.split_first_chunk()?;
        Some(Version {
            generation: u64::from_be_bytes(*generation),
            length: u32::from_be_bytes(*length),
            secret: Key::from_slice(secret)?,
        })
    }

    /// What an inner node's entry says about its child.
    pub(crate) fn child(&self) -> Option<Child> {
        let (page, key) = self.tail.split_first_chunk()?;
        Some(Child { page: u32::from_be_bytes(*page), key: Key::from_slice(key)? })
    }
}

/// A node: a leaf at level 0, an inner node above. Entries ascend strictly by key.
#[derive(Clone)]
pub(crate) struct Node {
    level: u8,
    count: u16,
    entries: Zeroizing<Vec<u8>>,
}

impl Node {
    /// A leaf without entries.
    pub(crate) fn empty() -> Self {
        Self { level: 0, count: 0, entries: Zeroizing::default() }
    }

    /// A node of these entries.
    pub(crate) fn of(level: u8, entries: &[Entry]) -> Self {
        let mut bytes = Zeroizing::new(Vec::with_capacity(total_length(entries)));
        entries.iter().for_each(|entry| bytes.extend_from_slice(&entry.0));
        Self { level, count: u16::try_from(entries.len()).unwrap_or(u16::MAX), entries: bytes }
    }

    /// Reads a node from bytes that may be followed by zeros; `None` when they are no node.
    pub(crate) fn decode(level: u8, count: u16, bytes: &[u8]) -> Option<Self> {
        let mut length = 0;
        let mut last: Option<&[u8]> = None;
        for _ in 0..count {
            let entry = first_entry(bytes.get(length..)?, level)?;
            if last.is_some_and(|last| last >= entry.key) {
                return None;
            }
            last = Some(entry.key);
            length += entry.whole.len();
        }
        let (entries, rest) = bytes.split_at_checked(length)?;
        let whole = rest.iter().all(|byte| *byte == 0) && (level == 0 || count > 0);
        whole.then(|| Self { level, count, entries: Zeroizing::new(entries.to_vec()) })
    }

    /// 0 for a leaf.
    pub(crate) fn level(&self) -> u8 {
        self.level
    }

    /// Number of entries.
    pub(crate) fn count(&self) -> u16 {
        self.count
    }

    /// All entries in a row, encoded.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.entries
    }

    /// All entries in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = EntryView<'_>> {
        let mut rest = self.entries.as_slice();
        std::iter::from_fn(move || {
            let entry = first_entry(rest, self.level)?;
            rest = rest.get(entry.whole.len()..)?;
            Some(entry)
        })
    }

    /// A leaf's entry of this key.
    pub(crate) fn find(&self, key: &[u8]) -> Option<EntryView<'_>> {
        self.entries().find(|entry| entry.key == key)
    }

    /// The child of an inner node under which this key belongs: the last whose separator is not above the key, or
    /// the first child.
    pub(crate) fn child_for(&self, key: &[u8]) -> Option<Child> {
        let mut found = None;
        for entry in self.entries() {
            if found.is_some() && entry.key > key {
                break;
            }
            found = Some(entry);
        }
        found?.child()
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node {{ level: {}, count: {}, .. }}", self.level, self.count)
    }
}

/// Encoded length of entries in a row.
pub(crate) fn total_length(entries: &[Entry]) -> usize {
    entries.iter().map(Entry::length).sum()
}

fn first_entry(bytes: &[u8], level: u8) -> Option<EntryView<'_>> {
    let key_length = usize::from(*bytes.first()?);
    let tail_length = if level == 0 { LEAF_TAIL } else { INNER_TAIL };
    let whole = bytes.get(..1 + key_length + tail_length).filter(|_| key_length <= MAX_KEY)?;
    let (key, tail) = whole.get(1..)?.split_at_checked(key_length)?;
    Some(EntryView { key, tail, whole })
}

/// A half-open range of table keys.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    /// First key within.
    pub(crate) from: Vec<u8>,
    /// First key beyond; `None` when nothing is.
    pub(crate) to: Option<Vec<u8>>,
}

impl Range {
    /// All keys that begin with these bytes.
    pub(crate) fn of_prefix(prefix: Vec<u8>) -> Self {
        let mut to = prefix.clone();
        while let Some(last) = to.pop() {
            if let Some(next) = last.checked_add(1) {
                to.push(next);
                return Self { from: prefix, to: Some(to) };
            }
        }
        Self { from: prefix, to: None }
    }

    /// Leaves out what is not above `key`.
    pub(crate) fn above(mut self, mut key: Vec<u8>) -> Self {
        key.push(0);
        self.from = self.from.max(key);
        self
    }

    /// Leaves out what is not below `key`.
    pub(crate) fn below(mut self, key: Vec<u8>) -> Self {
        self.to = Some(self.to.map_or(key.clone(), |to| to.min(key)));
        self
    }

    /// Whether `key` lies within.
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        key >= self.from.as_slice() && self.to.as_deref().is_none_or(|to| key < to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(keys: &[&[u8]]) -> Node {
        let entries: Vec<Entry> = keys
            .iter()
            .map(|key| {
                let version = Version { generation: 3, length: 9, secret: Key::random().unwrap() };
                Entry::of_record(key, &version)
            })
            .collect();
        Node::of(0, &entries)
    }

    fn decode_padded(node: &Node) -> Option<Node> {
        Node::decode(node.level(), node.count(), &[node.bytes(), &[0; 50]].concat())
    }

    #[test]
    fn a_node_is_read_back() {
        let node = leaf(&[b"\x01a", b"\x01b", &[2; MAX_KEY]]);
        let read = decode_padded(&node).unwrap();
        assert_eq!(read.bytes(), node.bytes());
        assert_eq!(read.find(b"\x01b").unwrap().version().unwrap().length, 9);
        assert!(read.find(b"\x01c").is_none());
        assert_eq!(read.entries().count(), 3);
        assert!(read.entries().all(|entry| entry.to_entry().length() <= MAX_ENTRY));
    }

    #[test]
    fn entries_out_of_order_too_long_or_cut_are_no_node() {
        assert!(decode_padded(&leaf(&[b"\x01b", b"\x01a"])).is_none());
        assert!(decode_padded(&leaf(&[b"\x01a", b"\x01a"])).is_none());
        let node = leaf(&[b"\x01a"]);
        assert!(Node::decode(0, 1, &node.bytes()[..45]).is_none());
        assert!(Node::decode(0, 2, node.bytes()).is_none());
        assert!(Node::decode(0, 0, node.bytes()).is_none());
        assert!(Node::decode(1, 0, &[]).is_none());
        assert!(Node::decode(0, 0, &[]).is_some());
    }

    #[test]
    fn a_key_belongs_under_the_last_separator_not_above_it() {
        let child = |page| Child { page, key: Key::random().unwrap() };
        let entries = [
            Entry::of_page(b"b", &child(1)),
            Entry::of_page(b"d", &child(2)),
            Entry::of_page(b"f", &child(3)),
        ];
        let node = Node::of(1, &entries);
        for (key, page) in [(b"a", 1), (b"b", 1), (b"c", 1), (b"d", 2), (b"e", 2), (b"f", 3), (b"z", 3)] {
            assert_eq!(node.child_for(key).unwrap().page, page);
        }
    }

    #[test]
    fn a_prefix_of_high_bytes_has_no_end() {
        assert_eq!(Range::of_prefix(vec![1, 255]).to, Some(vec![2]));
        assert_eq!(Range::of_prefix(vec![255, 255]).to, None);
        let range = Range::of_prefix(vec![4]).above(vec![4, 7]).below(vec![4, 9]);
        assert!(!range.contains(&[4, 7]) && range.contains(&[4, 7, 0]));
        assert!(range.contains(&[4, 8]) && !range.contains(&[4, 9]));
    }

    #[test]
    fn entries_and_nodes_do_not_print_their_keys() {
        let node = leaf(&[b"\x01private"]);
        assert_eq!(format!("{node:?}"), "Node { level: 0, count: 1, .. }");
    }
}
