//! What every part of a step works with: the store under the changes so far, the time, randomness, who we are.

use khaima_signal::Local;
use khaima_wire::{Day, Timestamp};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::effect::{Effect, Step};
use crate::error::{CommandError, EngineError};
use crate::event::{Event, Problem};
use crate::ids::JobId;
use crate::records::{JobRecord, ProfileRecord, Record, View, load, put_blob};
use crate::store::{Change, Changes, Order, RecordKey, RecordKind};

/// One step in the making. It reads like the store after the changes it has collected.
pub(crate) struct Ctx<'a> {
    base: &'a dyn View,
    pub(crate) step: Step,
    pub(crate) now: Timestamp,
    pub(crate) rng: &'a mut dyn CryptoRng,
}

impl<'a> Ctx<'a> {
    pub(crate) fn new(base: &'a dyn View, now: Timestamp, rng: &'a mut dyn CryptoRng) -> Self {
        Self { base, step: Step::default(), now, rng }
    }

    fn view(&self) -> StepView<'_> {
        StepView { base: self.base, changes: &self.step.changes }
    }

    /// What is read and the source of randomness, for calls that need both.
    pub(crate) fn view_and_rng(&mut self) -> (StepView<'_>, &mut dyn CryptoRng) {
        (StepView { base: self.base, changes: &self.step.changes }, &mut *self.rng)
    }

    pub(crate) fn today(&self) -> Day {
        self.now.day()
    }

    /// Forgets everything collected so far.
    pub(crate) fn roll_back(&mut self) {
        self.step = Step::default();
    }

    pub(crate) fn changes(&mut self) -> &mut Changes {
        &mut self.step.changes
    }

    /// Writes a record.
    pub(crate) fn put<T: Record>(&mut self, id: &[u8], record: &T) {
        self.step.changes.put(RecordKey::of(T::KIND, &[id]), record.encode());
    }

    pub(crate) fn put_bytes(&mut self, key: RecordKey, bytes: &[u8]) {
        self.step.changes.put(key, bytes.to_vec());
    }

    pub(crate) fn delete(&mut self, key: RecordKey) {
        self.step.changes.delete(key);
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.step.events.push(event);
    }

    pub(crate) fn problem(&mut self, problem: Problem) {
        self.event(Event::Problem(problem));
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.step.effects.push(effect);
    }

    /// Who we are.
    pub(crate) fn profile(&self) -> Result<ProfileRecord, EngineError> {
        ProfileRecord::load_dyn(self)?.ok_or(EngineError::Command(CommandError::NoProfile))
    }

    /// Adds a job behind all others.
    pub(crate) fn add_job(&mut self, job: &JobRecord, blob: &[u8]) -> Result<JobId, EngineError> {
        let last = self.list(RecordKind::Job, &[], Order::Descending, None, 1)?;
        let last = last.first().and_then(|key| JobId::from_slice(key.id()));
        let id = JobId::at(last.map_or(1, |id| id.position().saturating_add(1)), self.rng);
        self.put(id.as_bytes(), job);
        put_blob(&mut self.step.changes, RecordKind::JobBlob, id.as_bytes(), blob);
        Ok(id)
    }

    /// Removes a job that is done.
    pub(crate) fn remove_job(&mut self, id: JobId) -> Result<(), EngineError> {
        self.delete(RecordKey::of(RecordKind::Job, &[id.as_bytes()]));
        let chunks = self.list(RecordKind::JobBlob, id.as_bytes(), Order::Ascending, None, usize::MAX)?;
        chunks.into_iter().for_each(|key| self.delete(key));
        Ok(())
    }

    /// Reads a record that must be there.
    pub(crate) fn require<T: Record>(&self, id: &[u8]) -> Result<T, EngineError> {
        load(self, id)?.ok_or(EngineError::Damaged(T::KIND))
    }

    /// Reads a record a command names.
    pub(crate) fn named<T: Record>(&self, id: &[u8]) -> Result<T, EngineError> {
        load(self, id)?.ok_or(EngineError::Command(CommandError::NotFound))
    }
}

/// What a step reads: the store under the changes so far.
pub(crate) struct StepView<'a> {
    base: &'a dyn View,
    changes: &'a Changes,
}

impl View for StepView<'_> {
    fn read(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>, EngineError> {
        match self.changes.get(key) {
            Some(Change::Put(bytes)) => Ok(Some(bytes.clone())),
            Some(Change::Delete) => Ok(None),
            None => self.base.read(key),
        }
    }

    fn list(
        &self,
        kind: RecordKind,
        prefix: &[u8],
        order: Order,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<RecordKey>, EngineError> {
        self.changes.overlay_scan(kind, prefix, order, after, limit, |limit| {
            self.base.list(kind, prefix, order, after, limit)
        })
    }
}

impl View for Ctx<'_> {
    fn read(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>, EngineError> {
        self.view().read(key)
    }

    fn list(
        &self,
        kind: RecordKind,
        prefix: &[u8],
        order: Order,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<RecordKey>, EngineError> {
        self.view().list(kind, prefix, order, after, limit)
    }
}

/// A profile with its own address at hand, as sessions want it.
pub(crate) struct LocalDevice {
    pub(crate) profile: ProfileRecord,
    address: khaima_signal::ProtocolAddress,
}

impl LocalDevice {
    pub(crate) fn new(profile: ProfileRecord) -> Self {
        let address = profile.address();
        Self { profile, address }
    }

    pub(crate) fn local(&self) -> Local<'_, khaima_signal::IdentityKeyPair> {
        Local {
            identity: &self.profile.identity,
            address: &self.address,
            registration_id: self.profile.registration_id,
        }
    }
}

/// The Signal crate's time.
pub(crate) fn signal_time(time: Timestamp) -> khaima_signal::Timestamp {
    khaima_signal::Timestamp::from_millis(time.as_millis())
}
