//! One session: two identities, the triple ratchet, and what a first message has to carry.
//!
//! Not its concern: which of several sessions applies, trust, and storage.

use std::sync::Arc;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    IdentityKey, KyberPreKeyId, PreKeyId, ProtocolAddress, PublicKey, SignedPreKeyId, Timestamp,
    crypto::cipher,
    message::{
        ADDRESSES_LENGTH, CiphertextMessage, PreKeySignalMessage, PreKeySignalParts, SESSION_VERSION,
        SignalMessage,
    },
    ratchet::{JumpLimit, ReceiveError},
    triple_ratchet::{SendError, TripleRatchet},
};

/// How long an unacknowledged session may be sent with, in milliseconds: 30 days. Afterwards the prekeys it was started
/// from are likely gone, and every message with them.
const MAX_UNACKNOWLEDGED_MS: u64 = 2_592_000_000;

/// One live ratchet with a device. Its version is [`SESSION_VERSION`].
#[derive(Clone)]
pub(crate) struct SessionState {
    pub(crate) local_identity: IdentityKey,
    pub(crate) remote_identity: IdentityKey,
    /// The initiator's base key, by which both sides recognise the session.
    pub(crate) base_key: PublicKey,
    pub(crate) local_registration_id: u32,
    pub(crate) remote_registration_id: u32,
    pub(crate) ratchet: TripleRatchet,
    /// Present until a message has been decrypted with this session.
    pub(crate) pending: Option<Pending>,
}

/// What each message carries until the other side has answered.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) created_secs: u64,
    pub(crate) one_time_id: Option<PreKeyId>,
    pub(crate) signed_id: SignedPreKeyId,
    pub(crate) kyber_id: KyberPreKeyId,
    pub(crate) kem_ciphertext: Vec<u8>,
}

impl Pending {
    fn is_stale(&self, now: Timestamp) -> bool {
        self.created_secs.saturating_mul(1_000).saturating_add(MAX_UNACKNOWLEDGED_MS) < now.as_millis()
    }
}

impl SessionState {
    /// Whether the session was never acknowledged and is too old to be sent with.
    ///
    /// Spec: Signal protocol 8.4 step 3.
    pub(crate) fn is_stale(&self, now: Timestamp) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.is_stale(now))
    }

    /// Our current ratchet key.
    pub(crate) fn ratchet_key(&self) -> &PublicKey {
        self.ratchet.double.turn.ratchet_pair.public()
    }

    /// Encrypts one message; gives the state to keep before the message leaves.
    ///
    /// Spec: Signal protocol 5.2 Sending, 8.4 Encrypting.
    pub(crate) fn encrypt<R: CryptoRng + ?Sized>(
        &self,
        local: &ProtocolAddress,
        remote: &ProtocolAddress,
        plaintext: &[u8],
        rng: &mut R,
    ) -> Result<(Arc<Self>, CiphertextMessage), SendError> {
        let sent = self.ratchet.send(rng)?;
        let ciphertext = cipher::cbc_encrypt(sent.keys.cipher_key(), sent.keys.iv(), plaintext);
        let addresses = self.pending.as_ref().and_then(|_| bound_addresses(local, remote));
        let message = SignalMessage::new(
            sent.keys.mac_key(),
            &self.local_identity,
            &self.remote_identity,
            sent.header,
            ciphertext,
            addresses,
        );
        let message = match &self.pending {
            None => CiphertextMessage::from(message),
            Some(pending) => PreKeySignalMessage::new(self.outer_fields(pending), message).into(),
        };
        Ok((self.moved_on(sent.ratchet, self.pending.clone()), message))
    }

    fn outer_fields(&self, pending: &Pending) -> PreKeySignalParts {
        PreKeySignalParts {
            registration_id: self.local_registration_id,
            one_time_id: pending.one_time_id,
            signed_id: pending.signed_id,
            kyber: Some((pending.kyber_id, pending.kem_ciphertext.clone())),
            base_key: self.base_key,
            identity_key: self.local_identity,
        }
    }

    /// Decrypts one message; gives the state to keep before the plaintext is shown.
    ///
    /// Spec: Signal protocol 5.3 Receiving with one session state.
    pub(crate) fn decrypt<R: CryptoRng + ?Sized>(
        &self,
        local: &ProtocolAddress,
        remote: &ProtocolAddress,
        message: &SignalMessage,
        rng: &mut R,
    ) -> Result<(Arc<Self>, Zeroizing<Vec<u8>>), ReceiveError> {
        if message.version() != SESSION_VERSION {
            return Err(ReceiveError::Unacceptable);
        }
        let limit = jump_limit(&self.local_identity, local, &self.remote_identity, remote);
        let received = self.ratchet.receive(message, limit, rng)?;
        let keys = received.keys;
        // MAC before addresses before decryption: nothing unauthenticated is acted upon.
        let authentic = message.verify_mac(keys.mac_key(), &self.remote_identity, &self.local_identity);
        if !authentic || !addresses_match(message, remote, local) {
            return Err(ReceiveError::Unacceptable);
        }
        let plaintext = cipher::cbc_decrypt(keys.cipher_key(), keys.iv(), message.ciphertext())
            .map_err(|_| ReceiveError::Unacceptable)?;
        Ok((self.moved_on(received.ratchet, None), plaintext))
    }

    /// The same session with its ratchet a step further; nothing of the old ratchet is copied.
    fn moved_on(&self, ratchet: TripleRatchet, pending: Option<Pending>) -> Arc<Self> {
        Arc::new(Self {
            local_identity: self.local_identity,
            remote_identity: self.remote_identity,
            base_key: self.base_key,
            local_registration_id: self.local_registration_id,
            remote_registration_id: self.remote_registration_id,
            ratchet,
            pending,
        })
    }
}

