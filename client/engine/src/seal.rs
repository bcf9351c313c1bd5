//! From content to sealed envelope: one step of the ratchet, the sender hidden, padded to one of five sizes.
//!
//! The session goes into the step's changes; the envelope goes into a job of the same step. So a message key is used once,
//! whatever crashes.

use khaima_signal::sealed_sender::{ContentHint, SealedContent, v2};
use khaima_signal::{EncryptError, PreKeyBundle};
use khaima_wire::{MailboxId, SealedEnvelope};

use crate::content::Content;
use crate::ctx::{Ctx, LocalDevice, signal_time};
use crate::error::EngineError;
use crate::identity::{TrustOnly, certificate};
use crate::ids::{JobId, RelayId};
use crate::mailboxes::ensure_relay;
use crate::records::{ContactRecord, JobBody, JobRecord, load_session};

/// Envelopes are sealed sender v2 in its received form, without its version byte, which says nothing here.
const VERSION_BYTES: usize = 1;

/// Why a content was not sealed. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSealed {
    /// There is no session to send with; claim a bundle.
    NoSession,
    /// It does not fit the largest envelope.
    TooLong,
}

/// Encrypts and seals a content for a contact.
pub(crate) fn seal(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    contact: &ContactRecord,
    content: &Content,
) -> Result<Result<SealedEnvelope, NotSealed>, EngineError> {
    let stored = load_session(ctx, contact.id, contact.device)?;
    let now = signal_time(ctx.now);
    let trust = TrustOnly(&contact.identity);
    let remote = contact.address();
    let encrypted = stored.record.encrypt(&device.local(), &remote, &content.encode(), &trust, now, ctx.rng);
    let encrypted = match encrypted {
        Ok(encrypted) => encrypted,
        Err(EncryptError::Store(error)) => return Err(EngineError::Store(Box::new(error))),
        // With another identity, or used up: a new session is the remedy for each.
        Err(_) => return Ok(Err(NotSealed::NoSession)),
    };
    let sealed = SealedContent {
        message_type: encrypted.message.message_type(),
        certificate: certificate(ctx, &device.profile)?,
        content: encrypted.message.serialize().to_vec(),
        hint: ContentHint::Default,
        group_id: None,
    };
    let needed =
        sealed.encoded_len().saturating_add(SealedContent::PADDING_OVERHEAD).saturating_add(v2::OVERHEAD);
    let Some(size) = SealedEnvelope::size_for(needed) else { return Ok(Err(NotSealed::TooLong)) };
    let padded = sealed
        .encode_padded(size.saturating_sub(v2::OVERHEAD))
        .ok_or(EngineError::Internal("a content does not fit the size chosen for it"))?;
    let sealed = v2::seal_for_one(&padded, &device.profile.identity, &contact.identity, ctx.rng)
        .map_err(|_| EngineError::Internal("a content cannot be sealed"))?;
    let (_, envelope) =
        sealed.split_at_checked(VERSION_BYTES).ok_or(EngineError::Internal("a sealed message is empty"))?;
    let envelope = SealedEnvelope::new(envelope.to_vec())
        .map_err(|_| EngineError::Internal("a sealed message has another size than chosen"))?;
    stored.replace(ctx.changes(), &encrypted.record);
    Ok(Ok(envelope))
}

/// Why a session could not be started from a bundle: it contributes nothing to the agreement, or is somebody else's.
pub(crate) struct NotStarted;

/// Starts a session with a contact from a verified bundle.
pub(crate) fn start_session(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    contact: &ContactRecord,
    bundle: &PreKeyBundle,
) -> Result<Result<(), NotStarted>, EngineError> {
    let stored = load_session(ctx, contact.id, contact.device)?;
    let trust = TrustOnly(&contact.identity);
    let now = signal_time(ctx.now);
    match stored.record.start(&device.local(), &contact.address(), bundle, &trust, now, ctx.rng) {
        Ok(record) => {
            stored.replace(ctx.changes(), &record);
            Ok(Ok(()))
        }
        Err(khaima_signal::StartError::Store(error)) => Err(EngineError::Store(Box::new(error))),
        Err(_) => Ok(Err(NotStarted)),
    }
}

/// Puts an envelope into the outbox.
pub(crate) fn submit(
    ctx: &mut Ctx<'_>,
    contact: &ContactRecord,
    envelope: &SealedEnvelope,
    row: Option<u64>,
    after: Option<JobId>,
) -> Result<JobId, EngineError> {
    let (relay, mailbox) = destination(ctx, contact)?;
    let body = JobBody::Submit { mailbox, contact: contact.id, row };
    ctx.add_job(&JobRecord { relay, after, body }, envelope.as_bytes())
}

/// Where a contact is written to.
pub(crate) fn destination(
    ctx: &mut Ctx<'_>,
    contact: &ContactRecord,
) -> Result<(RelayId, MailboxId), EngineError> {
    let place = contact.slip.as_ref().and_then(|slip| slip.place());
    let place = place.ok_or(EngineError::Internal("a contact without a mailbox is written to"))?;
    let relay = ensure_relay(ctx, &place.relay)?;
    Ok((relay, place.mailbox))
}
