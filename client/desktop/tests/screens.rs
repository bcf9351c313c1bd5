//! Each screen: what is to be shown goes in, widgets are found by their names, clicks come out as acts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests"
)]

mod window;

use std::sync::mpsc::Receiver;

use egui::{Event, Key, Modifiers, MouseWheelUnit, TouchPhase, vec2};
use khaima_desktop::act::{Act, Acts, Pane};
use khaima_desktop::screens::{Desk, Gate, GateForm, desk_ui, gate_ui};
use khaima_desktop::text::Direction;
use khaima_desktop::view::{Connection, Home, InvitationEntry, Level, Page, Person, RelayEntry};
use khaima_desktop::when::Zone;
use khaima_desktop::words;
use khaima_desktop::work::SafetyDigits;
use khaima_runtime::{
    Command, ContactId, ConversationId, FailReason, InvitationId, InvitationState, MessageRow, MessageState,
    Relation, RowBody, StorageTrouble, Timestamp,
};
use window::Window;

const NOON: Timestamp = Timestamp::from_secs(1_795_824_000 + 12 * 3600);

fn person(number: u8, name: &str) -> Person {
    let id = ContactId::from_bytes([number; 16]);
    Person {
        id,
        conversation: ConversationId::of(id),
        name: name.to_owned(),
        relation: Relation::Accepted,
        greeting: String::new(),
        invitation_note: String::new(),
        verified: false,
        other_devices: false,
        mailbox_gone: false,
        unread: 0,
        preview: "See you".to_owned(),
        time: "10:42".to_owned(),
        avatar: u64::from(number),
    }
}

fn home() -> Home {
    Home {
        name: Some("Alice".to_owned()),
        has_relay: true,
        people: vec![person(1, "Bob"), person(2, "أحمد بن علي")],
        connection: Connection { level: Level::Good, words: words::connected().to_owned() },
        ..Home::default()
    }
}

fn bob() -> (ContactId, ConversationId) {
    let bob = person(1, "Bob");
    (bob.id, bob.conversation)
}

struct Table {
    window: Window,
    desk: Desk,
    acts: Acts,
    done: Receiver<Act>,
    direction: Direction,
}

impl Table {
    fn new(home: Home, page: Page) -> Self {
        let (acts, done) = Acts::queue();
        let mut desk = Desk::default();
        desk.home = home;
        desk.go(page);
        let mut table = Self { window: Window::new(), desk, acts, done, direction: Direction::LeftToRight };
        table.frames(3);
        table
    }

    fn frames(&mut self, count: usize) {
        let Self { window, desk, acts, direction, .. } = self;
        for _ in 0..count {
            window.frame(|ui| desk_ui(ui, desk, Pane { acts, direction: *direction }));
        }
    }

    fn click(&mut self, name: &str) -> Vec<Act> {
        let _: Vec<Act> = self.done.try_iter().collect();
        let Self { window, desk, acts, direction, .. } = self;
        window.click(name, |ui| desk_ui(ui, desk, Pane { acts, direction: *direction }));
        self.done.try_iter().collect()
    }

    fn type_into(&mut self, name: &str, text: &str) {
        self.click(name);
        self.window.text(text);
        self.frames(1);
    }

    fn load(&mut self, rows: &[MessageRow]) {
        let thread = self.desk.thread.as_mut().unwrap();
        let wanted = thread.next_wanted().unwrap();
        thread.on_rows(wanted, rows, &Zone::utc(), NOON);
        self.frames(3);
    }
}

fn row(order: u64, incoming: bool, state: MessageState, body: RowBody) -> MessageRow {
    MessageRow { order, incoming, written: NOON, stored: NOON, state, certificate_expired: false, body }
}

fn text(text: &str) -> RowBody {
    RowBody::Text(text.to_owned())
}

struct Door {
    window: Window,
    gate: Gate,
    form: GateForm,
    acts: Acts,
    done: Receiver<Act>,
}

