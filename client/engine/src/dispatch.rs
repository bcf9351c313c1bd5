//! Which request goes out now: a scheduler without sockets or clocks, used alike by the runtime and by simulations.
//!
//! ```text
//!   store: jobs, mailboxes ── on_changed ──►┐
//!   links up and down ──────── on_link ────►│ Dispatcher ── due ──► requests, each with a ticket
//!   relay's answers ────────── on_reply ───►│            ── Input ──► Engine
//!   acknowledgements ───────── on_effect ──►┘            ── next_wakeup
//! ```
//!
//! It is volatile: everything that must survive is a job in the store, and a new dispatcher starts from there. Answers
//! that mean "later" (busy, full, lost, unknown) stay here and are tried again with growing pauses; answers for good
//! become an [`Input`]. Jobs wait for the job they follow; envelopes to one mailbox leave one after the other, so that
//! they arrive in order.
//!
//! Not its concern: proofs (the link makes them with its own exporter, [`OutgoingRequest::into_request`]), what an answer
//! means ([`crate::Engine`]), connecting.

mod outgoing;
mod replies;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use khaima_wire::{EnvelopeId, MAX_ACKNOWLEDGED, MailboxId, RelayAddress, Role, Timestamp};
use rand_core::CryptoRng;

use crate::effect::Effect;
use crate::error::EngineError;
use crate::ids::{JobId, RelayId};
use crate::records::{JobBody, JobRecord, MailboxRecord, MailboxState, RelayRecord, View, all_keys, load};
use crate::store::{RecordKey, RecordKind, StoreView};

pub use outgoing::OutgoingRequest;
use schedule::Pause;
pub(crate) use schedule::random_below;

/// Whether a connection to a relay is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Connected and greeted.
    Up,
    /// Not connected; whatever was under way on it is lost.
    Down,
}

/// Names one request under way. Given back with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

impl Ticket {
    /// A number unique among the tickets of one dispatcher; fits a request id.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// A request to send now.
#[derive(Debug)]
pub struct Dispatch {
    /// To which relay.
    pub relay: RelayId,
    /// On which of its connections. Anonymous requests never go over an owner connection.
    pub role: Role,
    /// Give this back with the answer.
    pub ticket: Ticket,
    /// What to ask.
    pub request: OutgoingRequest,
}

/// A relay to be connected to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedLink {
    /// Which relay.
    pub relay: RelayId,
    /// Where it is.
    pub address: RelayAddress,
    /// Which kind of connection.
    pub role: Role,
}

/// The scheduler. See the module page.
pub struct Dispatcher {
    links: BTreeMap<(RelayId, Role), Link>,
    jobs: BTreeMap<JobId, Job>,
    mailboxes: BTreeMap<MailboxId, Mailbox>,
    acknowledgements: BTreeMap<MailboxId, Acknowledgements>,
    under_way: BTreeMap<Ticket, UnderWay>,
    next_ticket: u64,
}

#[derive(Default)]
struct Link {
    up: bool,
    /// The relay said that it is busy.
    not_before: Option<Timestamp>,
}

struct Job {
    relay: RelayId,
    role: Role,
    after: Option<JobId>,
    /// Target of a submission.
    target: Option<MailboxId>,
    pause: Pause,
    ticket: Option<Ticket>,
}

struct Mailbox {
    relay: RelayId,
    subscribed: bool,
    /// When subscribed: when to ask again, to learn of claims.
    again: Option<Timestamp>,
    pause: Pause,
    ticket: Option<Ticket>,
}

impl Mailbox {
    /// When to subscribe (again); `None` for at once.
    fn next(&self) -> Option<Timestamp> {
        self.pause.over().max(self.again)
    }
}

struct Acknowledgements {
    relay: RelayId,
    waiting: BTreeSet<EnvelopeId>,
    ticket: Option<Ticket>,
}

struct UnderWay {
    what: What,
    relay: RelayId,
    role: Role,
    until: Timestamp,
}

