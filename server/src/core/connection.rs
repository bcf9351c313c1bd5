//! One connection without its socket: frames and store answers in, actions out.
//!
//! The QUIC transport and [`LocalRelay`](super::LocalRelay) drive the same states, so what is tested without a
//! network is what runs.
//!
//! ```text
//!             ┌──────────── ConnectionState ────────────┐
//!   frame ───►│ hello, role, proofs, limits (plan)      │──► Apply(ticket, op) ──► store
//!   stored ──►│ replies (conclude), subscriptions       │──► Send(frame)
//!   wake ────►│ pushes, at most 64 unacknowledged       │──► Watch, Unwatch, Wake, Close
//!             └─────────────────────────────────────────┘
//! ```
//!
//! Not its concern: bytes and deadlines (`transport`), who else watches a mailbox (the driver's list).

use std::collections::BTreeMap;

use khaima_wire::{
    ClientFrame, Day, FrameError, MailboxId, PROTOCOL_VERSION, Push, Refusal, RelayFrame, Reply, Request,
    RequestId, Role, Timestamp, is_supported,
};
use rand_core::CryptoRng;

use super::delivery::Deliveries;
use super::{AddressPrefix, Caller, MailboxOwner, Pending, Plan, Relay, StoreError, StoreOp, StoreReply};

/// Most requests of one connection in the store at a time. A driver stops reading at this number: the client's own
/// flow control holds the rest back.
pub const MOST_IN_FLIGHT: usize = 64;

/// Names a store operation of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// Why a relay closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// An owner proof did not hold. Guessing costs a connection each.
    BadProof,
    /// The client did not keep to the protocol.
    Protocol,
    /// The relay stops.
    Stopping,
    /// The client took too long.
    TooSlow,
}

impl CloseReason {
    /// The code that the peer sees.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Stopping => 0,
            Self::Protocol => 1,
            Self::BadProof => 2,
            Self::TooSlow => 3,
        }
    }
}

/// What a driver has to do for a connection, in this order.
#[derive(Debug)]
pub enum Action {
    /// Hand the operation to the store; bring the answer to [`ConnectionState::on_stored`].
    Apply(Ticket, StoreOp),
    /// Close the connection, after what was sent before.
    Close(CloseReason),
    /// Send a frame.
    Send(RelayFrame),
    /// Call [`ConnectionState::on_wake`] from now on when this mailbox has something new.
    Watch(MailboxId),
    /// No longer.
    Unwatch(MailboxId),
    /// Tell every connection that watches this mailbox, this one included.
    Wake(MailboxId),
}

/// Where a connection stands.
#[derive(Debug)]
enum State {
    /// Entered when connected; left by a hello with a version and role we know. Nothing else is allowed.
    Greeting { exporter: [u8; 32], prefix: AddressPrefix },
    /// Entered by the hello. Requests are allowed, by role.
    Open {
        caller: Caller,
        deliveries: Box<Deliveries>,
        /// The day on which the mailboxes were last noted as used.
        touched: Day,
    },
    /// Entered by a fault of the client. Nothing is answered any more.
    Closed,
}

/// What waits for the store.
#[derive(Debug)]
enum Waiting {
    Request(RequestId, Pending),
    Fetch,
    Touch,
}

/// The state of one connection.
#[derive(Debug)]
pub struct ConnectionState {
    state: State,
    waiting: BTreeMap<Ticket, Waiting>,
    last_ticket: u64,
}

impl ConnectionState {
    /// A connection just made, with its TLS exporter (32 bytes) and the prefix of the client's address.
    #[must_use]
    pub const fn new(exporter: [u8; 32], prefix: AddressPrefix) -> Self {
        Self { state: State::Greeting { exporter, prefix }, waiting: BTreeMap::new(), last_ticket: 0 }
    }

    /// Whether the hello has come.
    #[must_use]
    pub const fn is_greeted(&self) -> bool {
        !matches!(self.state, State::Greeting { .. })
    }

