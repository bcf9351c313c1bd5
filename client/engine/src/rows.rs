//! Incoming rows: numbers, gaps, duplicates, receipts.
//!
//! Each message carries a number within its conversation and direction. A jump reserves a place for a row; if the missing
//! ones have not come a day later, the row appears and says how many; it vanishes when they come.

use khaima_wire::Timestamp;

use crate::content::{Content, ContentBody, MAX_RECEIPTS};
use crate::ctx::{Ctx, LocalDevice};
use crate::dispatch::random_below;
use crate::drops::{DropReason, Fault};
use crate::error::EngineError;
use crate::event::Event;
use crate::ids::{ContactId, ConversationId, MessageId};
use crate::records::{
    Body, ContactRecord, ContactState, ConversationRecord, GapRecord, MessageRecord, ReceiptRecord, RowState,
    View, load, load_all, message_id_key, row_id,
};
use crate::send::{change_row, send_receipts};
use crate::store::{RecordKey, RecordKind};

/// Missing numbers are shown after this time: what was only late has come by then.
const GAP_PATIENCE_MILLIS: u64 = 86_400_000;

/// A number further ahead than this is no honest one.
const MAX_JUMP: u64 = 1_000_000;

/// Receipts leave after 5 to 60 seconds, so that their time tells little.
const RECEIPT_MIN_MILLIS: u64 = 5_000;
const RECEIPT_SPREAD_MILLIS: u64 = 55_000;

/// Stores a row a contact wrote.
pub(crate) fn store_incoming(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    contact: &ContactRecord,
    content: &Content,
    certificate_expired: bool,
) -> Result<(), Fault> {
    let conversation = ConversationId::of(contact.id);
    let id_key = message_id_key(contact.id, true, &content.id);
    if ctx.read(&id_key)?.is_some() {
        // Sent again by the person because no receipt came. It did come; the receipt is what was lost.
        owe_receipt(ctx, device, contact, content.id)?;
        return Ok(());
    }
    let mut record = load::<ConversationRecord>(ctx, conversation.as_bytes())?
        .unwrap_or_else(|| ConversationRecord::new(conversation, ctx.now));
    note_number(ctx, &mut record, content.number)?;
    let order = record.take_order();
    record.unread = record.unread.saturating_add(1);
    record.last_at = ctx.now;
    ctx.put(conversation.as_bytes(), &record);
    let body = match &content.body {
        ContentBody::Text(text) => Body::Text(text.clone()),
        _ => Body::Unsupported,
    };
    let row = MessageRecord {
        id: content.id,
        incoming: true,
        number: content.number,
        written: content.written,
        stored: ctx.now,
        state: RowState::Received,
        certificate_expired,
        job: None,
        body,
    };
    row.insert(ctx.changes(), conversation, order);
    ctx.put_bytes(id_key, &order.to_be_bytes());
    owe_receipt(ctx, device, contact, content.id)?;
    ctx.event(Event::MessageStored { conversation, order, incoming: true });
    Ok(())
}

/// Takes note of a number: opens a gap before it, or closes (a part of) one.
fn note_number(ctx: &mut Ctx<'_>, record: &mut ConversationRecord, number: u64) -> Result<(), Fault> {
    if number == 0 || number.saturating_sub(record.highest) > MAX_JUMP {
        return Err(DropReason::Malformed.into());
    }
    if number > record.highest {
        let first_missing = record.highest.saturating_add(1);
        record.highest = number;
        if first_missing < number {
            let order = record.take_order();
            let missing = vec![(first_missing, number.saturating_sub(1))];
            ctx.put(&row_id(record.id, order), &GapRecord { missing, noticed: ctx.now, shown: false });
        }
        return Ok(());
    }
    for (key, mut gap) in load_all::<GapRecord>(ctx, record.id.as_bytes())? {
        if !gap.fill(number) {
            continue;
        }
        let Some(order) = order_of(&key) else { continue };
        if gap.missing.is_empty() {
            ctx.delete(key);
            if gap.shown {
                crate::contacts::remove_row(ctx, record.id, order)?;
                ctx.event(Event::GapClosed { conversation: record.id, order });
            }
        } else {
            ctx.put(key.id(), &gap);
            if gap.shown {
                gap_row(gap.count(), gap.noticed).update(ctx.changes(), record.id, order);
                ctx.event(Event::MessageChanged { conversation: record.id, order });
            }
        }
        break;
    }
    Ok(())
}

