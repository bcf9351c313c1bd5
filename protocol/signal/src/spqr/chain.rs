//! The key chain: per epoch a chain of message keys in each direction.
//!
//! ```text
//!          auth_key        epoch secret 1      epoch secret 2
//!              |                 |                   |
//!  root:     start --------> add_epoch --------> add_epoch --> ..
//!              |                 |                   |
//!  links:   epoch 0           epoch 1             epoch 2      each: send half, receive half, skipped keys
//! ```
//! Links older than one before the send epoch are dropped when sending moves on. In protocol use there are never more
//! than three.
//!
//! Not its concern: where epoch secrets come from, and what a message key is used for.
//!
//! Spec: SPQR 10 The key chain.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::SpqrError;
use super::skipped::{Skipped, SkippedKey};
use super::step::Walker;
use crate::crypto::kdf;
use crate::secret::Secret;

/// Which side of the session this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The initiator of the handshake.
    A2B,
    /// Its recipient.
    B2A,
}

/// Limits of the key chain. 0 stands for the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainParams {
    /// How far ahead of the last key an index may lie. That many derivations, 0.3 microseconds each, is what a forged
    /// message can cost; fewer would cut off a peer whose messages were lost. 2^32 - 1 for a session with oneself.
    pub max_jump: u32,
    /// How many keys of messages not yet seen are kept, and how far behind an index may lie. More would let lost
    /// messages be opened later; each costs 36 bytes and is a key lying about.
    pub max_ooo_keys: u32,
}

impl ChainParams {
    const DEFAULT: Self = Self { max_jump: 25_000, max_ooo_keys: 2_000 };

    /// The limits with the defaults put in for 0.
    #[must_use]
    pub const fn resolved(self) -> Self {
        Self {
            max_jump: if self.max_jump == 0 { Self::DEFAULT.max_jump } else { self.max_jump },
            max_ooo_keys: if self.max_ooo_keys == 0 { Self::DEFAULT.max_ooo_keys } else { self.max_ooo_keys },
        }
    }
}

impl Default for ChainParams {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// One direction of one epoch.
#[derive(Clone)]
pub struct Half {
    /// Index of the last key derived.
    pub counter: u32,
    /// The value the next key comes from.
    pub value: Zeroizing<[u8; 32]>,
}

impl Half {
    fn at(counter: u32, walker: &Walker) -> Arc<Self> {
        Arc::new(Self { counter, value: Zeroizing::new(*walker.value()) })
    }
}

/// One epoch's chains.
#[derive(Clone)]
pub struct Link {
    /// `None` once sending has moved on to a later epoch.
    pub send: Option<Arc<Half>>,
    /// Stays usable as long as the link is held.
    pub receive: Arc<Half>,
    /// Keys of the receive half that were passed over.
    pub skipped: Skipped,
}

/// A message key and its index in the chain, from 1.
#[derive(Debug)]
pub struct IndexedKey {
    /// Index of the message in its chain.
    pub index: u32,
    /// The message key.
    pub key: Secret<32>,
}

/// The whole chain of one side.
#[derive(Clone)]
pub struct Chain {
    direction: Direction,
    params: ChainParams,
    next_root: Arc<Zeroizing<[u8; 32]>>,
    send_epoch: u64,
    current_epoch: u64,
    /// The last is that of `current_epoch`, the others are those before it.
    links: Vec<Link>,
}

/// The parts of a chain, for storing.
pub struct ChainParts {
    /// See [`Chain::start`].
    pub direction: Direction,
    /// See [`Chain::start`].
    pub params: ChainParams,
    /// Root for the next epoch.
    pub next_root: Zeroizing<[u8; 32]>,
    /// Epoch of the last key sent with.
    pub send_epoch: u64,
    /// Epoch of the last link.
    pub current_epoch: u64,
    /// Ascending by epoch.
    pub links: Vec<Link>,
}

impl ChainParts {
    /// The epochs of the links.
    pub fn epochs(&self) -> impl Iterator<Item = u64> + use<> {
        let count = u64::try_from(self.links.len()).unwrap_or(u64::MAX);
        let first = self.current_epoch.saturating_add(1).saturating_sub(count);
        first..=self.current_epoch
    }
}

impl Chain {
    /// The chain of epoch 0.
    #[must_use]
    pub fn start(direction: Direction, auth_key: &[u8], params: ChainParams) -> Self {
        let (next_root, link) = derive(direction, &[0; 32], auth_key, START);
        Self {
            direction,
            params: params.resolved(),
            next_root: Arc::new(next_root),
            send_epoch: 0,
            current_epoch: 0,
            links: vec![link],
        }
    }

