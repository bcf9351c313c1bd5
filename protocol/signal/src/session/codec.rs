//! The stored form of one session state, without its skipped seeds.
//!
//! Ours, versioned, fixed order, big-endian, keys as their bare 32 bytes; what is counted or optional says so first.
//!
//! ```text
//! version 1 | local identity 32 | remote identity 32 | base key 32 | local registration 4 | remote registration 4
//! root key 32 | previous counter 4 | own ratchet private key 32 | sending chain: key 32, index 4
//! next serial 4 | receiver chains 1 x { serial 4 | ratchet key 32 | chain key 32 | index 4
//!                                       pages 2 x { number 4 | entries 2 } }
//! pending 0 or 1 { created 8 | one-time id 0 or 1 { 4 } | signed id 4 | Kyber id 4 | KEM ciphertext 1569 }
//! post-quantum ratchet without skipped keys: length 4, bytes
//! ```
//!
//! Not its concern: cutting this into parts of bounded size, and the pages themselves.
//!
//! Spec: docs/spec/stored-records.md; Signal protocol 13 says what has to be in it.

use std::{cell::Cell, collections::BTreeMap, sync::Arc};

use zeroize::Zeroizing;

use super::state::{Pending, SessionState};
use crate::{
    IdentityKey, KemCiphertext, KyberPreKeyId, PreKeyId, SignedPreKeyId,
    ratchet::{DoubleRatchet, MAX_RECEIVER_CHAINS, ReceiverChain, RootKey, Turn},
    spqr::{Spqr, StoredPage, StoredParts},
    stored::{DecodeError, Reader, STORED_VERSION, StoredPages, Writer},
    triple_ratchet::{PostQuantum, TripleRatchet},
};

/// More than the fields of fixed size need, pending data included.
const FIXED_FIELDS: usize = 4_096;

/// Pages of the post-quantum ratchet's skipped keys as they are found in storage, by epoch and page number.
pub(super) type PostQuantumPages<'a> = BTreeMap<(u64, u32), &'a [u8]>;

/// A state in the forms in which it is stored.
pub(super) struct EncodedState {
    /// Everything but the skipped seeds and keys themselves.
    pub(super) base: Zeroizing<Vec<u8>>,
    /// Skipped keys of the post-quantum ratchet. The double ratchet's are the pages of its chains.
    pub(super) post_quantum: Vec<StoredPage>,
}

/// Encodes a state, without the post-quantum ratchet's pages that `known` shares; see [`crate::stored::encode_page`] for
/// its skipped seeds.
pub(super) fn encode_state(state: &SessionState, known: Option<&SessionState>) -> EncodedState {
    let StoredParts { base: post_quantum, pages: post_quantum_pages } = match &state.ratchet.post_quantum {
        PostQuantum::Working(ratchet) => {
            ratchet.encode_parts(known.and_then(|known| known.ratchet.post_quantum.working()))
        }
        PostQuantum::Damaged(stored) => (**stored).clone(),
    };
    let double = &state.ratchet.double;
    let pages: usize = double.receivers.iter().map(|chain| chain.messages.skipped.pages().len()).sum();
    let mut out = Writer::with_capacity(FIXED_FIELDS + 6 * pages + post_quantum.len());
    out.u8(STORED_VERSION);
    out.bytes(state.local_identity.public_key().as_bytes());
    out.bytes(state.remote_identity.public_key().as_bytes());
    out.bytes(state.base_key.as_bytes());
    out.u32(state.local_registration_id);
    out.u32(state.remote_registration_id);
    out.bytes(double.turn.root.secret().expose());
    out.u32(double.turn.previous_counter);
    out.bytes(double.turn.ratchet_pair.private().expose());
    out.chain(&double.sending);
    out.u32(double.turn.next_serial);
    out.count8(double.receivers.len());
    for chain in &double.receivers {
        out.u32(chain.serial);
        out.bytes(chain.ratchet_key.as_bytes());
        out.skipping_chain(&chain.messages);
    }
    out.pending(state.pending.as_ref());
    out.count32(post_quantum.len());
    out.bytes(&post_quantum);
    EncodedState { base: out.0, post_quantum: post_quantum_pages }
}

