//! What went wrong.

use khaima_runtime::api::CallError;
use khaima_runtime::{
    CommandError, CreateError, InvitationError, OpenError, Problem, Refusal, StartError, StorageTrouble,
};

use super::state;
use crate::work::Failure;

/// Why something was not done.
#[must_use]
pub fn failure(failure: &Failure) -> String {
    match failure {
        Failure::Busy => "Too much is waiting to be done. Nothing was changed: try again in a moment.".to_owned(),
        Failure::Call(error) => of_call(error),
        Failure::Command(error, storage) => of_command(error, *storage),
        Failure::Create(error) => of_create(error),
        Failure::Open(error) => of_open(error),
        Failure::Start(StartError::Unreadable(_)) => {
            "The vault opened, but what is in it cannot be read: it is damaged. Nothing was changed. A copy of the whole vault directory, if \
             you made one, opens with the passphrase it had then."
                .to_owned()
        }
        Failure::Start(_) => {
            "This computer gives no more threads to Khaima. Nothing was changed. Close other programs and try again.".to_owned()
        }
    }
}

fn of_open(error: &OpenError) -> String {
    match error {
        OpenError::DoesNotOpen => "This passphrase does not open this vault. Nothing was changed: try again. If you are sure of it, the \
                                   vault's header is damaged; a copy of the whole vault directory, if you made one, opens with the passphrase \
                                   it had then."
            .to_owned(),
        OpenError::InUse => "Another program has this vault open. Close the other window, or run: khaima-cli lock".to_owned(),
        OpenError::NotAVault => "There is no vault in this directory any more.".to_owned(),
        OpenError::Newer => "A newer version of Khaima wrote this vault. Install that version.".to_owned(),
        other => format!("The vault was not opened: {other}. Nothing was changed."),
    }
}

fn of_create(error: &CreateError) -> String {
    match error {
        CreateError::Exists => "There is a vault in this directory already. Nothing was changed.".to_owned(),
        CreateError::InUse => "Another program is using this directory. Nothing was changed.".to_owned(),
        CreateError::EmptyPassphrase => super::PASSPHRASE_EMPTY.to_owned(),
        other => format!("The vault was not made: {other}."),
    }
}

fn of_command(error: &CommandError, storage: Option<StorageTrouble>) -> String {
    match error {
        CommandError::Ending => "Khaima is ending. Nothing was changed.".to_owned(),
        CommandError::NotStored => match storage {
            Some(StorageTrouble::Full) => {
                "The disk is full: this was not stored, and nothing was sent. Free some space and repeat it.".to_owned()
            }
            _ => "The vault could not be written: this was not stored, and nothing was sent. Check the disk, then repeat it.".to_owned(),
        },
        CommandError::Refused(refused) => refusal(refused),
        _ => "This could not be done: the vault cannot be read or written. Nothing was changed.".to_owned(),
    }
}

/// Why a command does not fit.
#[must_use]
pub fn refusal(refused: &Refusal) -> String {
    match refused {
        Refusal::AlreadyAccepted => "You used this invitation before. The list shows how it stands.",
        Refusal::AlreadyKnown => "This person is among your contacts already.",
        Refusal::ExpiryOutOfRange => "An invitation lasts 1 to 90 days.",
        Refusal::Invitation(error) => return of_invitation(error),
        Refusal::InvitationState => "This cannot be done with the invitation as it is now.",
        Refusal::NotAccepted => "This person has not accepted you yet, so nothing can be sent to them.",
        Refusal::NotFailed => "This message is already on its way.",
        Refusal::NotFound => "It is not there any more.",
        Refusal::OwnInvitation => "This is your own invitation. Give it to somebody else.",
        Refusal::TextEmpty => "Something is missing: write a few letters.",
        Refusal::TextTooLong { length, limit } => {
            return format!("This text is too long: it has {length} bytes, {limit} are possible. Shorten it, or send it in parts.");
        }
        _ => "This is not possible as things stand. Nothing was changed.",
    }
    .to_owned()
}

fn of_invitation(error: &InvitationError) -> String {
    match error {
        InvitationError::NotALink => {
            "This is not a Khaima link. It begins with khaima: and comes from the person who invites you."
                .to_owned()
        }
        InvitationError::NewerVersion => {
            "A newer version of Khaima made this link. Update Khaima, then try again.".to_owned()
        }
        InvitationError::Expired { since } => format!(
            "This invitation ended on {}. Ask for a new one. If your calendar shows another day, set it right first.",
            super::date(*since, 0)
        ),
        _ => "This link is damaged or cut off. Ask for it again, and copy it whole.".to_owned(),
    }
}

fn of_call(error: &CallError) -> String {
    match error {
        CallError::Invalid { why, .. } if why == "code" => "This is not a code of a relay's operator. Copy it whole.".to_owned(),
        CallError::Invalid { .. } => {
            "This is not the address of a relay. It looks like HOST:PORT#KEY. Copy it whole, as its operator gives it.".to_owned()
        }
        CallError::Refused { why } if why == "name" => "A name has 1 to 64 bytes: up to 64 Latin or 32 Arabic letters.".to_owned(),
        CallError::NoSuchContact => refusal(&Refusal::NotFound),
        CallError::Store { .. } => state::storage(StorageTrouble::Failing).to_owned(),
        CallError::Ending => of_command(&CommandError::Ending, None),
        _ => "This is not possible as things stand. Nothing was changed.".to_owned(),
    }
}

/// What looks wrong and is not to be seen elsewhere in the window; `name` is the contact's, where it is about one.
#[must_use]
pub fn problem(problem: Problem, name: &str) -> Option<String> {
    let name = crate::text::isolated(name);
    Some(match problem {
        Problem::AlreadyKnown { .. } => format!("A contact request came from {name}, who is among your contacts already. Nothing was changed."),
        Problem::IdentityConflict { .. } => format!(
            "Somebody tried to pass for {name} with other keys, and was refused. Nothing was changed. Tell {name} by another way."
        ),
        Problem::InviteCodeRefused { .. } => {
            "The relay did not take the code: mistyped, used before, or ended. Ask its operator for another.".to_owned()
        }
        Problem::MailboxLost { .. } => {
            "A relay lost a mailbox of yours; it is being made anew. Messages that waited in it are gone: ask your contacts.".to_owned()
        }
        Problem::RelayRefused { .. } => "The relay refuses a request. Its version or ours may be too old.".to_owned(),
        _ => return None,
    })
}
