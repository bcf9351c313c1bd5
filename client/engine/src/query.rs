//! Reading for screens: plain data, nothing decided, nothing changed.
//!
//! Not its concern: words, dates and colours (the UIs).

use std::fmt;

use khaima_signal::IdentityKey;
use khaima_wire::{Day, RelayAddress, Timestamp};

use crate::drops::{DropReason, counted};
use crate::error::EngineError;
use crate::ids::{ContactId, ConversationId, InvitationId, RelayId};
use crate::records::{
    AcceptedState, Body, ContactRecord, ContactState, ConversationRecord, FailReason, InvitationRecord,
    MadeState, MailboxRecord, MessageRecord, Profile, RelayRecord, RowState, Side, View, load, load_all,
    row_id,
};
use crate::store::{Order, RecordKind, StoreView};

/// Who we are, for a screen.
#[derive(Clone)]
pub struct ProfileView {
    /// The name told to contacts.
    pub name: String,
    /// The public identity key.
    pub identity_key: IdentityKey,
    /// The random id contacts know.
    pub uuid: [u8; 16],
    /// Where new mailboxes are made.
    pub home: Option<RelayAddress>,
}

/// A relay we know.
#[derive(Clone, Debug)]
pub struct RelayView {
    /// Which.
    pub id: RelayId,
    /// Where it is.
    pub address: RelayAddress,
    /// Whether mailboxes of ours live there.
    pub has_mailboxes: bool,
    /// Whether new mailboxes are made there.
    pub is_home: bool,
    /// Permits left.
    pub permits: usize,
    /// It wants a permit and we have none.
    pub permit_needed: bool,
}

/// How far we are with a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Both said yes.
    Accepted,
    /// They asked; we have not answered.
    AsksUs,
    /// We asked; they have not answered.
    AskedByUs,
}

/// One person, for a screen.
#[derive(Clone)]
pub struct ContactView {
    /// Which.
    pub id: ContactId,
    /// The conversation with them.
    pub conversation: ConversationId,
    /// The name to show: ours for them, else theirs. Empty until they gave one.
    pub name: String,
    /// The name they gave themselves.
    pub own_name: String,
    /// How far we are.
    pub relation: Relation,
    /// What they wrote with their request, or we with ours.
    pub greeting: String,
    /// Safety numbers were compared and matched.
    pub verified: bool,
    /// Their list of devices is not the one we know.
    pub statement_mismatch: bool,
    /// Their mailbox is gone: deleted, expired or blocked.
    pub mailbox_gone: bool,
    /// Their identity key, for the safety number.
    pub identity_key: IdentityKey,
    /// Their random id, for the safety number.
    pub uuid: [u8; 16],
    /// When we first heard of them.
    pub created: Timestamp,
    /// When they were last heard of.
    pub heard: Option<Timestamp>,
}

/// One conversation, for a list.
#[derive(Clone)]
pub struct ConversationView {
    /// Which.
    pub id: ConversationId,
    /// With whom.
    pub contact: ContactId,
    /// Their name.
    pub name: String,
    /// Incoming rows not seen.
    pub unread: u32,
    /// The last row seen by the person.
    pub read_up_to: u64,
    /// The newest row.
    pub last: Option<MessageRow>,
    /// When something last happened.
    pub last_at: Timestamp,
}

/// What a row says. `Debug` shows no words.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowBody {
    /// So many messages are missing here, for more than a day.
    Gap {
        /// How many.
        count: u64,
    },
    /// Words, as received: not cleaned of control characters.
    Text(String),
    /// A message that cannot be read.
    Undecryptable,
    /// A message of a kind this version does not know.
    Unsupported,
}

impl fmt::Debug for RowBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gap { .. } => "Gap(..)",
            Self::Text(_) => "Text(..)",
            Self::Undecryptable => "Undecryptable",
            Self::Unsupported => "Unsupported",
        })
    }
}

/// How far a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageState {
    /// Theirs.
    Received,
    /// Waits here for the relay.
    Queued,
    /// Waits here because their queue is full.
    QueueFull,
    /// Stored at their relay.
    Sent {
        /// Since when.
        at: Timestamp,
    },
    /// On their device.
    Delivered {
        /// When we learned of it.
        at: Timestamp,
    },
    /// It will not arrive.
    Failed(FailReason),
}

/// One row of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// Its place; rows sort by it.
    pub order: u64,
    /// Whether they wrote it.
    pub incoming: bool,
    /// When it was written, as its writer says.
    pub written: Timestamp,
    /// When it was stored here.
    pub stored: Timestamp,
    /// How far it is.
    pub state: MessageState,
    /// The sender's certificate had expired when the relay stored it: show a warning.
    pub certificate_expired: bool,
    /// What it says.
    pub body: RowBody,
}

