//! The rows of the open conversation, loaded piece by piece.
//!
//! A thread asks for the newest rows, for older ones when somebody scrolls up to them, and for single rows that changed; one
//! request is under way at a time.
//!
//! Not its concern: reading the vault (`work`), heights and places on the screen (`screens::thread`).

use std::collections::BTreeSet;

use khaima_runtime::{ConversationId, Event, MessageRow, MessageState, RowBody, Timestamp};

use crate::text::body;
use crate::when::Zone;
use crate::words;
use crate::work::RowsWanted;

/// Rows read at once.
pub const PAGE: usize = 100;
/// Rows kept while nobody looks at the old ones.
const KEPT: usize = 600;

/// An open conversation.
pub struct Thread {
    /// Which.
    pub conversation: ConversationId,
    items: Vec<Item>,
    /// Nothing older is in the vault.
    reached_start: bool,
    loaded: bool,
    asked: Option<RowsWanted>,
    wants: Wants,
}

/// What a thread has still to ask for.
#[derive(Default)]
struct Wants {
    /// So many of the newest.
    newest: usize,
    older: bool,
    single: BTreeSet<u64>,
}

/// One row, ready to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its place.
    pub order: u64,
    /// The local day it was written on, as days since 1970.
    pub day: u32,
    /// That day in words.
    pub day_words: String,
    /// The hour it was written at.
    pub time: String,
    /// What it says.
    pub says: Says,
}

/// What an item says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// Something between the messages: a gap, a message that cannot be read.
    Notice(String),
    /// Theirs.
    Theirs {
        /// The words.
        text: String,
        /// Something to know about it.
        warning: Option<&'static str>,
    },
    /// Ours.
    Ours {
        /// The words.
        text: String,
        /// How far it is.
        standing: Standing,
    },
}

