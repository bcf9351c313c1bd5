//! Calls carried out: a name becomes a contact, a command becomes something one can wait for.

use std::fmt::Write as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use khaima_engine::query::{
    self, ContactView, InvitationState, InvitationView, MessageRow, MessageState, Relation, RowBody,
};
use khaima_engine::{Command, ContactId, ConversationId, EngineError, Event, FailReason, Problem};
use khaima_signal::{SafetyNumber, SafetyNumberSide};
use khaima_vault::Vault;
use khaima_wire::{Day, InvitationError, InviteCode};

use super::types::{
    Answer, Call, CallError, ContactEntry, ContactState, ContactWait, InvitationEntry, MessageEntry,
    RelayEntry,
};
use crate::client::Handle;
use crate::error::CommandError;
use crate::link::Trouble;
use crate::model::{LinkView, Notice, StorageTrouble};
use crate::unlock::check_relay_address;

/// How long a call waits for a relay.
const RELAY_PATIENCE: Duration = Duration::from_secs(45);
/// How long a call waits for another person.
const PERSON_PATIENCE: Duration = Duration::from_secs(600);
/// Without news, a waiting call looks whether its caller is still there.
const LOOK: Duration = Duration::from_secs(1);
/// Time for relays to hand over what waits there, before messages are read in a process of its own.
const CATCH_UP: Duration = Duration::from_secs(5);

/// Takes answers of a call that has several; none: "are you still there". False ends the call.
pub type Sink<'a> = &'a mut dyn FnMut(Option<Answer>) -> bool;

/// Carries out calls. Blocks; one call after another or from several threads.
#[derive(Clone)]
pub struct Api {
    handle: Handle,
}