#[derive(Clone)]
enum What {
    Acknowledge(MailboxId, Vec<EnvelopeId>),
    Job(JobId),
    Subscribe(MailboxId),
}

/// An answer that takes longer counts as lost, in milliseconds. Half a minute is far beyond any working network, Tor
/// included, and short against the minutes a person waits.
pub const REQUEST_TIMEOUT_MILLIS: u64 = 30_000;

/// A subscription that stands is repeated after this time, in milliseconds: its answer is how we learn that bundles were
/// claimed. Half a day, against the day after which an unused claim gets a fresh bundle.
const RESUBSCRIBE_MILLIS: u64 = 43_200_000;

/// Requests under way at once on one connection. The relay bounds them too; more would only fill its queue.
const MAX_UNDER_WAY: usize = 32;

impl Dispatcher {
    /// A dispatcher for what is in the store. All links are down.
    ///
    /// # Errors
    /// When the store cannot be read or a record is damaged.
    pub fn new(view: &impl StoreView) -> Result<Self, EngineError> {
        let mut dispatcher = Self {
            links: BTreeMap::new(),
            jobs: BTreeMap::new(),
            mailboxes: BTreeMap::new(),
            acknowledgements: BTreeMap::new(),
            under_way: BTreeMap::new(),
            next_ticket: 1,
        };
        dispatcher.on_changed(view)?;
        Ok(dispatcher)
    }

    /// After each commit: takes up new jobs and mailboxes, forgets those that are gone.
    ///
    /// # Errors
    /// When the store cannot be read or a record is damaged.
    pub fn on_changed(&mut self, view: &impl StoreView) -> Result<(), EngineError> {
        self.sync_jobs(view)?;
        self.sync_mailboxes(view)
    }

