//! Connections over QUIC: who is let in, and the one stream they use.
//!
//! ```text
//!   packet ──► too many? refuse ──► unproven address and busy? retry ──► handshake (5 s) ──► stream (10 s) ──► serve
//! ```
//!
//! Not its concern: settings (`settings`), keys (`tls`), what is said on the stream (`session`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use khaima_wire::EXPORTER_LABEL;
use quinn::{Connection, Endpoint, Incoming, RecvStream, SendStream, VarInt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::hub::Hub;
use super::link::Link;
use super::session;
use crate::core::{AddressPrefix, CloseReason};
use crate::store::MailboxStore;

/// Time for a handshake.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(5);
/// Time from the handshake to the first byte on a stream.
const STREAM_DEADLINE: Duration = Duration::from_secs(10);
/// How long we wait for a client to take what we wrote last.
const FINISH_DEADLINE: Duration = Duration::from_secs(2);
/// Handshakes under way above which nobody else is let in.
const MOST_HANDSHAKES: usize = 2_048;

/// How many connections there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In all.
    pub total: usize,
    /// From one address prefix. Whole towns and whole Tor exits share one.
    pub per_prefix: usize,
    /// Handshakes under way from which on an address has to prove itself with a round trip.
    pub retry_from: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { total: 10_000, per_prefix: 2_000, retry_from: 256 }
    }
}

/// Places for connections. A place is given back when it is dropped.
struct Places {
    total: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    per_prefix: usize,
    retry_from: usize,
    prefixes: Mutex<HashMap<AddressPrefix, usize>>,
}

/// One taken place.
struct Place {
    places: Arc<Places>,
    prefix: AddressPrefix,
    _total: OwnedSemaphorePermit,
}

impl Places {
    fn new(limits: ConnectionLimits) -> Self {
        Self {
            total: Arc::new(Semaphore::new(limits.total.min(Semaphore::MAX_PERMITS))),
            handshakes: Arc::new(Semaphore::new(MOST_HANDSHAKES)),
            per_prefix: limits.per_prefix,
            retry_from: limits.retry_from,
            prefixes: Mutex::new(HashMap::new()),
        }
    }

    fn take(self: &Arc<Self>, prefix: AddressPrefix) -> Option<Place> {
        let total = Arc::clone(&self.total).try_acquire_owned().ok()?;
        let mut prefixes = self.prefixes.lock().unwrap_or_else(PoisonError::into_inner);
        let count = prefixes.entry(prefix).or_insert(0);
        if *count >= self.per_prefix {
            return None;
        }
        *count += 1;
        Some(Place { places: Arc::clone(self), prefix, _total: total })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut prefixes = self.places.prefixes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = prefixes.get_mut(&self.prefix) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                prefixes.remove(&self.prefix);
            }
        }
    }
}

/// Accepts connections until `stop` turns true, then waits for all of them to end.
pub(crate) async fn accept<S: MailboxStore>(
    endpoint: Endpoint,
    hub: Arc<Hub<S>>,
    limits: ConnectionLimits,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Places::new(limits));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => admit(incoming, &places, &hub, &stop, &mut connections),
                None => break,
            },
            // Ended ones are collected as they end, so that the set does not grow.
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            _ = stop.changed() => break,
        }
    }
    // New ones are turned away while those that are there finish.
    endpoint.set_server_config(None);
    while connections.join_next().await.is_some() {}
}

/// Lets a connection in, asks it to prove its address, or turns it away.
fn admit<S: MailboxStore>(
    incoming: Incoming,
    places: &Arc<Places>,
    hub: &Arc<Hub<S>>,
    stop: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let under_way = MOST_HANDSHAKES.saturating_sub(places.handshakes.available_permits());
    if under_way >= places.retry_from && !incoming.remote_address_validated() && incoming.may_retry() {
        // The packet holds what we would otherwise remember. It cannot fail: it was not validated.
        hub.metrics.retried.add();
        let _ = incoming.retry();
        return;
    }
    let prefix = AddressPrefix::of(incoming.remote_address().ip());
    let (Some(place), Ok(handshake)) =
        (places.take(prefix), Arc::clone(&places.handshakes).try_acquire_owned())
    else {
        hub.metrics.refused.add();
        incoming.refuse();
        return;
    };
    let (hub, stop) = (Arc::clone(hub), stop.clone());
    connections.spawn(async move {
        let connected = timeout(HANDSHAKE_DEADLINE, incoming).await;
        drop(handshake);
        if let Ok(Ok(connection)) = connected {
            hub.metrics.connections.add();
            serve(&hub, connection, prefix, stop).await;
            hub.metrics.connections.subtract();
        }
        drop(place);
    });
}

async fn serve<S: MailboxStore>(
    hub: &Arc<Hub<S>>,
    connection: Connection,
    prefix: AddressPrefix,
    mut stop: watch::Receiver<bool>,
) {
    let stream = tokio::select! {
        stream = timeout(STREAM_DEADLINE, connection.accept_bi()) => stream,
        _ = stop.changed() => {
            connection.close(code(CloseReason::Stopping), b"");
            return;
        }
    };
    let Ok(Ok((writer, reader))) = stream else {
        connection.close(code(CloseReason::TooSlow), b"");
        return;
    };
    let Some(link) = QuicLink::new(connection.clone(), prefix) else { return };
    tokio::select! {
        () = session::serve(Arc::clone(hub), &link, reader, writer, stop) => {}
        () = turn_away_streams(&connection) => {}
    }
}

/// There is one stream. Others are allowed by the settings for later versions; their bytes are not kept.
async fn turn_away_streams(connection: &Connection) {
    loop {
        tokio::select! {
            stream = connection.accept_bi() => match stream {
                Ok((mut writer, mut reader)) => {
                    // Errors mean that the client was quicker.
                    let _ = writer.reset(code(CloseReason::Protocol));
                    let _ = reader.stop(code(CloseReason::Protocol));
                }
                // The session notices the end of the connection itself, and has things to finish.
                Err(_) => std::future::pending().await,
            },
            stream = connection.accept_uni() => match stream {
                Ok(mut reader) => drop(reader.stop(code(CloseReason::Protocol))),
                Err(_) => std::future::pending().await,
            },
        }
    }
}

/// A QUIC connection with its stream.
struct QuicLink {
    connection: Connection,
    exporter: [u8; 32],
    prefix: AddressPrefix,
}

impl QuicLink {
    /// `None` if the connection has no keys to export, which an established one has.
    fn new(connection: Connection, prefix: AddressPrefix) -> Option<Self> {
        let mut exporter = [0; 32];
        connection.export_keying_material(&mut exporter, EXPORTER_LABEL, &[]).ok()?;
        Some(Self { connection, exporter, prefix })
    }
}

impl Link for QuicLink {
    type Reader = RecvStream;
    type Writer = SendStream;

    fn exporter(&self) -> [u8; 32] {
        self.exporter
    }

    fn prefix(&self) -> AddressPrefix {
        self.prefix
    }

    async fn finish(mut writer: SendStream) {
        if writer.finish().is_ok() {
            // Acknowledged, refused or too late: there is nothing else to do.
            let _ = timeout(FINISH_DEADLINE, writer.stopped()).await;
        }
    }

    fn close(&self, reason: CloseReason) {
        self.connection.close(code(reason), b"");
    }
}

fn code(reason: CloseReason) -> VarInt {
    VarInt::from_u32(reason.code())
}
