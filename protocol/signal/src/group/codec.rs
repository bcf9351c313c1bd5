//! The stored form of a record, in parts, so that storing one message writes little.
//!
//! ```text
//! name                       content
//! "i"                        index: version 1 | chains 1 x { chain id 4 }, newest first, at most 5
//! "s" | chain id 4           one chain, without its skipped seeds
//! "k" | chain id 4 | page 4  skipped seeds of one chain, at most 256: version 1 | { iteration 4 | seed 32 } ..
//! ```
//!
//! One chain, big-endian, keys as their bare 32 bytes:
//!
//! ```text
//! version 1 | sender key version 1 | signing key: own 0 or 1, public key or own private key 32
//! chain key 32 | next iteration 4 | pages 2 x { number 4 | entries 2 }
//! ```
//!
//! A page's number is the iteration of its entries divided by 256. Names have at most 9 bytes. With 2,000 skipped seeds a
//! chain has nine or ten parts of at most 9.2 KB, at the very most 2,000 parts of 37 bytes beside one of 12 KB.
//!
//! Not its concern: encrypting parts, and writing them all or none.
//!
//! Spec: docs/spec/stored-records.md; Signal protocol 13 says what has to be in it.

use std::{collections::BTreeSet, sync::Arc};

use zeroize::Zeroizing;

use super::{
    SenderKeyRecord,
    record::MAX_STATES,
    state::{SenderKeyState, SigningKey},
};
use crate::stored::{
    self, DecodeError, PartChanges, Parts, Reader, RecordPart, STORED_VERSION, Slot, StoredPages,
    StoredRecord, StoredSlots, StoredState, Writer, decode_page, encode_page,
};

const STATE_TAG: u8 = b's';
const PAGE_TAG: u8 = b'k';
/// A sender key is one chain; this is its number among [`StoredPages`].
const ONLY_CHAIN: u32 = 0;
/// More than the fields of fixed size need.
const FIXED_FIELDS: usize = 128;

impl SenderKeyRecord {
    /// The stored form: always the same parts for the same record.
    #[must_use]
    pub fn to_parts(&self) -> Vec<RecordPart> {
        stored::to_parts(self)
    }

    /// What to write so that the stored parts of `old` become those of this record.
    ///
    /// Chains and pages of skipped seeds that both share are not even encoded.
    #[must_use]
    pub fn changes_since(&self, old: &Self) -> PartChanges {
        stored::changes_between(old, self)
    }

    /// Reads the stored form; the order of the parts does not matter.
    ///
    /// A chain that cannot be read does not spoil the others: it is kept as it is until a distribution message of its
    /// chain id replaces it or five newer ones push it out. To use it is an error, `InvalidSenderKeySession`.
    ///
    /// # Errors
    ///
    /// The index is missing or damaged, or a part belongs to no chain. Treat the record as one that is not there.
    pub fn from_parts(parts: impl IntoIterator<Item = RecordPart>) -> Result<Self, DecodeError> {
        let mut stored = StoredSlots::sort::<SenderKeyState>(parts)?;
        let chain_ids = decode_index(stored.index())?;
        let states = chain_ids.into_iter().map(|id| stored.slot(id)).collect();
        stored.end()?;
        Ok(Self { states })
    }
}

impl StoredRecord for SenderKeyRecord {
    type State = SenderKeyState;

    fn slots(&self) -> impl Iterator<Item = &Slot<SenderKeyState>> {
        self.states.iter()
    }

    fn encode_index(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Writer::with_capacity(2 + 4 * self.states.len());
        out.u8(STORED_VERSION);
        out.count8(self.states.len());
        self.states.iter().for_each(|slot| out.u32(slot.id));
        out.0
    }
}

/// The chain ids, newest first.
fn decode_index(bytes: &[u8]) -> Result<Vec<u32>, DecodeError> {
    let mut reader = Reader::new(bytes)?;
    let count = usize::from(reader.u8()?);
    if count > MAX_STATES {
        return Err(DecodeError::Damaged);
    }
    let chain_ids = (0..count).map(|_| reader.u32()).collect::<Result<Vec<_>, _>>()?;
    reader.end()?;
    if chain_ids.iter().collect::<BTreeSet<_>>().len() != count {
        return Err(DecodeError::Damaged);
    }
    Ok(chain_ids)
}

impl StoredState for SenderKeyState {
    fn encode_parts(&self, id: u32, known: Option<&Self>, parts: &mut Vec<RecordPart>) {
        let skipped = &self.messages.skipped;
        let mut out = Writer::with_capacity(FIXED_FIELDS + 6 * skipped.pages().len());
        out.u8(STORED_VERSION);
        out.u8(self.version);
        match &self.signing_key {
            SigningKey::Theirs(key) => {
                out.u8(0);
                out.bytes(key.as_bytes());
            }
            SigningKey::Own(pair) => {
                out.u8(1);
                out.bytes(pair.private().serialize().expose());
            }
        }
        out.skipping_chain(&self.messages);
        parts.push(RecordPart { name: state_name(id), bytes: out.0 });
        for (number, page) in skipped.pages_unlike(known.map(|known| &known.messages.skipped)) {
            parts.push(RecordPart { name: page_name(id, number), bytes: encode_page(page) });
        }
    }

    fn decode_parts(parts: &Parts) -> Result<Self, DecodeError> {
        let mut state = None;
        let mut pages = StoredPages::new();
        for (name, bytes) in parts {
            match PartName::parse(name).ok_or(DecodeError::WrongParts)? {
                PartName::State { .. } => state = Some(bytes),
                PartName::Page { number, .. } => {
                    pages.insert((ONLY_CHAIN, number), Arc::new(decode_page(number, bytes)?));
                }
            }
        }
        let mut reader = Reader::new(state.ok_or(DecodeError::WrongParts)?)?;
        let version = reader.u8()?;
        let signing_key = if reader.flag()? {
            SigningKey::Own(reader.key_pair()?)
        } else {
            SigningKey::Theirs(reader.public_key()?)
        };
        let messages = reader.skipping_chain(ONLY_CHAIN, &mut pages)?;
        reader.end()?;
        if !pages.is_empty() {
            return Err(DecodeError::WrongParts);
        }
        Ok(Self { version, signing_key, messages })
    }

    fn id_of(name: &[u8]) -> Option<u32> {
        match PartName::parse(name)? {
            PartName::State { chain_id } | PartName::Page { chain_id, .. } => Some(chain_id),
        }
    }
}

fn state_name(chain_id: u32) -> Vec<u8> {
    [&[STATE_TAG], chain_id.to_be_bytes().as_slice()].concat()
}

fn page_name(chain_id: u32, page: u32) -> Vec<u8> {
    [&[PAGE_TAG], chain_id.to_be_bytes().as_slice(), &page.to_be_bytes()].concat()
}

enum PartName {
    State { chain_id: u32 },
    Page { chain_id: u32, number: u32 },
}

impl PartName {
    fn parse(name: &[u8]) -> Option<Self> {
        let (tag, rest) = name.split_first()?;
        let (chain_id, rest) = rest.split_first_chunk()?;
        let chain_id = u32::from_be_bytes(*chain_id);
        match *tag {
            STATE_TAG if rest.is_empty() => Some(Self::State { chain_id }),
            PAGE_TAG => Some(Self::Page { chain_id, number: u32::from_be_bytes(rest.try_into().ok()?) }),
            _ => None,
        }
    }
}
