//! One chain of a sender key: the chain, the seeds it passed over, and the key that signs its messages.
//!
//! Not its concern: which of several chains a message belongs to; its chain id is the number of its slot in the record.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{GroupDecryptError, GroupEncryptError, message_keys::GroupMessageKeys};
use crate::{
    DistributionId, KeyPair, MessageType, PublicKey, Secret, SenderKeyDistributionMessage, SenderKeyMessage,
    message::SENDER_KEY_VERSION,
    ratchet::{Advanced, ChainKey, MAX_FORWARD_JUMP, SkippingChain, TakeError},
};

/// What a refusal for want of a later index is called in both directions.
const USED_UP: &str = "the chain is used up";

/// One chain of a sender key.
///
/// Spec: Signal protocol 9.1 State.
pub(crate) struct SenderKeyState {
    /// Of the messages under this chain. Only [`SENDER_KEY_VERSION`] can be sent.
    pub(super) version: u8,
    pub(super) signing_key: SigningKey,
    /// Of one's own chain, none is ever skipped.
    pub(super) messages: SkippingChain,
}

/// The key that signs the messages of a chain.
#[derive(Clone)]
pub(super) enum SigningKey {
    /// Both halves: the chain is one's own and can be sent with.
    Own(KeyPair),
    /// Another's, to verify with.
    Theirs(PublicKey),
}

impl SigningKey {
    pub(super) fn public(&self) -> &PublicKey {
        match self {
            Self::Own(pair) => pair.public(),
            Self::Theirs(key) => key,
        }
    }
}

impl SenderKeyState {
    /// A fresh chain of one's own, at iteration 0.
    ///
    /// Spec: Signal protocol 9.3 Creating a distribution message.
    pub(super) fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let chain = ChainKey::new(Secret::random(rng), 0);
        Self::new(SigningKey::Own(KeyPair::generate(rng)), chain)
    }

    /// Another's chain, from where they handed it out.
    ///
    /// Spec: Signal protocol 9.4 step 3.
    pub(super) fn received(message: &SenderKeyDistributionMessage) -> Self {
        let chain = ChainKey::new(message.chain_key().clone(), message.iteration());
        Self::new(SigningKey::Theirs(*message.signing_key()), chain)
    }

    fn new(signing_key: SigningKey, chain: ChainKey) -> Self {
        Self { version: SENDER_KEY_VERSION, signing_key, messages: SkippingChain::new(chain) }
    }

    /// Hands out the chain from where it stands. `None` if it is of a version that has no such message.
    pub(super) fn distribution_message(
        &self,
        id: DistributionId,
        chain_id: u32,
    ) -> Option<SenderKeyDistributionMessage> {
        let chain = &self.messages.chain;
        (self.version == SENDER_KEY_VERSION).then(|| {
            let signing_key = *self.signing_key.public();
            SenderKeyDistributionMessage::new(
                id,
                chain_id,
                chain.index(),
                chain.secret().clone(),
                signing_key,
            )
        })
    }

    /// Encrypts one message; gives the state to keep before the message leaves.
    ///
    /// Spec: Signal protocol 9.5 Encrypting.
    pub(super) fn encrypt<R: CryptoRng + ?Sized>(
        &self,
        id: DistributionId,
        chain_id: u32,
        plaintext: &[u8],
        rng: &mut R,
    ) -> Result<(Self, SenderKeyMessage), GroupEncryptError> {
        let (SigningKey::Own(pair), SENDER_KEY_VERSION) = (&self.signing_key, self.version) else {
            return Err(GroupEncryptError::InvalidSenderKeySession);
        };
        let mut messages = self.messages.clone();
        let iteration = messages.chain.index();
        let Advanced { seed, chain } =
            messages.chain.advance().map_err(|_| GroupEncryptError::InvalidState(USED_UP))?;
        messages.chain = chain;
        let ciphertext = GroupMessageKeys::derive(seed).encrypt(plaintext);
        let message = SenderKeyMessage::new(id, chain_id, iteration, ciphertext, pair.private(), rng);
        Ok((self.moved_on(messages), message))
    }

    /// Decrypts one message of this chain; gives the state to keep before the plaintext is shown.
    ///
    /// Spec: Signal protocol 9.6 Decrypting, steps 4 to 7.
    pub(super) fn decrypt(
        &self,
        message: &SenderKeyMessage,
    ) -> Result<(Self, Zeroizing<Vec<u8>>), GroupDecryptError> {
        if message.version() != self.version {
            return Err(GroupDecryptError::UnrecognizedMessageVersion(message.version()));
        }
        // Before the chain: nothing unauthenticated makes it walk.
        if !message.verify_signature(self.signing_key.public()) {
            return Err(GroupDecryptError::SignatureValidationFailed);
        }
        let mut messages = self.messages.clone();
        let seed = messages.take(message.iteration(), MAX_FORWARD_JUMP).map_err(|error| match error {
            TakeError::Duplicated { chain_index, counter } => {
                GroupDecryptError::DuplicatedMessage { chain_index, counter }
            }
            TakeError::TooFarAhead => INVALID_MESSAGE,
            TakeError::Exhausted => GroupDecryptError::InvalidState(USED_UP),
        })?;
        let plaintext =
            GroupMessageKeys::derive(seed).decrypt(message.ciphertext()).map_err(|_| INVALID_MESSAGE)?;
        Ok((self.moved_on(messages), plaintext))
    }

    /// The same state with its chain elsewhere.
    fn moved_on(&self, messages: SkippingChain) -> Self {
        Self { version: self.version, signing_key: self.signing_key.clone(), messages }
    }
}

const INVALID_MESSAGE: GroupDecryptError = GroupDecryptError::InvalidMessage(MessageType::SenderKey);
