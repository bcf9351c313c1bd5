//! Envelopes of contacts that cannot be read: kept sealed for 7 days, with a row that says so.

use khaima_wire::{Day, MailboxId, SealedEnvelope, Timestamp};

use crate::contacts::remove_row;
use crate::ctx::{Ctx, LocalDevice};
use crate::drops::{DropReason, Fault};
use crate::error::EngineError;
use crate::event::{Event, Problem};
use crate::ids::{ContactId, ConversationId, MessageId};
use crate::receive::{FromContact, Read, open_envelope, read_from_contact};
use crate::records::{
    Body, ConversationRecord, HeldRecord, MessageRecord, RowState, View, all_keys, delete_blob, held_key,
    load, load_all, load_blob, put_blob,
};
use crate::store::{Changes, RecordKey, RecordKind};

/// How long one is kept.
const HELD_MILLIS: u64 = 7 * 86_400_000;

/// Most kept of one contact: 2 MiB of the largest.
const MAX_HELD: usize = 32;

/// Keeps an envelope and shows a row in its place.
pub(crate) fn keep(
    ctx: &mut Ctx<'_>,
    contact: ContactId,
    mailbox: &MailboxId,
    stored: Day,
    sealed: &SealedEnvelope,
    hash: &[u8; 16],
) -> Result<(), Fault> {
    if all_keys(ctx, RecordKind::Held, contact.as_bytes())?.len() >= MAX_HELD {
        return Err(DropReason::HeldFull.into());
    }
    let conversation = ConversationId::of(contact);
    let mut record = load::<ConversationRecord>(ctx, conversation.as_bytes())?
        .unwrap_or_else(|| ConversationRecord::new(conversation, ctx.now));
    let order = record.take_order();
    record.unread = record.unread.saturating_add(1);
    record.last_at = ctx.now;
    ctx.put(conversation.as_bytes(), &record);
    let row = MessageRecord {
        id: MessageId::from_bytes([0; 16]),
        incoming: true,
        number: 0,
        written: stored.start(),
        stored: ctx.now,
        state: RowState::Received,
        certificate_expired: false,
        job: None,
        body: Body::Undecryptable,
    };
    row.insert(ctx.changes(), conversation, order);
    let held = HeldRecord { mailbox: *mailbox, stored, until: ctx.now.plus_millis(HELD_MILLIS), order };
    let key = held_key(contact, hash);
    ctx.put(key.id(), &held);
    put_blob(ctx.changes(), RecordKind::HeldBlob, key.id(), sealed.as_bytes());
    ctx.event(Event::MessageStored { conversation, order, incoming: true });
    ctx.problem(Problem::Undecryptable { contact });
    Ok(())
}

/// After a new session began: what could not be read may be readable now.
pub(crate) fn try_again(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    contact: ContactId,
) -> Result<(), EngineError> {
    for (key, held) in load_all::<HeldRecord>(ctx, contact.as_bytes())? {
        let blob = load_blob(ctx, RecordKind::HeldBlob, key.id())?;
        let Ok(sealed) = SealedEnvelope::new(blob.to_vec()) else { continue };
        let Ok(opened) = open_envelope(device, &sealed) else { continue };
        let from = FromContact { contact, mailbox: held.mailbox, stored: held.stored };
        let (changes, events) = (ctx.step.changes.clone(), ctx.step.events.clone());
        // Removed first: reading it may begin another session and come back here.
        forget(ctx, &key)?;
        match read_from_contact(ctx, device, &from, &opened) {
            Ok(Read::Done) => {
                let conversation = ConversationId::of(contact);
                remove_row(ctx, conversation, held.order)?;
                ctx.event(Event::MessageChanged { conversation, order: held.order });
            }
            Ok(Read::Undecryptable) | Err(Fault::Drop(..)) => {
                ctx.step.changes = changes;
                ctx.step.events = events;
            }
            Err(Fault::Engine(error)) => return Err(error),
        }
    }
    Ok(())
}

fn forget(ctx: &mut Ctx<'_>, key: &RecordKey) -> Result<(), EngineError> {
    ctx.delete(key.clone());
    let mut changes = Changes::new();
    delete_blob(ctx, &mut changes, RecordKind::HeldBlob, key.id())?;
    ctx.changes().extend(changes);
    Ok(())
}

/// Forgets what was kept for 7 days. The row stays.
pub(crate) fn on_tick(ctx: &mut Ctx<'_>) -> Result<(), EngineError> {
    for (key, held) in load_all::<HeldRecord>(ctx, &[])? {
        if held.until <= ctx.now {
            forget(ctx, &key)?;
        }
    }
    Ok(())
}

/// When the next one is to be forgotten.
pub(crate) fn next(view: &dyn View) -> Result<Option<Timestamp>, EngineError> {
    Ok(load_all::<HeldRecord>(view, &[])?.iter().map(|(_, held)| held.until).min())
}
