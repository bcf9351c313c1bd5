//! A disk in memory that fails on demand: at a chosen operation, by filling up, or by losing power, which keeps any
//! part of what was written since the last sync.
//!
//! It also plays sled: an ordered log of which power cuts keep a beginning.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};

use rand::Rng;

use super::{Disk, DiskError, File, Profile};
use crate::records::{Name, Records, RecordsError};

/// What goes wrong, counted in operations from [`SimulatedDisk::plan`] on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing.
    #[default]
    Well,
    /// The operation of this number, and none after it, is still handed to the disk.
    PowerCutAt(u64),
    /// The operation of this number fails and has no effect.
    FailAt(u64),
    /// The operation of this number is carried out and reported as failed.
    LieAt(u64),
    /// From the operation of this number on syncs fail and have done nothing for certain.
    SyncsFailFrom(u64),
    /// From the operation of this number on nothing can be written.
    FullFrom(u64),
}

/// A disk; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    files: BTreeMap<File, SimulatedFile>,
    records: BTreeMap<Profile, SimulatedLog>,
    plan: Plan,
    operations: u64,
    counts: Counts,
}

/// What was done since [`SimulatedDisk::plan`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) bytes: u64,
    pub(crate) syncs: u64,
}

#[derive(Clone, Debug, Default)]
struct SimulatedFile {
    durable: Vec<u8>,
    current: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Clone, Debug)]
enum Pending {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

type Chunks = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug, Default)]
struct SimulatedLog {
    durable: Chunks,
    current: Chunks,
    pending: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

const SECTOR: usize = 512;

impl Pending {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => write_at(file, *offset, bytes),
            Self::Truncate { length } => file.truncate(*length),
        }
    }

    fn apply_torn(&self, file: &mut Vec<u8>, rng: &mut impl Rng) {
        let Self::Write { offset, bytes } = self else { return };
        for (at, sector) in bytes.chunks(SECTOR).enumerate() {
            if rng.next_u32().is_multiple_of(2) {
                write_at(file, offset + at * SECTOR, sector);
            }
        }
    }
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

