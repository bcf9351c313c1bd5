//! Session records: kept in parts, of which only the changed ones are written.

use khaima_signal::{DeviceId, RecordPart, SessionRecord};

use super::{View, all_keys};
use crate::error::EngineError;
use crate::ids::ContactId;
use crate::store::{Changes, RecordKey, RecordKind};

const PREFIX_LENGTH: usize = ContactId::LENGTH + 1;

/// A session record as read, with what is needed to write its successor.
pub(crate) struct StoredSession {
    pub(crate) record: SessionRecord,
    prefix: [u8; PREFIX_LENGTH],
    /// Parts of a record that could not be read; they go when it is written.
    unreadable: Vec<RecordKey>,
}

/// The session record with a contact's device; empty when there is none.
///
/// A record that cannot be read is taken as empty as well: a new session can be started then, and what came in the old
/// one is lost either way.
pub(crate) fn load_session(
    view: &dyn View,
    contact: ContactId,
    device: DeviceId,
) -> Result<StoredSession, EngineError> {
    let mut prefix = [device.value(); PREFIX_LENGTH];
    let (head, _) = prefix.split_at_mut(ContactId::LENGTH);
    head.copy_from_slice(contact.as_bytes());
    let keys = all_keys(view, RecordKind::Session, &prefix)?;
    let mut parts = Vec::new();
    for key in &keys {
        let Some(bytes) = view.read(key)? else { continue };
        let name =
            key.id().split_at_checked(PREFIX_LENGTH).map(|(_, name)| name.to_vec()).unwrap_or_default();
        parts.push(RecordPart { name, bytes });
    }
    if parts.is_empty() {
        return Ok(StoredSession { record: SessionRecord::empty(), prefix, unreadable: Vec::new() });
    }
    Ok(match SessionRecord::from_parts(parts) {
        Ok(record) => StoredSession { record, prefix, unreadable: Vec::new() },
        Err(_) => StoredSession { record: SessionRecord::empty(), prefix, unreadable: keys },
    })
}

impl StoredSession {
    /// Writes what differs in `new`.
    pub(crate) fn replace(&self, changes: &mut Changes, new: &SessionRecord) {
        self.unreadable.iter().for_each(|key| changes.delete(key.clone()));
        let key = |name: &[u8]| RecordKey::of(RecordKind::Session, &[&self.prefix, name]);
        let difference = new.changes_since(&self.record);
        difference.delete.iter().for_each(|name| changes.delete(key(name)));
        difference.put.into_iter().for_each(|part| changes.put(key(&part.name), part.bytes));
    }
}

/// Deletes all sessions with a contact.
pub(crate) fn delete_session(
    view: &dyn View,
    changes: &mut Changes,
    contact: ContactId,
) -> Result<(), EngineError> {
    for key in all_keys(view, RecordKind::Session, contact.as_bytes())? {
        changes.delete(key);
    }
    Ok(())
}