impl Door {
    fn new(has_vault: bool) -> Self {
        let (acts, done) = Acts::queue();
        let gate = Gate { has_vault, ..Gate::default() };
        let mut door = Self { window: Window::new(), gate, form: GateForm::default(), acts, done };
        door.frames(2);
        door
    }

    fn frames(&mut self, count: usize) {
        let Self { window, gate, form, acts, .. } = self;
        for _ in 0..count {
            window.frame(|ui| gate_ui(ui, gate, form, Pane { acts, direction: Direction::LeftToRight }));
        }
    }

    fn click(&mut self, name: &str) -> Vec<Act> {
        let Self { window, gate, form, acts, .. } = self;
        window.click(name, |ui| gate_ui(ui, gate, form, Pane { acts, direction: Direction::LeftToRight }));
        self.done.try_iter().collect()
    }

    fn type_into(&mut self, name: &str, text: &str) {
        self.click(name);
        self.window.text(text);
        self.frames(1);
    }
}

#[test]
fn the_passphrase_is_typed_at_once_and_enter_unlocks() {
    let mut door = Door::new(true);
    assert!(!door.window.find(words::UNLOCK).unwrap().enabled);
    door.window.text("seven tents");
    door.frames(1);
    assert!(door.window.find(words::UNLOCK).unwrap().enabled);
    door.window.key(Key::Enter, Modifiers::NONE);
    door.frames(1);
    let acts: Vec<Act> = door.done.try_iter().collect();
    let [Act::Unlock(passphrase)] = acts.as_slice() else { panic!("{acts:?}") };
    assert_eq!(passphrase.expose(), b"seven tents");
    door.frames(1);
    assert!(!door.window.find(words::UNLOCK).unwrap().enabled, "the field is wiped");
}

#[test]
fn a_new_vault_takes_a_name_and_a_passphrase_typed_twice() {
    let mut door = Door::new(false);
    door.type_into(words::NAME, "ليلى");
    door.type_into(words::PASSPHRASE, "one two three");
    door.type_into(words::PASSPHRASE_AGAIN, "one two tree");
    assert!(door.click(words::CREATE).is_empty());
    door.frames(1);
    assert!(door.window.has(words::PASSPHRASES_DIFFER));
    door.type_into(words::PASSPHRASE, "one two three");
    door.type_into(words::PASSPHRASE_AGAIN, "one two three");
    let acts = door.click(words::CREATE);
    let [Act::Create(passphrase)] = acts.as_slice() else { panic!("{acts:?}") };
    assert_eq!(passphrase.expose(), b"one two three");
    assert_eq!(door.form.name.text(), "ليلى");
}

#[test]
fn while_a_vault_opens_nothing_can_be_pressed() {
    let mut door = Door::new(true);
    door.gate.busy = Some(words::OPENING);
    door.frames(1);
    assert!(door.window.has(words::OPENING));
    assert!(!door.window.has(words::UNLOCK));
}

#[test]
fn the_list_names_people_and_opens_conversations_and_requests() {
    let mut home = home();
    home.people[0].unread = 3;
    home.people[0].verified = true;
    home.people[1].relation = Relation::AsksUs;
    home.people[1].preview = words::ASKS.to_owned();
    let mut table = Table::new(home, Page::Empty);
    assert!(table.window.has("Bob, Verified, 3 unread, See you, 10:42"));
    let acts = table.click("Bob, *");
    assert!(matches!(acts.as_slice(), [Act::Show(Page::Thread(id))] if *id == bob().1), "{acts:?}");
    let acts = table.click("أحمد بن علي, *");
    assert!(matches!(acts.as_slice(), [Act::Show(Page::Request(_))]), "{acts:?}");
}

#[test]
fn the_buttons_of_the_side_lead_where_they_say() {
    let mut table = Table::new(home(), Page::Empty);
    assert!(matches!(table.click(words::INVITE).as_slice(), [Act::Show(Page::Invite)]));
    assert!(matches!(table.click(words::JOIN).as_slice(), [Act::Show(Page::Join)]));
    assert!(matches!(table.click(words::LOCK).as_slice(), [Act::Lock]));
    assert!(matches!(table.click(words::connected()).as_slice(), [Act::Show(Page::Relays)]));
}

