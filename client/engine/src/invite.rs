//! Invitations made here: making, keeping open, ending.
//!
//! States: [`MadeState`]. A link is told to the person only once the relay holds mailbox and bundle.

use khaima_signal::LocalIdentity;
use khaima_wire::{
    Invitation, InvitationFlags, LinkSecret, MailboxKey, ProofKey, RelayAddress, SignedInvitation,
};
use zeroize::Zeroizing;

use crate::ctx::Ctx;
use crate::error::{CommandError, EngineError};
use crate::event::Event;
use crate::identity::checked_length;
use crate::ids::InvitationId;
use crate::labels::INVITATION_IDENTITY;
use crate::mailboxes::{self, NewMailbox};
use crate::records::{
    InvitationRecord, MadeState, MailboxPurpose, MailboxRecord, Profile, RelayRecord, Side, load, load_all,
};
use crate::store::{RecordKey, RecordKind};

const MAX_DAYS: u32 = 90;
const MAX_NOTE: usize = 256;

/// Permits left before one is given away inside a link: our own contacts need mailboxes too.
const SPARE_PERMITS: usize = 4;

/// Days an invitation's mailbox is kept past its last day, so that a request that came in time is still read by a
/// device that was off.
const GRACE_DAYS: u32 = 7;

/// A claim without a request gets a fresh bundle after this time: an answer may have been lost.
const CLAIM_PATIENCE_MILLIS: u64 = 86_400_000;

/// At most so many fresh bundles; more claims than that are somebody else's.
const MAX_REFRESHED: u8 = 3;

/// Makes an invitation.
pub(crate) fn create(
    ctx: &mut Ctx<'_>,
    relay: &RelayAddress,
    expires_in_days: u32,
    note: String,
) -> Result<(), EngineError> {
    let profile = ctx.profile()?;
    if !(1..=MAX_DAYS).contains(&expires_in_days) {
        return Err(CommandError::ExpiryOutOfRange.into());
    }
    checked_length(&note, MAX_NOTE)?;
    let relay_id = mailboxes::ensure_relay(ctx, relay)?;
    let key = MailboxKey::generate(ctx.rng);
    let secret = LinkSecret::generate(ctx.rng);
    let own_permit = mailboxes::take_permit(ctx, relay_id)?;
    let known: RelayRecord = ctx.require(relay_id.as_bytes())?;
    let permit =
        if known.permits.len() > SPARE_PERMITS { mailboxes::take_permit(ctx, relay_id)? } else { None };
    let invitation = Invitation {
        relay: relay.clone(),
        mailbox_key: key.public(),
        secret: secret.clone(),
        statement_hash: secret.statement_hash(&profile.statement),
        expires: ctx.today().plus(expires_in_days),
        flags: InvitationFlags::ONCE,
        permit,
    };
    let signed = invitation.sign(&key).map_err(|_| EngineError::Internal("the link's key is another"))?;
    let record = InvitationRecord {
        id: InvitationId::random(ctx.rng),
        relay: relay.clone(),
        mailbox: key.id(),
        expires: signed.invitation().expires,
        created: ctx.now,
        contact: None,
        side: Side::Made { state: MadeState::Making, link: signed.to_uri(), secret, note, refused: 0 },
    };
    let link_signature = sign_link(ctx, &profile, signed.invitation());
    let new = NewMailbox {
        key,
        relay,
        purpose: MailboxPurpose::Invitation(record.id),
        bundle_key: signed.invitation().bundle_key(),
        permit: own_permit,
        link_signature: Some(link_signature),
    };
    mailboxes::create(ctx, &profile, new)?;
    ctx.put(record.id.as_bytes(), &record);
    ctx.event(Event::InvitationChanged { invitation: record.id });
    Ok(())
}

fn sign_link(ctx: &mut Ctx<'_>, profile: &Profile, invitation: &Invitation) -> Vec<u8> {
    let body = invitation.body_bytes();
    profile.identity.sign(&[&INVITATION_IDENTITY.bytes(), &body], ctx.rng).as_ref().to_vec()
}

/// The link of a record, expired or not.
pub(crate) fn stored_link(link: &Zeroizing<String>) -> Result<SignedInvitation, EngineError> {
    SignedInvitation::parse(link, khaima_wire::Day::new(0))
        .map_err(|_| EngineError::Damaged(RecordKind::Invitation))
}

/// The identity's signature for fresh bundles of an invitation's mailbox; `None` for other mailboxes.
pub(crate) fn link_signature(
    ctx: &mut Ctx<'_>,
    profile: &Profile,
    mailbox: &MailboxRecord,
) -> Result<Option<Vec<u8>>, EngineError> {
    let MailboxPurpose::Invitation(id) = mailbox.purpose else { return Ok(None) };
    let record: InvitationRecord = ctx.require(id.as_bytes())?;
    let Side::Made { link, .. } = &record.side else {
        return Err(EngineError::Damaged(RecordKind::Invitation));
    };
    let link = stored_link(link)?;
    Ok(Some(sign_link(ctx, profile, link.invitation())))
}

/// The key with which a request proves that its sender had the link.
pub(crate) fn proof_key(link: &Zeroizing<String>) -> Result<ProofKey, EngineError> {
    Ok(stored_link(link)?.invitation().proof_key())
}

