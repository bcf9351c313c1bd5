//! The whole window over a worker that the test plays: acts become jobs, reports and notices become what is shown.

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

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use egui::{Key, Modifiers, OutputCommand, Shape};
use khaima_desktop::app::App;
use khaima_desktop::text::Direction;
use khaima_desktop::view::Page;
use khaima_desktop::when::Zone;
use khaima_desktop::words;
use khaima_desktop::work::{About, Failure, Job, Report, Source, Worker, WorkerEnd};
use khaima_runtime::{
    Command, CommandError, ContactId, ContactView, ConversationId, ConversationView, Event, InvitationId,
    InvitationState, InvitationView, MessageRow, MessageState, Model, Notice, OpenError, ProfileView,
    Relation, RelayAddress, RowBody, StorageTrouble, Timestamp,
};
use khaima_signal::{IdentityKeyPair, LocalIdentity};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use window::Window;

const NOON: Timestamp = Timestamp::from_secs(1_795_824_000 + 12 * 3600);
const SECRET: &str = "meet at the old well";

struct Client {
    model: Arc<Mutex<Arc<Model>>>,
    notices: SyncSender<Notice>,
}

struct Rig {
    window: Window,
    app: App,
    ends: Rc<RefCell<Vec<WorkerEnd>>>,
    client: Option<Client>,
    _dir: tempfile::TempDir,
}

fn key() -> khaima_signal::IdentityKey {
    LocalIdentity::identity_key(&IdentityKeyPair::generate(&mut ChaCha8Rng::seed_from_u64(7)))
}

fn home_relay() -> RelayAddress {
    format!("127.0.0.1:4433#{}", "A".repeat(43)).parse().unwrap()
}

fn bob() -> ContactId {
    ContactId::from_bytes([1; 16])
}

fn with_bob() -> ConversationId {
    ConversationId::of(bob())
}

fn row(order: u64, text: &str) -> MessageRow {
    MessageRow {
        order,
        incoming: true,
        written: NOON,
        stored: NOON,
        state: MessageState::Received,
        certificate_expired: false,
        body: RowBody::Text(text.to_owned()),
    }
}

fn model() -> Model {
    Model {
        profile: Some(ProfileView {
            name: "Alice".to_owned(),
            identity_key: key(),
            uuid: [1; 16],
            home: Some(home_relay()),
        }),
        contacts: vec![ContactView {
            id: bob(),
            conversation: with_bob(),
            name: "Bob".to_owned(),
            own_name: "Bob".to_owned(),
            relation: Relation::Accepted,
            greeting: String::new(),
            verified: false,
            statement_mismatch: false,
            mailbox_gone: false,
            identity_key: key(),
            uuid: [2; 16],
            created: NOON,
            heard: None,
        }],
        conversations: vec![ConversationView {
            id: with_bob(),
            contact: bob(),
            name: "Bob".to_owned(),
            unread: 1,
            read_up_to: 0,
            last: Some(row(1, SECRET)),
            last_at: NOON,
        }],
        ..Model::default()
    }
}

