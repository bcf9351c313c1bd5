//! What is printed: lines for people, or JSON.

use std::io::Write;
use std::path::Path;

use khaima_runtime::api::{Answer, ContactEntry, ContactState, InvitationEntry, MessageEntry};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::json;

use crate::options::Command;
use crate::words::Failure;

/// Prints a failure; in JSON on standard output, else on standard error.
pub fn failure(failure: &Failure, as_json: bool) {
    if as_json {
        line(&json!({ "error": failure.word(), "message": failure.sentence() }).to_string());
    } else {
        eprintln!("{}", failure.sentence());
    }
}

/// Prints an answer.
pub fn answer(command: &Command, answer: &Answer, as_json: bool) {
    if as_json {
        line(&serde_json::to_string(answer).unwrap_or_default());
        return;
    }
    match answer {
        Answer::Done => line("Done."),
        Answer::Contacts { contacts } if contacts.is_empty() => {
            line("No contacts yet. Invite somebody: khaima-cli invite")
        }
        Answer::Contacts { contacts } => contacts.iter().for_each(|entry| line(&contact(entry))),
        Answer::Invitation(entry) => {
            invitation(entry);
            if let (Command::Invite { qr: true, .. }, Some(link)) = (command, &entry.link) {
                qr(link);
            }
        }
        Answer::Invitations { invitations } if invitations.is_empty() => line("No invitations."),
        Answer::Invitations { invitations } => invitations.iter().for_each(invitation),
        Answer::Messages { messages } => messages.iter().for_each(|entry| line(&message(entry))),
        Answer::Sent { message: entry } => line(&format!("{} ({})", message(entry), entry.state)),
        Answer::SafetyNumber { contact, digits, verified, .. } => {
            line(&format!("Safety number with {}:\n", visible(contact)));
            for row in digits.split(' ').collect::<Vec<_>>().chunks(4) {
                line(&format!("    {}", row.join(" ")));
            }
            line(if *verified {
                "\nYou compared it: the numbers were the same."
            } else {
                "\nNot compared yet. Both of you see the same 60 digits when nobody stands between you. Compare them in person or \
                 by voice, then: khaima-cli verify NAME --matches"
            });
        }
        Answer::Status { name, relays, waiting } => {
            line(&format!("You are {}.", visible(name)));
            if relays.is_empty() {
                line("No relay yet.");
            }
            for relay in relays {
                line(&format!(
                    "{} {}{}",
                    relay.state,
                    relay.address,
                    if relay.home { "  (home)" } else { "" }
                ));
            }
            if *waiting > 0 {
                line(&format!("{waiting} things wait to be done by a relay."));
            }
        }
        other => {
            news(other, false);
        }
    }
}

/// Prints something new while listening. Answers false when nobody reads any more.
pub fn news(answer: &Answer, as_json: bool) -> bool {
    let text = match answer {
        _ if as_json => serde_json::to_string(answer).unwrap_or_default(),
        Answer::News { message: entry, .. } => message(entry),
        Answer::Request { contact: entry } => contact(entry),
        _ => return true,
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

/// Says that a vault was made.
pub fn made(data: &Path, as_json: bool) {
    if as_json {
        line(&json!({ "answer": "made", "data": data.display().to_string() }).to_string());
    } else {
        line(&format!(
            "Your vault is in {}. Next: khaima-cli invite, or khaima-cli accept LINK",
            data.display()
        ));
    }
}

/// Says that the vault is unlocked.
pub fn unlocked(before: bool, as_json: bool) {
    if as_json {
        line(&json!({ "answer": "unlocked", "before": before }).to_string());
    } else if before {
        line("The vault is unlocked already.");
    } else {
        line("The vault is unlocked, and receives in the background. Lock it with: khaima-cli lock");
    }
}

/// Says that the vault is locked.
pub fn locked(was_open: bool, as_json: bool) {
    if as_json {
        line(&json!({ "answer": "locked", "was_open": was_open }).to_string());
    } else if was_open {
        line("Locked.");
    } else {
        line("It was not unlocked.");
    }
}

fn line(text: &str) {
    // Whoever closed the pipe wants no more.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn contact(entry: &ContactEntry) -> String {
    let state = match entry.state {
        ContactState::Accepted if entry.verified => "verified",
        ContactState::Accepted => "not verified",
        ContactState::Asks => "ASKS to be your contact: accept or refuse",
        ContactState::Failed => "failed",
        ContactState::Waiting => "has not answered yet",
    };
    let unread = if entry.unread > 0 { format!(", {} unread", entry.unread) } else { String::new() };
    let greeting = if entry.greeting.is_empty() {
        String::new()
    } else {
        format!("\n      \"{}\"", visible(&entry.greeting))
    };
    format!("{}  {}  ({state}{unread}){greeting}", entry.id, visible(&entry.name))
}

fn invitation(entry: &InvitationEntry) {
    let note = if entry.note.is_empty() { String::new() } else { format!("  {}", visible(&entry.note)) };
    line(&format!("Invitation ({}), valid to {}{note}", entry.state, entry.expires));
    if let Some(link) = &entry.link {
        line(&format!("\n{link}\n"));
        line(
            "Whoever has this link first becomes a contact request of yours. Send it to one person, by a way you trust.",
        );
    }
    if entry.refused > 0 {
        line(&format!(
            "{} more tried it after it was taken: the link was seen by others. Ask your new contact whether it was them who answered.",
            entry.refused
        ));
    }
}

fn message(entry: &MessageEntry) -> String {
    let state = match entry.state.as_str() {
        "received" => String::new(),
        state => format!("  [{state}]"),
    };
    let warning = entry.warning.as_deref().map(|warning| format!("  ({warning})")).unwrap_or_default();
    format!("{}  {}: {}{state}{warning}", time(entry.at_ms), visible(&entry.from), visible(&entry.text))
}

/// Hours and minutes in UTC, with the date: a terminal's scripts must not depend on where the machine stands.
fn time(at_ms: u64) -> String {
    let at = khaima_wire::Timestamp::from_millis(at_ms);
    let seconds = at.as_secs() % 86_400;
    format!("{} {:02}:{:02}", at.day().civil(), seconds / 3600, seconds % 3600 / 60)
}

/// Text from elsewhere without what could steer a terminal or turn the line around.
fn visible(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            character if character.is_control() => '\u{fffd}',
            character => character,
        })
        .collect()
}

fn qr(link: &str) {
    match QrCode::new(link) {
        Ok(code) => line(&code.render::<Dense1x2>().quiet_zone(true).build()),
        Err(_) => line("(The link is too long for a QR code.)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_cannot_steer_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb\nc\u{202e}d"), "a\u{fffd}[2Jb c\u{fffd}d");
        assert_eq!(visible("السلام عليكم"), "السلام عليكم");
    }

    #[test]
    fn times_are_told_in_utc() {
        assert_eq!(time(86_400_000 + 3_660_000), "1970-01-02 01:01");
    }
}
