//! Deliveries: the mailbox decides who may speak, then the certificate, then the ratchet, then the content.
//!
//! ```text
//! mailbox ── whose? ──► trust root ── certificate ──► session ── decrypt ──► content ──► rows, contacts
//!    │                     │              │               │                     │
//!    └──── anything else: counted, acknowledged, never answered ────────────────┘
//! ```
//!
//! An envelope is acknowledged once everything in it is committed, or was worth nothing. One that a contact wrote and
//! that cannot be read is kept sealed for 7 days, with a row that says so.

use khaima_signal::sealed_sender::{CertificateStatus, SealedContent, open};
use khaima_signal::{CiphertextMessage, DecryptError, Decrypted, IdentityKey, SessionRecord};
use khaima_wire::{Day, Delivery, MailboxId, SealedEnvelope};

use crate::contacts::{envelope_hash, open_conversation};
use crate::content::{Content, ContentBody, decode_slip};
use crate::ctx::{Ctx, LocalDevice, signal_time};
use crate::drops::{DropReason, Fault, count};
use crate::effect::Effect;
use crate::error::EngineError;
use crate::event::{Event, Problem};
use crate::held;
use crate::identity::TrustOnly;
use crate::ids::{ContactId, RelayId};
use crate::invite;
use crate::mailboxes;
use crate::records::{
    ContactRecord, ContactState, InvitationRecord, MailboxPreKeys, MailboxPurpose, MailboxRecord,
    MailboxState, Side, View, load, load_session, seen_key,
};
use crate::request;
use crate::rows;
use crate::send::flush_waiting;

/// The version byte of sealed sender v2, which envelopes leave out.
const SEALED_VERSION: u8 = 0x22;

/// A relay pushed an envelope.
pub(crate) fn on_delivery(ctx: &mut Ctx<'_>, relay: RelayId, delivery: &Delivery) -> Result<(), EngineError> {
    let hash = envelope_hash(&delivery.sealed);
    // A relay that makes up days only makes us forget earlier or later that we saw its envelope.
    let stored = delivery.stored.min(ctx.today().plus(1));
    if !was_seen(ctx, stored, &hash)? {
        match process(ctx, relay, delivery, &hash) {
            Ok(()) => ctx.put_bytes(seen_key(stored, &hash), &[1]),
            Err(Fault::Drop(reason, event)) => {
                ctx.roll_back();
                count(ctx, reason)?;
                event.into_iter().for_each(|event| ctx.event(event));
            }
            Err(Fault::Engine(error)) => return Err(error),
        }
    }
    ctx.effect(Effect::Acknowledge { relay, mailbox: delivery.mailbox, id: delivery.id });
    Ok(())
}