/// No limit between devices of one account: equal identity keys, and equal service ids as names.
///
/// Spec: Signal protocol 2 Addresses and service ids, self session.
pub(crate) fn jump_limit(
    local_identity: &IdentityKey,
    local: &ProtocolAddress,
    remote_identity: &IdentityKey,
    remote: &ProtocolAddress,
) -> JumpLimit {
    let same_account = local_identity == remote_identity
        && local.service_id().is_some_and(|service_id| remote.service_id() == Some(service_id));
    if same_account { JumpLimit::SelfSession } else { JumpLimit::Ordinary }
}

/// The 36 bytes that bind a message to its two ends; `None` if a name is no service id.
///
/// Spec: Signal protocol 7.2.3 `addresses`.
pub(crate) fn bound_addresses(
    sender: &ProtocolAddress,
    recipient: &ProtocolAddress,
) -> Option<[u8; ADDRESSES_LENGTH]> {
    let sender_name = sender.service_id()?.to_fixed_width();
    let recipient_name = recipient.service_id()?.to_fixed_width();
    let sender_device = [sender.device().value()];
    let recipient_device = [recipient.device().value()];
    let all = sender_name.iter().chain(&sender_device).chain(&recipient_name).chain(&recipient_device);
    let mut bytes = [0; ADDRESSES_LENGTH];
    bytes.iter_mut().zip(all).for_each(|(to, from)| *to = *from);
    Some(bytes)
}

/// Whether the message says nothing about addresses, or exactly the right thing.
fn addresses_match(message: &SignalMessage, sender: &ProtocolAddress, recipient: &ProtocolAddress) -> bool {
    let Some(claimed) = message.addresses() else {
        return true;
    };
    bound_addresses(sender, recipient)
        .is_some_and(|expected| subtle::ConstantTimeEq::ct_eq(expected.as_slice(), claimed).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeviceId, KeyPair, ServiceId, test_rng};

    #[test]
    fn only_devices_of_one_account_may_lag_any_distance() {
        let rng = &mut test_rng(1);
        let [one, other] = [(); 2].map(|()| IdentityKey::new(*KeyPair::generate(rng).public()));
        let address = |name: &str, device| ProtocolAddress::new(name, DeviceId::new(device).unwrap());
        let [alice, bob] = [1, 2].map(|byte| ServiceId::aci([byte; 16]).to_string());
        let limit = |their_identity: &IdentityKey, ours: &str, theirs: &str| {
            jump_limit(&one, &address(ours, 1), their_identity, &address(theirs, 2)).max()
        };
        let ordinary = JumpLimit::Ordinary.max();
        assert_eq!(limit(&one, &alice, &alice), JumpLimit::SelfSession.max());
        assert_ne!(limit(&one, &alice, &alice), ordinary);
        assert_eq!(limit(&other, &alice, &alice), ordinary, "another identity under the same name");
        assert_eq!(limit(&one, &alice, &bob), ordinary, "the same identity under another name");
        assert_eq!(limit(&one, "+15550100", "+15550100"), ordinary, "names that are no service ids");
    }
}
