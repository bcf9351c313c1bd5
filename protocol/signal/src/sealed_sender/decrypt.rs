//! From an envelope to the plaintext: opening, checking the sender, and the session, in this order.
//!
//! Not its concern: contents that belong to no session between two devices (sender keys, deliberate plaintext); the
//! caller takes them from [`VerifiedContent`].
//!
//! Spec: Signal protocol 10.7 Full decryption.

use rand_core::CryptoRng;

use super::{CertificateError, CertificateValid, OpenError, SealedContent};
use crate::address::ProtocolAddress;
use crate::crypto::PublicKey;
use crate::error_class::{ErrorClass, ErrorKind};
use crate::keys::LocalIdentity;
use crate::message::{CiphertextMessage, MessageError, MessageType};
use crate::session::{DecryptError, Decrypted, Local, PreKeyView, SessionRecord, StoreError, Trust};
use crate::time::Timestamp;

/// Looks up sessions by the address of the other device.
pub trait SessionView {
    /// The record stored for this address, if any.
    ///
    /// # Errors
    /// The store failed.
    fn session(&self, address: &ProtocolAddress) -> Result<Option<SessionRecord>, StoreError>;
}

/// What a sender is judged by.
#[derive(Clone, Copy, Debug)]
pub struct SenderCheck<'a> {
    /// The roots that are trusted for this envelope.
    pub trust_roots: &'a [PublicKey],
    /// When the certificate must be valid.
    pub now: Timestamp,
    /// Our own phone number, if we have one.
    pub local_e164: Option<&'a str>,
}

/// Content whose sender was checked.
#[derive(Clone, Debug)]
pub struct VerifiedContent {
    content: SealedContent,
    _proof: CertificateValid,
}

impl VerifiedContent {
    /// The sender's name and device, by which sessions and sender keys are found.
    #[must_use]
    pub fn sender(&self) -> ProtocolAddress {
        self.content.certificate.sender()
    }

    /// The content.
    #[must_use]
    pub const fn content(&self) -> &SealedContent {
        &self.content
    }
}

impl SealedContent {
    /// Whether this very device, as `local`, sent it. Another device of the same account is fine.
    #[must_use]
    pub fn is_self_send(&self, local: &ProtocolAddress, local_e164: Option<&str>) -> bool {
        let same_name = self.certificate.sender_uuid() == local.name();
        let same_e164 = local_e164.is_some() && local_e164 == self.certificate.sender_e164();
        (same_name || same_e164) && self.certificate.sender_device() == local.device()
    }

    /// Validates the certificate and refuses what this very device sent.
    ///
    /// # Errors
    /// [`UnsealError::InvalidSealedSenderMessage`] for a certificate that is not valid,
    /// [`UnsealError::SealedSenderSelfSend`], [`UnsealError::Certificate`] for a reference to an unknown one.
    pub fn verify(
        self,
        local: &ProtocolAddress,
        check: &SenderCheck<'_>,
    ) -> Result<VerifiedContent, UnsealError> {
        let proof = self
            .certificate
            .validate(check.trust_roots, check.now)?
            .ok_or(UnsealError::InvalidSealedSenderMessage)?;
        if self.is_self_send(local, check.local_e164) {
            return Err(UnsealError::SealedSenderSelfSend);
        }
        Ok(VerifiedContent { content: self, _proof: proof })
    }
}

/// What [`decrypt`] gives.
#[derive(Debug)]
pub struct Unsealed {
    /// The sender's name and device.
    pub sender: ProtocolAddress,
    /// The sender's phone number, if shown.
    pub sender_e164: Option<String>,
    /// The plaintext, and what to store before it is shown.
    pub decrypted: Decrypted,
}

