//! The double ratchet of one session: a root key, one sending chain, up to five receiving ones.
//!
//! Every function returns a new ratchet and leaves the old one as it was; the caller keeps the new one only when the
//! message turned out to be authentic.
//!
//! Not its concern: the post-quantum ratchet, MACs and ciphertexts.

use rand_core::CryptoRng;

use super::{
    ChainExhausted, ChainKey, JumpLimit, MAX_RECEIVER_CHAINS, MessageSeed, ReceiveError, ReceiverChain,
    RootKey, root_key::RootStep,
};
use crate::{
    Secret,
    crypto::{KeyError, KeyPair, PublicKey},
};

/// Our own messages under one of our ratchet keys.
#[derive(Clone, Debug)]
pub(crate) struct SenderChain {
    pub(crate) ratchet_pair: KeyPair,
    /// At the index of the next message.
    pub(crate) chain: ChainKey,
}

/// State of the double ratchet.
#[derive(Clone, Debug)]
pub(crate) struct DoubleRatchet {
    pub(crate) root: RootKey,
    pub(crate) sender: SenderChain,
    /// Oldest first, at most [`MAX_RECEIVER_CHAINS`].
    pub(crate) receivers: Vec<ReceiverChain>,
    /// Index of the last message sent on the sending chain before this one; 0 if none.
    pub(crate) previous_counter: u32,
    /// Serial of the next receiver chain.
    pub(crate) next_serial: u32,
}

/// A message key was split off for sending.
pub(crate) struct Sent {
    pub(crate) ratchet: DoubleRatchet,
    pub(crate) ratchet_key: PublicKey,
    pub(crate) counter: u32,
    pub(crate) previous_counter: u32,
    pub(crate) seed: MessageSeed,
}

/// A message key was found for receiving.
pub(crate) struct Received {
    pub(crate) ratchet: DoubleRatchet,
    pub(crate) seed: MessageSeed,
}

impl DoubleRatchet {
    /// Alice's start: Bob's signed prekey is his first ratchet key.
    ///
    /// # Errors
    ///
    /// The agreement of a fresh key with the signed prekey has no contribution.
    ///
    /// Spec: Signal protocol 4.3 Ratchet initialisation.
    pub(crate) fn initiator<R: CryptoRng + ?Sized>(
        root: Secret<32>,
        chain: Secret<32>,
        their_signed_prekey: PublicKey,
        rng: &mut R,
    ) -> Result<Self, KeyError> {
        let ratchet_pair = KeyPair::generate(rng);
        let agreed = ratchet_pair.private().agree(&their_signed_prekey)?;
        let step = RootKey::new(root).step(&agreed);
        Ok(Self {
            root: step.root,
            sender: SenderChain { ratchet_pair, chain: step.chain },
            receivers: vec![ReceiverChain::new(0, their_signed_prekey, ChainKey::new(chain, 0))],
            previous_counter: 0,
            next_serial: 1,
        })
    }

    /// Bob's start: his signed prekey is his first ratchet key. He never sends under this chain.
    ///
    /// Spec: Signal protocol 4.3 Ratchet initialisation.
    pub(crate) fn recipient(root: Secret<32>, chain: Secret<32>, signed_prekey: KeyPair) -> Self {
        Self {
            root: RootKey::new(root),
            sender: SenderChain { ratchet_pair: signed_prekey, chain: ChainKey::new(chain, 0) },
            receivers: Vec::new(),
            previous_counter: 0,
            next_serial: 0,
        }
    }

    /// Splits off the key of the next message. Never makes a Diffie-Hellman step; receiving does.
    ///
    /// Spec: Signal protocol 5.2 Sending.
    pub(crate) fn send(&self) -> Result<Sent, ChainExhausted> {
        let mut ratchet = self.clone();
        let seed = self.sender.chain.seed();
        ratchet.sender.chain = self.sender.chain.clone().advance()?;
        Ok(Sent {
            ratchet,
            ratchet_key: *self.sender.ratchet_pair.public(),
            counter: self.sender.chain.index(),
            previous_counter: self.previous_counter,
            seed,
        })
    }

    /// Finds the key of a message, after a Diffie-Hellman step if its ratchet key is new.
    ///
    /// Spec: Signal protocol 5.3 Receiving, steps 1 and 2.
    pub(crate) fn receive<R: CryptoRng + ?Sized>(
        &self,
        ratchet_key: &PublicKey,
        counter: u32,
        limit: JumpLimit,
        rng: &mut R,
    ) -> Result<Received, ReceiveError> {
        let mut ratchet = self.clone();
        if let Some(chain) = ratchet.receivers.iter_mut().find(|chain| chain.ratchet_key == *ratchet_key) {
            let seed = chain.take(counter, limit)?;
            return Ok(Received { ratchet, seed });
        }
        let mut chain = ratchet.step(ratchet_key, rng).map_err(|_| ReceiveError::Unacceptable)?;
        let seed = chain.take(counter, limit)?;
        ratchet.receivers.push(chain);
        while ratchet.receivers.len() > MAX_RECEIVER_CHAINS {
            ratchet.receivers.remove(0);
        }
        Ok(Received { ratchet, seed })
    }

