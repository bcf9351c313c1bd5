//! The handle of a running client.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use khaima_engine::query::{self, MessageRow};
use khaima_engine::{Command, ConversationId, EngineError};
use khaima_vault::Vault;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

use crate::api::Api;
use crate::api::agent::Agent;
use crate::driver::{Driver, Order};
use crate::error::{CommandError, StartError};
use crate::link::LinkTiming;
use crate::model::{Model, Notice, Publisher, Waker};

/// Commands and queries waiting for the driver.
const QUEUE: usize = 64;

/// How a client is run.
#[derive(Clone)]
pub struct ClientOptions {
    /// Pauses between tries to connect.
    pub timing: LinkTiming,
    /// Called after every change, from another thread: wakes the window.
    pub waker: Waker,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self { timing: LinkTiming::default(), waker: Arc::new(|| {}) }
    }
}

/// A running client: owns an open vault, connects, sends and receives until stopped or dropped.
pub struct Client {
    runtime: Runtime,
    handle: Handle,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Asks things of a client from anywhere. All calls block until the driver has answered; none may be made from within the
/// client's own tokio runtime.
#[derive(Clone)]
pub struct Handle {
    orders: mpsc::Sender<Order>,
    publisher: Publisher,
}

impl Client {
    /// Starts: two threads for sockets, one for decisions and the vault.
    ///
    /// # Errors
    /// [`StartError`]; the vault is closed then.
    pub fn start(vault: Vault, options: ClientOptions) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("khaima-net")
            .enable_all()
            .build()
            .map_err(StartError::Threads)?;
        let publisher = Publisher::new(options.waker);
        let driver = Driver::new(vault, options.timing, publisher.clone()).map_err(StartError::Unreadable)?;
        let (orders, receiver) = mpsc::channel(QUEUE);
        let tokio = runtime.handle().clone();
        let thread = std::thread::Builder::new()
            .name("khaima-driver".to_owned())
            .spawn(move || tokio.block_on(driver.run(receiver)))
            .map_err(StartError::Threads)?;
        Ok(Self { runtime, handle: Handle { orders, publisher }, thread: Some(thread) })
    }

    /// A handle to it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Calls in plain data, for terminals and scripts.
    pub fn api(&self) -> Api {
        Api::new(self.handle())
    }

    /// Answers calls on the socket of this data directory until the agent is dropped.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn start_agent(
        &self,
        data: &Path,
        on_lock: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Agent> {
        let _inside = self.runtime.enter();
        Agent::start(data, self.api(), on_lock)
    }

    /// Calls this once when the process is asked to end (SIGTERM, SIGINT, SIGHUP).
    pub fn on_termination(&self, end: impl FnOnce() + Send + 'static) {
        use tokio::signal::unix::{SignalKind, signal};
        let _inside = self.runtime.enter();
        let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)] = kinds.map(signal) else { return };
        self.runtime.spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
            }
            end();
        });
    }

    /// Ends: what is being committed is finished, connections are closed, the vault is closed and its keys are wiped.
    /// Returns when all of that is done.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        let (done, ended) = oneshot::channel();
        if self.handle.orders.blocking_send(Order::Stop(done)).is_ok() {
            let _ = ended.blocking_recv();
        }
        let _ = thread.join();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.end();
    }
}

impl Handle {
    /// Carries out a command; on return its effect is durable, though a relay may not have heard of it yet.
    ///
    /// # Errors
    /// [`CommandError`]; nothing of it happened.
    pub fn command(&self, command: Command) -> Result<(), CommandError> {
        let (answer, answered) = oneshot::channel();
        self.orders.blocking_send(Order::Command(command, answer)).map_err(|_| CommandError::Ending)?;
        answered.blocking_recv().map_err(|_| CommandError::Ending)?
    }

    /// As [`Handle::command`] without waiting; `then` is called with the result from the driver's side. False when the
    /// driver's queue is full or it has ended: nothing was taken.
    pub fn send(
        &self,
        command: Command,
        then: impl FnOnce(Result<(), CommandError>) + Send + 'static,
    ) -> bool {
        let (answer, answered) = oneshot::channel();
        if self.orders.try_send(Order::Command(command, answer)).is_err() {
            return false;
        }
        std::thread::spawn(move || then(answered.blocking_recv().unwrap_or(Err(CommandError::Ending))));
        true
    }

    /// Reads the vault on the driver's thread.
    ///
    /// # Errors
    /// The client is ending.
    pub fn query<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Vault) -> T + Send + 'static,
    ) -> Result<T, CommandError> {
        let (answer, answered) = oneshot::channel();
        let query = Box::new(move |vault: &Vault| {
            // Whoever asked may have gone.
            let _ = answer.send(ask(vault));
        });
        self.orders.blocking_send(Order::Query(query)).map_err(|_| CommandError::Ending)?;
        answered.blocking_recv().map_err(|_| CommandError::Ending)
    }

    /// Rows of a conversation before an order (none: the newest), oldest first, at most `limit`.
    ///
    /// # Errors
    /// The client is ending, or the vault cannot be read.
    pub fn rows(
        &self,
        conversation: ConversationId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<MessageRow>, CommandError> {
        self.query(move |vault| query::messages(vault, conversation, before, limit))?.map_err(unreadable)
    }

    /// The newest model.
    pub fn model(&self) -> Arc<Model> {
        self.publisher.model()
    }

    /// Hears of everything from now on.
    pub fn listen(&self) -> Receiver<Notice> {
        self.publisher.listen()
    }
}

fn unreadable(error: EngineError) -> CommandError {
    match error {
        EngineError::Command(refused) => CommandError::Refused(refused),
        _ => CommandError::Unreadable,
    }
}
