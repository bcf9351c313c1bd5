//! Our own mailboxes: making, filling with bundles, rotating, deleting.
//!
//! Prekeys are fresh for each mailbox, so that nothing ties two of them together. Publishing always replaces the whole
//! pool of one-time bundles: repeating it after a lost answer is harmless.

use khaima_signal::{
    KyberPreKey, KyberPreKeyId, OneTimePreKey, PreKeyId, SignedPreKey, SignedPreKeyId, SpentPreKeys,
};
use khaima_wire::{BundleKey, MailboxId, MailboxKey, Permit, RelayAddress, SealedBundle, Timestamp};

use crate::content::BundleParts;
use crate::ctx::{Ctx, signal_time};
use crate::dispatch::random_below;
use crate::error::EngineError;
use crate::event::{Event, Problem};
use crate::ids::{JobId, RelayId};
use crate::records::{
    JobBody, JobRecord, MailboxPurpose, MailboxRecord, MailboxState, PREKEY_KINDS, PreKeyKey, Profile,
    RelayRecord, StoredPreKey, View, all_keys, load, load_all, prekey_ids,
};
use crate::store::RecordKind;

/// Days old private halves are kept: longer than an envelope waits at a relay.
pub(crate) const KEEP_RETIRED_DAYS: u32 = 45;

const DAY_MILLIS: u64 = 86_400_000;

/// What belongs in a pool.
#[derive(Clone, Copy)]
pub(crate) struct Pool {
    one_time: u32,
    last_resort: bool,
}

impl Pool {
    /// Two, since a contact rarely needs a second new session, and a last resort so that it never fails.
    pub(crate) const CONTACT: Self = Self { one_time: 2, last_resort: true };
    /// One, for the one person invited.
    pub(crate) const INVITATION: Self = Self { one_time: 1, last_resort: false };

    pub(crate) fn of(purpose: MailboxPurpose) -> Self {
        match purpose {
            MailboxPurpose::Contact(_) => Self::CONTACT,
            MailboxPurpose::Invitation(_) => Self::INVITATION,
        }
    }

    pub(crate) fn one_time(self) -> u32 {
        self.one_time
    }
}

/// Remembers where a relay is. What is known stays.
pub(crate) fn ensure_relay(ctx: &mut Ctx<'_>, address: &RelayAddress) -> Result<RelayId, EngineError> {
    let id = RelayId::of(address);
    if load::<RelayRecord>(ctx, id.as_bytes())?.is_none() {
        ctx.put(id.as_bytes(), &RelayRecord::new(address.clone()));
    }
    Ok(id)
}

/// Where new mailboxes are made: the home relay, or the one through which we meet.
pub(crate) fn home_or(
    ctx: &Ctx<'_>,
    profile: &Profile,
    other: &RelayAddress,
) -> Result<RelayAddress, EngineError> {
    let Some(home) = profile.home else { return Ok(other.clone()) };
    Ok(ctx.require::<RelayRecord>(home.as_bytes())?.address)
}

/// What a new mailbox is for and where.
pub(crate) struct NewMailbox<'a> {
    pub(crate) key: MailboxKey,
    pub(crate) relay: &'a RelayAddress,
    pub(crate) purpose: MailboxPurpose,
    pub(crate) bundle_key: BundleKey,
    /// A permit for this mailbox; otherwise one of ours for that relay, if there is any.
    pub(crate) permit: Option<Permit>,
    pub(crate) link_signature: Option<Vec<u8>>,
}

/// Makes a mailbox with a full pool. Returns the job that publishes it: what needs the mailbox waits for that.
pub(crate) fn create(
    ctx: &mut Ctx<'_>,
    profile: &Profile,
    new: NewMailbox<'_>,
) -> Result<JobId, EngineError> {
    let relay = ensure_relay(ctx, new.relay)?;
    let id = new.key.id();
    let mut mailbox = MailboxRecord {
        key: new.key,
        relay,
        purpose: new.purpose,
        state: MailboxState::Making,
        bundle_key: new.bundle_key,
        next_prekey: 1,
        signed: 0,
        last_resort: None,
        publishing: 0,
        claimed: 0,
        claim_noticed: None,
        refreshed: 0,
        created: ctx.today(),
        rotate_at: ctx.now,
    };
    let permit = match new.permit {
        Some(permit) => Some(permit),
        None => take_permit(ctx, relay)?,
    };
    let create = add_create(ctx, relay, id, permit)?;
    let publish = renew(ctx, profile, &mut mailbox, new.link_signature.as_deref(), Some(create))?;
    ctx.put(id.as_bytes(), &mailbox);
    Ok(publish)
}

