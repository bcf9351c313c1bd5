//! The passphrase: asked for without echo, or read from a file descriptor.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read};

use khaima_runtime::Passphrase;
use zeroize::Zeroizing;

use crate::words::Failure;

/// One line with a passphrase cannot be longer.
const MAX_LINE: u64 = 1024 + 2;

/// The passphrase of an existing vault.
pub fn existing(fd: Option<u32>) -> Result<Passphrase, Failure> {
    match fd {
        Some(fd) => from_descriptor(fd),
        None => ask("Passphrase: "),
    }
}

/// A new passphrase, asked for twice.
pub fn new(fd: Option<u32>) -> Result<Passphrase, Failure> {
    if let Some(fd) = fd {
        return from_descriptor(fd);
    }
    eprintln!(
        "Choose a passphrase. It is all that protects this vault when the computer is taken: six random words or more."
    );
    eprintln!("Nobody can give it back to you.");
    let first = ask("Passphrase: ")?;
    let second = ask("Once more:  ")?;
    if first.is_same(&second) { Ok(first) } else { Err(Failure::PassphrasesDiffer) }
}

fn ask(prompt: &str) -> Result<Passphrase, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::NoTerminal);
    }
    let typed = Zeroizing::new(rpassword::prompt_password(prompt).map_err(|_| Failure::NoTerminal)?);
    Passphrase::of(&typed).map_err(|_| Failure::PassphraseTooLong)
}

fn from_descriptor(fd: u32) -> Result<Passphrase, Failure> {
    // Opening by name needs no unsafe code; descriptor 0 may be a pipe that cannot be opened twice elsewhere.
    let mut line = Zeroizing::new(Vec::with_capacity(2048));
    let read = match fd {
        0 => BufReader::with_capacity(1, std::io::stdin()).take(MAX_LINE).read_until(b'\n', &mut line),
        fd => File::open(format!("/dev/fd/{fd}"))
            .and_then(|file| BufReader::new(file).take(MAX_LINE).read_until(b'\n', &mut line)),
    };
    read.map_err(|_| Failure::NoSuchDescriptor)?;
    let text = std::str::from_utf8(&line).map_err(|_| Failure::NoSuchDescriptor)?;
    Passphrase::of(text.trim_end_matches(['\n', '\r'])).map_err(|_| Failure::PassphraseTooLong)
}
