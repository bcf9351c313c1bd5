//! A record as named pieces of bounded size.
//!
//! Not its concern: how a record is cut into pieces.

use std::{collections::BTreeMap, fmt};

use zeroize::Zeroizing;

/// One piece of a stored record. Holds keys: store it encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordPart {
    /// Unique within the record, stable, at most 24 bytes.
    pub name: Vec<u8>,
    /// At most 60 KiB.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for RecordPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordPart(..)")
    }
}

/// What turns the stored parts of an older record into those of a newer one.
#[derive(Clone, Debug, Default)]
pub struct PartChanges {
    /// New or changed parts.
    pub put: Vec<RecordPart>,
    /// Names of parts that are gone.
    pub delete: Vec<Vec<u8>>,
}

/// Parts by name.
pub(crate) type Parts = BTreeMap<Vec<u8>, Zeroizing<Vec<u8>>>;

/// What turns the old parts into the new ones.
pub(super) fn changes(old: &Parts, new: Parts) -> PartChanges {
    let delete = old.keys().filter(|name| !new.contains_key(*name)).cloned().collect();
    let put = new
        .into_iter()
        .filter(|(name, bytes)| old.get(name) != Some(bytes))
        .map(|(name, bytes)| RecordPart { name, bytes })
        .collect();
    PartChanges { put, delete }
}
