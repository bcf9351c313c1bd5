//! The window: what is shown, and what follows from what a person does.
//!
//! ```text
//! logic: reports and notices ──► Desk (plain data)
//! ui:    Desk ──► screens ──► acts ──► jobs for the worker, or another page
//! ```
//!
//! Nothing here blocks: opening, commands and reading are the worker's.
//!
//! Not its concern: drawing (`screens`), carrying out (`work`), words (`words`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use egui::{CentralPanel, Context, Event as Input, Frame, Key, Ui};
use khaima_runtime::{Command, ConversationId, Day, Event, InvitationId, Notice, Passphrase, vault_exists};
use zeroize::Zeroizing;

use crate::act::{Act, Acts, Pane};
use crate::screens::{Desk, Gate, GateForm, InviteForm, JoinForm, RelayForm, desk_ui, gate_ui};
use crate::text::Direction;
use crate::view::{Home, Level, Page, Thread};
use crate::when::{self, Zone};
use crate::work::{About, Ending, Failure, Job, Report, Source, Worker};
use crate::{lock, words};

/// Notices taken in one frame; the rest wait for the next.
const NOTICES: usize = 1024;

/// Starts workers: one at the start, and one after each lock.
pub type StartWorker = Box<dyn Fn() -> std::io::Result<Worker>>;

/// The window.
pub struct App {
    data: PathBuf,
    direction: Direction,
    zone: Zone,
    start_worker: StartWorker,
    worker: Option<Worker>,
    acts: Acts,
    done: Receiver<Act>,
    state: State,
}

/// Locked or open.
enum State {
    /// Nothing is open.
    Gate { gate: Gate, form: Box<GateForm>, ending: Option<Ending> },
    /// The vault is open.
    Open(Box<Open>),
}

struct Open {
    desk: Desk,
    source: Source,
    /// The home relay's address, for new invitations.
    home_relay: Option<khaima_runtime::RelayAddress>,
    /// An invitation was asked for when there were these.
    invited: Option<BTreeSet<InvitationId>>,
    /// Said to the client to be read.
    read: Option<(ConversationId, u64)>,
    /// The local day that the words for days were made on.
    day: Day,
}

impl App {
    /// The window over a data directory. With a passphrase it unlocks at once.
    #[must_use]
    pub fn new(ctx: &Context, data: &Path, passphrase: Option<Passphrase>) -> Self {
        let waker = ctx.clone();
        let start = move || {
            let waker = waker.clone();
            Worker::start(Arc::new(move || waker.request_repaint()))
        };
        let mut app = Self::with_worker(data, Zone::of_system(), Box::new(start));
        if let Some(passphrase) = passphrase
            && vault_exists(data)
        {
            app.open(passphrase);
        }
        app
    }

    /// The same with any worker, for tests.
    #[must_use]
    pub fn with_worker(data: &Path, zone: Zone, start_worker: StartWorker) -> Self {
        let (acts, done) = Acts::queue();
        let gate = Gate { has_vault: vault_exists(data), ..Gate::default() };
        Self {
            data: data.to_path_buf(),
            direction: words::DIRECTION,
            zone,
            worker: start_worker().ok(),
            start_worker,
            acts,
            done,
            state: State::Gate { gate, form: Box::default(), ending: None },
        }
    }

    /// Draws as if the language of the interface ran the other way, for tests.
    pub fn set_direction(&mut self, direction: Direction) {
        self.direction = direction;
    }

    /// What is open, if anything.
    #[must_use]
    pub fn desk(&self) -> Option<&Desk> {
        match &self.state {
            State::Gate { .. } => None,
            State::Open(open) => Some(&open.desk),
        }
    }

    /// The gate, while nothing is open.
    #[must_use]
    pub fn gate(&self) -> Option<&Gate> {
        match &self.state {
            State::Gate { gate, .. } => Some(gate),
            State::Open(_) => None,
        }
    }

    /// Takes in what has happened. To be called before each [`Self::draw`].
    pub fn take_in(&mut self, ctx: &Context) {
        let by_key = ctx.input(|input| input.events.iter().any(is_lock_key));
        if self.desk().is_some() && (by_key || self.worker.as_ref().is_some_and(Worker::is_lock_asked)) {
            self.lock(ctx);
        }
        if let State::Gate { gate, ending, .. } = &mut self.state
            && ending.take_if(|ending| ending.is_over()).is_some()
        {
            gate.busy = None;
        }
        let reports: Vec<Report> =
            self.worker.as_ref().map(|worker| worker.reports().collect()).unwrap_or_default();
        for report in reports {
            self.on_report(report);
        }
        if let State::Open(open) = &mut self.state {
            open.on_notices(&self.zone);
            if let Some(worker) = &self.worker {
                open.ask(worker, ctx.input(|input| input.focused));
            }
        }
    }

