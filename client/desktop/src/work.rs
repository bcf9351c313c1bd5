//! Everything that may take longer than a frame: one thread that opens vaults, carries out commands and reads rows.
//!
//! ```text
//! App ── Job (bounded) ──► worker ──► runtime
//! App ◄─ Report (bounded) ── worker, then the waker asks for a frame
//! ```
//!
//! The worker owns the running client. Told to end it stops after the job it is at, drops the jobs behind that, stops the client
//! (the vault closes, its keys are wiped), and its last report is [`Report::Ended`].
//!
//! Not its concern: what to ask for and what to show.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use khaima_runtime::api::{Answer, Call, CallError};
use khaima_runtime::{
    Agent, Client, ClientOptions, Command, CommandError, ContactId, ConversationId, CreateError, MessageRow,
    Model, Notice, OpenError, Passphrase, StartError, StorageTrouble, Vault, Waker, check_name, create_vault,
    open_vault,
};
use zeroize::Zeroizing;

/// Jobs waiting, and reports waiting: many times what a person can cause between two frames.
const QUEUE: usize = 64;
/// How often an idle worker looks whether it was told to end; the end of its queue wakes it at once.
const LOOK: Duration = Duration::from_millis(500);

/// Something to do.
pub enum Job {
    /// Carry out a command.
    Command(About, Command),
    /// Make a vault and an identity in it, and start.
    Create {
        /// Where.
        data: PathBuf,
        /// What will open it.
        passphrase: Passphrase,
        /// How contacts will see this person.
        name: String,
    },
    /// Open a vault and start.
    Open {
        /// Where.
        data: PathBuf,
        /// What opens it.
        passphrase: Passphrase,
    },
    /// Read rows of a conversation.
    Rows(RowsWanted),
    /// Compute a safety number.
    SafetyNumber(ContactId),
    /// Send a text. Comes back with [`Report::NotSent`] if it is not stored.
    SendText {
        /// To whom.
        conversation: ConversationId,
        /// The words.
        body: Zeroizing<String>,
    },
    /// Use a relay.
    UseRelay {
        /// As typed.
        address: String,
        /// As typed; empty for none.
        code: String,
    },
}

/// What a command is for: what to do on the screen once it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Making an invitation.
    Invite,
    /// Using a link.
    Join,
    /// Choosing a name.
    Name,
    /// Anything that shows its effect by itself.
    Other,
    /// Noting what was read.
    Read,
    /// Using a relay.
    Relay,
}

/// Which rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowsWanted {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// Only those before this order; none: the newest.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// Something done.
pub enum Report {
    /// A command was carried out.
    Done(About),
    /// The worker has ended and the vault is closed.
    Ended,
    /// A command was not carried out.
    Failed(About, Failure),
    /// The text was not stored: here it is again.
    NotSent {
        /// To whom it was written.
        conversation: ConversationId,
        /// The words.
        body: Zeroizing<String>,
        /// Why.
        failure: Failure,
    },
    /// The vault is open and the client runs.
    Opened(Source),
    /// The vault was not made or did not open.
    NotOpened(Failure),
    /// Rows, oldest first.
    Rows(RowsWanted, Result<Vec<MessageRow>, Failure>),
    /// A safety number.
    SafetyNumber(ContactId, Result<SafetyDigits, Failure>),
    /// The text is stored and will be sent.
    Stored,
}

/// A safety number, to be shown.
#[derive(Clone)]
pub struct SafetyDigits {
    /// 60 digits in groups of five.
    pub digits: String,
    /// What a camera reads.
    pub scannable: Vec<u8>,
}

/// Why something was not done.
#[derive(Debug)]
pub enum Failure {
    /// Too many jobs wait.
    Busy,
    /// A call was refused.
    Call(CallError),
    /// A command was refused, or not stored because storage suffers from this.
    Command(CommandError, Option<StorageTrouble>),
    /// The vault was not made.
    Create(CreateError),
    /// The vault did not open.
    Open(OpenError),
    /// The client did not start.
    Start(StartError),
}

/// Where news of a running client comes from.
pub struct Source {
    /// What happened.
    pub notices: Receiver<Notice>,
    /// The newest model; answers at once.
    pub model: Box<dyn Fn() -> Arc<Model> + Send>,
}

