//! The tables of the database, and their errors in one type.
//!
//! Not its concern: what is in the rows (`seal`, `core::MailboxRecord`).

use redb::{Table, TableDefinition, WriteTransaction};

use super::seal::{EnvelopeRow, MailboxRow};
use crate::core::MailboxRecord;

/// A bundle's row: its mailbox's row and a number, big endian. [`LAST_RESORT`] comes last.
pub(super) type BundleRow = [u8; 36];

/// Number of the last resort in a mailbox's pool.
pub(super) const LAST_RESORT: u32 = u32::MAX;

pub(super) const MAILBOXES: TableDefinition<'_, &MailboxRow, &[u8]> = TableDefinition::new("mailboxes");
pub(super) const BUNDLES: TableDefinition<'_, &BundleRow, &[u8]> = TableDefinition::new("bundles");
pub(super) const ENVELOPES: TableDefinition<'_, &EnvelopeRow, &[u8]> = TableDefinition::new("envelopes");
pub(super) const ENVELOPE_KEYS: TableDefinition<'_, &EnvelopeRow, &[u8]> =
    TableDefinition::new("envelope-keys");
pub(super) const PERMITS: TableDefinition<'_, &[u8; 32], u8> = TableDefinition::new("permits");
pub(super) const INVITES: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("invites");
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// Key of the format's version in [`META`].
pub(super) const FORMAT: &str = "format";
/// The version this code reads and writes.
pub(super) const FORMAT_VERSION: u64 = 1;

/// The database refused or could not do something. What it was goes to no client.
#[derive(Debug, thiserror::Error)]
#[error("store fault")]
pub(super) struct Fault(#[source] pub Box<redb::Error>);

macro_rules! fault_from {
    ($($error:ty),*) => {
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self(Box::new(error.into()))
            }
        })*
    };
}
fault_from!(
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::SetDurabilityError
);

/// The tables, open in one write transaction.
pub(super) struct Tables<'txn> {
    pub mailboxes: Table<'txn, &'static MailboxRow, &'static [u8]>,
    pub bundles: Table<'txn, &'static BundleRow, &'static [u8]>,
    pub envelopes: Table<'txn, &'static EnvelopeRow, &'static [u8]>,
    pub envelope_keys: Table<'txn, &'static EnvelopeRow, &'static [u8]>,
    pub permits: Table<'txn, &'static [u8; 32], u8>,
    pub invites: Table<'txn, &'static [u8; 32], &'static [u8]>,
    /// Whether anything was changed, so that a batch of questions costs no sync.
    pub changed: bool,
}

impl<'txn> Tables<'txn> {
    pub fn open(txn: &'txn WriteTransaction) -> Result<Self, Fault> {
        Ok(Self {
            mailboxes: txn.open_table(MAILBOXES)?,
            bundles: txn.open_table(BUNDLES)?,
            envelopes: txn.open_table(ENVELOPES)?,
            envelope_keys: txn.open_table(ENVELOPE_KEYS)?,
            permits: txn.open_table(PERMITS)?,
            invites: txn.open_table(INVITES)?,
            changed: false,
        })
    }

    /// Writes a mailbox's record.
    pub fn put_mailbox(&mut self, row: &MailboxRow, record: &MailboxRecord) -> Result<(), Fault> {
        self.mailboxes.insert(row, record.encode().as_slice())?;
        self.changed = true;
        Ok(())
    }
}

/// The first and last possible envelope row of a mailbox.
pub(super) fn envelope_rows(mailbox: &MailboxRow) -> std::ops::RangeInclusive<EnvelopeRow> {
    let end = |fill: u8| {
        let mut row = [fill; 48];
        if let Some(head) = row.first_chunk_mut() {
            *head = *mailbox;
        }
        row
    };
    end(0)..=end(0xff)
}

/// The row of a bundle.
pub(super) fn bundle_row(mailbox: &MailboxRow, number: u32) -> BundleRow {
    let mut row = [0; 36];
    let (head, tail) = row.split_at_mut(32);
    head.copy_from_slice(mailbox);
    tail.copy_from_slice(&number.to_be_bytes());
    row
}

/// The number in a bundle's row.
pub(super) fn bundle_number(row: &BundleRow) -> u32 {
    row.last_chunk().map_or(LAST_RESORT, |number| u32::from_be_bytes(*number))
}
