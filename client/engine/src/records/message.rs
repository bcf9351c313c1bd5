//! Rows of conversations.

use khaima_wire::Timestamp;

use super::{BLOB_CHUNK, DecodeRecordError, Reader, Record, View, Writer, delete_blob, load_blob, put_blob};
use crate::error::EngineError;
use crate::ids::{ConversationId, JobId, MessageId};
use crate::store::{Changes, RecordKey, RecordKind};

/// What a row says.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// Messages are missing here.
    Gap { count: u64 },
    /// Words.
    Text(String),
    /// Words kept beside the record, because they are long. Only in stored records.
    TextBlob,
    /// A message that cannot be read.
    Undecryptable,
    /// Content of a newer version.
    Unsupported,
}

/// How far a row is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RowState {
    /// Theirs, or a note of ours.
    Received,
    /// Committed; the relay has not confirmed.
    Queued,
    /// As `Queued`, and their queue is full.
    Full,
    /// Stored at the relay.
    Sent { at: Timestamp },
    /// Their device says it has it.
    Delivered { at: Timestamp },
    /// It will not arrive; the person may send it again.
    Failed(FailReason),
}

/// Why a message failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailReason {
    /// The mailbox is gone: deleted, expired or blocked. The relay does not say which.
    Gone,
    /// The relay refuses the request as such.
    Refused,
    /// What their relay gave out to start a session with is not theirs.
    SessionRefused,
}

/// One row. The record's id is conversation and order.
#[derive(Clone)]
pub(crate) struct MessageRecord {
    pub(crate) id: MessageId,
    pub(crate) incoming: bool,
    /// Number within conversation and direction; 0 for none.
    pub(crate) number: u64,
    /// When it was written, as its sender says.
    pub(crate) written: Timestamp,
    /// When it was stored here.
    pub(crate) stored: Timestamp,
    pub(crate) state: RowState,
    /// Its sender's certificate had expired on the day the relay stored it.
    pub(crate) certificate_expired: bool,
    pub(crate) job: Option<JobId>,
    pub(crate) body: Body,
}

/// The key of a row.
pub(crate) fn row_id(conversation: ConversationId, order: u64) -> [u8; 24] {
    let mut id = [0; 24];
    let (head, tail) = id.split_at_mut(16);
    head.copy_from_slice(conversation.as_bytes());
    tail.copy_from_slice(&order.to_be_bytes());
    id
}

impl MessageRecord {
    /// Longest text kept in the record itself.
    const INLINE: usize = BLOB_CHUNK;

    /// Reads a row with its text.
    pub(crate) fn load(
        view: &dyn View,
        conversation: ConversationId,
        order: u64,
    ) -> Result<Option<Self>, EngineError> {
        let id = row_id(conversation, order);
        let Some(mut row) = super::load::<Self>(view, &id)? else { return Ok(None) };
        if row.body == Body::TextBlob {
            let text = load_blob(view, RecordKind::MessageBlob, &id)?;
            let text = String::from_utf8(text.to_vec());
            row.body = Body::Text(text.map_err(|_| EngineError::Damaged(RecordKind::MessageBlob))?);
        }
        Ok(Some(row))
    }

    /// Writes a new row with its text.
    pub(crate) fn insert(&self, changes: &mut Changes, conversation: ConversationId, order: u64) {
        let id = row_id(conversation, order);
        if let Body::Text(text) = &self.body
            && text.len() > Self::INLINE
        {
            put_blob(changes, RecordKind::MessageBlob, &id, text.as_bytes());
        }
        self.update(changes, conversation, order);
    }

    /// Writes a row whose text has not changed.
    pub(crate) fn update(&self, changes: &mut Changes, conversation: ConversationId, order: u64) {
        changes.put(RecordKey::of(Self::KIND, &[&row_id(conversation, order)]), self.encode());
    }

    /// Deletes a row with its text.
    pub(crate) fn remove(
        view: &dyn View,
        changes: &mut Changes,
        conversation: ConversationId,
        order: u64,
    ) -> Result<(), EngineError> {
        let id = row_id(conversation, order);
        changes.delete(RecordKey::of(Self::KIND, &[&id]));
        delete_blob(view, changes, RecordKind::MessageBlob, &id)
    }
}

impl Record for MessageRecord {
    const KIND: RecordKind = RecordKind::Message;

    fn write(&self, out: &mut Writer) {
        out.fixed(self.id.as_bytes());
        out.flag(self.incoming);
        out.u64(self.number);
        out.u64(self.written.as_millis());
        out.u64(self.stored.as_millis());
        match self.state {
            RowState::Received => out.u8(1),
            RowState::Queued => out.u8(2),
            RowState::Full => out.u8(3),
            RowState::Sent { at } => {
                out.u8(4);
                out.u64(at.as_millis());
            }
            RowState::Delivered { at } => {
                out.u8(5);
                out.u64(at.as_millis());
            }
            RowState::Failed(reason) => {
                out.u8(6);
                out.u8(match reason {
                    FailReason::Gone => 1,
                    FailReason::Refused => 2,
                    FailReason::SessionRefused => 3,
                });
            }
        }
        out.flag(self.certificate_expired);
        out.option(self.job.as_ref(), |out, job| out.fixed(job.as_bytes()));
        match &self.body {
            Body::Gap { count } => {
                out.u8(1);
                out.u64(*count);
            }
            Body::Text(text) if text.len() > Self::INLINE => out.u8(3),
            Body::Text(text) => {
                out.u8(2);
                out.text(text);
            }
            Body::TextBlob => out.u8(3),
            Body::Undecryptable => out.u8(4),
            Body::Unsupported => out.u8(5),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeRecordError> {
        Ok(Self {
            id: MessageId::from_bytes(from.array()?),
            incoming: from.flag()?,
            number: from.u64()?,
            written: Timestamp::from_millis(from.u64()?),
            stored: Timestamp::from_millis(from.u64()?),
            state: match from.u8()? {
                1 => RowState::Received,
                2 => RowState::Queued,
                3 => RowState::Full,
                4 => RowState::Sent { at: Timestamp::from_millis(from.u64()?) },
                5 => RowState::Delivered { at: Timestamp::from_millis(from.u64()?) },
                6 => RowState::Failed(match from.u8()? {
                    1 => FailReason::Gone,
                    2 => FailReason::Refused,
                    3 => FailReason::SessionRefused,
                    _ => return Err(DecodeRecordError),
                }),
                _ => return Err(DecodeRecordError),
            },
            certificate_expired: from.flag()?,
            job: from.option(|from| from.array().map(JobId::from_bytes))?,
            body: match from.u8()? {
                1 => Body::Gap { count: from.u64()? },
                2 => Body::Text(from.text()?),
                3 => Body::TextBlob,
                4 => Body::Undecryptable,
                5 => Body::Unsupported,
                _ => return Err(DecodeRecordError),
            },
        })
    }
}
