//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Khaima in a terminal: write to people through relays that cannot read, name or link you.
#[derive(Parser)]
#[command(name = "khaima-cli", version, about)]
pub struct Options {
    /// Directory of the vault [default: khaima in your data directory]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Read the passphrase as one line from this file descriptor instead of asking
    #[arg(long, global = true, value_name = "N")]
    pub passphrase_fd: Option<u32>,
    /// Answer in JSON, one object a line
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Make a vault and an identity in it
    Init {
        /// How your contacts will see you, up to 64 bytes
        #[arg(long)]
        name: String,
        /// The relay of your mailboxes; without one, that of the first invitation you accept
        #[arg(long, value_name = "ADDRESS")]
        relay: Option<String>,
        /// A code from the relay's operator, where it asks for one
        #[arg(long, requires = "relay")]
        code: Option<String>,
    },
    /// Use a relay for new mailboxes from now on
    Relay {
        /// Its address, as its operator gives it
        address: String,
        /// A code from the relay's operator, where it asks for one
        #[arg(long)]
        code: Option<String>,
    },
    /// Make an invitation for one person
    Invite {
        /// Valid for so many days, 1 to 90
        #[arg(long, default_value_t = 7)]
        days: u32,
        /// A reminder for yourself; it stays on this device
        #[arg(long, default_value = "")]
        note: String,
        /// Show the link as a QR code too
        #[arg(long)]
        qr: bool,
    },
    /// The invitations you made or accepted
    Invitations,
    /// Answer an invitation link, or say yes to somebody who asks
    Accept {
        /// A khaima: link, or the name or id of whoever asks
        what: String,
        /// A few words to whoever invited you, up to 500 bytes
        #[arg(long, default_value = "")]
        greeting: String,
    },
    /// Say no to somebody who asks; they are not told
    Refuse {
        /// Name or id
        contact: String,
    },
    /// Your contacts, and who asks to be one
    Contacts {
        /// Wait until somebody asks
        #[arg(long)]
        wait_for_request: bool,
        /// Wait until your own requests are answered
        #[arg(long, conflicts_with = "wait_for_request")]
        wait_for_acceptance: bool,
    },
    /// Send a text
    Send {
        /// Name or id
        contact: String,
        /// The words; "-" reads them from standard input
        text: String,
        /// Do not wait until the relay has it
        #[arg(long)]
        queue: bool,
    },
    /// Show the messages with a contact
    Read {
        /// Name or id
        contact: String,
        /// Wait until there are so many
        #[arg(long, default_value_t = 0, value_name = "N")]
        wait_for: usize,
        /// At most so many, the newest
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Show everything new until interrupted
    Listen,
    /// Show the safety number with a contact; compare it in person or by voice
    Verify {
        /// Name or id
        contact: String,
        /// Remember that the numbers are the same
        #[arg(long)]
        matches: bool,
        /// Take that back
        #[arg(long, conflicts_with = "matches")]
        differs: bool,
    },
    /// Your name, your relays, and whether they are connected
    Status,
    /// Unlock the vault in the background, so that the passphrase is asked for once
    Unlock,
    /// Lock it again
    Lock,
    /// The background process of `unlock`
    #[command(hide = true)]
    Agent,
}