/// Whether this envelope was processed, on the same or a neighbouring day: a sender whose answer got lost submits the
/// same bytes again. (Later repetitions are recognised by the ratchet.)
fn was_seen(ctx: &Ctx<'_>, stored: Day, hash: &[u8; 16]) -> Result<bool, EngineError> {
    for day in [stored, stored.minus(1), stored.plus(1)] {
        if ctx.read(&seen_key(day, hash))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn process(ctx: &mut Ctx<'_>, relay: RelayId, delivery: &Delivery, hash: &[u8; 16]) -> Result<(), Fault> {
    let Some(mailbox) = load::<MailboxRecord>(ctx, delivery.mailbox.as_bytes())? else {
        return Err(DropReason::UnknownMailbox.into());
    };
    if mailbox.relay != relay {
        return Err(DropReason::UnknownMailbox.into());
    }
    if mailbox.state == MailboxState::Closing {
        return Err(DropReason::ClosedMailbox.into());
    }
    let device = LocalDevice::new(ctx.profile()?);
    let sealed = open_envelope(&device, &delivery.sealed)?;
    match mailbox.purpose {
        MailboxPurpose::Contact(contact) => {
            let from = FromContact { contact, mailbox: delivery.mailbox, stored: delivery.stored };
            match read_from_contact(ctx, &device, &from, &sealed)? {
                Read::Done => Ok(()),
                Read::Undecryptable => {
                    held::keep(ctx, contact, &delivery.mailbox, delivery.stored, &delivery.sealed, hash)
                }
            }
        }
        MailboxPurpose::Invitation(id) => {
            let Some(record) = load::<InvitationRecord>(ctx, id.as_bytes())? else {
                return Err(DropReason::ClosedMailbox.into());
            };
            request::on_request(ctx, &device, record, delivery, &sealed)
        }
    }
}

/// Opens an envelope sealed to our identity key.
pub(crate) fn open_envelope(
    device: &LocalDevice,
    sealed: &SealedEnvelope,
) -> Result<SealedContent, DropReason> {
    let mut bytes = Vec::with_capacity(sealed.size().saturating_add(1));
    bytes.push(SEALED_VERSION);
    bytes.extend_from_slice(sealed.as_bytes());
    open(&bytes, &device.profile.identity).map_err(|_| DropReason::Unopenable)
}

/// Where an envelope of a contact came in.
pub(crate) struct FromContact {
    pub(crate) contact: ContactId,
    pub(crate) mailbox: MailboxId,
    pub(crate) stored: Day,
}

/// What became of an envelope of a contact.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// It was read and everything in it is in the changes.
    Done,
    /// It is theirs, and no session opens it. Nothing was changed.
    Undecryptable,
}

/// Reads an envelope that came in a contact's mailbox. On `Err` the changes may be half made and must be rolled back.
pub(crate) fn read_from_contact(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    from: &FromContact,
    sealed: &SealedContent,
) -> Result<Read, Fault> {
    let Some(mut contact) = load::<ContactRecord>(ctx, from.contact.as_bytes())? else {
        return Err(DropReason::ClosedMailbox.into());
    };
    let claims = sealed.certificate.claims();
    let remote = contact.address();
    if claims.identity_key != contact.identity
        || claims.uuid != remote.name()
        || claims.device != contact.device
    {
        return Err(DropReason::WrongSender.into());
    }
    let certificate_expired = match check_certificate(sealed, &contact.identity, from.stored) {
        CertificateStatus::Valid(_) => false,
        CertificateStatus::Expired => true,
        CertificateStatus::Invalid => return Err(DropReason::CertificateInvalid.into()),
    };
    let Ok(message) = CiphertextMessage::decode(sealed.message_type, &sealed.content) else {
        return Err(DropReason::Malformed.into());
    };
    let stored = load_session(ctx, contact.id, contact.device)?;
    let decrypted = match decrypt(ctx, device, &stored.record, &contact, &from.mailbox, &message) {
        Ok(decrypted) => decrypted,
        Err(DecryptError::DuplicatedMessage { .. }) => return Err(DropReason::Duplicate.into()),
        Err(DecryptError::Store(error)) => return Err(EngineError::Store(Box::new(error)).into()),
        Err(_) => return Ok(Read::Undecryptable),
    };
    stored.replace(ctx.changes(), &decrypted.record);
    let is_new_session = decrypted.spent.is_some();
    if let Some(spent) = &decrypted.spent {
        mailboxes::spend(ctx, &from.mailbox, spent)?;
        top_up(ctx, device, &from.mailbox)?;
    }
    let content = Content::decode(&decrypted.plaintext)?;
    on_content(ctx, device, &mut contact, &content, certificate_expired)?;
    ctx.put(contact.id.as_bytes(), &contact);
    if is_new_session {
        if !contact.waiting.is_empty() {
            flush_waiting(ctx, device, &mut contact)?;
        }
        held::try_again(ctx, device, contact.id)?;
    }
    Ok(Read::Done)
}

/// Checks a certificate against one root, on the day the relay stored the envelope.
pub(crate) fn check_certificate(
    sealed: &SealedContent,
    root: &IdentityKey,
    stored: Day,
) -> CertificateStatus {
    let checked = sealed.certificate.check(&[*root.public_key()], signal_time(stored.start()));
    checked.unwrap_or(CertificateStatus::Invalid)
}

/// Decrypts with a session record and the prekeys of a mailbox. Changes nothing.
pub(crate) fn decrypt(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    session: &SessionRecord,
    contact: &ContactRecord,
    mailbox: &MailboxId,
    message: &CiphertextMessage,
) -> Result<Decrypted, DecryptError> {
    let (view, rng) = ctx.view_and_rng();
    let prekeys = MailboxPreKeys { view: &view, mailbox };
    let trust = TrustOnly(&contact.identity);
    session.decrypt(&device.local(), &contact.address(), message, &prekeys, &trust, rng)
}

/// After one of our bundles was used: the pool is filled up again.
fn top_up(ctx: &mut Ctx<'_>, device: &LocalDevice, id: &MailboxId) -> Result<(), EngineError> {
    let Some(mut mailbox) = load::<MailboxRecord>(ctx, id.as_bytes())? else { return Ok(()) };
    if mailbox.state == MailboxState::Live && mailbox.publishing == 0 {
        mailboxes::refill(ctx, &device.profile, &mut mailbox, None)?;
        ctx.put(id.as_bytes(), &mailbox);
    }
    Ok(())
}

/// Acts on what a contact says. The caller writes the contact.
fn on_content(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    contact: &mut ContactRecord,
    content: &Content,
    certificate_expired: bool,
) -> Result<(), Fault> {
    contact.heard = Some(ctx.now);
    let is_same = content.statement_number == contact.statement_number
        && content.statement_hash == contact.statement_hash;
    if !is_same && !contact.statement_mismatch {
        contact.statement_mismatch = true;
        ctx.problem(Problem::StatementMismatch { contact: contact.id });
        ctx.event(Event::ContactChanged { contact: contact.id });
    }
    if contact.state == ContactState::Accepted
        && let Some(invitation) = contact.invitation
    {
        // They wrote to the mailbox made for them: the invitation's is not needed any more.
        invite::end_used(ctx, invitation)?;
        contact.invitation = None;
    }
    rows::apply_receipts(ctx, contact.id, &content.receipts)?;
    match &content.body {
        ContentBody::Accept(accept) => {
            let slip = decode_slip(&accept.slip, &contact.identity)?;
            if slip.device != contact.device.value() {
                return Err(DropReason::Malformed.into());
            }
            let is_newer = contact.slip.as_ref().is_none_or(|known| known.number < slip.number);
            if is_newer {
                contact.slip = Some(slip);
                contact.mailbox_gone = false;
            }
            if contact.state == ContactState::Requested {
                became_accepted(ctx, contact, &accept.name)?;
            }
            rows::owe_receipt(ctx, device, contact, content.id)?;
            Ok(())
        }
        // A request belongs in an invitation's mailbox.
        ContentBody::Request(_) => Err(DropReason::Unexpected.into()),
        ContentBody::Nothing if content.number == 0 => Ok(()),
        ContentBody::Nothing | ContentBody::Text(_) => {
            rows::store_incoming(ctx, device, contact, content, certificate_expired)
        }
    }
}

/// The other side said yes. The caller writes the contact.
pub(crate) fn became_accepted(
    ctx: &mut Ctx<'_>,
    contact: &mut ContactRecord,
    name: &str,
) -> Result<(), EngineError> {
    contact.state = ContactState::Accepted;
    contact.name = name.to_owned();
    if let Some(id) = contact.invitation
        && let Some(record) = load::<InvitationRecord>(ctx, id.as_bytes())?
        && matches!(record.side, Side::Accepted { .. })
    {
        invite::remove(ctx, id);
        contact.invitation = None;
    }
    open_conversation(ctx, contact.id)?;
    ctx.event(Event::ContactAccepted { contact: contact.id });
    Ok(())
}
