//! Decrypting with whichever session applies, starting one if the message asks for it: the recipient's side.
//!
//! Not its concern: parsing, opening sealed senders, and deleting the prekeys named as spent.

use std::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    DecryptError, Direction, Local, PreKeyView, SessionRecord, Trust,
    select::{self, Ends, Place, Tried},
    state::{SessionState, jump_limit},
};
use crate::{
    CiphertextMessage, IdentityKey, KeyError, KyberPreKeyId, LocalIdentity, MessageType, PreKeyId,
    PreKeySignalMessage, ProtocolAddress, PublicKey, SignalMessage, SignedPreKeyId,
    message::SESSION_VERSION,
    pqxdh::{self, RecipientKeys},
    ratchet::DoubleRatchet,
    spqr,
    triple_ratchet::TripleRatchet,
};

/// A plaintext, and what to store before it is shown.
///
/// Store in one transaction: the record, the identity key for the sender's address, and what became of the prekeys.
#[must_use]
pub struct Decrypted {
    /// Replaces the old record.
    pub record: SessionRecord,
    /// What was encrypted.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// The identity key the message was authenticated with.
    pub remote_identity: IdentityKey,
    /// The prekeys a new session was started from; `None` if the session existed.
    pub spent: Option<SpentPreKeys>,
    /// Whether an archived session became the current one, also for sending.
    pub promoted: bool,
}

/// What a new session used up.
///
/// Delete the one-time prekey. Delete the Kyber prekey, unless it is a last resort: then remember the base key for
/// (Kyber id, signed id) as long as the prekey is kept.
///
/// Spec: Signal protocol 4.5 Prekey consumption and replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpentPreKeys {
    /// The one-time prekey. Without one the first message is weaker against a later theft of the signed prekey.
    pub one_time: Option<PreKeyId>,
    /// The signed prekey; it is kept.
    pub signed: SignedPreKeyId,
    /// The Kyber prekey.
    pub kyber: KyberPreKeyId,
    /// The initiator's base key.
    pub base_key: PublicKey,
}

impl fmt::Debug for Decrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decrypted(..)")
    }
}

/// A record in which the message's session is current, and what that took.
struct Prepared {
    record: SessionRecord,
    spent: Option<SpentPreKeys>,
    /// The Kyber prekey of the new session is a last resort.
    last_resort: bool,
    promoted: bool,
}

impl SessionRecord {
    /// Decrypts a message from `remote`.
    ///
    /// # Errors
    ///
    /// See [`DecryptError`]. Nothing has been changed then, and the same message may be tried again.
    ///
    /// Spec: Signal protocol 8.5 Decrypting a PreKey message, 8.6 Decrypting a SignalMessage.
    pub fn decrypt<I, P, T, R>(
        &self,
        local: &Local<'_, I>,
        remote: &ProtocolAddress,
        message: &CiphertextMessage,
        prekeys: &P,
        trust: &T,
        rng: &mut R,
    ) -> Result<Decrypted, DecryptError>
    where
        I: LocalIdentity + ?Sized,
        P: PreKeyView + ?Sized,
        T: Trust + ?Sized,
        R: CryptoRng + ?Sized,
    {
        match message {
            CiphertextMessage::Whisper(message) => self.decrypt_whisper(local, remote, message, trust, rng),
            CiphertextMessage::PreKey(message) => {
                self.decrypt_prekey(local, remote, message, prekeys, trust, rng)
            }
        }
    }

    fn decrypt_whisper<I, T, R>(
        &self,
        local: &Local<'_, I>,
        remote: &ProtocolAddress,
        message: &SignalMessage,
        trust: &T,
        rng: &mut R,
    ) -> Result<Decrypted, DecryptError>
    where
        I: LocalIdentity + ?Sized,
        T: Trust + ?Sized,
        R: CryptoRng + ?Sized,
    {
        if self.current.is_none() && self.archived.is_empty() {
            return Err(DecryptError::SessionNotFound);
        }
        let ends = Ends { local: local.address, remote };
        let Tried { record, plaintext, remote_identity, promoted } =
            select::try_all(self, ends, message, MessageType::Whisper, rng)?;
        if !trust.is_trusted(remote, &remote_identity, Direction::Receiving)? {
            return Err(DecryptError::UntrustedIdentity);
        }
        Ok(Decrypted { record, plaintext, remote_identity, spent: None, promoted })
    }

