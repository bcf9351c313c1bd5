//! The engine: one input in, one step out.

use khaima_wire::Timestamp;
use rand_core::CryptoRng;

use crate::accept;
use crate::contacts;
use crate::ctx::Ctx;
use crate::effect::Step;
use crate::error::{CommandError, EngineError};
use crate::event::Event;
use crate::identity;
use crate::ids::RelayId;
use crate::input::{Command, Input};
use crate::invite;
use crate::mailboxes;
use crate::receive;
use crate::records::{JobBody, JobRecord, PROFILE_ID, Profile, View};
use crate::reply;
use crate::send;
use crate::store::StoreView;
use crate::upkeep;

/// Decides what follows from an input. It holds no state: everything is in the store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Engine;

impl Engine {
    /// The engine.
    pub fn new() -> Self {
        Self
    }

    /// What follows from `input`, given what `view` holds, the time and randomness.
    ///
    /// Nothing happens before the step's changes are committed; a step that is dropped never was. Steps are made one
    /// after the other: the next one reads what this one committed.
    ///
    /// # Errors
    /// [`EngineError::Command`] when a command cannot be done; the others when the store is damaged or unreadable. What
    /// peers and relays do wrong is no error: it is counted ([`crate::query::dropped`]) and acknowledged.
    pub fn step<R: CryptoRng + ?Sized>(
        &self,
        input: Input,
        view: &impl StoreView,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Step, EngineError> {
        let mut rng = rng;
        let mut ctx = Ctx::new(view, now, &mut rng);
        match input {
            Input::Command(command) => on_command(&mut ctx, command)?,
            Input::Delivery(relay, delivery) => receive::on_delivery(&mut ctx, relay, &delivery)?,
            Input::MailboxGone { relay, mailbox } => reply::on_mailbox_gone(&mut ctx, relay, &mailbox)?,
            Input::MailboxState { relay, mailbox, one_time_left, claimed, waiting } => {
                reply::on_mailbox_state(&mut ctx, relay, &mailbox, one_time_left, claimed, waiting)?;
            }
            Input::Reply { job, reply } => reply::on_reply(&mut ctx, job, reply)?,
            Input::Tick => upkeep::on_tick(&mut ctx)?,
        }
        Ok(ctx.step)
    }

    /// When [`Input::Tick`] next has something to do, as far as is known now; at the latest at the next midnight (UTC).
    ///
    /// # Errors
    /// When the store cannot be read or a record is damaged.
    pub fn next_tick(&self, view: &impl StoreView, now: Timestamp) -> Result<Timestamp, EngineError> {
        upkeep::next_tick(view as &dyn View, now)
    }
}

fn on_command(ctx: &mut Ctx<'_>, command: Command) -> Result<(), EngineError> {
    match command {
        Command::CreateProfile { name } => identity::create_profile(ctx, &name),
        Command::SetName { name } => identity::set_name(ctx, &name),
        Command::UseRelay { relay, code, home } => {
            let mut profile = ctx.profile()?;
            let id: RelayId = mailboxes::ensure_relay(ctx, &relay)?;
            if home && profile.home != Some(id) {
                profile.home = Some(id);
                ctx.put(PROFILE_ID, &profile);
            }
            if let Some(code) = code {
                ctx.add_job(&JobRecord { relay: id, after: None, body: JobBody::Redeem { code } }, &[])?;
            }
            ctx.event(Event::ProfileChanged);
            Ok(())
        }
        Command::CreateInvitation { relay, expires_in_days, note } => {
            invite::create(ctx, &relay, expires_in_days, note)
        }
        Command::WithdrawInvitation { invitation } => invite::withdraw(ctx, invitation),
        Command::AcceptInvitation { link, greeting } => accept::accept(ctx, &link, greeting),
        Command::RetryInvitation { invitation } => accept::retry(ctx, invitation),
        Command::ForgetInvitation { invitation } => invite::forget(ctx, invitation),
        Command::AcceptRequest { contact } => contacts::accept_request(ctx, contact),
        Command::RefuseRequest { contact } => contacts::refuse_request(ctx, contact),
        Command::SendText { conversation, body } => send::send_text(ctx, conversation, body),
        Command::Retry { conversation, order } => send::retry(ctx, conversation, order),
        Command::MarkRead { conversation, up_to } => contacts::mark_read(ctx, conversation, up_to),
        Command::MarkVerified { contact, verified } => contacts::mark_verified(ctx, contact, verified),
        Command::Rename { contact, name } => contacts::rename(ctx, contact, &name),
        Command::ForgetContact { contact } => contacts::forget(ctx, contact),
    }
}

impl Profile {
    /// Whether a store has an identity.
    ///
    /// # Errors
    /// When the store cannot be read or the record is damaged.
    pub fn exists(view: &impl StoreView) -> Result<bool, EngineError> {
        Ok(Self::load(view)?.is_some())
    }

    /// The identity of a store that must have one.
    ///
    /// # Errors
    /// [`CommandError::NoProfile`]; or when the store cannot be read.
    pub fn require(view: &impl StoreView) -> Result<Self, EngineError> {
        Self::load(view)?.ok_or(EngineError::Command(CommandError::NoProfile))
    }
}
