//! A record of several states, each in a slot of its own, with an index that says which there are.
//!
//! A state that cannot be read does not spoil the others: its slot keeps the parts as they are.
//!
//! Not its concern: what a state is, and in which order a record has them.

use std::{collections::BTreeMap, sync::Arc};

use zeroize::Zeroizing;

use super::{DecodeError, PartChanges, Parts, RecordPart, parts::changes};

/// Name of the part that says which states there are.
const INDEX_NAME: &[u8] = b"i";

/// A place in a record. The number names its parts in storage and stays with the state as it moves.
pub(crate) struct Slot<S> {
    pub(crate) id: u32,
    pub(crate) content: SlotContent<S>,
}

pub(crate) enum SlotContent<S> {
    Ready(Arc<S>),
    /// Could not be decoded. Kept as it is, so that nothing is lost that a newer version might read.
    Unreadable(Arc<Vec<RecordPart>>),
}

/// A state that is stored as parts of its own.
pub(crate) trait StoredState: Sized {
    /// Adds the state's parts. Their names say to which number they belong. Pages of skipped keys that `known` holds
    /// too, the very same and not merely equal ones, may be left out.
    fn encode_parts(&self, id: u32, known: Option<&Self>, parts: &mut Vec<RecordPart>);

    /// Reads what [`StoredState::encode_parts`] gave. Every part has to belong, and none may be missing.
    fn decode_parts(parts: &Parts) -> Result<Self, DecodeError>;

    /// The number of the state that a part of this name belongs to.
    fn id_of(name: &[u8]) -> Option<u32>;
}

/// A record whose states lie in slots.
pub(crate) trait StoredRecord {
    type State: StoredState;

    /// All slots, with distinct numbers.
    fn slots(&self) -> impl Iterator<Item = &Slot<Self::State>>;

    /// Which states there are, in order.
    fn encode_index(&self) -> Zeroizing<Vec<u8>>;
}

impl<S> Clone for Slot<S> {
    fn clone(&self) -> Self {
        let content = match &self.content {
            SlotContent::Ready(state) => SlotContent::Ready(Arc::clone(state)),
            SlotContent::Unreadable(parts) => SlotContent::Unreadable(Arc::clone(parts)),
        };
        Self { id: self.id, content }
    }
}

impl<S> Slot<S> {
    pub(crate) fn new(id: u32, state: S) -> Self {
        Self { id, content: SlotContent::Ready(Arc::new(state)) }
    }

    /// The state, unless it cannot be read.
    pub(crate) fn state(&self) -> Option<&S> {
        match &self.content {
            SlotContent::Ready(state) => Some(state),
            SlotContent::Unreadable(_) => None,
        }
    }

    /// Whether both places hold the very same state, not merely an equal one.
    fn is(&self, other: &Self) -> bool {
        self.id == other.id
            && match (&self.content, &other.content) {
                (SlotContent::Ready(one), SlotContent::Ready(other)) => Arc::ptr_eq(one, other),
                (SlotContent::Unreadable(one), SlotContent::Unreadable(other)) => Arc::ptr_eq(one, other),
                _ => false,
            }
    }
}

impl<S: StoredState> Slot<S> {
    fn encode_parts(&self, known: Option<&S>, parts: &mut Vec<RecordPart>) {
        match &self.content {
            SlotContent::Ready(state) => state.encode_parts(self.id, known, parts),
            SlotContent::Unreadable(stored) => parts.extend(stored.iter().cloned()),
        }
    }
}

/// The stored form: the index, then the parts of every slot.
pub(crate) fn to_parts<R: StoredRecord>(record: &R) -> Vec<RecordPart> {
    let mut parts = vec![RecordPart { name: INDEX_NAME.to_vec(), bytes: record.encode_index() }];
    record.slots().for_each(|slot| slot.encode_parts(None, &mut parts));
    parts
}

/// What to write so that the stored parts of `old` become those of `new`. States and pages that both share are not even
/// encoded.
pub(crate) fn changes_between<R: StoredRecord>(old: &R, new: &R) -> PartChanges {
    let changed = |record: &R, other: &R| {
        let mut parts = vec![RecordPart { name: INDEX_NAME.to_vec(), bytes: record.encode_index() }];
        for slot in record.slots() {
            let before = other.slots().find(|other| other.id == slot.id);
            if before.is_none_or(|before| !slot.is(before)) {
                slot.encode_parts(before.and_then(Slot::state), &mut parts);
            }
        }
        parts.into_iter().map(|part| (part.name, part.bytes)).collect::<Parts>()
    };
    changes(&changed(old, new), changed(new, old))
}

/// A stored record, its parts sorted by the state they belong to.
pub(crate) struct StoredSlots {
    index: Zeroizing<Vec<u8>>,
    of_state: BTreeMap<u32, Parts>,
}

impl StoredSlots {
    /// # Errors
    ///
    /// Two parts have the same name, the index is missing, or a name is none of this kind of record.
    pub(crate) fn sort<S: StoredState>(
        parts: impl IntoIterator<Item = RecordPart>,
    ) -> Result<Self, DecodeError> {
        let mut by_name = Parts::new();
        for part in parts {
            if by_name.insert(part.name, part.bytes).is_some() {
                return Err(DecodeError::WrongParts);
            }
        }
        let index = by_name.remove(INDEX_NAME).ok_or(DecodeError::WrongParts)?;
        let mut of_state: BTreeMap<u32, Parts> = BTreeMap::new();
        for (name, bytes) in by_name {
            let id = S::id_of(&name).ok_or(DecodeError::WrongParts)?;
            of_state.entry(id).or_default().insert(name, bytes);
        }
        Ok(Self { index, of_state })
    }

    pub(crate) fn index(&self) -> &[u8] {
        &self.index
    }

    /// Takes out the state of this number, readable or not.
    pub(crate) fn slot<S: StoredState>(&mut self, id: u32) -> Slot<S> {
        let parts = self.of_state.remove(&id).unwrap_or_default();
        match S::decode_parts(&parts) {
            Ok(state) => Slot::new(id, state),
            Err(_) => {
                let parts = parts.into_iter().map(|(name, bytes)| RecordPart { name, bytes });
                Slot { id, content: SlotContent::Unreadable(Arc::new(parts.collect())) }
            }
        }
    }

    /// # Errors
    ///
    /// There are parts of a state that was not asked for.
    pub(crate) fn end(self) -> Result<(), DecodeError> {
        if self.of_state.is_empty() { Ok(()) } else { Err(DecodeError::WrongParts) }
    }
}
