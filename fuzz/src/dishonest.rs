//! A peer of the post-quantum ratchet who has the keys and keeps to the form, but not to the truth: headers, keys and
//! ciphertexts are damaged or made to fit each other, and authenticated as they are.
//!
//! Held to: damage is refused where the whole value is first known, and changes nothing; what fits is accepted, and then
//! both sides have the same secret.
//!
//! Not its concern: messages of the wrong kind or epoch (`ratchet`).

use std::sync::LazyLock;

use khaima_signal::hazmat::spqr::{
    Authenticator, ChainParams, Chunk, Decoder, Direction, Encapsulation, Header, KeyPair, Message, Payload,
    Spqr, SpqrError, Value, epoch_secret,
};
use rand_chacha::ChaCha20Rng;
use sha3::{Digest, Sha3_256};

use crate::damage::change;
use crate::honest::rng;
use crate::input::Input;

const AUTH_KEY: [u8; 32] = [0x29; 32];

static PAIR: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate(&mut rng(70)).expect("a key pair"));

/// Plays one input to its end.
pub fn play(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    if input.flag() { make_keys(&mut input) } else { encapsulate(&mut input) }
}

/// The honest side, and what it has been told so far.
struct Honest {
    side: Spqr,
    heard: u32,
    rng: ChaCha20Rng,
}

impl Honest {
    fn new(direction: Direction) -> Self {
        let side = Spqr::new(direction, 1, 1, &AUTH_KEY, ChainParams::default());
        Self { side, heard: 0, rng: rng(71) }
    }

    fn hear(&mut self, epoch: u64, payload: Payload) -> Result<(), SpqrError> {
        let message = Message { epoch, index: self.heard + 1, payload };
        self.side = self.side.recv(&message.encode())?.state;
        self.heard += 1;
        Ok(())
    }

    fn say(&mut self) -> Result<Option<Chunk>, SpqrError> {
        let sent = self.side.send(&mut self.rng)?;
        self.side = sent.state;
        let message = Message::decode(&sent.message).expect("the ratchet writes what it can read");
        Ok(message.payload.chunk().copied())
    }

    /// Listens until a value is complete.
    fn collect<const N: usize>(&mut self, mut decoder: Decoder<N>) -> Value<N> {
        loop {
            match decoder.complete() {
                Some(value) => return value,
                None => {
                    let chunk = self.say().expect("an honest side").expect("it is sending a value");
                    decoder = decoder.with(chunk);
                }
            }
        }
    }

    fn restart(&mut self) {
        let stored = self.side.encode();
        self.side = Spqr::decode(&stored).expect("what was stored can be read");
        assert_eq!(self.side.encode(), stored, "storing again gives other bytes");
    }
}

/// The dishonest side makes the keys.
fn make_keys(input: &mut Input<'_>) {
    let choice = input.byte();
    let (mut header, mut ek) = (PAIR.header.0, PAIR.ek_vector.bytes().to_vec());
    if choice & 1 != 0 {
        (0..=input.below(4)).for_each(|_| change(&mut ek, input));
    }
    if choice & 2 != 0 {
        let hash = hash_of(&ek, &header[..32]);
        header[32..].copy_from_slice(&hash);
    }
    if choice & 4 != 0 {
        change(&mut header, input);
    }
    let is_valid = header[32..] == hash_of(&ek, &header[..32]) && is_reduced(&ek);
    let (header, ek) = (Header(header), Value::<36>::from_parts(&[&ek]).expect("its length"));
    let is_honest = header == PAIR.header && ek == PAIR.ek_vector;
    assert!(is_valid || !is_honest);

    let mut listener = Honest::new(Direction::B2A);
    let mac = Authenticator::new(&AUTH_KEY).mac_header(1, &header);
    let value = Value::<3>::from_parts(&[&header.0, &mac]).expect("its length");
    let first = input.u16();
    for at in 0..3 {
        let chunk = value.chunk(first.wrapping_add(at));
        listener.hear(1, Payload::Hdr(chunk)).expect("an authentic header");
    }
    assert_eq!(listener.side.state_code(), 7);
    let Ok(chunk) = listener.say() else { return };
    let begun = Decoder::<30>::new().with(chunk.expect("the first of ct1"));
    let ct1 = is_honest.then(|| listener.collect(begun));

    let (first, acknowledged) = (input.u16(), input.below(40));
    for at in 0..36 {
        let chunk = ek.chunk(first.wrapping_add(at));
        let is_acknowledged = usize::from(at) >= acknowledged;
        let payload = if is_acknowledged { Payload::EkCt1Ack(chunk) } else { Payload::Ek(chunk) };
        let heard = listener.hear(1, payload);
        assert_eq!(heard.is_ok(), at < 35 || is_valid, "{heard:?} of chunk {at}");
        if at == 20 {
            listener.restart();
        }
    }
    if !is_valid {
        return listener.restart();
    }
    if listener.side.state_code() == 9 {
        listener.hear(1, Payload::Ct1Ack).expect("it is due");
    }
    assert_eq!(listener.side.state_code(), 11);
    listener.restart();
    let ct2 = listener.collect(Decoder::<5>::new());
    if let Some(ct1) = ct1 {
        let (ct2, mac) = ct2.bytes().split_first_chunk().expect("its length");
        let shared = PAIR.decapsulation_key.decapsulate(&ct1, ct2).expect("a ciphertext");
        let authenticator = Authenticator::new(&AUTH_KEY).updated(1, &epoch_secret(1, &shared));
        let mac = mac.try_into().expect("its length");
        authenticator.verify_ciphertext(1, &ct1, ct2, mac).expect("both have the same secret");
    }
    let _ = listener.hear(2, Payload::None);
    let _ = listener.say();
    listener.restart();
}

