//! Engine, vault and links together: one thread takes whatever comes, makes one step of it, commits, and only then acts.
//!
//! ```text
//! commands, queries ─►┐                         ┌─► events, model (screens)
//! link reports ──────►│ step ► commit ► effects │─► link orders
//! time ──────────────►┘                         └─► dispatcher
//! ```
//!
//! Not its concern: what a step decides (`khaima_engine`), how a commit becomes durable (`khaima_vault`), words.

use std::collections::BTreeMap;
use std::time::Duration;

use khaima_engine::{
    Changes, Command, Commit, Dispatcher, Engine, EngineError, Input, LinkState, RelayId, Step, WantedLink,
};
use khaima_vault::{CommitError, Vault};
use khaima_wire::{Day, Push, Role, Timestamp};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::clock;
use crate::error::CommandError;
use crate::link::{Connector, Link, LinkId, LinkOrder, LinkReport, LinkTiming, Trouble};
use crate::model::{LinkView, Publisher, StorageTrouble};

/// The engine is asked what time has brought at least this often, and whenever it said so: a clock that was set is noticed.
const TICK: Duration = Duration::from_secs(60);
/// An anonymous connection without work is closed after this.
const ANONYMOUS_IDLE: Duration = Duration::from_secs(120);
/// After the vault refused a commit, connections are dropped and made anew this much later: the relay then delivers again
/// what was not acknowledged.
const STORAGE_RETRY: Duration = Duration::from_secs(20);

/// What the client's handle asks of its driver.
pub enum Order {
    /// Make a step.
    Command(Command, oneshot::Sender<Result<(), CommandError>>),
    /// Read the vault; the closure sends its own answer.
    Query(Box<dyn FnOnce(&Vault) + Send>),
    /// End: finish what is being committed, drop the links, close the vault.
    Stop(oneshot::Sender<()>),
}

/// See the module page.
pub struct Driver {
    vault: Vault,
    engine: Engine,
    dispatcher: Dispatcher,
    links: BTreeMap<(RelayId, Role), Held>,
    connector: Connector,
    timing: LinkTiming,
    reports: (mpsc::Sender<LinkReport>, mpsc::Receiver<LinkReport>),
    publisher: Publisher,
    storage_retry: Option<Instant>,
    /// The model on the screens is older than the vault.
    dirty: bool,
    /// When the engine next has something to do, as of the last commit.
    next_tick: Timestamp,
    /// The last commit may or may not be in force: nothing is decided before the vault has found out.
    in_doubt: bool,
}

/// A link and how it stands.
struct Held {
    link: Link,
    view: LinkView,
    idle_since: Option<Instant>,
}

impl Driver {
    /// A driver over an open vault.
    ///
    /// # Errors
    /// The vault cannot be read.
    pub fn new(vault: Vault, timing: LinkTiming, publisher: Publisher) -> Result<Self, EngineError> {
        let dispatcher = Dispatcher::new(&vault)?;
        Ok(Self {
            vault,
            engine: Engine::new(),
            dispatcher,
            links: BTreeMap::new(),
            connector: Connector::default(),
            timing,
            reports: mpsc::channel(1024),
            publisher,
            storage_retry: None,
            dirty: true,
            next_tick: clock::now(),
            in_doubt: false,
        })
    }

