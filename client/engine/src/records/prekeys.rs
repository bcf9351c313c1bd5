//! Private prekeys, per mailbox, and how a session looks them up.
//!
//! A stored prekey is: version, day of retirement (0 while in use), last-resort flag, then the Signal crate's form.

use khaima_signal::{
    KyberPreKey, KyberPreKeyId, OneTimePreKey, PreKeyId, PreKeyView, PublicKey, SignedPreKey, SignedPreKeyId,
    StoreError, StoredKyber,
};
use khaima_wire::{Day, MailboxId};
use zeroize::Zeroizing;

use super::{Reader, View, Writer, all_keys};
use crate::error::EngineError;
use crate::labels::SEEN_BASE_KEY;
use crate::store::{Changes, RecordKey, RecordKind};

/// Names private prekeys of one mailbox.
#[derive(Clone, Copy)]
pub(crate) struct PreKeyKey<'a>(pub(crate) &'a MailboxId);

impl PreKeyKey<'_> {
    pub(crate) fn of(&self, kind: RecordKind, id: u32) -> RecordKey {
        RecordKey::of(kind, &[self.0.as_bytes(), &id.to_be_bytes()])
    }

    /// Of a base key seen with these prekeys.
    pub(crate) fn base_key(
        &self,
        kyber: KyberPreKeyId,
        signed: SignedPreKeyId,
        key: &PublicKey,
    ) -> RecordKey {
        let hash = SEEN_BASE_KEY.hash(&[
            &kyber.value().to_be_bytes(),
            &signed.value().to_be_bytes(),
            key.serialize().as_slice(),
        ]);
        let (hash, _) = hash.split_at(28);
        RecordKey::of(RecordKind::SeenBaseKey, &[self.0.as_bytes(), &kyber.value().to_be_bytes(), hash])
    }
}

/// A private prekey as stored, not yet decoded further.
pub(crate) struct StoredPreKey {
    /// The day it was replaced; it is deleted 45 days later.
    pub(crate) retired: Option<Day>,
    pub(crate) last_resort: bool,
    pub(crate) encoded: Zeroizing<Vec<u8>>,
}

impl StoredPreKey {
    pub(crate) fn new(encoded: Zeroizing<Vec<u8>>, last_resort: bool) -> Self {
        Self { retired: None, last_resort, encoded }
    }

    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Writer::versioned();
        out.u32(self.retired.map_or(0, Day::number));
        out.flag(self.last_resort);
        out.bytes(&self.encoded);
        out.finish()
    }

    pub(crate) fn decode(kind: RecordKind, bytes: &[u8]) -> Result<Self, EngineError> {
        let read = || {
            let mut from = Reader::versioned(bytes)?;
            let retired = from.u32()?;
            let last_resort = from.flag()?;
            let encoded = Zeroizing::new(from.bytes()?.to_vec());
            from.finish()?;
            Ok(Self { retired: (retired != 0).then(|| Day::new(retired)), last_resort, encoded })
        };
        read().map_err(|_: super::DecodeRecordError| EngineError::Damaged(kind))
    }

    pub(crate) fn load(view: &dyn View, key: &RecordKey) -> Result<Option<Self>, EngineError> {
        view.read(key)?.map(|bytes| Self::decode(key.kind(), &bytes)).transpose()
    }

    pub(crate) fn put(&self, changes: &mut Changes, key: RecordKey) {
        changes.put(key, self.encode());
    }
}

/// The three kinds of private prekeys.
pub(crate) const PREKEY_KINDS: [RecordKind; 3] =
    [RecordKind::OneTimePreKey, RecordKind::SignedPreKey, RecordKind::KyberPreKey];

/// The keys of all private prekeys and seen base keys of a mailbox.
pub(crate) fn prekey_ids(view: &dyn View, mailbox: &MailboxId) -> Result<Vec<RecordKey>, EngineError> {
    let mut keys = Vec::new();
    for kind in PREKEY_KINDS.into_iter().chain([RecordKind::SeenBaseKey]) {
        keys.extend(all_keys(view, kind, mailbox.as_bytes())?);
    }
    Ok(keys)
}

/// The prekeys of one mailbox, as a session sees them.
pub(crate) struct MailboxPreKeys<'a> {
    pub(crate) view: &'a dyn View,
    pub(crate) mailbox: &'a MailboxId,
}

impl MailboxPreKeys<'_> {
    fn find(&self, kind: RecordKind, id: u32) -> Result<Option<StoredPreKey>, StoreError> {
        StoredPreKey::load(self.view, &PreKeyKey(self.mailbox).of(kind, id)).map_err(StoreError::new)
    }
}

impl PreKeyView for MailboxPreKeys<'_> {
    fn one_time(&self, id: PreKeyId) -> Result<Option<OneTimePreKey>, StoreError> {
        let found = self.find(RecordKind::OneTimePreKey, id.value())?;
        found.map(|stored| OneTimePreKey::decode(&stored.encoded)).transpose().map_err(StoreError::new)
    }

    fn signed(&self, id: SignedPreKeyId) -> Result<Option<SignedPreKey>, StoreError> {
        let found = self.find(RecordKind::SignedPreKey, id.value())?;
        found.map(|stored| SignedPreKey::decode(&stored.encoded)).transpose().map_err(StoreError::new)
    }

    fn kyber(&self, id: KyberPreKeyId) -> Result<Option<StoredKyber>, StoreError> {
        let Some(stored) = self.find(RecordKind::KyberPreKey, id.value())? else { return Ok(None) };
        let prekey = KyberPreKey::decode(&stored.encoded).map_err(StoreError::new)?;
        Ok(Some(StoredKyber { prekey, last_resort: stored.last_resort }))
    }

    fn base_key_seen(
        &self,
        kyber: KyberPreKeyId,
        signed: SignedPreKeyId,
        base_key: &PublicKey,
    ) -> Result<bool, StoreError> {
        let key = PreKeyKey(self.mailbox).base_key(kyber, signed, base_key);
        self.view.read(&key).map(|found| found.is_some()).map_err(StoreError::new)
    }
}
