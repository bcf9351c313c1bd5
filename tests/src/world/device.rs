//! Devices: the real engine and dispatcher over a store in memory, and a process that can die at any commit.

use std::collections::BTreeMap;

use khaima_engine::{
    Changes, Command, CommandError, Commit, Dispatcher, Engine, EngineError, Event, Input, LinkState,
    MemoryStore, RelayId, Step,
};
use khaima_wire::{Role, Timestamp};
use rand::RngExt;
use rand_chacha::ChaCha20Rng;

use super::happening::Happening;
use super::{ConnId, DeviceRef, Weather, World};

/// One device.
pub(super) struct Device {
    pub(super) name: String,
    pub(super) engine: Engine,
    /// What survives.
    pub(super) store: MemoryStore,
    pub(super) rng: ChaCha20Rng,
    /// What a crash takes.
    pub(super) process: Option<Process>,
    /// Whether it has a network.
    pub(super) is_online: bool,
    pub(super) events: Vec<Event>,
    pub(super) crashes: u64,
}

/// The volatile half of a device.
pub(super) struct Process {
    pub(super) dispatcher: Dispatcher,
    pub(super) links: BTreeMap<(RelayId, Role), Link>,
    pub(super) next_tick: Timestamp,
    pub(super) wakes_at: Option<Timestamp>,
}

/// A link, as the runtime keeps one: connected, connecting, or waiting to try again.
#[derive(Default)]
pub(super) struct Link {
    pub(super) connection: Option<ConnId>,
    pub(super) is_up: bool,
    pub(super) failures: u32,
    pub(super) idle_since: Option<Timestamp>,
}

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is committed, and the device goes on or has crashed since.
    Kept,
    /// The device was off, or crashed before the commit: it never was.
    Lost,
}

/// An anonymous connection without work is closed after this.
const IDLE_MILLIS: u64 = 120_000;
/// The engine is asked what time has brought at least this often once something was due.
const TICK_MILLIS: u64 = 60_000;

impl World {
    /// Gives a device a command, as a person would. `Lost` if the device is off or dies over it.
    ///
    /// # Errors
    /// The engine's refusal.
    ///
    /// # Panics
    /// On any other error of the engine: in a world nothing is damaged.
    pub fn command(&mut self, device: DeviceRef, command: Command) -> Result<Fate, CommandError> {
        match self.step(device, Input::Command(command)) {
            Ok(fate) => {
                self.pump(device);
                Ok(fate)
            }
            Err(EngineError::Command(refused)) => Err(refused),
            Err(error) => panic!("{:?}: the engine failed: {error}", self.seed),
        }
    }

    /// Gives a device any input, past the network: for damaged and invented ones.
    ///
    /// # Panics
    /// On an error of the engine: no input may cause one.
    pub fn inject(&mut self, device: DeviceRef, input: Input) -> Fate {
        match self.step(device, input) {
            Ok(fate) => {
                self.pump(device);
                fate
            }
            Err(error) => panic!("{:?}: the engine failed: {error}", self.seed),
        }
    }

    /// What a device holds.
    pub fn store(&self, device: DeviceRef) -> &MemoryStore {
        &self.devices[device.0].store
    }

    /// What a device's screen was told since it was made.
    pub fn events(&self, device: DeviceRef) -> &[Event] {
        &self.devices[device.0].events
    }

    /// How often devices have crashed.
    pub fn crashes(&self) -> u64 {
        self.devices.iter().map(|device| device.crashes).sum()
    }

    /// Whether a device's process runs.
    pub fn is_on(&self, device: DeviceRef) -> bool {
        self.devices[device.0].process.is_some()
    }

    /// Kills a device's process. It keeps its last commit and starts again when told to.
    pub fn crash(&mut self, device: DeviceRef) {
        if self.devices[device.0].process.take().is_some() {
            self.devices[device.0].crashes += 1;
            self.cut(|connection| connection.device == device);
        }
    }

    /// Starts a device's process from what its store holds.
    pub fn start(&mut self, device: DeviceRef) {
        let now = self.now;
        let node = &mut self.devices[device.0];
        if node.process.is_none() {
            let dispatcher = Dispatcher::new(&node.store).expect("a store of the engine's own records");
            node.process =
                Some(Process { dispatcher, links: BTreeMap::new(), next_tick: now, wakes_at: None });
            self.pump(device);
        }
    }

    /// Puts an old copy of a store in the place of a device's own, as somebody who copies vaults would.
    pub fn put_back(&mut self, device: DeviceRef, copy: MemoryStore) {
        self.crash(device);
        self.devices[device.0].store = copy;
        self.start(device);
    }

