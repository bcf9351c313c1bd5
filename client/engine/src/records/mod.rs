//! What is in the records: one small versioned struct per kind, each decoded defensively.
//!
//! A record is a version byte and fixed or length-prefixed fields, big-endian ([`codec`]). A newer version or any byte
//! too many or too few is [`EngineError::Damaged`]. Nothing here decides anything.

mod blob;
mod certificate;
mod codec;
mod contact;
mod conversation;
mod invitation;
mod job;
mod mailbox;
mod message;
mod prekeys;
mod profile;
mod relay;
mod session;
mod small;

use zeroize::Zeroizing;

use crate::error::EngineError;
use crate::store::{Order, RecordKey, RecordKind, StoreView};

pub(crate) use blob::{BLOB_CHUNK, delete_blob, load_blob, put_blob};
pub(crate) use certificate::{CERTIFICATE_ID, CertificateRecord};
pub(crate) use codec::{DecodeRecordError, Reader, Writer};
pub(crate) use contact::{ContactRecord, ContactState, Place, Slip};
pub(crate) use conversation::{ConversationRecord, GapRecord};
pub(crate) use invitation::{AcceptedState, InvitationRecord, MadeState, Side};
pub(crate) use job::{ClaimFor, JobBody, JobRecord};
pub(crate) use mailbox::{MailboxPurpose, MailboxRecord, MailboxState};
pub use message::FailReason;
pub(crate) use message::{Body, MessageRecord, RowState, row_id};
pub(crate) use prekeys::{MailboxPreKeys, PREKEY_KINDS, PreKeyKey, StoredPreKey, prekey_ids};
pub use profile::Profile;
pub(crate) use profile::{PROFILE_ID, ProfileRecord};
pub(crate) use relay::RelayRecord;
pub(crate) use session::{delete_session, load_session};
pub(crate) use small::{
    HeldRecord, ReceiptRecord, counter_key, held_key, message_id_key, receipt_key, seen_key,
};

/// A view with one error type, so that everything here can take `&dyn View`.
pub(crate) trait View {
    fn read(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>, EngineError>;
    fn list(
        &self,
        kind: RecordKind,
        prefix: &[u8],
        order: Order,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<RecordKey>, EngineError>;
}

impl<V: StoreView> View for V {
    fn read(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>, EngineError> {
        self.get(key).map_err(|error| EngineError::Store(Box::new(error)))
    }

    fn list(
        &self,
        kind: RecordKind,
        prefix: &[u8],
        order: Order,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<RecordKey>, EngineError> {
        self.scan(kind, prefix, order, after, limit).map_err(|error| EngineError::Store(Box::new(error)))
    }
}

/// A record with a stored form.
pub(crate) trait Record: Sized {
    /// Where it is kept.
    const KIND: RecordKind;

    /// Writes the fields, without the version.
    fn write(&self, out: &mut Writer);

    /// Reads the fields.
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeRecordError>;

    /// The stored form.
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Writer::versioned();
        self.write(&mut out);
        out.finish()
    }

    /// Reads the stored form; nothing may be left over.
    fn decode(bytes: &[u8]) -> Result<Self, EngineError> {
        let damaged = |_| EngineError::Damaged(Self::KIND);
        let mut from = Reader::versioned(bytes).map_err(damaged)?;
        let record = Self::read(&mut from).map_err(damaged)?;
        from.finish().map_err(damaged)?;
        Ok(record)
    }
}

/// Reads one record.
pub(crate) fn load<T: Record>(view: &dyn View, id: &[u8]) -> Result<Option<T>, EngineError> {
    view.read(&RecordKey::of(T::KIND, &[id]))?.map(|bytes| T::decode(&bytes)).transpose()
}

/// Reads all records of a kind whose id begins with `prefix`, in order.
pub(crate) fn load_all<T: Record>(
    view: &dyn View,
    prefix: &[u8],
) -> Result<Vec<(RecordKey, T)>, EngineError> {
    let mut found = Vec::new();
    for key in all_keys(view, T::KIND, prefix)? {
        if let Some(bytes) = view.read(&key)? {
            let record = T::decode(&bytes)?;
            found.push((key, record));
        }
    }
    Ok(found)
}

/// All keys of a kind whose id begins with `prefix`, in order.
pub(crate) fn all_keys(
    view: &dyn View,
    kind: RecordKind,
    prefix: &[u8],
) -> Result<Vec<RecordKey>, EngineError> {
    view.list(kind, prefix, Order::Ascending, None, usize::MAX)
}
