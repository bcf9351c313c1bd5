//! Why a command or a start failed.

/// Why a command was not carried out. Nothing of it happened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The client is ending; ask the next one.
    #[error("the client is stopping")]
    Ending,
    /// The vault could not be written: a full disk, most likely. Make room and repeat.
    #[error("the vault could not be written")]
    NotStored,
    /// The command does not fit; tell the person why.
    #[error(transparent)]
    Refused(khaima_engine::CommandError),
    /// The vault could not be read.
    #[error("the vault could not be read")]
    Unreadable,
}

/// Why a client could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A record in the vault cannot be read.
    #[error("the vault could not be read")]
    Unreadable(#[source] khaima_engine::EngineError),
    /// The operating system gave no thread.
    #[error("the operating system gives no thread")]
    Threads(#[source] std::io::Error),
}