/// How far an invitation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvitationState {
    /// Made here: waits for the relay.
    Making,
    /// Made here: the link may be given away.
    Open,
    /// Made here: somebody has come with it.
    Taken,
    /// Made here: its last day passed.
    Expired,
    /// Made here: taken back.
    Withdrawn,
    /// Made here: it has done its work.
    Used,
    /// Accepted here: waits for the relay.
    Claiming,
    /// Accepted here: used, withdrawn, expired, or an answer got lost.
    Gone,
    /// Accepted here: what the relay gave out is not what the link promises.
    Tampered,
    /// Accepted here: the other side has been asked.
    Requested,
}

/// One invitation, for a screen.
#[derive(Clone)]
pub struct InvitationView {
    /// Which.
    pub id: InvitationId,
    /// How far it is.
    pub state: InvitationState,
    /// Whether it was made here (or accepted here).
    pub made_here: bool,
    /// The link while it can be given away.
    pub link: Option<String>,
    /// Our own reminder.
    pub note: String,
    /// Its last day.
    pub expires: Day,
    /// When it was made or accepted.
    pub created: Timestamp,
    /// Who came of it.
    pub contact: Option<ContactId>,
    /// How many came after it was taken.
    pub refused: u32,
    /// The relay it is at.
    pub relay: RelayAddress,
}

/// Who we are; `None` before there is a profile.
///
/// # Errors
/// When the store cannot be read or a record is damaged.
pub fn profile(view: &impl StoreView) -> Result<Option<ProfileView>, EngineError> {
    let Some(profile) = Profile::load(view)? else { return Ok(None) };
    let home = match profile.home {
        Some(id) => load::<RelayRecord>(view, id.as_bytes())?.map(|record| record.address),
        None => None,
    };
    Ok(Some(ProfileView {
        identity_key: profile.identity_key(),
        name: profile.name,
        uuid: profile.uuid,
        home,
    }))
}

/// All relays we know.
///
/// # Errors
/// When the store cannot be read or a record is damaged.
pub fn relays(view: &impl StoreView) -> Result<Vec<RelayView>, EngineError> {
    let home = Profile::load(view)?.and_then(|profile| profile.home);
    let mailboxes = load_all::<MailboxRecord>(view, &[])?;
    let relays = load_all::<RelayRecord>(view, &[])?.into_iter().map(|(_, record)| {
        let id = record.id();
        RelayView {
            id,
            has_mailboxes: mailboxes.iter().any(|(_, mailbox)| mailbox.relay == id),
            is_home: home == Some(id),
            permits: record.permits.len(),
            permit_needed: record.permit_needed,
            address: record.address,
        }
    });
    Ok(relays.collect())
}

/// All people, by when we first heard of them.
///
/// # Errors
/// When the store cannot be read or a record is damaged.
pub fn contacts(view: &impl StoreView) -> Result<Vec<ContactView>, EngineError> {
    let mut contacts: Vec<ContactView> =
        load_all::<ContactRecord>(view, &[])?.into_iter().map(|(_, record)| contact_view(record)).collect();
    contacts.sort_by_key(|contact| (contact.created, contact.id));
    Ok(contacts)
}

/// One person.
///
/// # Errors
/// When the store cannot be read or a record is damaged.
pub fn contact(view: &impl StoreView, id: ContactId) -> Result<Option<ContactView>, EngineError> {
    Ok(load::<ContactRecord>(view, id.as_bytes())?.map(contact_view))
}

fn contact_view(record: ContactRecord) -> ContactView {
    ContactView {
        id: record.id,
        conversation: ConversationId::of(record.id),
        name: record.shown_name().to_owned(),
        relation: match record.state {
            ContactState::Accepted => Relation::Accepted,
            ContactState::Incoming => Relation::AsksUs,
            ContactState::Requested => Relation::AskedByUs,
        },
        own_name: record.name,
        greeting: record.greeting,
        verified: record.verified,
        statement_mismatch: record.statement_mismatch,
        mailbox_gone: record.mailbox_gone,
        identity_key: record.identity,
        uuid: record.uuid,
        created: record.created,
        heard: record.heard,
    }
}

/// All conversations, the one where something happened last first.
///
/// # Errors
/// When the store cannot be read or a record is damaged.
pub fn conversations(view: &impl StoreView) -> Result<Vec<ConversationView>, EngineError> {
    let mut found = Vec::new();
    for (_, record) in load_all::<ConversationRecord>(view, &[])? {
        let contact = record.id.contact();
        let Some(person) = load::<ContactRecord>(view, contact.as_bytes())? else { continue };
        found.push(ConversationView {
            id: record.id,
            contact,
            name: person.shown_name().to_owned(),
            unread: record.unread,
            read_up_to: record.read_up_to,
            last: messages(view, record.id, None, 1)?.pop(),
            last_at: record.last_at,
        });
    }
    found.sort_by_key(|conversation| (std::cmp::Reverse(conversation.last_at), conversation.id));
    Ok(found)
}