    /// Adds the next epoch.
    ///
    /// # Errors
    /// [`SpqrError::EpochOutOfRange`] if `epoch` is not the one after the current.
    pub fn add_epoch(&mut self, epoch: u64, epoch_secret: &Secret<32>) -> Result<(), SpqrError> {
        if self.current_epoch.checked_add(1) != Some(epoch) {
            return Err(SpqrError::EpochOutOfRange(epoch));
        }
        let (next_root, link) = derive(self.direction, &self.next_root, epoch_secret.expose(), ADD_EPOCH);
        self.next_root = Arc::new(next_root);
        self.current_epoch = epoch;
        self.links.push(link);
        Ok(())
    }

    /// The next key to send with in `epoch`. Older epochs can no longer be sent in, and all but the one before are
    /// forgotten.
    ///
    /// # Errors
    /// [`SpqrError::SendKeyEpochDecreased`], [`SpqrError::EpochOutOfRange`], [`SpqrError::ChainExhausted`]; nothing is
    /// changed by them.
    pub fn send_key(&mut self, epoch: u64) -> Result<IndexedKey, SpqrError> {
        if epoch < self.send_epoch {
            return Err(SpqrError::SendKeyEpochDecreased { from: self.send_epoch, to: epoch });
        }
        let at = self.link_of(epoch)?;
        let held = self.links.get(at).and_then(|link| link.send.as_ref());
        let half = held.ok_or(SpqrError::EpochOutOfRange(epoch))?;
        let index = half.counter.checked_add(1).ok_or(SpqrError::ChainExhausted)?;
        let mut walker = Walker::new(&half.value);
        walker.advance(index);
        for link in self.links.iter_mut().take(at) {
            link.send = None;
        }
        if let Some(link) = self.links.get_mut(at) {
            link.send = Some(Half::at(index, &walker));
        }
        self.send_epoch = epoch;
        self.links.drain(..at.saturating_sub(1));
        Ok(IndexedKey { index, key: Secret::from_bytes(*walker.key()) })
    }

    /// The key of the message with index `at` in `epoch`, once.
    ///
    /// # Errors
    /// [`SpqrError::EpochOutOfRange`], [`SpqrError::KeyAlreadyRequested`], [`SpqrError::KeyTrimmed`],
    /// [`SpqrError::KeyJump`]; nothing is changed by them.
    pub fn recv_key(&mut self, epoch: u64, at: u32) -> Result<Secret<32>, SpqrError> {
        let params = self.params;
        let position = self.link_of(epoch)?;
        let link = self.links.get_mut(position).ok_or(SpqrError::EpochOutOfRange(epoch))?;
        let counter = link.receive.counter;
        if at > counter {
            return link.advance(at, params);
        }
        if counter - at > params.max_ooo_keys {
            return Err(SpqrError::KeyTrimmed(at));
        }
        let (key, rest) = link.skipped.take(at).ok_or(SpqrError::KeyAlreadyRequested(at))?;
        link.skipped = rest;
        Ok(Secret::from_bytes(*key))
    }

    /// The link of an epoch, if it is held.
    #[must_use]
    pub fn link(&self, epoch: u64) -> Option<&Link> {
        self.links.get(self.link_of(epoch).ok()?)
    }

    /// Position of an epoch's link.
    fn link_of(&self, epoch: u64) -> Result<usize, SpqrError> {
        let behind = self.current_epoch.checked_sub(epoch).and_then(|behind| usize::try_from(behind).ok());
        behind
            .and_then(|behind| self.links.len().checked_sub(1)?.checked_sub(behind))
            .ok_or(SpqrError::EpochOutOfRange(epoch))
    }

