//! What a person did, on its way from the screens to the app.
//!
//! Screens only draw and say what was done; the app decides what follows. The queue is emptied after every frame.
//!
//! Not its concern: what follows (`app`), how it is carried out (`work`).

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use khaima_runtime::{Command, ConversationId, Passphrase};

use crate::text::Direction;
use crate::view::Page;

/// Acts of one frame; a person does one or two.
const QUEUE: usize = 32;

/// What a person did.
pub enum Act {
    /// Asked for something the client does.
    Command(Command),
    /// Put text on the clipboard.
    Copy(String),
    /// Chose name and passphrase of a new vault.
    Create(Passphrase),
    /// Closed the note at the top.
    Dismiss,
    /// Asked for an invitation valid for so many days, with the note that is written.
    Invite {
        /// Days.
        days: u32,
    },
    /// Used the link that is written.
    Join,
    /// Scrolled up to the beginning of what is loaded.
    LoadOlder,
    /// Wants everything closed.
    Lock,
    /// Sent the draft of a conversation.
    Send(ConversationId),
    /// Chose a name in a vault that has none.
    SetName,
    /// Went elsewhere.
    Show(Page),
    /// Typed the passphrase.
    Unlock(Passphrase),
    /// Entered a relay.
    UseRelay,
}

impl std::fmt::Debug for Act {
    /// The name of the act only: what is in it is the person's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Command(_) => "Command",
            Self::Copy(_) => "Copy",
            Self::Create(_) => "Create",
            Self::Dismiss => "Dismiss",
            Self::Invite { .. } => "Invite",
            Self::Join => "Join",
            Self::LoadOlder => "LoadOlder",
            Self::Lock => "Lock",
            Self::Send(_) => "Send",
            Self::SetName => "SetName",
            Self::Show(_) => "Show",
            Self::Unlock(_) => "Unlock",
            Self::UseRelay => "UseRelay",
        })
    }
}

/// Where screens leave what a person did.
pub struct Acts(SyncSender<Act>);

impl Acts {
    /// The queue.
    #[must_use]
    pub fn queue() -> (Self, Receiver<Act>) {
        let (acts, receiver) = sync_channel(QUEUE);
        (Self(acts), receiver)
    }

    /// Leaves an act. What a person writes stays in its draft until the app has taken it, so a queue that is full (which takes
    /// dozens of clicks within one frame) loses a click and no words.
    pub fn send(&self, act: Act) {
        if self.0.try_send(act).is_err() {
            tracing::debug!("an act of a person found the queue full");
        }
    }
}

/// What every drawing function needs.
#[derive(Clone, Copy)]
pub struct Pane<'a> {
    /// Where acts go.
    pub acts: &'a Acts,
    /// Which way the interface runs.
    pub direction: Direction,
}

impl Pane<'_> {
    /// Leaves an act.
    pub fn send(&self, act: Act) {
        self.acts.send(act);
    }
}
