//! What we write: texts, requests, answers, receipts. Each is encrypted in the step that decides it.
//!
//! Without a session (a damaged one, or one the other side never answered for 30 days) the row waits, a bundle is
//! claimed from the contact's mailbox, and everything that waits leaves in the new session.

use khaima_wire::SealedBundle;

use crate::content::{
    BundleContent, ContactAccept, Content, ContentBody, MAX_GREETING, MAX_RECEIPTS, Statement,
};
use crate::ctx::{Ctx, LocalDevice};
use crate::error::{CommandError, EngineError};
use crate::event::{Event, Problem};
use crate::identity::checked_length;
use crate::ids::{ContactId, ConversationId, JobId, MessageId};
use crate::records::{
    Body, ClaimFor, ContactRecord, ContactState, ConversationRecord, FailReason, JobBody, JobRecord,
    MessageRecord, ReceiptRecord, RowState, load, message_id_key, receipt_key,
};
use crate::seal::{NotSealed, destination, seal, start_session, submit};
use crate::slips::own_slip;

/// Longest text in bytes. It fits the largest envelope (65,408 bytes) also as a first message with its Kyber ciphertext
/// and a full batch of receipts, so that the limit does not depend on the state of a session.
pub const MAX_TEXT_LENGTH: usize = 60_000;

/// Stands for the answer to a contact request among the rows that wait for a session. Rows begin at 1.
const ANSWER: u64 = 0;

/// Sends a text.
pub(crate) fn send_text(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    body: String,
) -> Result<(), EngineError> {
    let device = LocalDevice::new(ctx.profile()?);
    let mut contact: ContactRecord = ctx.named(conversation.contact().as_bytes())?;
    if body.is_empty() {
        return Err(CommandError::TextEmpty.into());
    }
    checked_length(&body, MAX_TEXT_LENGTH)?;
    if contact.state != ContactState::Accepted || contact.slip.is_none() {
        return Err(CommandError::NotAccepted.into());
    }
    let mut record = load::<ConversationRecord>(ctx, conversation.as_bytes())?
        .unwrap_or_else(|| ConversationRecord::new(conversation, ctx.now));
    let order = record.take_order();
    let number = record.next_number;
    record.next_number = number.saturating_add(1);
    record.last_at = ctx.now;
    ctx.put(conversation.as_bytes(), &record);
    let mut row = MessageRecord {
        id: MessageId::random(ctx.rng),
        incoming: false,
        number,
        written: ctx.now,
        stored: ctx.now,
        state: RowState::Queued,
        certificate_expired: false,
        job: None,
        body: Body::Text(body),
    };
    ctx.put_bytes(message_id_key(contact.id, false, &row.id), &order.to_be_bytes());
    send_row(ctx, &device, &mut contact, order, &mut row)?;
    row.insert(ctx.changes(), conversation, order);
    ctx.put(contact.id.as_bytes(), &contact);
    ctx.event(Event::MessageStored { conversation, order, incoming: false });
    Ok(())
}

/// Sends a failed row again, under its old id and number.
pub(crate) fn retry(ctx: &mut Ctx<'_>, conversation: ConversationId, order: u64) -> Result<(), EngineError> {
    let device = LocalDevice::new(ctx.profile()?);
    let mut contact: ContactRecord = ctx.named(conversation.contact().as_bytes())?;
    let mut row = MessageRecord::load(ctx, conversation, order)?.ok_or(CommandError::NotFound)?;
    if !matches!(row.state, RowState::Failed(_)) {
        return Err(CommandError::NotFailed.into());
    }
    if contact.state != ContactState::Accepted || contact.slip.is_none() {
        return Err(CommandError::NotAccepted.into());
    }
    row.state = RowState::Queued;
    send_row(ctx, &device, &mut contact, order, &mut row)?;
    row.update(ctx.changes(), conversation, order);
    ctx.put(contact.id.as_bytes(), &contact);
    ctx.event(Event::MessageChanged { conversation, order });
    Ok(())
}

