//! Small records: receipts owed, envelopes held, and the keys of those that are only keys.

use khaima_wire::{Day, MailboxId, Timestamp};

use super::{DecodeRecordError, Reader, Record, Writer};
use crate::ids::{ContactId, MessageId};
use crate::store::{RecordKey, RecordKind};

/// Delivery receipts owed to one contact. The record's id is the [`ContactId`].
#[derive(Clone)]
pub(crate) struct ReceiptRecord {
    /// When they go at the latest, by themselves.
    pub(crate) due: Timestamp,
    pub(crate) messages: Vec<MessageId>,
}

impl Record for ReceiptRecord {
    const KIND: RecordKind = RecordKind::Receipt;

    fn write(&self, out: &mut Writer) {
        out.u64(self.due.as_millis());
        out.list(&self.messages, |out, id| out.fixed(id.as_bytes()));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeRecordError> {
        Ok(Self {
            due: Timestamp::from_millis(from.u64()?),
            messages: from.list(|from| from.array().map(MessageId::from_bytes))?,
        })
    }
}

/// An envelope that could not be read, kept sealed in a blob under the same id. The id is contact and envelope hash.
#[derive(Clone)]
pub(crate) struct HeldRecord {
    pub(crate) mailbox: MailboxId,
    pub(crate) stored: Day,
    pub(crate) until: Timestamp,
    /// The row that says so.
    pub(crate) order: u64,
}

impl Record for HeldRecord {
    const KIND: RecordKind = RecordKind::Held;

    fn write(&self, out: &mut Writer) {
        out.fixed(self.mailbox.as_bytes());
        out.u32(self.stored.number());
        out.u64(self.until.as_millis());
        out.u64(self.order);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeRecordError> {
        Ok(Self {
            mailbox: MailboxId::from_bytes(from.array()?),
            stored: Day::new(from.u32()?),
            until: Timestamp::from_millis(from.u64()?),
            order: from.u64()?,
        })
    }
}

pub(crate) fn receipt_key(contact: ContactId) -> RecordKey {
    RecordKey::of(RecordKind::Receipt, &[contact.as_bytes()])
}

pub(crate) fn held_key(contact: ContactId, hash: &[u8; 16]) -> RecordKey {
    RecordKey::of(RecordKind::Held, &[contact.as_bytes(), hash])
}

/// An envelope processed: the day first, so that old ones are found together.
pub(crate) fn seen_key(day: Day, hash: &[u8; 16]) -> RecordKey {
    RecordKey::of(RecordKind::Seen, &[&day.number().to_be_bytes(), hash])
}

/// From a message id to the order of its row (8 bytes).
pub(crate) fn message_id_key(contact: ContactId, incoming: bool, id: &MessageId) -> RecordKey {
    RecordKey::of(RecordKind::MessageId, &[contact.as_bytes(), &[u8::from(incoming)], id.as_bytes()])
}

/// A count of dropped envelopes (8 bytes), by reason.
pub(crate) fn counter_key(reason: u8) -> RecordKey {
    RecordKey::of(RecordKind::Counter, &[&[reason]])
}
