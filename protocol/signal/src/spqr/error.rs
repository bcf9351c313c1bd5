//! Why a step of the ratchet failed.
//!
//! What the session makes of it is not this module's concern: it tells only [`SpqrError::StateDecode`] from
//! the rest.

/// Why the ratchet could not send or receive.
///
/// No error changes anything: the state the call was made on stays as it was and can be used again. A stored
/// state that does not decode is damaged and only a new session helps; every other error of `recv` means an
/// invalid message, which is dropped.
///
/// Spec: SPQR 12 Errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpqrError {
    /// A stored state does not parse or breaks a size rule. The session cannot go on.
    #[error("stored ratchet state is damaged")]
    StateDecode,
    /// The message does not parse. Drop it.
    #[error("malformed ratchet message")]
    MsgDecode,
    /// The MAC of a header or of a ciphertext is wrong. Drop the message.
    #[error("ratchet value is not authentic")]
    MacVerifyFailed,
    /// An encapsulation key does not fit its header or is not reduced. Drop the message.
    #[error("encapsulation key does not fit its header")]
    ErroneousDataReceived,
    /// The epoch is too far ahead, or its keys are no longer held.
    #[error("epoch out of range")]
    EpochOutOfRange(u64),
    /// A message of a lower version after the version was agreed.
    #[error("version differs from the agreed one")]
    VersionMismatch,
    /// A message of a lower version than this side accepts.
    #[error("version is below the accepted minimum")]
    MinimumVersion,
    /// The index is further ahead than the limit allows.
    #[error("message index is too far ahead")]
    KeyJump {
        /// Index of the last key derived.
        counter: u32,
        /// Index asked for.
        at: u32,
    },
    /// The index is so far behind that its key is gone.
    #[error("message key is too old")]
    KeyTrimmed(u32),
    /// The key was handed out before (a replay), or the index is 0, which no key has.
    #[error("message key was already used")]
    KeyAlreadyRequested(u32),
    /// A key was asked for an epoch before the one sent in last. A bug of ours.
    #[error("send epoch went back")]
    SendKeyEpochDecreased {
        /// Epoch sent in last.
        from: u64,
        /// Epoch asked for.
        to: u64,
    },
    /// There is neither a chain nor what is needed to make one. A bug of ours or a damaged state.
    #[error("no key chain")]
    ChainNotAvailable,
    /// A chain of this epoch has given its last key (2^32 - 1). Only a new epoch or session helps.
    #[error("key chain is used up")]
    ChainExhausted,
}
