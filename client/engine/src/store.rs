//! What the engine asks of a store: small records under ordered keys, read one by one, written all at once.
//!
//! The engine reads through [`StoreView`] and never writes: each step answers with one [`Changes`] value, which
//! the caller commits ([`Commit`]) before any effect of the step runs. A crash leaves the old state or the new.
//! [`Overlay`] shows a view with changes that are not committed yet, so that one step can build on its own work.
//!
//! Not its concern: what the bytes mean (`records`), encryption and files (the vault).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;

use zeroize::Zeroizing;

/// What kind of thing a record holds. The number is stored: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum RecordKind {
    /// This device's own identity, name and counters; one record.
    Profile = 1,
    /// One contact.
    Contact = 2,
    /// One conversation: counters and last order.
    Conversation = 3,
    /// One message row, by conversation and order.
    Message = 4,
    /// One part of one session record, by contact, device and part name.
    Session = 5,
    /// One private one-time prekey, by mailbox and id.
    OneTimePreKey = 6,
    /// One private signed prekey, by mailbox and id.
    SignedPreKey = 7,
    /// One private Kyber prekey, by mailbox and id.
    KyberPreKey = 8,
    /// A base key seen with a last-resort prekey.
    SeenBaseKey = 9,
    /// One mailbox of ours: its key, relay, purpose and pool.
    Mailbox = 10,
    /// One invitation, made or accepted.
    Invitation = 11,
    /// One piece of relay work that outlives a crash: the outbox.
    Job = 12,
    /// One delivery receipt owed.
    Receipt = 13,
    /// An envelope or message id already processed.
    Seen = 14,
    /// The sender certificate of the day.
    Certificate = 15,
    /// A relay we use, with its permits.
    Relay = 16,
    /// A missing number in a conversation.
    Gap = 17,
    /// Preferences.
    Settings = 18,
    /// An envelope that could not be read yet, kept sealed.
    Held = 19,
    /// An index from a message id to its row.
    MessageId = 20,
    /// Counts of what was dropped.
    Counter = 21,
    /// What a job sends: the sealed envelope or bundles, in chunks.
    JobBlob = 22,
    /// A sealed envelope kept because it could not be read, in chunks.
    HeldBlob = 23,
    /// The text of a long message, in chunks.
    MessageBlob = 24,
}

impl RecordKind {
    /// Every kind, by number.
    pub const ALL: [Self; 24] = [
        Self::Profile,
        Self::Contact,
        Self::Conversation,
        Self::Message,
        Self::Session,
        Self::OneTimePreKey,
        Self::SignedPreKey,
        Self::KyberPreKey,
        Self::SeenBaseKey,
        Self::Mailbox,
        Self::Invitation,
        Self::Job,
        Self::Receipt,
        Self::Seen,
        Self::Certificate,
        Self::Relay,
        Self::Gap,
        Self::Settings,
        Self::Held,
        Self::MessageId,
        Self::Counter,
        Self::JobBlob,
        Self::HeldBlob,
        Self::MessageBlob,
    ];

    /// The stored number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The kind of a stored number; `None` for one this version does not know.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// Names one record: its kind and 1 to 64 bytes, ordered bytewise within the kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    kind: RecordKind,
    id: Vec<u8>,
}

impl RecordKey {
    /// Longest id in bytes.
    pub const MAX_ID_LENGTH: usize = 64;

    /// A key; `None` unless the id has 1 to [`Self::MAX_ID_LENGTH`] bytes.
    pub fn new(kind: RecordKind, id: &[u8]) -> Option<Self> {
        ((1..=Self::MAX_ID_LENGTH).contains(&id.len())).then(|| Self { kind, id: id.to_vec() })
    }

    /// A key made of fixed parts of known sizes. Parts past 64 bytes are cut, an empty id becomes one zero byte;
    /// callers pass parts that fit.
    pub(crate) fn of(kind: RecordKind, parts: &[&[u8]]) -> Self {
        let mut id = parts.concat();
        debug_assert!((1..=Self::MAX_ID_LENGTH).contains(&id.len()), "record id out of bounds");
        id.truncate(Self::MAX_ID_LENGTH);
        if id.is_empty() {
            id.push(0);
        }
        Self { kind, id }
    }

    /// What kind of record this names.
    pub fn kind(&self) -> RecordKind {
        self.kind
    }

    /// The id within the kind, 1 to 64 bytes.
    pub fn id(&self) -> &[u8] {
        &self.id
    }
}

impl fmt::Debug for RecordKey {
    /// Names the kind only: ids do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordKey({:?}, ..)", self.kind)
    }
}

/// Which way a scan walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the smallest id up.
    Ascending,
    /// From the largest id down.
    Descending,
}

