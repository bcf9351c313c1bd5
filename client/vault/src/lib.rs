//! The vault: the engine's store on disk, encrypted under a passphrase, which forgets what is deleted.
//!
//! ```text
//! passphrase ──Argon2id──> slot of the header ──> master key ──> root page ──> pages ──> secret of a record
//!                          header.a, header.b                    keys.0                  │
//!                                                                                        v
//!                                                              records.0 (sled): name ──> sealed chunk
//! ```
//!
//! sled keeps what is overwritten and deleted in its files for long. So it holds nothing but sealed chunks, each
//! record under a random secret of its own; the secrets lie in the key table, outside sled, and a thing is deleted
//! when its secret is gone.
//!
//! **Promised:** a commit happens whole or not at all, whatever is cut off and whenever; when it returns, it survives
//! a loss of power; with the passphrase and every file as it is now, what was deleted or replaced before is gone.
//! **Not promised:** anything about copies made earlier, including those a file system or an SSD keeps by itself; that
//! nobody put an older copy in place; that the number of records, their rough sizes and the times of use do not show.
//!
//! ```
//! use khaima_engine::{Changes, Commit, RecordKey, RecordKind, StoreView};
//! use khaima_vault::{KdfParams, Passphrase, Vault};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let parent = tempfile::tempdir()?;
//! # let directory = parent.path().join("vault");
//! let passphrase = Passphrase::of("seven words nobody has ever said together")?;
//! # let kdf = KdfParams::weak_for_tests();
//! # let _ = stringify!(
//! let kdf = KdfParams::calibrated();
//! # );
//! let mut vault = Vault::create(&directory, &passphrase, kdf)?;
//!
//! let key = RecordKey::new(RecordKind::Settings, b"language").ok_or("no such key")?;
//! let mut changes = Changes::new();
//! changes.put(key.clone(), b"ar".to_vec());
//! vault.commit(changes)?; // durable
//! vault.close()?;
//!
//! let vault = Vault::open(&directory, &passphrase)?;
//! assert_eq!(vault.get(&key)?.as_deref().map(Vec::as_slice), Some(b"ar".as_slice()));
//! # Ok(())
//! # }
//! ```
//!
//! Spec: `docs/spec/vault.md` has every byte. Not its concern: what records mean, and the process that holds the keys
//! (core dumps, swap, locking).

mod disk;
mod error;
mod header;
mod kdf;
mod lock;
mod passphrase;
mod records;
mod seal;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod vault;

pub use disk::DiskError;
pub use error::{ChangePassphraseError, CommitError, CreateError, OpenError, ReadError};
pub use kdf::{KdfError, KdfParams};
pub use passphrase::{Passphrase, PassphraseTooLong};
pub use records::RecordsError;
pub use seal::RandomError;
pub use store::{CommitStats, Stats};
pub use table::TableError;
pub use vault::Vault;
