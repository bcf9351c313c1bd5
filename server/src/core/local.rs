//! A relay without sockets, for simulations and tests of other crates.
//!
//! The same core and the same connection states as behind QUIC, over a store whose answers are ready at once.
//! Connections have numbers; the caller plays the network: what [`LocalRelay::handle`] returns is delivered, delayed
//! or lost as it likes.
//!
//! Not its concern: time passing by itself, several threads.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use khaima_wire::{ClientFrame, MailboxId, RelayFrame, RelayPin, Timestamp};
use rand_core::CryptoRng;

use super::{Action, AddressPrefix, ConnectionState, Policy, Relay, StoreError, StoreOp, StoreReply, Upkept};
use crate::store::MailboxStore;

/// A connection's number, chosen by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// A frame for a connection, or the news that the relay has closed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// A frame.
    Frame(RelayFrame),
    /// The connection is closed; frames sent before it still arrive.
    Closed,
}

/// A relay in one thread, with randomness and time from outside.
#[derive(Debug)]
pub struct LocalRelay<S, R> {
    relay: Relay,
    store: S,
    rng: R,
    connections: BTreeMap<ConnId, ConnectionState>,
    watchers: BTreeMap<MailboxId, BTreeSet<ConnId>>,
}

impl<S: MailboxStore, R: CryptoRng> LocalRelay<S, R> {
    /// A relay whose key has this pin, over `store`. A store whose futures are not ready at once counts as
    /// unavailable: give it [`MemoryStore`](crate::store::MemoryStore).
    #[must_use]
    pub fn new(pin: RelayPin, policy: Policy, store: S, rng: R) -> Self {
        let relay = Relay::new(pin, policy);
        Self { relay, store, rng, connections: BTreeMap::new(), watchers: BTreeMap::new() }
    }

    /// The store, to look into.
    #[must_use]
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// A client has connected; `exporter` (32 bytes) is what both ends of a TLS connection would share. A number
    /// used before is a new connection.
    pub fn connect(&mut self, conn: ConnId, exporter: [u8; 32]) {
        self.disconnect(conn);
        self.connections.insert(conn, ConnectionState::new(exporter, AddressPrefix::NONE));
    }

    /// A client is gone. What it had been pushed and not acknowledged waits on.
    pub fn disconnect(&mut self, conn: ConnId) {
        self.connections.remove(&conn);
        self.watchers.retain(|_, watching| {
            watching.remove(&conn);
            !watching.is_empty()
        });
    }

    /// Drops every connection, as a relay that is killed and started again does. What the store holds stays.
    pub fn restart(&mut self) {
        self.connections.clear();
        self.watchers.clear();
        self.relay = Relay::new(*self.relay.pin(), *self.relay.policy());
    }

    /// Takes a frame. Returns what to send to whom, in order. Frames on a closed connection are ignored.
    pub fn handle(&mut self, conn: ConnId, frame: ClientFrame, now: Timestamp) -> Vec<(ConnId, Sent)> {
        let Some(state) = self.connections.get_mut(&conn) else { return Vec::new() };
        let actions = state.on_frame(&mut self.relay, frame, now, &mut self.rng);
        self.run(actions.into_iter().map(|action| (conn, action)).collect(), now)
    }

    /// Time has passed: upkeep of the store, repeated pushes.
    pub fn tick(&mut self, now: Timestamp) -> Vec<(ConnId, Sent)> {
        let calendar = self.relay.calendar(now);
        while let Ok(StoreReply::Upkept(Upkept { more: true, .. })) =
            apply(&self.store, StoreOp::Upkeep { now, calendar })
        {}
        let mut actions = VecDeque::new();
        for (conn, state) in &mut self.connections {
            actions.extend(state.on_tick(&self.relay, now).into_iter().map(|action| (*conn, action)));
        }
        self.run(actions, now)
    }

    fn run(&mut self, mut actions: VecDeque<(ConnId, Action)>, now: Timestamp) -> Vec<(ConnId, Sent)> {
        let mut sent = Vec::new();
        while let Some((conn, action)) = actions.pop_front() {
            match action {
                Action::Apply(ticket, op) => {
                    let answer = apply(&self.store, op);
                    if let Some(state) = self.connections.get_mut(&conn) {
                        let next = state.on_stored(&self.relay, ticket, answer, now);
                        actions.extend(next.into_iter().map(|action| (conn, action)));
                    }
                }
                Action::Close(_) => {
                    sent.push((conn, Sent::Closed));
                    self.disconnect(conn);
                }
                Action::Send(frame) => sent.push((conn, Sent::Frame(frame))),
                Action::Watch(mailbox) => {
                    self.watchers.entry(mailbox).or_default().insert(conn);
                }
                Action::Unwatch(mailbox) => {
                    if let Some(watching) = self.watchers.get_mut(&mailbox) {
                        watching.remove(&conn);
                    }
                }
                Action::Wake(mailbox) => {
                    let watching = self.watchers.get(&mailbox).cloned().unwrap_or_default();
                    for conn in watching {
                        if let Some(state) = self.connections.get_mut(&conn) {
                            let next = state.on_wake(&self.relay, mailbox, now);
                            actions.extend(next.into_iter().map(|action| (conn, action)));
                        }
                    }
                }
            }
        }
        sent
    }
}

/// Applies an operation to a store that answers at once.
fn apply<S: MailboxStore>(store: &S, op: StoreOp) -> Result<StoreReply, StoreError> {
    let mut future = pin!(store.apply(op));
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => Err(StoreError::Unavailable),
    }
}