fn write_at(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

fn apply_to(chunks: &mut Chunks, (name, bytes): &(Vec<u8>, Option<Vec<u8>>)) {
    match bytes {
        Some(bytes) => drop(chunks.insert(name.clone(), bytes.clone())),
        None => drop(chunks.remove(name)),
    }
}

enum Act {
    Do,
    DoAndFail,
}

impl State {
    /// Counts an operation and says whether it happens.
    fn act(&mut self, writes: bool) -> io::Result<Act> {
        let number = self.operations;
        self.operations += 1;
        match self.plan {
            Plan::PowerCutAt(at) if number == at => Ok(Act::DoAndFail),
            Plan::PowerCutAt(at) if number > at => Err(ErrorKind::NotConnected.into()),
            Plan::FailAt(at) if number == at => Err(ErrorKind::TimedOut.into()),
            Plan::LieAt(at) if number == at => Ok(Act::DoAndFail),
            Plan::FullFrom(at) if number >= at && writes => Err(ErrorKind::StorageFull.into()),
            _ => Ok(Act::Do),
        }
    }

    fn run<T>(&mut self, writes: bool, action: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        match self.act(writes)? {
            Act::Do => action(self),
            Act::DoAndFail => action(self).and(Err(ErrorKind::NotConnected.into())),
        }
    }

    /// A sync that the power cut interrupts has done nothing for certain.
    fn run_sync(&mut self, action: impl FnOnce(&mut Self)) -> io::Result<()> {
        if matches!(self.plan, Plan::SyncsFailFrom(at) if self.operations >= at) {
            self.operations += 1;
            return Err(ErrorKind::TimedOut.into());
        }
        match self.act(true)? {
            Act::DoAndFail if matches!(self.plan, Plan::PowerCutAt(_)) => Err(ErrorKind::NotConnected.into()),
            Act::DoAndFail => {
                action(self);
                Err(ErrorKind::NotConnected.into())
            }
            Act::Do => {
                action(self);
                self.counts.syncs += 1;
                Ok(())
            }
        }
    }
}

impl SimulatedDisk {
    /// Sets what goes wrong, and begins to count anew.
    pub(crate) fn plan(&self, plan: Plan) {
        let mut state = self.state.lock().unwrap();
        state.plan = plan;
        state.operations = 0;
        state.counts = Counts::default();
    }

    /// Operations since [`plan`](Self::plan).
    pub(crate) fn operations(&self) -> u64 {
        self.state.lock().unwrap().operations
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state.lock().unwrap().counts
    }

    /// A disk of its own with the same content.
    pub(crate) fn copy(&self) -> Self {
        Self { state: Arc::new(Mutex::new(self.state.lock().unwrap().clone())) }
    }

    /// Loses power: of what was not synced, any part stays, whole or torn.
    pub(crate) fn cut_power(&self, rng: &mut impl Rng) {
        let mut state = self.state.lock().unwrap();
        for file in state.files.values_mut() {
            for write in std::mem::take(&mut file.pending) {
                match rng.next_u32() % 3 {
                    0 => {}
                    1 => write.apply(&mut file.durable),
                    _ => write.apply_torn(&mut file.durable, rng),
                }
            }
            file.current = file.durable.clone();
        }
        for log in state.records.values_mut() {
            let kept = rng.next_u32() as usize % (log.pending.len() + 1);
            for change in std::mem::take(&mut log.pending).iter().take(kept) {
                apply_to(&mut log.durable, change);
            }
            log.current = log.durable.clone();
        }
        state.plan = Plan::Well;
    }

    /// A profile's records.
    pub(crate) fn records(&self, profile: Profile) -> Box<SimulatedRecords> {
        Box::new(SimulatedRecords { disk: self.clone(), profile })
    }

    /// The bytes of a file.
    pub(crate) fn bytes(&self, file: File) -> Vec<u8> {
        self.state.lock().unwrap().files[&file].current.clone()
    }

    /// Changes a file behind everybody's back, durably.
    pub(crate) fn damage(&self, file: File, damage: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state.lock().unwrap();
        let file = state.files.get_mut(&file).unwrap();
        damage(&mut file.current);
        file.durable = file.current.clone();
        file.pending.clear();
    }

    /// Loses a file.
    pub(crate) fn lose(&self, file: File) {
        self.state.lock().unwrap().files.remove(&file);
    }

    /// Changes all chunks of a profile behind everybody's back.
    pub(crate) fn damage_records(&self, profile: Profile, damage: impl FnOnce(&mut Chunks)) {
        let mut state = self.state.lock().unwrap();
        let log = state.records.get_mut(&profile).unwrap();
        damage(&mut log.current);
        log.durable = log.current.clone();
        log.pending.clear();
    }

    /// All chunks of a profile.
    pub(crate) fn chunks(&self, profile: Profile) -> Chunks {
        self.state.lock().unwrap().records.get(&profile).map(|log| log.current.clone()).unwrap_or_default()
    }
}

impl Disk for SimulatedDisk {
    fn length(&self, file: File) -> io::Result<Option<u64>> {
        let mut state = self.state.lock().unwrap();
        state.run(false, |state| Ok(state.files.get(&file).map(|file| file.current.len() as u64)))
    }

    fn read(&self, file: File, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.run(false, |state| {
            let file = state.files.get(&file).ok_or(ErrorKind::NotFound)?;
            let bytes = file.current.get(place(offset)..).unwrap_or_default();
            buffer.copy_from_slice(bytes.get(..buffer.len()).ok_or(ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn write(&self, file: File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.run(true, |state| {
            state.counts.bytes += bytes.len() as u64;
            let file = state.files.entry(file).or_default();
            let write = Pending::Write { offset: place(offset), bytes: bytes.to_vec() };
            write.apply(&mut file.current);
            file.pending.push(write);
            Ok(())
        })
    }

    fn truncate(&self, file: File, length: u64) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.run(true, |state| {
            let file = state.files.get_mut(&file).ok_or(ErrorKind::NotFound)?;
            let cut = Pending::Truncate { length: place(length) };
            cut.apply(&mut file.current);
            file.pending.push(cut);
            Ok(())
        })
    }

    fn sync(&self, file: File) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.run_sync(|state| {
            if let File::Records(profile) = file {
                let log = state.records.entry(profile).or_default();
                let pending = std::mem::take(&mut log.pending);
                pending.iter().for_each(|change| apply_to(&mut log.durable, change));
            } else {
                let file = state.files.entry(file).or_default();
                let pending = std::mem::take(&mut file.pending);
                pending.iter().for_each(|write| write.apply(&mut file.durable));
            }
        })
    }

    fn rename(&self, from: File, to: File) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.run(true, |state| {
            let file = state.files.remove(&from).ok_or(ErrorKind::NotFound)?;
            state.files.insert(to, file);
            Ok(())
        })
    }

    fn remove(&self, file: File) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.run(true, |state| {
            state.files.remove(&file);
            Ok(())
        })
    }

    fn sync_names(&self) -> io::Result<()> {
        self.state.lock().unwrap().run(true, |_| Ok(()))
    }
}

/// sled, played.
#[derive(Debug)]
pub(crate) struct SimulatedRecords {
    disk: SimulatedDisk,
    profile: Profile,
}

impl SimulatedRecords {
    fn run<T>(&self, writes: bool, action: impl FnOnce(&mut SimulatedLog) -> T) -> Result<T, RecordsError> {
        let mut state = self.disk.state.lock().unwrap();
        let result = state.run(writes, |state| Ok(action(state.records.entry(self.profile).or_default())));
        result.map_err(|error| DiskError::from(error).into())
    }

    fn change(&self, name: &[u8], bytes: Option<&[u8]>) -> Result<(), RecordsError> {
        self.run(true, |log| {
            let change = (name.to_vec(), bytes.map(<[u8]>::to_vec));
            apply_to(&mut log.current, &change);
            log.pending.push(change);
        })
    }
}

impl Records for SimulatedRecords {
    fn get(&self, name: &Name) -> Result<Option<Vec<u8>>, RecordsError> {
        self.run(false, |log| log.current.get(name.as_slice()).cloned())
    }

    fn put(&self, name: &Name, bytes: &[u8]) -> Result<(), RecordsError> {
        self.change(name, Some(bytes))
    }

    fn remove(&self, name: &[u8]) -> Result<(), RecordsError> {
        self.change(name, None)
    }

    fn flush(&self) -> Result<(), RecordsError> {
        self.run(true, |_| ())
    }

    fn names(&self, visit: &mut dyn FnMut(&[u8])) -> Result<(), RecordsError> {
        let names: Vec<Vec<u8>> = self.run(false, |log| log.current.keys().cloned().collect())?;
        names.iter().for_each(|name| visit(name));
        Ok(())
    }
}