/// The newest `limit` rows of a conversation that lie before `before`, oldest first.
///
/// # Errors
/// When the store cannot be read or a record is damaged.
pub fn messages(
    view: &impl StoreView,
    conversation: ConversationId,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<MessageRow>, EngineError> {
    let view: &dyn View = view;
    let after = before.map(|order| row_id(conversation, order));
    let keys = view.list(
        RecordKind::Message,
        conversation.as_bytes(),
        Order::Descending,
        after.as_ref().map(<[u8; 24]>::as_slice),
        limit,
    )?;
    let mut rows = Vec::with_capacity(keys.len());
    for key in keys.iter().rev() {
        let order = key.id().get(16..).and_then(|tail| tail.try_into().ok()).map(u64::from_be_bytes);
        let order = order.ok_or(EngineError::Damaged(RecordKind::Message))?;
        if let Some(row) = MessageRecord::load(view, conversation, order)? {
            rows.push(message_row(order, row));
        }
    }
    Ok(rows)
}

/// One row.
///
/// # Errors
/// When the store cannot be read or a record is damaged.
pub fn message(
    view: &impl StoreView,
    conversation: ConversationId,
    order: u64,
) -> Result<Option<MessageRow>, EngineError> {
    Ok(MessageRecord::load(view, conversation, order)?.map(|row| message_row(order, row)))
}

fn message_row(order: u64, row: MessageRecord) -> MessageRow {
    MessageRow {
        order,
        incoming: row.incoming,
        written: row.written,
        stored: row.stored,
        state: match row.state {
            RowState::Received => MessageState::Received,
            RowState::Queued => MessageState::Queued,
            RowState::Full => MessageState::QueueFull,
            RowState::Sent { at } => MessageState::Sent { at },
            RowState::Delivered { at } => MessageState::Delivered { at },
            RowState::Failed(reason) => MessageState::Failed(reason),
        },
        certificate_expired: row.certificate_expired,
        body: match row.body {
            Body::Gap { count } => RowBody::Gap { count },
            Body::Text(text) => RowBody::Text(text),
            Body::TextBlob => RowBody::Text(String::new()),
            Body::Undecryptable => RowBody::Undecryptable,
            Body::Unsupported => RowBody::Unsupported,
        },
    }
}

/// All invitations, by when they were made.
///
/// # Errors
/// When the store cannot be read or a record is damaged.
pub fn invitations(view: &impl StoreView) -> Result<Vec<InvitationView>, EngineError> {
    let mut found: Vec<InvitationView> = load_all::<InvitationRecord>(view, &[])?
        .into_iter()
        .map(|(_, record)| invitation_view(record))
        .collect();
    found.sort_by_key(|invitation| (invitation.created, invitation.id));
    Ok(found)
}

fn invitation_view(record: InvitationRecord) -> InvitationView {
    let (state, made_here, link, note, refused) = match record.side {
        Side::Made { state, link, note, refused, .. } => {
            let shown = match state {
                MadeState::Making => InvitationState::Making,
                MadeState::Open => InvitationState::Open,
                MadeState::Taken => InvitationState::Taken,
                MadeState::Expired => InvitationState::Expired,
                MadeState::Withdrawn => InvitationState::Withdrawn,
                MadeState::Used => InvitationState::Used,
            };
            let link = (state == MadeState::Open).then(|| link.to_string());
            (shown, true, link, note, refused)
        }
        Side::Accepted { state, .. } => {
            let shown = match state {
                AcceptedState::Claiming => InvitationState::Claiming,
                AcceptedState::Gone => InvitationState::Gone,
                AcceptedState::Tampered => InvitationState::Tampered,
                AcceptedState::Requested => InvitationState::Requested,
            };
            (shown, false, None, String::new(), 0)
        }
    };
    InvitationView {
        id: record.id,
        state,
        made_here,
        link,
        note,
        expires: record.expires,
        created: record.created,
        contact: record.contact,
        refused,
        relay: record.relay,
    }
}

/// How many envelopes were dropped, by reason; reasons that never occurred are left out.
///
/// # Errors
/// When the store cannot be read.
pub fn dropped(view: &impl StoreView) -> Result<Vec<(DropReason, u64)>, EngineError> {
    let mut found = Vec::new();
    for reason in DropReason::ALL {
        let count = counted(view, reason)?;
        if count > 0 {
            found.push((reason, count));
        }
    }
    Ok(found)
}

/// How many jobs wait for relays.
///
/// # Errors
/// When the store cannot be read.
pub fn pending_jobs(view: &impl StoreView) -> Result<usize, EngineError> {
    Ok((view as &dyn View).list(RecordKind::Job, &[], Order::Ascending, None, usize::MAX)?.len())
}
