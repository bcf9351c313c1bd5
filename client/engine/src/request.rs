//! Contact requests: what may come in an invitation's mailbox.
//!
//! Only here is the trust root of a certificate its own identity key; in return the first message must prove the link's
//! secret, and identity key and UUID must agree with everything we know.

use khaima_signal::sealed_sender::{CertificateStatus, SealedContent};
use khaima_signal::{CiphertextMessage, DecryptError, IdentityKey, MessageType, ServiceId};
use khaima_wire::Delivery;

use crate::contacts::{Known, find_known};
use crate::content::{ContactRequest, Content, ContentBody, Statement, decode_slip, verify_request_proof};
use crate::ctx::{Ctx, LocalDevice};
use crate::drops::{DropReason, Fault};
use crate::error::EngineError;
use crate::event::{Event, Problem};
use crate::ids::ContactId;
use crate::invite::proof_key;
use crate::mailboxes;
use crate::receive::{became_accepted, check_certificate, decrypt};
use crate::records::{ContactRecord, ContactState, InvitationRecord, MadeState, Side, load, load_session};
use crate::send::send_accept;

/// An envelope came in an invitation's mailbox.
pub(crate) fn on_request(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    mut record: InvitationRecord,
    delivery: &Delivery,
    sealed: &SealedContent,
) -> Result<(), Fault> {
    let claims = sealed.certificate.claims();
    let identity = claims.identity_key;
    match check_certificate(sealed, &identity, delivery.stored) {
        CertificateStatus::Valid(_) => {}
        CertificateStatus::Expired | CertificateStatus::Invalid => {
            return Err(DropReason::CertificateInvalid.into());
        }
    }
    let uuid = claims.uuid.parse::<ServiceId>().ok().filter(|id| *id == ServiceId::aci(*id.uuid()));
    // One spelling only: the name is compared as text later.
    let uuid = uuid.filter(|id| id.to_string() == claims.uuid).map(|id| *id.uuid());
    let Some(uuid) = uuid else { return Err(DropReason::Malformed.into()) };
    if identity == device.profile.identity_key() || uuid == device.profile.uuid {
        return Err(DropReason::IdentityConflict.into());
    }
    let Side::Made { state, link, .. } = &record.side else { return Err(DropReason::Unexpected.into()) };
    match state {
        MadeState::Making | MadeState::Open => {}
        MadeState::Taken => return refuse_again(ctx, record, &identity),
        MadeState::Expired | MadeState::Used | MadeState::Withdrawn => {
            return Err(DropReason::ClosedMailbox.into());
        }
    }
    if delivery.stored > record.expires {
        return Err(DropReason::InvitationExpired.into());
    }
    if sealed.message_type != MessageType::PreKey {
        return Err(DropReason::Unexpected.into());
    }
    let proof_key = proof_key(link)?;
    let mut contact = match find_known(ctx, &identity, &uuid)? {
        Known::Nobody => stranger(ctx, identity, uuid, claims.device),
        Known::Somebody(contact) if contact.state == ContactState::Requested => *contact,
        Known::Somebody(contact) => {
            let shown = Event::Problem(Problem::AlreadyKnown { contact: contact.id });
            return Err(Fault::Drop(DropReason::AlreadyKnown, Some(shown)));
        }
        Known::Conflict(contact) => {
            let shown = Event::Problem(Problem::IdentityConflict { contact });
            return Err(Fault::Drop(DropReason::IdentityConflict, Some(shown)));
        }
    };
    if contact.device != claims.device {
        return Err(DropReason::WrongSender.into());
    }
    let Ok(message) = CiphertextMessage::decode(sealed.message_type, &sealed.content) else {
        return Err(DropReason::Malformed.into());
    };
    let stored = load_session(ctx, contact.id, contact.device)?;
    let decrypted = match decrypt(ctx, device, &stored.record, &contact, &delivery.mailbox, &message) {
        Ok(decrypted) => decrypted,
        Err(DecryptError::Store(error)) => return Err(EngineError::Store(Box::new(error)).into()),
        Err(DecryptError::DuplicatedMessage { .. }) => return Err(DropReason::Duplicate.into()),
        Err(_) => return Err(DropReason::Undecryptable.into()),
    };
    let content = Content::decode(&decrypted.plaintext)?;
    let ContentBody::Request(request) = &content.body else { return Err(DropReason::Unexpected.into()) };
    let statement = Statement::verify(&request.statement)?;
    let is_theirs = statement.identity == identity
        && statement.uuid == uuid
        && statement.devices.contains(&contact.device)
        && statement.number == content.statement_number
        && statement.hash() == content.statement_hash;
    if !is_theirs {
        return Err(DropReason::Malformed.into());
    }
    if !verify_request_proof(&request.proof, &proof_key, &identity, &statement.hash()) {
        return Err(DropReason::NoProof.into());
    }
    // From here on it is a valid request, and takes the invitation.
    stored.replace(ctx.changes(), &decrypted.record);
    if let Some(spent) = &decrypted.spent {
        mailboxes::spend(ctx, &delivery.mailbox, spent)?;
    }
    take_up(ctx, device, &mut contact, &statement, request)?;
    contact.invitation = Some(record.id);
    ctx.put(contact.id.as_bytes(), &contact);
    if let Side::Made { state, .. } = &mut record.side {
        *state = MadeState::Taken;
    }
    record.contact = Some(contact.id);
    ctx.put(record.id.as_bytes(), &record);
    ctx.event(Event::InvitationUsed { invitation: record.id });
    if contact.state == ContactState::Incoming {
        ctx.event(Event::ContactRequested { contact: contact.id, invitation: record.id });
    }
    Ok(())
}