    /// Runs until told to stop, or until every handle is gone.
    pub async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            self.pump();
            // A burst of messages makes one new model, not one each.
            if self.dirty && orders.is_empty() && self.reports.1.is_empty() {
                self.publish();
            }
            let wake = self.wake_at();
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(Order::Command(command, answer)) => {
                        // Whoever asked may have gone; the step is made all the same.
                        let _ = answer.send(self.step(Input::Command(command)).map_err(Into::into));
                    }
                    Some(Order::Query(query)) => query(&self.vault),
                    Some(Order::Stop(done)) => {
                        self.links.clear();
                        drop(self.vault);
                        let _ = done.send(());
                        return;
                    }
                    None => return,
                },
                Some(report) = self.reports.1.recv() => self.on_report(report),
                () = tokio::time::sleep_until(wake) => self.on_tick(),
            }
        }
    }

    /// One input: decide, commit, then act.
    fn step(&mut self, input: Input) -> Result<(), StepError> {
        if self.in_doubt {
            self.commit(Changes::default())?;
        }
        let step = self
            .engine
            .step(input, &self.vault, clock::now(), &mut clock::rng())
            .map_err(StepError::Engine)?;
        self.conclude(step)
    }

    /// Makes changes durable. What was kept is kept, even where erasing the old is still owed: the vault goes on with that.
    fn commit(&mut self, changes: Changes) -> Result<(), StepError> {
        let touched = changes.dispatch_keys();
        let was_in_doubt = self.in_doubt;
        let result = self.vault.commit(changes);
        self.note_storage(result.as_ref().err().map(StorageTrouble::from));
        let kept = result.as_ref().err().is_none_or(CommitError::is_kept);
        self.in_doubt = matches!(result, Err(CommitError::InDoubt(_)));
        if !kept {
            return Err(StepError::Commit);
        }
        self.dirty = true;
        self.next_tick = self.engine.next_tick(&self.vault, clock::now()).map_err(StepError::Engine)?;
        let taken_up = match was_in_doubt {
            // What the vault found out may have been more than these changes.
            true => self.dispatcher.on_changed(&self.vault),
            false => self.dispatcher.on_committed(&self.vault, &touched),
        };
        taken_up.map_err(StepError::Engine)
    }

    fn conclude(&mut self, step: Step) -> Result<(), StepError> {
        let Step { changes, effects, events } = step;
        if !changes.is_empty() {
            self.commit(changes)?;
        }
        for effect in effects {
            self.dispatcher.on_effect(effect);
        }
        if !events.is_empty() {
            self.publisher.events(&events);
        }
        Ok(())
    }

    fn publish(&mut self) {
        self.dirty = false;
        let links =
            self.links.iter().map(|((relay, role), held)| (*relay, *role, held.view.clone())).collect();
        self.publisher.publish(&self.vault, links);
    }

    /// A step that nobody waits for. What failed for want of storage stays at the relay or in the outbox and comes again.
    fn step_alone(&mut self, input: Input) {
        if let Err(error) = self.step(input) {
            tracing::warn!(kind = error.word(), "a step could not be made");
            if self.storage_retry.is_none() {
                self.storage_retry = Some(Instant::now() + STORAGE_RETRY);
            }
        }
    }

    fn note_storage(&mut self, trouble: Option<StorageTrouble>) {
        self.dirty |= self.publisher.storage(trouble);
    }

    fn on_tick(&mut self) {
        if self.storage_retry.is_some_and(|at| at <= Instant::now()) {
            self.storage_retry = None;
            for held in self.links.values() {
                held.link.order(LinkOrder::Reconnect);
            }
        }
        if self.next_tick <= clock::now() {
            // Said anew by the next commit; without one, a minute from now is soon enough.
            self.next_tick = clock::now().plus_millis(u64::try_from(TICK.as_millis()).unwrap_or(u64::MAX));
            self.step_alone(Input::Tick);
        }
    }

    fn on_report(&mut self, report: LinkReport) {
        match report {
            LinkReport::Up { link, today } => self.on_up(&link, today),
            LinkReport::Down { link, trouble, retry_after } => self.on_down(&link, trouble, retry_after),
            LinkReport::Reply { ticket, reply } => {
                if let Some(input) = self.dispatcher.on_reply(ticket, reply, clock::now(), &mut clock::rng())
                {
                    self.step_alone(input);
                }
            }
            LinkReport::Push { link, push: Push::Deliver(delivery) } => {
                self.step_alone(Input::Delivery(RelayId::of(&link.address), delivery));
            }
            LinkReport::Push { .. } => {}
        }
    }

    fn on_up(&mut self, link: &LinkId, today: Day) {
        let relay = RelayId::of(&link.address);
        let Some(held) = self.links.get_mut(&(relay, link.role)) else { return };
        held.view = LinkView::Connected { clock_differs: clock_differs(today) };
        self.dispatcher.on_link(relay, link.role, LinkState::Up);
        self.dirty = true;
    }

    fn on_down(&mut self, link: &LinkId, trouble: Trouble, retry_after: Duration) {
        let relay = RelayId::of(&link.address);
        let Some(held) = self.links.get_mut(&(relay, link.role)) else { return };
        held.view = held.view.failed(trouble, clock::now(), retry_after);
        self.dispatcher.on_link(relay, link.role, LinkState::Down);
        self.dirty = true;
    }

    /// Opens the connections there is work for, sends what is due.
    fn pump(&mut self) {
        match self.dispatcher.wanted_links(&self.vault) {
            Ok(wanted) => self.keep_links(&wanted),
            Err(error) => {
                tracing::warn!(kind = ?error.kind(), "the vault does not say which relays to reach")
            }
        }
        let due = match self.dispatcher.due(&self.vault, clock::now(), &mut clock::rng()) {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(kind = ?error.kind(), "the vault does not say what is due");
                return;
            }
        };
        for dispatch in due {
            if let Some(held) = self.links.get(&(dispatch.relay, dispatch.role)) {
                // A full queue loses the order; the dispatcher repeats it when the answer is overdue.
                held.link.order(LinkOrder::Request { ticket: dispatch.ticket, request: dispatch.request });
            }
        }
    }

    fn keep_links(&mut self, wanted: &[WantedLink]) {
        for want in wanted {
            let held = self.links.entry((want.relay, want.role)).or_insert_with(|| {
                let id = LinkId { address: want.address.clone(), role: want.role };
                Held {
                    link: Link::start(id, self.connector.clone(), self.timing, self.reports.0.clone()),
                    view: LinkView::first_try(clock::now()),
                    idle_since: None,
                }
            });
            held.idle_since = None;
        }
        let now = Instant::now();
        let mut ended = Vec::new();
        for (key, held) in &mut self.links {
            if wanted.iter().any(|want| (want.relay, want.role) == *key) {
                continue;
            }
            if now.duration_since(*held.idle_since.get_or_insert(now)) >= ANONYMOUS_IDLE {
                ended.push(*key);
            }
        }
        for (relay, role) in ended {
            self.links.remove(&(relay, role));
            self.dispatcher.on_link(relay, role, LinkState::Down);
        }
    }

    fn wake_at(&self) -> Instant {
        let at = self.dispatcher.next_wakeup().map_or(self.next_tick, |at| at.min(self.next_tick));
        let wait = Duration::from_millis(at.millis_since(clock::now())).min(TICK);
        // Something due that cannot go out must not spin.
        Instant::now() + wait.max(Duration::from_millis(20))
    }
}

/// Whether this device's calendar is more than a day away from the relay's: certificates and expiries would go wrong.
fn clock_differs(today: Day) -> bool {
    clock::now().day().number().abs_diff(today.number()) > 1
}

/// Why a step was not made.
#[derive(Debug)]
pub enum StepError {
    /// The engine refused, or could not read the vault.
    Engine(EngineError),
    /// The vault did not take the changes: nothing happened.
    Commit,
}

impl StepError {
    fn word(&self) -> &'static str {
        match self {
            Self::Engine(_) => "engine",
            Self::Commit => "commit",
        }
    }
}

impl From<StepError> for CommandError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Engine(EngineError::Command(refused)) => Self::Refused(refused),
            StepError::Engine(_) => Self::Unreadable,
            StepError::Commit => Self::NotStored,
        }
    }
}
