//! Accepting an invitation: claim its bundle, check it against the link, send a contact request.
//!
//! ```text
//! link ── claim ──► bundle ── statement hash, identity signature, prekey signatures ──► session
//!      ──► own mailbox: create, publish ──► contact request (submitted only then)
//! ```

use khaima_signal::IdentityKey;
use khaima_wire::{BundleKey, Invitation, MailboxKey, SealedBundle, SignedInvitation};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::contacts::{Known, find_known};
use crate::content::{BundleContent, ContactRequest, ContentBody, request_proof};
use crate::ctx::{Ctx, LocalDevice};
use crate::error::{CommandError, EngineError};
use crate::event::{Event, Problem};
use crate::ids::{ContactId, InvitationId, MessageId};
use crate::invite::{remove, stored_link};
use crate::labels::INVITATION_IDENTITY;
use crate::mailboxes::{self, NewMailbox};
use crate::records::{
    AcceptedState, ClaimFor, ContactRecord, ContactState, InvitationRecord, JobBody, JobRecord,
    MailboxPurpose, MailboxRecord, Place, Side, Slip, load, load_all,
};
use crate::seal::{seal, start_session, submit};
use crate::send::{checked_greeting, content};
use crate::slips::own_slip;

/// Accepts an invitation.
pub(crate) fn accept(ctx: &mut Ctx<'_>, link: &str, greeting: String) -> Result<(), EngineError> {
    ctx.profile()?;
    checked_greeting(&greeting)?;
    let signed = SignedInvitation::parse(link, ctx.today()).map_err(CommandError::Invitation)?;
    let invitation = signed.invitation();
    let mailbox = invitation.mailbox();
    if load::<MailboxRecord>(ctx, mailbox.as_bytes())?.is_some() {
        return Err(CommandError::OwnInvitation.into());
    }
    let known = load_all::<InvitationRecord>(ctx, &[])?;
    if let Some((_, record)) = known.iter().find(|(_, record)| record.mailbox == mailbox) {
        return Err(match record.side {
            Side::Made { .. } => CommandError::OwnInvitation,
            Side::Accepted { .. } => CommandError::AlreadyAccepted,
        }
        .into());
    }
    let record = InvitationRecord {
        id: InvitationId::random(ctx.rng),
        relay: invitation.relay.clone(),
        mailbox,
        expires: invitation.expires,
        created: ctx.now,
        contact: None,
        side: Side::Accepted { state: AcceptedState::Claiming, link: signed.to_uri(), greeting },
    };
    claim(ctx, &record)
}

/// Tries a failed one again.
pub(crate) fn retry(ctx: &mut Ctx<'_>, id: InvitationId) -> Result<(), EngineError> {
    let mut record: InvitationRecord = ctx.named(id.as_bytes())?;
    if ctx.today() > record.expires {
        let since = record.expires;
        return Err(CommandError::Invitation(khaima_wire::InvitationError::Expired { since }).into());
    }
    match &mut record.side {
        Side::Accepted { state: state @ (AcceptedState::Gone | AcceptedState::Tampered), .. } => {
            *state = AcceptedState::Claiming;
        }
        _ => return Err(CommandError::InvitationState.into()),
    }
    claim(ctx, &record)
}

fn claim(ctx: &mut Ctx<'_>, record: &InvitationRecord) -> Result<(), EngineError> {
    let relay = mailboxes::ensure_relay(ctx, &record.relay)?;
    let body = JobBody::Claim { mailbox: record.mailbox, purpose: ClaimFor::Invitation(record.id) };
    ctx.add_job(&JobRecord { relay, after: None, body }, &[])?;
    ctx.put(record.id.as_bytes(), record);
    ctx.event(Event::InvitationChanged { invitation: record.id });
    Ok(())
}

/// There was no bundle.
pub(crate) fn on_claim_failed(ctx: &mut Ctx<'_>, id: InvitationId) -> Result<(), EngineError> {
    fail(ctx, id, AcceptedState::Gone, Problem::InvitationGone { invitation: id })
}

fn fail(
    ctx: &mut Ctx<'_>,
    id: InvitationId,
    failed: AcceptedState,
    problem: Problem,
) -> Result<(), EngineError> {
    let Some(mut record) = load::<InvitationRecord>(ctx, id.as_bytes())? else { return Ok(()) };
    if let Side::Accepted { state, .. } = &mut record.side {
        *state = failed;
        ctx.put(id.as_bytes(), &record);
        ctx.event(Event::InvitationChanged { invitation: id });
        ctx.problem(problem);
    }
    Ok(())
}

