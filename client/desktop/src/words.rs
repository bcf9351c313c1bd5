//! What the window says. Every word a person reads that nobody wrote to them stands in this module.
//!
//! Sentences say what happened, what it means and what to do. Names that stand inside a sentence are isolated, so that an Arabic
//! name does not reorder an English sentence.
//!
//! Not its concern: translations (English for now), how words are drawn (`text`).

#![expect(missing_docs, reason = "a constant of this module says itself what it is")]

mod failure;
mod state;

pub use failure::{failure, problem, refusal};
pub use state::{
    clock_differs, connected, connecting, fail_reason, invitation_state, not_connected, storage,
};

use khaima_runtime::Day;

use crate::text::{Direction, isolated};

/// The way the language of the interface runs.
pub const DIRECTION: Direction = Direction::LeftToRight;

/// The program, in the title of the window. Nothing else stands there: window managers log titles.
pub const TITLE: &str = "Khaima";

// The first screens.
pub const UNLOCK_HEADING: &str = "Unlock Khaima";
pub const UNLOCK_TEXT: &str =
    "Your messages and contacts are locked in this computer. Your passphrase opens them.";
pub const UNLOCK: &str = "Unlock";
pub const CREATE_HEADING: &str = "Welcome to Khaima";
pub const CREATE_TEXT: &str = "This makes a vault on this computer that holds your messages and contacts. There is no account, no phone \
                               number, no e-mail address.";
pub const CREATE: &str = "Make my vault";
pub const NAME: &str = "Your name";
pub const NAME_HINT: &str = "As your contacts will see it";
pub const NAME_NOTE: &str = "Only people you accept see it. It need not be the name in your papers.";
pub const PASSPHRASE: &str = "Passphrase";
pub const PASSPHRASE_AGAIN: &str = "Passphrase once more";
pub const PASSPHRASE_NOTE: &str = "It is all that protects this vault when the computer is taken: six random words or more. Nobody can give \
                                   it back to you.";
pub const SHOW: &str = "Show the passphrase while held";
pub const SHOW_AGAIN: &str = "Show the second passphrase while held";
pub const OPENING: &str = "Opening your vault. This takes a second or more, so that guessing takes years.";
pub const MAKING: &str = "Making your vault. This takes some seconds, once.";
pub const LOCKING: &str = "Locking. What is being stored is finished first.";
pub const NAME_HEADING: &str = "What are you called?";
pub const SAVE_NAME: &str = "Use this name";
pub const PASSPHRASES_DIFFER: &str =
    "The two passphrases are not the same. Nothing was made. Type both again.";
pub const PASSPHRASE_EMPTY: &str = "An empty passphrase protects nothing. Choose one.";

// The list.
pub const MESSAGES: &str = "Messages";
pub const LOCK: &str = "Lock";
pub const INVITE: &str = "Invite";
pub const JOIN: &str = "Use a link";
pub const NO_CONTACTS: &str = "Nobody is here yet. Invite somebody, or use a link that somebody gave you.";
pub const NOTHING_CHOSEN: &str = "Choose a conversation on the side.";
pub const ASKS: &str = "Asks to be your contact";
pub const WAITS: &str = "Has not answered yet";
pub const NEW_CONTACT: &str = "No messages yet";
pub const UNNAMED: &str = "(no name yet)";
pub const YOU: &str = "You";
pub const VERIFIED: &str = "Verified";
pub const NOT_VERIFIED: &str = "Not verified";
pub const DRAFT: &str = "Draft";
pub const DISMISS: &str = "Close this note";
pub const RELAYS: &str = "Relays";

// First step.
pub const FIRST_HEADING: &str = "One more step";
pub const FIRST_TEXT: &str = "Messages wait at a relay until they are fetched. It cannot read them, and is not told who writes to whom. \
                              Did somebody give you an invitation? Use it, and its relay comes along. Else enter the address of a \
                              relay.";
pub const FIRST_INVITED: &str = "I have an invitation";
pub const RELAY_ADDRESS: &str = "Address of the relay";
pub const RELAY_ADDRESS_HINT: &str = "HOST:PORT#KEY, from its operator";
pub const RELAY_CODE: &str = "Code, if the operator gave you one";
pub const USE_RELAY: &str = "Use this relay";
pub const RELAYS_HEADING: &str = "Relays";
pub const RELAYS_TEXT: &str =
    "New mailboxes are made at your home relay. Contacts keep writing to the relay they know.";