/// The order in the key of a row or gap.
fn order_of(key: &RecordKey) -> Option<u64> {
    key.id().get(16..).and_then(|tail| tail.try_into().ok()).map(u64::from_be_bytes)
}

fn gap_row(count: u64, at: Timestamp) -> MessageRecord {
    MessageRecord {
        id: MessageId::from_bytes([0; 16]),
        incoming: true,
        number: 0,
        written: at,
        stored: at,
        state: RowState::Received,
        certificate_expired: false,
        job: None,
        body: Body::Gap { count },
    }
}

/// Shows gaps that are a day old.
pub(crate) fn show_gaps(ctx: &mut Ctx<'_>) -> Result<(), EngineError> {
    for (key, mut gap) in load_all::<GapRecord>(ctx, &[])? {
        if gap.shown || ctx.now.millis_since(gap.noticed) < GAP_PATIENCE_MILLIS {
            continue;
        }
        let (Some(conversation), Some(order)) =
            (key.id().get(..16).and_then(ConversationId::from_slice), order_of(&key))
        else {
            return Err(EngineError::Damaged(RecordKind::Gap));
        };
        gap.shown = true;
        ctx.put(key.id(), &gap);
        gap_row(gap.count(), gap.noticed).insert(ctx.changes(), conversation, order);
        ctx.event(Event::GapNoticed { conversation, order });
    }
    Ok(())
}

/// When the next gap is to be shown.
pub(crate) fn next_gap(view: &dyn View) -> Result<Option<Timestamp>, EngineError> {
    let gaps = load_all::<GapRecord>(view, &[])?;
    let open = gaps.iter().filter(|(_, gap)| !gap.shown);
    Ok(open.map(|(_, gap)| gap.noticed.plus_millis(GAP_PATIENCE_MILLIS)).min())
}

/// Notes that a contact is owed a receipt. Never for people who are not accepted: a receipt tells that a device is on.
pub(crate) fn owe_receipt(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    contact: &ContactRecord,
    message: MessageId,
) -> Result<(), EngineError> {
    if contact.state != ContactState::Accepted {
        return Ok(());
    }
    let mut owed = match load::<ReceiptRecord>(ctx, contact.id.as_bytes())? {
        Some(owed) => owed,
        None => {
            let wait = RECEIPT_MIN_MILLIS.saturating_add(random_below(RECEIPT_SPREAD_MILLIS, ctx.rng));
            ReceiptRecord { due: ctx.now.plus_millis(wait), messages: Vec::new() }
        }
    };
    if owed.messages.contains(&message) {
        return Ok(());
    }
    if owed.messages.len() >= MAX_RECEIPTS {
        // Full although nothing could be sent (no session): the oldest is given up.
        owed.messages.remove(0);
    }
    owed.messages.push(message);
    let is_full = owed.messages.len() >= MAX_RECEIPTS;
    ctx.put(contact.id.as_bytes(), &owed);
    if is_full { send_receipts(ctx, device, contact.id) } else { Ok(()) }
}

/// The contact has what these name.
pub(crate) fn apply_receipts(
    ctx: &mut Ctx<'_>,
    contact: ContactId,
    receipts: &[MessageId],
) -> Result<(), EngineError> {
    for id in receipts {
        let Some(bytes) = ctx.read(&message_id_key(contact, false, id))? else { continue };
        let Ok(order) = bytes.as_slice().try_into().map(u64::from_be_bytes) else { continue };
        let at = ctx.now;
        let mut done = None;
        change_row(ctx, contact, order, |row| {
            done = row.job.take();
            row.state = RowState::Delivered { at };
        })?;
        // The relay's own answer was lost: there is nothing left to submit.
        if let Some(job) = done {
            ctx.remove_job(job)?;
        }
    }
    Ok(())
}
