//! The program as an operator uses it, and what happens when it is killed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "a test; helpers outside of test functions"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use common::{Client, envelope, key, number};
use khaima_wire::{InviteCode, Purpose, RelayAddress, Reply, Request, Role};
use rustix::process::{Pid, Signal, kill_process};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_khaima-relay"))
}

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A relay that runs as a program of its own.
struct Running {
    child: Child,
    address: RelayAddress,
}

impl Running {
    fn start(dir: &Path) -> Self {
        let mut child =
            program().arg("run").arg(dir).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut error = String::new();
            child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
            panic!("did not start: {error}");
        }
        Self { address: line.trim().parse().unwrap(), child }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Reads the log up to a line with these words.
    fn wait_for_log(&mut self, words: &str) {
        let log = self.child.stderr.as_mut().unwrap();
        let (mut line, mut byte) = (Vec::new(), [0]);
        while !text(&line).contains(words) {
            if line.ends_with(b"\n") {
                line.clear();
            }
            assert_eq!(log.read(&mut byte).unwrap(), 1, "the log ended without {words}");
            line.push(byte[0]);
        }
    }

    /// Waits for its end: the exit code, and what it wrote to the log.
    fn wait(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (code, log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Its own child only; an error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory with a relay that is open to everybody, on any free port.
fn relay_dir() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("relay");
    let made = run(&["init", dir.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let config = dir.join("relay.toml");
    let open = std::fs::read_to_string(&config).unwrap().replace("\"invite\"", "\"open\"");
    std::fs::write(config, open).unwrap();
    (parent, dir)
}

#[test]
fn a_new_relay_says_its_address_and_what_next() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("relay");
    let dir = dir.to_str().unwrap();
    let made = run(&["init", dir, "--listen", "0.0.0.0:44333", "--host", "Relay.Example.org"]);
    assert!(made.status.success());
    let said = text(&made.stdout);
    let address = text(&run(&["address", dir]).stdout);
    let address: RelayAddress = address.trim().parse().unwrap();
    assert_eq!((address.host(), address.port()), ("relay.example.org", 44_333));
    assert!(said.contains(&address.to_string()), "{said}");
    assert!(said.contains(&format!("khaima-relay run {dir}")), "{said}");
    assert!(said.contains("identity.key"), "{said}");
}

#[test]
fn mistakes_are_explained_in_plain_words() {
    let (parent, dir) = relay_dir();
    let here = dir.to_str().unwrap();
    let explained = |arguments: &[&str], expected: &[&str]| {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = text(&output.stderr);
        for words in expected {
            assert!(said.contains(words), "{arguments:?}: {said}");
        }
    };
    explained(&["init", here], &["exists already", "Nothing was changed"]);
    let nowhere = parent.path().join("nowhere");
    explained(&["run", nowhere.to_str().unwrap()], &["not a relay's directory", "khaima-relay init"]);
    let fresh = parent.path().join("fresh");
    explained(&["init", fresh.to_str().unwrap(), "--host", "two words"], &["The host is not one"]);

    let running = Running::start(&dir);
    explained(&["run", here], &["in use by another process", "running already"]);
    let config = std::fs::read_to_string(dir.join("relay.toml")).unwrap();
    let taken = config.replace("127.0.0.1:0", &format!("127.0.0.1:{}", running.address.port()));
    std::fs::write(dir.join("relay.toml"), taken).unwrap();
    explained(&["run", here], &["is in use", "another port"]);
    drop(running);

    let damaged = config.replace("mailboxes = 200000", "mailboxes = many");
    std::fs::write(dir.join("relay.toml"), damaged).unwrap();
    explained(&["run", here], &["relay.toml is damaged", "line"]);
    std::fs::write(dir.join("relay.toml"), config.replace("envelopes = 30", "envelopes = 300")).unwrap();
    explained(&["run", here], &["days.envelopes must be from 1 to 60"]);
    std::fs::write(dir.join("relay.toml"), config).unwrap();

    for file in ["identity.key", "store.key", "hours.key"] {
        let (from, to) = (dir.join(file), dir.join("kept"));
        std::fs::rename(&from, &to).unwrap();
        explained(&["run", here], &[file, "is missing"]);
        std::fs::write(&from, "nonsense").unwrap();
        explained(&["run", here], &[file, "is damaged"]);
        std::fs::rename(&to, &from).unwrap();
    }
    std::fs::write(dir.join("mailboxes.redb"), vec![7; 100_000]).unwrap();
    explained(&["run", here], &["mailboxes.redb is damaged"]);
}

#[test]
fn both_signals_stop_it_in_order_and_the_log_names_nobody() {
    let (_parent, dir) = relay_dir();
    for signal in [Signal::TERM, Signal::INT] {
        let running = Running::start(&dir);
        let address = running.address.clone();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut owner = Client::connect(&address, Role::Owner).await;
            owner.create(&key(1)).await;
            owner.subscribe(&key(1)).await;
            let mut sender = Client::connect(&address, Role::Anonymous).await;
            assert_eq!(sender.submit(&key(1), envelope(1)).await, Reply::Accepted);
            running.signal(signal);
            assert_eq!(common::close_code(&owner.closed().await), Some(0));
        });
        let (code, log) = running.wait();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("started") && log.contains("stopped"), "{log}");
        let id = key(1).id().to_hex();
        for secret in ["127.0.0.1", &id, &id[..12], dir.to_str().unwrap()] {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
    }
}

#[test]
fn an_invite_of_the_command_line_reaches_the_running_relay() {
    let (_parent, dir) = relay_dir();
    let config = std::fs::read_to_string(dir.join("relay.toml")).unwrap();
    let refused = run(&["invite", dir.to_str().unwrap()]);
    assert!(text(&refused.stderr).contains("relay is open"));
    std::fs::write(dir.join("relay.toml"), config.replace("\"open\"", "\"invite\"")).unwrap();
    let mut running = Running::start(&dir);
    let made = run(&["invite", dir.to_str().unwrap(), "--uses", "2", "--days", "3"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(text(&made.stderr).contains("Good for 2 people"));
    let code = InviteCode::parse(&text(&made.stdout)).unwrap();
    running.wait_for_log("invite taken in");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut client = Client::connect(&running.address, Role::Anonymous).await;
        let Reply::Permits(permits) = client.ask(Request::RedeemCode { code }).await else { panic!() };
        assert_eq!(permits.len(), 200);
        let mut owner = Client::connect(&running.address, Role::Owner).await;
        assert_eq!(owner.create(&key(1)).await, Reply::NotPermitted);
        let proof = owner.proof(&key(1), Purpose::Create);
        let created = owner.ask(Request::Create { proof, permit: Some(permits[0].clone()) }).await;
        assert_eq!(created, Reply::Created);
    });
    assert_eq!(std::fs::read_dir(dir.join("invites")).unwrap().count(), 0);
}

const MAILBOXES: u8 = 4;

/// What a killed relay had promised.
#[derive(Default)]
struct Promised {
    accepted: BTreeMap<u8, BTreeSet<u32>>,
    acknowledged: BTreeMap<u8, BTreeSet<u32>>,
}

/// Submits and acknowledges until `killed`. Calls `enough` after each promise.
async fn load(
    address: &RelayAddress,
    first: u32,
    promised: &Arc<Mutex<Promised>>,
    enough: impl Fn(usize) + Send + Sync + 'static,
    killed: &tokio::sync::Notify,
) {
    let enough = Arc::new(enough);
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..8_u32 {
        let (address, promised, enough) = (address.clone(), Arc::clone(promised), Arc::clone(&enough));
        tasks.spawn(async move {
            let mut sender = Client::connect(&address, Role::Anonymous).await;
            for n in 0.. {
                let (number, seed) = (first + worker * 10_000 + n, (n % u32::from(MAILBOXES)) as u8 + 1);
                let envelope = khaima_wire::Envelope { mailbox: key(seed).id(), sealed: envelope(number) };
                let frame = khaima_wire::ClientFrame::Request {
                    id: khaima_wire::RequestId::new(u64::from(n) + 1),
                    request: Request::Submit(envelope),
                };
                if sender.sender.write_all(&frame.encode().unwrap()).await.is_err() {
                    return;
                }
                match sender.frame().await {
                    Some(khaima_wire::RelayFrame::Reply { reply: Reply::Accepted, .. }) => {
                        let mut promised = promised.lock().unwrap();
                        promised.accepted.entry(seed).or_default().insert(number);
                        enough(promised.accepted.values().map(BTreeSet::len).sum());
                    }
                    None => return,
                    other => panic!("{other:?}"),
                }
            }
        });
    }
    let (address, promised) = (address.clone(), Arc::clone(promised));
    tasks.spawn(async move {
        // The owner of the first mailbox acknowledges every other envelope.
        let mut owner = Client::connect(&address, Role::Owner).await;
        owner.subscribe(&key(1)).await;
        let mut last = khaima_wire::RequestId::new(1_000_000);
        let mut asked = BTreeMap::new();
        while let Some(frame) = owner.frame().await {
            match frame {
                khaima_wire::RelayFrame::Push(khaima_wire::Push::Deliver(delivery)) => {
                    let number = number(&delivery.sealed);
                    if number.is_multiple_of(2) {
                        last = last.next();
                        asked.insert(last, number);
                        let (mailbox, ids) = (delivery.mailbox, vec![delivery.id]);
                        let request = Request::Acknowledge { mailbox, ids };
                        let frame = khaima_wire::ClientFrame::Request { id: last, request };
                        if owner.sender.write_all(&frame.encode().unwrap()).await.is_err() {
                            return;
                        }
                    }
                }
                khaima_wire::RelayFrame::Reply { id, reply: Reply::Acknowledged } => {
                    promised.lock().unwrap().acknowledged.entry(1).or_default().insert(asked[&id]);
                }
                other => panic!("{other:?}"),
            }
        }
    });
    // The dead do not say goodbye: their clients would wait for the idle timeout.
    common::within(killed.notified()).await;
    tasks.abort_all();
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            assert!(error.is_cancelled(), "{error}");
        }
    }
}