    /// Draws, and does what a person did. One frame.
    pub fn draw(&mut self, ui: &mut Ui) {
        let pane = Pane { acts: &self.acts, direction: self.direction };
        match &mut self.state {
            State::Gate { gate, form, .. } => {
                CentralPanel::default().frame(Frame::new().fill(crate::theme::color::SURFACE)).show(
                    ui,
                    |ui| {
                        gate_ui(ui, gate, form, pane);
                    },
                );
            }
            State::Open(open) => desk_ui(ui, &mut open.desk, pane),
        }
        let done: Vec<Act> = self.done.try_iter().collect();
        for act in done {
            self.on_act(act, ui.ctx());
        }
    }

    /// Closes everything: drafts, rows and model are dropped, egui forgets, clipboard and selection are overwritten, and the client is
    /// stopped, which wipes the keys. The lock screen is shown at once; it takes a passphrase when the vault is closed.
    fn lock(&mut self, ctx: &Context) {
        let gate = Gate { has_vault: true, busy: Some(words::LOCKING), trouble: None };
        let ending = self.worker.take().map(Worker::end);
        self.state = State::Gate { gate, form: Box::default(), ending };
        while self.done.try_recv().is_ok() {}
        lock::forget(ctx);
        self.worker = (self.start_worker)().ok();
    }

    /// Closes everything at the end of the program, and waits for it.
    pub fn end(&mut self) {
        let is_open = self.desk().is_some();
        if let Some(worker) = self.worker.take() {
            let ending = worker.end();
            if is_open {
                ending.wait();
            }
        }
    }

    fn on_report(&mut self, report: Report) {
        match (&mut self.state, report) {
            (State::Gate { .. }, Report::Opened(source)) => {
                self.state = State::Open(Box::new(Open::new(source, &self.zone)));
            }
            (State::Gate { gate, .. }, Report::NotOpened(failure)) => {
                gate.busy = None;
                gate.has_vault = vault_exists(&self.data);
                gate.trouble = Some(words::failure(&failure));
            }
            (State::Gate { .. }, _) => {}
            (State::Open(open), report) => open.on_report(report, &self.zone),
        }
    }

    fn on_act(&mut self, act: Act, ctx: &Context) {
        match act {
            Act::Lock => {
                if self.desk().is_some() {
                    self.lock(ctx);
                }
            }
            Act::Unlock(passphrase) => self.open(passphrase),
            Act::Create(passphrase) => self.create(passphrase),
            act => {
                if let State::Open(open) = &mut self.state {
                    open.on_act(act, self.worker.as_ref(), ctx);
                }
            }
        }
    }

    fn open(&mut self, passphrase: Passphrase) {
        let job = Job::Open { data: self.data.clone(), passphrase };
        self.begin(words::OPENING, job);
    }

    fn create(&mut self, passphrase: Passphrase) {
        let State::Gate { form, .. } = &self.state else { return };
        let name = form.name.text().trim().to_owned();
        let job = Job::Create { data: self.data.clone(), passphrase, name };
        self.begin(words::MAKING, job);
    }

    fn begin(&mut self, what: &'static str, job: Job) {
        let State::Gate { gate, .. } = &mut self.state else { return };
        gate.trouble = None;
        match give(self.worker.as_ref(), job) {
            Ok(()) => gate.busy = Some(what),
            Err(_) => gate.trouble = Some(words::failure(&Failure::Busy)),
        }
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.take_in(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.draw(ui);
    }

    fn clear_color(&self, _visuals: &egui::Visuals) -> [f32; 4] {
        crate::theme::color::SURFACE.to_normalized_gamma_f32()
    }

    fn persist_egui_memory(&self) -> bool {
        false
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.end();
    }
}

impl Open {
    fn new(source: Source, zone: &Zone) -> Self {
        let mut open = Self {
            desk: Desk::default(),
            source,
            home_relay: None,
            invited: None,
            read: None,
            day: zone.day(when::now()),
        };
        open.refresh(zone);
        open
    }