    /// Whether another frame may be read now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.waiting.len() < MOST_IN_FLIGHT
    }

    /// Whether nothing waits for the store: every request that was read has been answered.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A frame has come.
    pub fn on_frame<R: CryptoRng + ?Sized>(
        &mut self,
        relay: &mut Relay,
        frame: ClientFrame,
        now: Timestamp,
        rng: &mut R,
    ) -> Vec<Action> {
        match (&self.state, frame) {
            (State::Greeting { .. }, ClientFrame::Hello { version, role }) => {
                self.on_hello(version, role, now)
            }
            (State::Open { .. }, ClientFrame::Request { id, request }) => {
                self.on_request(relay, id, request, now, rng)
            }
            (State::Closed, _) => Vec::new(),
            // A request before the hello, or a second hello.
            (State::Greeting { .. } | State::Open { .. }, _) => self.refuse_connection(Refusal::Malformed),
        }
    }

    /// What came could not be read as a frame.
    pub fn on_unreadable(&mut self, error: FrameError) -> Vec<Action> {
        match (&self.state, error) {
            (State::Closed, _) => Vec::new(),
            (State::Open { .. }, FrameError::Malformed { id: Some(id) }) => {
                vec![reply(id, Reply::Refused(Refusal::Malformed))]
            }
            (_, FrameError::TooLarge) => self.refuse_connection(Refusal::TooLarge),
            (_, _) => self.refuse_connection(Refusal::Malformed),
        }
    }

    /// The store has answered an operation of this connection.
    ///
    /// A driver brings these answers even when the client has gone: somebody may have to be woken.
    pub fn on_stored(
        &mut self,
        relay: &Relay,
        ticket: Ticket,
        answer: Result<StoreReply, StoreError>,
        now: Timestamp,
    ) -> Vec<Action> {
        let Some(waiting) = self.waiting.remove(&ticket) else { return Vec::new() };
        // A reading that failed is tried again at the next tick, not at once and for ever.
        let try_later = matches!((&waiting, &answer), (Waiting::Fetch, Err(_)));
        let mut actions = match waiting {
            Waiting::Fetch => self.on_fetched(answer),
            Waiting::Request(id, pending) => self.on_concluded(relay, id, pending, answer),
            Waiting::Touch => Vec::new(),
        };
        if !try_later {
            self.fetch_next(relay, now, &mut actions);
        }
        actions
    }

    /// The client is gone or is to go. Nothing is read or sent from here on.
    pub fn on_disconnected(&mut self) {
        self.state = State::Closed;
    }

    /// A watched mailbox has something new.
    pub fn on_wake(&mut self, relay: &Relay, mailbox: MailboxId, now: Timestamp) -> Vec<Action> {
        let mut actions = Vec::new();
        if let State::Open { deliveries, .. } = &mut self.state {
            deliveries.wake(mailbox);
            self.fetch_next(relay, now, &mut actions);
        }
        actions
    }

    /// Time has passed; call every few seconds.
    ///
    /// Tries again what the store could not do, and notes on a new day that the owner of these mailboxes is here:
    /// a connection may outlive the days after which a mailbox dies.
    pub fn on_tick(&mut self, relay: &Relay, now: Timestamp) -> Vec<Action> {
        let mut actions = Vec::new();
        if let State::Open { caller, touched, .. } = &mut self.state
            && *touched < now.day()
        {
            *touched = now.day();
            let owners: Vec<MailboxOwner> = caller.owners().collect();
            if !owners.is_empty() {
                let op = StoreOp::Touch { owners, calendar: relay.calendar(now) };
                actions.push(self.apply(op, Waiting::Touch));
            }
        }
        self.fetch_next(relay, now, &mut actions);
        actions
    }

    fn on_hello(&mut self, version: u32, role: Role, now: Timestamp) -> Vec<Action> {
        if !is_supported(version) {
            return self.refuse_connection(Refusal::UnsupportedVersion);
        }
        let State::Greeting { exporter, prefix } = &self.state else { return Vec::new() };
        if let Role::Unknown(_) = role {
            return self.refuse_connection(Refusal::WrongRole);
        }
        let caller = Caller::new(role, *exporter, *prefix);
        self.state = State::Open { caller, deliveries: Box::default(), touched: now.day() };
        vec![Action::Send(RelayFrame::Hello { version: PROTOCOL_VERSION, today: now.day() })]
    }

    fn on_request<R: CryptoRng + ?Sized>(
        &mut self,
        relay: &mut Relay,
        id: RequestId,
        request: Request,
        now: Timestamp,
        rng: &mut R,
    ) -> Vec<Action> {
        let State::Open { caller, .. } = &mut self.state else { return Vec::new() };
        match relay.plan(caller, request, now, rng) {
            Plan::Answer(answer) => {
                let bad_proof = answer == Reply::Refused(Refusal::BadProof);
                let mut actions = vec![reply(id, answer)];
                if bad_proof {
                    actions.extend(self.close(CloseReason::BadProof));
                }
                actions
            }
            Plan::Apply(op, pending) => {
                if let Pending::Subscribe { owner } = &pending {
                    // From here on, so that what is sent right behind the subscription is judged as if it had waited.
                    caller.remember(*owner);
                }
                vec![self.apply(op, Waiting::Request(id, pending))]
            }
        }
    }

    fn on_concluded(
        &mut self,
        relay: &Relay,
        id: RequestId,
        pending: Pending,
        answer: Result<StoreReply, StoreError>,
    ) -> Vec<Action> {
        let State::Open { caller, deliveries, .. } = &mut self.state else {
            // Nobody is there to be answered, but what was stored is stored: its owner hears of it.
            return relay.conclude(pending, answer).wake.map(Action::Wake).into_iter().collect();
        };
        let mut before = Vec::new();
        let mut after = Vec::new();
        match (&pending, &answer) {
            (Pending::Subscribe { owner }, Ok(StoreReply::Subscribed { .. })) => {
                // Watched before it is first read: nothing can come in between unnoticed.
                before.push(Action::Watch(owner.mailbox()));
                deliveries.subscribe(owner.mailbox());
            }
            (Pending::Acknowledge { mailbox, ids }, Ok(StoreReply::Acknowledged)) => {
                deliveries.acknowledged(mailbox, ids);
            }
            (Pending::Delete { mailbox, .. }, Ok(_)) => {
                caller.forget(mailbox);
                deliveries.forget(mailbox);
                after.push(Action::Unwatch(*mailbox));
            }
            (Pending::Subscribe { owner }, Ok(StoreReply::Gone)) => caller.forget(&owner.mailbox()),
            _ => {}
        }
        let outcome = relay.conclude(pending, answer);
        before.push(reply(id, outcome.reply));
        before.extend(after);
        before.extend(outcome.wake.map(Action::Wake));
        before
    }

    fn on_fetched(&mut self, answer: Result<StoreReply, StoreError>) -> Vec<Action> {
        let State::Open { caller, deliveries, .. } = &mut self.state else { return Vec::new() };
        match answer {
            Ok(StoreReply::Fetched { deliveries: read, more }) => deliveries
                .fetched(read, more)
                .into_iter()
                .map(|delivery| Action::Send(RelayFrame::Push(Push::Deliver(delivery))))
                .collect(),
            Ok(StoreReply::Gone) => {
                let gone = deliveries.fetched_gone();
                gone.iter().for_each(|mailbox| caller.forget(mailbox));
                gone.into_iter().map(Action::Unwatch).collect()
            }
            Ok(_) | Err(_) => {
                deliveries.failed();
                Vec::new()
            }
        }
    }

    /// Adds the next reading of the store, if something may wait and there is room to push it.
    fn fetch_next(&mut self, relay: &Relay, now: Timestamp, actions: &mut Vec<Action>) {
        let State::Open { caller, deliveries, .. } = &mut self.state else { return };
        if let Some(op) = deliveries.next_fetch(|mailbox| caller.owner_of(mailbox), relay.calendar(now)) {
            let action = self.apply(op, Waiting::Fetch);
            actions.push(action);
        }
    }

    fn apply(&mut self, op: StoreOp, waiting: Waiting) -> Action {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.waiting.insert(ticket, waiting);
        Action::Apply(ticket, op)
    }

    fn refuse_connection(&mut self, refusal: Refusal) -> Vec<Action> {
        let mut actions = vec![reply(RequestId::CONNECTION, Reply::Refused(refusal))];
        actions.extend(self.close(CloseReason::Protocol));
        actions
    }

    fn close(&mut self, reason: CloseReason) -> Option<Action> {
        self.state = State::Closed;
        Some(Action::Close(reason))
    }
}

fn reply(id: RequestId, reply: Reply) -> Action {
    Action::Send(RelayFrame::Reply { id, reply })
}