    /// Both halves of a Diffie-Hellman step: the peer's new chain, and a new sending chain of ours.
    fn step<R: CryptoRng + ?Sized>(
        &mut self,
        their_key: &PublicKey,
        rng: &mut R,
    ) -> Result<ReceiverChain, KeyError> {
        let receiving = self.receive_half(their_key)?;
        let ratchet_pair = KeyPair::generate(rng);
        let sending = receiving.root.step(&ratchet_pair.private().agree(their_key)?);
        self.previous_counter = self.sender.chain.index().saturating_sub(1);
        self.root = sending.root;
        self.sender = SenderChain { ratchet_pair, chain: sending.chain };
        let serial = self.next_serial;
        self.next_serial = serial.wrapping_add(1);
        Ok(ReceiverChain::new(serial, *their_key, receiving.chain))
    }

    /// The deterministic half of a step.
    pub(crate) fn receive_half(&self, their_key: &PublicKey) -> Result<RootStep, KeyError> {
        Ok(self.root.step(&self.sender.ratchet_pair.private().agree(their_key)?))
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    use super::*;

    fn pair(rng: &mut ChaCha20Rng) -> (DoubleRatchet, DoubleRatchet) {
        let signed = KeyPair::generate(rng);
        let (root, chain) = (Secret::from_bytes([1; 32]), Secret::from_bytes([2; 32]));
        let alice = DoubleRatchet::initiator(root.clone(), chain.clone(), *signed.public(), rng).unwrap();
        (alice, DoubleRatchet::recipient(root, chain, signed))
    }

    /// Sends one message and lets the other side find its key.
    fn pass(from: &mut DoubleRatchet, to: &mut DoubleRatchet, rng: &mut ChaCha20Rng) -> PublicKey {
        let sent = from.send().unwrap();
        let received = to.receive(&sent.ratchet_key, sent.counter, JumpLimit::Ordinary, rng).unwrap();
        assert_eq!(sent.seed.secret().expose(), received.seed.secret().expose());
        *from = sent.ratchet;
        *to = received.ratchet;
        sent.ratchet_key
    }

    #[test]
    fn both_sides_find_the_same_seeds_over_many_turns() {
        let rng = &mut ChaCha20Rng::seed_from_u64(1);
        let (mut alice, mut bob) = pair(rng);
        for _ in 0..20 {
            pass(&mut alice, &mut bob, rng);
            pass(&mut alice, &mut bob, rng);
            pass(&mut bob, &mut alice, rng);
        }
        assert_eq!(alice.receivers.len(), MAX_RECEIVER_CHAINS);
    }

    #[test]
    fn the_fifth_oldest_chain_still_works_and_the_sixth_is_gone() {
        let rng = &mut ChaCha20Rng::seed_from_u64(2);
        let (mut alice, mut bob) = pair(rng);
        let mut keys = Vec::new();
        for _ in 0..6 {
            keys.push(pass(&mut alice, &mut bob, rng));
            pass(&mut bob, &mut alice, rng);
        }
        let kept: Vec<_> = bob.receivers.iter().map(|chain| chain.ratchet_key).collect();
        assert_eq!(kept, keys[1..]);
    }

    #[test]
    fn the_previous_counter_is_the_index_of_the_last_message_of_the_old_chain() {
        let rng = &mut ChaCha20Rng::seed_from_u64(3);
        let (mut alice, mut bob) = pair(rng);
        for _ in 0..3 {
            pass(&mut alice, &mut bob, rng);
        }
        pass(&mut bob, &mut alice, rng);
        assert_eq!(alice.send().unwrap().previous_counter, 2);
        assert_eq!(bob.send().unwrap().previous_counter, 0);
    }

    #[test]
    fn a_ratchet_key_of_low_order_is_refused() {
        let rng = &mut ChaCha20Rng::seed_from_u64(4);
        let (_, bob) = pair(rng);
        let low_order = PublicKey::from_bytes([0; 32]);
        assert!(matches!(
            bob.receive(&low_order, 0, JumpLimit::Ordinary, rng),
            Err(ReceiveError::Unacceptable)
        ));
    }
}