impl Rig {
    /// A window over a directory that looks like it holds a vault.
    fn locked() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ends: Rc<RefCell<Vec<WorkerEnd>>> = Rc::default();
        let kept = Rc::clone(&ends);
        let start = move || {
            let (worker, end) = Worker::pair();
            kept.borrow_mut().push(end);
            Ok(worker)
        };
        let app = App::with_worker(dir.path(), Zone::utc(), Box::new(start));
        let mut rig = Self { window: Window::new(), app, ends, client: None, _dir: dir };
        rig.frames(2);
        rig
    }

    fn open(model: Model) -> Self {
        let mut rig = Self::locked();
        let (notices, receiver) = sync_channel(1024);
        let shared = Arc::new(Mutex::new(Arc::new(model)));
        let read = Arc::clone(&shared);
        let model = Box::new(move || Arc::clone(&read.lock().unwrap()));
        rig.report(Report::Opened(Source { notices: receiver, model }));
        rig.client = Some(Client { model: shared, notices });
        rig
    }

    fn frames(&mut self, count: usize) {
        let Self { window, app, .. } = self;
        for _ in 0..count {
            window.frame(|ui| {
                app.take_in(&ui.ctx().clone());
                app.draw(ui);
            });
        }
    }

    fn click(&mut self, name: &str) {
        let Self { window, app, .. } = self;
        window.click(name, |ui| {
            app.take_in(&ui.ctx().clone());
            app.draw(ui);
        });
        self.frames(2);
    }

    fn report(&mut self, report: Report) {
        self.ends.borrow().last().unwrap().reports.send(report).unwrap();
        self.frames(3);
    }

    fn notice(&mut self, notice: Notice) {
        self.client.as_ref().unwrap().notices.send(notice).unwrap();
        self.frames(3);
    }

    fn change(&mut self, change: impl FnOnce(&mut Model)) {
        let client = self.client.as_ref().unwrap();
        let mut model = Model::clone(&client.model.lock().unwrap());
        change(&mut model);
        *client.model.lock().unwrap() = Arc::new(model);
        self.notice(Notice::Changed);
    }

    fn jobs(&self) -> Vec<Job> {
        self.ends.borrow().last().unwrap().jobs.try_iter().collect()
    }

    /// Opens Bob's conversation and loads two rows.
    fn talk_to_bob(&mut self) {
        self.click("Bob, *");
        let jobs = self.jobs();
        let [Job::Rows(wanted)] = jobs.as_slice() else { panic!("{} jobs", jobs.len()) };
        assert_eq!((wanted.conversation, wanted.before), (with_bob(), None));
        self.report(Report::Rows(*wanted, Ok(vec![row(1, SECRET)])));
    }
}

#[test]
fn a_wrong_passphrase_is_told_and_nothing_opens() {
    let mut rig = Rig::locked();
    rig.report(Report::NotOpened(Failure::Open(OpenError::DoesNotOpen)));
    assert!(rig.window.says("This passphrase does not open this vault. Nothing was changed: try again."));
    assert!(rig.app.desk().is_none());
}

#[test]
fn a_vault_in_use_names_the_way_out() {
    let mut rig = Rig::locked();
    rig.report(Report::NotOpened(Failure::Open(OpenError::InUse)));
    assert!(rig.window.says("khaima-cli lock"));
}

#[test]
fn a_new_vault_is_made_with_the_name_typed() {
    let mut rig = Rig::locked();
    for (field, text) in
        [(words::NAME, "Layla"), (words::PASSPHRASE, "a b c"), (words::PASSPHRASE_AGAIN, "a b c")]
    {
        rig.click(field);
        rig.window.text(text);
        rig.frames(1);
    }
    rig.click(words::CREATE);
    let jobs = rig.jobs();
    let [Job::Create { name, passphrase, .. }] = jobs.as_slice() else { panic!("{} jobs", jobs.len()) };
    assert_eq!((name.as_str(), passphrase.expose()), ("Layla", b"a b c".as_slice()));
    assert!(rig.window.has(words::MAKING));
}

#[test]
fn a_text_goes_out_and_its_draft_is_empty() {
    let mut rig = Rig::open(model());
    rig.talk_to_bob();
    rig.jobs();
    rig.window.text("نعم، غدا");
    rig.frames(1);
    rig.window.key(Key::Enter, Modifiers::NONE);
    rig.frames(2);
    let jobs = rig.jobs();
    let [Job::SendText { conversation, body }] = jobs.as_slice() else { panic!("{} jobs", jobs.len()) };
    assert_eq!((*conversation, body.as_str()), (with_bob(), "نعم، غدا"));
    assert!(!rig.window.find(words::SEND).unwrap().enabled);
}

#[test]
fn a_text_that_was_not_stored_comes_back_before_what_was_written_since() {
    let mut rig = Rig::open(model());
    rig.talk_to_bob();
    rig.window.text("second");
    rig.frames(1);
    let failure = Failure::Command(CommandError::NotStored, Some(StorageTrouble::Full));
    let body = "first".to_owned().into();
    rig.report(Report::NotSent { conversation: with_bob(), body, failure });
    assert_eq!(rig.app.desk().unwrap().drafts[&with_bob()].editor.text(), "first\nsecond");
    assert!(rig.window.says("The disk is full: this was not stored, and nothing was sent."));
}

