//! Errors in plain words: what happened, and what to do about it.
//!
//! Not its concern: errors of single requests; nobody sees those but the client.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use khaima_relay::store::OpenError;
use khaima_relay::{ConfigError, HomeError, StartError};

/// What went wrong, for the person at the terminal.
pub struct Problem {
    words: String,
    cause: Option<String>,
}

impl Problem {
    /// Only words.
    pub fn words(words: impl Into<String>) -> Self {
        Self { words: words.into(), cause: None }
    }

    /// Words, and what the system said.
    pub fn new(words: impl Into<String>, cause: &dyn Error) -> Self {
        Self { words: words.into(), cause: Some(cause.to_string()) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)?;
        match &self.cause {
            Some(cause) => write!(f, "\nThe system says: {cause}"),
            None => Ok(()),
        }
    }
}

/// Explains why a relay does not start.
pub fn explain_start(error: &StartError, dir: &Path, listen: SocketAddr) -> Problem {
    let port = listen.port();
    match error {
        StartError::Home(error) => explain_home(error, dir),
        StartError::PortInUse => Problem::words(format!(
            "UDP port {port} is in use: this relay may be running already, or another program has it. Stop that one, \
             or write another port after `listen =` in relay.toml."
        )),
        StartError::PortNotAllowed => Problem::words(format!(
            "This user may not listen on port {port}. Choose a port above 1023 in relay.toml, or give the right: as a \
             service with AmbientCapabilities=CAP_NET_BIND_SERVICE."
        )),
        StartError::NoSuchAddress => Problem::words(format!(
            "This machine does not have the address {}. Write 0.0.0.0 (all addresses) after `listen =` in relay.toml, \
             or one that `ip address` shows.",
            listen.ip()
        )),
        StartError::Listen(cause) => Problem::new(format!("The relay cannot listen on {listen}."), cause),
        other => Problem::new("The relay cannot start.", other),
    }
}

/// Explains what is wrong with a relay's directory.
pub fn explain_home(error: &HomeError, dir: &Path) -> Problem {
    let here = dir.display();
    match error {
        HomeError::Exists => Problem::words(format!(
            "{here} exists already and is not empty. Nothing was changed. Choose another directory, or run the relay \
             that is there: khaima-relay run {here}"
        )),
        HomeError::Missing(file) => Problem::words(format!(
            "{here}/{file} is missing. Put it back from your copy. Without it this is not the same relay any more: a \
             new one is made with `khaima-relay init` in another directory."
        )),
        HomeError::Damaged(file) => Problem::words(format!(
            "{here}/{file} is damaged. Put it back from your copy; the relay does not start with another key in its \
             place."
        )),
        HomeError::DiskFull => {
            Problem::words(format!("The disk is full. Make room on the disk of {here} and try again."))
        }
        HomeError::Address(cause) => Problem::new(
            "The host is not one that people could be given. It is a name such as relay.example.org or an IP address.",
            cause,
        ),
        HomeError::Config(ConfigError::Missing) => Problem::words(format!(
            "{here} is not a relay's directory: there is no relay.toml. Make a relay with: khaima-relay init {here}"
        )),
        HomeError::Config(ConfigError::Io(cause)) => {
            Problem::new(format!("{here}/relay.toml cannot be read."), cause)
        }
        HomeError::Config(error) => Problem::words(format!("The configuration cannot be used. {error}")),
        HomeError::Store(error) => explain_store(error, dir),
        HomeError::Io(cause) => Problem::new(format!("Files in {here} cannot be read or written."), cause),
        other => Problem::new(format!("The relay in {here} cannot be used."), other),
    }
}

fn explain_store(error: &OpenError, dir: &Path) -> Problem {
    let here = dir.display();
    match error {
        OpenError::Locked => Problem::words(format!(
            "The store in {here} is in use by another process: this relay is running already. Stop that one first."
        )),
        OpenError::KeyFileMissing => Problem::words(format!(
            "{here}/hours.key is missing. Without it the waiting envelopes cannot be read by anybody. Put it back if \
             you have it; otherwise move mailboxes.redb away: the relay begins empty then, and every mailbox on it is \
             gone."
        )),
        OpenError::KeyFileDamaged => Problem::words(format!(
            "{here}/hours.key is damaged. Without it the waiting envelopes cannot be read by anybody. Move hours.key \
             and mailboxes.redb away: the relay begins empty then, and every mailbox on it is gone."
        )),
        OpenError::DiskFull => {
            Problem::words(format!("The disk is full. Make room on the disk of {here} and try again."))
        }
        OpenError::Damaged => Problem::words(format!(
            "{here}/mailboxes.redb is damaged. Check the disk. Then move it and hours.key away: the relay begins empty \
             then, and every mailbox on it is gone."
        )),
        OpenError::LaterVersion => Problem::words(format!(
            "{here}/mailboxes.redb was written by a later version of this program. Use that version."
        )),
        OpenError::Io(cause) => {
            Problem::new(format!("The store's files in {here} cannot be read or written."), cause)
        }
        other => Problem::new(format!("The store in {here} cannot be opened."), other),
    }
}