/// Opens an envelope of either version, checks its sender and decrypts the message inside.
///
/// # Errors
/// See [`UnsealError`]. Nothing was changed.
pub fn decrypt<I, S, R>(
    sealed: &[u8],
    local: &Local<'_, I>,
    check: &SenderCheck<'_>,
    stores: &S,
    rng: &mut R,
) -> Result<Unsealed, UnsealError>
where
    I: LocalIdentity + ?Sized,
    S: SessionView + PreKeyView + Trust + ?Sized,
    R: CryptoRng + ?Sized,
{
    let verified = super::open(sealed, local.identity)?.verify(local.address, check)?;
    let (sender, content) = (verified.sender(), verified.content());
    let message = match content.message_type {
        MessageType::Whisper | MessageType::PreKey => {
            CiphertextMessage::decode(content.message_type, &content.content)?
        }
        other => return Err(DecryptError::InvalidMessage(other).into()),
    };
    let record = match (stores.session(&sender).map_err(DecryptError::Store)?, &message) {
        (Some(record), _) => record,
        (None, CiphertextMessage::PreKey(_)) => SessionRecord::empty(),
        (None, CiphertextMessage::Whisper(_)) => return Err(DecryptError::SessionNotFound.into()),
    };
    let decrypted = record.decrypt(local, &sender, &message, stores, stores, rng)?;
    let sender_e164 = content.certificate.sender_e164().map(str::to_owned);
    Ok(Unsealed { sender, sender_e164, decrypted })
}

/// Why an envelope was not decrypted. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// It does not open. Acknowledge and drop it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It names a server certificate we do not know. Drop it.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The sender's certificate does not hold. Drop it; [`super::SenderCertificate::check`] tells if it just expired.
    #[error("sender certificate is not valid")]
    InvalidSealedSenderMessage,
    /// This very device sent it. Drop it.
    #[error("sealed message from this device")]
    SealedSenderSelfSend,
    /// What was inside is not a message. Drop it.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The message inside does not decrypt.
    #[error(transparent)]
    Decrypt(#[from] DecryptError),
}

impl UnsealError {
    /// Whose fault it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Message(error) => error.kind(),
            Self::Decrypt(error) => error.kind(),
            Self::Open(_)
            | Self::Certificate(_)
            | Self::InvalidSealedSenderMessage
            | Self::SealedSenderSelfSend => ErrorKind::Peer,
        }
    }

    /// The class in the interoperability protocol.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Open(error) => error.class(),
            Self::Certificate(error) => error.class(),
            Self::InvalidSealedSenderMessage => ErrorClass::SealedSenderInvalid,
            Self::SealedSenderSelfSend => ErrorClass::SealedSenderSelfSend,
            Self::Message(error) => error.class(),
            Self::Decrypt(error) => error.class(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Sender;
    use super::*;
    use crate::DeviceId;

    #[test]
    fn only_the_same_device_is_a_self_send() {
        let content = Sender::new(1).content(b"");
        let name = content.certificate.sender_uuid().to_owned();
        let local = |name: &str, device| ProtocolAddress::new(name, DeviceId::new(device).unwrap());
        assert!(content.is_self_send(&local(&name, 1), None));
        assert!(!content.is_self_send(&local(&name, 2), None));
        assert!(!content.is_self_send(&local("someone else", 1), None));
        // The sender shows no phone number, so two absent ones are not equal.
        assert!(!content.is_self_send(&local("someone else", 1), Some("+31201234567")));
    }

    #[test]
    fn an_expired_certificate_is_not_verified_but_can_be_told_apart() {
        let sender = Sender::new(2);
        let content = sender.content(b"");
        let local = ProtocolAddress::new("someone else", DeviceId::new(1).unwrap());
        let after = Timestamp::from_millis(content.certificate.expires().as_millis() + 1);
        let roots = [sender.root];
        let check = SenderCheck { trust_roots: &roots, now: after, local_e164: None };
        let error = content.clone().verify(&local, &check).unwrap_err();
        assert_eq!(error.class(), ErrorClass::SealedSenderInvalid);
        assert_eq!(
            content.certificate.check(&roots, after).unwrap(),
            super::super::CertificateStatus::Expired
        );
        let check = SenderCheck { now: content.certificate.expires(), ..check };
        assert_eq!(content.verify(&local, &check).unwrap().sender(), sender.certificate.sender());
    }
}
