//! One person with one device, all that it stores, and a picture of all of it.

#![allow(dead_code, reason = "each file of tests uses its share")]

use std::collections::{BTreeMap, BTreeSet};

use khaima_signal::{CiphertextMessage, MessageType, ProtocolAddress, SenderKeyMessage};
use rand_chacha::ChaCha20Rng;

use crate::{
    common::{Device, sender_keys::SenderKeys},
    refusal::Refusal,
};

/// One device and everything it stores: identity, trust, prekeys and what was seen of them, sessions, sender keys.
pub struct Person {
    pub device: Device,
    pub sender_keys: SenderKeys,
}

impl Person {
    pub fn new(device: Device) -> Self {
        Self { device, sender_keys: SenderKeys::default() }
    }

    pub fn address(&self) -> ProtocolAddress {
        self.device.address.clone()
    }

    /// Every entry of every store, by a name that tells which.
    pub fn snapshot(&self) -> Snapshot {
        let device = &self.device;
        let stores = &device.stores;
        let mut all = Snapshot::new();
        let mut put = |name: String, bytes: Vec<u8>| assert!(all.insert(name, bytes).is_none());
        let own = device.identity.private().serialize().expose().to_vec();
        put("own identity".into(), [&own, device.address.to_string().as_bytes()].concat());
        put("own registration id".into(), device.registration_id.to_be_bytes().to_vec());
        for (id, bytes) in &stores.one_time {
            put(format!("one-time prekey {id}"), bytes.clone());
        }
        for (id, bytes) in &stores.signed {
            put(format!("signed prekey {id}"), bytes.clone());
        }
        for (id, (last_resort, bytes)) in &stores.kyber {
            put(format!("kyber prekey {id}, last resort {last_resort}"), bytes.clone());
        }
        for (kyber, signed, base_key) in &stores.seen {
            put(format!("seen base key {kyber}.{signed}.{}", hex::encode(base_key)), Vec::new());
        }
        for (peer, key) in &stores.identities {
            put(format!("identity of {peer:?}"), key.to_vec());
        }
        for (peer, parts) in &stores.sessions {
            put(format!("session with {peer:?}"), Vec::new());
            for (name, bytes) in parts {
                put(format!("session with {peer:?}, part {}", hex::encode(name)), bytes.clone());
            }
        }
        for (sender, id, parts) in self.sender_keys.all() {
            let of = format!("sender key of {sender:?} in {}", hex::encode(id.as_bytes()));
            put(of.clone(), Vec::new());
            for (name, bytes) in parts {
                put(format!("{of}, part {}", hex::encode(name)), bytes.clone());
            }
        }
        all
    }
}

pub type Snapshot = BTreeMap<String, Vec<u8>>;

/// Which entries differ.
pub fn changed(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

impl Person {
    pub fn receive(
        &mut self,
        from: &ProtocolAddress,
        kind: MessageType,
        bytes: &[u8],
        rng: &mut ChaCha20Rng,
    ) -> Result<Vec<u8>, Refusal> {
        let message = CiphertextMessage::decode(kind, bytes).map_err(Refusal::Message)?;
        self.device.decrypt(from, &message, rng).map_err(Refusal::Session)
    }

    pub fn group_receive(&mut self, from: &ProtocolAddress, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
        let message = SenderKeyMessage::decode(bytes).map_err(Refusal::Message)?;
        self.sender_keys.decrypt(from, &message).map_err(Refusal::Group)
    }
}
