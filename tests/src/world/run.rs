//! Time: taking what is next out of the queue.

use std::time::Duration;

use khaima_engine::{Order, RecordKind, StoreView, query};
use khaima_wire::Timestamp;
use rand::RngExt;

use super::happening::Happening;
use super::relay::TICK_MILLIS;
use super::{DeviceRef, Weather, World};

/// A world that is not idle after so long (30 days) never will be.
const PATIENCE_MILLIS: u64 = 30 * 86_400_000;

impl World {
    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now.plus_millis(time.as_millis() as u64);
        while self.happen(end) {}
        self.now = end;
    }

    /// Lets time pass until nobody who is on and online has anything left to send, nothing is on its way, and (if all
    /// are there) nothing waits at a relay. Returns how long that took, in milliseconds.
    ///
    /// # Panics
    /// If it does not come to rest within 30 virtual days.
    pub fn run_until_idle(&mut self) -> u64 {
        let begun = self.now;
        let end = begun.plus_millis(PATIENCE_MILLIS);
        loop {
            if self.is_idle() {
                return self.now.millis_since(begun);
            }
            assert!(self.happen(end), "{:?}: no rest within 30 days: {}", self.seed, self.unrest());
        }
    }

    /// Ends everything that goes wrong: calm weather, all devices on and online, all relays up.
    pub fn heal(&mut self) {
        self.weather = Weather::calm();
        for number in 0..self.relays.len() {
            self.relays[number].is_up = true;
        }
        for number in 0..self.devices.len() {
            self.connect(DeviceRef(number));
            self.start(DeviceRef(number));
        }
    }

    /// Cuts a device off from every relay.
    pub fn disconnect(&mut self, device: DeviceRef) {
        self.devices[device.0].is_online = false;
        self.cut(|connection| connection.device == device);
    }

    /// The same, until `time` has passed.
    pub fn disconnect_for(&mut self, device: DeviceRef, time: Duration) {
        self.disconnect(device);
        self.after(time.as_millis() as u64, Happening::Heal(device));
    }

    /// Gives a device its network back.
    pub fn connect(&mut self, device: DeviceRef) {
        self.devices[device.0].is_online = true;
    }

    /// The next thing before `end`; false if there is none.
    fn happen(&mut self, end: Timestamp) -> bool {
        let Some(entry) = self.queue.first_entry() else { return false };
        if entry.key().0 > end {
            return false;
        }
        let ((when, _), happening) = entry.remove_entry();
        self.now = when;
        match happening {
            Happening::Connected(number) => self.on_connected(number),
            Happening::Connect(device, relay, role) => self.begin_connecting(device, relay, role),
            Happening::ToRelay(number, bytes) => self.on_frame_at_relay(number, &bytes),
            Happening::ToDevice(number, bytes) => self.on_frame_at_device(number, &bytes),
            Happening::CheckSilence(number) => self.on_check_silence(number),
            Happening::LostAtDevice(number) => self.on_lost_at_device(number),
            Happening::LostAtRelay(number) => self.on_lost_at_relay(number),
            Happening::Wake(device) => self.on_wake(device),
            Happening::Start(device) => self.start(device),
            Happening::RelayTick(relay) => {
                let node = &mut self.relays[relay.0];
                if node.is_up {
                    let sent = node.core.tick(when);
                    self.deliver(sent);
                }
                self.after(TICK_MILLIS, Happening::RelayTick(relay));
            }
            Happening::RelayStart(relay) => self.relays[relay.0].is_up = true,
            Happening::Heal(device) => self.connect(device),
        }
        true
    }

    fn is_idle(&self) -> bool {
        self.frames_on_their_way == 0 && self.unrest().is_empty()
    }

    /// Why the world is not idle, in words; empty if it is.
    fn unrest(&self) -> String {
        let mut why = String::new();
        let mut all_there = true;
        for node in &self.devices {
            let Some(process) = node.process.as_ref().filter(|_| node.is_online) else {
                all_there = false;
                continue;
            };
            let jobs = query::pending_jobs(&node.store).expect("a readable store");
            let Ok(receipts) = node.store.scan(RecordKind::Receipt, &[], Order::Ascending, None, usize::MAX);
            if jobs > 0 || !receipts.is_empty() || !process.dispatcher.is_idle() {
                why += &format!("{} has {jobs} jobs, owes {} receipts; ", node.name, receipts.len());
            }
        }
        let waiting: usize = self.relays.iter().map(|relay| relay.core.store().waiting()).sum();
        if all_there && waiting > 0 {
            why += &format!("{waiting} envelopes wait");
        }
        why
    }

    /// A whole number below `bound`, from this run's randomness.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.rng.random_range(0..bound.max(1))
    }
}
