//! The double ratchet of one session: a root key, one sending chain, up to five receiving ones.
//!
//! Every function returns a new ratchet and leaves the old one as it was; the caller keeps the new one only when the
//! message turned out to be authentic.
//!
//! Not its concern: the post-quantum ratchet, MACs and ciphertexts.

use std::sync::Arc;

use rand_core::CryptoRng;

use super::{
    Advanced, ChainExhausted, ChainKey, JumpLimit, MAX_RECEIVER_CHAINS, MessageSeed, ReceiveError,
    ReceiverChain, RootKey, root_key::RootStep,
};
use crate::{
    Secret,
    crypto::{KeyError, KeyPair, PublicKey},
};

/// State of the double ratchet. Cheap to clone: what a message does not change is shared.
#[derive(Clone, Debug)]
pub(crate) struct DoubleRatchet {
    pub(crate) turn: Arc<Turn>,
    /// Our messages under our ratchet key; at the index of the next one.
    pub(crate) sending: ChainKey,
    /// Oldest first, at most [`MAX_RECEIVER_CHAINS`].
    pub(crate) receivers: Vec<Arc<ReceiverChain>>,
}

/// What changes only with a Diffie-Hellman step.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) root: RootKey,
    pub(crate) ratchet_pair: KeyPair,
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
    /// The receiver chain of this serial number, if it is kept.
    pub(crate) fn receiver(&self, serial: u32) -> Option<&ReceiverChain> {
        self.receivers.iter().map(AsRef::as_ref).find(|chain| chain.serial == serial)
    }

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
        let receiver = ReceiverChain::new(0, their_signed_prekey, ChainKey::new(chain, 0));
        Ok(Self {
            turn: Arc::new(Turn { root: step.root, ratchet_pair, previous_counter: 0, next_serial: 1 }),
            sending: step.chain,
            receivers: vec![Arc::new(receiver)],
        })
    }

    /// Bob's start: his signed prekey is his first ratchet key. He never sends under this chain.
    ///
    /// Spec: Signal protocol 4.3 Ratchet initialisation.
    pub(crate) fn recipient(root: Secret<32>, chain: Secret<32>, signed_prekey: KeyPair) -> Self {
        let root = RootKey::new(root);
        Self {
            turn: Arc::new(Turn { root, ratchet_pair: signed_prekey, previous_counter: 0, next_serial: 0 }),
            sending: ChainKey::new(chain, 0),
            receivers: Vec::new(),
        }
    }

    /// Splits off the key of the next message. Never makes a Diffie-Hellman step; receiving does.
    ///
    /// Spec: Signal protocol 5.2 Sending.
    pub(crate) fn send(&self) -> Result<Sent, ChainExhausted> {
        let Advanced { seed, chain: sending } = self.sending.clone().advance()?;
        Ok(Sent {
            ratchet: Self { turn: self.turn.clone(), sending, receivers: self.receivers.clone() },
            ratchet_key: *self.turn.ratchet_pair.public(),
            counter: self.sending.index(),
            previous_counter: self.turn.previous_counter,
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
        // Newest first: that is nearly always the one.
        let known = |chain: &&mut Arc<ReceiverChain>| chain.ratchet_key == *ratchet_key;
        if let Some(chain) = ratchet.receivers.iter_mut().rev().find(known) {
            let seed = Arc::make_mut(chain).take(counter, limit)?;
            return Ok(Received { ratchet, seed });
        }
        // A key that nobody computes that way: refused, whatever the message.
        if !ratchet_key.is_in_range() {
            return Err(ReceiveError::Unacceptable);
        }
        let mut chain = ratchet.step(ratchet_key, rng).map_err(|_| ReceiveError::Unacceptable)?;
        let seed = chain.take(counter, limit)?;
        ratchet.receivers.push(Arc::new(chain));
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
        let serial = self.turn.next_serial;
        self.turn = Arc::new(Turn {
            root: sending.root,
            ratchet_pair,
            previous_counter: self.sending.index().saturating_sub(1),
            next_serial: serial.wrapping_add(1),
        });
        self.sending = sending.chain;
        Ok(ReceiverChain::new(serial, *their_key, receiving.chain))
    }

    /// The deterministic half of a step.
    pub(crate) fn receive_half(&self, their_key: &PublicKey) -> Result<RootStep, KeyError> {
        Ok(self.turn.root.step(&self.turn.ratchet_pair.private().agree(their_key)?))
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
    fn a_ratchet_key_that_is_not_reduced_is_refused() {
        let rng = &mut ChaCha20Rng::seed_from_u64(5);
        let (_, bob) = pair(rng);
        let mut bytes = *KeyPair::generate(rng).public().as_bytes();
        bytes[31] |= 0x80;
        for bytes in [bytes, [0xFF; 32]] {
            let key = PublicKey::from_bytes(bytes);
            assert!(bob.receive_half(&key).is_ok());
            let refused = bob.receive(&key, 0, JumpLimit::Ordinary, rng);
            assert!(matches!(refused, Err(ReceiveError::Unacceptable)));
        }
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
