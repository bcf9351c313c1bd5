//! Two devices under any schedule, against a model that says what must become of each message.
//!
//! Messages are sent, arrive in any order, again, damaged or never; sessions are archived and started anew from bundles,
//! by one side or by both at once. Devices store nothing but parts, so every step is also a restart. Whatever arrives
//! undamaged decrypts exactly once, to what was sent, unless its chain is one of those that were pushed out; whatever is
//! refused leaves every store as it was.
//!
//! Not its concern: the limits on skipped keys and archived sessions, which `two_devices.rs` meets exactly.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "test code")]

mod common;

use std::collections::BTreeMap;

use common::{Device, record_parts};
use khaima_signal::{CiphertextMessage, EncryptError, ErrorClass, MessageType, SessionRecord, Timestamp};
use proptest::{prelude::*, sample::Index};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
/// How many of the peer's chains a session keeps.
const CHAINS: usize = 5;
/// Below the number of archived sessions that a record keeps.
const STARTS: usize = 30;

/// One thing that happens. What is on its way is chosen by index.
#[derive(Clone, Debug)]
enum Event {
    Send {
        from: usize,
        count: usize,
    },
    /// Back and forth, each message arriving at once, while older ones are still on their way.
    Turns {
        first: usize,
        count: usize,
    },
    /// Arrives; with `stays`, the network will deliver it again.
    Deliver {
        which: Index,
        stays: bool,
    },
    Lose {
        which: Index,
    },
    Damage {
        which: Index,
        byte: Index,
        mask: u8,
    },
    Archive {
        at: usize,
    },
    Start {
        from: usize,
        one_time: bool,
        last_resort: bool,
    },
    /// Both fetch a bundle before either has heard of it.
    StartAtOnce,
}

fn event() -> impl Strategy<Value = Event> {
    let side = || 0..2_usize;
    let which = any::<Index>;
    prop_oneof![
        30 => (side(), prop_oneof![9 => 1..4_usize, 1 => 30..60_usize])
            .prop_map(|(from, count)| Event::Send { from, count }),
        4 => (side(), 1..9_usize).prop_map(|(first, count)| Event::Turns { first, count }),
        46 => (which(), prop::bool::weighted(0.1)).prop_map(|(which, stays)| Event::Deliver { which, stays }),
        6 => which().prop_map(|which| Event::Lose { which }),
        6 => (which(), which(), 1..=255_u8).prop_map(|(which, byte, mask)| Event::Damage { which, byte, mask }),
        2 => side().prop_map(|at| Event::Archive { at }),
        3 => (side(), any::<bool>(), any::<bool>())
            .prop_map(|(from, one_time, last_resort)| Event::Start { from, one_time, last_resort }),
        1 => Just(Event::StartAtOnce),
    ]
}

/// Which start a session comes from.
type Session = usize;
type RatchetKey = [u8; 33];

/// A message on its way.
#[derive(Clone)]
struct Flight {
    from: usize,
    session: Session,
    plaintext: Vec<u8>,
    message: CiphertextMessage,
    delivered: bool,
}

/// What one side must know.
#[derive(Default)]
struct Side {
    /// The session that is sent with.
    current: Option<Session>,
    /// The peer's chains of each session, oldest first; only the last of them are still readable.
    chains: BTreeMap<Session, Vec<RatchetKey>>,
}

struct Conversation {
    devices: [Device; 2],
    sides: [Side; 2],
    network: Vec<Flight>,
    starts: usize,
    sent: usize,
    rng: ChaCha20Rng,
}

