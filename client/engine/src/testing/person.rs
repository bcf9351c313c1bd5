//! One person: a store, a dispatcher, connections.

use std::collections::{BTreeMap, BTreeSet};

use khaima_wire::{EnvelopeId, MailboxId, RelayAddress, Role, SealedEnvelope, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::content::{Content, ContentBody, Statement};
use crate::ctx::{Ctx, LocalDevice};
use crate::query::{self, ContactView, InvitationState, InvitationView, MessageState, RowBody};
use crate::records::{ContactRecord, Profile, load};
use crate::seal::seal;
use crate::{
    Changes, Command, Commit, ContactId, ConversationId, Dispatcher, Engine, EngineError, Event, Input,
    LinkState, MemoryStore, MessageId, RecordKind, RelayId, Step,
};

/// When the device dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The step was made and not committed.
    Before(usize),
    /// The step was committed and nothing else of it happened.
    After(usize),
}

pub struct Person {
    pub name: &'static str,
    pub engine: Engine,
    pub store: MemoryStore,
    pub dispatcher: Dispatcher,
    pub rng: ChaCha20Rng,
    pub events: Vec<Event>,
    pub steps: usize,
    pub crash: Option<Crash>,
    pub restarts_always: bool,
    pub offline: bool,
    pub up: BTreeSet<(RelayId, Role)>,
    pub subscribed: BTreeMap<MailboxId, RelayId>,
    pub pushed: BTreeSet<(MailboxId, EnvelopeId)>,
    pub ticks: bool,
}

impl Person {
    pub fn new(name: &'static str, seed: u64, now: Timestamp) -> Self {
        let store = MemoryStore::new();
        let dispatcher = Dispatcher::new(&store).unwrap();
        let mut person = Self {
            name,
            engine: Engine::new(),
            store,
            dispatcher,
            rng: ChaCha20Rng::seed_from_u64(seed),
            events: Vec::new(),
            steps: 0,
            crash: None,
            restarts_always: false,
            offline: false,
            up: BTreeSet::new(),
            subscribed: BTreeMap::new(),
            pushed: BTreeSet::new(),
            ticks: true,
        };
        person.command(Command::CreateProfile { name: name.into() }, now).unwrap();
        person
    }

    pub fn step(&mut self, input: Input, now: Timestamp) -> Result<Step, EngineError> {
        self.engine.step(input, &self.store, now, &mut self.rng)
    }

    /// One whole turn: step, commit, effects; or a crash.
    pub fn apply(&mut self, input: Input, now: Timestamp) -> Result<(), EngineError> {
        let step = self.step(input, now)?;
        self.steps += 1;
        if self.crash == Some(Crash::Before(self.steps)) {
            self.restart();
            return Ok(());
        }
        let keys = step.changes.dispatch_keys();
        // A step that changes nothing (a redelivery) ends a device that restarts always no more: its effect must run once.
        let restarts = self.restarts_always && !step.changes.is_empty();
        self.store.commit(step.changes).unwrap();
        if self.crash == Some(Crash::After(self.steps)) || restarts {
            self.restart();
            return Ok(());
        }
        self.dispatcher.on_committed(&self.store, &keys).unwrap();
        step.effects.into_iter().for_each(|effect| self.dispatcher.on_effect(effect));
        self.events.extend(step.events);
        Ok(())
    }

    pub fn command(&mut self, command: Command, now: Timestamp) -> Result<(), EngineError> {
        self.apply(Input::Command(command), now)
    }

    /// Everything volatile is lost.
    pub fn restart(&mut self) {
        self.dispatcher = Dispatcher::new(&self.store).unwrap();
        self.disconnect();
    }

    pub fn disconnect(&mut self) {
        for (relay, role) in std::mem::take(&mut self.up) {
            self.dispatcher.on_link(relay, role, LinkState::Down);
        }
        self.subscribed.clear();
        self.pushed.clear();
    }

    pub fn contacts(&self) -> Vec<ContactView> {
        query::contacts(&self.store).unwrap()
    }

    pub fn only_contact(&self) -> ContactView {
        let mut contacts = self.contacts();
        assert_eq!(contacts.len(), 1, "{} has one contact", self.name);
        contacts.remove(0)
    }

    pub fn contact(&self, name: &str) -> ContactView {
        self.contacts().into_iter().find(|contact| contact.name == name).expect("a contact of this name")
    }