fn add_create(
    ctx: &mut Ctx<'_>,
    relay: RelayId,
    mailbox: MailboxId,
    permit: Option<Permit>,
) -> Result<JobId, EngineError> {
    ctx.add_job(&JobRecord { relay, after: None, body: JobBody::Create { mailbox, permit } }, &[])
}

/// Takes one of our permits for a relay.
pub(crate) fn take_permit(ctx: &mut Ctx<'_>, relay: RelayId) -> Result<Option<Permit>, EngineError> {
    let mut record: RelayRecord = ctx.require(relay.as_bytes())?;
    let permit = record.permits.pop();
    if permit.is_some() {
        ctx.put(relay.as_bytes(), &record);
    }
    Ok(permit)
}

/// Replaces all prekeys of a mailbox and publishes a full pool. The caller writes the record.
pub(crate) fn renew(
    ctx: &mut Ctx<'_>,
    profile: &Profile,
    mailbox: &mut MailboxRecord,
    link_signature: Option<&[u8]>,
    after: Option<JobId>,
) -> Result<JobId, EngineError> {
    let id = mailbox.id();
    retire(ctx, &id, &PREKEY_KINDS)?;
    let signed_id = SignedPreKeyId::new(mailbox.take_prekey_id());
    let now = signal_time(ctx.now);
    let signed = SignedPreKey::generate(signed_id, &profile.identity, now, &mut ctx.rng);
    put_prekey(ctx, &id, RecordKind::SignedPreKey, signed_id.value(), signed.encode(), false);
    mailbox.signed = signed_id.value();
    // 20 to 40 days: mailboxes that rotate on one day could be taken for one person's.
    let days = random_below(20 * DAY_MILLIS, ctx.rng).saturating_add(20 * DAY_MILLIS);
    mailbox.rotate_at = ctx.now.plus_millis(days);
    let pool = Pool::of(mailbox.purpose);
    publish(ctx, profile, mailbox, pool, &signed, link_signature, after)
}

/// Fills the one-time bundles up, with the signed prekey and the last resort as they are. The caller writes the record.
pub(crate) fn refill(
    ctx: &mut Ctx<'_>,
    profile: &Profile,
    mailbox: &mut MailboxRecord,
    link_signature: Option<&[u8]>,
) -> Result<JobId, EngineError> {
    let id = mailbox.id();
    let stored = StoredPreKey::load(ctx, &PreKeyKey(&id).of(RecordKind::SignedPreKey, mailbox.signed))?
        .ok_or(EngineError::Damaged(RecordKind::SignedPreKey))?;
    let signed =
        SignedPreKey::decode(&stored.encoded).map_err(|_| EngineError::Damaged(RecordKind::SignedPreKey))?;
    retire_one_time(ctx, &id)?;
    let pool = Pool { one_time: Pool::of(mailbox.purpose).one_time, last_resort: false };
    publish(ctx, profile, mailbox, pool, &signed, link_signature, None)
}

fn publish(
    ctx: &mut Ctx<'_>,
    profile: &Profile,
    mailbox: &mut MailboxRecord,
    pool: Pool,
    signed: &SignedPreKey,
    link_signature: Option<&[u8]>,
    after: Option<JobId>,
) -> Result<JobId, EngineError> {
    let id = mailbox.id();
    let mut blob = Vec::new();
    for _ in 0..pool.one_time {
        let one_time = OneTimePreKey::generate(PreKeyId::new(mailbox.take_prekey_id()), ctx.rng);
        put_prekey(ctx, &id, RecordKind::OneTimePreKey, one_time.id.value(), one_time.encode(), false);
        let kyber = fresh_kyber(ctx, profile, mailbox, false);
        blob.extend(
            bundle(ctx, profile, mailbox, Some(&one_time), signed, &kyber, link_signature)?.into_bytes(),
        );
    }
    if pool.last_resort {
        let kyber = fresh_kyber(ctx, profile, mailbox, true);
        mailbox.last_resort = Some(kyber.id.value());
        blob.extend(bundle(ctx, profile, mailbox, None, signed, &kyber, link_signature)?.into_bytes());
    }
    mailbox.publishing = mailbox.publishing.saturating_add(1);
    let body = JobBody::Publish {
        mailbox: id,
        one_time: pool.one_time,
        last_resort: pool.last_resort,
        replace: true,
    };
    ctx.add_job(&JobRecord { relay: mailbox.relay, after, body }, &blob)
}

