//! A running relay: store, core and QUIC put together, and taken apart in order.
//!
//! Not its concern: command lines and signals (the program), what is said on connections (`transport`).

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use khaima_wire::RelayAddress;
use quinn::{Endpoint, VarInt};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::clock::Clock;
use crate::config::Config;
use crate::core::{Relay, StoreOp, StoreReply, Upkept};
use crate::home::{Home, HomeError};
use crate::invites;
use crate::metrics::Metrics;
use crate::store::{EmbeddedStore, MailboxStore};
use crate::transport::{self, Hub};

/// Time between looks at waiting invites.
const INVITES_EVERY: Duration = Duration::from_secs(2);
/// Time between looks at what is due for upkeep.
const UPKEEP_EVERY: Duration = Duration::from_secs(60);
/// Time between lines of counts in the log.
const COUNTS_EVERY: Duration = Duration::from_secs(600);
/// Longest that stopping waits for clients that do not take what they are sent.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// Why a relay does not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Its directory cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Another program listens on that port. Stop it, or choose another port.
    #[error("the port is in use")]
    PortInUse,
    /// This port needs a right that this user does not have. Choose one above 1023, or give the right.
    #[error("not allowed to listen on this port")]
    PortNotAllowed,
    /// The machine does not have the address to listen on.
    #[error("this machine does not have the address to listen on")]
    NoSuchAddress,
    /// Listening failed otherwise. The cause says why.
    #[error("cannot listen")]
    Listen(#[source] io::Error),
}

impl StartError {
    fn from_bind(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::PortInUse,
            io::ErrorKind::PermissionDenied => Self::PortNotAllowed,
            io::ErrorKind::AddrNotAvailable => Self::NoSuchAddress,
            _ => Self::Listen(error),
        }
    }
}

/// Starts relays.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Starts a relay on the keys and the store in `config.home`. Call within a tokio runtime with time and IO.
    ///
    /// # Errors
    ///
    /// [`StartError`], by cause.
    pub fn start(config: Config) -> Result<RunningServer, StartError> {
        let home = Home::open(&config.home)?;
        let crypto = home.identity().quic_config(&config.host).map_err(HomeError::from)?;
        let socket = std::net::UdpSocket::bind(config.listen).map_err(StartError::from_bind)?;
        let local_addr = socket.local_addr().map_err(StartError::Listen)?;
        let address = home.address(&config, local_addr.port()).map_err(HomeError::from)?;
        let store = Arc::new(home.open_store().map_err(HomeError::from)?);
        let endpoint = Endpoint::new(
            transport::endpoint_config(home.identity()),
            Some(transport::server_config(crypto)),
            socket,
            Arc::new(quinn::TokioRuntime),
        )
        .map_err(StartError::Listen)?;
        let relay = Relay::new(home.identity().pin(), config.policy);
        let hub = Arc::new(Hub::new(relay, Arc::clone(&store), Clock::system()));
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(transport::accept(
            endpoint.clone(),
            Arc::clone(&hub),
            config.connections,
            stopped.clone(),
        ));
        let chores = tokio::spawn(chores(Arc::clone(&hub), config.home, stopped));
        tracing::info!(event = "started");
        Ok(RunningServer { address, local_addr, endpoint, hub, store, stop, accepting, chores })
    }

    /// Makes a directory for a relay on this machine's loopback, open to everybody on it, and starts it: for tests.
    ///
    /// # Errors
    ///
    /// [`StartError`], by cause.
    pub fn start_on_loopback(home: &Path) -> Result<RunningServer, StartError> {
        let config = Config::loopback(home);
        if !home.join(crate::config::CONFIG_FILE).exists() {
            Home::init(home, config.listen, &config.host)?;
        }
        Self::start(config)
    }
}

/// A relay at work. Dropping it ends it without ceremony; [`Self::stop`] does so in order.
pub struct RunningServer {
    address: RelayAddress,
    local_addr: SocketAddr,
    endpoint: Endpoint,
    hub: Arc<Hub<Arc<EmbeddedStore>>>,
    store: Arc<EmbeddedStore>,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    chores: JoinHandle<()>,
}

impl RunningServer {
    /// The address with the pin, to give to people.
    #[must_use]
    pub const fn address(&self) -> &RelayAddress {
        &self.address
    }

    /// The UDP address listened on.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// What it has counted since it started.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.hub.metrics
    }

    /// Stops: no new connections or requests, answers to what was asked, then everything is closed and on the disk.
    ///
    /// Takes at most some seconds, whatever clients do.
    pub async fn stop(self) {
        let Self { endpoint, store, stop, mut accepting, chores, .. } = self;
        stop.send_replace(true);
        if timeout(STOP_DEADLINE, &mut accepting).await.is_err() {
            accepting.abort();
        }
        chores.abort();
        let _ = chores.await;
        endpoint.close(VarInt::from_u32(0), b"");
        let _ = timeout(STOP_DEADLINE, endpoint.wait_idle()).await;
        // Blocks until what waits is written; a thread of its own, so that the runtime goes on.
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
        tracing::info!(event = "stopped");
    }
}

impl std::fmt::Debug for RunningServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RunningServer(..)")
    }
}

/// What a relay does without being asked.
async fn chores(hub: Arc<Hub<Arc<EmbeddedStore>>>, home: PathBuf, mut stop: watch::Receiver<bool>) {
    let every = |period| {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    };
    let (mut invites, mut upkeep, mut counts) =
        (every(INVITES_EVERY), every(UPKEEP_EVERY), every(COUNTS_EVERY));
    loop {
        tokio::select! {
            _ = invites.tick() => take_in_invites(&hub, &home).await,
            _ = upkeep.tick() => do_upkeep(&hub).await,
            _ = counts.tick() => hub.metrics.log(),
            _ = stop.changed() => return,
        }
    }
}

async fn take_in_invites<S: MailboxStore>(hub: &Hub<S>, home: &Path) {
    // A directory that is empty but for days of the year: not worth a thread.
    for waiting in invites::waiting(home) {
        let op = StoreOp::AddInvite { code: waiting.code, invite: waiting.invite };
        // If the store cannot, the file waits on.
        if hub.store().apply(op).await == Ok(StoreReply::Added) {
            match waiting.remove() {
                Ok(()) => tracing::info!(event = "invite taken in"),
                Err(_) => tracing::warn!(event = "invite file cannot be removed"),
            }
        }
    }
}

async fn do_upkeep<S: MailboxStore>(hub: &Hub<S>) {
    let mut total = Upkept::default();
    loop {
        let now = hub.now();
        let calendar = hub.with_relay(|relay| relay.calendar(now));
        // If the store cannot, the next minute will do.
        let Ok(StoreReply::Upkept(done)) = hub.store().apply(StoreOp::Upkeep { now, calendar }).await else {
            break;
        };
        total.envelopes += done.envelopes;
        total.mailboxes += done.mailboxes;
        total.unreadable += done.unreadable;
        if !done.more {
            break;
        }
    }
    if total.envelopes > 0 || total.mailboxes > 0 {
        tracing::info!(
            event = "expired",
            envelopes = total.envelopes.next_multiple_of(10),
            mailboxes = total.mailboxes.next_multiple_of(10),
        );
    }
    if total.unreadable > 0 {
        tracing::error!(
            event = "envelopes removed that no key opens: database and hours.key do not belong together",
            envelopes = total.unreadable,
        );
    }
}
