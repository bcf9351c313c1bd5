//! What a relay adds to QUIC: submit to delivery, beside an echo of the same bytes over the same settings, in one run.
//!
//! Envelopes of 3,968 bytes. Client and relay share the machine's cores, so only the ratios say something. The relay's
//! figures include a durable commit for each envelope; the echo has none, so the store alone stands beside them too.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "a benchmark"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Client, client_config, endpoint, envelope, key, number};
use khaima_relay::core::{Calendar, Quota, StoreOp, StoreReply};
use khaima_relay::store::MailboxStore;
use khaima_relay::store::conformance::{create, owner};
use khaima_relay::transport::{Identity, provider, server_config};
use khaima_relay::{Config, Home, Server};
use khaima_wire::{Day, RelayAddress, Reply, Role, SealedEnvelope};
use quinn::{Connection, Endpoint};
use tokio::task::JoinSet;

const BODY: usize = SealedEnvelope::SIZES[0];
/// Connections at a time where the rate is measured.
const MANY: u8 = 32;

#[tokio::main]
async fn main() {
    let seconds = std::env::args()
        .skip_while(|argument| argument != "--measurement-time")
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1.0);
    let time = Duration::from_secs_f64(seconds);
    let echo = Echo::start();
    let dir = tempfile::tempdir().unwrap();
    let relay = start_relay(dir.path());
    let rows = [
        ("echo over QUIC, one at a time", echo_many(&echo, 1, time).await),
        ("relay, submit to delivery, one at a time", relay_many(relay.address(), 1, time).await),
        ("echo over QUIC, 32 connections", echo_many(&echo, MANY, time).await),
        ("relay, submit to delivery, 32 pairs of connections", relay_many(relay.address(), MANY, time).await),
        ("store alone, durable append, 32 at a time", store_many(time).await),
    ];
    relay.stop().await;
    let mut report = String::from("| 3,968 bytes | p50 ms | p99 ms | per second |\n|---|---|---|---|\n");
    for (name, measured) in &rows {
        let (p50, p99, rate) = measured.figures();
        writeln!(report, "| {name} | {p50:.2} | {p99:.2} | {rate:.0} |").unwrap();
    }
    let rate = |row: usize| rows[row].1.figures().2;
    writeln!(
        report,
        "\nRelay over store alone, 32 at a time: {:.0} %. Relay over echo: {:.0} %.",
        100.0 * rate(3) / rate(4),
        100.0 * rate(3) / rate(2),
    )
    .unwrap();
    println!("{report}");
    if let Some(path) = std::env::var_os("KHAIMA_BENCH_REPORT") {
        std::fs::write(path, report).unwrap();
    }
}

/// Latencies of one measurement.
struct Measured {
    latencies: Vec<Duration>,
    elapsed: Duration,
}

impl Measured {
    /// Median and 99th percentile in milliseconds, and the rate in a second.
    fn figures(&self) -> (f64, f64, f64) {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let at = |percent: usize| sorted[(sorted.len() - 1) * percent / 100].as_secs_f64() * 1_000.0;
        (at(50), at(99), sorted.len() as f64 / self.elapsed.as_secs_f64())
    }

    async fn gather(mut workers: JoinSet<Vec<Duration>>) -> Self {
        let began = Instant::now();
        let mut latencies = Vec::new();
        while let Some(worker) = workers.join_next().await {
            latencies.extend(worker.unwrap());
        }
        Self { latencies, elapsed: began.elapsed() }
    }
}

/// A server that sends back what it gets.
struct Echo {
    address: RelayAddress,
    _endpoint: Endpoint,
}

impl Echo {
    fn start() -> Self {
        let identity = Identity::generate().unwrap();
        let config = server_config(identity.quic_config("127.0.0.1").unwrap());
        let endpoint = Endpoint::server(config, ([127, 0, 0, 1], 0).into()).unwrap();
        let port = endpoint.local_addr().unwrap().port();
        let accepting = endpoint.clone();
        tokio::spawn(async move {
            while let Some(incoming) = accepting.accept().await {
                tokio::spawn(async move {
                    let connection = incoming.await.unwrap();
                    let Ok((mut writer, mut reader)) = connection.accept_bi().await else { return };
                    let mut body = vec![0; BODY];
                    while reader.read_exact(&mut body).await.is_ok() {
                        writer.write_all(&body).await.unwrap();
                    }
                });
            }
        });
        Self { address: RelayAddress::new("127.0.0.1", port, identity.pin()).unwrap(), _endpoint: endpoint }
    }
}

