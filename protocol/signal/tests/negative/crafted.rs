//! Messages that no honest device writes, under the right keys: what a peer that cheats, or whoever broke one of the two
//! ratchets, could send. The keys come from the sender's stored session (docs/spec/stored-records.md).

use aes::cipher::{BlockModeEncrypt as _, KeyIvInit as _, block_padding::Pkcs7};
use khaima_signal::hazmat::spqr::{Message, Payload, Spqr};
use khaima_signal::{
    CiphertextMessage, LocalIdentity as _, PreKeySignalMessage, ProtocolAddress, SignalMessage,
};
use prost::Message as _;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

use crate::by_hand::{Inner, Outer, hkdf, hmac};
use crate::common::{Device, Parts, key_of};

/// What the next message of a stored session is made with.
pub struct Insider {
    own: [u8; 33],
    theirs: [u8; 33],
    chain_key: [u8; 32],
    /// The other ratchet, as stored before the message.
    pub post_quantum: Spqr,
}

impl Insider {
    /// Reads the current session of `device` with `peer`.
    pub fn of(device: &Device, peer: &ProtocolAddress) -> Self {
        let parts = &device.stores.sessions[&key_of(peer)];
        let whole = &parts[&current_name(parts)];
        let mut state = Cursor(whole);
        assert_eq!(state.take(1), [1], "the version these offsets are for");
        let _local = state.take(32);
        let theirs = [&[5], state.take(32)].concat().try_into().unwrap();
        state.take(32 + 8 + 32 + 4 + 32);
        let chain_key = state.take(32).try_into().unwrap();
        let base = &whole[post_quantum_at(whole) + 4..];
        let state_number = &current_name(parts)[1..5];
        let page = |epoch: u64, number: u32| {
            let name = [b"q", state_number, &epoch.to_be_bytes(), &number.to_be_bytes()].concat();
            parts.get(&name).map(Vec::as_slice)
        };
        Self {
            own: device.identity.identity_key().serialize(),
            theirs,
            chain_key,
            post_quantum: Spqr::decode_parts(base, page).unwrap(),
        }
    }

    /// The message with other contents, under the keys that `post_quantum_key` and the session's next seed give.
    ///
    /// `honest` is the session's next message; its headers are the start.
    pub fn seal(
        &self,
        honest: &CiphertextMessage,
        post_quantum_key: Option<&[u8; 32]>,
        plaintext: &[u8],
        change: impl FnOnce(&mut Inner),
    ) -> CiphertextMessage {
        self.authenticated(honest, post_quantum_key, plaintext, |mut fields| {
            change(&mut fields);
            fields.encode_to_vec()
        })
    }

    /// The message with its fields written in another way.
    pub fn rewritten(
        &self,
        honest: &CiphertextMessage,
        plaintext: &[u8],
        rewrite: impl FnOnce(Vec<u8>) -> Vec<u8>,
    ) -> CiphertextMessage {
        self.authenticated(honest, Some(&self.key()), plaintext, |fields| rewrite(fields.encode_to_vec()))
    }

    fn authenticated(
        &self,
        honest: &CiphertextMessage,
        post_quantum_key: Option<&[u8; 32]>,
        plaintext: &[u8],
        write: impl FnOnce(Inner) -> Vec<u8>,
    ) -> CiphertextMessage {
        let salt = post_quantum_key.map(<[u8; 32]>::as_slice);
        let keys: [u8; 80] = hkdf(salt, &hmac(&self.chain_key, &[&[1]]), b"WhisperMessageKeys");
        let cipher = cbc::Encryptor::<aes::Aes256>::new_from_slices(&keys[..32], &keys[64..]).unwrap();
        let mut fields = fields_of(honest);
        fields.ciphertext = Some(cipher.encrypt_padded_vec::<Pkcs7>(plaintext));
        let mut bytes = [&[0x44], write(fields).as_slice()].concat();
        let tag = hmac(&keys[32..64], &[&self.own, &self.theirs, &bytes]);
        bytes.extend_from_slice(&tag[..8]);
        wrapped_like(honest, bytes)
    }

