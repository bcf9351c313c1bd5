//! The agent's socket: who may open it, what it answers, and that it goes away.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use khaima_runtime::api::agent::{Agent, ask, socket_path};
use khaima_runtime::api::{Answer, Call, CallError};
use khaima_runtime::{Client, ClientOptions, KdfParams, Passphrase, Vault};

struct Unlocked {
    client: Client,
    agent: Option<Agent>,
    locked: mpsc::Receiver<()>,
    data: PathBuf,
    _dir: tempfile::TempDir,
}

fn unlocked() -> Unlocked {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("vault");
    let passphrase = Passphrase::of("seven tents under one quiet sky").unwrap();
    let vault = Vault::create(&data, &passphrase, KdfParams::weak_for_tests()).unwrap();
    let client = Client::start(vault, ClientOptions::default()).unwrap();
    client.api().create_profile("Amina").unwrap();
    let (lock, locked) = mpsc::channel();
    let agent = client.start_agent(&data, move || lock.send(()).unwrap()).unwrap();
    Unlocked { client, agent: Some(agent), locked, data, _dir: dir }
}

fn call(data: &Path, call: &Call) -> Option<Result<Answer, CallError>> {
    ask(data, call, &mut |_| true)
}

#[test]
fn the_agent_answers_for_its_vault() {
    let unlocked = unlocked();
    let Some(Ok(Answer::Status { name, relays, waiting })) = call(&unlocked.data, &Call::Status) else {
        panic!("no status")
    };
    assert_eq!((name.as_str(), relays.len(), waiting), ("Amina", 0, 0));
    let nobody = Call::Send { contact: "Bob".into(), text: "noon".into(), queue: true };
    assert_eq!(call(&unlocked.data, &nobody).unwrap().err(), Some(CallError::NoSuchContact));
    unlocked.client.stop();
}

#[test]
fn only_its_owner_may_open_the_socket() {
    let unlocked = unlocked();
    let path = socket_path(&unlocked.data).unwrap();
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_is_no_call_is_refused_and_the_agent_goes_on() {
    let unlocked = unlocked();
    let mut stream = UnixStream::connect(socket_path(&unlocked.data).unwrap()).unwrap();
    stream.write_all(b"{\"call\":\"explode\"}\n").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert!(line.contains("not_a_call"), "{line}");
    assert!(matches!(call(&unlocked.data, &Call::Status), Some(Ok(_))));
}

#[test]
fn asked_to_lock_it_tells_whoever_runs_it() {
    let mut unlocked = unlocked();
    assert!(matches!(call(&unlocked.data, &Call::Lock), Some(Ok(Answer::Done))));
    unlocked.locked.recv().unwrap();
    unlocked.agent.take();
    assert!(call(&unlocked.data, &Call::Status).is_none(), "without an agent there is no answer");
}

#[test]
fn a_socket_left_behind_is_replaced() {
    let mut unlocked = unlocked();
    unlocked.agent.take();
    std::fs::write(socket_path(&unlocked.data).unwrap(), b"").unwrap();
    let agent = unlocked.client.start_agent(&unlocked.data, || {}).unwrap();
    assert!(matches!(call(&unlocked.data, &Call::Status), Some(Ok(_))));
    drop(agent);
}

#[test]
fn a_stopped_client_answers_no_more() {
    let unlocked = unlocked();
    let api = unlocked.client.api();
    unlocked.client.stop();
    assert_eq!(api.call(Call::Status, &mut |_| true).err(), Some(CallError::Ending));
}
