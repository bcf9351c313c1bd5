//! Doing what was asked: through the agent where one runs, else with a client in this process.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::sync::mpsc;

use khaima_runtime::api::{self, Answer, Call, CallError, ContactWait};
use khaima_runtime::{Client, ClientOptions, create_vault, open_vault, vault_exists};
use zeroize::Zeroizing;

use crate::options::{Command, Options};
use crate::output;
use crate::passphrase;
use crate::words::Failure;

/// What the background process says once it answers calls.
const READY: &str = "ready";

/// Does one command.
pub fn perform(options: &Options) -> Result<(), Failure> {
    let data = match &options.data {
        Some(data) => data.clone(),
        None => default_data()?,
    };
    match &options.command {
        Command::Init { name, relay, code } => init(options, &data, name, relay.as_deref(), code.as_deref()),
        Command::Agent => agent(options, &data),
        Command::Unlock => unlock(options, &data),
        Command::Lock => lock(options, &data),
        command => {
            let call = call_of(command)?;
            let answer = ask(options, &data, &call)?;
            output::answer(command, &answer, options.json);
            Ok(())
        }
    }
}

fn default_data() -> Result<PathBuf, Failure> {
    let home = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    home("XDG_DATA_HOME")
        .or_else(|| home("HOME").map(|home| home.join(".local/share")))
        .map(|dir| dir.join("khaima"))
        .ok_or(Failure::NoDataDirectory)
}

fn call_of(command: &Command) -> Result<Call, Failure> {
    Ok(match command {
        Command::Relay { address, code } => Call::UseRelay { address: address.clone(), code: code.clone() },
        Command::Invite { days, note, .. } => Call::Invite { days: *days, note: note.clone() },
        Command::Invitations => Call::Invitations,
        Command::Accept { what, greeting } => Call::Accept { what: what.clone(), greeting: greeting.clone() },
        Command::Refuse { contact } => Call::Refuse { contact: contact.clone() },
        Command::Contacts { wait_for_request, wait_for_acceptance } => Call::Contacts {
            wait: match (wait_for_request, wait_for_acceptance) {
                (true, _) => ContactWait::Request,
                (_, true) => ContactWait::Acceptance,
                _ => ContactWait::Nothing,
            },
        },
        Command::Send { contact, text, queue } => {
            Call::Send { contact: contact.clone(), text: text_of(text)?, queue: *queue }
        }
        Command::Read { contact, wait_for, limit } => {
            Call::Read { contact: contact.clone(), wait_for: *wait_for, limit: *limit }
        }
        Command::Listen => Call::Listen,
        Command::Verify { contact, matches, differs } => Call::Verify {
            contact: contact.clone(),
            confirm: match (matches, differs) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            },
        },
        Command::Init { .. } | Command::Status | Command::Unlock | Command::Lock | Command::Agent => {
            Call::Status
        }
    })
}

fn text_of(text: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut read = String::new();
    std::io::stdin().take(1024 * 1024).read_to_string(&mut read).map_err(|_| Failure::NoInput)?;
    Ok(read.trim_end_matches('\n').to_owned())
}

/// Asks the agent, or opens the vault here for one call.
fn ask(options: &Options, data: &Path, call: &Call) -> Result<Answer, Failure> {
    if let Some(result) = api::agent::ask(data, call, &mut |answer| output::news(&answer, options.json)) {
        return result.map_err(Failure::Call);
    }
    let client = open(options, data)?;
    let result = client.api().call(call.clone(), &mut |answer| match answer {
        Some(answer) => output::news(&answer, options.json),
        None => true,
    });
    client.stop();
    result.map_err(Failure::Call)
}

fn open(options: &Options, data: &Path) -> Result<Client, Failure> {
    if !vault_exists(data) {
        return Err(Failure::NoVault(data.to_path_buf()));
    }
    let passphrase = passphrase::existing(options.passphrase_fd)?;
    let vault = open_vault(data, &passphrase).map_err(Failure::Open)?;
    Client::start(vault, ClientOptions::default()).map_err(Failure::Start)
}

