//! What went wrong, in words: what happened, what it means, what to do.

use std::path::PathBuf;

use khaima_runtime::api::CallError;
use khaima_runtime::{CreateError, OpenError, StartError};

/// Why a command ended without doing what was asked.
#[derive(Debug)]
pub enum Failure {
    /// The client answered so.
    Call(CallError),
    /// The vault was not made.
    Create(CreateError),
    /// The background process did not start.
    NoAgent,
    /// There is no home directory to put a vault in.
    NoDataDirectory,
    /// Standard input could not be read.
    NoInput,
    /// The file descriptor of the passphrase gave nothing usable.
    NoSuchDescriptor,
    /// A passphrase cannot be asked for.
    NoTerminal,
    /// No vault here.
    NoVault(PathBuf),
    /// The vault did not open.
    Open(OpenError),
    /// What the background process said.
    OfAgent(String),
    /// The two passphrases were not the same.
    PassphrasesDiffer,
    /// Longer than the field for it.
    PassphraseTooLong,
    /// The client did not start.
    Start(StartError),
    /// A vault is here already.
    VaultExists(PathBuf),
}

impl Failure {
    /// From what the background process printed instead of being ready.
    pub fn of_agent(said: &str) -> Self {
        let message = serde_json::from_str::<serde_json::Value>(said)
            .ok()
            .and_then(|value| Some(value.get("message")?.as_str()?.to_owned()));
        message.map_or(Self::NoAgent, Self::OfAgent)
    }

    /// 2: not possible as asked. 3: the vault did not open. 4: not finished, goes on later. 1: the rest.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Call(CallError::TimedOut { .. }) => 4,
            Self::Call(
                CallError::Ambiguous
                | CallError::Invalid { .. }
                | CallError::NoSuchContact
                | CallError::Refused { .. },
            )
            | Self::VaultExists(_)
            | Self::NoVault(_) => 2,
            Self::Open(_) | Self::OfAgent(_) => 3,
            _ => 1,
        }
    }

    /// A short fixed word for scripts.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Call(error) => match error {
                CallError::Ambiguous => "ambiguous",
                CallError::Ending => "ending",
                CallError::Invalid { .. } => "invalid",
                CallError::NoSuchContact => "no_such_contact",
                CallError::Refused { .. } => "refused",
                CallError::Relay { .. } => "relay",
                CallError::Store { .. } => "store",
                CallError::TimedOut { .. } => "timed_out",
                _ => "other",
            },
            Self::Create(_) => "create",
            Self::NoAgent | Self::OfAgent(_) => "agent",
            Self::NoDataDirectory => "no_data_directory",
            Self::NoInput => "no_input",
            Self::NoSuchDescriptor => "no_such_descriptor",
            Self::NoTerminal => "no_terminal",
            Self::NoVault(_) => "no_vault",
            Self::Open(_) => "open",
            Self::PassphrasesDiffer => "passphrases_differ",
            Self::PassphraseTooLong => "passphrase_too_long",
            Self::Start(_) => "start",
            Self::VaultExists(_) => "vault_exists",
        }
    }

    /// For a person.
    pub fn sentence(&self) -> String {
        match self {
            Self::Call(error) => of_call(error),
            Self::Create(error) => format!("The vault was not made: {error}."),
            Self::NoAgent => {
                "The background process did not start, so the vault is still locked. Other commands work \
                              without it and ask for the passphrase each time."
                    .to_owned()
            }
            Self::NoDataDirectory => {
                "There is no home directory to keep a vault in. Say where with --data DIR.".to_owned()
            }
            Self::NoInput => "Standard input could not be read. Nothing was sent.".to_owned(),
            Self::NoSuchDescriptor => {
                "No passphrase could be read from that file descriptor. It must give one line of text."
                    .to_owned()
            }
            Self::NoTerminal => "A passphrase is needed and there is no terminal to ask on. Give it through \
                                 --passphrase-fd N, or unlock the vault first."
                .to_owned(),
            Self::NoVault(dir) => format!(
                "There is no vault in {}. Make one with: khaima-cli --data {} init --name NAME",
                dir.display(),
                dir.display()
            ),
            Self::Open(error) => of_open(error),
            Self::OfAgent(sentence) => sentence.clone(),
            Self::PassphrasesDiffer => {
                "The two passphrases are not the same. Nothing was made; begin again.".to_owned()
            }
            Self::PassphraseTooLong => "A passphrase can have at most 1,024 bytes.".to_owned(),
            Self::Start(error) => format!("The client could not start: {error}. Nothing was changed."),
            Self::VaultExists(dir) => {
                format!(
                    "There is a vault in {} already. Nothing was changed. Choose another --data DIR.",
                    dir.display()
                )
            }
        }
    }
}