/// Encrypts a row into the outbox, or lets it wait for a session. The caller writes row and contact.
fn send_row(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    contact: &mut ContactRecord,
    order: u64,
    row: &mut MessageRecord,
) -> Result<(), EngineError> {
    let Body::Text(text) = &row.body else { return Err(CommandError::NotFailed.into()) };
    // Rows leave in their order: behind one that waits, all wait.
    if !contact.waiting.is_empty() {
        return wait(ctx, contact, order);
    }
    let content = content(ctx, device, contact, row.id, row.number, ContentBody::Text(text.clone()))?;
    let mut content = Content { written: row.written, ..content };
    let mut sealed = seal(ctx, device, contact, &content)?;
    if sealed == Err(NotSealed::TooLong) && !content.receipts.is_empty() {
        content.receipts.clear();
        sealed = seal(ctx, device, contact, &content)?;
    }
    match sealed {
        Ok(envelope) => {
            if !content.receipts.is_empty() {
                ctx.delete(receipt_key(contact.id));
            }
            row.job = Some(submit(ctx, contact, &envelope, Some(order), None)?);
            Ok(())
        }
        Err(NotSealed::NoSession) => wait(ctx, contact, order),
        Err(NotSealed::TooLong) => {
            Err(CommandError::TextTooLong { length: text.len(), limit: MAX_TEXT_LENGTH }.into())
        }
    }
}

/// Lets a row wait for a session; claims a bundle if nothing waited before.
fn wait(ctx: &mut Ctx<'_>, contact: &mut ContactRecord, order: u64) -> Result<(), EngineError> {
    let is_first = contact.waiting.is_empty();
    contact.waiting.push(order);
    if is_first {
        let (relay, mailbox) = destination(ctx, contact)?;
        let body = JobBody::Claim { mailbox, purpose: ClaimFor::Contact(contact.id) };
        ctx.add_job(&JobRecord { relay, after: None, body }, &[])?;
    }
    Ok(())
}

/// A content with what rides in every message: our statement, and the receipts owed.
pub(crate) fn content(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    contact: &ContactRecord,
    id: MessageId,
    number: u64,
    body: ContentBody,
) -> Result<Content, EngineError> {
    let receipts = if contact.state == ContactState::Accepted {
        load::<ReceiptRecord>(ctx, contact.id.as_bytes())?.map(|owed| owed.messages).unwrap_or_default()
    } else {
        Vec::new()
    };
    Ok(Content {
        id,
        written: ctx.now,
        statement_number: device.profile.statement_number,
        statement_hash: Statement::hash_of(&device.profile.statement),
        number,
        receipts,
        body,
    })
}

/// Answers a contact request with a yes. `after` is the job that publishes our mailbox for them.
pub(crate) fn send_accept(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    contact: &mut ContactRecord,
    after: Option<JobId>,
) -> Result<(), EngineError> {
    let slip = own_slip(ctx, device, contact)?;
    let body = ContentBody::Accept(ContactAccept { slip, name: device.profile.name.clone() });
    let id = MessageId::random(ctx.rng);
    let content = Content { receipts: Vec::new(), ..content(ctx, device, contact, id, 0, body)? };
    match seal(ctx, device, contact, &content)? {
        Ok(envelope) => {
            submit(ctx, contact, &envelope, None, after)?;
            Ok(())
        }
        Err(NotSealed::NoSession) => wait(ctx, contact, ANSWER),
        Err(NotSealed::TooLong) => Err(EngineError::Internal("an answer does not fit an envelope")),
    }
}

/// Sends the receipts owed to a contact, by themselves. Receipts that cannot go now stay owed.
pub(crate) fn send_receipts(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    contact: ContactId,
) -> Result<(), EngineError> {
    let Some(mut owed) = load::<ReceiptRecord>(ctx, contact.as_bytes())? else { return Ok(()) };
    let Some(contact) = load::<ContactRecord>(ctx, contact.as_bytes())? else {
        ctx.delete(receipt_key(contact));
        return Ok(());
    };
    if contact.state != ContactState::Accepted || contact.slip.is_none() {
        ctx.delete(receipt_key(contact.id));
        return Ok(());
    }
    let id = MessageId::random(ctx.rng);
    let mut content = content(ctx, device, &contact, id, 0, ContentBody::Nothing)?;
    content.receipts.truncate(MAX_RECEIPTS);
    match seal(ctx, device, &contact, &content)? {
        Ok(envelope) => {
            submit(ctx, &contact, &envelope, None, None)?;
            ctx.delete(receipt_key(contact.id));
        }
        Err(_) => {
            owed.due = ctx.now.plus_millis(3_600_000);
            ctx.put(contact.id.as_bytes(), &owed);
        }
    }
    Ok(())
}