/// The window's end of a worker.
pub struct Worker {
    jobs: SyncSender<Job>,
    reports: Receiver<Report>,
    ending: Arc<AtomicBool>,
    lock_asked: Arc<AtomicBool>,
}

/// The worker's end: what a test holds instead of a thread.
pub struct WorkerEnd {
    /// What is to be done.
    pub jobs: Receiver<Job>,
    /// What was done.
    pub reports: SyncSender<Report>,
    ending: Arc<AtomicBool>,
    lock_asked: Arc<AtomicBool>,
}

impl Worker {
    /// Both ends, without a thread.
    #[must_use]
    pub fn pair() -> (Self, WorkerEnd) {
        let (jobs, jobs_end) = sync_channel(QUEUE);
        let (reports_end, reports) = sync_channel(QUEUE);
        let (ending, lock_asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let end = WorkerEnd {
            jobs: jobs_end,
            reports: reports_end,
            ending: Arc::clone(&ending),
            lock_asked: Arc::clone(&lock_asked),
        };
        (Self { jobs, reports, ending, lock_asked }, end)
    }

    /// Starts a worker; `waker` is called after each report and each change of the client.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(waker: Waker) -> std::io::Result<Self> {
        let (worker, end) = Self::pair();
        std::thread::Builder::new()
            .name("khaima-work".to_owned())
            .spawn(move || Work::new(end, waker).run())?;
        Ok(worker)
    }

    /// Gives it something to do.
    ///
    /// # Errors
    /// The job again, when too many wait already or the worker has ended.
    pub fn give(&self, job: Job) -> Result<(), Job> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
        })
    }

    /// What was done since it was last asked.
    pub fn reports(&self) -> impl Iterator<Item = Report> + '_ {
        self.reports.try_iter()
    }

    /// Whether another program of this person has asked to lock.
    #[must_use]
    pub fn is_lock_asked(&self) -> bool {
        self.lock_asked.load(Ordering::Acquire)
    }

    /// Tells it to end; what it still says is only [`Ending::is_over`].
    #[must_use]
    pub fn end(self) -> Ending {
        self.ending.store(true, Ordering::Release);
        Ending { reports: self.reports }
    }
}

/// A worker that was told to end.
pub struct Ending {
    reports: Receiver<Report>,
}

impl Ending {
    /// Whether the vault is closed. Drops whatever else the worker still reported.
    #[must_use]
    pub fn is_over(&self) -> bool {
        loop {
            match self.reports.try_recv() {
                Ok(Report::Ended) | Err(std::sync::mpsc::TryRecvError::Disconnected) => return true,
                Ok(_) => {}
                Err(std::sync::mpsc::TryRecvError::Empty) => return false,
            }
        }
    }

    /// Waits for it.
    pub fn wait(self) {
        while !matches!(self.reports.recv(), Ok(Report::Ended) | Err(_)) {}
    }
}

/// The thread's state.
struct Work {
    end: WorkerEnd,
    waker: Waker,
    running: Option<Running>,
}

struct Running {
    // Dropped first: nobody may ask a client that is stopping.
    agent: Option<Agent>,
    client: Client,
}

impl Work {
    fn new(end: WorkerEnd, waker: Waker) -> Self {
        Self { end, waker, running: None }
    }