fn fresh_kyber(
    ctx: &mut Ctx<'_>,
    profile: &Profile,
    mailbox: &mut MailboxRecord,
    last_resort: bool,
) -> KyberPreKey {
    let id = KyberPreKeyId::new(mailbox.take_prekey_id());
    let kyber = KyberPreKey::generate(id, &profile.identity, signal_time(ctx.now), &mut ctx.rng);
    put_prekey(ctx, &mailbox.id(), RecordKind::KyberPreKey, id.value(), kyber.encode(), last_resort);
    kyber
}

fn put_prekey(
    ctx: &mut Ctx<'_>,
    mailbox: &MailboxId,
    kind: RecordKind,
    id: u32,
    encoded: zeroize::Zeroizing<Vec<u8>>,
    last_resort: bool,
) {
    let key = PreKeyKey(mailbox).of(kind, id);
    StoredPreKey::new(encoded, last_resort).put(ctx.changes(), key);
}

fn bundle(
    ctx: &mut Ctx<'_>,
    profile: &Profile,
    mailbox: &MailboxRecord,
    one_time: Option<&OneTimePreKey>,
    signed: &SignedPreKey,
    kyber: &KyberPreKey,
    link_signature: Option<&[u8]>,
) -> Result<SealedBundle, EngineError> {
    let parts = BundleParts {
        statement: &profile.statement,
        registration_id: profile.registration_id,
        device: profile.device.value(),
        one_time,
        signed,
        kyber,
        link_signature,
    };
    SealedBundle::seal(&parts.encode(), &mailbox.bundle_key, &mailbox.id(), ctx.rng)
        .map_err(|_| EngineError::Internal("a bundle is too long"))
}

/// Marks what is in use now as replaced today.
fn retire(ctx: &mut Ctx<'_>, mailbox: &MailboxId, kinds: &[RecordKind]) -> Result<(), EngineError> {
    let today = ctx.today();
    for kind in kinds {
        for key in all_keys(ctx, *kind, mailbox.as_bytes())? {
            let Some(mut stored) = StoredPreKey::load(ctx, &key)? else { continue };
            if stored.retired.is_none() {
                stored.retired = Some(today);
                stored.put(ctx.changes(), key);
            }
        }
    }
    Ok(())
}

/// As [`retire`], for the keys of one-time bundles only.
fn retire_one_time(ctx: &mut Ctx<'_>, mailbox: &MailboxId) -> Result<(), EngineError> {
    let today = ctx.today();
    for kind in [RecordKind::OneTimePreKey, RecordKind::KyberPreKey] {
        for key in all_keys(ctx, kind, mailbox.as_bytes())? {
            let Some(mut stored) = StoredPreKey::load(ctx, &key)? else { continue };
            if stored.retired.is_none() && !stored.last_resort {
                stored.retired = Some(today);
                stored.put(ctx.changes(), key);
            }
        }
    }
    Ok(())
}

/// Deletes private halves replaced more than 45 days ago, with the base keys seen with them.
pub(crate) fn prune_prekeys(ctx: &mut Ctx<'_>) -> Result<(), EngineError> {
    let today = ctx.today();
    for kind in PREKEY_KINDS {
        for key in all_keys(ctx, kind, &[])? {
            let Some(stored) = StoredPreKey::load(ctx, &key)? else { continue };
            if stored.retired.is_some_and(|day| today.days_since(day) > KEEP_RETIRED_DAYS) {
                if kind == RecordKind::KyberPreKey {
                    for seen in all_keys(ctx, RecordKind::SeenBaseKey, key.id())? {
                        ctx.delete(seen);
                    }
                }
                ctx.delete(key);
            }
        }
    }
    Ok(())
}

/// After a session was started from our prekeys: what was used once is deleted, a last resort remembers the base key.
pub(crate) fn spend(ctx: &mut Ctx<'_>, mailbox: &MailboxId, spent: &SpentPreKeys) -> Result<(), EngineError> {
    let keys = PreKeyKey(mailbox);
    if let Some(id) = spent.one_time {
        ctx.delete(keys.of(RecordKind::OneTimePreKey, id.value()));
    }
    let kyber = keys.of(RecordKind::KyberPreKey, spent.kyber.value());
    let is_last_resort = StoredPreKey::load(ctx, &kyber)?.is_some_and(|stored| stored.last_resort);
    if is_last_resort {
        let seen = keys.base_key(spent.kyber, spent.signed, &spent.base_key);
        ctx.put_bytes(seen, &[1]);
    } else {
        ctx.delete(kyber);
    }
    Ok(())
}