impl Api {
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle }
    }

    /// Makes this device's identity in a new vault.
    ///
    /// # Errors
    /// There is one, or the name is not possible.
    pub fn create_profile(&self, name: &str) -> Result<(), CallError> {
        self.command(Command::CreateProfile { name: name.trim().to_owned() })
    }

    /// Carries out one call.
    ///
    /// # Errors
    /// [`CallError`], with a fixed word where a program needs to choose words.
    pub fn call(&self, call: Call, sink: Sink<'_>) -> Result<Answer, CallError> {
        match call {
            Call::Accept { what, greeting } => self.accept(&what, &greeting, sink),
            Call::Contacts { wait } => self.contacts(wait, sink),
            Call::Invite { days, note } => self.invite(days, note, sink),
            Call::Invitations => Ok(Answer::Invitations { invitations: self.invitations()? }),
            Call::Listen => self.listen(sink),
            // Whoever runs the client ends it.
            Call::Lock => Ok(Answer::Done),
            Call::Read { contact, wait_for, limit } => self.read(&contact, wait_for, limit, sink),
            Call::Refuse { contact } => {
                let contact = self.find(&contact)?.id;
                self.command(Command::RefuseRequest { contact })?;
                Ok(Answer::Done)
            }
            Call::Send { contact, text, queue } => self.send(&contact, text, queue, sink),
            Call::Status => self.status(),
            Call::UseRelay { address, code } => self.use_relay(&address, code.as_deref(), sink),
            Call::Verify { contact, confirm } => self.verify(&contact, confirm),
        }
    }

    fn use_relay(&self, address: &str, code: Option<&str>, sink: Sink<'_>) -> Result<Answer, CallError> {
        let relay = check_relay_address(address)?;
        let code = code.map(InviteCode::parse).transpose();
        let code = code.map_err(|_| CallError::Invalid { why: "code".to_owned(), day: None })?;
        let notices = self.handle.listen();
        let has_code = code.is_some();
        self.command(Command::UseRelay { relay, code, home: true })?;
        if !has_code {
            return Ok(Answer::Done);
        }
        // A code is worth something only once the relay has exchanged it.
        self.wait(&notices, RELAY_PATIENCE, "relay", sink, |api, event| match event {
            Some(Event::Problem(Problem::InviteCodeRefused { .. })) => {
                Err(CallError::Relay { why: "code_refused".to_owned() })
            }
            _ => Ok((api.jobs()? == 0).then_some(Answer::Done)),
        })
    }

    fn command(&self, command: Command) -> Result<(), CallError> {
        self.handle.command(command).map_err(|error| self.of_command(error))
    }

    fn of_command(&self, error: CommandError) -> CallError {
        match error {
            CommandError::Ending => CallError::Ending,
            CommandError::NotStored => {
                let why = match self.handle.model().storage {
                    Some(StorageTrouble::Full) => "full",
                    _ => "failing",
                };
                CallError::Store { why: why.to_owned() }
            }
            CommandError::Refused(refused) => of_refused(refused),
            CommandError::Unreadable => CallError::Store { why: "unreadable".to_owned() },
        }
    }

    fn ask<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Vault) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, CallError> {
        let answer = self.handle.query(read).map_err(|error| self.of_command(error))?;
        answer.map_err(|_| CallError::Store { why: "unreadable".to_owned() })
    }

    fn all_contacts(&self) -> Result<Vec<ContactView>, CallError> {
        self.ask(query::contacts)
    }

    fn find(&self, name: &str) -> Result<ContactView, CallError> {
        let contacts = self.all_contacts()?;
        if let Ok(id) = name.parse::<ContactId>() {
            return contacts.into_iter().find(|contact| contact.id == id).ok_or(CallError::NoSuchContact);
        }
        let mut named = contacts.into_iter().filter(|contact| contact.name == name);
        match (named.next(), named.next()) {
            (Some(contact), None) => Ok(contact),
            (Some(_), Some(_)) => Err(CallError::Ambiguous),
            (None, _) => Err(CallError::NoSuchContact),
        }
    }

    fn rows(&self, conversation: ConversationId, limit: usize) -> Result<Vec<MessageRow>, CallError> {
        self.handle.rows(conversation, None, limit).map_err(|error| self.of_command(error))
    }

    fn row(&self, conversation: ConversationId, order: u64) -> Result<Option<MessageRow>, CallError> {
        let before = order.saturating_add(1);
        let mut rows =
            self.handle.rows(conversation, Some(before), 1).map_err(|error| self.of_command(error))?;
        Ok(rows.pop().filter(|row| row.order == order))
    }

    fn invite(&self, days: u32, note: String, sink: Sink<'_>) -> Result<Answer, CallError> {
        let notices = self.handle.listen();
        let home = self.ask(query::profile)?.and_then(|profile| profile.home);
        let relay = home.ok_or_else(|| CallError::Refused { why: "no_home_relay".to_owned() })?;
        let before: Vec<_> = self.all_invitations()?.iter().map(|invitation| invitation.id).collect();
        self.command(Command::CreateInvitation { relay, expires_in_days: days, note })?;
        let made = self.all_invitations()?.into_iter().find(|invitation| !before.contains(&invitation.id));
        let Some(made) = made else { return Err(CallError::Ending) };
        self.wait(&notices, RELAY_PATIENCE, "relay", sink, |api, event| {
            if let Some(Event::Problem(Problem::PermitNeeded { .. } | Problem::RelayRefused { .. })) = event {
                return Err(relay_says(event));
            }
            let all = api.all_invitations()?;
            let ready = all.into_iter().find(|it| it.id == made.id && it.state == InvitationState::Open);
            Ok(ready.map(|invitation| Answer::Invitation(invitation_entry(&invitation))))
        })
    }

    fn all_invitations(&self) -> Result<Vec<InvitationView>, CallError> {
        self.ask(query::invitations)
    }

    fn invitations(&self) -> Result<Vec<InvitationEntry>, CallError> {
        Ok(self.all_invitations()?.iter().rev().map(invitation_entry).collect())
    }

    fn accept(&self, what: &str, greeting: &str, sink: Sink<'_>) -> Result<Answer, CallError> {
        let what = what.trim();
        let notices = self.handle.listen();
        if !what.to_ascii_lowercase().starts_with("khaima:") && what.len() < 65 {
            let contact = self.find(what)?;
            self.command(Command::AcceptRequest { contact: contact.id })?;
            // The answer is on its way when nothing waits for the relay any more.
            return self.wait(&notices, RELAY_PATIENCE, "relay", sink, |api, event| match event {
                Some(Event::Problem(Problem::PermitNeeded { .. } | Problem::RelayRefused { .. })) => {
                    Err(relay_says(event))
                }
                _ => Ok((api.jobs()? == 0).then_some(Answer::Done)),
            });
        }
        let command = Command::AcceptInvitation { link: what.to_owned(), greeting: greeting.to_owned() };
        self.command(command)?;
        let Some(accepted) = self.all_invitations()?.into_iter().rfind(|it| !it.made_here) else {
            return Err(CallError::Ending);
        };
        self.wait(&notices, RELAY_PATIENCE, "relay", sink, |api, event| {
            if let Some(Event::Problem(Problem::PermitNeeded { .. } | Problem::RelayRefused { .. })) = event {
                return Err(relay_says(event));
            }
            let found = api.all_invitations()?.into_iter().find(|invitation| invitation.id == accepted.id);
            match found.map(|invitation| invitation.state) {
                Some(InvitationState::Gone) => Err(CallError::Relay { why: "gone".to_owned() }),
                Some(InvitationState::Tampered) => Err(CallError::Relay { why: "tampered".to_owned() }),
                Some(InvitationState::Claiming) => Ok(None),
                _ => Ok((api.jobs()? == 0).then_some(Answer::Done)),
            }
        })
    }

    fn jobs(&self) -> Result<usize, CallError> {
        self.ask(query::pending_jobs)
    }

    fn contacts(&self, wait: ContactWait, sink: Sink<'_>) -> Result<Answer, CallError> {
        let notices = self.handle.listen();
        self.wait(&notices, PERSON_PATIENCE, "peer", sink, |api, _| {
            let contacts = api.all_contacts()?;
            let ready = match wait {
                ContactWait::Nothing => true,
                ContactWait::Request => contacts.iter().any(|contact| contact.relation == Relation::AsksUs),
                ContactWait::Acceptance => {
                    contacts.iter().all(|contact| contact.relation != Relation::AskedByUs)
                }
            };
            ready.then(|| api.contact_entries(&contacts)).transpose()
        })
    }

    fn contact_entries(&self, contacts: &[ContactView]) -> Result<Answer, CallError> {
        let conversations = self.ask(query::conversations)?;
        let unread = |contact: &ContactView| {
            conversations.iter().find(|it| it.contact == contact.id).map_or(0, |it| u64::from(it.unread))
        };
        Ok(Answer::Contacts { contacts: contacts.iter().map(|it| contact_entry(it, unread(it))).collect() })
    }

    fn send(&self, contact: &str, text: String, queue: bool, sink: Sink<'_>) -> Result<Answer, CallError> {
        let contact = self.find(contact)?;
        let notices = self.handle.listen();
        let conversation = contact.conversation;
        self.command(Command::SendText { conversation, body: text })?;
        let mine = self.rows(conversation, 16)?.into_iter().rfind(|row| !row.incoming);
        let Some(order) = mine.map(|row| row.order) else { return Err(CallError::Ending) };
        self.wait(&notices, RELAY_PATIENCE, "relay", sink, |api, _| {
            let Some(row) = api.row(conversation, order)? else { return Err(CallError::Ending) };
            let done = match row.state {
                MessageState::Failed(FailReason::Gone) => {
                    return Err(CallError::Relay { why: "contact_gone".to_owned() });
                }
                MessageState::Failed(_) => return Err(CallError::Relay { why: "refused".to_owned() }),
                MessageState::Queued | MessageState::QueueFull => queue,
                _ => true,
            };
            Ok(done.then(|| Answer::Sent { message: message_entry(&row, &contact.name) }))
        })
    }

    fn read(
        &self,
        contact: &str,
        wait_for: usize,
        limit: usize,
        sink: Sink<'_>,
    ) -> Result<Answer, CallError> {
        let contact = self.find(contact)?;
        let conversation = contact.conversation;
        let notices = self.handle.listen();
        self.catch_up(&notices);
        let answer = self.wait(&notices, PERSON_PATIENCE, "peer", sink, |api, _| {
            let rows = api.rows(conversation, limit.max(wait_for))?;
            Ok((rows.len() >= wait_for).then_some(rows))
        })?;
        if let Some(last) = answer.last().map(|row| row.order) {
            self.command(Command::MarkRead { conversation, up_to: last })?;
        }
        let skip = answer.len().saturating_sub(limit.max(wait_for));
        let messages = answer.iter().skip(skip).map(|row| message_entry(row, &contact.name)).collect();
        Ok(Answer::Messages { messages })
    }

    /// A client that has just started has heard of nothing yet: waits until its connections stand and nothing has come for a
    /// moment, or for [`CATCH_UP`].
    fn catch_up(&self, notices: &Receiver<Notice>) {
        let until = Instant::now() + CATCH_UP;
        let quiet = Duration::from_millis(300);
        while Instant::now() < until {
            match notices.recv_timeout(quiet) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    let model = self.handle.model();
                    let settled = model.relays.iter().all(|relay| match &relay.owner {
                        None => !relay.relay.has_mailboxes,
                        Some(view) => !matches!(view, LinkView::Trying { why: None, .. }),
                    });
                    if settled && model.profile.is_some() {
                        return;
                    }
                }
            }
        }
    }

    fn verify(&self, contact: &str, confirm: Option<bool>) -> Result<Answer, CallError> {
        let contact = self.find(contact)?;
        if let Some(verified) = confirm {
            self.command(Command::MarkVerified { contact: contact.id, verified })?;
        }
        let profile = self.ask(query::profile)?.ok_or(CallError::Ending)?;
        let number = SafetyNumber::new(
            SafetyNumberSide { identifier: &profile.uuid, key: &profile.identity_key },
            SafetyNumberSide { identifier: &contact.uuid, key: &contact.identity_key },
        );
        Ok(Answer::SafetyNumber {
            contact: contact.name,
            digits: grouped(&number.digits()),
            scannable: hex(&number.to_scannable()),
            verified: confirm.unwrap_or(contact.verified),
        })
    }

    fn status(&self) -> Result<Answer, CallError> {
        self.catch_up(&self.handle.listen());
        let name = self.ask(query::profile)?.map(|profile| profile.name).unwrap_or_default();
        let model = self.handle.model();
        let relays = model.relays.iter().map(|relay| RelayEntry {
            address: relay.relay.address.to_string(),
            home: relay.relay.is_home,
            state: relay.worst().map_or("idle", link_word).to_owned(),
        });
        Ok(Answer::Status { name, relays: relays.collect(), waiting: self.jobs()? })
    }

    fn listen(&self, sink: Sink<'_>) -> Result<Answer, CallError> {
        let notices = self.handle.listen();
        loop {
            match notices.recv_timeout(LOOK) {
                Ok(Notice::Event(event)) => {
                    if let Some(answer) = self.news(&event)?
                        && !sink(Some(answer))
                    {
                        return Ok(Answer::Done);
                    }
                }
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    if !sink(None) {
                        return Ok(Answer::Done);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Err(CallError::Ending),
            }
        }
    }

    fn news(&self, event: &Event) -> Result<Option<Answer>, CallError> {
        match event {
            Event::MessageStored { conversation, order, incoming: true } => {
                let contacts = self.all_contacts()?;
                let Some(contact) = contacts.into_iter().find(|it| it.conversation == *conversation) else {
                    return Ok(None);
                };
                let row = self.row(*conversation, *order)?;
                Ok(row.map(|row| Answer::News {
                    message: message_entry(&row, &contact.name),
                    contact: contact.name,
                }))
            }
            Event::ContactRequested { contact, .. } => {
                let contacts = self.all_contacts()?;
                let found = contacts.iter().find(|it| it.id == *contact);
                Ok(found.map(|contact| Answer::Request { contact: contact_entry(contact, 0) }))
            }
            _ => Ok(None),
        }
    }

    /// Looks, and looks again after every notice, until there is an answer.
    fn wait<T>(
        &self,
        notices: &Receiver<Notice>,
        patience: Duration,
        whom: &'static str,
        sink: Sink<'_>,
        mut look: impl FnMut(&Self, Option<&Event>) -> Result<Option<T>, CallError>,
    ) -> Result<T, CallError> {
        let until = Instant::now() + patience;
        let mut event = None;
        loop {
            if let Some(answer) = look(self, event.as_ref())? {
                return Ok(answer);
            }
            if let Some(Trouble::KeyChanged) = self.trouble() {
                return Err(CallError::Relay { why: "key_changed".to_owned() });
            }
            if Instant::now() >= until || !sink(None) {
                let why = self.trouble().map_or(whom, trouble_word);
                return Err(CallError::TimedOut { why: why.to_owned() });
            }
            event = match notices.recv_timeout(LOOK) {
                Ok(Notice::Event(event)) => Some(event),
                Ok(_) | Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Err(CallError::Ending),
            };
        }
    }

    fn trouble(&self) -> Option<Trouble> {
        let model = self.handle.model();
        model.relays.iter().filter_map(|relay| relay.worst()?.trouble()).next()
    }
}

