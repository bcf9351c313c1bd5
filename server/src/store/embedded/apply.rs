//! Operations within a write transaction.
//!
//! Nothing here commits: the writer gathers several operations into one transaction, and an error of one undoes all
//! of them. An answer such as `Gone` or `Full` is no error; it has changed nothing.
//!
//! Not its concern: reading for pushes (`fetch`), upkeep (`upkeep`).

use khaima_wire::{Day, EnvelopeId, SealedBundle, SealedEnvelope};
use rand_core::CryptoRng;
use redb::{ReadableTable, ReadableTableMetadata};

use super::hour_keys::Ring;
use super::seal::{self, MailboxRow, StoreKey, TAG_LENGTH, envelope_id, envelope_row};
use super::tables::{Fault, LAST_RESORT, Tables, bundle_number, bundle_row, envelope_rows};
use crate::core::{Calendar, CreationRight, Invite, MailboxOwner, MailboxRecord, Quota, StoreOp, StoreReply};

/// What operations need beside the tables.
pub(super) struct Keys<'a> {
    pub store: &'a StoreKey,
    pub ring: &'a Ring,
}

/// Applies an operation. `None` for those that are not done here.
pub(super) fn apply<R: CryptoRng + ?Sized>(
    tables: &mut Tables<'_>,
    keys: &Keys<'_>,
    op: StoreOp,
    rng: &mut R,
) -> Result<Option<StoreReply>, Fault> {
    let row_of = |owner: &MailboxOwner| keys.store.mailbox_row(&owner.mailbox());
    Ok(Some(match op {
        StoreOp::AddInvite { code, invite } => {
            if tables.invites.get(&code)?.is_none() {
                put_invite(tables, &code, invite)?;
            }
            StoreReply::Added
        }
        StoreOp::Acknowledge { owner, ids, calendar } => {
            acknowledge(tables, &row_of(&owner), &ids, calendar)?
        }
        StoreOp::Append { mailbox, sealed, random, expires, calendar, quota } => {
            let row = keys.store.mailbox_row(&mailbox);
            append(tables, keys.ring, &row, sealed, random, expires, calendar, quota, rng)?
        }
        StoreOp::Claim { mailbox, calendar } => claim(tables, &keys.store.mailbox_row(&mailbox), calendar)?,
        StoreOp::Create { owner, right, calendar, most_mailboxes } => {
            create(tables, &row_of(&owner), right, calendar, most_mailboxes)?
        }
        StoreOp::Delete { owner, refund, calendar } => {
            let row = row_of(&owner);
            match mailbox(tables, &row, calendar)? {
                None => StoreReply::Gone,
                Some(_) => {
                    remove_mailbox(tables, &row)?;
                    if let Some(hash) = refund {
                        tables.permits.insert(&hash, 1)?;
                    }
                    StoreReply::Deleted
                }
            }
        }
        StoreOp::Publish { owner, one_time, last_resort, replace, most, calendar } => {
            publish(tables, &row_of(&owner), &one_time, last_resort.as_ref(), replace, most, calendar)?
        }
        StoreOp::Redeem { code, permits, today } => redeem(tables, &code, &permits, today)?,
        StoreOp::Subscribe { owner, calendar } => {
            let row = row_of(&owner);
            match mailbox(tables, &row, calendar)? {
                None => StoreReply::Gone,
                Some(mut record) => {
                    touch(tables, &row, &mut record, calendar)?;
                    StoreReply::Subscribed {
                        one_time_left: record.one_time,
                        claimed: record.claimed,
                        waiting: record.envelopes,
                    }
                }
            }
        }
        StoreOp::Touch { owners, calendar } => {
            for row in owners.iter().map(row_of) {
                if let Some(mut record) = mailbox(tables, &row, calendar)? {
                    touch(tables, &row, &mut record, calendar)?;
                }
            }
            StoreReply::Touched
        }
        StoreOp::Fetch { .. } | StoreOp::Upkeep { .. } => return Ok(None),
    }))
}

/// A mailbox that is there and alive. A record that cannot be read counts as gone: nothing can be promised of it.
fn mailbox(
    tables: &Tables<'_>,
    row: &MailboxRow,
    calendar: Calendar,
) -> Result<Option<MailboxRecord>, Fault> {
    let record = tables.mailboxes.get(row)?.and_then(|bytes| MailboxRecord::decode(bytes.value()));
    Ok(record.filter(|record| record.is_alive(calendar)))
}

fn touch(
    tables: &mut Tables<'_>,
    row: &MailboxRow,
    record: &mut MailboxRecord,
    calendar: Calendar,
) -> Result<(), Fault> {
    if record.touch(calendar.today) { tables.put_mailbox(row, record) } else { Ok(()) }
}

