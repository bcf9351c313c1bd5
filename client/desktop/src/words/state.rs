//! How things stand: connections, invitations, storage.

use khaima_runtime::{FailReason, InvitationState, StorageTrouble, Trouble};

/// Connected.
#[must_use]
pub fn connected() -> &'static str {
    "Connected"
}

/// The first try.
#[must_use]
pub fn connecting() -> &'static str {
    "Connecting…"
}

/// Connected, but the calendars differ.
#[must_use]
pub fn clock_differs() -> &'static str {
    "The relay's calendar shows another day than this computer's. Set the date right, or messages and invitations may be refused as too old."
}

/// Not connected since a time of day, and why.
#[must_use]
pub fn not_connected(since: &str, why: Trouble) -> String {
    match why {
        Trouble::KeyChanged => "The relay shows another key than its address says. Somebody may stand between you and it, or its operator has set \
                                it up anew. Nothing is sent to it. Ask the operator for the address by another way."
            .to_owned(),
        Trouble::OtherVersion => format!("Not connected since {since}: the relay speaks another version of Khaima. One of the two must be updated."),
        Trouble::Local => format!("Not connected since {since}: this computer cannot open connections. Trying again."),
        Trouble::NoAddress => {
            format!("Not connected since {since}: the relay's name cannot be looked up. Is this computer online? Trying again.")
        }
        Trouble::Nonsense => format!("Not connected since {since}: the relay does not answer as a relay does. Trying again."),
        Trouble::Unreachable => format!("Not connected since {since}: the relay does not answer. Is this computer online? Trying again."),
    }
}

/// The vault cannot be written.
#[must_use]
pub fn storage(trouble: StorageTrouble) -> &'static str {
    match trouble {
        StorageTrouble::Full => {
            "The disk is full. Nothing new is stored, and nothing new is sent. Free some space: what was there before is safe, and new \
             messages wait at the relay."
        }
        StorageTrouble::Failing => {
            "The vault cannot be read or written. What was there before is not changed, and new messages wait at the relay. Check the disk."
        }
    }
}

/// How far an invitation is.
#[must_use]
pub fn invitation_state(state: InvitationState) -> &'static str {
    match state {
        InvitationState::Making => "Waits for the relay",
        InvitationState::Open => "Not used yet",
        InvitationState::Taken => "Somebody came with it",
        InvitationState::Expired => "Ended",
        InvitationState::Withdrawn => "Withdrawn",
        InvitationState::Used => "Used",
        InvitationState::Claiming => "You used it; the relay has not answered yet",
        InvitationState::Gone => {
            "The relay does not have it any more: used by somebody, withdrawn, or ended. Ask for a new one, and say so if it was not you."
        }
        InvitationState::Tampered => {
            "What the relay gave out does not match the link: somebody has tampered with it. Nothing was sent. Tell whoever invited you, by another \
             way."
        }
        InvitationState::Requested => "You used it; they have been asked",
        _ => "Made by a newer version",
    }
}

/// Why a message will not arrive.
#[must_use]
pub fn fail_reason(reason: FailReason) -> &'static str {
    match reason {
        FailReason::Gone => "Their mailbox is gone. They may have ended the contact or lost their device.",
        FailReason::Refused => "The relay refuses it. Its version or ours may be too old.",
        FailReason::SessionRefused => {
            "Their relay gave out keys that are not theirs. Nothing was sent. Ask them by another way."
        }
    }
}