impl Conversation {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let devices = [
            Device::new("11111111-1111-4111-8111-111111111111", 1, &mut rng),
            Device::new("22222222-2222-4222-8222-222222222222", 2, &mut rng),
        ];
        Self { devices, sides: Default::default(), network: Vec::new(), starts: 0, sent: 0, rng }
    }

    fn on(&mut self, event: &Event) {
        let flights = self.network.len();
        let chosen = |which: &Index| (flights > 0).then(|| which.index(flights));
        match event {
            Event::Send { from, count } => (0..*count).for_each(|_| self.send(*from)),
            Event::Turns { first, count } => (0..*count).for_each(|turn| self.exchange((first + turn) % 2)),
            Event::Deliver { which, stays } => {
                let Some(at) = chosen(which) else { return };
                let mut flight = self.network.swap_remove(at);
                self.deliver(&mut flight);
                if *stays {
                    self.network.push(flight);
                }
            }
            Event::Lose { which } => drop(chosen(which).map(|at| self.network.swap_remove(at))),
            Event::Damage { which, byte, mask } => {
                let Some(at) = chosen(which) else { return };
                self.damage(at, byte, *mask);
            }
            Event::Archive { at } => {
                let peer = self.devices[1 - at].address.clone();
                if self.devices[*at].has_session(&peer) {
                    self.devices[*at].archive(&peer);
                }
                self.sides[*at].current = None;
            }
            Event::Start { .. } | Event::StartAtOnce if self.starts > STARTS => {}
            Event::Start { from, one_time, last_resort } => self.start(*from, *one_time, *last_resort),
            Event::StartAtOnce => (0..2).for_each(|from| self.start(from, true, false)),
        }
    }

    fn start(&mut self, from: usize, one_time: bool, last_resort: bool) {
        let bundle = self.devices[1 - from].bundle(one_time, last_resort, &mut self.rng);
        // The peer's first chain hangs on their signed prekey.
        let first_chain = bundle.signed_key.serialize();
        let peer = self.devices[1 - from].address.clone();
        self.devices[from].start(&peer, bundle, NOW, &mut self.rng).unwrap();
        self.sides[from].current = Some(self.starts);
        self.sides[from].chains.insert(self.starts, vec![first_chain]);
        self.starts += 1;
    }

    fn send(&mut self, from: usize) {
        let peer = self.devices[1 - from].address.clone();
        let plaintext = format!("message {}", self.sent).into_bytes();
        let result = self.devices[from].encrypt(&peer, &plaintext, NOW, &mut self.rng);
        match self.sides[from].current {
            Some(session) => {
                let message = result.unwrap();
                self.sent += 1;
                self.network.push(Flight { from, session, plaintext, message, delivered: false });
            }
            None => assert!(matches!(result, Err(EncryptError::SessionNotFound))),
        }
    }

    fn exchange(&mut self, from: usize) {
        let before = self.network.len();
        self.send(from);
        if self.network.len() > before {
            let mut flight = self.network.pop().unwrap();
            self.deliver(&mut flight);
        }
    }

    /// What the receiver makes of a message; refused, it must have changed nothing.
    fn receive(&mut self, from: usize, message: &CiphertextMessage) -> Result<Vec<u8>, ErrorClass> {
        let sender = self.devices[from].address.clone();
        let receiver = &mut self.devices[1 - from];
        let before = receiver.stores.clone();
        let message = CiphertextMessage::decode(message.message_type(), message.serialize()).unwrap();
        let result = receiver.decrypt(&sender, &message, &mut self.rng);
        assert!(result.is_ok() || receiver.stores == before, "a refused message changed a store");
        result.map_err(|error| error.class())
    }

    /// Whether the receiver still has, or can still make, the chain of this message.
    fn readable(&self, flight: &Flight) -> bool {
        let key = flight.message.signal_message().ratchet_key().serialize();
        let Some(chains) = self.sides[1 - flight.from].chains.get(&flight.session) else {
            return true;
        };
        chains.iter().rev().take(CHAINS).any(|chain| *chain == key) || !chains.contains(&key)
    }

    fn deliver(&mut self, flight: &mut Flight) {
        let readable = self.readable(flight);
        let result = self.receive(flight.from, &flight.message);
        match (readable, flight.delivered) {
            (true, false) => {
                assert_eq!(result.as_deref(), Ok(flight.plaintext.as_slice()));
                self.decrypted(flight);
            }
            (true, true) => assert_eq!(result, Err(ErrorClass::DuplicateMessage)),
            (false, _) => assert_eq!(result, Err(ErrorClass::InvalidMessage)),
        }
    }

    /// What a decrypted message changes: its session is the one to answer with.
    fn decrypted(&mut self, flight: &mut Flight) {
        flight.delivered = true;
        let side = &mut self.sides[1 - flight.from];
        side.current = Some(flight.session);
        let key = flight.message.signal_message().ratchet_key().serialize();
        let chains = side.chains.entry(flight.session).or_default();
        if !chains.contains(&key) {
            chains.push(key);
        }
    }

    /// A copy arrives with one byte changed; the right one may still come.
    fn damage(&mut self, at: usize, byte: &Index, mask: u8) {
        let mut flight = self.network[at].clone();
        let mut bytes = flight.message.serialize().to_vec();
        let byte = byte.index(bytes.len());
        bytes[byte] ^= mask;
        let message_type = flight.message.message_type();
        let Ok(damaged) = CiphertextMessage::decode(message_type, &bytes) else { return };
        let readable = self.readable(&flight);
        let Ok(plaintext) = self.receive(flight.from, &damaged) else { return };
        // The outside of a first message is not covered where nothing depends on it; the message inside is.
        assert_eq!(message_type, MessageType::PreKey, "damage went unnoticed");
        assert_eq!(damaged.signal_message().serialize(), flight.message.signal_message().serialize());
        assert!(readable && !flight.delivered);
        assert_eq!(plaintext, flight.plaintext);
        self.decrypted(&mut flight);
        self.network[at] = flight;
    }

    /// Whatever happened: all that is still on its way arrives, then one new start puts both on one session.
    fn converge(mut self) {
        for mut flight in std::mem::take(&mut self.network) {
            self.deliver(&mut flight);
        }
        self.start(0, true, false);
        for round in 0..6 {
            self.exchange(round % 2);
        }
        self.send(0);
        assert_eq!(self.network[0].message.message_type(), MessageType::Whisper);
        for (at, device) in self.devices.iter().enumerate() {
            let peer = &self.devices[1 - at].address;
            let parts = common::parts_of(&device.record(peer));
            let again = SessionRecord::from_parts(record_parts(&parts)).unwrap();
            assert!(common::parts_of(&again) == parts);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_arrives_is_read_exactly_once(
        seed in any::<u64>(),
        events in prop::collection::vec(event(), 1..300),
    ) {
        let mut conversation = Conversation::new(seed);
        conversation.start(0, true, false);
        events.iter().for_each(|event| conversation.on(event));
        conversation.converge();
    }
}