    /// After a commit whose keys are known ([`crate::Changes::dispatch_keys`]): the same as [`Self::on_changed`], reading
    /// only what changed. A job that was changed need not sit out its pause.
    ///
    /// # Errors
    /// When the store cannot be read or a record is damaged.
    pub fn on_committed(&mut self, view: &impl StoreView, keys: &[RecordKey]) -> Result<(), EngineError> {
        for key in keys {
            match key.kind() {
                RecordKind::Job => self.sync_job(view, key)?,
                RecordKind::Mailbox => self.sync_mailbox(view, key)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn sync_job(&mut self, view: &dyn View, key: &RecordKey) -> Result<(), EngineError> {
        let id = JobId::from_slice(key.id()).ok_or(EngineError::Damaged(RecordKind::Job))?;
        let Some(job) = load::<JobRecord>(view, id.as_bytes())? else {
            self.jobs.remove(&id);
            return Ok(());
        };
        if let Some(known) = self.jobs.get_mut(&id) {
            known.pause.clear();
            return Ok(());
        }
        let role = if job.body.is_owner() { Role::Owner } else { Role::Anonymous };
        let target = match job.body {
            JobBody::Submit { mailbox, .. } => Some(mailbox),
            _ => None,
        };
        let (relay, after) = (job.relay, job.after);
        self.jobs.insert(id, Job { relay, role, after, target, pause: Pause::default(), ticket: None });
        Ok(())
    }

    fn sync_mailbox(&mut self, view: &dyn View, key: &RecordKey) -> Result<(), EngineError> {
        let id = MailboxId::from_slice(key.id()).map_err(|_| EngineError::Damaged(RecordKind::Mailbox))?;
        match load::<MailboxRecord>(view, key.id())? {
            Some(MailboxRecord { state: MailboxState::Live, relay, .. }) => {
                self.mailboxes.entry(id).or_insert_with(|| Mailbox {
                    relay,
                    subscribed: false,
                    again: None,
                    pause: Pause::default(),
                    ticket: None,
                });
            }
            _ => {
                self.mailboxes.remove(&id);
            }
        }
        Ok(())
    }

    fn sync_jobs(&mut self, view: &dyn View) -> Result<(), EngineError> {
        let mut present = BTreeSet::new();
        for key in all_keys(view, RecordKind::Job, &[])? {
            let id = JobId::from_slice(key.id()).ok_or(EngineError::Damaged(RecordKind::Job))?;
            present.insert(id);
            if !self.jobs.contains_key(&id) {
                self.sync_job(view, &key)?;
            }
        }
        self.jobs.retain(|id, _| present.contains(id));
        Ok(())
    }

    fn sync_mailboxes(&mut self, view: &dyn View) -> Result<(), EngineError> {
        let mut present = BTreeSet::new();
        for key in all_keys(view, RecordKind::Mailbox, &[])? {
            self.sync_mailbox(view, &key)?;
            present.extend(MailboxId::from_slice(key.id()));
        }
        self.mailboxes.retain(|id, _| present.contains(id));
        Ok(())
    }

    /// A link came up or went down.
    pub fn on_link(&mut self, relay: RelayId, role: Role, state: LinkState) {
        match state {
            LinkState::Up => {
                self.links.insert((relay, role), Link { up: true, not_before: None });
                // The network is back: no reason to sit out pauses that its absence caused.
                self.jobs.values_mut().filter(|job| job.relay == relay && job.role == role).for_each(|job| {
                    job.pause.clear();
                });
            }
            LinkState::Down => {
                self.links.remove(&(relay, role));
            }
        }
        // Either way nothing that was sent on an earlier connection will be answered on this one.
        let lost: Vec<Ticket> = self
            .under_way
            .iter()
            .filter(|(_, sent)| sent.relay == relay && sent.role == role)
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in lost {
            self.release(ticket);
        }
        if role == Role::Owner {
            for mailbox in self.mailboxes.values_mut().filter(|mailbox| mailbox.relay == relay) {
                mailbox.subscribed = false;
                mailbox.again = None;
                mailbox.pause.clear();
            }
            // What was not acknowledged on the lost connection is delivered and acknowledged again.
            self.acknowledgements.retain(|_, waiting| waiting.relay != relay);
        }
    }

    /// An effect of a committed step.
    pub fn on_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Acknowledge { relay, mailbox, id } => {
                let waiting = self.acknowledgements.entry(mailbox).or_insert_with(|| Acknowledgements {
                    relay,
                    waiting: BTreeSet::new(),
                    ticket: None,
                });
                waiting.waiting.insert(id);
            }
        }
    }

    /// Every request that can go out now. Each is under way until answered, lost with its link, or timed out.
    ///
    /// # Errors
    /// When the store cannot be read or a record is damaged.
    pub fn due<R: CryptoRng + ?Sized>(
        &mut self,
        view: &impl StoreView,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Vec<Dispatch>, EngineError> {
        self.expire(now, rng);
        let mut found = Vec::new();
        self.due_acknowledgements(now, &mut found);
        self.due_subscriptions(view, now, &mut found)?;
        self.due_jobs(view, now, &mut found)?;
        Ok(found)
    }

    fn due_acknowledgements(&mut self, now: Timestamp, found: &mut Vec<Dispatch>) {
        let ready: Vec<MailboxId> = self
            .acknowledgements
            .iter()
            .filter(|(id, waiting)| {
                waiting.ticket.is_none()
                    && !waiting.waiting.is_empty()
                    && self.is_open(waiting.relay, Role::Owner, now)
                    // The relay takes acknowledgements only on a connection that proved the mailbox.
                    && self.mailboxes.get(id).is_some_and(|mailbox| mailbox.subscribed)
            })
            .map(|(id, _)| *id)
            .collect();
        for mailbox in ready {
            let ticket = self.take_ticket();
            let Some(waiting) = self.acknowledgements.get_mut(&mailbox) else { continue };
            let mut ids = Vec::new();
            while ids.len() < MAX_ACKNOWLEDGED
                && let Some(id) = waiting.waiting.pop_first()
            {
                ids.push(id);
            }
            waiting.ticket = Some(ticket);
            let relay = waiting.relay;
            let what = What::Acknowledge(mailbox, ids.clone());
            let request = OutgoingRequest::Acknowledge { mailbox, ids };
            found.push(self.send(ticket, relay, what, request, now));
        }
        self.forget_empty_acknowledgements();
    }

    /// Drops what belongs to mailboxes that are gone, so that nothing gathers for ever.
    fn forget_empty_acknowledgements(&mut self) {
        let mailboxes = &self.mailboxes;
        self.acknowledgements.retain(|id, waiting| {
            waiting.ticket.is_some() || (!waiting.waiting.is_empty() && mailboxes.contains_key(id))
        });
    }

    fn due_subscriptions(
        &mut self,
        view: &dyn View,
        now: Timestamp,
        found: &mut Vec<Dispatch>,
    ) -> Result<(), EngineError> {
        let ready: Vec<(MailboxId, RelayId)> = self
            .mailboxes
            .iter()
            .filter(|(_, mailbox)| {
                mailbox.ticket.is_none()
                    && mailbox.next().is_none_or(|moment| moment <= now)
                    && self.is_open(mailbox.relay, Role::Owner, now)
            })
            .map(|(id, mailbox)| (*id, mailbox.relay))
            .collect();
        for (id, relay) in ready {
            if !self.has_room(relay, Role::Owner) {
                continue;
            }
            let Some(record) = load::<MailboxRecord>(view, id.as_bytes())? else { continue };
            let ticket = self.take_ticket();
            if let Some(mailbox) = self.mailboxes.get_mut(&id) {
                mailbox.ticket = Some(ticket);
            }
            let request = OutgoingRequest::Subscribe { key: record.key };
            found.push(self.send(ticket, relay, What::Subscribe(id), request, now));
        }
        Ok(())
    }

    fn due_jobs(
        &mut self,
        view: &dyn View,
        now: Timestamp,
        found: &mut Vec<Dispatch>,
    ) -> Result<(), EngineError> {
        let mut busy_targets: BTreeSet<MailboxId> =
            self.jobs.values().filter(|job| job.ticket.is_some()).filter_map(|job| job.target).collect();
        let ids: Vec<JobId> = self.jobs.keys().copied().collect();
        for id in ids {
            let Some(job) = self.jobs.get(&id) else { continue };
            // Jobs come in their order, so the first of a target takes it even while it pauses.
            let is_first = job.target.is_none_or(|target| busy_targets.insert(target));
            let is_free = job.after.is_none_or(|after| !self.jobs.contains_key(&after));
            let (relay, role) = (job.relay, job.role);
            if !is_first
                || !is_free
                || job.ticket.is_some()
                || !job.pause.is_over(now)
                || !self.is_open(relay, role, now)
                || !self.has_room(relay, role)
            {
                continue;
            }
            let Some(request) = outgoing::of_job(view, id)? else { continue };
            let ticket = self.take_ticket();
            if let Some(job) = self.jobs.get_mut(&id) {
                job.ticket = Some(ticket);
            }
            found.push(self.send(ticket, relay, What::Job(id), request, now));
        }
        Ok(())
    }

    fn is_open(&self, relay: RelayId, role: Role, now: Timestamp) -> bool {
        self.links
            .get(&(relay, role))
            .is_some_and(|link| link.up && link.not_before.is_none_or(|moment| moment <= now))
    }

    fn has_room(&self, relay: RelayId, role: Role) -> bool {
        self.under_way.values().filter(|sent| sent.relay == relay && sent.role == role).count()
            < MAX_UNDER_WAY
    }

    fn take_ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket = self.next_ticket.saturating_add(1);
        ticket
    }

    fn send(
        &mut self,
        ticket: Ticket,
        relay: RelayId,
        what: What,
        request: OutgoingRequest,
        now: Timestamp,
    ) -> Dispatch {
        let role = request.role();
        let until = now.plus_millis(REQUEST_TIMEOUT_MILLIS);
        self.under_way.insert(ticket, UnderWay { what, relay, role, until });
        Dispatch { relay, role, ticket, request }
    }

    /// Takes a request out of those under way.
    fn release(&mut self, ticket: Ticket) -> Option<UnderWay> {
        let sent = self.under_way.remove(&ticket)?;
        match &sent.what {
            What::Acknowledge(id, _) => {
                if let Some(waiting) = self.acknowledgements.get_mut(id) {
                    waiting.ticket = None;
                }
            }
            What::Job(id) => {
                if let Some(job) = self.jobs.get_mut(id) {
                    job.ticket = None;
                }
            }
            What::Subscribe(id) => {
                if let Some(mailbox) = self.mailboxes.get_mut(id) {
                    mailbox.ticket = None;
                }
            }
        }
        Some(sent)
    }

    /// Gives up waiting for answers that are overdue. Called by [`Self::due`] too.
    pub fn on_timeout<R: CryptoRng + ?Sized>(&mut self, now: Timestamp, rng: &mut R) {
        self.expire(now, rng);
    }

    fn expire<R: CryptoRng + ?Sized>(&mut self, now: Timestamp, rng: &mut R) {
        let overdue: Vec<Ticket> =
            self.under_way.iter().filter(|(_, sent)| sent.until <= now).map(|(ticket, _)| *ticket).collect();
        for ticket in overdue {
            if let Some(sent) = self.release(ticket) {
                self.pause(&sent.what, 0, now, rng);
            }
        }
    }

    fn pause<R: CryptoRng + ?Sized>(
        &mut self,
        what: &What,
        at_least_millis: u64,
        now: Timestamp,
        rng: &mut R,
    ) {
        let pause = match what {
            What::Job(id) => self.jobs.get_mut(id).map(|job| &mut job.pause),
            What::Subscribe(id) => self.mailboxes.get_mut(id).map(|mailbox| &mut mailbox.pause),
            // Said again: the relay pushes no more while too much is not acknowledged.
            What::Acknowledge(id, ids) => {
                if let Some(known) = self.acknowledgements.get_mut(id) {
                    known.waiting.extend(ids);
                }
                None
            }
        };
        if let Some(pause) = pause {
            pause.grow(at_least_millis, now, rng);
        }
    }

    /// When [`Self::due`] could next find something without anything else happening; `None` if never.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let overdue = self.under_way.values().map(|sent| sent.until);
        let jobs = self.jobs.values().filter(|job| job.ticket.is_none()).filter_map(|job| {
            let link = self.links.get(&(job.relay, job.role))?;
            // One that never paused and has a link is due already, or waits for an answer to another.
            job.pause.over().max(link.not_before)
        });
        let mailboxes = self.mailboxes.values().filter(|it| it.ticket.is_none()).filter_map(|it| {
            let link = self.links.get(&(it.relay, Role::Owner))?;
            it.next().max(link.not_before)
        });
        overdue.chain(jobs).chain(mailboxes).min()
    }

    /// Whether nothing is left to do on the links that are up: no job that could go, nothing under way.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_empty()
            && !self.jobs.values().any(|job| self.links.contains_key(&(job.relay, job.role)))
            && self.acknowledgements.values().all(|waiting| waiting.waiting.is_empty())
    }

    /// The connections there is work for: an owner connection to each relay that has a mailbox of ours, an anonymous one
    /// where something is to be claimed or submitted.
    ///
    /// # Errors
    /// When the store cannot be read or a record is damaged.
    pub fn wanted_links(&self, view: &impl StoreView) -> Result<Vec<WantedLink>, EngineError> {
        let jobs = self.jobs.values().map(|job| (job.relay, job.role));
        let mailboxes = self.mailboxes.values().map(|mailbox| (mailbox.relay, Role::Owner));
        let wanted: BTreeSet<(RelayId, Role)> = jobs.chain(mailboxes).collect();
        let mut links = Vec::new();
        for (relay, role) in wanted {
            if let Some(record) = load::<RelayRecord>(view, relay.as_bytes())? {
                links.push(WantedLink { relay, address: record.address, role });
            }
        }
        Ok(links)
    }
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dispatcher({} jobs, {} under way)", self.jobs.len(), self.under_way.len())
    }
}
