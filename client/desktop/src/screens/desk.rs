//! The open vault: the list at the side, one page beside it, and above both what a person must know now.
//!
//! Not its concern: what a click leads to (`app`).

use std::collections::BTreeMap;

use egui::{CentralPanel, Frame, Margin, Panel, Ui};
use khaima_runtime::{ContactId, ConversationId};

use super::composer::Draft;
use super::invitation::{Code, InviteForm, invitation_ui, invite_ui};
use super::join::{JoinForm, join_ui};
use super::kit::{self, whole};
use super::list::list_ui;
use super::relays::{RelayForm, first_step_ui, relays_ui};
use super::request::request_ui;
use super::safety_number::{Shown, safety_number_ui};
use super::thread::{Scroll, thread_ui};
use crate::act::{Act, Pane};
use crate::qr::QrPicture;
use crate::text::{ButtonKind, Editor};
use crate::theme::{color, space};
use crate::view::{Home, Level, Page, Thread};
use crate::words;
use crate::work::SafetyDigits;

/// Everything that is shown and written while the vault is open. Dropped whole at lock.
#[derive(Default)]
pub struct Desk {
    /// From the client's model.
    pub home: Home,
    /// What the larger part shows.
    pub page: Page,
    /// The open conversation.
    pub thread: Option<Thread>,
    /// Something to tell, and how serious it is. Stays until it is closed or something else is done.
    pub note: Option<(String, Level)>,
    /// Messages being written.
    pub drafts: BTreeMap<ConversationId, Draft>,
    /// An invitation being made.
    pub invite: InviteForm,
    /// A link being used.
    pub join: JoinForm,
    /// A relay being entered.
    pub relay: RelayForm,
    /// A name for a vault that has none.
    pub name: Option<Editor>,
    scrolls: BTreeMap<ConversationId, Scroll>,
    code: Code,
    safety: Option<(ContactId, Shown)>,
}

impl Desk {
    /// The draft of a conversation.
    pub fn draft(&mut self, conversation: ConversationId) -> &mut Draft {
        self.drafts.entry(conversation).or_default()
    }

    /// Goes to a page; what a page needs that is not there yet is left for the caller to fetch.
    pub fn go(&mut self, page: Page) {
        self.page = page;
        self.calm();
        match page {
            Page::Thread(conversation) => {
                if self.thread.as_ref().is_none_or(|thread| thread.conversation != conversation) {
                    self.thread = Some(Thread::new(conversation));
                }
                self.scrolls.entry(conversation).or_default().to_end();
                self.draft(conversation).wants_focus = true;
            }
            Page::SafetyNumber(contact) => {
                self.thread = None;
                self.safety.take_if(|(known, _)| *known != contact);
            }
            Page::Relays => {
                self.thread = None;
                // Only the code is missing then.
                let asking = self.home.relays.iter().find(|relay| relay.permit_needed);
                if let Some(relay) = asking.filter(|_| self.relay.address.is_blank()) {
                    self.relay.address.set_text(&relay.address);
                }
            }
            _ => self.thread = None,
        }
    }

    /// Drops a note that has been overtaken; one that tells a danger stays until it is closed.
    pub fn calm(&mut self) {
        self.note.take_if(|(_, level)| *level < Level::Danger);
    }

    /// A safety number has been computed.
    pub fn on_safety_number(&mut self, contact: ContactId, number: SafetyDigits) {
        let code = QrPicture::new(&number.scannable).ok();
        self.safety = Some((contact, Shown { digits: number.digits, code }));
    }

    /// Whether the newest row of the open conversation is in sight.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        let Some(thread) = &self.thread else { return false };
        self.scrolls.get(&thread.conversation).is_none_or(Scroll::is_at_end)
    }

    /// After sending: whoever writes wants to see it.
    pub fn to_end(&mut self, conversation: ConversationId) {
        self.scrolls.entry(conversation).or_default().to_end();
    }
}

/// Draws it.
pub fn desk_ui(ui: &mut Ui, desk: &mut Desk, pane: Pane<'_>) {
    if desk.home.name.is_none() {
        name_ui(ui, desk, pane);
        return;
    }
    alerts_ui(ui, desk, pane);
    let drafts = &desk.drafts;
    let open = desk.page;
    let has_draft = |person: &crate::view::Person| {
        open != Page::Thread(person.conversation)
            && drafts.get(&person.conversation).is_some_and(|draft| !draft.editor.is_blank())
    };
    list_ui(ui, &desk.home, desk.page, &has_draft, pane);
    CentralPanel::default().frame(Frame::new().fill(page_fill(desk))).show(ui, |ui| page_ui(ui, desk, pane));
}

