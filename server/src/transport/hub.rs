//! What all connections share: the core, the store, who watches which mailbox, the clock.
//!
//! Not its concern: one connection (`session`).

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use khaima_wire::{MailboxId, Timestamp};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::core::Relay;
use crate::metrics::Metrics;
use crate::store::MailboxStore;

/// Shared by all connections of a relay.
pub(crate) struct Hub<S> {
    relay: Mutex<Relay>,
    store: S,
    watchers: Mutex<HashMap<MailboxId, Vec<Arc<WakeBox>>>>,
    pub metrics: Metrics,
    clock: Clock,
}

impl<S: MailboxStore> Hub<S> {
    pub fn new(relay: Relay, store: S, clock: Clock) -> Self {
        Self {
            relay: Mutex::new(relay),
            store,
            watchers: Mutex::new(HashMap::new()),
            metrics: Metrics::default(),
            clock,
        }
    }

    /// The moment it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The store.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Does something with the core. Short: every connection waits for it.
    pub fn with_relay<T>(&self, act: impl FnOnce(&mut Relay) -> T) -> T {
        act(&mut self.relay.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on `watcher` hears of what comes into this mailbox.
    pub fn watch(&self, mailbox: MailboxId, watcher: &Arc<WakeBox>) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        let watching = watchers.entry(mailbox).or_default();
        if !watching.iter().any(|other| Arc::ptr_eq(other, watcher)) {
            watching.push(Arc::clone(watcher));
        }
    }

    /// No longer.
    pub fn unwatch(&self, mailbox: &MailboxId, watcher: &Arc<WakeBox>) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watching) = watchers.get_mut(mailbox) {
            watching.retain(|other| !Arc::ptr_eq(other, watcher));
            if watching.is_empty() {
                watchers.remove(mailbox);
            }
        }
    }

    /// Tells everybody who watches this mailbox.
    pub fn wake(&self, mailbox: MailboxId) {
        let watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        for watcher in watchers.get(&mailbox).into_iter().flatten() {
            watcher.put(mailbox);
        }
    }
}

/// Where a connection finds which of its mailboxes have something new. Holds each once, so it is as large as what the
/// connection has proven and no larger.
#[derive(Debug, Default)]
pub(crate) struct WakeBox {
    mailboxes: Mutex<BTreeSet<MailboxId>>,
    notify: Notify,
}

impl WakeBox {
    fn put(&self, mailbox: MailboxId) {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner).insert(mailbox);
        self.notify.notify_one();
    }

    /// Waits until there is something, and takes it.
    pub async fn take(&self) -> BTreeSet<MailboxId> {
        loop {
            let taken = std::mem::take(&mut *self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner));
            if !taken.is_empty() {
                return taken;
            }
            self.notify.notified().await;
        }
    }
}
