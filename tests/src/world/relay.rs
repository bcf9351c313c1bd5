//! Relays: the real core over its store in memory, and whether the process runs.

use khaima_engine::RelayId;
use khaima_relay::core::{Invite, LocalRelay, StoreOp};
use khaima_relay::store::{MailboxStore, MemoryStore};
use khaima_wire::{InviteCode, RelayAddress, RelayPin};
use rand::RngExt;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::happening::Happening;
use super::{Policy, RelayRef, World};

/// One relay.
pub(super) struct RelayNode {
    pub(super) address: RelayAddress,
    pub(super) core: LocalRelay<MemoryStore, ChaCha20Rng>,
    pub(super) is_up: bool,
    pub(super) deaths: u64,
}

/// How often a relay looks after its store, in milliseconds.
pub(super) const TICK_MILLIS: u64 = 3_600_000;

impl World {
    /// Adds a relay.
    pub fn relay(&mut self, policy: Policy) -> RelayRef {
        let number = RelayRef(self.relays.len());
        let pin = RelayPin::from_bytes(self.rng.random());
        let address =
            RelayAddress::new(&format!("relay{}.example", number.0), 4433, pin).expect("a host name");
        let rng = ChaCha20Rng::from_seed(self.rng.random());
        let core = LocalRelay::new(pin, policy, MemoryStore::new(), rng);
        self.relays.push(RelayNode { address, core, is_up: true, deaths: 0 });
        self.after(TICK_MILLIS, Happening::RelayTick(number));
        number
    }

    /// The first relay.
    pub fn home(&self) -> RelayRef {
        RelayRef(0)
    }

    /// Where a relay is.
    pub fn address(&self, relay: RelayRef) -> RelayAddress {
        self.relays[relay.0].address.clone()
    }

    /// A code of a relay's operator, good for `uses` exchanges.
    pub fn invite_code(&mut self, relay: RelayRef, uses: u32) -> InviteCode {
        let code = InviteCode::generate(&mut self.rng);
        let invite = Invite { uses, expires: self.now.day().plus(30) };
        let op = StoreOp::AddInvite { code: code.hash(), invite };
        // The store in memory has answered when it returns; its future only carries the answer.
        drop(self.relays[relay.0].core.store().apply(op));
        code
    }

    /// Envelopes that wait in a relay's store.
    pub fn waiting(&self, relay: RelayRef) -> usize {
        self.relays[relay.0].core.store().waiting()
    }

    /// Mailboxes in a relay's store.
    pub fn mailboxes(&self, relay: RelayRef) -> usize {
        self.relays[relay.0].core.store().mailboxes()
    }

    /// How often relays have died.
    pub fn relay_deaths(&self) -> u64 {
        self.relays.iter().map(|relay| relay.deaths).sum()
    }

    /// Kills a relay. Its store stays; it is started again after `down_millis`.
    pub fn kill_relay(&mut self, relay: RelayRef, down_millis: u64) {
        let node = &mut self.relays[relay.0];
        if !node.is_up {
            return;
        }
        node.is_up = false;
        node.deaths += 1;
        node.core.restart();
        self.cut(|connection| connection.relay == relay);
        self.after(down_millis, Happening::RelayStart(relay));
    }

    pub(super) fn relay_at(&self, id: RelayId) -> Option<RelayRef> {
        self.relays.iter().position(|relay| RelayId::of(&relay.address) == id).map(RelayRef)
    }
}