/// Reading. All reads within one step see the same state.
pub trait StoreView {
    /// What can go wrong below.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The bytes of one record, at most 60 KiB; `None` when there is no such record.
    ///
    /// # Errors
    /// When the store cannot be read or the record is damaged.
    fn get(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>, Self::Error>;

    /// Keys of one kind whose id begins with `prefix`, in `order`, at most `limit` of them, beginning strictly
    /// behind the id `after` (which itself need not exist).
    ///
    /// # Errors
    /// When the store cannot be read.
    fn scan(
        &self,
        kind: RecordKind,
        prefix: &[u8],
        order: Order,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<RecordKey>, Self::Error>;
}

impl<V: StoreView + ?Sized> StoreView for &V {
    type Error = V::Error;

    fn get(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>, Self::Error> {
        (**self).get(key)
    }

    fn scan(
        &self,
        kind: RecordKind,
        prefix: &[u8],
        order: Order,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<RecordKey>, Self::Error> {
        (**self).scan(kind, prefix, order, after, limit)
    }
}

/// What happens to one record.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// The record has these bytes afterwards.
    Put(Zeroizing<Vec<u8>>),
    /// The record is gone afterwards, beyond recovery.
    Delete,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(bytes) => write!(f, "Put({} bytes)", bytes.len()),
            Self::Delete => f.write_str("Delete"),
        }
    }
}

/// What one step changes: at most one [`Change`] per record, in key order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    map: BTreeMap<RecordKey, Change>,
}

impl Changes {
    /// No change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the bytes of a record, replacing what this value said about it before.
    pub fn put(&mut self, key: RecordKey, bytes: impl Into<Zeroizing<Vec<u8>>>) {
        self.map.insert(key, Change::Put(bytes.into()));
    }

    /// Deletes a record.
    pub fn delete(&mut self, key: RecordKey) {
        self.map.insert(key, Change::Delete);
    }

    /// What is said about one record.
    pub fn get(&self, key: &RecordKey) -> Option<&Change> {
        self.map.get(key)
    }

    /// Whether nothing changes; a commit of it may do nothing.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Number of records touched.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Adds another step's changes; where both touch a record, the later holds.
    pub fn extend(&mut self, later: Changes) {
        self.map.extend(later.map);
    }

    /// The keys of changed jobs and mailboxes, for [`crate::Dispatcher::on_committed`].
    pub fn dispatch_keys(&self) -> Vec<RecordKey> {
        let matters = |key: &&RecordKey| matches!(key.kind, RecordKind::Job | RecordKind::Mailbox);
        self.map.keys().filter(matters).cloned().collect()
    }

    /// All changes in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&RecordKey, &Change)> {
        self.map.iter()
    }
}

impl Changes {
    /// What a scan finds after these changes, given what it finds before them.
    pub(crate) fn overlay_scan<E>(
        &self,
        kind: RecordKind,
        prefix: &[u8],
        order: Order,
        after: Option<&[u8]>,
        limit: usize,
        base: impl FnOnce(usize) -> Result<Vec<RecordKey>, E>,
    ) -> Result<Vec<RecordKey>, E> {
        let touched: BTreeMap<&RecordKey, &Change> =
            self.map.iter().filter(|(key, _)| is_within(key, kind, prefix, order, after)).collect();
        // Each touched key can hide at most one key of the base.
        let base = base(limit.saturating_add(touched.len()))?;
        let mut keys: Vec<RecordKey> = base.into_iter().filter(|key| !touched.contains_key(key)).collect();
        keys.extend(
            touched
                .iter()
                .filter(|(_, change)| matches!(change, Change::Put(_)))
                .map(|(key, _)| (*key).clone()),
        );
        keys.sort();
        if order == Order::Descending {
            keys.reverse();
        }
        keys.truncate(limit);
        Ok(keys)
    }
}

impl IntoIterator for Changes {
    type Item = (RecordKey, Change);
    type IntoIter = std::collections::btree_map::IntoIter<RecordKey, Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.map.into_iter()
    }
}

/// Writing: all of it or nothing.
pub trait Commit {
    /// What can go wrong below.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Makes the changes durable. On return they survive a loss of power and deleted records are unreadable.
    ///
    /// # Errors
    /// When nothing was changed; the caller may try again or stop, and runs no effect of the step.
    fn commit(&mut self, changes: Changes) -> Result<(), Self::Error>;
}

/// A view with changes on top that are not committed yet.
#[derive(Debug)]
pub struct Overlay<'a, V: ?Sized> {
    base: &'a V,
    changes: &'a Changes,
}

impl<'a, V: StoreView + ?Sized> Overlay<'a, V> {
    /// Lays `changes` over `base`.
    pub fn new(base: &'a V, changes: &'a Changes) -> Self {
        Self { base, changes }
    }
}

impl<V: StoreView + ?Sized> StoreView for Overlay<'_, V> {
    type Error = V::Error;

    fn get(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>, Self::Error> {
        match self.changes.get(key) {
            Some(Change::Put(bytes)) => Ok(Some(bytes.clone())),
            Some(Change::Delete) => Ok(None),
            None => self.base.get(key),
        }
    }

    fn scan(
        &self,
        kind: RecordKind,
        prefix: &[u8],
        order: Order,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<RecordKey>, Self::Error> {
        self.changes.overlay_scan(kind, prefix, order, after, limit, |limit| {
            self.base.scan(kind, prefix, order, after, limit)
        })
    }
}

/// A store in memory, for tests and simulations. A clone is a snapshot; nothing is shared between clones.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    map: BTreeMap<RecordKey, Zeroizing<Vec<u8>>>,
    commits: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of commits that changed something.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// All records in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&RecordKey, &[u8])> {
        self.map.iter().map(|(key, bytes)| (key, bytes.as_slice()))
    }
}

