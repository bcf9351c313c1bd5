//! What the screens show: plain data, made anew after each step that changes something.
//!
//! ```text
//! driver ── Publisher ──► Arc<Model> ──► screens (draw the newest)
//!                     └─► Notice     ──► whoever waits for something to happen
//! ```
//!
//! Rows of a conversation are not part of it: screens ask for the few they show ([`crate::Client::rows`]).
//!
//! Not its concern: words, colours, order of widgets.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use khaima_engine::query::{self, ContactView, ConversationView, InvitationView, ProfileView, RelayView};
use khaima_engine::{Event, RelayId};
use khaima_vault::{CommitError, Vault};
use khaima_wire::{Role, Timestamp};

use crate::link::Trouble;

/// Notices waiting for a listener; past that it is told that it missed some.
const QUEUE: usize = 1024;

/// Everything but the rows.
#[derive(Clone, Default)]
pub struct Model {
    /// Who we are; none before the profile is made.
    pub profile: Option<ProfileView>,
    /// People, and those who ask.
    pub contacts: Vec<ContactView>,
    /// Newest first.
    pub conversations: Vec<ConversationView>,
    /// Newest first.
    pub invitations: Vec<InvitationView>,
    /// Relays and how the connections to them stand.
    pub relays: Vec<RelayStatus>,
    /// Relay work that is not done: outbox and the rest.
    pub waiting: usize,
    /// The vault cannot be written, and why.
    pub storage: Option<StorageTrouble>,
}

/// A relay and the two connections to it.
#[derive(Clone)]
pub struct RelayStatus {
    /// What the vault knows of it.
    pub relay: RelayView,
    /// The connection that reads our mailboxes; none while nothing needs it.
    pub owner: Option<LinkView>,
    /// The connection that sends.
    pub anonymous: Option<LinkView>,
}

impl RelayStatus {
    /// The one of the two that a person should hear about: trouble before peace.
    pub fn worst(&self) -> Option<&LinkView> {
        [&self.owner, &self.anonymous].into_iter().flatten().max_by_key(|view| view.severity())
    }
}

/// How a connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkView {
    /// Connected.
    Connected {
        /// This device's calendar is more than a day away from the relay's.
        clock_differs: bool,
    },
    /// Not connected.
    Trying {
        /// Since when.
        since: Timestamp,
        /// Why the last try failed; none during the first.
        why: Option<Trouble>,
        /// When the next try begins.
        next_try: Timestamp,
    },
}

impl LinkView {
    pub(crate) fn first_try(now: Timestamp) -> Self {
        Self::Trying { since: now, why: None, next_try: now }
    }

    pub(crate) fn failed(&self, why: Trouble, now: Timestamp, retry_after: Duration) -> Self {
        let since = match self {
            Self::Connected { .. } => now,
            Self::Trying { since, .. } => *since,
        };
        let millis = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
        Self::Trying { since, why: Some(why), next_try: now.plus_millis(millis) }
    }

    /// Why it is not connected.
    pub fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Connected { .. } => None,
            Self::Trying { why, .. } => *why,
        }
    }

    fn severity(&self) -> u8 {
        match self {
            Self::Connected { clock_differs: false } => 0,
            Self::Trying { why: None, .. } => 1,
            Self::Connected { clock_differs: true } => 2,
            Self::Trying { why: Some(Trouble::KeyChanged), .. } => 4,
            Self::Trying { .. } => 3,
        }
    }
}

/// Why the vault cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageTrouble {
    /// No space.
    Full,
    /// Anything else.
    Failing,
}

impl From<&CommitError> for StorageTrouble {
    fn from(error: &CommitError) -> Self {
        if error.is_disk_full() { Self::Full } else { Self::Failing }
    }
}

/// Something happened.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The model changed: connections, contacts, anything.
    Changed,
    /// A fact from the engine.
    Event(Event),
    /// The listener was too slow; some notices are lost. Look at the model again.
    Missed,
}

/// Called after every change; wakes the window.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// Where the driver puts what the screens show.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    model: Mutex<Arc<Model>>,
    listeners: Mutex<Vec<Listener>>,
    waker: Waker,
}

struct Listener {
    notices: SyncSender<Notice>,
    missed: bool,
}

impl Publisher {
    /// A publisher with an empty model.
    pub fn new(waker: Waker) -> Self {
        let shared = Shared { model: Mutex::default(), listeners: Mutex::default(), waker };
        Self { shared: Arc::new(shared) }
    }

    /// The newest model.
    pub fn model(&self) -> Arc<Model> {
        Arc::clone(&self.shared.model.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A new listener. It ends when the receiver is dropped.
    pub fn listen(&self) -> Receiver<Notice> {
        let (notices, receiver) = sync_channel(QUEUE);
        self.listeners().push(Listener { notices, missed: false });
        receiver
    }

    pub(crate) fn publish(&self, vault: &Vault, links: Vec<(RelayId, Role, LinkView)>) {
        let storage = self.model().storage;
        match read(vault, &links) {
            Ok(model) => self.replace(Model { storage, ..model }),
            Err(error) => {
                tracing::warn!(kind = ?error.kind(), "the vault could not be read for the screen");
                let old = self.model();
                self.replace(Model { storage: Some(StorageTrouble::Failing), ..Model::clone(&old) });
            }
        }
    }

    /// Notes how the vault stands; answers whether that is news.
    pub(crate) fn storage(&self, storage: Option<StorageTrouble>) -> bool {
        let old = self.model();
        let is_news = old.storage != storage;
        if is_news {
            self.replace(Model { storage, ..Model::clone(&old) });
        }
        is_news
    }

    pub(crate) fn events(&self, events: &[Event]) {
        events.iter().for_each(|event| self.tell(&Notice::Event(event.clone())));
        (self.shared.waker)();
    }

    fn replace(&self, model: Model) {
        *self.shared.model.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(model);
        self.tell(&Notice::Changed);
        (self.shared.waker)();
    }

    fn tell(&self, notice: &Notice) {
        self.listeners().retain_mut(|listener| {
            let notice = if listener.missed { Notice::Missed } else { notice.clone() };
            match listener.notices.try_send(notice) {
                Ok(()) => {
                    listener.missed = false;
                    true
                }
                Err(std::sync::mpsc::TrySendError::Full(_)) => {
                    listener.missed = true;
                    true
                }
                Err(std::sync::mpsc::TrySendError::Disconnected(_)) => false,
            }
        });
    }

    fn listeners(&self) -> std::sync::MutexGuard<'_, Vec<Listener>> {
        self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(vault: &Vault, links: &[(RelayId, Role, LinkView)]) -> Result<Model, khaima_engine::EngineError> {
    let link = |relay: RelayId, role: Role| {
        links.iter().find(|(id, of, _)| *id == relay && *of == role).map(|(_, _, view)| view.clone())
    };
    let relays = query::relays(vault)?.into_iter().map(|relay| RelayStatus {
        owner: link(relay.id, Role::Owner),
        anonymous: link(relay.id, Role::Anonymous),
        relay,
    });
    Ok(Model {
        profile: query::profile(vault)?,
        contacts: query::contacts(vault)?,
        conversations: query::conversations(vault)?,
        invitations: query::invitations(vault)?,
        relays: relays.collect(),
        waiting: query::pending_jobs(vault)?,
        storage: None,
    })
}
