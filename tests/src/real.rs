//! The real programs as processes: a relay that can be killed, people with vaults on disk, a proxy that watches the wire.
//!
//! Everything lies in a temporary directory and listens on loopback, on ports the system chooses. Processes die with the
//! value that stands for them.
//!
//! Not its concern: what must hold (the scenarios).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use khaima_runtime::api::{Answer, Call, CallError, agent};
use khaima_vault::{KdfParams, Passphrase, Vault};
use serde_json::Value;

/// The passphrase of every vault made here.
pub const PASSPHRASE: &str = "seven tents under one quiet sky";

/// The path of one of our programs, built if it is not there: beside the tests, or above them.
///
/// # Errors
/// It cannot be built.
pub fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let dir = own.ancestors().find(|dir| dir.join("deps").is_dir() || dir.join("build").is_dir());
    let dir = dir.context("tests lie in a target directory")?;
    let path = dir.join(name);
    if !path.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--locked", "--package", name, "--target-dir"]);
        build.arg(dir.parent().context("a profile's directory lies in a target directory")?);
        if dir.ends_with("release") {
            build.arg("--release");
        }
        ensure!(build.status()?.success(), "{name} could not be built");
    }
    Ok(path)
}

/// A child that does not outlive its test.
struct Process(Child);

impl Process {
    /// Ends it as a power failure would: no signal handler runs.
    fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A relay in a directory of its own.
pub struct Relay {
    dir: PathBuf,
    address: String,
    listen: SocketAddr,
    process: Option<Process>,
}

impl Relay {
    /// Makes one that is open to everybody, and starts it. `reached_at` is what its address says, if something stands
    /// in front of it.
    ///
    /// # Errors
    /// It cannot be made or started.
    pub fn start(dir: &Path, reached_at: Option<SocketAddr>) -> Result<Self> {
        let listen = free_address(Ipv4Addr::LOCALHOST)?;
        Self::start_on(dir, listen, reached_at)
    }

    /// The same, on a given port.
    ///
    /// # Errors
    /// It cannot be made or started.
    pub fn start_on(dir: &Path, listen: SocketAddr, reached_at: Option<SocketAddr>) -> Result<Self> {
        let shown = reached_at.unwrap_or(listen);
        let made = Command::new(program("khaima-relay")?)
            .arg("init")
            .arg(dir)
            .args(["--listen", &listen.to_string(), "--host", &shown.ip().to_string()])
            .output()?;
        ensure!(made.status.success(), "init: {}", String::from_utf8_lossy(&made.stderr));
        let config = dir.join("relay.toml");
        let text = std::fs::read_to_string(&config)?
            .replace("creation = \"invite\"", "creation = \"open\"")
            .replace("# port = 443", &format!("port = {}", shown.port()));
        ensure!(text.contains("creation = \"open\""), "the configuration has no such line");
        std::fs::write(&config, text)?;
        let mut relay = Self { dir: dir.to_owned(), address: String::new(), listen, process: None };
        relay.run()?;
        Ok(relay)
    }

    /// Starts it again; returns once it listens.
    ///
    /// # Errors
    /// It does not start.
    pub fn run(&mut self) -> Result<()> {
        let mut child = Command::new(program("khaima-relay")?)
            .arg("run")
            .arg(&self.dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = child.stdout.take().context("the relay's output")?;
        self.process = Some(Process(child));
        let mut first = String::new();
        BufReader::new(output).read_line(&mut first)?;
        first.trim().clone_into(&mut self.address);
        ensure!(self.address.contains('#'), "the relay said: {first}");
        Ok(())
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Its address, as people get it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where it really listens.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Every file in its directory but the operator's own configuration, with its bytes.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn disk(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut files = Vec::new();
        let mut dirs = vec![self.dir.clone()];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir)? {
                let path = entry?.path();
                if path.is_dir() {
                    dirs.push(path);
                } else if path.file_name().is_some_and(|name| name != "relay.toml") {
                    files.push((path.display().to_string(), std::fs::read(&path)?));
                }
            }
        }
        Ok(files)
    }
}

/// Whether `needle` is somewhere in `haystack`.
pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// A person: a vault directory, and `khaima-cli` on it.
pub struct Person {
    data: PathBuf,
    agent: Option<Process>,
}

