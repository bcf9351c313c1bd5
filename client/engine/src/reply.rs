//! Answers of relays to jobs. A job that is answered for good is removed in the step that acts on the answer; an answer
//! that does not fit the question is ignored, and the job is tried again.

use khaima_wire::{MailboxId, Permit};

use crate::accept;
use crate::ctx::Ctx;
use crate::error::EngineError;
use crate::event::{Event, Problem};
use crate::ids::{ContactId, JobId, RelayId};
use crate::input::JobReply;
use crate::invite;
use crate::mailboxes;
use crate::records::{
    ClaimFor, ContactRecord, FailReason, JobBody, JobRecord, MailboxPurpose, MailboxRecord, MailboxState,
    RelayRecord, RowState, load,
};
use crate::send::{change_row, fail_row, fail_waiting, on_contact_bundle};

/// A relay answered a job. One that is gone meanwhile needs no answer.
pub(crate) fn on_reply(ctx: &mut Ctx<'_>, id: JobId, reply: JobReply) -> Result<(), EngineError> {
    let Some(job) = load::<JobRecord>(ctx, id.as_bytes())? else { return Ok(()) };
    let relay = job.relay;
    match (job.body, reply) {
        (JobBody::Claim { purpose, .. }, JobReply::Bundle(bundle)) => {
            ctx.remove_job(id)?;
            match purpose {
                ClaimFor::Contact(contact) => on_contact_bundle(ctx, contact, &bundle),
                ClaimFor::Invitation(invitation) => accept::on_bundle(ctx, invitation, &bundle),
            }
        }
        (JobBody::Claim { purpose, .. }, reply @ (JobReply::Gone | JobReply::Refused(_))) => {
            ctx.remove_job(id)?;
            let reason = if matches!(reply, JobReply::Gone) { FailReason::Gone } else { FailReason::Refused };
            match purpose {
                ClaimFor::Contact(contact) => match load::<ContactRecord>(ctx, contact.as_bytes())? {
                    Some(mut contact) => fail_waiting(ctx, &mut contact, reason),
                    None => Ok(()),
                },
                ClaimFor::Invitation(invitation) => accept::on_claim_failed(ctx, invitation),
            }
        }
        (JobBody::Create { mailbox, .. }, JobReply::Created) => {
            ctx.remove_job(id)?;
            on_created(ctx, relay, &mailbox)
        }
        (JobBody::Create { mailbox, permit }, JobReply::NotPermitted) => {
            on_not_permitted(ctx, id, relay, mailbox, permit.is_some())
        }
        (JobBody::Delete { mailbox }, JobReply::Deleted(permit)) => {
            ctx.remove_job(id)?;
            mailboxes::on_deleted(ctx, &mailbox, permit)
        }
        (JobBody::Delete { mailbox }, JobReply::Gone | JobReply::Refused(_)) => {
            ctx.remove_job(id)?;
            mailboxes::on_deleted(ctx, &mailbox, None)
        }
        (JobBody::Publish { mailbox, .. }, JobReply::Published) => {
            ctx.remove_job(id)?;
            on_published(ctx, &mailbox)
        }
        (JobBody::Publish { mailbox, .. }, JobReply::Gone) => {
            ctx.remove_job(id)?;
            published(ctx, &mailbox)?;
            on_mailbox_gone(ctx, relay, &mailbox)
        }
        (JobBody::Redeem { .. }, JobReply::Permits(permits)) => {
            ctx.remove_job(id)?;
            if permits.is_empty() {
                ctx.problem(Problem::InviteCodeRefused { relay });
            }
            mailboxes::add_permits(ctx, relay, permits)
        }
        (JobBody::Redeem { .. }, JobReply::NotPermitted | JobReply::Gone | JobReply::Refused(_)) => {
            ctx.remove_job(id)?;
            ctx.problem(Problem::InviteCodeRefused { relay });
            Ok(())
        }
        (JobBody::Submit { contact, row, .. }, reply) => on_submitted(ctx, id, relay, contact, row, &reply),
        (_, JobReply::Refused(_)) => {
            // The job stays and is tried again, slowly: the relay may be brought up to date.
            ctx.problem(Problem::RelayRefused { relay });
            Ok(())
        }
        // An answer to another question.
        _ => Ok(()),
    }
}

fn on_created(ctx: &mut Ctx<'_>, relay: RelayId, id: &MailboxId) -> Result<(), EngineError> {
    if let Some(mut mailbox) = load::<MailboxRecord>(ctx, id.as_bytes())?
        && mailbox.state == MailboxState::Making
    {
        mailbox.state = MailboxState::Live;
        ctx.put(id.as_bytes(), &mailbox);
    }
    if let Some(mut record) = load::<RelayRecord>(ctx, relay.as_bytes())?
        && record.permit_needed
    {
        record.permit_needed = false;
        ctx.put(relay.as_bytes(), &record);
        ctx.event(Event::ProfileChanged);
    }
    Ok(())
}