    /// Takes in what the client says.
    fn on_notices(&mut self, zone: &Zone) {
        let mut is_news = false;
        for notice in self.source.notices.try_iter().take(NOTICES) {
            is_news = true;
            match notice {
                Notice::Event(event) => on_event(&mut self.desk, &event),
                Notice::Missed => {
                    if let Some(thread) = &mut self.desk.thread {
                        thread.want_all();
                    }
                }
                Notice::Changed => {}
            }
        }
        let today = zone.day(when::now());
        if self.day != today {
            self.day = today;
            is_news = true;
            if let Some(thread) = &mut self.desk.thread {
                thread.want_all();
            }
        }
        if is_news {
            self.refresh(zone);
        }
    }

    /// Makes the view anew, and leaves pages whose subject is gone or has moved on.
    fn refresh(&mut self, zone: &Zone) {
        let model = (self.source.model)();
        self.home_relay = model.profile.as_ref().and_then(|profile| profile.home.clone());
        self.desk.home = Home::of(&model, zone, when::now());
        let desk = &mut self.desk;
        if let Some(before) = &self.invited
            && let Some(made) =
                desk.home.invitations.iter().find(|it| it.made_here && !before.contains(&it.id))
        {
            let id = made.id;
            self.invited = None;
            desk.invite = InviteForm::default();
            desk.go(Page::Invitation(id));
        }
        match desk.page {
            Page::Request(contact) => match desk.home.person(contact) {
                None => desk.go(Page::Empty),
                Some(person) if person.relation == khaima_runtime::Relation::Accepted => {
                    let conversation = person.conversation;
                    desk.go(Page::Thread(conversation));
                }
                Some(_) => {}
            },
            Page::Thread(conversation) if desk.home.person_in(conversation).is_none() => desk.go(Page::Empty),
            Page::SafetyNumber(contact) if desk.home.person(contact).is_none() => desk.go(Page::Empty),
            Page::Invitation(id) if desk.home.invitation(id).is_none() => desk.go(Page::Invite),
            _ => {}
        }
    }

    /// Asks the worker for rows that are missing, and tells the client what was read.
    fn ask(&mut self, worker: &Worker, has_focus: bool) {
        let at_end = self.desk.is_at_end();
        let Some(thread) = &mut self.desk.thread else { return };
        if let Some(wanted) = thread.next_wanted()
            && worker.give(Job::Rows(wanted)).is_err()
        {
            thread.on_refused();
        }
        if at_end {
            thread.trim();
        }
        let conversation = thread.conversation;
        let unread = self.desk.home.person_in(conversation).map_or(0, |person| person.unread);
        let (true, true, Some(up_to)) = (has_focus && at_end, unread > 0, thread.newest()) else { return };
        if self.read == Some((conversation, up_to)) {
            return;
        }
        let command = Command::MarkRead { conversation, up_to };
        if worker.give(Job::Command(About::Read, command)).is_ok() {
            self.read = Some((conversation, up_to));
        }
    }

    fn on_report(&mut self, report: Report, zone: &Zone) {
        let desk = &mut self.desk;
        match report {
            Report::Done(About::Join) => {
                desk.join = JoinForm::default();
                desk.go(Page::Empty);
                desk.note = Some((words::ASKED.to_owned(), Level::Good));
            }
            Report::Done(About::Relay) => {
                desk.relay = RelayForm::default();
                desk.calm();
                if desk.page == Page::Empty {
                    desk.go(Page::Invite);
                }
            }
            Report::Done(_) => {}
            Report::Stored => desk.calm(),
            Report::Failed(About::Read, _) => self.read = None,
            Report::Failed(about, failure) => {
                if about == About::Invite {
                    self.invited = None;
                }
                desk.note = Some((words::failure(&failure), Level::Warning));
            }
            Report::NotSent { conversation, body, failure } => {
                restore(desk, conversation, &body);
                desk.note = Some((words::failure(&failure), Level::Warning));
            }
            Report::Rows(wanted, rows) => {
                if let Some(thread) = desk.thread.as_mut().filter(|it| it.conversation == wanted.conversation)
                {
                    match rows {
                        Ok(rows) => thread.on_rows(wanted, &rows, zone, when::now()),
                        Err(failure) => {
                            thread.on_failed();
                            desk.note = Some((words::failure(&failure), Level::Warning));
                        }
                    }
                }
            }
            Report::SafetyNumber(contact, Ok(number)) => desk.on_safety_number(contact, number),
            Report::SafetyNumber(_, Err(failure)) => {
                desk.note = Some((words::failure(&failure), Level::Warning))
            }
            Report::Opened(_) | Report::NotOpened(_) | Report::Ended => {}
        }
    }

