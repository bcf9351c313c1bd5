//! Everything but the rows of a conversation.
//!
//! Not its concern: rows (`thread`).

use std::cmp::Reverse;

use khaima_runtime::{
    ContactId, ContactView, ConversationId, ConversationView, InvitationId, InvitationState, LinkView,
    MessageRow, Model, Relation, RelayStatus, RowBody, StorageTrouble, Timestamp, Trouble,
};

use crate::text::{body, name};
use crate::when::Zone;
use crate::words;

/// The whole window but the open conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// Our own name; none before there is an identity.
    pub name: Option<String>,
    /// Whether new mailboxes have a home.
    pub has_relay: bool,
    /// People: those who ask first, then by what happened last.
    pub people: Vec<Person>,
    /// Newest first.
    pub invitations: Vec<InvitationEntry>,
    /// Relays.
    pub relays: Vec<RelayEntry>,
    /// The worst of all connections.
    pub connection: Connection,
    /// The vault cannot be written.
    pub storage: Option<StorageTrouble>,
    /// A relay wants a code.
    pub permit_needed: bool,
    /// Relay work not done.
    pub waiting: usize,
}

/// Somebody in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub id: ContactId,
    /// The conversation with them.
    pub conversation: ConversationId,
    /// What to call them; never empty.
    pub name: String,
    /// How far we are.
    pub relation: Relation,
    /// What they wrote with their request.
    pub greeting: String,
    /// What we noted on the invitation they came with.
    pub invitation_note: String,
    /// Safety numbers were compared.
    pub verified: bool,
    /// They have other devices than we know.
    pub other_devices: bool,
    /// Nothing sent to them arrives.
    pub mailbox_gone: bool,
    /// Messages not seen.
    pub unread: u32,
    /// The newest row, in one line.
    pub preview: String,
    /// When something last happened.
    pub time: String,
    /// Chooses the colour of their disc.
    pub avatar: u64,
}

/// An invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationEntry {
    /// Which.
    pub id: InvitationId,
    /// How far it is.
    pub state: InvitationState,
    /// Made here, or accepted here.
    pub made_here: bool,
    /// The link while it can be given away.
    pub link: Option<String>,
    /// Our reminder.
    pub note: String,
    /// Its last day.
    pub last_day: String,
    /// How many came after it was taken.
    pub refused: u32,
}

/// A relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayEntry {
    /// Address with pin.
    pub address: String,
    /// New mailboxes are made there.
    pub is_home: bool,
    /// It wants a code.
    pub permit_needed: bool,
    /// How the connection stands; none while nothing needs it.
    pub connection: Option<Connection>,
}

/// How serious something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Good,
    /// Passes by itself.
    #[default]
    Quiet,
    /// Needs a look.
    Warning,
    /// Somebody may be interfering.
    Danger,
}

/// A connection in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// How serious.
    pub level: Level,
    /// What to say.
    pub words: String,
}

impl Home {
    /// From the client's model.
    #[must_use]
    pub fn of(model: &Model, zone: &Zone, now: Timestamp) -> Self {
        let this_year = zone.day(now).civil().year;
        let relays: Vec<RelayEntry> =
            model.relays.iter().map(|relay| relay_entry(relay, zone, now)).collect();
        let connection = relays.iter().filter_map(|relay| relay.connection.clone()).max_by_key(|it| it.level);
        let invitations = model.invitations.iter().map(|it| InvitationEntry {
            id: it.id,
            state: it.state,
            made_here: it.made_here,
            link: it.link.clone(),
            note: body(&it.note),
            last_day: words::date(it.expires, this_year),
            refused: it.refused,
        });
        Self {
            name: model.profile.as_ref().map(|profile| name(&profile.name)),
            has_relay: model.profile.as_ref().is_some_and(|profile| profile.home.is_some()),
            people: people(model, zone, now),
            invitations: invitations.collect(),
            connection: connection.unwrap_or_else(|| Connection {
                level: Level::Quiet,
                words: if relays.is_empty() { words::NO_RELAY } else { words::RELAY_IDLE }.to_owned(),
            }),
            storage: model.storage,
            permit_needed: relays.iter().any(|relay| relay.permit_needed),
            relays,
            waiting: model.waiting,
        }
    }

    /// Somebody, by id.
    #[must_use]
    pub fn person(&self, id: ContactId) -> Option<&Person> {
        self.people.iter().find(|person| person.id == id)
    }

    /// The person a conversation is with.
    #[must_use]
    pub fn person_in(&self, conversation: ConversationId) -> Option<&Person> {
        self.people.iter().find(|person| person.conversation == conversation)
    }

    /// An invitation, by id.
    #[must_use]
    pub fn invitation(&self, id: InvitationId) -> Option<&InvitationEntry> {
        self.invitations.iter().find(|invitation| invitation.id == id)
    }

    /// Whether there is neither a relay nor a way to one: the first step is still to be made.
    #[must_use]
    pub fn is_new(&self) -> bool {
        !self.has_relay && self.people.is_empty() && self.invitations.is_empty()
    }
}

