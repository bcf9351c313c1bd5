//! A relay's directory: what is in it, how it is made.
//!
//! ```text
//!   relay.toml       configuration, for people
//!   identity.key     the relay's private key (PEM): whoever has it can pose as this relay
//!   store.key        the key that names rows: 32 bytes
//!   mailboxes.redb   the database
//!   hours.key        the keys that are forgotten
//!   invites/         codes on their way into the database (hashes)
//! ```
//!
//! Files are made complete under another name and then renamed, with mode 0600; the directory has 0700.
//!
//! Not its concern: the database and its hour keys (`store`), what the configuration means (`config`).

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use khaima_wire::{AddressError, RelayAddress, RelayPin};
use zeroize::Zeroizing;

use crate::config::{CONFIG_FILE, Config, ConfigError};
use crate::store::{EmbeddedStore, OpenError, StoreKey};
use crate::transport::{Identity, TlsError};

const IDENTITY_FILE: &str = "identity.key";
const STORE_KEY_FILE: &str = "store.key";

/// Why a relay's directory cannot be made or used. Say it to the operator as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// There is something already. Nothing was touched.
    #[error("the directory exists and is not empty")]
    Exists,
    /// A file that belongs there is missing. Its name.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A key file has the wrong content. Its name.
    #[error("{0} is damaged")]
    Damaged(&'static str),
    /// No room.
    #[error("the disk is full")]
    DiskFull,
    /// The host or port cannot be part of an address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Something else about a file. The cause says what.
    #[error("files cannot be read or written")]
    Io(#[source] io::Error),
}

impl From<io::Error> for HomeError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Io(error),
        }
    }
}

/// A relay's keys, read from its directory.
#[derive(Debug)]
pub struct Home {
    dir: PathBuf,
    identity: Identity,
    store_key: StoreKey,
}

impl Home {
    /// Makes a directory with fresh keys, an empty store and a configuration with comments.
    ///
    /// # Errors
    ///
    /// [`HomeError::Exists`] unless `dir` is missing or empty; [`HomeError::Address`] for a host that cannot be part of
    /// an address; others by cause.
    pub fn init(dir: &Path, listen: SocketAddr, host: &str) -> Result<Self, HomeError> {
        // Port 0 is for tests: the port is known only once somebody listens.
        let port = if listen.port() == 0 { 1 } else { listen.port() };
        let host = RelayAddress::new(host, port, RelayPin::from_bytes([0; 32]))?.host().to_owned();
        match fs::read_dir(dir) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(HomeError::Exists);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(HomeError::Exists),
            Err(error) => return Err(error.into()),
        }
        let identity = Identity::generate()?;
        let store_key = StoreKey::generate(&mut rand::rng());
        write_file(dir, IDENTITY_FILE, identity.to_pem().as_bytes())?;
        write_file(dir, STORE_KEY_FILE, store_key.expose())?;
        DirBuilder::new().mode(0o700).create(dir.join(crate::invites::DIRECTORY))?;
        EmbeddedStore::open(dir, store_key.clone())?.close();
        // Last: with it the directory is a relay's.
        write_file(dir, CONFIG_FILE, Config::template(listen, &host).as_bytes())?;
        Ok(Self { dir: dir.to_owned(), identity, store_key })
    }

    /// Reads the keys in `dir`.
    ///
    /// # Errors
    ///
    /// [`HomeError::Missing`] or [`HomeError::Damaged`] with the file's name; others by cause.
    pub fn open(dir: &Path) -> Result<Self, HomeError> {
        let pem = read_file(dir, IDENTITY_FILE)?;
        let pem = std::str::from_utf8(&pem).map_err(|_| HomeError::Damaged(IDENTITY_FILE))?;
        let identity = Identity::from_pem(pem).map_err(|_| HomeError::Damaged(IDENTITY_FILE))?;
        let key = read_file(dir, STORE_KEY_FILE)?;
        let key = <&[u8; 32]>::try_from(key.as_slice()).map_err(|_| HomeError::Damaged(STORE_KEY_FILE))?;
        Ok(Self { dir: dir.to_owned(), identity, store_key: StoreKey::from_bytes(key) })
    }

    /// The relay's long-term key.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Opens the store.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open_store(&self) -> Result<EmbeddedStore, OpenError> {
        EmbeddedStore::open(&self.dir, self.store_key.clone())
    }

    /// The address that people are given. `bound_port` is the port that is listened on, for configurations that leave
    /// it open.
    ///
    /// # Errors
    ///
    /// [`AddressError`] if the configured host or port cannot be part of one.
    pub fn address(&self, config: &Config, bound_port: u16) -> Result<RelayAddress, AddressError> {
        RelayAddress::new(&config.host, config.port.unwrap_or(bound_port), self.identity.pin())
    }
}

/// Writes a file whole or not at all, durably, readable by the owner only.
pub(crate) fn write_file(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = dir.join(format!("{name}.new"));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, dir.join(name))?;
    File::open(dir)?.sync_all()
}

fn read_file(dir: &Path, name: &'static str) -> Result<Zeroizing<Vec<u8>>, HomeError> {
    match fs::read(dir.join(name)) {
        Ok(bytes) => Ok(Zeroizing::new(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(HomeError::Missing(name)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::DEFAULT_LISTEN;

    #[test]
    fn a_new_directory_is_whole_and_for_its_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("a/relay");
        let made = Home::init(&dir, DEFAULT_LISTEN, "relay.test").unwrap();
        let read = Home::open(&dir).unwrap();
        let config = Config::load(&dir).unwrap();
        let address = read.address(&config, config.listen.port()).unwrap();
        assert_eq!(address, made.address(&config, 4433).unwrap());
        assert!(address.to_string().starts_with("relay.test:4433#"));
        for entry in fs::read_dir(&dir).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o077;
            assert_eq!(mode, 0, "{:?}", entry.file_name());
        }
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o077, 0);
    }

    #[test]
    fn a_directory_with_something_in_it_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("letter.txt"), "dear").unwrap();
        assert!(matches!(Home::init(dir.path(), DEFAULT_LISTEN, "relay.test"), Err(HomeError::Exists)));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let file = dir.path().join("letter.txt");
        assert!(matches!(Home::init(&file, DEFAULT_LISTEN, "relay.test"), Err(HomeError::Exists)));
    }

    #[test]
    fn a_host_that_is_none_is_refused_before_anything_is_made() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("relay");
        for host in ["", "two words", "a\"b", "300.1.1.1"] {
            assert!(matches!(Home::init(&dir, DEFAULT_LISTEN, host), Err(HomeError::Address(_))), "{host}");
            assert!(!dir.exists());
        }
    }

    #[test]
    fn missing_and_damaged_keys_are_named() {
        let dir = tempfile::tempdir().unwrap();
        Home::init(dir.path(), DEFAULT_LISTEN, "relay.test").unwrap();
        for name in [IDENTITY_FILE, STORE_KEY_FILE] {
            let kept = fs::read(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name), &kept[..10]).unwrap();
            assert!(matches!(Home::open(dir.path()), Err(HomeError::Damaged(file)) if file == name));
            fs::remove_file(dir.path().join(name)).unwrap();
            assert!(matches!(Home::open(dir.path()), Err(HomeError::Missing(file)) if file == name));
            fs::write(dir.path().join(name), kept).unwrap();
            assert!(Home::open(dir.path()).is_ok());
        }
    }
}
