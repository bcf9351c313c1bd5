//! Reading envelopes for a push, in a transaction that only reads.
//!
//! Not its concern: threads (`reader`).

use khaima_wire::{Delivery, EnvelopeId, MailboxId};
use redb::{Database, ReadableDatabase};

use super::apply::bounds;
use super::hour_keys::{Ring, SharedRing};
use super::seal::{self, MailboxRow, WrappedKey, envelope_id};
use super::tables::{ENVELOPE_KEYS, ENVELOPES, Fault, MAILBOXES, envelope_rows};
use crate::core::{Calendar, MailboxRecord, StoreReply};

/// What to read.
pub(super) struct Wanted {
    pub mailbox: MailboxId,
    pub row: MailboxRow,
    pub except: Vec<EnvelopeId>,
    pub most: usize,
    pub most_bytes: usize,
    pub calendar: Calendar,
}

/// Reads. Where a key was renewed between two looks, looks again.
pub(super) fn fetch(database: &Database, ring: &SharedRing, wanted: &Wanted) -> Result<StoreReply, Fault> {
    const ATTEMPTS: usize = 3;
    for _ in 1..ATTEMPTS {
        if let Some(reply) = try_fetch(database, &ring.snapshot(), wanted, false)? {
            return Ok(reply);
        }
    }
    // A row whose key is nowhere any more is passed over; upkeep removes it.
    Ok(try_fetch(database, &ring.snapshot(), wanted, true)?.unwrap_or(StoreReply::Gone))
}

/// `None` if a row's hour key is not in the ring and `lenient` is not set.
fn try_fetch(
    database: &Database,
    ring: &Ring,
    wanted: &Wanted,
    lenient: bool,
) -> Result<Option<StoreReply>, Fault> {
    let txn = database.begin_read()?;
    let record = txn.open_table(MAILBOXES)?.get(&wanted.row)?;
    let record = record.and_then(|bytes| MailboxRecord::decode(bytes.value()));
    if !record.is_some_and(|record| record.is_alive(wanted.calendar)) {
        return Ok(Some(StoreReply::Gone));
    }
    let (keys, envelopes) = (txn.open_table(ENVELOPE_KEYS)?, txn.open_table(ENVELOPES)?);
    let mut deliveries: Vec<Delivery> = Vec::new();
    let mut bytes = 0;
    for entry in keys.range::<&[u8; 48]>(bounds(&envelope_rows(&wanted.row)))? {
        let (row, key) = entry?;
        let id = envelope_id(row.value());
        let Some(key) = WrappedKey::decode(key.value()) else { continue };
        if wanted.calendar.today >= key.expires || wanted.except.contains(&id) {
            continue;
        }
        let hour_key = match ring.get(key.generation) {
            Some(hour_key) => hour_key,
            None if lenient => continue,
            None => return Ok(None),
        };
        let Some(ciphertext) = envelopes.get(row.value())? else { continue };
        let size = ciphertext.value().len().saturating_sub(seal::TAG_LENGTH);
        if deliveries.len() >= wanted.most || (bytes > 0 && bytes + size > wanted.most_bytes) {
            return Ok(Some(StoreReply::Fetched { deliveries, more: true }));
        }
        let Some(sealed) = seal::open(&key, hour_key, ciphertext.value(), row.value()) else { continue };
        bytes += size;
        deliveries.push(Delivery { mailbox: wanted.mailbox, id, stored: key.stored, sealed });
    }
    Ok(Some(StoreReply::Fetched { deliveries, more: false }))
}
