//! The stored form of a record, in parts, so that storing one message writes little.
//!
//! ```text
//! name                                   content
//! "i"                                    index: which states there are, in order
//! "s" | state 4 | piece 2                one state, cut into pieces of at most 56 KiB (nearly always one)
//! "k" | state 4 | chain 4 | page 4       skipped seeds of one chain, at most 256
//! "q" | state 4 | epoch 8 | page 4       skipped keys of the post-quantum ratchet, at most 256
//! ```
//!
//! A state keeps its number, and so the names of its parts, when it is archived or promoted: only the index changes.
//!
//! Not its concern: encrypting parts, and writing them all or none.
//!
//! Spec: docs/spec/stored-records.md.

use std::{collections::BTreeSet, sync::Arc};

use zeroize::Zeroizing;

use super::{
    SessionRecord,
    codec::{self, PostQuantumPages},
    record::MAX_ARCHIVED,
    state::SessionState,
};
use crate::stored::{
    self, DecodeError, PartChanges, Parts, Reader, RecordPart, STORED_VERSION, Slot, StoredPages,
    StoredRecord, StoredSlots, StoredState, Writer, decode_page, encode_page,
};

const STATE_TAG: u8 = b's';
const PAGE_TAG: u8 = b'k';
const POST_QUANTUM_TAG: u8 = b'q';
/// Largest piece of a state in bytes; leaves room for what a store adds below 60 KiB.
const MAX_PIECE: usize = 56 * 1_024;

impl SessionRecord {
    /// The stored form: always the same parts for the same record.
    #[must_use]
    pub fn to_parts(&self) -> Vec<RecordPart> {
        stored::to_parts(self)
    }

    /// What to write so that the stored parts of `old` become those of this record.
    ///
    /// States and pages of skipped keys that both share are not even encoded.
    #[must_use]
    pub fn changes_since(&self, old: &Self) -> PartChanges {
        stored::changes_between(old, self)
    }

    /// Reads the stored form; the order of the parts does not matter.
    ///
    /// A state that cannot be read does not spoil the others: it is kept as it is, skipped in trial decryption, and an
    /// error where the specification asks for one.
    ///
    /// # Errors
    ///
    /// The index is missing or damaged, or a part belongs to no state. Treat the peer as without a session.
    pub fn from_parts(parts: impl IntoIterator<Item = RecordPart>) -> Result<Self, DecodeError> {
        let mut stored = StoredSlots::sort::<SessionState>(parts)?;
        let index = decode_index(stored.index())?;
        let current = index.current.map(|id| stored.slot(id));
        let archived = index.archived.into_iter().map(|id| stored.slot(id)).collect();
        stored.end()?;
        Ok(Self { current, archived, next_id: index.next_id })
    }
}

impl StoredRecord for SessionRecord {
    type State = SessionState;

    fn slots(&self) -> impl Iterator<Item = &Slot<SessionState>> {
        self.current.iter().chain(&self.archived)
    }

    fn encode_index(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Writer::with_capacity(16 + 4 * self.archived.len());
        out.u8(STORED_VERSION);
        out.u32(self.next_id);
        out.count8(self.current.iter().len());
        self.current.iter().for_each(|slot| out.u32(slot.id));
        out.count8(self.archived.len());
        self.archived.iter().for_each(|slot| out.u32(slot.id));
        out.0
    }
}

struct Index {
    next_id: u32,
    current: Option<u32>,
    archived: Vec<u32>,
}

fn decode_index(bytes: &[u8]) -> Result<Index, DecodeError> {
    let mut reader = Reader::new(bytes)?;
    let next_id = reader.u32()?;
    let current = if reader.flag()? { Some(reader.u32()?) } else { None };
    let count = usize::from(reader.u8()?);
    if count > MAX_ARCHIVED {
        return Err(DecodeError::Damaged);
    }
    let archived = (0..count).map(|_| reader.u32()).collect::<Result<Vec<_>, _>>()?;
    reader.end()?;
    let distinct: BTreeSet<_> = archived.iter().chain(&current).collect();
    if distinct.len() != archived.len() + current.iter().len() {
        return Err(DecodeError::Damaged);
    }
    Ok(Index { next_id, current, archived })
}

