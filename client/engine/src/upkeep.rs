//! What time brings: receipts, gaps, rotations, expiries. All of it is found again after a restart.

use khaima_wire::Timestamp;

use crate::ctx::{Ctx, LocalDevice};
use crate::error::EngineError;
use crate::held;
use crate::ids::ContactId;
use crate::invite;
use crate::mailboxes;
use crate::records::{MailboxRecord, Profile, ReceiptRecord, View, load_all};
use crate::rows;
use crate::send::send_receipts;
use crate::store::{Order, RecordKey, RecordKind};

/// Days an envelope is remembered as processed: longer than relays keep any (60).
const SEEN_DAYS: u32 = 61;

/// Old entries removed in one step.
const SEEN_BATCH: usize = 500;

/// Id of the record that holds the day of the last daily work.
const DAILY_ID: &[u8] = b"daily";

/// Does what is due.
pub(crate) fn on_tick(ctx: &mut Ctx<'_>) -> Result<(), EngineError> {
    let Some(profile) = Profile::load_dyn(ctx)? else { return Ok(()) };
    let device = LocalDevice::new(profile);
    for (key, owed) in load_all::<ReceiptRecord>(ctx, &[])? {
        if owed.due <= ctx.now
            && let Some(contact) = ContactId::from_slice(key.id())
        {
            send_receipts(ctx, &device, contact)?;
        }
    }
    rows::show_gaps(ctx)?;
    held::on_tick(ctx)?;
    invite::on_tick(ctx, &device.profile)?;
    for (_, mut mailbox) in load_all::<MailboxRecord>(ctx, &[])? {
        if mailboxes::rotates_by(&mailbox, ctx.now) {
            let signature = invite::link_signature(ctx, &device.profile, &mailbox)?;
            mailboxes::renew(ctx, &device.profile, &mut mailbox, signature.as_deref(), None)?;
            ctx.put(mailbox.id().as_bytes(), &mailbox);
        }
    }
    daily(ctx)
}

/// What is done once a day.
fn daily(ctx: &mut Ctx<'_>) -> Result<(), EngineError> {
    let key = RecordKey::of(RecordKind::Settings, &[DAILY_ID]);
    let today = ctx.today().number().to_be_bytes();
    if ctx.read(&key)?.is_some_and(|done| done.as_slice() == today) {
        return Ok(());
    }
    mailboxes::prune_prekeys(ctx)?;
    let oldest = ctx.today().minus(SEEN_DAYS).number();
    let seen = ctx.list(RecordKind::Seen, &[], Order::Ascending, None, SEEN_BATCH)?;
    let mut is_done = true;
    for (index, key) in seen.into_iter().enumerate() {
        let day = key.id().first_chunk().map(|day| u32::from_be_bytes(*day));
        if day.is_none_or(|day| day < oldest) {
            is_done = index.saturating_add(1) < SEEN_BATCH;
            ctx.delete(key);
        }
    }
    // More old entries than one step removes: the next tick goes on.
    if is_done {
        ctx.put_bytes(key, &today);
    }
    Ok(())
}

/// When the next tick has something to do, as far as is known now.
pub(crate) fn next_tick(view: &dyn View, now: Timestamp) -> Result<Timestamp, EngineError> {
    let receipts = load_all::<ReceiptRecord>(view, &[])?.into_iter().map(|(_, owed)| owed.due).min();
    let rotation = load_all::<MailboxRecord>(view, &[])?
        .into_iter()
        .filter(|(_, mailbox)| mailboxes::rotates_by(mailbox, mailbox.rotate_at))
        .map(|(_, mailbox)| mailbox.rotate_at)
        .min();
    let daily = now.day().plus(1).start();
    let found = [receipts, rotation, rows::next_gap(view)?, held::next(view)?];
    Ok(found.into_iter().flatten().chain([daily]).min().unwrap_or(daily))
}