fn page_fill(desk: &Desk) -> egui::Color32 {
    match desk.page {
        Page::Thread(_) => color::CANVAS,
        Page::Empty if !desk.home.is_new() => color::CANVAS,
        _ => color::SURFACE,
    }
}

/// What must be seen whatever else is open.
fn alerts_ui(ui: &mut Ui, desk: &Desk, pane: Pane<'_>) {
    let home = &desk.home;
    let storage = home.storage.map(|trouble| (words::storage(trouble).to_owned(), Level::Danger));
    let connection =
        (home.connection.level == Level::Danger).then(|| (home.connection.words.clone(), Level::Danger));
    let permit = home.permit_needed.then(|| (words::PERMIT_NEEDED.to_owned(), Level::Warning));
    let alerts: Vec<(String, Level)> = [storage, connection, permit].into_iter().flatten().collect();
    if alerts.is_empty() && desk.note.is_none() {
        return;
    }
    let frame = Frame::new()
        .fill(color::SURFACE)
        .inner_margin(Margin::symmetric(whole(space::INSIDE), whole(space::NEAR)));
    Panel::top("alerts").frame(frame).show(ui, |ui| {
        for (text, level) in &alerts {
            kit::note(ui, text, *level, None, pane.direction);
        }
        if let Some((text, level)) = &desk.note
            && kit::note(ui, text, *level, Some(words::DISMISS), pane.direction)
        {
            pane.send(Act::Dismiss);
        }
    });
}

fn page_ui(ui: &mut Ui, desk: &mut Desk, pane: Pane<'_>) {
    let home = &desk.home;
    match desk.page {
        Page::Invite => invite_ui(ui, home, &mut desk.invite, pane),
        Page::Join => join_ui(ui, &mut desk.join, pane),
        Page::Relays => relays_ui(ui, home, &mut desk.relay, pane),
        Page::Invitation(id) => {
            if let Some(invitation) = home.invitation(id) {
                invitation_ui(ui, invitation, &mut desk.code, pane);
            }
        }
        Page::Request(contact) => {
            if let Some(person) = home.person(contact) {
                request_ui(ui, person, pane);
            }
        }
        Page::SafetyNumber(contact) => {
            if let Some(person) = home.person(contact) {
                let number = desk.safety.as_ref().filter(|(of, _)| *of == contact).map(|(_, shown)| shown);
                safety_number_ui(ui, person, number, pane);
            }
        }
        Page::Thread(conversation) => {
            let (Some(person), Some(thread)) = (home.person_in(conversation), &desk.thread) else { return };
            let scroll = desk.scrolls.entry(conversation).or_default();
            let draft = desk.drafts.entry(conversation).or_default();
            thread_ui(ui, person, thread, scroll, draft, pane);
        }
        Page::Empty if home.is_new() => first_step_ui(ui, &mut desk.relay, pane),
        Page::Empty => {
            ui.add_space(space::WIDE);
            ui.vertical_centered(|ui| kit::hint(ui, words::NOTHING_CHOSEN, pane.direction));
        }
    }
}

/// A vault without an identity: making it was cut short.
fn name_ui(ui: &mut Ui, desk: &mut Desk, pane: Pane<'_>) {
    let editor = desk.name.get_or_insert_with(|| Editor::single_line(super::gate::NAME_BYTES));
    let note = &desk.note;
    kit::page(ui, pane.direction, "name", |ui| {
        kit::heading(ui, words::NAME_HEADING, pane.direction);
        if let Some((text, level)) = note {
            kit::note(ui, text, *level, None, pane.direction);
        }
        let named = kit::field(ui, editor, words::NAME, words::NAME_HINT, (1, 1), pane.direction);
        kit::hint(ui, words::NAME_NOTE, pane.direction);
        let ready = !editor.is_blank();
        let pressed =
            kit::button_if(ui, ready, words::SAVE_NAME, ButtonKind::Primary, pane.direction).clicked();
        if ready && (pressed || named.submitted) {
            pane.send(Act::SetName);
        }
    });
}