#[test]
fn a_message_is_sent_by_enter_and_by_the_button_and_stays_in_its_draft_until_taken() {
    let mut table = Table::new(home(), Page::Thread(bob().1));
    table.load(&[]);
    assert!(!table.window.find(words::SEND).unwrap().enabled);
    table.window.text("السلام عليكم");
    table.frames(1);
    table.window.key(Key::Enter, Modifiers::NONE);
    table.frames(1);
    let acts: Vec<Act> = table.done.try_iter().collect();
    assert!(matches!(acts.as_slice(), [Act::Send(id)] if *id == bob().1), "{acts:?}");
    assert_eq!(table.desk.draft(bob().1).editor.text(), "السلام عليكم");
    assert!(matches!(table.click(words::SEND).as_slice(), [Act::Send(_)]));
}

#[test]
fn drafts_stay_with_their_conversation() {
    let ahmad = person(2, "أحمد").conversation;
    let mut table = Table::new(home(), Page::Thread(bob().1));
    table.load(&[]);
    table.window.text("to Bob");
    table.frames(1);
    table.desk.go(Page::Thread(ahmad));
    table.frames(2);
    table.window.text("to Ahmad");
    table.frames(1);
    assert_eq!(table.desk.draft(bob().1).editor.text(), "to Bob");
    assert_eq!(table.desk.draft(ahmad).editor.text(), "to Ahmad");
    assert!(table.window.has("Bob, Draft, 10:42"));
}

#[test]
fn every_state_of_a_message_is_said() {
    let mut table = Table::new(home(), Page::Thread(bob().1));
    let states = [
        (MessageState::Queued, words::WAITING),
        (MessageState::QueueFull, words::QUEUE_FULL),
        (MessageState::Sent { at: NOON }, words::SENT),
        (MessageState::Delivered { at: NOON }, words::DELIVERED),
        (MessageState::Failed(FailReason::Gone), words::NOT_SENT),
    ];
    let rows: Vec<MessageRow> = (0..)
        .zip(states)
        .map(|(order, (state, _))| row(order, false, state, text(&format!("m{order}"))))
        .collect();
    table.load(&rows);
    for (index, (_, word)) in states.iter().enumerate() {
        assert!(table.window.has(&format!("You, 12:00: m{index}. {word}")), "{:?}", table.window.names());
    }
    let acts = table.click(words::TRY_AGAIN);
    let [Act::Command(Command::Retry { conversation, order: 4 })] = acts.as_slice() else {
        panic!("{acts:?}")
    };
    assert_eq!(*conversation, bob().1);
}

#[test]
fn gaps_and_unreadable_rows_are_told_in_words() {
    let mut table = Table::new(home(), Page::Thread(bob().1));
    let late = MessageRow { certificate_expired: true, ..row(3, true, MessageState::Received, text("late")) };
    table.load(&[
        row(1, true, MessageState::Received, RowBody::Gap { count: 2 }),
        row(2, true, MessageState::Received, RowBody::Undecryptable),
        late,
    ]);
    assert!(table.window.says("2 messages are missing here"));
    assert!(table.window.has(words::UNREADABLE));
    assert!(table.window.has(&format!("Bob, 12:00: late. {}", words::PROOF_EXPIRED)));
}

#[test]
fn a_link_in_a_message_is_text_and_nothing_else() {
    let mut table = Table::new(home(), Page::Thread(bob().1));
    table.load(&[row(1, true, MessageState::Received, text("https://example.org/a"))]);
    assert!(table.click("Bob, 12:00: *").is_empty());
    let output = table.window.last.as_ref().unwrap();
    assert!(output.platform_output.commands.is_empty());
}