impl StoredState for SessionState {
    fn encode_parts(&self, id: u32, known: Option<&Self>, parts: &mut Vec<RecordPart>) {
        let encoded = codec::encode_state(self, known);
        for (piece, bytes) in encoded.base.chunks(MAX_PIECE).enumerate() {
            parts.push(RecordPart { name: piece_name(id, piece), bytes: Zeroizing::new(bytes.to_vec()) });
        }
        for chain in &self.ratchet.double.receivers {
            let known = known.and_then(|known| known.ratchet.double.receiver(chain.serial));
            let known = known.map(|chain| &chain.messages.skipped);
            for (number, page) in chain.messages.skipped.pages_unlike(known) {
                let name = page_name(id, chain.serial, number);
                parts.push(RecordPart { name, bytes: encode_page(page) });
            }
        }
        for page in encoded.post_quantum {
            let name = post_quantum_name(id, page.epoch, page.number);
            parts.push(RecordPart { name, bytes: page.bytes });
        }
    }

    fn decode_parts(parts: &Parts) -> Result<Self, DecodeError> {
        let mut whole = Zeroizing::new(Vec::with_capacity(parts.values().map(|bytes| bytes.len()).sum()));
        let mut pieces = 0;
        let mut pages = StoredPages::new();
        let mut post_quantum = PostQuantumPages::new();
        // Names are in order, so pages come before pieces, and pieces in their order.
        for (name, bytes) in parts {
            match PartName::parse(name).ok_or(DecodeError::WrongParts)? {
                PartName::Page { chain, number, .. } => {
                    pages.insert((chain, number), Arc::new(decode_page(number, bytes)?));
                }
                PartName::PostQuantum { epoch, number, .. } => {
                    post_quantum.insert((epoch, number), bytes);
                }
                PartName::Piece { number, .. } if usize::from(number) == pieces => {
                    pieces += 1;
                    whole.extend_from_slice(bytes);
                }
                PartName::Piece { .. } => return Err(DecodeError::WrongParts),
            }
        }
        codec::decode_state(&whole, pages, &post_quantum)
    }

    fn id_of(name: &[u8]) -> Option<u32> {
        match PartName::parse(name)? {
            PartName::Piece { state, .. }
            | PartName::Page { state, .. }
            | PartName::PostQuantum { state, .. } => Some(state),
        }
    }
}

fn piece_name(state: u32, piece: usize) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "a state of 65,536 pieces would have over three gigabytes")]
    let piece = u16::try_from(piece).expect("few pieces");
    [&[STATE_TAG], state.to_be_bytes().as_slice(), &piece.to_be_bytes()].concat()
}

fn page_name(state: u32, chain: u32, page: u32) -> Vec<u8> {
    [&[PAGE_TAG], state.to_be_bytes().as_slice(), &chain.to_be_bytes(), &page.to_be_bytes()].concat()
}

fn post_quantum_name(state: u32, epoch: u64, page: u32) -> Vec<u8> {
    [&[POST_QUANTUM_TAG], state.to_be_bytes().as_slice(), &epoch.to_be_bytes(), &page.to_be_bytes()].concat()
}

enum PartName {
    Piece { state: u32, number: u16 },
    Page { state: u32, chain: u32, number: u32 },
    PostQuantum { state: u32, epoch: u64, number: u32 },
}

impl PartName {
    fn parse(name: &[u8]) -> Option<Self> {
        let (tag, rest) = name.split_first()?;
        let (state, rest) = rest.split_first_chunk()?;
        let state = u32::from_be_bytes(*state);
        match *tag {
            STATE_TAG => Some(Self::Piece { state, number: u16::from_be_bytes(rest.try_into().ok()?) }),
            PAGE_TAG => {
                let (chain, number) = rest.split_first_chunk()?;
                let number = u32::from_be_bytes(number.try_into().ok()?);
                Some(Self::Page { state, chain: u32::from_be_bytes(*chain), number })
            }
            POST_QUANTUM_TAG => {
                let (epoch, number) = rest.split_first_chunk()?;
                let number = u32::from_be_bytes(number.try_into().ok()?);
                Some(Self::PostQuantum { state, epoch: u64::from_be_bytes(*epoch), number })
            }
            _ => None,
        }
    }
}