fn relay_says(event: Option<&Event>) -> CallError {
    let why = match event {
        Some(Event::Problem(Problem::PermitNeeded { .. })) => "permit",
        _ => "refused",
    };
    CallError::Relay { why: why.to_owned() }
}

fn of_refused(refused: khaima_engine::CommandError) -> CallError {
    use khaima_engine::CommandError as Engine;
    let why = match refused {
        Engine::AlreadyAccepted => "already_accepted",
        Engine::AlreadyKnown => "already_known",
        Engine::AlreadyProfile => "already_profile",
        Engine::ExpiryOutOfRange => "expiry",
        Engine::Invitation(error) => return of_invitation(error),
        Engine::InvitationState => "invitation_state",
        Engine::NoProfile => "no_profile",
        Engine::NotAccepted => "not_accepted",
        Engine::NotFound => return CallError::NoSuchContact,
        Engine::NotFailed => "not_failed",
        Engine::OwnInvitation => "own_invitation",
        Engine::TextEmpty => "text_empty",
        Engine::TextTooLong { .. } => "text_too_long",
        _ => "not_possible",
    };
    CallError::Refused { why: why.to_owned() }
}

fn of_invitation(error: InvitationError) -> CallError {
    let (why, day) = match error {
        InvitationError::Damaged => ("damaged", None),
        InvitationError::Expired { since } => ("expired", Some(date(since))),
        InvitationError::NewerVersion => ("newer", None),
        _ => ("not_a_link", None),
    };
    CallError::Invalid { why: why.to_owned(), day }
}