    /// The post-quantum ratchet's key of the session's next message.
    pub fn key(&self) -> [u8; 32] {
        *self.post_quantum.send(&mut rng()).unwrap().key.unwrap().expose()
    }

    /// As [`Insider::seal`], with only the post-quantum ratchet's part changed.
    pub fn with_pq(
        &self,
        honest: &CiphertextMessage,
        post_quantum_key: Option<&[u8; 32]>,
        pq_ratchet: Option<&[u8]>,
    ) -> CiphertextMessage {
        self.seal(honest, post_quantum_key, b"crafted", |fields| {
            fields.pq_ratchet = pq_ratchet.map(<[u8]>::to_vec);
        })
    }
}

/// The fields of the message, of the inner one if there are two.
pub fn fields_of(message: &CiphertextMessage) -> Inner {
    let bytes = message.signal_message().serialize();
    Inner::decode(&bytes[1..bytes.len() - 8]).unwrap()
}

/// The same message with changed fields and its old MAC, as somebody on the way could make it.
pub fn tampered(message: &CiphertextMessage, change: impl FnOnce(&mut Inner)) -> CiphertextMessage {
    let old = message.signal_message().serialize();
    let mut fields = fields_of(message);
    change(&mut fields);
    let mut bytes = vec![old[0]];
    fields.encode(&mut bytes).unwrap();
    bytes.extend_from_slice(&old[old.len() - 8..]);
    wrapped_like(message, bytes)
}

/// A message in the envelope of another, which has one if it is a first message.
pub fn wrapped_like(outer: &CiphertextMessage, message: Vec<u8>) -> CiphertextMessage {
    match outer {
        CiphertextMessage::Whisper(_) => SignalMessage::decode(&message).unwrap().into(),
        CiphertextMessage::PreKey(outer) => {
            let bytes = Outer::decode(&outer.serialize()[1..]).unwrap().around(0x44, message);
            PreKeySignalMessage::decode(&bytes).unwrap().into()
        }
    }
}

/// The post-quantum part of a message with another payload.
pub fn with_payload(pq_ratchet: &[u8], payload: Payload) -> Vec<u8> {
    Message { payload, ..Message::decode(pq_ratchet).unwrap() }.encode()
}

/// Where the length of the post-quantum ratchet stands in a stored state; it is the last.
fn post_quantum_at(state: &[u8]) -> usize {
    let mut rest = Cursor(state);
    rest.take(209 + 4);
    for _ in 0..rest.take(1)[0] {
        rest.take(4 + 32 + 32 + 4);
        let pages = u16::from_be_bytes(rest.take(2).try_into().unwrap());
        rest.take(6 * usize::from(pages));
    }
    if rest.take(1) == [1] {
        rest.take(8);
        if rest.take(1) == [1] {
            rest.take(4);
        }
        rest.take(8 + 1_569);
    }
    state.len() - rest.0.len()
}

/// Changes the stored post-quantum ratchet of the current session with `peer`, and nothing else.
pub fn change_stored_ratchet(device: &mut Device, peer: &ProtocolAddress, change: impl FnOnce(&mut Vec<u8>)) {
    let parts = device.stores.sessions.get_mut(&key_of(peer)).unwrap();
    let name = current_name(parts);
    let state = parts.get_mut(&name).unwrap();
    let at = post_quantum_at(state);
    let mut ratchet = state.split_off(at).split_off(4);
    change(&mut ratchet);
    state.extend_from_slice(&u32::try_from(ratchet.len()).unwrap().to_be_bytes());
    state.extend_from_slice(&ratchet);
}

/// The epoch of the messages a ratchet sends.
pub fn epoch(ratchet: &Spqr) -> u64 {
    Message::decode(&ratchet.send(&mut rng()).unwrap().message).unwrap().epoch
}

fn current_name(parts: &Parts) -> Vec<u8> {
    let index = &parts[b"i".as_slice()];
    assert_eq!(index[5], 1, "there is a current session");
    let name = [b"s", &index[6..10], &[0, 0]].concat();
    assert!(!parts.contains_key([b"s", &index[6..10], &[0, 1]].concat().as_slice()), "in one piece");
    name
}

/// What is drawn changes the ratchet's next message and not its key.
fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(0)
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }
}
