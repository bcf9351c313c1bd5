//! The task behind one link: connect, serve, wait, connect again.

use std::fmt;
use std::time::Duration;

use khaima_engine::{OutgoingRequest, Ticket};
use khaima_wire::{Day, Push, RelayAddress, Reply, Role};
use rand::RngExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::connect::{ConnectError, Connector};
use super::session::{self, Ended};

/// Requests waiting to be sent on one link, at most.
const QUEUE: usize = 256;

/// Names a link: one relay, one role.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkId {
    /// Where.
    pub address: RelayAddress,
    /// Owner or anonymous.
    pub role: Role,
}

impl fmt::Debug for LinkId {
    /// The role only: addresses do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkId({:?}, ..)", self.role)
    }
}

/// What the driver tells a link.
pub enum LinkOrder {
    /// Send this; the answer will carry the ticket.
    Request {
        /// Comes back with the answer.
        ticket: Ticket,
        /// What to send; proofs are made on the connection it goes out on.
        request: OutgoingRequest,
    },
    /// Drop the connection and make a new one: an answer is overdue.
    Reconnect,
}

/// What a link tells the driver.
#[derive(Debug)]
pub enum LinkReport {
    /// Connected, and the relay has said hello.
    Up {
        /// Which link.
        link: LinkId,
        /// The relay's day.
        today: Day,
    },
    /// Not connected any more, or a try failed. Whatever was sent and not answered is lost.
    Down {
        /// Which link.
        link: LinkId,
        /// Why.
        trouble: Trouble,
        /// How long it waits before it tries again.
        retry_after: Duration,
    },
    /// An answer.
    Reply {
        /// The ticket of the request.
        ticket: Ticket,
        /// The answer.
        reply: Reply,
    },
    /// Something the relay sends by itself.
    Push {
        /// Which link.
        link: LinkId,
        /// What.
        push: Push,
    },
}

/// Why a link is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The relay has another key than its address says.
    KeyChanged,
    /// This machine cannot open connections.
    Local,
    /// The relay's name has no address.
    NoAddress,
    /// The relay sent what no relay sends.
    Nonsense,
    /// The relay speaks another version of the protocol.
    OtherVersion,
    /// The relay does not answer.
    Unreachable,
}

impl From<ConnectError> for Trouble {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::KeyChanged => Self::KeyChanged,
            ConnectError::Local => Self::Local,
            ConnectError::NoAddress => Self::NoAddress,
            ConnectError::Unreachable => Self::Unreachable,
        }
    }
}

/// How long a link waits between tries: doubling from `first` to `longest`, each between half and one and a half times
/// that, so that a thousand clients do not come back in the same second.
#[derive(Clone, Copy, Debug)]
pub struct LinkTiming {
    /// After the first failure.
    pub first: Duration,
    /// Never longer than this.
    pub longest: Duration,
}

impl Default for LinkTiming {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(300) }
    }
}

impl LinkTiming {
    fn wait(&self, failures: u32) -> Duration {
        let doubled =
            self.first.saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.longest).mul_f64(rand::rng().random_range(0.5..1.5))
    }
}

/// A handle to a link's task; dropping it ends the link.
pub struct Link {
    orders: mpsc::Sender<LinkOrder>,
}

impl Link {
    /// Starts the task in the current tokio runtime.
    pub fn start(
        id: LinkId,
        connector: Connector,
        timing: LinkTiming,
        reports: mpsc::Sender<LinkReport>,
    ) -> Self {
        let (orders, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(drive(id, connector, timing, receiver, reports));
        Self { orders }
    }

    /// Gives an order; false when the link's queue is full or it has ended, and the order was dropped.
    pub fn order(&self, order: LinkOrder) -> bool {
        self.orders.try_send(order).is_ok()
    }
}

async fn drive(
    id: LinkId,
    connector: Connector,
    timing: LinkTiming,
    mut orders: mpsc::Receiver<LinkOrder>,
    reports: mpsc::Sender<LinkReport>,
) {
    let mut failures = 0;
    loop {
        let keep_alive = Duration::from_millis(rand::rng().random_range(15_000..25_000));
        let trouble = tokio::select! {
            connected = connector.connect(&id.address, keep_alive) => match connected {
                Ok(connected) => {
                    let since = Instant::now();
                    match session::run(&id, connected, &mut orders, &reports).await {
                        Ended::Stopped => return,
                        Ended::Lost(trouble) => {
                            // A relay that closes at once must not be hammered.
                            if since.elapsed() > timing.first {
                                failures = 0;
                            }
                            trouble
                        }
                    }
                }
                Err(error) => error.into(),
            },
            () = stopped(&mut orders) => return,
        };
        failures += 1;
        let retry_after = timing.wait(failures);
        if reports.send(LinkReport::Down { link: id.clone(), trouble, retry_after }).await.is_err() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(retry_after) => {}
            () = stopped(&mut orders) => return,
        }
    }
}

/// Waits for the end while not connected. Requests that come meanwhile are dropped: the driver was told that the link is
/// down and gives them again.
async fn stopped(orders: &mut mpsc::Receiver<LinkOrder>) {
    loop {
        match orders.recv().await {
            None => return,
            Some(LinkOrder::Request { .. } | LinkOrder::Reconnect) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_spread() {
        let timing = LinkTiming::default();
        for (failures, seconds) in [(1, 1.0), (2, 2.0), (5, 16.0), (12, 300.0), (200, 300.0)] {
            let wait = timing.wait(failures).as_secs_f64();
            assert!((seconds * 0.5..seconds * 1.5).contains(&wait), "{failures} failures: {wait} s");
        }
    }
}