fn contact_entry(contact: &ContactView, unread: u64) -> ContactEntry {
    ContactEntry {
        id: contact.id.to_hex(),
        name: contact.name.clone(),
        state: match contact.relation {
            Relation::Accepted => ContactState::Accepted,
            Relation::AsksUs => ContactState::Asks,
            Relation::AskedByUs => ContactState::Waiting,
        },
        verified: contact.verified,
        // Once accepted it is past, and our own words to somebody are no news.
        greeting: if contact.relation == Relation::AsksUs { contact.greeting.clone() } else { String::new() },
        unread,
    }
}

fn invitation_entry(invitation: &InvitationView) -> InvitationEntry {
    let state = match invitation.state {
        InvitationState::Making => "preparing",
        InvitationState::Open => "ready",
        InvitationState::Taken => "taken",
        InvitationState::Expired => "expired",
        InvitationState::Withdrawn => "withdrawn",
        InvitationState::Used => "used",
        InvitationState::Claiming => "asking",
        InvitationState::Gone => "gone",
        InvitationState::Tampered => "tampered",
        InvitationState::Requested => "requested",
        _ => "unknown",
    };
    InvitationEntry {
        id: invitation.id.to_hex(),
        link: invitation.link.clone(),
        state: state.to_owned(),
        expires: date(invitation.expires),
        note: invitation.note.clone(),
        refused: invitation.refused,
    }
}

