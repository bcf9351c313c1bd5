//! What a terminal, a script or another process can ask of a running client, and what it answers: plain data, one JSON
//! object each.

use serde::{Deserialize, Serialize};

/// Something asked.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Call {
    /// Say yes to a contact request, or answer an invitation link.
    Accept {
        /// A `khaima:` link, or the name or id of whoever asked.
        what: String,
        /// Words for whoever made the invitation.
        #[serde(default)]
        greeting: String,
    },
    /// The contacts, and who asks to be one.
    Contacts {
        /// Answer only when this is so.
        #[serde(default)]
        wait: ContactWait,
    },
    /// Make an invitation and wait until the relay has it.
    Invite {
        /// Valid for so many days, 1 to 90.
        days: u32,
        /// A reminder for oneself.
        #[serde(default)]
        note: String,
    },
    /// The invitations.
    Invitations,
    /// Everything new from now on, one answer each, until the connection ends.
    Listen,
    /// Lock: end the agent, forget the keys.
    Lock,
    /// The messages with a contact.
    Read {
        /// Name or id.
        contact: String,
        /// Answer only when there are so many.
        #[serde(default)]
        wait_for: usize,
        /// At most so many, the newest.
        limit: usize,
    },
    /// Say no to a contact request.
    Refuse {
        /// Name or id of whoever asked.
        contact: String,
    },
    /// Send a text.
    Send {
        /// Name or id.
        contact: String,
        /// The words.
        text: String,
        /// Answer at once instead of waiting until the relay has it.
        #[serde(default)]
        queue: bool,
    },
    /// Own name, relays and whether they are connected.
    Status,
    /// Remember a relay and make it the home of new mailboxes.
    UseRelay {
        /// Its address with the pinned key.
        address: String,
        /// A code of its operator.
        #[serde(default)]
        code: Option<String>,
    },
    /// The safety number with a contact, and whether it was compared.
    Verify {
        /// Name or id.
        contact: String,
        /// Remember that the numbers matched, or did not.
        #[serde(default)]
        confirm: Option<bool>,
    },
}

/// What `contacts` waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactWait {
    /// Nothing.
    #[default]
    Nothing,
    /// Until somebody asks to be a contact.
    Request,
    /// Until every request made here is answered.
    Acceptance,
}

/// An answer.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Answer {
    /// Done, nothing to tell.
    Done,
    /// The contacts.
    Contacts {
        /// By name.
        contacts: Vec<ContactEntry>,
    },
    /// One invitation.
    Invitation(InvitationEntry),
    /// The invitations.
    Invitations {
        /// Newest first.
        invitations: Vec<InvitationEntry>,
    },
    /// Messages, oldest first.
    Messages {
        /// The rows.
        messages: Vec<MessageEntry>,
    },
    /// Something new, while listening.
    News {
        /// With whom.
        contact: String,
        /// The row.
        message: MessageEntry,
    },
    /// Somebody asks to be a contact, while listening.
    Request {
        /// Who.
        contact: ContactEntry,
    },
    /// A message was sent, or queued.
    Sent {
        /// The row.
        message: MessageEntry,
    },
    /// The safety number.
    SafetyNumber {
        /// With whom.
        contact: String,
        /// 60 digits in groups of five.
        digits: String,
        /// What the other side reads by camera, hexadecimal.
        scannable: String,
        /// Whether the person compared them.
        verified: bool,
    },
    /// Who we are and what is connected.
    Status {
        /// The name shown to contacts.
        name: String,
        /// The relays.
        relays: Vec<RelayEntry>,
        /// Texts and other relay work not done yet.
        waiting: usize,
    },
}

/// A contact, or somebody who asks to be one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactEntry {
    /// Names the contact on this device, hexadecimal.
    pub id: String,
    /// As shown.
    pub name: String,
    /// `asks`, `waiting`, `accepted`, `failed`.
    pub state: ContactState,
    /// Whether safety numbers were compared.
    pub verified: bool,
    /// What they wrote with their request.
    pub greeting: String,
    /// Messages not read yet.
    pub unread: u64,
}

/// How far two people are with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactState {
    /// They can be written to.
    Accepted,
    /// They ask; we have not answered.
    Asks,
    /// Something went wrong with the invitation.
    Failed,
    /// We asked; they have not answered.
    Waiting,
}

/// An invitation made or accepted here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationEntry {
    /// Names it on this device, hexadecimal.
    pub id: String,
    /// The link, once it may be given away.
    pub link: Option<String>,
    /// `preparing`, `ready`, `used`, `ended`, and for one from somebody else `asking`, `failed`.
    pub state: String,
    /// The last day on which it is valid, like `2026-11-30`.
    pub expires: String,
    /// The reminder.
    pub note: String,
    /// How many more came with it after it was taken.
    pub refused: u32,
}

/// One row of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageEntry {
    /// Its place; rows sort by it.
    pub order: u64,
    /// `true` when written on this side.
    pub mine: bool,
    /// Who wrote it.
    pub from: String,
    /// The words, or what stands in their place.
    pub text: String,
    /// `text`, `gap`, `unreadable`, `notice`.
    pub kind: String,
    /// `queued`, `sent`, `delivered`, `failed`, `received`.
    pub state: String,
    /// Milliseconds since 1970, by this device's clock.
    pub at_ms: u64,
    /// Anything about it a person should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// A relay and how the two connections to it stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayEntry {
    /// Address with pin.
    pub address: String,
    /// Whether new mailboxes are made here.
    pub home: bool,
    /// `connected`, `trying`, `key_changed`, `other_version`.
    pub state: String,
}

/// Why a call failed. Words for people are the program's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", rename_all = "snake_case")]
#[non_exhaustive]
pub enum CallError {
    /// Two contacts go by this name: use the id.
    #[error("more than one contact has this name")]
    Ambiguous,
    /// The program that holds the vault is ending.
    #[error("the client is stopping")]
    Ending,
    /// What was asked is not possible as things stand; `why` is a fixed word.
    #[error("the client refused: {why}")]
    Refused {
        /// A fixed word, see `khaima_engine`'s errors.
        why: String,
    },
    /// A link or an address could not be read.
    #[error("the link or address is not valid: {why}")]
    Invalid {
        /// A fixed word.
        why: String,
        /// For an expired link: its last day.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        day: Option<String>,
    },
    /// No contact goes by this name or id.
    #[error("no such contact")]
    NoSuchContact,
    /// The relay did something about it that a person must know.
    #[error("the relay: {why}")]
    Relay {
        /// A fixed word.
        why: String,
    },
    /// The vault could not be read or written.
    #[error("the vault could not be read or written: {why}")]
    Store {
        /// A fixed word.
        why: String,
    },
    /// It takes longer than one waits; it goes on by itself.
    #[error("not finished in time; it goes on")]
    TimedOut {
        /// What the relay link suffers from, a fixed word.
        why: String,
    },
}
