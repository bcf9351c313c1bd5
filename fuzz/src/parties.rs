//! Two devices and a network between them, played by the input: who starts, sends and forgets, and what becomes of each
//! message on its way.
//!
//! Held to: an honest message arrives as it was sent, in whatever order, unless it is too old for what a recipient keeps;
//! nothing arrives twice; nothing that was changed on the way is taken for something else; what is refused changes
//! nothing; and whatever happened, two devices that write to each other still understand each other.
//!
//! Not its concern: people who are not honest, and limits that take thousands of messages to reach.

use khaima_signal::hazmat::spqr::Message;
use khaima_signal::{CiphertextMessage, MessageType, PreKeyBundleIn, ProtocolAddress, Timestamp};
use rand_chacha::ChaCha20Rng;

use crate::damage::change;
use crate::device::Device;
use crate::honest::{BUNDLES, NOW, PEOPLE, rng};
use crate::input::Input;

/// Chains of the peer that a session keeps.
const CHAINS_KEPT: usize = 5;
/// Starts by one device in one run: fewer than the archive has places.
const MAX_STARTS: usize = 15;
/// A session that nobody has answered is too old after 30 days.
const TOO_OLD: u64 = 31 * 24 * 3_600 * 1_000;

/// A message on its way.
#[derive(Clone)]
struct Flying {
    kind: MessageType,
    bytes: Vec<u8>,
    plaintext: Vec<u8>,
    /// Number of the session it was encrypted in.
    session: usize,
    ratchet_key: [u8; 32],
    epoch: u64,
    /// Whether it was decrypted before.
    arrived: bool,
}

/// What is known of a session from outside. Sides are 0 and 1.
#[derive(Default)]
struct Session {
    /// Ratchet keys each side has received, newest first.
    received: [Vec<[u8; 32]>; 2],
    /// Epoch of the post-quantum ratchet that each side has last sent in.
    sent_epoch: [u64; 2],
}

pub struct Parties {
    devices: [Device; 2],
    /// The session each side sends in.
    current: [Option<usize>; 2],
    starts: [usize; 2],
    sessions: Vec<Session>,
    /// On their way to each side.
    inbox: [Vec<Flying>; 2],
    sent: u32,
    now: Timestamp,
    rng: ChaCha20Rng,
}

/// Plays one input to its end.
pub fn play(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut parties = Parties::new();
    while !input.is_empty() {
        parties.step(&mut input);
    }
    parties.finish();
}