fn message_entry(row: &MessageRow, contact: &str) -> MessageEntry {
    let (kind, text) = match &row.body {
        RowBody::Gap { count } => ("gap", format!("{count} messages are missing here")),
        RowBody::Text(text) => ("text", text.clone()),
        RowBody::Undecryptable => ("unreadable", "a message that cannot be read".to_owned()),
        _ => ("unsupported", "a message of a newer version of Khaima".to_owned()),
    };
    let state = match row.state {
        MessageState::Received => "received",
        MessageState::Queued | MessageState::QueueFull => "queued",
        MessageState::Sent { .. } => "sent",
        MessageState::Delivered { .. } => "delivered",
        _ => "failed",
    };
    let warning = match row.state {
        MessageState::Failed(FailReason::Gone) => {
            Some("their mailbox is gone: they moved, or ended the contact")
        }
        MessageState::Failed(FailReason::Refused) => Some("the relay refuses it"),
        MessageState::Failed(FailReason::SessionRefused) => {
            Some("their relay gave out keys that are not theirs")
        }
        MessageState::QueueFull => Some("their mailbox is full; it is tried again"),
        _ if row.certificate_expired => Some("the sender's proof had run out when this was sent"),
        _ => None,
    };
    MessageEntry {
        order: row.order,
        mine: !row.incoming,
        from: if row.incoming { contact.to_owned() } else { "me".to_owned() },
        text,
        kind: kind.to_owned(),
        state: state.to_owned(),
        at_ms: row.written.as_millis(),
        warning: warning.map(str::to_owned),
    }
}

fn link_word(view: &LinkView) -> &'static str {
    match view {
        LinkView::Connected { clock_differs: true } => "connected_clock_differs",
        LinkView::Connected { .. } => "connected",
        LinkView::Trying { why: None, .. } => "trying",
        LinkView::Trying { why: Some(trouble), .. } => trouble_word(*trouble),
    }
}

fn trouble_word(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::KeyChanged => "key_changed",
        Trouble::Local => "local",
        Trouble::NoAddress => "no_address",
        Trouble::OtherVersion => "other_version",
        Trouble::Nonsense | Trouble::Unreachable => "unreachable",
    }
}

fn date(day: Day) -> String {
    day.civil().to_string()
}

fn grouped(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 5);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index % 5 == 0 {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
