//! A small world in one thread: devices, relays, and a network in between that does its worst, by seed.
//!
//! ```text
//!   Device: MemoryStore ─ Engine ─ Dispatcher ─┐ frames, encoded      ┌─ LocalRelay ─ MemoryStore
//!                                              ├─ Weather: delay, loss,┤
//!   Device: ...                               ─┘ repeats, breaks, cuts └─ LocalRelay ...
//! ```
//!
//! The engine, the dispatcher, the codec, the relay's core and its connection states are the real ones; sockets, clocks
//! and disks are played. Everything that will happen lies in one queue by virtual time; time jumps from one entry to the
//! next. A device that crashes keeps its last commit and nothing else; a relay that restarts keeps its store.
//!
//! ```
//! use std::time::Duration;
//! use khaima_tests::world::{Seed, World};
//!
//! let mut world = World::new(Seed(7));
//! let (alice, bob) = (world.device("alice"), world.device("bob"));
//! world.disconnect(bob);
//! world.say(alice, bob, "noon, by the bridge");
//! world.run_for(Duration::from_secs(60));
//! world.connect(bob);
//! world.run_until_idle();
//! assert_eq!(world.thread(bob, alice), ["alice: noon, by the bridge"]);
//! ```
//!
//! Not its concern: what must hold (the scenarios), real sockets ([`crate::real`]).

mod device;
mod happening;
mod network;
mod people;
mod relay;
mod run;
mod watch;
mod weather;

use std::collections::BTreeMap;

use khaima_wire::{RelayFrame, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use device::Device;
use happening::Happening;
use network::Connection;
use relay::RelayNode;

pub use device::Fate;
pub use khaima_relay::core::{ConnId, Creation, Policy};
pub use people::Meeting;
pub use watch::{Kind, Submitted, Watch};
pub use weather::{Stream, Weather};

/// What a run is made from. The same seed gives the same run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seed(pub u64);

/// A device of a [`World`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceRef(pub(crate) usize);

/// A relay of a [`World`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelayRef(pub(crate) usize);

/// Devices, relays, and what is on its way between them. See the module page.
pub struct World {
    seed: Seed,
    now: Timestamp,
    queue: BTreeMap<(Timestamp, u64), Happening>,
    queued: u64,
    frames_on_their_way: usize,
    rng: ChaCha20Rng,
    weather: Weather,
    devices: Vec<Device>,
    relays: Vec<RelayNode>,
    connections: BTreeMap<ConnId, Connection>,
    next_connection: u64,
    watch: Watch,
    tamper: Option<Tamper>,
}

/// What a dishonest relay makes of the frames it sends; `None` keeps one back.
pub type Tamper = Box<dyn FnMut(RelayFrame, &mut ChaCha20Rng) -> Option<RelayFrame>>;

/// When worlds begin: 15 January 2027, some hours into the day.
const BEGIN: Timestamp = Timestamp::from_secs(1_800_000_000);

impl World {
    /// A world in calm weather with one relay, at which everybody may make mailboxes.
    pub fn new(seed: Seed) -> Self {
        Self::with_policy(seed, Policy { creation: Creation::Open, ..Policy::default() })
    }

    /// The same, with a relay of another policy.
    pub fn with_policy(seed: Seed, policy: Policy) -> Self {
        let mut world = Self {
            seed,
            now: BEGIN,
            queue: BTreeMap::new(),
            queued: 0,
            frames_on_their_way: 0,
            rng: ChaCha20Rng::seed_from_u64(seed.0),
            weather: Weather::calm(),
            devices: Vec::new(),
            relays: Vec::new(),
            connections: BTreeMap::new(),
            next_connection: 1,
            watch: Watch::default(),
            tamper: None,
        };
        world.relay(policy);
        world
    }

    /// The seed it was made from.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Virtual time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Sets the clock of a world in which nothing has happened yet.
    ///
    /// # Panics
    /// If something has.
    pub fn set_now(&mut self, now: Timestamp) {
        assert!(self.devices.is_empty(), "time does not jump back");
        self.queue = std::mem::take(&mut self.queue)
            .into_iter()
            .map(|((_, number), it)| ((now, number), it))
            .collect();
        self.now = now;
    }

    /// Everything that ever left a device.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The same, to change what is recorded.
    pub fn watch_mut(&mut self) -> &mut Watch {
        &mut self.watch
    }

    /// How the network is from here on. What is already on its way arrives as it was going to.
    pub fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// Makes every relay dishonest, or honest again.
    pub fn set_tamper(&mut self, tamper: Option<Tamper>) {
        self.tamper = tamper;
    }

    /// Randomness of this run, for scenarios: seeded like everything else.
    pub fn rng(&mut self) -> &mut ChaCha20Rng {
        &mut self.rng
    }
}