/// Decodes a state with its pages. Every page has to belong somewhere, and none may be missing; what is wrong with the
/// post-quantum ratchet alone damages that alone.
pub(super) fn decode_state(
    bytes: &[u8],
    mut pages: StoredPages,
    post_quantum_pages: &PostQuantumPages<'_>,
) -> Result<SessionState, DecodeError> {
    let mut reader = Reader::new(bytes)?;
    let local_identity = IdentityKey::new(reader.public_key()?);
    let remote_identity = IdentityKey::new(reader.public_key()?);
    let base_key = reader.public_key()?;
    let local_registration_id = reader.u32()?;
    let remote_registration_id = reader.u32()?;
    let double = reader.double_ratchet(&mut pages)?;
    let pending = reader.pending()?;
    let length = reader.u32()?;
    let base = reader.take(usize::try_from(length).map_err(|_| DecodeError::Damaged)?)?;
    reader.end()?;
    if !pages.is_empty() {
        return Err(DecodeError::WrongParts);
    }
    let used = Cell::new(0);
    let page = |epoch, number| {
        used.set(used.get() + 1);
        post_quantum_pages.get(&(epoch, number)).copied()
    };
    let post_quantum = match Spqr::decode_parts(base, page) {
        Ok(ratchet) if used.get() == post_quantum_pages.len() => PostQuantum::Working(ratchet),
        Ok(_) => return Err(DecodeError::WrongParts),
        Err(_) => PostQuantum::Damaged(Arc::new(as_stored(base, post_quantum_pages))),
    };
    Ok(SessionState {
        local_identity,
        remote_identity,
        base_key,
        local_registration_id,
        remote_registration_id,
        ratchet: TripleRatchet { double, post_quantum },
        pending,
    })
}

fn as_stored(base: &[u8], pages: &PostQuantumPages<'_>) -> StoredParts {
    let page = |(&(epoch, number), bytes): (&(u64, u32), &&[u8])| StoredPage {
        epoch,
        number,
        bytes: Zeroizing::new(bytes.to_vec()),
    };
    StoredParts { base: Zeroizing::new(base.to_vec()), pages: pages.iter().map(page).collect() }
}

impl Writer {
    fn pending(&mut self, pending: Option<&Pending>) {
        let Some(pending) = pending else {
            return self.u8(0);
        };
        self.u8(1);
        self.bytes(&pending.created_secs.to_be_bytes());
        match pending.one_time_id {
            None => self.u8(0),
            Some(id) => {
                self.u8(1);
                self.u32(id.value());
            }
        }
        self.u32(pending.signed_id.value());
        self.u32(pending.kyber_id.value());
        self.bytes(&pending.kem_ciphertext);
    }
}

