//! One device's sender keys as bytes, so that whatever a test does passes through the stored form.

use std::collections::BTreeMap;

use khaima_signal::{
    DistributionId, GroupDecryptError, GroupEncryptError, ProtocolAddress, SenderKeyChange,
    SenderKeyDistributionMessage, SenderKeyMessage, SenderKeyRecord,
};
use rand_core::CryptoRng;

use super::{Parts, Peer, apply, by_name, key_of, record_parts};

pub fn parts_of(record: &SenderKeyRecord) -> Parts {
    by_name(record.to_parts())
}

pub fn read(parts: &Parts) -> SenderKeyRecord {
    SenderKeyRecord::from_parts(record_parts(parts)).unwrap()
}

/// Stored sender keys by sender and distribution id; one's own under one's own address.
#[derive(Clone, Default, PartialEq)]
pub struct SenderKeys(BTreeMap<(Peer, DistributionId), Parts>);

impl SenderKeys {
    /// The stored parts of a record; none if it is not there.
    pub fn parts(&self, sender: &ProtocolAddress, id: DistributionId) -> Option<&Parts> {
        self.0.get(&(key_of(sender), id))
    }

    /// Every stored part with the record it belongs to, in a fixed order.
    pub fn all(&self) -> impl Iterator<Item = (&Peer, &DistributionId, &Parts)> {
        self.0.iter().map(|((sender, id), parts)| (sender, id, parts))
    }

    fn record(&self, sender: &ProtocolAddress, id: DistributionId) -> SenderKeyRecord {
        self.parts(sender, id).map_or_else(SenderKeyRecord::empty, read)
    }

    /// Stores a record by its changes, and checks that this gives the same parts as storing all of it.
    fn store(
        &mut self,
        sender: &ProtocolAddress,
        id: DistributionId,
        old: &SenderKeyRecord,
        new: &SenderKeyRecord,
    ) {
        let parts = self.0.entry((key_of(sender), id)).or_default();
        apply(parts, new.changes_since(old));
        assert!(*parts == parts_of(new), "changes and full form agree");
    }

    /// The same device after a restart: every record read and written again.
    pub fn saved_and_loaded(&self) -> Self {
        Self(self.0.iter().map(|(key, parts)| (key.clone(), parts_of(&read(parts)))).collect())
    }

    pub fn set(&mut self, sender: &ProtocolAddress, id: DistributionId, record: &SenderKeyRecord) {
        self.0.insert((key_of(sender), id), parts_of(record));
    }

    /// The message that hands out one's own key.
    pub fn hand_out(&self, own: &ProtocolAddress, id: DistributionId) -> SenderKeyDistributionMessage {
        self.record(own, id).distribution_message(id).unwrap()
    }

    pub fn process(
        &mut self,
        sender: &ProtocolAddress,
        message: &SenderKeyDistributionMessage,
    ) -> SenderKeyChange {
        let id = message.distribution_id();
        let old = self.record(sender, id);
        let processed = old.process(message);
        self.store(sender, id, &old, &processed.record);
        processed.change
    }

    pub fn encrypt<R: CryptoRng>(
        &mut self,
        own: &ProtocolAddress,
        id: DistributionId,
        plaintext: &[u8],
        rng: &mut R,
    ) -> Result<SenderKeyMessage, GroupEncryptError> {
        let old = self.record(own, id);
        let encrypted = old.encrypt(id, plaintext, rng)?;
        self.store(own, id, &old, &encrypted.record);
        Ok(encrypted.message)
    }

    pub fn decrypt(
        &mut self,
        sender: &ProtocolAddress,
        message: &SenderKeyMessage,
    ) -> Result<Vec<u8>, GroupDecryptError> {
        let id = message.distribution_id();
        let old = self.record(sender, id);
        let decrypted = old.decrypt(message)?;
        self.store(sender, id, &old, &decrypted.record);
        Ok(decrypted.plaintext.to_vec())
    }
}