/// The claimed bundle came.
pub(crate) fn on_bundle(
    ctx: &mut Ctx<'_>,
    id: InvitationId,
    sealed: &SealedBundle,
) -> Result<(), EngineError> {
    let device = LocalDevice::new(ctx.profile()?);
    let Some(mut record) = load::<InvitationRecord>(ctx, id.as_bytes())? else { return Ok(()) };
    let Side::Accepted { state: AcceptedState::Claiming, link, greeting } = &record.side else {
        return Ok(());
    };
    let link = stored_link(link)?.into_invitation();
    let greeting = greeting.clone();
    let tampered = Problem::InvitationTampered { invitation: id };
    let Some(bundle) = verified_bundle(&link, sealed) else {
        return fail(ctx, id, AcceptedState::Tampered, tampered);
    };
    let statement = &bundle.statement;
    if statement.identity == device.profile.identity_key() || statement.uuid == device.profile.uuid {
        return fail(ctx, id, AcceptedState::Tampered, tampered);
    }
    match find_known(ctx, &statement.identity, &statement.uuid)? {
        Known::Nobody => {}
        Known::Somebody(contact) => {
            remove(ctx, id);
            ctx.problem(Problem::AlreadyKnown { contact: contact.id });
            return Ok(());
        }
        Known::Conflict(contact) => {
            return fail(ctx, id, AcceptedState::Tampered, Problem::IdentityConflict { contact });
        }
    }
    let Some(&their_device) =
        statement.devices.iter().find(|listed| u32::from(**listed) == bundle.bundle.fields().device_id)
    else {
        return fail(ctx, id, AcceptedState::Tampered, tampered);
    };
    let key = MailboxKey::generate(ctx.rng);
    let mut contact = ContactRecord {
        id: ContactId::random(ctx.rng),
        uuid: statement.uuid,
        identity: statement.identity,
        device: their_device,
        state: ContactState::Requested,
        name: String::new(),
        custom_name: String::new(),
        greeting: greeting.clone(),
        statement: statement.bytes().to_vec(),
        statement_number: statement.number,
        statement_hash: statement.hash(),
        statement_mismatch: false,
        // Until they answer, the invitation's mailbox is where they are.
        slip: Some(Slip {
            number: 0,
            device: their_device.value(),
            places: vec![Place {
                relay: link.relay.clone(),
                mailbox: link.mailbox(),
                bundle_key: link.bundle_key(),
            }],
        }),
        own_mailbox: Some(key.id()),
        own_slip_number: 0,
        invitation: Some(id),
        verified: false,
        mailbox_gone: false,
        waiting: Vec::new(),
        created: ctx.now,
        heard: None,
    };
    if start_session(ctx, &device, &contact, &bundle.bundle)?.is_err() {
        return fail(ctx, id, AcceptedState::Tampered, tampered);
    }
    let relay = mailboxes::home_or(ctx, &device.profile, &link.relay)?;
    let permit = link.permit.clone().filter(|_| relay == link.relay);
    let new = NewMailbox {
        key,
        relay: &relay,
        purpose: MailboxPurpose::Contact(contact.id),
        bundle_key: BundleKey::generate(ctx.rng),
        permit,
        link_signature: None,
    };
    let publish = mailboxes::create(ctx, &device.profile, new)?;
    let request = contact_request(ctx, &device, &mut contact, &link, greeting)?;
    let message = MessageId::random(ctx.rng);
    let content = content(ctx, &device, &contact, message, 0, ContentBody::Request(request))?;
    let envelope = seal(ctx, &device, &contact, &content)?
        .map_err(|_| EngineError::Internal("a contact request cannot be sealed"))?;
    submit(ctx, &contact, &envelope, None, Some(publish))?;
    ctx.put(contact.id.as_bytes(), &contact);
    record.contact = Some(contact.id);
    if let Side::Accepted { state, link, .. } = &mut record.side {
        *state = AcceptedState::Requested;
        // The secret has done its work; the record stays so that the link is not accepted twice.
        *link = Zeroizing::default();
    }
    ctx.put(id.as_bytes(), &record);
    ctx.event(Event::InvitationChanged { invitation: id });
    ctx.event(Event::ContactChanged { contact: contact.id });
    Ok(())
}

fn contact_request(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    contact: &mut ContactRecord,
    link: &Invitation,
    greeting: String,
) -> Result<ContactRequest, EngineError> {
    let profile = &device.profile;
    let hash = crate::content::Statement::hash_of(&profile.statement);
    let identity: IdentityKey = profile.identity_key();
    Ok(ContactRequest {
        statement: profile.statement.clone(),
        slip: own_slip(ctx, device, contact)?,
        name: profile.name.clone(),
        greeting,
        proof: request_proof(&link.proof_key(), &identity, &hash),
    })
}

/// The bundle, if it is what the link promises.
fn verified_bundle(link: &Invitation, sealed: &SealedBundle) -> Option<BundleContent> {
    let plain = sealed.open(&link.bundle_key(), &link.mailbox()).ok()?;
    let content = BundleContent::verify(&plain).ok()?;
    let hash = link.secret.statement_hash(content.statement.bytes());
    let is_promised: bool = hash.ct_eq(&link.statement_hash).into();
    let signed = [INVITATION_IDENTITY.bytes(), link.body_bytes().to_vec()].map(Zeroizing::new);
    let [label, body] = &signed;
    let is_signed = content.statement.identity.public_key().verify(&[label, body], &content.link_signature);
    (is_promised && is_signed).then_some(content)
}
