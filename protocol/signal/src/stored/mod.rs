//! Stored forms: what sessions and sender keys are kept as, in parts of bounded size.
//!
//! ```text
//! parts   RecordPart, PartChanges: a record as named pieces, and what turns an older record's into a newer one's
//! bytes   Writer, Reader: fields one after the other, big-endian, behind a version byte
//! pages   a chain with its skipped seeds: the chain among the fields, the seeds in pages of their own
//! slots   a record of several states, one of which may be unreadable
//! ```
//!
//! Not its concern: what a record is made of (sessions, groups), encrypting parts, and writing them all or none.

mod bytes;
mod pages;
mod parts;
mod slots;

pub(crate) use bytes::{Reader, STORED_VERSION, Writer};
pub(crate) use pages::{StoredPages, decode_page, encode_page};
pub(crate) use parts::Parts;
pub use parts::{PartChanges, RecordPart};
pub(crate) use slots::{
    Slot, SlotContent, StoredRecord, StoredSlots, StoredState, changes_between, to_parts,
};

/// Why a stored record, or one of its states, cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not what was written.
    #[error("the stored record is damaged")]
    Damaged,
    /// A part of the record is missing, or one too many is there.
    #[error("the parts of the stored record do not go together")]
    WrongParts,
    /// Written by a newer version of this program.
    #[error("the stored record has an unknown version")]
    UnknownVersion,
}
