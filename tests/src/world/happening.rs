//! What lies in the queue, and putting it there.

use khaima_engine::RelayId;
use khaima_wire::{Role, Timestamp};

use super::{ConnId, DeviceRef, RelayRef, World};

/// Something that will happen.
pub(super) enum Happening {
    /// A connection is made, or turns out not to be.
    Connected(ConnId),
    /// A link tries again.
    Connect(DeviceRef, RelayId, Role),
    /// A frame arrives at a relay.
    ToRelay(ConnId, Vec<u8>),
    /// A frame arrives at a device.
    ToDevice(ConnId, Vec<u8>),
    /// A link looks whether its relay is silent.
    CheckSilence(ConnId),
    /// A device notices that a connection is gone.
    LostAtDevice(ConnId),
    /// A relay notices.
    LostAtRelay(ConnId),
    /// A device has something to do; of use only if it still is the device's next waking.
    Wake(DeviceRef),
    /// A device that crashed is started again.
    Start(DeviceRef),
    /// A relay looks after its mailboxes.
    RelayTick(RelayRef),
    /// A relay that died is started again.
    RelayStart(RelayRef),
    /// A device that was cut off has a network again.
    Heal(DeviceRef),
}

impl World {
    /// Puts something into the queue, `millis` from now.
    pub(super) fn after(&mut self, millis: u64, happening: Happening) {
        self.at(self.now.plus_millis(millis), happening);
    }

    /// Puts something into the queue. Of two at one time the one put first happens first.
    pub(super) fn at(&mut self, when: Timestamp, happening: Happening) {
        self.queued += 1;
        self.queue.insert((when.max(self.now), self.queued), happening);
    }
}
