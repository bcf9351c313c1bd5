//! People: finding them, answering their requests, forgetting them.

use khaima_signal::IdentityKey;
use khaima_wire::{BundleKey, MailboxKey, SealedEnvelope};

use crate::ctx::{Ctx, LocalDevice};
use crate::error::{CommandError, EngineError};
use crate::event::Event;
use crate::identity::checked_length;
use crate::ids::{ContactId, ConversationId, JobId};
use crate::invite;
use crate::labels::SEEN_ENVELOPE;
use crate::mailboxes::{self, NewMailbox};
use crate::records::{
    ContactRecord, ContactState, ConversationRecord, InvitationRecord, JobBody, JobRecord, MailboxPurpose,
    MessageRecord, Side, View, all_keys, delete_session, load, load_all, receipt_key,
};
use crate::send::send_accept;
use crate::store::{RecordKey, RecordKind};

/// Whether a pair of identity key and UUID is known.
pub(crate) enum Known {
    /// Neither is.
    Nobody,
    /// Both are, as one contact's.
    Somebody(Box<ContactRecord>),
    /// One of them belongs to this contact, the other does not.
    Conflict(ContactId),
}

/// Looks a person up by both names.
pub(crate) fn find_known(
    view: &dyn View,
    identity: &IdentityKey,
    uuid: &[u8; 16],
) -> Result<Known, EngineError> {
    let mut found = Known::Nobody;
    for (_, contact) in load_all::<ContactRecord>(view, &[])? {
        match (contact.identity == *identity, contact.uuid == *uuid) {
            (true, true) => found = Known::Somebody(Box::new(contact)),
            (false, false) => {}
            _ => return Ok(Known::Conflict(contact.id)),
        }
    }
    Ok(found)
}

/// Says yes to a contact request.
pub(crate) fn accept_request(ctx: &mut Ctx<'_>, id: ContactId) -> Result<(), EngineError> {
    let device = LocalDevice::new(ctx.profile()?);
    let mut contact: ContactRecord = ctx.named(id.as_bytes())?;
    if contact.state != ContactState::Incoming {
        return Err(CommandError::NotFound.into());
    }
    let invitation = match contact.invitation {
        Some(invitation) => load::<InvitationRecord>(ctx, invitation.as_bytes())?,
        None => None,
    };
    let theirs = contact.slip.as_ref().and_then(|slip| slip.place()).map(|place| place.relay.clone());
    let met_at = invitation.map(|record| record.relay).or(theirs);
    let met_at = met_at.ok_or(EngineError::Internal("a contact request without a mailbox"))?;
    let relay = mailboxes::home_or(ctx, &device.profile, &met_at)?;
    let key = MailboxKey::generate(ctx.rng);
    contact.own_mailbox = Some(key.id());
    let new = NewMailbox {
        key,
        relay: &relay,
        purpose: MailboxPurpose::Contact(id),
        bundle_key: BundleKey::generate(ctx.rng),
        permit: None,
        link_signature: None,
    };
    let publish = mailboxes::create(ctx, &device.profile, new)?;
    contact.state = ContactState::Accepted;
    send_accept(ctx, &device, &mut contact, Some(publish))?;
    ctx.put(id.as_bytes(), &contact);
    open_conversation(ctx, id)?;
    ctx.event(Event::ContactAccepted { contact: id });
    Ok(())
}

/// Makes the conversation of a contact, if it is not there.
pub(crate) fn open_conversation(ctx: &mut Ctx<'_>, contact: ContactId) -> Result<(), EngineError> {
    let id = ConversationId::of(contact);
    if load::<ConversationRecord>(ctx, id.as_bytes())?.is_none() {
        ctx.put(id.as_bytes(), &ConversationRecord::new(id, ctx.now));
    }
    Ok(())
}

/// Says no. The other side is told nothing; the invitation is over.
pub(crate) fn refuse_request(ctx: &mut Ctx<'_>, id: ContactId) -> Result<(), EngineError> {
    let contact: ContactRecord = ctx.named(id.as_bytes())?;
    if contact.state != ContactState::Incoming {
        return Err(CommandError::NotFound.into());
    }
    remove(ctx, &contact)
}

/// Forgets a person who is not an accepted contact.
pub(crate) fn forget(ctx: &mut Ctx<'_>, id: ContactId) -> Result<(), EngineError> {
    let contact: ContactRecord = ctx.named(id.as_bytes())?;
    if contact.state == ContactState::Accepted {
        return Err(CommandError::InvitationState.into());
    }
    remove(ctx, &contact)
}

