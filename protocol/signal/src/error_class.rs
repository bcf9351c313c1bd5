//! The two coarse views of an error: whose fault it is, and its class in the interoperability protocol.
//!
//! Not its concern: the errors themselves; each module has its own enum with `kind()` and `class()`.

/// Whose fault an error is, for callers that branch on that alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The other side, or whoever changed its bytes on the way. Drop the input.
    Peer,
    /// The calling code or the person using it: a missing session, a wrong argument.
    Caller,
    /// The machine around us: a store that does not answer, a damaged record.
    Environment,
    /// A defect in this crate.
    Bug,
}

/// The class of an error as the interoperability driver and the recorded vectors name it.
///
/// Spec: interop 5 Error classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// The message was decrypted before, or its key is no longer kept.
    DuplicateMessage,
    /// The message does not authenticate or is not acceptable.
    InvalidMessage,
    /// Undecodable protobuf, a missing field, or too few bytes.
    Malformed,
    /// A version older than any we speak.
    LegacyVersion,
    /// A version newer than any we speak.
    UnknownVersion,
    /// Bytes that are no key, or a key agreement without contribution.
    InvalidKey,
    /// A signature that does not verify.
    InvalidSignature,
    /// The identity store refused the peer's key.
    UntrustedIdentity,
    /// No session for this address.
    NoSession,
    /// A stored session that cannot be read.
    InvalidSession,
    /// Unknown one-time prekey.
    InvalidPreKeyId,
    /// Unknown signed prekey.
    InvalidSignedPreKeyId,
    /// Unknown Kyber prekey.
    InvalidKyberPreKeyId,
    /// No sender key for this sender and group.
    NoSenderKey,
    /// A sender key that cannot be used.
    InvalidSenderKey,
    /// A registration id of more than 14 bits where only 14 fit.
    InvalidRegistrationId,
    /// A device id out of range in an address.
    InvalidAddress,
    /// The caller gave an argument that makes no sense.
    InvalidArgument,
    /// Our own ratchet state does not allow the operation.
    InvalidState,
    /// A sealed sender envelope that does not open, or whose certificate does not hold.
    SealedSenderInvalid,
    /// A sealed sender envelope sent by this very device.
    SealedSenderSelfSend,
    /// A sealed sender version we do not speak.
    SealedSenderUnknownVersion,
    /// A reference to a server certificate we do not know.
    SealedSenderUnknownServerCertificate,
    /// Fingerprints of different versions.
    FingerprintVersionMismatch,
    /// Bytes that are no fingerprint, or an iteration count out of range.
    FingerprintInvalid,
    /// Anything else; never expected.
    Internal,
}

impl ErrorClass {
    /// The name used on the line protocol and in the vectors.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DuplicateMessage => "duplicate_message",
            Self::InvalidMessage => "invalid_message",
            Self::Malformed => "malformed",
            Self::LegacyVersion => "legacy_version",
            Self::UnknownVersion => "unknown_version",
            Self::InvalidKey => "invalid_key",
            Self::InvalidSignature => "invalid_signature",
            Self::UntrustedIdentity => "untrusted_identity",
            Self::NoSession => "no_session",
            Self::InvalidSession => "invalid_session",
            Self::InvalidPreKeyId => "invalid_prekey_id",
            Self::InvalidSignedPreKeyId => "invalid_signed_prekey_id",
            Self::InvalidKyberPreKeyId => "invalid_kyber_prekey_id",
            Self::NoSenderKey => "no_sender_key",
            Self::InvalidSenderKey => "invalid_sender_key",
            Self::InvalidRegistrationId => "invalid_registration_id",
            Self::InvalidAddress => "invalid_address",
            Self::InvalidArgument => "invalid_argument",
            Self::InvalidState => "invalid_state",
            Self::SealedSenderInvalid => "sealed_sender_invalid",
            Self::SealedSenderSelfSend => "sealed_sender_self_send",
            Self::SealedSenderUnknownVersion => "sealed_sender_unknown_version",
            Self::SealedSenderUnknownServerCertificate => "sealed_sender_unknown_server_certificate",
            Self::FingerprintVersionMismatch => "fingerprint_version_mismatch",
            Self::FingerprintInvalid => "fingerprint_invalid",
            Self::Internal => "internal",
        }
    }
}