/// The permit shown was spent, or one is wanted. Another of ours is tried; without one the job waits for a code.
fn on_not_permitted(
    ctx: &mut Ctx<'_>,
    id: JobId,
    relay: RelayId,
    mailbox: MailboxId,
    had_permit: bool,
) -> Result<(), EngineError> {
    let permit: Option<Permit> = mailboxes::take_permit(ctx, relay)?;
    let is_changed = permit.is_some() || had_permit;
    if permit.is_none() {
        let mut record: RelayRecord = ctx.require(relay.as_bytes())?;
        if !record.permit_needed {
            record.permit_needed = true;
            ctx.put(relay.as_bytes(), &record);
            ctx.problem(Problem::PermitNeeded { relay });
        }
    }
    if is_changed {
        let job = JobRecord { relay, after: None, body: JobBody::Create { mailbox, permit } };
        ctx.put(id.as_bytes(), &job);
    }
    Ok(())
}

fn published(ctx: &mut Ctx<'_>, id: &MailboxId) -> Result<Option<MailboxRecord>, EngineError> {
    let Some(mut mailbox) = load::<MailboxRecord>(ctx, id.as_bytes())? else { return Ok(None) };
    mailbox.publishing = mailbox.publishing.saturating_sub(1);
    ctx.put(id.as_bytes(), &mailbox);
    Ok(Some(mailbox))
}

fn on_published(ctx: &mut Ctx<'_>, id: &MailboxId) -> Result<(), EngineError> {
    match published(ctx, id)?.map(|mailbox| mailbox.purpose) {
        Some(MailboxPurpose::Invitation(invitation)) => invite::on_published(ctx, invitation),
        _ => Ok(()),
    }
}

/// A relay does not know a mailbox of ours.
pub(crate) fn on_mailbox_gone(ctx: &mut Ctx<'_>, relay: RelayId, id: &MailboxId) -> Result<(), EngineError> {
    let Some(mailbox) = load::<MailboxRecord>(ctx, id.as_bytes())? else { return Ok(()) };
    if mailbox.relay != relay {
        return Ok(());
    }
    let profile = ctx.profile()?;
    let signature =
        if mailbox.state == MailboxState::Live { live_signature(ctx, &profile, &mailbox)? } else { None };
    mailboxes::on_gone(ctx, &profile, id, signature.as_deref())
}

/// The link signature for a mailbox that is to be filled again; `None` if its invitation is over.
fn live_signature(
    ctx: &mut Ctx<'_>,
    profile: &crate::records::Profile,
    mailbox: &MailboxRecord,
) -> Result<Option<Vec<u8>>, EngineError> {
    invite::link_signature(ctx, profile, mailbox)
}

/// A subscription was answered.
pub(crate) fn on_mailbox_state(
    ctx: &mut Ctx<'_>,
    relay: RelayId,
    id: &MailboxId,
    one_time_left: u32,
    claimed: u64,
    waiting: u32,
) -> Result<(), EngineError> {
    let Some(mut mailbox) = load::<MailboxRecord>(ctx, id.as_bytes())? else { return Ok(()) };
    if mailbox.relay != relay || mailbox.state != MailboxState::Live {
        return Ok(());
    }
    match mailbox.purpose {
        MailboxPurpose::Invitation(invitation) => {
            invite::on_mailbox_state(ctx, mailbox, invitation, claimed, waiting)
        }
        MailboxPurpose::Contact(_) => {
            let is_low = one_time_left < mailboxes::Pool::CONTACT.one_time();
            if is_low && mailbox.publishing == 0 {
                mailbox.claimed = claimed;
                let profile = ctx.profile()?;
                mailboxes::refill(ctx, &profile, &mut mailbox, None)?;
                ctx.put(id.as_bytes(), &mailbox);
            }
            Ok(())
        }
    }
}

fn on_submitted(
    ctx: &mut Ctx<'_>,
    id: JobId,
    relay: RelayId,
    contact: ContactId,
    row: Option<u64>,
    reply: &JobReply,
) -> Result<(), EngineError> {
    let at = ctx.now;
    match reply {
        JobReply::Accepted => {
            ctx.remove_job(id)?;
            if let Some(order) = row {
                change_row(ctx, contact, order, |row| {
                    row.job = None;
                    row.state = RowState::Sent { at };
                })?;
            }
            set_mailbox_gone(ctx, contact, false)
        }
        JobReply::Full => {
            let Some(order) = row else { return Ok(()) };
            let mut is_news = false;
            change_row(ctx, contact, order, |row| {
                is_news = row.state != RowState::Full;
                row.state = RowState::Full;
            })?;
            if is_news {
                ctx.problem(Problem::MailboxFull { contact });
            }
            Ok(())
        }
        JobReply::Gone => {
            ctx.remove_job(id)?;
            if let Some(order) = row {
                fail_row(ctx, contact, order, FailReason::Gone)?;
            }
            set_mailbox_gone(ctx, contact, true)
        }
        JobReply::Refused(_) => {
            ctx.remove_job(id)?;
            if let Some(order) = row {
                fail_row(ctx, contact, order, FailReason::Refused)?;
            }
            ctx.problem(Problem::RelayRefused { relay });
            Ok(())
        }
        _ => Ok(()),
    }
}

fn set_mailbox_gone(ctx: &mut Ctx<'_>, contact: ContactId, gone: bool) -> Result<(), EngineError> {
    let Some(mut record) = load::<ContactRecord>(ctx, contact.as_bytes())? else { return Ok(()) };
    if record.mailbox_gone != gone {
        record.mailbox_gone = gone;
        ctx.put(contact.as_bytes(), &record);
        ctx.event(Event::ContactChanged { contact });
        if gone {
            ctx.problem(Problem::ContactMailboxGone { contact });
        }
    }
    Ok(())
}