#[test]
fn sides_follow_the_interface_and_nothing_else() {
    let rows = [
        row(1, true, MessageState::Received, text("سلام")),
        row(2, false, MessageState::Sent { at: NOON }, text("hello")),
    ];
    let middle = |direction: Direction| {
        let mut table = Table::new(home(), Page::Thread(bob().1));
        table.direction = direction;
        table.load(&rows);
        let at = |name: &str| table.window.find(name).unwrap().rect;
        (at("Bob, 12:00*"), at("You, 12:00*"), at("Bob, See*"))
    };
    let (theirs, ours, side) = middle(Direction::LeftToRight);
    assert!(theirs.right() < ours.left() && side.right() < theirs.left());
    let (theirs, ours, side) = middle(Direction::RightToLeft);
    assert!(ours.right() < theirs.left() && theirs.right() < side.left());
}

#[test]
fn only_rows_in_sight_are_drawn_and_scrolling_up_asks_for_older_ones() {
    let mut table = Table::new(home(), Page::Thread(bob().1));
    let rows: Vec<MessageRow> = (100..200)
        .map(|order| row(order, true, MessageState::Received, text(&format!("row {order}"))))
        .collect();
    table.load(&rows);
    assert!(table.window.has("Bob, 12:00: row 199"));
    assert!(!table.window.has("Bob, 12:00: row 110"));
    let drawn = table.window.names().iter().filter(|name| name.starts_with("Bob, 12:00")).count();
    assert!(drawn < 30, "{drawn}");
    let _: Vec<Act> = table.done.try_iter().collect();

    let middle = table.window.find("Bob, 12:00: row 195").unwrap().rect.center();
    for _ in 0..40 {
        table.window.event(Event::PointerMoved(middle));
        table.window.event(Event::MouseWheel {
            unit: MouseWheelUnit::Point,
            source: egui::MouseWheelSource::Unknown,
            delta: vec2(0.0, 400.0),
            phase: TouchPhase::Move,
            modifiers: Modifiers::NONE,
        });
        table.frames(1);
    }
    table.frames(10);
    assert!(table.window.has("Bob, 12:00: row 100"));
    assert!(table.done.try_iter().any(|act| matches!(act, Act::LoadOlder)));
    assert!(!table.desk.is_at_end());

    // Older rows come: what is in sight keeps its place.
    let place = table.window.find("Bob, 12:00: row 103").unwrap().rect.top();
    table.desk.thread.as_mut().unwrap().want_older();
    let older: Vec<MessageRow> =
        (50..100).map(|order| row(order, true, MessageState::Received, text("older\nand taller"))).collect();
    table.load(&older);
    let now = table.window.find("Bob, 12:00: row 103").unwrap().rect.top();
    // The day above row 100 has gone to row 50.
    assert!((place - now).abs() < 45.0, "{place} {now}");
}

#[test]
fn a_new_row_is_shown_when_the_end_is_in_sight() {
    let mut table = Table::new(home(), Page::Thread(bob().1));
    let rows: Vec<MessageRow> = (0..100)
        .map(|order| row(order, true, MessageState::Received, text(&format!("row {order}"))))
        .collect();
    table.load(&rows);
    let event = khaima_runtime::Event::MessageStored { conversation: bob().1, order: 100, incoming: true };
    table.desk.thread.as_mut().unwrap().on_event(&event);
    table.load(&[row(100, true, MessageState::Received, text("row 100"))]);
    let newest = table.window.find("Bob, 12:00: row 100").unwrap().rect;
    assert!(newest.bottom() < table.window.find(words::COMPOSER).unwrap().rect.top());
    assert!(table.desk.is_at_end());
}

#[test]
fn a_request_is_shown_as_text_and_is_accepted_or_refused() {
    let mut home = home();
    home.people[0].relation = Relation::AsksUs;
    home.people[0].greeting = "It is Bob\u{2069}, from Friday".to_owned();
    home.people[0].invitation_note = "for Bob".to_owned();
    let (id, _) = bob();
    let mut table = Table::new(home, Page::Request(id));
    assert!(table.window.says("It is Bob"));
    assert!(table.window.says("for Bob"));
    let acts = table.click(words::ACCEPT);
    assert!(matches!(acts.as_slice(), [Act::Command(Command::AcceptRequest { contact })] if *contact == id));
    let acts = table.click(words::REFUSE);
    assert!(matches!(acts.as_slice(), [Act::Command(Command::RefuseRequest { contact })] if *contact == id));
}