#[test]
fn a_kill_under_load_loses_nothing_accepted_and_brings_nothing_acknowledged_back() {
    let (_parent, dir) = relay_dir();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let promised = Arc::new(Mutex::new(Promised::default()));
    const KILLS: u32 = 4;
    for round in 0..KILLS {
        let running = Running::start(&dir);
        let pid = Pid::from_child(&running.child);
        runtime.block_on(async {
            let mut owner = Client::connect(&running.address, Role::Owner).await;
            for seed in 1..=MAILBOXES {
                owner.create(&key(seed)).await;
            }
            owner.leave().await;
            let until = promised.lock().unwrap().accepted.values().map(BTreeSet::len).sum::<usize>() + 150;
            let killed = Arc::new(tokio::sync::Notify::new());
            let say_killed = Arc::clone(&killed);
            let kill = move |count| {
                if count == until {
                    kill_process(pid, Signal::KILL).unwrap();
                    say_killed.notify_one();
                }
            };
            load(&running.address, round * 1_000_000, &promised, kill, &killed).await;
        });
        assert_eq!(running.wait().0, None, "killed");
    }
    let running = Running::start(&dir);
    let promised = promised.lock().unwrap();
    runtime.block_on(async {
        let mut acknowledged_in_all = 0;
        for seed in 1..=MAILBOXES {
            let mut owner = Client::connect(&running.address, Role::Owner).await;
            let Reply::Subscribed { waiting, .. } = owner.subscribe(&key(seed)).await else { panic!() };
            let mut delivered = BTreeSet::new();
            for _ in 0..waiting {
                let delivery = owner.delivery().await;
                assert!(delivered.insert(number(&delivery.sealed)), "twice");
                assert!(delivery.sealed == envelope(number(&delivery.sealed)), "changed");
                assert_eq!(owner.acknowledge(&delivery).await, Reply::Acknowledged);
            }
            let none = BTreeSet::new();
            let acknowledged = promised.acknowledged.get(&seed).unwrap_or(&none);
            acknowledged_in_all += acknowledged.len();
            assert!(delivered.is_disjoint(acknowledged), "resurrected");
            let accepted = &promised.accepted[&seed];
            let gone: Vec<_> =
                accepted.difference(&delivered).filter(|n| !acknowledged.contains(n)).collect();
            // An acknowledgement whose answer was lost may have happened: only the first mailbox has any.
            assert!(gone.iter().all(|n| seed == 1 && n.is_multiple_of(2)), "lost {gone:?}");
            owner.leave().await;
        }
        assert!(acknowledged_in_all > 0, "nothing was acknowledged: nothing is tested");
    });
}