impl StoreView for MemoryStore {
    type Error = Infallible;

    fn get(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>, Infallible> {
        Ok(self.map.get(key).cloned())
    }

    fn scan(
        &self,
        kind: RecordKind,
        prefix: &[u8],
        order: Order,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<RecordKey>, Infallible> {
        let from = RecordKey { kind, id: prefix.to_vec() };
        let keys = self
            .map
            .range(from..)
            .map(|(key, _)| key)
            .take_while(|key| key.kind == kind && key.id.starts_with(prefix))
            .filter(|key| is_within(key, kind, prefix, order, after));
        Ok(match order {
            Order::Ascending => keys.take(limit).cloned().collect(),
            Order::Descending => {
                let mut all: Vec<RecordKey> = keys.cloned().collect();
                all.reverse();
                all.truncate(limit);
                all
            }
        })
    }
}

impl Commit for MemoryStore {
    type Error = Infallible;

    fn commit(&mut self, changes: Changes) -> Result<(), Infallible> {
        if changes.is_empty() {
            return Ok(());
        }
        self.commits = self.commits.saturating_add(1);
        for (key, change) in changes {
            match change {
                Change::Put(bytes) => drop(self.map.insert(key, bytes)),
                Change::Delete => drop(self.map.remove(&key)),
            }
        }
        Ok(())
    }
}

fn is_within(key: &RecordKey, kind: RecordKind, prefix: &[u8], order: Order, after: Option<&[u8]>) -> bool {
    key.kind == kind
        && key.id.starts_with(prefix)
        && after.is_none_or(|after| match order {
            Order::Ascending => key.id.as_slice() > after,
            Order::Descending => key.id.as_slice() < after,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &[u8]) -> RecordKey {
        RecordKey::new(RecordKind::Message, id).unwrap()
    }

    fn store(ids: &[&[u8]]) -> MemoryStore {
        let mut store = MemoryStore::new();
        let mut changes = Changes::new();
        ids.iter().for_each(|id| changes.put(key(id), id.to_vec()));
        store.commit(changes).unwrap();
        store
    }

    #[test]
    fn ids_have_1_to_64_bytes() {
        assert!(RecordKey::new(RecordKind::Job, &[]).is_none());
        assert!(RecordKey::new(RecordKind::Job, &[0; 64]).is_some());
        assert!(RecordKey::new(RecordKind::Job, &[0; 65]).is_none());
    }

    #[test]
    fn kinds_survive_their_code() {
        assert!(RecordKind::ALL.into_iter().all(|kind| RecordKind::from_code(kind.code()) == Some(kind)));
        assert_eq!(RecordKind::from_code(0), None);
    }

    #[test]
    fn a_scan_walks_both_ways_from_after_its_mark() {
        let store = store(&[b"a1", b"a2", b"a3", b"b1"]);
        let up = store.scan(RecordKind::Message, b"a", Order::Ascending, Some(b"a1"), 9).unwrap();
        assert_eq!(up, [key(b"a2"), key(b"a3")]);
        let down = store.scan(RecordKind::Message, b"a", Order::Descending, Some(b"a3"), 1).unwrap();
        assert_eq!(down, [key(b"a2")]);
    }

    #[test]
    fn an_overlay_reads_like_the_store_after_the_commit() {
        let mut base = store(&[b"a", b"c", b"d"]);
        let mut changes = Changes::new();
        changes.put(key(b"b"), b"new".to_vec());
        changes.put(key(b"c"), b"changed".to_vec());
        changes.delete(key(b"a"));
        changes.delete(key(b"x"));
        let before = base.clone();
        base.commit(changes.clone()).unwrap();
        let overlay = Overlay::new(&before, &changes);
        for order in [Order::Ascending, Order::Descending] {
            for limit in 0..5 {
                for after in [None, Some(b"a".as_slice()), Some(b"b"), Some(b"c")] {
                    assert_eq!(
                        overlay.scan(RecordKind::Message, b"", order, after, limit).unwrap(),
                        base.scan(RecordKind::Message, b"", order, after, limit).unwrap()
                    );
                }
            }
        }
        for id in [b"a", b"b", b"c", b"d", b"x"] {
            assert_eq!(overlay.get(&key(id)).unwrap(), base.get(&key(id)).unwrap());
        }
    }

    #[test]
    fn debug_shows_neither_ids_nor_bytes() {
        let mut changes = Changes::new();
        changes.put(key(b"private"), b"words".to_vec());
        let text = format!("{changes:?}");
        assert!(!text.contains("private") && !text.contains("words"), "{text}");
    }
}