/// The job that is publishing a mailbox, if any: what needs the mailbox waits for it.
pub(crate) fn pending_publish(view: &dyn View, mailbox: &MailboxId) -> Result<Option<JobId>, EngineError> {
    let jobs = load_all::<JobRecord>(view, &[])?;
    let found = jobs.iter().rev().find(
        |(_, job)| matches!(&job.body, JobBody::Publish { mailbox: published, .. } if published == mailbox),
    );
    Ok(found.and_then(|(key, _)| JobId::from_slice(key.id())))
}

/// Deletes a mailbox at the relay, and at once everything here that could still open something sent to it.
pub(crate) fn close(ctx: &mut Ctx<'_>, id: &MailboxId) -> Result<(), EngineError> {
    let Some(mut mailbox) = load::<MailboxRecord>(ctx, id.as_bytes())? else { return Ok(()) };
    if mailbox.state == MailboxState::Closing {
        return Ok(());
    }
    mailbox.state = MailboxState::Closing;
    ctx.put(id.as_bytes(), &mailbox);
    for key in prekey_ids(ctx, id)? {
        ctx.delete(key);
    }
    for (key, job) in load_all::<JobRecord>(ctx, &[])? {
        let is_of_mailbox = match &job.body {
            JobBody::Create { mailbox, .. } | JobBody::Publish { mailbox, .. } => mailbox == id,
            _ => false,
        };
        if is_of_mailbox && let Some(job) = JobId::from_slice(key.id()) {
            ctx.remove_job(job)?;
        }
    }
    let body = JobBody::Delete { mailbox: *id };
    ctx.add_job(&JobRecord { relay: mailbox.relay, after: None, body }, &[])?;
    Ok(())
}

/// The relay has deleted a mailbox; a permit may have come back.
pub(crate) fn on_deleted(
    ctx: &mut Ctx<'_>,
    id: &MailboxId,
    permit: Option<Permit>,
) -> Result<(), EngineError> {
    let Some(mailbox) = load::<MailboxRecord>(ctx, id.as_bytes())? else { return Ok(()) };
    if let Some(permit) = permit {
        add_permits(ctx, mailbox.relay, vec![permit])?;
    }
    ctx.delete(crate::store::RecordKey::of(RecordKind::Mailbox, &[id.as_bytes()]));
    Ok(())
}

/// New permits: mailboxes that wait for one get it, the rest is kept.
pub(crate) fn add_permits(
    ctx: &mut Ctx<'_>,
    relay: RelayId,
    mut permits: Vec<Permit>,
) -> Result<(), EngineError> {
    let Some(mut record) = load::<RelayRecord>(ctx, relay.as_bytes())? else { return Ok(()) };
    if record.permit_needed {
        for (key, mut job) in load_all::<JobRecord>(ctx, &[])? {
            let is_here = job.relay == relay;
            if let JobBody::Create { permit: slot @ None, .. } = &mut job.body
                && is_here
                && let Some(permit) = permits.pop()
            {
                *slot = Some(permit);
                ctx.put(key.id(), &job);
            }
        }
        record.permit_needed = false;
    }
    record.permits.extend(permits);
    ctx.put(relay.as_bytes(), &record);
    ctx.event(Event::ProfileChanged);
    Ok(())
}

/// The relay does not know one of our mailboxes any more. It is made again under the same key, at most once a day, so
/// that a relay that forgets everything does not keep us busy.
pub(crate) fn on_gone(
    ctx: &mut Ctx<'_>,
    profile: &Profile,
    id: &MailboxId,
    link_signature: Option<&[u8]>,
) -> Result<(), EngineError> {
    let Some(mut mailbox) = load::<MailboxRecord>(ctx, id.as_bytes())? else { return Ok(()) };
    if mailbox.state != MailboxState::Live || mailbox.created == ctx.today() {
        return Ok(());
    }
    mailbox.state = MailboxState::Making;
    mailbox.created = ctx.today();
    mailbox.claimed = 0;
    mailbox.publishing = 0;
    let permit = take_permit(ctx, mailbox.relay)?;
    let create = add_create(ctx, mailbox.relay, *id, permit)?;
    renew(ctx, profile, &mut mailbox, link_signature, Some(create))?;
    ctx.put(id.as_bytes(), &mailbox);
    ctx.problem(Problem::MailboxLost { relay: mailbox.relay });
    Ok(())
}

/// Whether the prekeys of a mailbox are due to be replaced.
pub(crate) fn rotates_by(mailbox: &MailboxRecord, now: Timestamp) -> bool {
    mailbox.state == MailboxState::Live && mailbox.publishing == 0 && mailbox.rotate_at <= now
}