#[test]
fn a_person_who_has_not_accepted_cannot_be_written_to() {
    let mut home = home();
    home.people[0].relation = Relation::AskedByUs;
    let mut table = Table::new(home, Page::Thread(bob().1));
    table.load(&[]);
    assert!(!table.window.has(words::COMPOSER));
    assert!(table.window.has(&words::not_yet("Bob")));
}

#[test]
fn an_invitation_is_asked_for_with_its_days() {
    let mut table = Table::new(home(), Page::Invite);
    table.type_into(words::NOTE, "for Bob");
    table.click("30 days");
    let acts = table.click(words::MAKE_INVITATION);
    assert!(matches!(acts.as_slice(), [Act::Invite { days: 30 }]), "{acts:?}");
    assert_eq!(table.desk.invite.note.text(), "for Bob");
    table.desk.home.has_relay = false;
    table.frames(1);
    assert!(!table.window.find(words::MAKE_INVITATION).unwrap().enabled);
}

fn invitation(state: InvitationState) -> InvitationEntry {
    InvitationEntry {
        id: InvitationId::from_bytes([9; 16]),
        state,
        made_here: true,
        link: Some("khaima:abc".to_owned()),
        note: "for Bob".to_owned(),
        last_day: "30 November".to_owned(),
        refused: 0,
    }
}

#[test]
fn an_open_invitation_is_shown_as_text_and_as_a_code() {
    let entry = invitation(InvitationState::Open);
    let id = entry.id;
    let mut table = Table::new(Home { invitations: vec![entry], ..home() }, Page::Invitation(id));
    assert!(table.window.says("khaima:abc"));
    assert!(table.window.has(words::INVITATION_CODE));
    let acts = table.click(words::COPY_LINK);
    assert!(matches!(acts.as_slice(), [Act::Copy(link)] if link == "khaima:abc"));
    let acts = table.click(words::WITHDRAW);
    assert!(
        matches!(acts.as_slice(), [Act::Command(Command::WithdrawInvitation { invitation })] if *invitation == id)
    );
}

#[test]
fn a_taken_invitation_gives_its_link_no_more_and_counts_who_came_after() {
    let entry = InvitationEntry { refused: 2, ..invitation(InvitationState::Taken) };
    let id = entry.id;
    let mut table = Table::new(Home { invitations: vec![entry], ..home() }, Page::Invitation(id));
    assert!(!table.window.says("khaima:abc"));
    assert!(table.window.says("2 more tries were made with this link"));
    assert!(matches!(table.click(words::BACK).as_slice(), [Act::Show(Page::Invite)]));
}

#[test]
fn a_tampered_invitation_is_told_and_can_be_tried_again_or_forgotten() {
    let entry = InvitationEntry { made_here: false, ..invitation(InvitationState::Tampered) };
    let id = entry.id;
    let mut table = Table::new(Home { invitations: vec![entry], ..home() }, Page::Invitation(id));
    assert!(table.window.says("tampered"));
    assert!(matches!(
        table.click(words::TRY_AGAIN).as_slice(),
        [Act::Command(Command::RetryInvitation { .. })]
    ));
    assert!(matches!(
        table.click(words::FORGET).as_slice(),
        [Act::Command(Command::ForgetInvitation { .. })]
    ));
}

#[test]
fn a_link_is_used_with_a_greeting() {
    let mut table = Table::new(home(), Page::Join);
    assert!(!table.window.find(words::ASK).unwrap().enabled);
    table.window.text("khaima:abc");
    table.frames(1);
    table.type_into(words::GREETING, "It is me");
    let acts = table.click(words::ASK);
    assert!(matches!(acts.as_slice(), [Act::Join]), "{acts:?}");
    assert_eq!((table.desk.join.link.text(), table.desk.join.greeting.text()), ("khaima:abc", "It is me"));
}

