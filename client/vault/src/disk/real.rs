//! The file system itself.
//!
//! Every file is made with mode 0600 and every directory with 0700, whatever the umask allows beyond.
//!
//! Not its concern: what to write and in which order.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Disk, File, Profile};

/// The files of one vault directory. Handles stay open between operations.
#[derive(Debug)]
pub(crate) struct RealDisk {
    directory: PathBuf,
    open: Mutex<BTreeMap<File, Arc<fs::File>>>,
}

impl RealDisk {
    /// The files in `directory`, which need not exist yet.
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), open: Mutex::default() }
    }

    /// Where sled keeps a profile's records.
    pub(crate) fn records_directory(directory: &Path, profile: Profile) -> PathBuf {
        directory.join(format!("records.{}", profile.number()))
    }

    fn path(&self, file: File) -> PathBuf {
        match file {
            File::HeaderDraft => self.directory.join("header.new"),
            File::HeaderA => self.directory.join("header.a"),
            File::HeaderB => self.directory.join("header.b"),
            File::Keys(profile) => self.directory.join(format!("keys.{}", profile.number())),
            File::Records(profile) => Self::records_directory(&self.directory, profile).join("db"),
        }
    }

    fn handle(&self, file: File, create: bool) -> io::Result<Arc<fs::File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = open.get(&file) {
            return Ok(Arc::clone(handle));
        }
        let handle =
            OpenOptions::new().read(true).write(true).create(create).mode(FILE_MODE).open(self.path(file))?;
        let handle = Arc::new(handle);
        open.insert(file, Arc::clone(&handle));
        Ok(handle)
    }

    fn forget(&self, file: File) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&file);
    }
}

const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// Makes a directory, and its parents, that only this user may enter, durably; an existing one is closed to others.
pub(crate) fn make_private_directory(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> =
        path.ancestors().take_while(|part| !part.exists() && *part != Path::new("")).collect();
    if missing.is_empty() {
        return fs::set_permissions(path, Permissions::from_mode(DIRECTORY_MODE));
    }
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)?;
    for made in missing {
        match made.parent() {
            Some(parent) if parent == Path::new("") => sync_directory(Path::new("."))?,
            Some(parent) => sync_directory(parent)?,
            None => {}
        }
    }
    Ok(())
}

/// Takes rights of others away from the files in a directory and from the directories in it.
pub(crate) fn make_private(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let mode = if entry.file_type()?.is_dir() { DIRECTORY_MODE } else { FILE_MODE };
        match fs::set_permissions(entry.path(), Permissions::from_mode(mode)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {} // sled removes old snapshots by itself
            result => result?,
        }
    }
    Ok(())
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

impl Disk for RealDisk {
    fn length(&self, file: File) -> io::Result<Option<u64>> {
        match fs::metadata(self.path(file)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&self, file: File, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.handle(file, false)?.read_exact_at(buffer, offset)
    }

    fn write(&self, file: File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.handle(file, true)?.write_all_at(bytes, offset)
    }

    fn truncate(&self, file: File, length: u64) -> io::Result<()> {
        self.handle(file, false)?.set_len(length)
    }

    fn sync(&self, file: File) -> io::Result<()> {
        self.handle(file, false)?.sync_data()
    }

    fn rename(&self, from: File, to: File) -> io::Result<()> {
        self.forget(from);
        self.forget(to);
        fs::rename(self.path(from), self.path(to))?;
        self.sync_names()
    }

    fn remove(&self, file: File) -> io::Result<()> {
        self.forget(file);
        match fs::remove_file(self.path(file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    fn sync_names(&self) -> io::Result<()> {
        sync_directory(&self.directory)
    }
}