#[test]
fn what_is_in_sight_of_a_window_in_use_is_marked_as_read_once() {
    let mut rig = Rig::open(model());
    rig.window.has_focus = false;
    rig.talk_to_bob();
    assert!(rig.jobs().is_empty());
    rig.window.has_focus = true;
    rig.frames(3);
    let jobs = rig.jobs();
    let [Job::Command(About::Read, Command::MarkRead { up_to: 1, .. })] = jobs.as_slice() else {
        panic!("{} jobs", jobs.len())
    };
}

#[test]
fn a_message_that_comes_is_fetched_and_shown() {
    let mut rig = Rig::open(model());
    rig.talk_to_bob();
    rig.jobs();
    rig.notice(Notice::Event(Event::MessageStored { conversation: with_bob(), order: 2, incoming: true }));
    let jobs = rig.jobs();
    let [Job::Rows(wanted)] = jobs.as_slice() else { panic!("{} jobs", jobs.len()) };
    assert_eq!(wanted.limit, 1);
    rig.report(Report::Rows(*wanted, Ok(vec![row(2, "قادم")])));
    assert!(rig.window.has("Bob, 12:00: قادم"));
}

#[test]
fn a_new_invitation_is_shown_as_soon_as_it_is_there() {
    let mut rig = Rig::open(model());
    rig.click(words::INVITE);
    rig.click(words::MAKE_INVITATION);
    let jobs = rig.jobs();
    let [Job::Command(About::Invite, Command::CreateInvitation { expires_in_days: 7, relay, .. })] =
        jobs.as_slice()
    else {
        panic!("{} jobs", jobs.len())
    };
    assert_eq!(*relay, home_relay());
    rig.report(Report::Done(About::Invite));
    let id = InvitationId::from_bytes([5; 16]);
    rig.change(|model| {
        model.invitations.push(InvitationView {
            id,
            state: InvitationState::Open,
            made_here: true,
            link: Some("khaima:xyz".to_owned()),
            note: String::new(),
            expires: NOON.day(),
            created: NOON,
            contact: None,
            refused: 0,
            relay: home_relay(),
        });
    });
    assert_eq!(rig.app.desk().unwrap().page, Page::Invitation(id));
    assert!(rig.window.says("khaima:xyz"));
}

#[test]
fn a_link_that_cannot_be_used_is_told_and_stays_in_its_field() {
    let mut rig = Rig::open(model());
    rig.click(words::JOIN);
    rig.window.text("khaima:nonsense");
    rig.frames(1);
    rig.click(words::ASK);
    assert!(matches!(rig.jobs().as_slice(), [Job::Command(About::Join, Command::AcceptInvitation { .. })]));
    let refused = khaima_runtime::Refusal::Invitation(khaima_runtime::InvitationError::Damaged);
    rig.report(Report::Failed(About::Join, Failure::Command(CommandError::Refused(refused), None)));
    assert!(rig.window.says("This link is damaged or cut off."));
    assert_eq!(rig.app.desk().unwrap().join.link.text(), "khaima:nonsense");
    rig.report(Report::Done(About::Join));
    assert!(rig.window.has(words::ASKED));
    assert!(rig.app.desk().unwrap().join.link.is_blank());
}

#[test]
fn an_accepted_request_opens_the_conversation_and_a_refused_one_closes_its_page() {
    let asks = |model: &mut Model| model.contacts[0].relation = Relation::AsksUs;
    let mut asked = model();
    asks(&mut asked);
    let mut rig = Rig::open(asked.clone());
    rig.click("Bob, *");
    assert!(rig.window.has(words::ACCEPT));
    rig.change(|model| model.contacts[0].relation = Relation::Accepted);
    assert_eq!(rig.app.desk().unwrap().page, Page::Thread(with_bob()));

    let mut rig = Rig::open(asked);
    rig.click("Bob, *");
    rig.change(|model| model.contacts.clear());
    assert_eq!(rig.app.desk().unwrap().page, Page::Empty);
}