pub const HOME_RELAY: &str = "Home";
pub const RELAY_IDLE: &str = "Not needed at the moment";
pub const OTHER_RELAY: &str = "Use another relay, or enter a code";

// Invitations.
pub const INVITE_HEADING: &str = "Invite somebody";
pub const INVITE_TEXT: &str = "An invitation is for one person. Whoever uses it first becomes a contact request of yours, which you can accept \
                               or refuse. Send it by a way you trust, or let them scan it.";
pub const NOTE: &str = "For whom (a note for yourself)";
pub const NOTE_HINT: &str = "Stays on this computer";
pub const VALID_FOR: &str = "Valid for";
pub const DAYS: [(u32, &str); 3] = [(1, "1 day"), (7, "7 days"), (30, "30 days")];
pub const MAKE_INVITATION: &str = "Make an invitation";
pub const YOUR_INVITATIONS: &str = "Your invitations";
pub const INVITATION_HEADING: &str = "Your invitation";
pub const INVITATION_WAITS: &str =
    "The relay is being told. The link appears here when it may be given away.";
pub const INVITATION_LINK: &str = "Invitation link";
pub const INVITATION_CODE: &str = "Invitation as a QR code";
pub const COPY_LINK: &str = "Copy the link";
pub const COPIED: &str = "Copied. Clear the clipboard when you have sent it: other programs can read it.";
pub const WITHDRAW: &str = "Withdraw";
pub const FORGET: &str = "Remove from the list";
pub const TRY_AGAIN: &str = "Try again";
pub const BACK: &str = "Back";
pub const NO_CODE: &str = "The link is too long for a QR code. Send it as text.";

// Using a link.
pub const JOIN_HEADING: &str = "Use an invitation link";
pub const JOIN_TEXT: &str =
    "Paste the link you were given. Its owner sees your name and your words, and decides.";
pub const LINK: &str = "Link";
pub const LINK_HINT: &str = "khaima:…";
pub const GREETING: &str = "A few words, so that they know it is you";
pub const GREETING_HINT: &str = "Something only you two know";
pub const ASK: &str = "Ask to be a contact";
pub const ASKED: &str = "Asked. Their name appears in the list when the relay has answered; you can write once they have accepted.";

// A request.
pub const REQUEST_GREETING: &str = "They wrote";
pub const NO_GREETING: &str = "They wrote nothing.";
pub const REQUEST_TEXT: &str = "Anybody who got hold of your invitation could send this, under any name. Accept only if you are sure who it is. \
                                If you refuse they are not told.";
pub const ACCEPT: &str = "Accept";
pub const REFUSE: &str = "Refuse";

// A conversation.
pub const COMPOSER: &str = "Message";
pub const COMPOSER_HINT: &str = "Write a message";
pub const SEND: &str = "Send";
pub const SAFETY_NUMBER: &str = "Safety number";
pub const WAITING: &str = "Waiting to be sent";
pub const QUEUE_FULL: &str = "Waiting: their mailbox is full";
pub const SENT: &str = "Sent";
pub const DELIVERED: &str = "Delivered";
pub const NOT_SENT: &str = "Not sent";
pub const UNREADABLE: &str = "A message came that cannot be read. It may have been damaged, or meant for an older copy of this vault. Ask them to \
                              send it again.";
pub const UNSUPPORTED: &str = "A message of a newer kind came. Update Khaima to see it.";
pub const PROOF_EXPIRED: &str = "Their proof of who they are had run out when this was sent. If you are in doubt, ask them by another way.";
pub const OLDER: &str = "Looking for older messages…";
pub const EMPTY_THREAD: &str = "Nothing written yet.";
pub const LOADING: &str = "Reading the conversation…";

// Safety number.
pub const COMPUTING: &str = "Computing the safety number…";
pub const MARK_VERIFIED: &str = "The numbers are the same";
pub const UNMARK_VERIFIED: &str = "Take this back";
pub const VERIFIED_TEXT: &str = "You compared the numbers, and they were the same.";
pub const SAFETY_CODE: &str = "Safety number as a QR code";