impl Parties {
    fn new() -> Self {
        Self {
            devices: PEOPLE.each_ref().map(|published| published.device.clone()),
            current: [None; 2],
            starts: [0; 2],
            sessions: Vec::new(),
            inbox: [Vec::new(), Vec::new()],
            sent: 0,
            now: NOW,
            rng: rng(20),
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let action = input.byte();
        let side = usize::from(action >> 7);
        match action & 0x7F {
            0..=3 => self.start(side),
            4..=49 => self.send(side, input.below(40)),
            50..=89 => self.deliver(side, input, true),
            90..=97 => self.deliver(side, input, false),
            98..=105 => self.lose(side, input),
            106..=117 => self.deliver_changed(side, input),
            118..=120 => self.archive(side),
            121..=126 => self.devices[side].restart(),
            _ => self.now = Timestamp::from_millis(self.now.as_millis() + TOO_OLD),
        }
    }

    fn address(&self, side: usize) -> ProtocolAddress {
        self.devices[side].address.clone()
    }

    /// Fetches a bundle that was not used before, or the last resort, and starts a session from it.
    fn start(&mut self, side: usize) {
        if self.starts[side] == MAX_STARTS {
            return;
        }
        let bundle: &PreKeyBundleIn = &PEOPLE[1 - side].bundles[self.starts[side].min(BUNDLES - 1)];
        self.starts[side] += 1;
        let remote = self.address(1 - side);
        self.devices[side]
            .start(&remote, bundle.clone(), self.now, &mut self.rng)
            .expect("an honest bundle starts a session");
        self.current[side] = Some(self.sessions.len());
        self.sessions.push(Session::default());
    }

    fn send(&mut self, side: usize, length: usize) {
        let usable = self.devices[side].record.is_usable(self.now);
        assert_eq!(self.devices[side].record.has_current(), self.current[side].is_some());
        let mut plaintext = self.sent.to_be_bytes().to_vec();
        plaintext.resize(4 + length, 0x55);
        self.sent += 1;
        let remote = self.address(1 - side);
        let Ok(message) = self.devices[side].encrypt(&remote, &plaintext, self.now, &mut self.rng) else {
            assert!(!usable, "a usable session sends");
            return;
        };
        let session = self.current[side].expect("only a current session sends");
        let inner = message.signal_message();
        let epoch = Message::decode(inner.pq_ratchet()).expect("the ratchet writes what it can read").epoch;
        self.sessions[session].sent_epoch[side] = epoch;
        self.inbox[1 - side].push(Flying {
            kind: message.message_type(),
            bytes: message.serialize().to_vec(),
            plaintext,
            session,
            ratchet_key: *inner.ratchet_key().as_bytes(),
            epoch,
            arrived: false,
        });
    }

    /// Whether a recipient must be able to read a message that was not changed.
    fn must_arrive(&self, side: usize, message: &Flying) -> bool {
        let session = &self.sessions[message.session];
        let chain = session.received[side].iter().position(|key| *key == message.ratchet_key);
        // Keys of an epoch go when its recipient has sent in the second one after it.
        let epoch_is_kept = message.epoch + 1 >= session.sent_epoch[side];
        chain.is_none_or(|age| age < CHAINS_KEPT) && epoch_is_kept
    }

    fn deliver(&mut self, side: usize, input: &mut Input<'_>, once: bool) {
        let Some(at) = self.choose(side, input) else { return };
        let message = self.inbox[side][at].clone();
        let decoded = CiphertextMessage::decode(message.kind, &message.bytes).expect("it was sent like this");
        let must_arrive = self.must_arrive(side, &message);
        let remote = self.address(1 - side);
        match self.devices[side].decrypt(&remote, &decoded, &mut self.rng) {
            Ok(plaintext) => {
                assert!(!message.arrived, "a message was read twice");
                assert_eq!(plaintext, message.plaintext);
                self.arrived(side, at);
            }
            Err(error) => {
                let expected = message.arrived || !must_arrive;
                assert!(expected, "an honest message was refused: {error:?}");
            }
        }
        if once {
            self.inbox[side].remove(at);
        }
    }

    fn deliver_changed(&mut self, side: usize, input: &mut Input<'_>) {
        let Some(at) = self.choose(side, input) else { return };
        let message = self.inbox[side][at].clone();
        let mut bytes = message.bytes.clone();
        change(&mut bytes, input);
        let Ok(decoded) = CiphertextMessage::decode(message.kind, &bytes) else { return };
        let remote = self.address(1 - side);
        if let Ok(plaintext) = self.devices[side].decrypt(&remote, &decoded, &mut self.rng) {
            // Some outer fields of a PreKey message are claims that nothing covers.
            assert_eq!(message.kind, MessageType::PreKey, "a changed message was read");
            assert!(!message.arrived, "a changed message was read after the honest one");
            assert_eq!(plaintext, message.plaintext);
            self.arrived(side, at);
        }
    }

    fn arrived(&mut self, side: usize, at: usize) {
        let message = &mut self.inbox[side][at];
        message.arrived = true;
        self.current[side] = Some(message.session);
        let received = &mut self.sessions[message.session].received[side];
        if !received.contains(&message.ratchet_key) {
            received.insert(0, message.ratchet_key);
        }
    }

    fn lose(&mut self, side: usize, input: &mut Input<'_>) {
        if let Some(at) = self.choose(side, input) {
            self.inbox[side].remove(at);
        }
    }

    fn archive(&mut self, side: usize) {
        let archived = self.devices[side].record.archive();
        self.devices[side].replace(archived);
        self.current[side] = None;
    }

    /// The oldest message most of the time, sometimes any.
    fn choose(&self, side: usize, input: &mut Input<'_>) -> Option<usize> {
        let count = self.inbox[side].len();
        let choice = input.byte();
        let at = if choice < 128 { 0 } else { usize::from(choice - 128) % count.max(1) };
        (count > 0).then_some(at)
    }

    /// Everything still on its way arrives, and then both write once more.
    fn finish(mut self) {
        let zeros = [0];
        for side in [0, 1] {
            while !self.inbox[side].is_empty() {
                self.deliver(side, &mut Input::new(&zeros), true);
            }
        }
        if self.current == [None; 2] {
            self.start(0);
        }
        for side in [0, 1, 0, 1] {
            self.send(side, 0);
            while let Some(last) = self.inbox[1 - side].last() {
                assert!(self.must_arrive(1 - side, last), "what has just been sent is new");
                self.deliver(1 - side, &mut Input::new(&zeros), true);
            }
        }
    }
}