    /// Decide, commit, then act: what the runtime's driver does.
    pub(super) fn step(&mut self, device: DeviceRef, input: Input) -> Result<Fate, EngineError> {
        let node = &mut self.devices[device.0];
        if node.process.is_none() {
            return Ok(Fate::Lost);
        }
        let Step { changes, effects, events } =
            node.engine.step(input, &node.store, self.now, &mut node.rng)?;
        if !changes.is_empty() && Weather::happens(&mut self.rng, self.weather.crash) {
            let before = self.rng.random_bool(0.5);
            if !before {
                self.commit(device, changes);
            }
            self.crash(device);
            let millis = self.long_or_short();
            self.after(millis, Happening::Start(device));
            return Ok(if before { Fate::Lost } else { Fate::Kept });
        }
        if !changes.is_empty() {
            self.commit(device, changes);
            let node = &mut self.devices[device.0];
            let next_tick = node.engine.next_tick(&node.store, self.now)?;
            let process = node.process.as_mut().expect("checked above");
            process.next_tick = next_tick;
            process.dispatcher.on_changed(&node.store)?;
        }
        let node = &mut self.devices[device.0];
        let process = node.process.as_mut().expect("checked above");
        effects.into_iter().for_each(|effect| process.dispatcher.on_effect(effect));
        node.events.extend(events);
        Ok(Fate::Kept)
    }

    fn commit(&mut self, device: DeviceRef, changes: Changes) {
        let Ok(()) = self.devices[device.0].store.commit(changes);
    }

    /// A second to six hours; short ones as often as long ones.
    pub(super) fn long_or_short(&mut self) -> u64 {
        let most = if self.rng.random_bool(0.8) { 60_000 } else { 6 * 3_600_000 };
        self.rng.random_range(1_000..=most)
    }

    /// Opens the connections there is work for, sends what is due, and sets the next waking: what the runtime's driver
    /// does before it waits.
    pub(super) fn pump(&mut self, device: DeviceRef) {
        let now = self.now;
        let node = &mut self.devices[device.0];
        let Some(process) = node.process.as_mut() else { return };
        let wanted = process.dispatcher.wanted_links(&node.store).expect("readable relays");
        let mut missing = Vec::new();
        for want in &wanted {
            let link = process.links.entry((want.relay, want.role)).or_insert_with(|| {
                missing.push((want.relay, want.role));
                Link::default()
            });
            link.idle_since = None;
        }
        let mut ended = Vec::new();
        let mut idle_until: Option<Timestamp> = None;
        for ((relay, role), link) in &mut process.links {
            if wanted.iter().any(|want| (want.relay, want.role) == (*relay, *role)) {
                continue;
            }
            let until = link.idle_since.get_or_insert(now).plus_millis(IDLE_MILLIS);
            if until <= now {
                ended.push((*relay, *role, link.connection));
            } else {
                idle_until = Some(idle_until.map_or(until, |other| other.min(until)));
            }
        }
        for (relay, role, _) in &ended {
            process.links.remove(&(*relay, *role));
            process.dispatcher.on_link(*relay, *role, LinkState::Down);
        }
        for connection in ended.into_iter().filter_map(|(_, _, connection)| connection) {
            self.cut_one(connection);
        }
        for (relay, role) in missing {
            self.begin_connecting(device, relay, role);
        }
        let node = &mut self.devices[device.0];
        let process = node.process.as_mut().expect("nothing above ends a process");
        let due = process.dispatcher.due(&node.store, now, &mut node.rng).expect("readable jobs");
        for dispatch in due {
            self.send_request(device, dispatch);
        }
        self.set_waking(device, idle_until);
    }

    fn set_waking(&mut self, device: DeviceRef, idle_until: Option<Timestamp>) {
        let node = &mut self.devices[device.0];
        let Some(process) = node.process.as_mut() else { return };
        let dispatcher = process.dispatcher.next_wakeup();
        let earliest = [Some(process.next_tick), dispatcher, idle_until].into_iter().flatten().min();
        // Something due that cannot go out must not spin.
        let earliest = earliest.map(|at| at.max(self.now.plus_millis(20)));
        if process.wakes_at != earliest {
            process.wakes_at = earliest;
            if let Some(at) = earliest {
                self.at(at, Happening::Wake(device));
            }
        }
    }

    pub(super) fn on_wake(&mut self, device: DeviceRef) {
        let now = self.now;
        let Some(process) = self.devices[device.0].process.as_mut() else { return };
        if process.wakes_at != Some(now) {
            return;
        }
        process.wakes_at = None;
        if process.next_tick <= now {
            process.next_tick = now.plus_millis(TICK_MILLIS);
            self.step(device, Input::Tick).unwrap_or_else(|error| panic!("{:?}: tick: {error}", self.seed));
        }
        self.pump(device);
    }
}