/// Days and months, as in lists and between messages.
pub const TODAY: &str = "Today";
pub const YESTERDAY: &str = "Yesterday";
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A day with its month, like `30 November`; with the year where it is not this one.
#[must_use]
pub fn date(day: Day, this_year: u32) -> String {
    let date = day.civil();
    let month = MONTHS.get(usize::from(date.month).saturating_sub(1)).copied().unwrap_or_default();
    if date.year == this_year {
        format!("{} {month}", date.day)
    } else {
        format!("{} {month} {}", date.day, date.year)
    }
}

/// How many messages are missing.
#[must_use]
pub fn gap(count: u64) -> String {
    let missing = if count == 1 { "One message is".to_owned() } else { format!("{count} messages are") };
    format!(
        "{missing} missing here for more than a day. The relay may have lost or held them back. Ask by another way what was in them."
    )
}

/// Unread messages, for a screen reader.
#[must_use]
pub fn unread(count: u32) -> String {
    format!("{count} unread")
}

/// Relay work not done yet.
#[must_use]
pub fn waiting(count: usize) -> String {
    if count == 1 {
        "One thing waits to be done by a relay.".to_owned()
    } else {
        format!("{count} things wait to be done by a relay.")
    }
}

/// Somebody asks.
#[must_use]
pub fn request_heading(name: &str) -> String {
    format!("{} asks to be your contact", isolated(name))
}

/// The invitation somebody came with.
#[must_use]
pub fn request_note(note: &str) -> String {
    format!("They used the invitation you noted as “{}”.", isolated(note))
}

/// Why one cannot write yet.
#[must_use]
pub fn not_yet(name: &str) -> String {
    format!("You can write to {} once they have accepted.", isolated(name))
}

/// Their mailbox is gone.
#[must_use]
pub fn mailbox_gone(name: &str) -> String {
    format!(
        "{}'s mailbox is gone: they ended the contact, lost their device, or their relay dropped it. New messages do not arrive. Ask them by \
         another way.",
        isolated(name)
    )
}

/// Their list of devices is another.
#[must_use]
pub fn other_devices(name: &str) -> String {
    format!(
        "{}'s messages name other devices than the ones you know. They may have added one, or somebody uses an old copy. Ask them by another \
         way.",
        isolated(name)
    )
}

/// What to do with a safety number.
#[must_use]
pub fn safety_text(name: &str) -> String {
    format!(
        "{} sees the same 60 digits when nobody stands between you. Compare them when you meet, or by voice, not by message.",
        isolated(name)
    )
}

/// How an invitation stands, with its last day.
#[must_use]
pub fn valid_to(date: &str) -> String {
    format!("Valid to {date}.")
}

/// More came with one invitation.
#[must_use]
pub fn refused_again(count: u32) -> String {
    let tries = if count == 1 { "One more try was".to_owned() } else { format!("{count} more tries were") };
    format!(
        "{tries} made with this link after it was taken, and refused: somebody else has seen it. Ask your new contact by another way whether \
         it was them who answered."
    )
}

/// One message for a screen reader.
#[must_use]
pub fn message_name(from: &str, when: &str, text: &str, state: &str) -> String {
    let end = if state.is_empty() { String::new() } else { format!(". {state}") };
    format!("{from}, {when}: {text}{end}")
}

/// The relay wants a code.
pub const PERMIT_NEEDED: &str = "A relay makes mailboxes only for people with a code. Ask its operator for one and enter it under Relays.";

/// A row without readable words, in the list.
pub const UNREADABLE_SHORT: &str = "Messages are missing or cannot be read";
/// A row of a newer kind, in the list.
pub const UNSUPPORTED_SHORT: &str = "A message of a newer kind";

/// In the place of a connection that was stopped for a danger told elsewhere.
pub const STOPPED: &str = "Not connected: the relay has another key";
/// In the place of a connection.
pub const NO_RELAY: &str = "No relay yet";
/// Why no invitation can be made.
pub const NO_RELAY_YET: &str = "You have no relay yet: use an invitation that somebody gave you, or enter a relay's address under Relays.";