impl Person {
    /// A vault whose passphrase costs little to try, with a profile in it, unlocked in the background.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(data: &Path, name: &str, relay: Option<&str>) -> Result<Self> {
        let vault = Vault::create(data, &passphrase()?, KdfParams::weak_for_tests())?;
        let client = khaima_runtime::Client::start(vault, khaima_runtime::ClientOptions::default())?;
        let api = client.api();
        api.create_profile(name)?;
        if let Some(address) = relay {
            api.call(Call::UseRelay { address: address.to_owned(), code: None }, &mut |_| true)?;
        }
        client.stop();
        let mut person = Self { data: data.to_owned(), agent: None };
        person.unlock()?;
        Ok(person)
    }

    /// Unlocks the vault in the background; returns once it answers.
    ///
    /// # Errors
    /// It does not open.
    pub fn unlock(&mut self) -> Result<()> {
        let mut child = self.command(&["--json", "agent"])?.stderr(Stdio::null()).spawn()?;
        writeln!(child.stdin.take().context("its input")?, "{PASSPHRASE}")?;
        let output = child.stdout.take().context("its output")?;
        self.agent = Some(Process(child));
        let mut said = String::new();
        BufReader::new(output).read_line(&mut said)?;
        ensure!(said.trim() == "ready", "the agent said: {said}");
        Ok(())
    }

    /// Kills the background process (SIGKILL).
    pub fn kill(&mut self) {
        self.agent = None;
    }

    /// Asks the background process.
    ///
    /// # Errors
    /// Its refusal.
    ///
    /// # Panics
    /// If there is none.
    pub fn ask(&self, call: &Call) -> Result<Answer, CallError> {
        agent::ask(&self.data, call, &mut |_| true).expect("the vault is unlocked")
    }

    /// Makes an invitation.
    ///
    /// # Errors
    /// The relay does not take it.
    pub fn invite(&self) -> Result<String> {
        match self.ask(&Call::Invite { days: 7, note: String::new() })? {
            Answer::Invitation(entry) => entry.link.context("an invitation has a link"),
            _ => bail!("another answer"),
        }
    }

    /// Runs `khaima-cli` on this vault, with a passphrase on its input.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run(&self, passphrase: &str, arguments: &[&str]) -> Result<Output> {
        let mut child = self.command(arguments)?.stderr(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().context("its input")?;
        // Some commands end without asking.
        let _ = writeln!(input, "{passphrase}");
        drop(input);
        Ok(child.wait_with_output()?)
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(program("khaima-cli")?);
        command.arg("--data").arg(&self.data).args(["--passphrase-fd", "0"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(command)
    }

    /// A vault directory on which only [`Self::run`] is used.
    pub fn at(data: &Path) -> Self {
        Self { data: data.to_owned(), agent: None }
    }

    /// Where the vault is.
    pub fn data(&self) -> &Path {
        &self.data
    }
}

/// Two people meet by a link; the second uses the relay of the first.
///
/// # Errors
/// They do not meet.
pub fn meet(inviter: &Person, invitee: &Person) -> Result<()> {
    let link = inviter.invite()?;
    invitee.ask(&Call::Accept { what: link, greeting: "it is me".to_owned() })?;
    let wait = khaima_runtime::api::ContactWait::Request;
    let Answer::Contacts { contacts } = inviter.ask(&Call::Contacts { wait })? else {
        bail!("another answer")
    };
    let asks = contacts.into_iter().find(|it| it.state == khaima_runtime::api::ContactState::Asks);
    let what = asks.context("a request came")?.id;
    inviter.ask(&Call::Accept { what, greeting: String::new() })?;
    let wait = khaima_runtime::api::ContactWait::Acceptance;
    invitee.ask(&Call::Contacts { wait })?;
    Ok(())
}

/// The passphrase of every vault made here.
///
/// # Errors
/// Never: it is short.
pub fn passphrase() -> Result<Passphrase> {
    Passphrase::of(PASSPHRASE).map_err(|_| anyhow::anyhow!("too long"))
}

/// A UDP port that was free a moment ago.
///
/// # Errors
/// The system has none.
pub fn free_address(ip: Ipv4Addr) -> Result<SocketAddr> {
    Ok(UdpSocket::bind((ip, 0))?.local_addr()?)
}

/// What a program printed, as JSON.
///
/// # Errors
/// It is none.
pub fn json(output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("printed: {}", String::from_utf8_lossy(&output.stdout)))
}

/// Stands between clients and a relay, passes datagrams on from an address of its own, and counts them.
pub struct Proxy {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Datagram>>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// One datagram that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The client's port: one for each connection.
    pub client: u16,
    /// From the client to the relay, or back.
    pub to_relay: bool,
    /// Its bytes.
    pub size: usize,
}

/// How long the proxy waits for datagrams before it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(2);

impl Proxy {
    /// Starts it. Relays see all clients at `outside`, an address of loopback.
    ///
    /// # Errors
    /// No socket.
    pub fn start(relay: SocketAddr, outside: Ipv4Addr) -> Result<Self> {
        let front = UdpSocket::bind((outside, 0))?;
        front.set_read_timeout(Some(LOOK))?;
        let address = front.local_addr()?;
        let (seen, stop) = (Arc::<Mutex<Vec<Datagram>>>::default(), Arc::<AtomicBool>::default());
        let (record, end) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = std::thread::spawn(move || pass_on(&front, relay, IpAddr::V4(outside), &record, &end));
        Ok(Self { address, seen, stop, thread: Some(thread) })
    }

    /// Where clients reach it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that passed so far.
    pub fn seen(&self) -> Vec<Datagram> {
        self.seen.lock().expect("nobody panics holding it").clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

fn pass_on(
    front: &UdpSocket,
    relay: SocketAddr,
    outside: IpAddr,
    seen: &Mutex<Vec<Datagram>>,
    stop: &AtomicBool,
) {
    let mut buffer = vec![0; 65_536];
    let mut backs: BTreeMap<SocketAddr, UdpSocket> = BTreeMap::new();
    let note = |client: SocketAddr, to_relay, size| {
        seen.lock().expect("nobody panics holding it").push(Datagram {
            client: client.port(),
            to_relay,
            size,
        });
    };
    while !stop.load(Ordering::Relaxed) {
        if let Ok((size, client)) = front.recv_from(&mut buffer) {
            let back = backs.entry(client).or_insert_with(|| {
                let back = UdpSocket::bind((outside, 0)).expect("a socket");
                back.set_nonblocking(true).expect("a socket option");
                back
            });
            note(client, true, size);
            // A relay that is down answers with an error; datagrams may be lost.
            let _ = back.send_to(&buffer[..size], relay);
        }
        for (client, back) in &backs {
            while let Ok((size, _)) = back.recv_from(&mut buffer) {
                note(*client, false, size);
                let _ = front.send_to(&buffer[..size], client);
            }
        }
    }
}