/// How far a message of ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// On its way, with the word for it.
    OnItsWay(&'static str),
    /// It will not arrive, and why. It can be tried again.
    Failed(&'static str),
}

impl Thread {
    /// A thread that has nothing yet and wants the newest page.
    #[must_use]
    pub fn new(conversation: ConversationId) -> Self {
        let wants = Wants { newest: PAGE, ..Wants::default() };
        Self { conversation, items: Vec::new(), reached_start: false, loaded: false, asked: None, wants }
    }

    /// The rows, oldest first.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Whether the first page has come.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// Whether there is more above.
    #[must_use]
    pub fn has_older(&self) -> bool {
        self.loaded && !self.reached_start
    }

    /// The newest row.
    #[must_use]
    pub fn newest(&self) -> Option<u64> {
        self.items.last().map(|item| item.order)
    }

    /// Somebody scrolled up to the beginning of what is loaded.
    pub fn want_older(&mut self) {
        self.wants.older |= self.has_older();
    }

    /// Notices may have been lost: everything loaded is read again.
    pub fn want_all(&mut self) {
        self.wants.newest = self.wants.newest.max(self.items.len().max(PAGE));
    }

    /// Something happened; perhaps here.
    pub fn on_event(&mut self, event: &Event) {
        match event {
            Event::MessageStored { conversation, .. } | Event::GapNoticed { conversation, .. }
                if *conversation == self.conversation =>
            {
                self.wants.newest += 1;
                if let Event::GapNoticed { order, .. } = event {
                    self.wants.single.insert(*order);
                }
            }
            Event::MessageChanged { conversation, order } if *conversation == self.conversation => {
                self.wants.single.insert(*order);
            }
            Event::GapClosed { conversation, order } if *conversation == self.conversation => {
                self.items.retain(|item| item.order != *order);
                self.wants.single.remove(order);
            }
            _ => {}
        }
    }

    /// What to ask for next, if anything. To be given back with [`Self::on_rows`] or [`Self::on_refused`].
    pub fn next_wanted(&mut self) -> Option<RowsWanted> {
        if self.asked.is_some() {
            return None;
        }
        let conversation = self.conversation;
        let wanted = if self.wants.newest > 0 {
            let newest = std::mem::take(&mut self.wants.newest);
            let limit = if self.loaded { newest } else { newest.max(PAGE) };
            RowsWanted { conversation, before: None, limit }
        } else if let Some(order) = self.wants.single.pop_first() {
            RowsWanted { conversation, before: Some(order.saturating_add(1)), limit: 1 }
        } else if std::mem::take(&mut self.wants.older) {
            let first = self.items.first()?.order;
            RowsWanted { conversation, before: Some(first), limit: PAGE }
        } else {
            return None;
        };
        self.asked = Some(wanted);
        Some(wanted)
    }

    /// What was asked for could not be had; it is asked for again.
    pub fn on_refused(&mut self) {
        let Some(asked) = self.asked.take() else { return };
        match asked.before {
            None => self.wants.newest = self.wants.newest.max(asked.limit),
            Some(before) if asked.limit == 1 => {
                self.wants.single.insert(before.saturating_sub(1));
            }
            Some(_) => self.wants.older = true,
        }
    }

    /// What was asked for could not be read. It is not asked for again before something happens: a disk that fails would be kept busy.
    pub fn on_failed(&mut self) {
        self.asked = None;
    }

    /// Rows came.
    pub fn on_rows(&mut self, wanted: RowsWanted, rows: &[MessageRow], zone: &Zone, now: Timestamp) {
        if self.asked != Some(wanted) {
            return;
        }
        self.asked = None;
        let is_page = wanted.limit > 1 || wanted.before.is_none();
        if is_page && rows.len() < wanted.limit && (wanted.before.is_some() || !self.loaded) {
            self.reached_start = true;
        }
        for row in rows {
            let item = Item::of(row, zone, now);
            // A single row that is gone is answered by the one before it; that one, if loaded, is only made anew.
            match self.items.binary_search_by_key(&item.order, |known| known.order) {
                Ok(at) => {
                    if let Some(known) = self.items.get_mut(at) {
                        *known = item;
                    }
                }
                Err(at) if is_page || at > 0 => self.items.insert(at, item),
                Err(_) => {}
            }
        }
        self.loaded = true;
    }

    /// Forgets old rows that nobody is looking at. Returns whether any went.
    pub fn trim(&mut self) -> bool {
        let surplus = self.items.len().saturating_sub(KEPT);
        if surplus < PAGE {
            return false;
        }
        self.items.drain(..surplus);
        self.reached_start = false;
        true
    }
}

impl Item {
    /// From a row of the vault.
    #[must_use]
    pub fn of(row: &MessageRow, zone: &Zone, now: Timestamp) -> Self {
        // What its writer's clock says orders nothing, but is what people mean by the time of a message; a time to come is not.
        let at = row.written.min(row.stored);
        let day = zone.day(at);
        let says = match &row.body {
            RowBody::Gap { count } => Says::Notice(words::gap(*count)),
            RowBody::Undecryptable => Says::Notice(words::UNREADABLE.to_owned()),
            RowBody::Text(text) if row.incoming => Says::Theirs {
                text: body(text),
                warning: row.certificate_expired.then_some(words::PROOF_EXPIRED),
            },
            RowBody::Text(text) => Says::Ours { text: body(text), standing: Standing::of(row.state) },
            _ => Says::Notice(words::UNSUPPORTED.to_owned()),
        };
        Self {
            order: row.order,
            day: day.number(),
            day_words: zone.day_words(day, now),
            time: zone.hour(at),
            says,
        }
    }

    /// How a screen reader calls it.
    #[must_use]
    pub fn spoken(&self, their_name: &str) -> String {
        match &self.says {
            Says::Notice(text) => text.clone(),
            Says::Theirs { text, warning } => {
                words::message_name(their_name, &self.time, text, warning.unwrap_or_default())
            }
            Says::Ours { text, standing } => {
                let state = match standing {
                    Standing::OnItsWay(word) => word,
                    Standing::Failed(_) => words::NOT_SENT,
                };
                words::message_name(words::YOU, &self.time, text, state)
            }
        }
    }
}

impl Standing {
    fn of(state: MessageState) -> Self {
        match state {
            MessageState::QueueFull => Self::OnItsWay(words::QUEUE_FULL),
            MessageState::Sent { .. } => Self::OnItsWay(words::SENT),
            MessageState::Delivered { .. } => Self::OnItsWay(words::DELIVERED),
            MessageState::Failed(reason) => Self::Failed(words::fail_reason(reason)),
            _ => Self::OnItsWay(words::WAITING),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: fn() -> ConversationId = || ConversationId::from_bytes([1; 16]);
    const NOW: Timestamp = Timestamp::from_secs(1_795_824_000);

    fn row(order: u64) -> MessageRow {
        MessageRow {
            order,
            incoming: true,
            written: NOW,
            stored: NOW,
            state: MessageState::Received,
            certificate_expired: false,
            body: RowBody::Text(format!("row {order}")),
        }
    }

    fn rows(orders: std::ops::Range<u64>) -> Vec<MessageRow> {
        orders.map(row).collect()
    }

    fn orders(thread: &Thread) -> Vec<u64> {
        thread.items().iter().map(|item| item.order).collect()
    }

    fn loaded(orders: std::ops::Range<u64>) -> Thread {
        let mut thread = Thread::new(HERE());
        let wanted = thread.next_wanted().unwrap();
        thread.on_rows(wanted, &rows(orders), &Zone::utc(), NOW);
        thread
    }

    #[test]
    fn the_newest_page_comes_first_and_one_request_is_under_way_at_a_time() {
        let mut thread = Thread::new(HERE());
        let wanted = thread.next_wanted().unwrap();
        assert_eq!((wanted.before, wanted.limit), (None, PAGE));
        assert!(thread.next_wanted().is_none());
        assert!(!thread.is_loaded());
    }

    #[test]
    fn older_rows_are_asked_for_until_there_are_none() {
        let mut thread = loaded(100..200);
        thread.want_older();
        let wanted = thread.next_wanted().unwrap();
        assert_eq!((wanted.before, wanted.limit), (Some(100), PAGE));
        thread.on_rows(wanted, &rows(40..100), &Zone::utc(), NOW);
        assert_eq!(orders(&thread), (40..200).collect::<Vec<_>>());
        assert!(!thread.has_older());
        thread.want_older();
        assert!(thread.next_wanted().is_none());
    }

    #[test]
    fn a_burst_is_fetched_whole_after_the_request_under_way() {
        let mut thread = loaded(0..3);
        for order in 3..8 {
            thread.on_event(&Event::MessageStored { conversation: HERE(), order, incoming: true });
        }
        let wanted = thread.next_wanted().unwrap();
        assert_eq!((wanted.before, wanted.limit), (None, 5));
        thread.on_event(&Event::MessageStored { conversation: HERE(), order: 8, incoming: true });
        thread.on_rows(wanted, &rows(3..8), &Zone::utc(), NOW);
        assert_eq!(thread.next_wanted().unwrap().limit, 1);
        assert_eq!(orders(&thread), (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn a_changed_row_replaces_itself_and_other_conversations_do_not_matter() {
        let mut thread = loaded(0..3);
        thread
            .on_event(&Event::MessageChanged { conversation: ConversationId::from_bytes([2; 16]), order: 1 });
        assert!(thread.next_wanted().is_none());
        thread.on_event(&Event::MessageChanged { conversation: HERE(), order: 1 });
        let wanted = thread.next_wanted().unwrap();
        assert_eq!((wanted.before, wanted.limit), (Some(2), 1));
        let changed = MessageRow { incoming: false, state: MessageState::Queued, ..row(1) };
        thread.on_rows(wanted, &[changed], &Zone::utc(), NOW);
        assert_eq!(orders(&thread), [0, 1, 2]);
        assert!(matches!(thread.items()[1].says, Says::Ours { .. }));
    }

    #[test]
    fn a_closed_gap_goes_and_a_refused_request_is_repeated() {
        let mut thread = loaded(0..3);
        thread.on_event(&Event::GapClosed { conversation: HERE(), order: 1 });
        assert_eq!(orders(&thread), [0, 2]);
        thread.on_event(&Event::MessageChanged { conversation: HERE(), order: 2 });
        let wanted = thread.next_wanted().unwrap();
        thread.on_refused();
        assert_eq!(thread.next_wanted(), Some(wanted));
    }

    #[test]
    fn what_cannot_be_read_is_asked_for_when_something_happens() {
        let mut thread = Thread::new(HERE());
        thread.next_wanted().unwrap();
        thread.on_failed();
        assert!(thread.next_wanted().is_none());
        thread.on_event(&Event::MessageStored { conversation: HERE(), order: 1, incoming: true });
        assert_eq!(thread.next_wanted().unwrap().limit, PAGE);
    }

    #[test]
    fn old_rows_go_when_there_are_too_many() {
        let mut thread = loaded(0..800);
        assert!(thread.trim());
        assert_eq!(thread.items().len(), KEPT);
        assert!(thread.has_older());
        assert!(!thread.trim());
    }

    #[test]
    fn a_time_to_come_is_not_shown() {
        let written = NOW.plus_millis(365 * 86_400_000);
        let item = Item::of(&MessageRow { written, ..row(0) }, &Zone::utc(), NOW);
        assert_eq!(item.day_words, words::TODAY);
    }

    #[test]
    fn what_others_wrote_is_neutralised() {
        let dangerous = MessageRow { body: RowBody::Text("a\u{202e}b\u{7}".to_owned()), ..row(0) };
        let Says::Theirs { text, .. } = Item::of(&dangerous, &Zone::utc(), NOW).says else { panic!() };
        assert_eq!(text, "a[U+202E]b");
    }
}