    pub fn record(&self, id: ContactId) -> ContactRecord {
        load(&self.store, id.as_bytes()).unwrap().expect("a contact")
    }

    pub fn invitations(&self) -> Vec<InvitationView> {
        query::invitations(&self.store).unwrap()
    }

    pub fn invitation_state(&self) -> InvitationState {
        self.invitations().last().expect("an invitation").state
    }

    pub fn open_link(&self) -> String {
        self.invitations().into_iter().find_map(|invitation| invitation.link).expect("an open invitation")
    }

    pub fn invite(&mut self, relay: &RelayAddress, now: Timestamp) {
        let command =
            Command::CreateInvitation { relay: relay.clone(), expires_in_days: 7, note: String::new() };
        self.command(command, now).unwrap();
    }

    pub fn accept(&mut self, link: &str, now: Timestamp) -> Result<(), EngineError> {
        self.command(Command::AcceptInvitation { link: link.into(), greeting: "salam".into() }, now)
    }

    pub fn say(&mut self, to: ContactId, words: &str, now: Timestamp) {
        let conversation = ConversationId::of(to);
        self.command(Command::SendText { conversation, body: words.into() }, now).unwrap();
    }

    /// The rows with one contact, as text.
    pub fn thread(&self, contact: ContactId) -> Vec<String> {
        let rows = query::messages(&self.store, ConversationId::of(contact), None, 10_000).unwrap();
        let text = |row: query::MessageRow| {
            let who = if row.incoming { "<" } else { ">" };
            let what = match row.body {
                RowBody::Text(text) => text,
                RowBody::Gap { count } => format!("[{count} missing]"),
                RowBody::Undecryptable => "[unreadable]".into(),
                RowBody::Unsupported => "[unsupported]".into(),
            };
            let warning = if row.certificate_expired { " (old certificate)" } else { "" };
            format!("{who} {what}{warning}")
        };
        rows.into_iter().map(text).collect()
    }

    pub fn states(&self, contact: ContactId) -> Vec<MessageState> {
        let rows = query::messages(&self.store, ConversationId::of(contact), None, 10_000).unwrap();
        rows.into_iter().filter(|row| !row.incoming).map(|row| row.state).collect()
    }

    /// Deletes all sessions; returns them.
    pub fn lose_sessions(&mut self) -> MemoryStore {
        let kept = self.store.clone();
        let mut changes = Changes::new();
        let sessions = kept.iter().filter(|(key, _)| key.kind() == RecordKind::Session);
        sessions.for_each(|(key, _)| changes.delete(key.clone()));
        self.store.commit(changes).unwrap();
        kept
    }

    /// Puts back the sessions of an earlier store.
    pub fn restore(&mut self, kept: MemoryStore) {
        let mut changes = Changes::new();
        let sessions = kept.iter().filter(|(key, _)| key.kind() == RecordKind::Session);
        sessions.for_each(|(key, bytes)| changes.put(key.clone(), bytes.to_vec()));
        self.store.commit(changes).unwrap();
    }

    pub fn count(&self, kind: RecordKind) -> usize {
        self.store.iter().filter(|(key, _)| key.kind() == kind).count()
    }

    pub fn dropped(&self) -> Vec<(crate::DropReason, u64)> {
        query::dropped(&self.store).unwrap()
    }

    /// An honest content of this person for a contact, to be made dishonest.
    pub fn content(&mut self, number: u64, body: ContentBody) -> Content {
        let profile = Profile::require(&self.store).unwrap();
        Content {
            id: MessageId::random(&mut self.rng),
            written: Timestamp::from_secs(1),
            statement_number: profile.statement_number,
            statement_hash: Statement::hash_of(&profile.statement),
            number,
            receipts: Vec::new(),
            body,
        }
    }

    /// Seals any content with this person's session, as a patched client would. The session moves on.
    pub fn craft(&mut self, contact: &ContactRecord, content: &Content, now: Timestamp) -> SealedEnvelope {
        let device = LocalDevice::new(Profile::require(&self.store).unwrap());
        let mut ctx = Ctx::new(&self.store, now, &mut self.rng);
        let envelope = seal(&mut ctx, &device, contact, content).unwrap().unwrap();
        let changes = std::mem::take(ctx.changes());
        self.store.commit(changes).unwrap();
        envelope
    }
}