/// A bundle of a contact came: starts a session if it is theirs, and sends what waited.
pub(crate) fn on_contact_bundle(
    ctx: &mut Ctx<'_>,
    contact: ContactId,
    sealed: &SealedBundle,
) -> Result<(), EngineError> {
    let device = LocalDevice::new(ctx.profile()?);
    let Some(mut contact) = load::<ContactRecord>(ctx, contact.as_bytes())? else { return Ok(()) };
    let Some(place) = contact.slip.as_ref().and_then(|slip| slip.place()) else { return Ok(()) };
    let opened = sealed.open(&place.bundle_key, &place.mailbox).ok();
    let bundle = opened.and_then(|plain| BundleContent::verify(&plain).ok()).filter(|content| {
        content.statement.identity == contact.identity
            && content.statement.uuid == contact.uuid
            && content.bundle.fields().device_id == u32::from(contact.device)
    });
    let is_started = match bundle {
        Some(content) => start_session(ctx, &device, &contact, &content.bundle)?.is_ok(),
        None => false,
    };
    if is_started {
        return flush_waiting(ctx, &device, &mut contact);
    }
    fail_waiting(ctx, &mut contact, FailReason::SessionRefused)
}

/// Sends everything that waited for a session. Writes the contact.
pub(crate) fn flush_waiting(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    contact: &mut ContactRecord,
) -> Result<(), EngineError> {
    let conversation = ConversationId::of(contact.id);
    for order in std::mem::take(&mut contact.waiting) {
        if order == ANSWER {
            let after = match &contact.own_mailbox {
                Some(mailbox) => crate::mailboxes::pending_publish(ctx, mailbox)?,
                None => None,
            };
            send_accept(ctx, device, contact, after)?;
            continue;
        }
        let Some(mut row) = MessageRecord::load(ctx, conversation, order)? else { continue };
        if !matches!(row.state, RowState::Queued | RowState::Full) {
            continue;
        }
        send_row(ctx, device, contact, order, &mut row)?;
        row.update(ctx.changes(), conversation, order);
    }
    ctx.put(contact.id.as_bytes(), contact);
    Ok(())
}

/// Nothing that waited can be sent. Writes the contact.
pub(crate) fn fail_waiting(
    ctx: &mut Ctx<'_>,
    contact: &mut ContactRecord,
    reason: FailReason,
) -> Result<(), EngineError> {
    for order in std::mem::take(&mut contact.waiting) {
        fail_row(ctx, contact.id, order, reason)?;
    }
    if reason == FailReason::Gone {
        contact.mailbox_gone = true;
        ctx.problem(Problem::ContactMailboxGone { contact: contact.id });
    }
    ctx.put(contact.id.as_bytes(), contact);
    Ok(())
}

/// Marks a row as failed, unless it arrived after all.
pub(crate) fn fail_row(
    ctx: &mut Ctx<'_>,
    contact: ContactId,
    order: u64,
    reason: FailReason,
) -> Result<(), EngineError> {
    change_row(ctx, contact, order, |row| {
        row.job = None;
        row.state = RowState::Failed(reason);
    })
}

/// Changes a row that has not been delivered.
pub(crate) fn change_row(
    ctx: &mut Ctx<'_>,
    contact: ContactId,
    order: u64,
    change: impl FnOnce(&mut MessageRecord),
) -> Result<(), EngineError> {
    let conversation = ConversationId::of(contact);
    // The text is not needed, and is not written again.
    let Some(mut row) = load::<MessageRecord>(ctx, &crate::records::row_id(conversation, order))? else {
        return Ok(());
    };
    if matches!(row.state, RowState::Delivered { .. }) {
        return Ok(());
    }
    change(&mut row);
    row.update(ctx.changes(), conversation, order);
    ctx.event(Event::MessageChanged { conversation, order });
    Ok(())
}

/// The greeting of a request, if it is not too long.
pub(crate) fn checked_greeting(greeting: &str) -> Result<(), CommandError> {
    checked_length(greeting, MAX_GREETING)
}