fn create(
    tables: &mut Tables<'_>,
    row: &MailboxRow,
    right: CreationRight,
    calendar: Calendar,
    most_mailboxes: u64,
) -> Result<StoreReply, Fault> {
    if mailbox(tables, row, calendar)?.is_some() {
        return Ok(StoreReply::AlreadyYours);
    }
    if tables.mailboxes.len()? >= most_mailboxes {
        return Ok(StoreReply::Full);
    }
    match right {
        CreationRight::Free => {}
        CreationRight::Missing => return Ok(StoreReply::NotPermitted),
        CreationRight::Permit(hash) => {
            let left = tables.permits.remove(&hash)?.map(|uses| uses.value());
            match left {
                None | Some(0) => return Ok(StoreReply::NotPermitted),
                Some(1) => {}
                Some(uses) => {
                    tables.permits.insert(&hash, uses - 1)?;
                }
            }
        }
    }
    // What an expired mailbox of this name left behind is not the new one's.
    remove_mailbox(tables, row)?;
    tables.put_mailbox(row, &MailboxRecord::new(calendar.today))?;
    Ok(StoreReply::Created)
}

#[expect(clippy::too_many_arguments, reason = "the fields of one operation, taken apart once")]
fn append<R: CryptoRng + ?Sized>(
    tables: &mut Tables<'_>,
    ring: &Ring,
    row: &MailboxRow,
    sealed: SealedEnvelope,
    random: [u8; 8],
    expires: Day,
    calendar: Calendar,
    quota: Quota,
    rng: &mut R,
) -> Result<StoreReply, Fault> {
    let Some(mut record) = mailbox(tables, row, calendar)? else { return Ok(StoreReply::Gone) };
    if !record.admit(sealed.size(), quota) {
        return Ok(StoreReply::Full);
    }
    let highest = match tables.envelope_keys.range::<&[u8; 48]>(bounds(&envelope_rows(row)))?.next_back() {
        Some(last) => envelope_id(last?.0.value()).position(),
        None => 0,
    };
    let row_of_envelope = envelope_row(row, &EnvelopeId::new(highest.saturating_add(1), random));
    let days = (calendar.today, expires);
    let Some(sealed) = seal::seal(sealed, ring.current(), days, &row_of_envelope, rng) else {
        return Ok(StoreReply::Full);
    };
    tables.envelopes.insert(&row_of_envelope, sealed.ciphertext.as_slice())?;
    tables.envelope_keys.insert(&row_of_envelope, sealed.key.encode().as_slice())?;
    tables.put_mailbox(row, &record)?;
    Ok(StoreReply::Appended)
}

fn acknowledge(
    tables: &mut Tables<'_>,
    row: &MailboxRow,
    ids: &[EnvelopeId],
    calendar: Calendar,
) -> Result<StoreReply, Fault> {
    let Some(mut record) = mailbox(tables, row, calendar)? else { return Ok(StoreReply::Gone) };
    let mut changed = record.touch(calendar.today);
    for id in ids {
        changed |= remove_envelope(tables, &mut record, &envelope_row(row, id))?;
    }
    if changed {
        tables.put_mailbox(row, &record)?;
    }
    Ok(StoreReply::Acknowledged)
}

/// Removes an envelope and its key from the tables and from the count. Whether it was there.
pub(super) fn remove_envelope(
    tables: &mut Tables<'_>,
    record: &mut MailboxRecord,
    row: &seal::EnvelopeRow,
) -> Result<bool, Fault> {
    let had_key = tables.envelope_keys.remove(row)?.is_some();
    let size = tables.envelopes.remove(row)?.map(|ciphertext| ciphertext.value().len());
    if let Some(size) = size {
        record.release(size.saturating_sub(TAG_LENGTH));
    }
    tables.changed |= had_key || size.is_some();
    Ok(had_key || size.is_some())
}

fn publish(
    tables: &mut Tables<'_>,
    row: &MailboxRow,
    one_time: &[SealedBundle],
    last_resort: Option<&SealedBundle>,
    replace: bool,
    most: u32,
    calendar: Calendar,
) -> Result<StoreReply, Fault> {
    let Some(mut record) = mailbox(tables, row, calendar)? else { return Ok(StoreReply::Gone) };
    let kept = if replace { 0 } else { record.one_time };
    let added = u32::try_from(one_time.len()).unwrap_or(u32::MAX);
    if kept.saturating_add(added) > most {
        return Ok(StoreReply::Full);
    }
    let numbers = bundle_numbers(tables, row)?;
    if replace {
        for number in &numbers {
            tables.bundles.remove(&bundle_row(row, *number))?;
        }
    }
    let first = numbers.last().map_or(0, |last| last.saturating_add(1));
    for (number, bundle) in (first..LAST_RESORT).zip(one_time) {
        tables.bundles.insert(&bundle_row(row, number), bundle.as_bytes())?;
    }
    if let Some(bundle) = last_resort {
        tables.bundles.insert(&bundle_row(row, LAST_RESORT), bundle.as_bytes())?;
    }
    record.one_time = kept.saturating_add(added);
    let _ = record.touch(calendar.today);
    tables.put_mailbox(row, &record)?;
    Ok(StoreReply::Published { one_time_left: record.one_time })
}