/// What the second half of a header says of the key: its hash.
fn hash_of(ek_vector: &[u8], rho: &[u8]) -> [u8; 32] {
    Sha3_256::new().chain_update(ek_vector).chain_update(rho).finalize().into()
}

/// Whether all coefficients, of 12 bits each, lie below the modulus.
fn is_reduced(ek_vector: &[u8]) -> bool {
    ek_vector.as_chunks().0.iter().all(|[low, middle, high]| {
        let (low, middle, high) = (u16::from(*low), u16::from(*middle), u16::from(*high));
        low | (middle & 0xF) << 8 < 3_329 && middle >> 4 | high << 4 < 3_329
    })
}

/// The dishonest side encapsulates.
fn encapsulate(input: &mut Input<'_>) {
    let choice = input.byte();
    let mut speaker = Honest::new(Direction::A2B);
    let header = speaker.collect(Decoder::<3>::new());
    let header = Header(*header.bytes().first_chunk().expect("its length"));
    let begun = Encapsulation::begin(&header, &mut rng(72)).expect("an honest header");
    let mut ct1 = begun.ct1.bytes().to_vec();
    if choice & 1 != 0 {
        (0..=input.below(4)).for_each(|_| change(&mut ct1, input));
    }
    let ct1 = Value::<30>::from_parts(&[&ct1]).expect("its length");
    let first = input.u16();
    for at in 0..30 {
        speaker.hear(1, Payload::Ct1(ct1.chunk(first.wrapping_add(at)))).expect("it is collected");
    }
    assert_eq!(speaker.side.state_code(), 4);
    speaker.restart();

    let ek = speaker.collect(Decoder::<36>::new());
    let honest_ct2 = begun.encapsulation.finish(&header.validate(ek).expect("an honest key"));
    let mut ct2 = honest_ct2;
    if choice & 2 != 0 {
        change(&mut ct2, input);
    }
    let authenticator = Authenticator::new(&AUTH_KEY).updated(1, &epoch_secret(1, &begun.shared_secret));
    let mac = authenticator.mac_ciphertext(1, &ct1, &ct2);
    let value = Value::<5>::from_parts(&[&ct2, &mac]).expect("its length");
    let is_honest = ct1 == begun.ct1 && ct2 == honest_ct2;
    let first = input.u16();
    for at in 0..5 {
        let heard = speaker.hear(1, Payload::Ct2(value.chunk(first.wrapping_add(at))));
        assert_eq!(heard.is_ok(), at < 4 || is_honest, "{heard:?} of chunk {at}");
    }
    // The next epoch, with the sides changed; or this one still.
    assert_eq!(speaker.side.state_code(), if is_honest { 6 } else { 5 });
    speaker.restart();
    let _ = speaker.say();
}