fn of_open(error: &OpenError) -> String {
    match error {
        OpenError::DoesNotOpen => {
            "This passphrase does not open this vault, or its header is damaged. Nothing was changed: try again. A copy of \
             the whole vault directory, if you made one, opens with the passphrase it had then."
                .to_owned()
        }
        OpenError::InUse => "Another program has this vault open. Close the window, or lock it with: khaima-cli lock".to_owned(),
        other => format!("The vault was not opened: {other}."),
    }
}

fn of_call(error: &CallError) -> String {
    match error {
        CallError::Ambiguous => "More than one contact goes by this name. Use the id that 'contacts' shows.".to_owned(),
        CallError::Ending => "The program that holds the vault is ending. Try again.".to_owned(),
        CallError::NoSuchContact => "No contact goes by this name or id. 'contacts' lists them.".to_owned(),
        CallError::Invalid { why, day } => of_invalid(why, day.as_deref()),
        CallError::Refused { why } => of_refused(why),
        CallError::Relay { why } => of_relay(why),
        CallError::Store { why } => match why.as_str() {
            "full" => "The disk is full: this was not stored, and nothing was sent. Free some space and repeat it. What was \
                       there before is safe."
                .to_owned(),
            "read_only" => "The vault lies on a disk that cannot be written. Nothing was changed.".to_owned(),
            _ => "The vault could not be read or written. Nothing was changed. Check the disk, then try again.".to_owned(),
        },
        CallError::TimedOut { why } => format!(
            "Not finished yet: {}. It is kept safely and goes on whenever this vault is open and connected.",
            of_trouble(why)
        ),
        _ => "Something went wrong that this version has no words for.".to_owned(),
    }
}

fn of_invalid(why: &str, day: Option<&str>) -> String {
    match why {
        "damaged" => "This link is damaged or cut off. Ask for it again; copy it whole.".to_owned(),
        "expired" => format!(
            "This invitation ended on {}. Ask for a new one. If your calendar shows another day, set it right first.",
            day.unwrap_or("an earlier day")
        ),
        "newer" => "This link was made by a newer version of Khaima. Update, then try again.".to_owned(),
        "address" => {
            "This is not a relay's address. It looks like HOST:PORT#KEY, as its operator gives it.".to_owned()
        }
        _ => "This is not a Khaima link. It begins with khaima: and comes from the person who invites you."
            .to_owned(),
    }
}

fn of_refused(why: &str) -> String {
    match why {
        "already_accepted" => {
            "You accepted this invitation before. 'contacts' shows how it stands.".to_owned()
        }
        "already_known" => "This person is among your contacts already.".to_owned(),
        "expiry" => "An invitation lasts 1 to 90 days.".to_owned(),
        "name" => "A name has 1 to 64 bytes of text.".to_owned(),
        "no_home_relay" => {
            "You have no relay yet. Use one with: khaima-cli relay ADDRESS – or accept an invitation, which \
                            brings its relay along."
                .to_owned()
        }
        "not_accepted" => "This person has not accepted you yet, so nothing can be sent to them.".to_owned(),
        "own_invitation" => "This is your own invitation. Give it to somebody else.".to_owned(),
        "text_empty" => "There is nothing to send.".to_owned(),
        "text_too_long" => "This text is too long for one message. Send it in parts.".to_owned(),
        _ => format!("This is not possible as things stand ({why})."),
    }
}

fn of_relay(why: &str) -> String {
    match why {
        "code_refused" => "The relay does not take this code: it was used up, has ended, or is mistyped. Ask its operator for \
                           another, then: khaima-cli relay ADDRESS --code CODE"
            .to_owned(),
        "contact_gone" => "Their mailbox is gone: they moved to another one, or ended the contact. The message is kept and \
                           marked as failed."
            .to_owned(),
        "gone" => "The relay does not have this invitation any more: it was used by somebody, withdrawn, or has ended. If you \
                   did not use it, tell whoever gave it to you, and ask for a new one."
            .to_owned(),
        "key_changed" => "The relay shows another key than its address says. Somebody may stand between you and it, or its \
                          operator has set it up anew. Nothing was sent. Ask the operator for the address by another way."
            .to_owned(),
        "permit" => "This relay makes mailboxes only for people with a code. Ask its operator for one.".to_owned(),
        "tampered" => "What the relay gave out does not match the invitation: the relay or somebody else has tampered with it. \
                       Nothing was sent. Tell whoever invited you, by another way."
            .to_owned(),
        _ => "The relay refuses this. Its version or ours may be too old.".to_owned(),
    }
}

fn of_trouble(why: &str) -> &'static str {
    match why {
        "key_changed" => {
            "the relay shows another key than its address says; nothing is sent to it. Ask its operator"
        }
        "local" => "this machine cannot open connections",
        "no_address" => "the relay's name cannot be looked up; is this machine online?",
        "other_version" => "the relay speaks another version of Khaima",
        "peer" => "the other person has not answered",
        "unreachable" => "the relay does not answer; is this machine online?",
        _ => "it takes longer than expected",
    }
}