    fn decrypt_prekey<I, P, T, R>(
        &self,
        local: &Local<'_, I>,
        remote: &ProtocolAddress,
        message: &PreKeySignalMessage,
        prekeys: &P,
        trust: &T,
        rng: &mut R,
    ) -> Result<Decrypted, DecryptError>
    where
        I: LocalIdentity + ?Sized,
        P: PreKeyView + ?Sized,
        T: Trust + ?Sized,
        R: CryptoRng + ?Sized,
    {
        if !trust.is_trusted(remote, message.identity_key(), Direction::Receiving)? {
            return Err(DecryptError::UntrustedIdentity);
        }
        let prepared = match select::find(self, message.version(), message.base_key())? {
            Some(place) => self.recognised(place, message)?,
            None => self.accept(local, remote, message, prekeys)?,
        };
        let ends = Ends { local: local.address, remote };
        let tried = select::try_all(&prepared.record, ends, message.message(), MessageType::PreKey, rng)?;
        // Asked last, as the specification has it: only an authentic message can be a replay.
        if let Some(spent) = prepared.spent.filter(|_| prepared.last_resort)
            && prekeys.base_key_seen(spent.kyber, spent.signed, &spent.base_key)?
        {
            return Err(INVALID_PREKEY_MESSAGE);
        }
        // Also last: whatever else is wrong with the message is reported as everybody reports it.
        if prepared.spent.is_some() && !message.identity_key().public_key().is_in_range() {
            return Err(KeyError::InvalidKeyAgreement.into());
        }
        Ok(Decrypted {
            record: tried.record,
            plaintext: tried.plaintext,
            remote_identity: *message.identity_key(),
            spent: prepared.spent,
            promoted: prepared.promoted || tried.promoted,
        })
    }

    /// The message belongs to a session we have: no prekey is looked at.
    fn recognised(&self, place: Place, message: &PreKeySignalMessage) -> Result<Prepared, DecryptError> {
        let mut record = self.clone();
        if let Place::Archived(position) = place {
            record.promote(position);
        }
        let state =
            record.current.as_ref().and_then(|slot| slot.state()).ok_or(DecryptError::InvalidSession)?;
        if state.remote_identity != *message.identity_key() {
            return Err(INVALID_PREKEY_MESSAGE);
        }
        Ok(Prepared { record, spent: None, last_resort: false, promoted: place != Place::Current })
    }

    /// Starts the session the message asks for, in memory only.
    ///
    /// Spec: Signal protocol 4.4 steps 3 to 10.
    fn accept<I, P>(
        &self,
        local: &Local<'_, I>,
        remote: &ProtocolAddress,
        message: &PreKeySignalMessage,
        prekeys: &P,
    ) -> Result<Prepared, DecryptError>
    where
        I: LocalIdentity + ?Sized,
        P: PreKeyView + ?Sized,
    {
        // After the search above, so that it cannot be told from a session we do have.
        if message.version() != SESSION_VERSION {
            return Err(INVALID_PREKEY_MESSAGE);
        }
        let signed = prekeys.signed(message.signed_id())?.ok_or(DecryptError::InvalidSignedPreKeyId)?;
        let (kyber_id, kem_ciphertext) = message.kyber().ok_or(INVALID_PREKEY_MESSAGE)?;
        let kyber = prekeys.kyber(kyber_id)?.ok_or(DecryptError::InvalidKyberPreKeyId)?;
        let one_time = match message.one_time_id() {
            Some(id) => Some(prekeys.one_time(id)?.ok_or(DecryptError::InvalidPreKeyId)?),
            None => None,
        };
        if !message.base_key().is_canonical() {
            return Err(INVALID_PREKEY_MESSAGE);
        }
        let ours = RecipientKeys {
            identity: local.identity,
            signed: &signed.key_pair,
            one_time: one_time.as_ref().map(|prekey| &prekey.key_pair),
            kyber: kyber.prekey.key_pair.secret(),
        };
        let keys = pqxdh::accept(&ours, message.identity_key(), message.base_key(), kem_ciphertext)?;
        let local_identity = local.identity.identity_key();
        let limit = jump_limit(&local_identity, local.address, message.identity_key(), remote);
        let double = DoubleRatchet::recipient(keys.root, keys.chain, signed.key_pair);
        let mut record = self.clone();
        record.make_current(SessionState {
            local_identity,
            remote_identity: *message.identity_key(),
            base_key: *message.base_key(),
            local_registration_id: local.registration_id,
            remote_registration_id: message.registration_id(),
            ratchet: TripleRatchet::new(double, spqr::Direction::B2A, &keys.pq_auth, limit),
            pending: None,
        });
        let spent = SpentPreKeys {
            one_time: message.one_time_id(),
            signed: message.signed_id(),
            kyber: kyber_id,
            base_key: *message.base_key(),
        };
        Ok(Prepared { record, spent: Some(spent), last_resort: kyber.last_resort, promoted: false })
    }
}

/// The one answer to a PreKey message that is not acceptable.
const INVALID_PREKEY_MESSAGE: DecryptError = DecryptError::InvalidMessage(MessageType::PreKey);