#[test]
fn further_attempts_with_an_invitation_raise_a_note() {
    let mut rig = Rig::open(model());
    let invitation = InvitationId::from_bytes([5; 16]);
    rig.notice(Notice::Event(Event::InvitationRefusedAgain { invitation, count: 1 }));
    assert!(rig.window.says("somebody else has seen it"));
    rig.click(words::INVITE);
    rig.report(Report::Stored);
    assert!(rig.window.says("somebody else has seen it"), "a danger stays until it is closed");
    rig.click(words::DISMISS);
    assert!(!rig.window.says("somebody else has seen it"));
}

/// Every letter drawn as text.
fn drawn(shape: &Shape, into: &mut String) {
    match shape {
        Shape::Text(text) => {
            into.push_str(&text.galley.job.text);
            into.extend(text.galley.rows.iter().flat_map(|row| row.glyphs.iter().map(|glyph| glyph.chr)));
        }
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| drawn(shape, into)),
        _ => {}
    }
}

#[test]
fn locking_leaves_nothing_in_the_window() {
    for by_key in [true, false] {
        let mut rig = Rig::open(model());
        rig.talk_to_bob();
        rig.window.text("half a thought");
        rig.frames(2);
        assert!(rig.window.says(SECRET) && rig.window.says("Bob"));
        rig.window.ctx.data_mut(|data| data.insert_temp(egui::Id::NULL, SECRET.to_owned()));
        if by_key {
            rig.window.key(Key::L, Modifiers { ctrl: true, command: true, ..Modifiers::NONE });
            rig.frames(1);
        } else {
            let Rig { window, app, .. } = &mut rig;
            window.click(words::LOCK, |ui| {
                app.take_in(&ui.ctx().clone());
                app.draw(ui);
            });
        }
        let commands = &rig.window.last.as_ref().unwrap().platform_output.commands;
        assert!(commands.contains(&OutputCommand::CopyText(" ".to_owned())), "{commands:?}");
        assert!(commands.contains(&OutputCommand::TextSelectionSettled(" ".to_owned())), "{commands:?}");
        assert!(rig.app.desk().is_none(), "drafts, rows and model are gone");
        let kept = rig.window.ctx.data(|data| data.get_temp::<String>(egui::Id::NULL));
        assert_eq!(kept, None, "what egui remembered is gone");
        rig.frames(3);
        let output = rig.window.last.as_ref().unwrap();
        let platform = &output.platform_output;
        let mut shown =
            format!("{:?} {:?} {:?}", platform.commands, platform.events, platform.accesskit_update);
        output.shapes.iter().for_each(|clipped| drawn(&clipped.shape, &mut shown));
        for word in [SECRET, "Bob", "Alice", "half a thought"] {
            assert!(!shown.contains(word), "{word}");
        }
        assert!(rig.window.has(words::LOCKING), "{:?}", rig.window.names());

        // The old worker is told to end, its late reports are dropped; then the passphrase is taken.
        assert!(!rig.window.has(words::UNLOCK));
        {
            let ends = rig.ends.borrow();
            assert_eq!(ends.len(), 2);
            ends[0].reports.send(Report::Done(About::Other)).unwrap();
            ends[0].reports.send(Report::Ended).unwrap();
        }
        rig.frames(3);
        assert!(rig.window.has(words::UNLOCK));
        rig.window.text("a b c");
        rig.frames(1);
        rig.window.key(Key::Enter, Modifiers::NONE);
        rig.frames(1);
        assert!(matches!(rig.jobs().as_slice(), [Job::Open { .. }]));
    }
}

#[test]
fn the_lock_key_is_the_key_and_not_the_letter() {
    let mut rig = Rig::open(model());
    let modifiers = Modifiers { ctrl: true, command: true, ..Modifiers::NONE };
    rig.window.event(egui::Event::Key {
        key: Key::Slash,
        physical_key: Some(Key::L),
        pressed: true,
        repeat: false,
        modifiers,
    });
    rig.frames(1);
    assert!(rig.app.desk().is_none());
}

#[test]
fn the_whole_window_turns_around() {
    let mut rig = Rig::open(model());
    rig.app.set_direction(Direction::RightToLeft);
    rig.talk_to_bob();
    let side = rig.window.find("Bob, 1 unread*").unwrap().rect;
    assert!(side.left() > 700.0);
}