#[test]
fn the_disk_shows_no_id_no_address_no_content_and_no_time() {
    let (_parent, dir) = relay_dir();
    let millis = || u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let from = millis();
    let running = Running::start(&dir);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pushed = runtime.block_on(async {
        let mut owner = Client::connect(&running.address, Role::Owner).await;
        owner.create(&key(1)).await;
        let bundle = khaima_wire::SealedBundle::from_bytes(vec![3; khaima_wire::SealedBundle::SIZE]).unwrap();
        let proof = owner.proof(&key(1), Purpose::Publish);
        let (one_time, last_resort) = (vec![bundle.clone()], Some(bundle));
        owner.ask(Request::Publish { proof, one_time, last_resort, replace: false }).await;
        owner.subscribe(&key(1)).await;
        let mut sender = Client::connect(&running.address, Role::Anonymous).await;
        sender.ask(Request::Claim { mailbox: key(1).id() }).await;
        for n in 0..50 {
            assert_eq!(sender.submit(&key(1), envelope(n)).await, Reply::Accepted);
        }
        let first = owner.delivery().await;
        owner.acknowledge(&first).await;
        first
    });
    // As it lies there while running, and after an orderly stop.
    let mut looked_at = 0;
    let mut running = Some(running);
    for stopped in [false, true] {
        if stopped {
            let running = running.take().unwrap();
            running.signal(Signal::TERM);
            assert_eq!(running.wait().0, Some(0));
        }
        let times = from..millis();
        let forbidden: [(&str, Vec<u8>); 7] = [
            ("mailbox id", key(1).id().as_bytes().to_vec()),
            ("mailbox id in hexadecimal", key(1).id().to_hex().into_bytes()),
            ("mailbox key", key(1).public().as_bytes().to_vec()),
            ("content", vec![0x5a; 32]),
            ("address", b"127.0.0.1".to_vec()),
            ("address in bytes", vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1]),
            ("delivered id", pushed.id.as_bytes()[8..].to_vec()),
        ];
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            // The configuration is the operator's own words.
            if path.is_dir() || name == "relay.toml" {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            looked_at += bytes.len();
            for (what, pattern) in &forbidden {
                // redb leaves removed rows on free pages: the random half of a delivered id may lie there, nameless.
                if *what == "delivered id" && name == "mailboxes.redb" {
                    continue;
                }
                assert!(!bytes.windows(pattern.len()).any(|window| window == pattern), "{what} in {name}");
            }
            for window in bytes.windows(8) {
                let window: [u8; 8] = window.try_into().unwrap();
                for value in [u64::from_be_bytes(window), u64::from_le_bytes(window)] {
                    assert!(!times.contains(&value), "a time in {name}");
                    assert!(!(times.start / 1_000..=times.end / 1_000).contains(&value), "a time in {name}");
                }
            }
        }
    }
    assert!(looked_at > 200_000, "the store was looked at");
}