    fn on_act(&mut self, act: Act, worker: Option<&Worker>, ctx: &Context) {
        let desk = &mut self.desk;
        match act {
            Act::Command(command) => self.command(About::Other, command, worker),
            Act::Copy(text) => {
                ctx.copy_text(text);
                desk.note = Some((words::COPIED.to_owned(), Level::Quiet));
            }
            Act::Dismiss => desk.note = None,
            Act::Invite { days } => {
                let Some(relay) = self.home_relay.clone() else { return };
                self.invited = Some(desk.home.invitations.iter().map(|it| it.id).collect());
                let note = desk.invite.note.text().trim().to_owned();
                self.command(
                    About::Invite,
                    Command::CreateInvitation { relay, expires_in_days: days, note },
                    worker,
                );
            }
            Act::Join => {
                let link = desk.join.link.text().trim().to_owned();
                let greeting = desk.join.greeting.text().trim().to_owned();
                self.command(About::Join, Command::AcceptInvitation { link, greeting }, worker);
            }
            Act::LoadOlder => {
                if let Some(thread) = &mut desk.thread {
                    thread.want_older();
                }
                ctx.request_repaint();
            }
            Act::Send(conversation) => {
                let body = desk.draft(conversation).editor.take();
                desk.to_end(conversation);
                if let Err(Job::SendText { conversation, body }) =
                    give(worker, Job::SendText { conversation, body })
                {
                    restore(desk, conversation, &body);
                    desk.note = Some((words::failure(&Failure::Busy), Level::Warning));
                }
            }
            Act::SetName => {
                let name =
                    desk.name.as_ref().map(|editor| editor.text().trim().to_owned()).unwrap_or_default();
                self.command(About::Name, Command::CreateProfile { name }, worker);
            }
            Act::Show(page) => {
                desk.go(page);
                if let Page::SafetyNumber(contact) = page {
                    self.give(Job::SafetyNumber(contact), worker);
                }
                // What the page needs is asked for before the next frame is drawn.
                ctx.request_repaint();
            }
            Act::UseRelay => {
                let address = desk.relay.address.text().trim().to_owned();
                let code = desk.relay.code.text().trim().to_owned();
                self.give(Job::UseRelay { address, code }, worker);
            }
            Act::Create(_) | Act::Lock | Act::Unlock(_) => {}
        }
    }

    fn command(&mut self, about: About, command: Command, worker: Option<&Worker>) {
        self.desk.calm();
        self.give(Job::Command(about, command), worker);
    }

    fn give(&mut self, job: Job, worker: Option<&Worker>) {
        if give(worker, job).is_err() {
            self.desk.note = Some((words::failure(&Failure::Busy), Level::Warning));
        }
    }
}

fn give(worker: Option<&Worker>, job: Job) -> Result<(), Job> {
    match worker {
        Some(worker) => worker.give(job),
        None => Err(job),
    }
}

/// Puts a text that was not stored back into its draft, before what has been written since.
fn restore(desk: &mut Desk, conversation: ConversationId, body: &Zeroizing<String>) {
    let editor = &mut desk.draft(conversation).editor;
    let both = if editor.is_blank() {
        body.clone()
    } else {
        Zeroizing::new(format!("{}\n{}", body.as_str(), editor.text()))
    };
    editor.set_text(&both);
}

fn on_event(desk: &mut Desk, event: &Event) {
    if let Some(thread) = &mut desk.thread {
        Thread::on_event(thread, event);
    }
    match event {
        Event::InvitationRefusedAgain { count, .. } => {
            desk.note = Some((words::refused_again(*count), Level::Danger))
        }
        Event::Problem(problem) => {
            let name = contact_of(problem)
                .and_then(|contact| desk.home.person(contact))
                .map(|person| person.name.clone());
            if let Some(text) = words::problem(*problem, &name.unwrap_or_default()) {
                desk.note = Some((text, Level::Danger));
            }
        }
        _ => {}
    }
}

fn contact_of(problem: &khaima_runtime::Problem) -> Option<khaima_runtime::ContactId> {
    use khaima_runtime::Problem;
    match problem {
        Problem::AlreadyKnown { contact } | Problem::IdentityConflict { contact } => Some(*contact),
        _ => None,
    }
}

/// Ctrl+L, wherever the letter is on the keyboard: under an Arabic layout the same key has another letter.
fn is_lock_key(event: &Input) -> bool {
    matches!(event, Input::Key { key, physical_key, pressed: true, modifiers, .. }
        if modifiers.command && !modifiers.shift && !modifiers.alt && (*key == Key::L || *physical_key == Some(Key::L)))
}