#[test]
fn a_safety_number_is_compared_and_the_mark_taken_back() {
    let (id, _) = bob();
    let mut table = Table::new(home(), Page::SafetyNumber(id));
    assert!(table.window.has(words::COMPUTING));
    let digits = ["12345"; 12].join(" ");
    table.desk.on_safety_number(id, SafetyDigits { digits, scannable: vec![1; 70] });
    table.frames(2);
    assert!(table.window.says("12345  12345  12345  12345"));
    assert!(table.window.has(words::SAFETY_CODE));
    let acts = table.click(words::MARK_VERIFIED);
    assert!(matches!(acts.as_slice(), [Act::Command(Command::MarkVerified { verified: true, .. })]));
    table.desk.home.people[0].verified = true;
    table.frames(1);
    let acts = table.click(words::UNMARK_VERIFIED);
    assert!(matches!(acts.as_slice(), [Act::Command(Command::MarkVerified { verified: false, .. })]));
}

#[test]
fn the_first_step_offers_an_invitation_or_a_relay() {
    let empty = Home { name: Some("Alice".to_owned()), ..Home::default() };
    let mut table = Table::new(empty, Page::Empty);
    assert!(matches!(table.click(words::FIRST_INVITED).as_slice(), [Act::Show(Page::Join)]));
    table.type_into(words::RELAY_ADDRESS, "relay.example:4433#abc");
    assert!(matches!(table.click(words::USE_RELAY).as_slice(), [Act::UseRelay]));
    assert_eq!(table.desk.relay.address.text(), "relay.example:4433#abc");
}

#[test]
fn relays_are_listed_with_how_they_stand() {
    let entry = RelayEntry {
        address: "relay.example:4433#abc".to_owned(),
        is_home: true,
        permit_needed: true,
        connection: Some(Connection { level: Level::Warning, words: "Not connected".to_owned() }),
    };
    let table = Table::new(Home { relays: vec![entry], permit_needed: true, ..home() }, Page::Relays);
    assert!(table.window.has("relay.example:4433#abc"));
    assert!(table.window.has("Home · Not connected"));
    assert!(table.window.has(words::PERMIT_NEEDED));
    assert_eq!(table.desk.relay.address.text(), "relay.example:4433#abc", "only the code is missing");
}

#[test]
fn danger_is_shown_whatever_is_open() {
    let changed = words::not_connected("10:00", khaima_runtime::Trouble::KeyChanged);
    let home = Home {
        connection: Connection { level: Level::Danger, words: changed.clone() },
        storage: Some(StorageTrouble::Full),
        ..home()
    };
    let mut table = Table::new(home, Page::Join);
    assert!(table.window.has(&changed));
    assert!(table.window.has(words::storage(StorageTrouble::Full)));
    table.desk.note = Some(("Something happened".to_owned(), Level::Danger));
    table.frames(2);
    assert!(table.window.has("Something happened"));
    assert!(matches!(table.click(words::DISMISS).as_slice(), [Act::Dismiss]));
}

#[test]
fn warnings_about_a_person_stand_in_their_conversation() {
    let mut home = home();
    home.people[0].mailbox_gone = true;
    home.people[0].other_devices = true;
    let mut table = Table::new(home, Page::Thread(bob().1));
    table.load(&[]);
    assert!(table.window.has(&words::mailbox_gone("Bob")));
    assert!(table.window.has(&words::other_devices("Bob")));
}

#[test]
fn a_vault_without_an_identity_asks_for_a_name() {
    let mut table = Table::new(Home::default(), Page::Empty);
    table.type_into(words::NAME, "Layla");
    assert!(matches!(table.click(words::SAVE_NAME).as_slice(), [Act::SetName]));
}

#[test]
fn a_click_beside_the_passphrase_does_not_take_the_keyboard_away() {
    let mut door = Door::new(true);
    door.click(words::UNLOCK_TEXT);
    door.frames(2);
    door.window.text("seven");
    door.frames(1);
    assert!(door.window.find(words::UNLOCK).unwrap().enabled);
}