    /// A copy of what has to be stored.
    #[must_use]
    pub fn to_parts(&self) -> ChainParts {
        ChainParts {
            direction: self.direction,
            params: self.params,
            next_root: (*self.next_root).clone(),
            send_epoch: self.send_epoch,
            current_epoch: self.current_epoch,
            links: self.links.clone(),
        }
    }

    /// The chain with these parts, or `None` unless they fit together: links for every epoch from one before the send
    /// epoch or later up to the current one, the send epoch's among them and sendable.
    #[must_use]
    pub fn from_parts(parts: ChainParts) -> Option<Self> {
        let ChainParts { direction, params, next_root, send_epoch, current_epoch, links } = parts;
        let chain = Self {
            direction,
            params: params.resolved(),
            next_root: Arc::new(next_root),
            send_epoch,
            current_epoch,
            links,
        };
        let count = u64::try_from(chain.links.len()).ok()?;
        let first = current_epoch.checked_add(1)?.checked_sub(count)?;
        let sendable = |(epoch, link): (u64, &Link)| link.send.is_some() == (epoch >= send_epoch);
        // Without a link, the first epoch would lie behind the current one.
        let fits = send_epoch <= current_epoch && first <= send_epoch && send_epoch - first <= 1;
        (fits && (first..).zip(&chain.links).all(sendable)).then_some(chain)
    }
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain")
            .field("send_epoch", &self.send_epoch)
            .field("current_epoch", &self.current_epoch)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// Derives up to index `at`, which lies ahead, keeping the keys passed over that may still be asked for.
    fn advance(&mut self, at: u32, params: ChainParams) -> Result<Secret<32>, SpqrError> {
        let counter = self.receive.counter;
        // Before anything is derived: the index is not authenticated yet.
        if at - counter > params.max_jump {
            return Err(SpqrError::KeyJump { counter, at });
        }
        let lowest_kept = at.saturating_sub(params.max_ooo_keys);
        let mut walker = Walker::new(&self.receive.value);
        // `at` lies above the counter, so there is a next index; the last of these is `at` itself.
        let passed_over = counter + 1..at;
        let kept = passed_over.start.max(lowest_kept)..at;
        (passed_over.start..kept.start).for_each(|index| walker.pass_over(index));
        self.skipped = self.skipped.without_below(lowest_kept);
        if !kept.is_empty() {
            self.skipped = self.skipped.with(kept.map(|index| {
                walker.advance(index);
                SkippedKey { index, key: *walker.key() }
            }));
        }
        walker.advance(at);
        self.receive = Half::at(at, &walker);
        Ok(Secret::from_bytes(*walker.key()))
    }
}

/// Next root and link from a root and a secret.
fn derive(direction: Direction, root: &[u8; 32], secret: &[u8], label: &[u8]) -> (Zeroizing<[u8; 32]>, Link) {
    let out: Secret<96> = kdf::hkdf(Some(root), secret, label);
    let half = |value: Secret<32>| Arc::new(Half { counter: 0, value: Zeroizing::new(*value.expose()) });
    let (a_to_b, b_to_a) = (half(out.part::<32, 32>()), half(out.part::<64, 32>()));
    let (send, receive) = match direction {
        Direction::A2B => (a_to_b, b_to_a),
        Direction::B2A => (b_to_a, a_to_b),
    };
    let link = Link { send: Some(send), receive, skipped: Skipped::default() };
    (Zeroizing::new(*out.part::<0, 32>().expose()), link)
}

/// Two spaces before "Start".
const START: &[u8; 33] = b"Signal PQ Ratchet V1 Chain  Start";
const ADD_EPOCH: &[u8; 36] = b"Signal PQ Ratchet V1 Chain Add Epoch";

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(params: ChainParams) -> (Chain, Chain) {
        let start = |direction| Chain::start(direction, &[0x29; 32], params);
        (start(Direction::A2B), start(Direction::B2A))
    }