    fn run(mut self) {
        while !self.end.ending.load(Ordering::Acquire) {
            match self.end.jobs.recv_timeout(LOOK) {
                Ok(job) => {
                    let report = self.perform(job);
                    self.tell(report);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Some(Running { agent, client }) = self.running.take() {
            drop(agent);
            client.stop();
        }
        self.tell(Report::Ended);
    }

    fn tell(&self, report: Report) {
        // Nobody listens once the window is gone.
        let _ = self.end.reports.send(report);
        (self.waker)();
    }

    fn perform(&mut self, job: Job) -> Report {
        match job {
            Job::Create { data, passphrase, name } => self.create(&data, &passphrase, &name),
            Job::Open { data, passphrase } => match open_vault(&data, &passphrase) {
                Ok(vault) => self.begin(&data, vault, None),
                Err(error) => Report::NotOpened(Failure::Open(error)),
            },
            Job::Command(about, command) => report(about, self.command(command)),
            Job::SendText { conversation, body } => {
                let command = Command::SendText { conversation, body: body.as_str().to_owned() };
                match self.command(command) {
                    Ok(()) => Report::Stored,
                    Err(failure) => Report::NotSent { conversation, body, failure },
                }
            }
            Job::Rows(wanted) => Report::Rows(wanted, self.rows(wanted)),
            Job::SafetyNumber(contact) => Report::SafetyNumber(contact, self.safety_number(contact)),
            Job::UseRelay { address, code } => {
                let code = code.trim();
                let code = (!code.is_empty()).then(|| code.to_owned());
                report(About::Relay, self.call(Call::UseRelay { address, code }).map(|_| ()))
            }
        }
    }

    fn create(&mut self, data: &std::path::Path, passphrase: &Passphrase, name: &str) -> Report {
        // Before anything is made: a name that does not fit should not leave half a vault.
        if let Err(error) = check_name(name) {
            return Report::NotOpened(Failure::Call(error));
        }
        match create_vault(data, passphrase) {
            Ok(vault) => self.begin(data, vault, Some(name)),
            Err(error) => Report::NotOpened(Failure::Create(error)),
        }
    }

    fn begin(&mut self, data: &std::path::Path, vault: Vault, name: Option<&str>) -> Report {
        let options = ClientOptions { waker: Arc::clone(&self.waker), ..ClientOptions::default() };
        let client = match Client::start(vault, options) {
            Ok(client) => client,
            Err(error) => return Report::NotOpened(Failure::Start(error)),
        };
        let handle = client.handle();
        let source = Source { notices: handle.listen(), model: Box::new(move || handle.model()) };
        if let Some(name) = name
            && client.api().create_profile(name).is_err()
        {
            // The vault is there and open; the window asks for a name once more.
            tracing::warn!("the identity could not be made together with the vault");
        }
        let asked = Arc::clone(&self.end.lock_asked);
        let waker = Arc::clone(&self.waker);
        let agent = client.start_agent(data, move || {
            asked.store(true, Ordering::Release);
            waker();
        });
        let agent = agent
            .inspect_err(|error| {
                tracing::warn!(kind = ?error.kind(), "no socket: khaima-cli cannot use this vault while the window is open");
            })
            .ok();
        self.running = Some(Running { agent, client });
        Report::Opened(source)
    }

    fn client(&self) -> Result<&Client, Failure> {
        self.running
            .as_ref()
            .map(|running| &running.client)
            .ok_or(Failure::Command(CommandError::Ending, None))
    }

    fn failed(&self, error: CommandError) -> Failure {
        let storage = self.client().ok().and_then(|client| client.handle().model().storage);
        Failure::Command(error, storage)
    }

    fn command(&self, command: Command) -> Result<(), Failure> {
        self.client()?.handle().command(command).map_err(|error| self.failed(error))
    }

    fn rows(&self, wanted: RowsWanted) -> Result<Vec<MessageRow>, Failure> {
        let handle = self.client()?.handle();
        handle.rows(wanted.conversation, wanted.before, wanted.limit).map_err(|error| self.failed(error))
    }

    fn call(&self, call: Call) -> Result<Answer, Failure> {
        self.client()?.api().call(call, &mut |_| true).map_err(Failure::Call)
    }

    fn safety_number(&self, contact: ContactId) -> Result<SafetyDigits, Failure> {
        match self.call(Call::Verify { contact: contact.to_hex(), confirm: None })? {
            Answer::SafetyNumber { digits, scannable, .. } => {
                Ok(SafetyDigits { digits, scannable: from_hex(&scannable) })
            }
            _ => Err(Failure::Call(CallError::NoSuchContact)),
        }
    }
}

fn report(about: About, result: Result<(), Failure>) -> Report {
    match result {
        Ok(()) => Report::Done(about),
        Err(failure) => Report::Failed(about, failure),
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()))
        .collect();
    digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_reads_back() {
        assert_eq!(from_hex("00ff1a"), [0, 255, 26]);
    }

    #[test]
    fn a_full_queue_gives_the_job_back() {
        let (worker, _end) = Worker::pair();
        let job = || Job::UseRelay { address: "a".to_owned(), code: String::new() };
        for _ in 0..QUEUE {
            assert!(worker.give(job()).is_ok());
        }
        assert!(matches!(worker.give(job()), Err(Job::UseRelay { .. })));
    }

    #[test]
    fn a_worker_told_to_end_says_so_and_does_nothing_more() {
        let worker = Worker::start(Arc::new(|| {})).unwrap();
        let ending = worker.end();
        ending.wait();
    }
}