async fn echo_many(echo: &Echo, connections: u8, time: Duration) -> Measured {
    let endpoint = endpoint();
    let mut ready: Vec<Connection> = Vec::new();
    for _ in 0..connections {
        let config = client_config(*echo.address.pin(), provider(), |_| {});
        let to = common::socket_addr(&echo.address);
        ready.push(endpoint.connect_with(config, to, "relay.test").unwrap().await.unwrap());
    }
    let mut workers = JoinSet::new();
    for connection in ready {
        workers.spawn(async move {
            let (mut writer, mut reader) = connection.open_bi().await.unwrap();
            let (began, mut latencies) = (Instant::now(), Vec::new());
            let (out, mut back) = (vec![7; BODY], vec![0; BODY]);
            while began.elapsed() < time {
                let sent = Instant::now();
                writer.write_all(&out).await.unwrap();
                reader.read_exact(&mut back).await.unwrap();
                latencies.push(sent.elapsed());
            }
            latencies
        });
    }
    Measured::gather(workers).await
}

/// An open relay without the limits that a benchmark runs into.
fn start_relay(dir: &std::path::Path) -> khaima_relay::RunningServer {
    let config = Config::loopback(dir);
    Home::init(dir, config.listen, &config.host).unwrap();
    Server::start(config).unwrap()
}

/// Each pair has its mailbox: one submits, the other is pushed and acknowledges. The time is from submit to delivery.
async fn relay_many(relay: &RelayAddress, pairs: u8, time: Duration) -> Measured {
    let mut ready = Vec::new();
    for pair in 1..=pairs {
        let mut owner = Client::connect(relay, Role::Owner).await;
        owner.create(&key(pair)).await;
        owner.subscribe(&key(pair)).await;
        ready.push((pair, owner, Client::connect(relay, Role::Anonymous).await));
    }
    let mut workers = JoinSet::new();
    for (pair, mut owner, mut sender) in ready {
        workers.spawn(async move {
            let (began, mut latencies) = (Instant::now(), Vec::new());
            for n in 0.. {
                if began.elapsed() >= time {
                    break;
                }
                let sent = Instant::now();
                assert_eq!(sender.submit(&key(pair), envelope(n)).await, Reply::Accepted);
                let delivery = owner.delivery().await;
                latencies.push(sent.elapsed());
                assert_eq!(number(&delivery.sealed), n);
                owner.acknowledge(&delivery).await;
            }
            latencies
        });
    }
    Measured::gather(workers).await
}

async fn store_many(time: Duration) -> Measured {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::loopback(dir.path());
    let store = Home::init(dir.path(), config.listen, &config.host).unwrap().open_store().unwrap();
    let store = Arc::new(store);
    let mut workers = JoinSet::new();
    for worker in 1..=MANY {
        create(&*store, owner(worker));
        let store = Arc::clone(&store);
        workers.spawn(async move {
            let (began, mut latencies) = (Instant::now(), Vec::new());
            let calendar = Calendar::new(Day::new(20_000), 180);
            let quota = Quota { envelopes: u32::MAX, bytes: u64::MAX };
            for n in 0_u64.. {
                if began.elapsed() >= time {
                    break;
                }
                let sent = Instant::now();
                let reply = store
                    .apply(StoreOp::Append {
                        mailbox: owner(worker).mailbox(),
                        sealed: envelope(n as u32),
                        random: n.to_be_bytes(),
                        expires: Day::new(20_030),
                        calendar,
                        quota,
                    })
                    .await;
                assert_eq!(reply, Ok(StoreReply::Appended));
                latencies.push(sent.elapsed());
            }
            latencies
        });
    }
    Measured::gather(workers).await
}