/// The relay has the bundles of an invitation's mailbox.
pub(crate) fn on_published(ctx: &mut Ctx<'_>, id: InvitationId) -> Result<(), EngineError> {
    let Some(mut record) = load::<InvitationRecord>(ctx, id.as_bytes())? else { return Ok(()) };
    if let Side::Made { state: state @ MadeState::Making, link, .. } = &mut record.side {
        *state = MadeState::Open;
        let link = link.to_string();
        ctx.put(id.as_bytes(), &record);
        ctx.event(Event::InvitationReady { invitation: id, link });
    }
    Ok(())
}

/// Takes an invitation back.
pub(crate) fn withdraw(ctx: &mut Ctx<'_>, id: InvitationId) -> Result<(), EngineError> {
    let record: InvitationRecord = ctx.named(id.as_bytes())?;
    match &record.side {
        Side::Made { state: MadeState::Making | MadeState::Open, .. } => {
            end(ctx, record, MadeState::Withdrawn)
        }
        _ => Err(CommandError::InvitationState.into()),
    }
}

/// Forgets an invitation that is over.
pub(crate) fn forget(ctx: &mut Ctx<'_>, id: InvitationId) -> Result<(), EngineError> {
    use crate::records::AcceptedState;
    let record: InvitationRecord = ctx.named(id.as_bytes())?;
    let is_over = match &record.side {
        Side::Made { state, .. } => {
            matches!(state, MadeState::Expired | MadeState::Withdrawn | MadeState::Used)
        }
        Side::Accepted { state, .. } => matches!(state, AcceptedState::Gone | AcceptedState::Tampered),
    };
    if !is_over {
        return Err(CommandError::InvitationState.into());
    }
    remove(ctx, id);
    Ok(())
}

/// Removes the record.
pub(crate) fn remove(ctx: &mut Ctx<'_>, id: InvitationId) {
    ctx.delete(RecordKey::of(RecordKind::Invitation, &[id.as_bytes()]));
    ctx.event(Event::InvitationChanged { invitation: id });
}

/// Ends an invitation for good; its mailbox is deleted and its link forgotten.
pub(crate) fn end(
    ctx: &mut Ctx<'_>,
    mut record: InvitationRecord,
    end: MadeState,
) -> Result<(), EngineError> {
    if let Side::Made { state, link, secret, .. } = &mut record.side {
        *state = end;
        *link = Zeroizing::default();
        *secret = LinkSecret::from_bytes(&[0; 32]);
    }
    mailboxes::close(ctx, &record.mailbox)?;
    ctx.put(record.id.as_bytes(), &record);
    ctx.event(Event::InvitationChanged { invitation: record.id });
    Ok(())
}

/// Ends the invitation through which a contact came, once it has done its work.
pub(crate) fn end_used(ctx: &mut Ctx<'_>, id: InvitationId) -> Result<(), EngineError> {
    match load::<InvitationRecord>(ctx, id.as_bytes())? {
        Some(record) if matches!(record.side, Side::Made { .. }) => end(ctx, record, MadeState::Used),
        _ => Ok(()),
    }
}

/// A subscription told how many bundles were claimed and what waits.
pub(crate) fn on_mailbox_state(
    ctx: &mut Ctx<'_>,
    mut mailbox: MailboxRecord,
    id: InvitationId,
    claimed: u64,
    waiting: u32,
) -> Result<(), EngineError> {
    let Some(record) = load::<InvitationRecord>(ctx, id.as_bytes())? else { return Ok(()) };
    let Side::Made { state: MadeState::Open, .. } = record.side else { return Ok(()) };
    // Nothing waits that came in time: no need for grace.
    if ctx.today() > record.expires && waiting == 0 {
        return end(ctx, record, MadeState::Expired);
    }
    if claimed > mailbox.claimed {
        mailbox.claimed = claimed;
        mailbox.claim_noticed.get_or_insert(ctx.now);
        ctx.put(mailbox.id().as_bytes(), &mailbox);
    }
    Ok(())
}

/// What is due about open invitations.
pub(crate) fn on_tick(ctx: &mut Ctx<'_>, profile: &Profile) -> Result<(), EngineError> {
    for (_, record) in load_all::<InvitationRecord>(ctx, &[])? {
        let Side::Made { state: MadeState::Making | MadeState::Open, .. } = record.side else { continue };
        if ctx.today() > record.expires.plus(GRACE_DAYS) {
            end(ctx, record, MadeState::Expired)?;
            continue;
        }
        let Some(mut mailbox) = load::<MailboxRecord>(ctx, record.mailbox.as_bytes())? else { continue };
        let is_due =
            mailbox.claim_noticed.is_some_and(|at| ctx.now.millis_since(at) >= CLAIM_PATIENCE_MILLIS);
        if is_due && mailbox.refreshed < MAX_REFRESHED && mailbox.publishing == 0 {
            mailbox.refreshed = mailbox.refreshed.saturating_add(1);
            mailbox.claim_noticed = None;
            let signature = link_signature(ctx, profile, &mailbox)?;
            mailboxes::refill(ctx, profile, &mut mailbox, signature.as_deref())?;
            ctx.put(mailbox.id().as_bytes(), &mailbox);
        }
    }
    Ok(())
}