    #[test]
    fn parts_that_do_not_fit_together_are_refused() {
        // A chain with this many links up to this epoch; those from the send epoch on can be sent with.
        let fits = |count: usize, current_epoch: u64, send_epoch: u64| {
            let mut parts = pair(ChainParams::default()).0.to_parts();
            let sendable = parts.links.pop().unwrap();
            (parts.current_epoch, parts.send_epoch) = (current_epoch, send_epoch);
            parts.links = (0..count as u64)
                .map(|at| match current_epoch + 1 + at - count as u64 >= send_epoch {
                    true => sendable.clone(),
                    false => Link { send: None, ..sendable.clone() },
                })
                .collect();
            Chain::from_parts(parts).is_some()
        };
        assert!(fits(1, 0, 0) && fits(2, 5, 4) && fits(2, 5, 5) && fits(3, 5, 4));
        assert!(!fits(0, 0, 0), "no link");
        assert!(!fits(1, 0, 1), "a send epoch to come");
        assert!(!fits(2, 5, 3), "no link for the send epoch");
        assert!(!fits(3, 5, 5), "a link that should be gone");
    }

    #[test]
    fn the_worked_example_of_the_specification_comes_out() {
        let (mut a, mut b) = pair(ChainParams::default());
        let first = a.send_key(0).unwrap();
        assert_eq!(first.index, 1);
        assert_eq!(
            hex::encode(first.key.expose()),
            "9bcdfae095d09aa8ab367dd231d1d271fe580b555bcc6f64ff079d53d9a9db5d"
        );
        let second = a.send_key(0).unwrap();
        assert_eq!(
            hex::encode(second.key.expose()),
            "6af868be8ea72f8ca3bb819c9623c0c9ffebd6f8503937d8f4fac142ac42a48e"
        );
        assert_eq!(b.recv_key(0, 2).unwrap(), second.key);
        assert_eq!(b.recv_key(0, 1).unwrap(), first.key);
        a.add_epoch(1, &Secret::from_bytes(core::array::from_fn(|byte| byte as u8))).unwrap();
        let key = a.send_key(1).unwrap().key;
        assert_eq!(
            hex::encode(key.expose()),
            "00b6b87aaea1af6689aab8aef7310399b730b243aa29388edc79f83b6b1c33b3"
        );
    }

    #[test]
    fn the_last_index_can_be_reached_and_not_passed() {
        let (_, mut b) = pair(ChainParams { max_jump: u32::MAX, max_ooo_keys: u32::MAX });
        let near_the_end = Half { counter: u32::MAX - 3, value: Zeroizing::new([7; 32]) };
        b.links[0].receive = Arc::new(near_the_end.clone());
        b.links[0].send = Some(Arc::new(near_the_end));
        b.recv_key(0, u32::MAX).unwrap();
        assert_eq!(b.links[0].skipped.len(), 2);
        assert_eq!(b.recv_key(0, u32::MAX), Err(SpqrError::KeyAlreadyRequested(u32::MAX)));
        b.recv_key(0, u32::MAX - 1).unwrap();
        for index in [u32::MAX - 2, u32::MAX - 1, u32::MAX] {
            assert_eq!(b.send_key(0).unwrap().index, index);
        }
        assert_eq!(b.send_key(0).unwrap_err(), SpqrError::ChainExhausted);
    }

    #[test]
    fn a_jump_keeps_no_more_keys_than_allowed() {
        let (_, mut b) = pair(ChainParams { max_jump: 25_000, max_ooo_keys: 2_000 });
        b.recv_key(0, 2_001).unwrap();
        b.recv_key(0, 4_500).unwrap();
        assert!(b.links[0].skipped.len() <= 2_000 + 255, "{}", b.links[0].skipped.len());
        b.recv_key(0, 2_500).unwrap();
        assert_eq!(b.recv_key(0, 2_499), Err(SpqrError::KeyTrimmed(2_499)));
    }

    #[test]
    fn debug_shows_no_keys() {
        let (chain, _) = pair(ChainParams::default());
        insta::assert_snapshot!(format!("{chain:?}"), @"Chain { send_epoch: 0, current_epoch: 0, .. }");
    }
}