fn remove(ctx: &mut Ctx<'_>, contact: &ContactRecord) -> Result<(), EngineError> {
    let id = contact.id;
    let conversation = ConversationId::of(id);
    if let Some(mailbox) = &contact.own_mailbox {
        mailboxes::close(ctx, mailbox)?;
    }
    if let Some(invitation) = contact.invitation {
        match load::<InvitationRecord>(ctx, invitation.as_bytes())? {
            Some(record) if matches!(record.side, Side::Accepted { .. }) => invite::remove(ctx, invitation),
            _ => invite::end_used(ctx, invitation)?,
        }
    }
    for (key, job) in load_all::<JobRecord>(ctx, &[])? {
        let is_theirs = match &job.body {
            JobBody::Submit { contact, .. } => *contact == id,
            JobBody::Claim { purpose, .. } => *purpose == crate::records::ClaimFor::Contact(id),
            _ => false,
        };
        if is_theirs && let Some(job) = JobId::from_slice(key.id()) {
            ctx.remove_job(job)?;
        }
    }
    for key in all_keys(ctx, RecordKind::Message, conversation.as_bytes())? {
        if let Some(order) = key.id().get(16..).and_then(|tail| tail.try_into().ok()) {
            remove_row(ctx, conversation, u64::from_be_bytes(order))?;
        }
    }
    for kind in [RecordKind::MessageId, RecordKind::Gap, RecordKind::Held, RecordKind::HeldBlob] {
        for key in all_keys(ctx, kind, id.as_bytes())? {
            ctx.delete(key);
        }
    }
    let mut changes = crate::store::Changes::new();
    delete_session(ctx, &mut changes, id)?;
    ctx.changes().extend(changes);
    ctx.delete(receipt_key(id));
    ctx.delete(RecordKey::of(RecordKind::Conversation, &[conversation.as_bytes()]));
    ctx.delete(RecordKey::of(RecordKind::Contact, &[id.as_bytes()]));
    ctx.event(Event::ContactRemoved { contact: id });
    Ok(())
}

/// Deletes one row with its text.
pub(crate) fn remove_row(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    order: u64,
) -> Result<(), EngineError> {
    let mut changes = crate::store::Changes::new();
    MessageRecord::remove(ctx, &mut changes, conversation, order)?;
    ctx.changes().extend(changes);
    Ok(())
}

/// Calls a contact by another name.
pub(crate) fn rename(ctx: &mut Ctx<'_>, id: ContactId, name: &str) -> Result<(), EngineError> {
    let mut contact: ContactRecord = ctx.named(id.as_bytes())?;
    let name = name.trim();
    checked_length(name, crate::content::MAX_NAME)?;
    contact.custom_name = name.to_owned();
    ctx.put(id.as_bytes(), &contact);
    ctx.event(Event::ContactChanged { contact: id });
    Ok(())
}

/// Records that safety numbers were compared.
pub(crate) fn mark_verified(ctx: &mut Ctx<'_>, id: ContactId, verified: bool) -> Result<(), EngineError> {
    let mut contact: ContactRecord = ctx.named(id.as_bytes())?;
    contact.verified = verified;
    ctx.put(id.as_bytes(), &contact);
    ctx.event(Event::ContactChanged { contact: id });
    Ok(())
}

/// Records what the person has seen.
pub(crate) fn mark_read(ctx: &mut Ctx<'_>, id: ConversationId, up_to: u64) -> Result<(), EngineError> {
    let mut record: ConversationRecord = ctx.named(id.as_bytes())?;
    let up_to = up_to.min(record.next_order.saturating_sub(1));
    if up_to <= record.read_up_to {
        return Ok(());
    }
    record.read_up_to = up_to;
    let mut after = crate::records::row_id(id, up_to).to_vec();
    let mut unread: u32 = 0;
    loop {
        let keys =
            ctx.list(RecordKind::Message, id.as_bytes(), crate::store::Order::Ascending, Some(&after), 256)?;
        let Some(last) = keys.last() else { break };
        after = last.id().to_vec();
        for key in &keys {
            let row = load::<MessageRecord>(ctx, key.id())?;
            unread = unread.saturating_add(u32::from(row.is_some_and(|row| row.incoming)));
        }
    }
    record.unread = unread;
    ctx.put(id.as_bytes(), &record);
    ctx.event(Event::ContactChanged { contact: id.contact() });
    Ok(())
}

/// Sixteen bytes that stand for a sealed envelope.
pub(crate) fn envelope_hash(sealed: &SealedEnvelope) -> [u8; 16] {
    let [hash @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
        SEEN_ENVELOPE.hash(&[sealed.as_bytes()]);
    hash
}