fn init(
    options: &Options,
    data: &Path,
    name: &str,
    relay: Option<&str>,
    code: Option<&str>,
) -> Result<(), Failure> {
    if vault_exists(data) {
        return Err(Failure::VaultExists(data.to_path_buf()));
    }
    if let Some(relay) = relay {
        // Before anything is made: a mistyped address should not leave half a vault.
        khaima_runtime::check_relay_address(relay).map_err(Failure::Call)?;
    }
    khaima_runtime::check_name(name).map_err(Failure::Call)?;
    let passphrase = passphrase::new(options.passphrase_fd)?;
    let vault = create_vault(data, &passphrase).map_err(Failure::Create)?;
    let client = Client::start(vault, ClientOptions::default()).map_err(Failure::Start)?;
    let api = client.api();
    let done = api.create_profile(name).and_then(|()| match relay {
        Some(address) => api
            .call(Call::UseRelay { address: address.to_owned(), code: code.map(str::to_owned) }, &mut |_| {
                true
            }),
        None => Ok(Answer::Done),
    });
    client.stop();
    done.map_err(Failure::Call)?;
    output::made(data, options.json);
    Ok(())
}

/// Starts the background process and waits until it answers.
fn unlock(options: &Options, data: &Path) -> Result<(), Failure> {
    if api::agent::ask(data, &Call::Status, &mut |_| true).is_some() {
        output::unlocked(true, options.json);
        return Ok(());
    }
    if !vault_exists(data) {
        return Err(Failure::NoVault(data.to_path_buf()));
    }
    let passphrase = passphrase::existing(options.passphrase_fd)?;
    let program = std::env::current_exe().map_err(|_| Failure::NoAgent)?;
    let mut agent = Process::new(program)
        .arg("--data")
        .arg(data)
        .args(["--passphrase-fd", "0", "--json", "agent"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|_| Failure::NoAgent)?;
    if let Some(mut input) = agent.stdin.take() {
        let mut line = Zeroizing::new(Vec::with_capacity(2048));
        line.extend_from_slice(passphrase.expose());
        line.push(b'\n');
        // Should it have died already, its last words below say why.
        let _ = input.write_all(&line);
    }
    let mut said = String::new();
    if let Some(output) = agent.stdout.take() {
        let mut output = std::io::BufReader::new(output);
        std::io::BufRead::read_line(&mut output, &mut said).map_err(|_| Failure::NoAgent)?;
    }
    if said.trim() == READY {
        output::unlocked(false, options.json);
        return Ok(());
    }
    Err(Failure::of_agent(said.trim()))
}

/// The background process: holds the vault open and answers calls until told to lock or to end.
fn agent(options: &Options, data: &Path) -> Result<(), Failure> {
    let client = open(options, data)?;
    // A new session: closing the terminal must not end it.
    let _ = rustix::process::setsid();
    let (lock, locked) = mpsc::channel();
    let by_signal = lock.clone();
    client.on_termination(move || {
        let _ = by_signal.send(());
    });
    let agent = client.start_agent(data, move || {
        let _ = lock.send(());
    });
    let agent = agent.map_err(|_| Failure::NoAgent)?;
    println!("{READY}");
    let _ = std::io::stdout().flush();
    let _ = locked.recv();
    drop(agent);
    client.stop();
    Ok(())
}

fn lock(options: &Options, data: &Path) -> Result<(), Failure> {
    match api::agent::ask(data, &Call::Lock, &mut |_| true) {
        None => {
            output::locked(false, options.json);
            Ok(())
        }
        Some(Ok(_) | Err(CallError::Ending)) => {
            output::locked(true, options.json);
            Ok(())
        }
        Some(Err(error)) => Err(Failure::Call(error)),
    }
}