fn stranger(
    ctx: &mut Ctx<'_>,
    identity: IdentityKey,
    uuid: [u8; 16],
    device: khaima_signal::DeviceId,
) -> ContactRecord {
    ContactRecord {
        id: ContactId::random(ctx.rng),
        uuid,
        identity,
        device,
        state: ContactState::Incoming,
        name: String::new(),
        custom_name: String::new(),
        greeting: String::new(),
        statement: Vec::new(),
        statement_number: 0,
        statement_hash: [0; 32],
        statement_mismatch: false,
        slip: None,
        own_mailbox: None,
        own_slip_number: 0,
        invitation: None,
        verified: false,
        mailbox_gone: false,
        waiting: Vec::new(),
        created: ctx.now,
        heard: None,
    }
}

/// Fills in what a valid request says. If we had asked the same person with their link meanwhile, both have said yes.
fn take_up(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    contact: &mut ContactRecord,
    statement: &Statement,
    request: &ContactRequest,
) -> Result<(), Fault> {
    let slip = decode_slip(&request.slip, &contact.identity)?;
    if slip.device != contact.device.value() {
        return Err(DropReason::Malformed.into());
    }
    contact.slip = Some(slip);
    contact.mailbox_gone = false;
    contact.statement = statement.bytes().to_vec();
    contact.statement_number = statement.number;
    contact.statement_hash = statement.hash();
    contact.greeting.clone_from(&request.greeting);
    contact.heard = Some(ctx.now);
    contact.name.clone_from(&request.name);
    if contact.state == ContactState::Requested {
        became_accepted(ctx, contact, &request.name)?;
        let after = match &contact.own_mailbox {
            Some(mailbox) => mailboxes::pending_publish(ctx, mailbox)?,
            None => None,
        };
        send_accept(ctx, device, contact, after)?;
    }
    Ok(())
}

/// Somebody came with an invitation that another has taken: counted, and shown. Who holds the link and is not the one it
/// was meant for is worth knowing.
fn refuse_again(
    ctx: &mut Ctx<'_>,
    mut record: InvitationRecord,
    identity: &IdentityKey,
) -> Result<(), Fault> {
    let taker = match record.contact {
        Some(contact) => load::<ContactRecord>(ctx, contact.as_bytes())?,
        None => None,
    };
    if taker.is_some_and(|taker| taker.identity == *identity) {
        return Err(DropReason::Duplicate.into());
    }
    let Side::Made { refused, .. } = &mut record.side else { return Err(DropReason::Unexpected.into()) };
    *refused = refused.saturating_add(1);
    let count = *refused;
    ctx.put(record.id.as_bytes(), &record);
    crate::drops::count(ctx, DropReason::InvitationTaken)?;
    ctx.event(Event::InvitationRefusedAgain { invitation: record.id, count });
    Ok(())
}