fn claim(tables: &mut Tables<'_>, row: &MailboxRow, calendar: Calendar) -> Result<StoreReply, Fault> {
    let Some(mut record) = mailbox(tables, row, calendar)? else { return Ok(StoreReply::Gone) };
    let bundle = match bundle_numbers(tables, row)?.first() {
        Some(number) => {
            record.one_time = record.one_time.saturating_sub(1);
            tables.bundles.remove(&bundle_row(row, *number))?.map(|bytes| bytes.value().to_vec())
        }
        None => tables.bundles.get(&bundle_row(row, LAST_RESORT))?.map(|bytes| bytes.value().to_vec()),
    };
    let Some(bundle) = bundle.and_then(|bytes| SealedBundle::from_bytes(bytes).ok()) else {
        return Ok(StoreReply::Gone);
    };
    record.claimed = record.claimed.saturating_add(1);
    tables.put_mailbox(row, &record)?;
    Ok(StoreReply::Bundle(bundle))
}

/// Numbers of the one-time bundles of a mailbox, in order. A pool is small.
fn bundle_numbers(tables: &Tables<'_>, row: &MailboxRow) -> Result<Vec<u32>, Fault> {
    let (first, last) = (bundle_row(row, 0), bundle_row(row, LAST_RESORT - 1));
    let rows = tables.bundles.range::<&[u8; 36]>(&first..=&last)?;
    rows.map(|entry| Ok(bundle_number(entry?.0.value()))).collect()
}

/// Removes a mailbox with everything in it.
pub(super) fn remove_mailbox(tables: &mut Tables<'_>, row: &MailboxRow) -> Result<(), Fault> {
    tables.changed |= tables.mailboxes.remove(row)?.is_some();
    let envelopes: Vec<[u8; 48]> = tables
        .envelope_keys
        .range::<&[u8; 48]>(bounds(&envelope_rows(row)))?
        .map(|entry| Ok(*entry?.0.value()))
        .collect::<Result<_, Fault>>()?;
    for envelope in &envelopes {
        tables.envelope_keys.remove(envelope)?;
        tables.envelopes.remove(envelope)?;
        tables.changed = true;
    }
    for number in bundle_numbers(tables, row)?.into_iter().chain([LAST_RESORT]) {
        tables.changed |= tables.bundles.remove(&bundle_row(row, number))?.is_some();
    }
    Ok(())
}

fn redeem(
    tables: &mut Tables<'_>,
    code: &[u8; 32],
    permits: &[[u8; 32]],
    today: Day,
) -> Result<StoreReply, Fault> {
    let invite = tables.invites.get(code)?.and_then(|bytes| decode_invite(bytes.value()));
    match invite {
        Some(invite) if invite.uses > 0 && today < invite.expires => {
            // Kept at zero until its day, so that a code that is handed over twice is not good twice.
            put_invite(tables, code, Invite { uses: invite.uses - 1, ..invite })?;
            for permit in permits {
                tables.permits.insert(permit, 1)?;
            }
            Ok(StoreReply::Redeemed)
        }
        _ => Ok(StoreReply::NotPermitted),
    }
}

fn put_invite(tables: &mut Tables<'_>, code: &[u8; 32], invite: Invite) -> Result<(), Fault> {
    let bytes = [invite.uses.to_be_bytes(), invite.expires.number().to_be_bytes()].concat();
    tables.invites.insert(code, bytes.as_slice())?;
    tables.changed = true;
    Ok(())
}

/// Reads an invite: uses (4) || expiry day (4).
pub(super) fn decode_invite(bytes: &[u8]) -> Option<Invite> {
    let (uses, rest) = bytes.split_first_chunk()?;
    let expires = u32::from_be_bytes(rest.try_into().ok()?);
    Some(Invite { uses: u32::from_be_bytes(*uses), expires: Day::new(expires) })
}

/// A range of owned rows as the table wants it.
pub(super) fn bounds<const N: usize>(
    rows: &std::ops::RangeInclusive<[u8; N]>,
) -> std::ops::RangeInclusive<&[u8; N]> {
    rows.start()..=rows.end()
}