impl Reader<'_> {
    fn double_ratchet(&mut self, pages: &mut StoredPages) -> Result<DoubleRatchet, DecodeError> {
        let root = RootKey::new(self.secret()?);
        let previous_counter = self.u32()?;
        let (ratchet_pair, sending) = (self.key_pair()?, self.chain()?);
        let next_serial = self.u32()?;
        let count = usize::from(self.u8()?);
        if count > MAX_RECEIVER_CHAINS {
            return Err(DecodeError::Damaged);
        }
        let mut receivers: Vec<Arc<ReceiverChain>> = Vec::with_capacity(MAX_RECEIVER_CHAINS + 1);
        for _ in 0..count {
            let chain = self.receiver_chain(pages)?;
            let twice = |other: &Arc<ReceiverChain>| {
                other.serial == chain.serial || other.ratchet_key == chain.ratchet_key
            };
            if receivers.iter().any(twice) {
                return Err(DecodeError::Damaged);
            }
            receivers.push(Arc::new(chain));
        }
        let turn = Arc::new(Turn { root, ratchet_pair, previous_counter, next_serial });
        Ok(DoubleRatchet { turn, sending, receivers })
    }

    fn receiver_chain(&mut self, pages: &mut StoredPages) -> Result<ReceiverChain, DecodeError> {
        let serial = self.u32()?;
        let ratchet_key = self.public_key()?;
        let messages = self.skipping_chain(serial, pages)?;
        Ok(ReceiverChain { serial, ratchet_key, messages })
    }

    fn pending(&mut self) -> Result<Option<Pending>, DecodeError> {
        if !self.flag()? {
            return Ok(None);
        }
        let created_secs = u64::from_be_bytes(*self.array()?);
        let one_time_id = if self.flag()? { Some(PreKeyId::new(self.u32()?)) } else { None };
        let signed_id = SignedPreKeyId::new(self.u32()?);
        let kyber_id = KyberPreKeyId::new(self.u32()?);
        let kem_ciphertext = self.take(KemCiphertext::LENGTH)?.to_vec();
        KemCiphertext::deserialize(&kem_ciphertext).map_err(|_| DecodeError::Damaged)?;
        Ok(Some(Pending { created_secs, one_time_id, signed_id, kyber_id, kem_ciphertext }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        KeyPair, PublicKey, Secret,
        ratchet::{ChainKey, JumpLimit, SkippedPage},
        spqr,
        stored::StoredState as _,
        test_rng,
    };

    /// A recipient's state with skipped seeds 0 to 4 in its one chain, and its pages.
    fn state_with_skipped() -> (SessionState, StoredPages) {
        let rng = &mut test_rng(1);
        let signed = KeyPair::generate(rng);
        let (root, chain) = (Secret::random(rng), Secret::random(rng));
        let theirs = KeyPair::generate(rng);
        let double = DoubleRatchet::recipient(root, chain, signed)
            .receive(theirs.public(), 5, JumpLimit::Ordinary, rng)
            .unwrap()
            .ratchet;
        let state = SessionState {
            local_identity: IdentityKey::new(*KeyPair::generate(rng).public()),
            remote_identity: IdentityKey::new(*KeyPair::generate(rng).public()),
            base_key: *KeyPair::generate(rng).public(),
            local_registration_id: 1,
            remote_registration_id: 2,
            ratchet: TripleRatchet::new(
                double,
                spqr::Direction::B2A,
                &Secret::random(rng),
                JumpLimit::Ordinary,
            ),
            pending: None,
        };
        let chain = &state.ratchet.double.receivers[0];
        let pages = chain
            .messages
            .skipped
            .pages()
            .iter()
            .map(|(number, page)| ((chain.serial, *number), page.clone()));
        let pages = pages.collect();
        (state, pages)
    }

    fn decode(state: &SessionState, pages: StoredPages) -> Result<SessionState, DecodeError> {
        decode_state(&encode_state(state, None).base, pages, &PostQuantumPages::new())
    }

    #[test]
    fn pages_that_an_older_state_shares_are_not_encoded_again() {
        let (state, pages) = state_with_skipped();
        let encoded = |known: Option<&SessionState>| {
            let mut parts = Vec::new();
            state.encode_parts(1, known, &mut parts);
            parts.len()
        };
        assert_eq!(encoded(None), 2, "the state and one page");
        assert_eq!(encoded(Some(&state.clone())), 1, "the page is the very same");
        let page =
            |((serial, number), page): (_, Arc<SkippedPage>)| ((serial, number), Arc::new((*page).clone()));
        let equal = decode(&state, pages.into_iter().map(page).collect()).unwrap();
        assert_eq!(encoded(Some(&equal)), 2, "a page that is merely equal is for the caller to compare");
        let mut other_chain = state.clone();
        Arc::make_mut(&mut other_chain.ratchet.double.receivers[0]).serial += 1;
        assert_eq!(encoded(Some(&other_chain)), 2, "pages go by the name of their chain");
    }

    #[test]
    fn a_state_reads_back_as_written() {
        let (state, pages) = state_with_skipped();
        let again = decode(&state, pages).unwrap();
        assert_eq!(encode_state(&again, None).base, encode_state(&state, None).base);
    }

    #[test]
    fn a_skipped_seed_at_or_past_the_chain_is_damage() {
        let (mut state, pages) = state_with_skipped();
        let key = Secret::from_bytes([1; 32]);
        Arc::make_mut(&mut state.ratchet.double.receivers[0]).messages.chain = ChainKey::new(key.clone(), 4);
        assert_eq!(decode(&state, pages.clone()).err(), Some(DecodeError::Damaged));
        Arc::make_mut(&mut state.ratchet.double.receivers[0]).messages.chain = ChainKey::new(key, 5);
        assert!(decode(&state, pages).is_ok());
    }

    #[test]
    fn two_chains_of_one_ratchet_key_or_number_are_damage() {
        let (mut state, pages) = state_with_skipped();
        let first = state.ratchet.double.receivers[0].clone();
        let other_key = PublicKey::from_bytes([3; 32]);
        let chain = |serial, key| ReceiverChain::new(serial, key, first.messages.chain.clone());
        for twice in [chain(first.serial, other_key), chain(first.serial + 1, first.ratchet_key)] {
            state.ratchet.double.receivers.truncate(1);
            state.ratchet.double.receivers.push(Arc::new(twice));
            assert_eq!(decode(&state, pages.clone()).err(), Some(DecodeError::Damaged));
        }
    }

    #[test]
    fn six_chains_are_damage() {
        let (mut state, pages) = state_with_skipped();
        for serial in 1..6_u8 {
            let chain = ChainKey::new(Secret::from_bytes([serial; 32]), 0);
            let key = PublicKey::from_bytes([serial; 32]);
            state.ratchet.double.receivers.push(Arc::new(ReceiverChain::new(serial.into(), key, chain)));
        }
        assert_eq!(decode(&state, pages.clone()).err(), Some(DecodeError::Damaged));
        state.ratchet.double.receivers.pop();
        assert!(decode(&state, pages).is_ok());
    }
}