fn people(model: &Model, zone: &Zone, now: Timestamp) -> Vec<Person> {
    let mut people: Vec<(bool, Timestamp, Person)> = model
        .contacts
        .iter()
        .map(|contact| {
            let conversation = model.conversations.iter().find(|it| it.contact == contact.id);
            let at = conversation.map_or(contact.created, |it| it.last_at);
            (
                contact.relation != Relation::AsksUs,
                at,
                person(model, contact, conversation, &zone.short(at, now)),
            )
        })
        .collect();
    people.sort_by_key(|(answered, at, person)| (*answered, Reverse(*at), person.id));
    people.into_iter().map(|(_, _, person)| person).collect()
}

fn person(
    model: &Model,
    contact: &ContactView,
    conversation: Option<&ConversationView>,
    time: &str,
) -> Person {
    let shown = name(&contact.name);
    let note = model.invitations.iter().find(|it| it.contact == Some(contact.id) && it.made_here);
    let first: [u8; 8] = contact.id.as_bytes().first_chunk().copied().unwrap_or_default();
    Person {
        id: contact.id,
        conversation: contact.conversation,
        name: if shown.is_empty() { words::UNNAMED.to_owned() } else { shown },
        relation: contact.relation,
        greeting: body(&contact.greeting),
        invitation_note: note.map(|it| body(&it.note)).unwrap_or_default(),
        verified: contact.verified,
        other_devices: contact.statement_mismatch,
        mailbox_gone: contact.mailbox_gone,
        unread: conversation.map_or(0, |it| it.unread),
        preview: match contact.relation {
            Relation::AsksUs => words::ASKS.to_owned(),
            Relation::AskedByUs => words::WAITS.to_owned(),
            Relation::Accepted => conversation
                .and_then(|it| it.last.as_ref())
                .map_or_else(|| words::NEW_CONTACT.to_owned(), preview),
        },
        time: time.to_owned(),
        avatar: u64::from_be_bytes(first),
    }
}

/// The beginning of a row in one line.
fn preview(row: &MessageRow) -> String {
    match &row.body {
        RowBody::Text(text) => {
            let start: String = text.chars().take(PREVIEW_CHARS).collect();
            body(&start).replace(['\n', '\t'], " ")
        }
        RowBody::Gap { .. } | RowBody::Undecryptable => words::UNREADABLE_SHORT.to_owned(),
        _ => words::UNSUPPORTED_SHORT.to_owned(),
    }
}

fn relay_entry(status: &RelayStatus, zone: &Zone, now: Timestamp) -> RelayEntry {
    RelayEntry {
        address: status.relay.address.to_string(),
        is_home: status.relay.is_home,
        permit_needed: status.relay.permit_needed,
        connection: status.worst().map(|link| connection(link, zone, now)),
    }
}

fn connection(link: &LinkView, zone: &Zone, now: Timestamp) -> Connection {
    match link {
        LinkView::Connected { clock_differs: false } => {
            Connection { level: Level::Good, words: words::connected().to_owned() }
        }
        LinkView::Connected { clock_differs: true } => {
            Connection { level: Level::Warning, words: words::clock_differs().to_owned() }
        }
        LinkView::Trying { why: None, .. } => {
            Connection { level: Level::Quiet, words: words::connecting().to_owned() }
        }
        LinkView::Trying { since, why: Some(why), .. } => Connection {
            level: if *why == Trouble::KeyChanged { Level::Danger } else { Level::Warning },
            words: words::not_connected(&zone.short(*since, now), *why),
        },
    }
}

/// More never fits a line of the list.
const PREVIEW_CHARS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_795_824_000 + 12 * 3600);

    fn said(link: &LinkView) -> Connection {
        connection(link, &Zone::utc(), NOON)
    }

    fn failing(why: Trouble) -> Connection {
        said(&LinkView::Trying { since: NOON, why: Some(why), next_try: NOON })
    }

    #[test]
    fn a_connection_says_since_when_it_fails_and_why() {
        assert_eq!(said(&LinkView::Connected { clock_differs: false }).level, Level::Good);
        assert_eq!(said(&LinkView::Trying { since: NOON, why: None, next_try: NOON }).level, Level::Quiet);
        let away = failing(Trouble::Unreachable);
        assert_eq!(away.level, Level::Warning);
        assert!(away.words.starts_with("Not connected since 12:00: the relay does not answer."));
    }

    #[test]
    fn another_key_is_worse_than_anything() {
        for why in [Trouble::Local, Trouble::NoAddress, Trouble::Nonsense, Trouble::OtherVersion] {
            assert!(failing(why).level < failing(Trouble::KeyChanged).level);
        }
        assert!(said(&LinkView::Connected { clock_differs: true }).level < Level::Danger);
    }

    #[test]
    fn without_a_relay_the_window_says_so() {
        let home = Home::of(&Model::default(), &Zone::utc(), NOON);
        assert_eq!(home.connection.words, words::NO_RELAY);
        assert!(home.is_new());
    }

    #[test]
    fn a_preview_is_one_neutral_line() {
        let row = MessageRow {
            order: 1,
            incoming: true,
            written: NOON,
            stored: NOON,
            state: khaima_runtime::MessageState::Received,
            certificate_expired: false,
            body: RowBody::Text("a\n\u{202e}b".to_owned()),
        };
        assert_eq!(preview(&row), "a [U+202E]b");
    }
}
