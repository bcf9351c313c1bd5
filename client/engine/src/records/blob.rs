//! Values larger than a record should be, cut into chunks: sealed envelopes, bundles, long texts.

use zeroize::Zeroizing;

use super::{View, all_keys};
use crate::error::EngineError;
use crate::store::{Changes, RecordKey, RecordKind};

/// Largest chunk in bytes. Half of what a store must take (64 KiB), which leaves it room for its own header.
pub(crate) const BLOB_CHUNK: usize = 32_768;

/// Writes a value under `id` (at most 63 bytes), in chunks. Nothing may be there before.
pub(crate) fn put_blob(changes: &mut Changes, kind: RecordKind, id: &[u8], value: &[u8]) {
    for (index, chunk) in (0_u8..).zip(value.chunks(BLOB_CHUNK)) {
        changes.put(RecordKey::of(kind, &[id, &[index]]), chunk.to_vec());
    }
}

/// Reads a value; empty when there is none.
pub(crate) fn load_blob(
    view: &dyn View,
    kind: RecordKind,
    id: &[u8],
) -> Result<Zeroizing<Vec<u8>>, EngineError> {
    let keys = all_keys(view, kind, id)?;
    let mut value = Zeroizing::new(Vec::with_capacity(keys.len().saturating_mul(BLOB_CHUNK)));
    for key in keys {
        let chunk = view.read(&key)?.ok_or(EngineError::Damaged(kind))?;
        value.extend_from_slice(&chunk);
    }
    Ok(value)
}

/// Deletes a value.
pub(crate) fn delete_blob(
    view: &dyn View,
    changes: &mut Changes,
    kind: RecordKind,
    id: &[u8],
) -> Result<(), EngineError> {
    for key in all_keys(view, kind, id)? {
        changes.delete(key);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Commit, MemoryStore};

    #[test]
    fn a_blob_reads_back_and_goes() {
        for length in [0, 1, BLOB_CHUNK, BLOB_CHUNK + 1, 65_408] {
            let mut store = MemoryStore::new();
            let value: Vec<u8> = (0..=250_u8).cycle().take(length).collect();
            let mut changes = Changes::new();
            put_blob(&mut changes, RecordKind::JobBlob, &[1; 16], &value);
            store.commit(changes).unwrap();
            assert_eq!(*load_blob(&store, RecordKind::JobBlob, &[1; 16]).unwrap(), value);
            let mut changes = Changes::new();
            delete_blob(&store, &mut changes, RecordKind::JobBlob, &[1; 16]).unwrap();
            store.commit(changes).unwrap();
            assert!(store.is_empty());
        }
    }
}
