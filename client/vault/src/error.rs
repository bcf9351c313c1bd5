//! What can go wrong with a vault, for those who use it.
//!
//! Not its concern: the parts' own errors, which these pass on (`disk`, `records`, `table`, `kdf`).

use khaima_engine::RecordKind;

use crate::disk::DiskError;
use crate::kdf::KdfError;
use crate::records::RecordsError;
use crate::seal::RandomError;
use crate::table::TableError;

/// Why a vault was not created. Nothing that was there before is changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// There is a vault in this directory already. Open it, or choose another directory.
    #[error("there is a vault in this directory already")]
    Exists,
    /// The directory holds other files. Choose an empty or a new one.
    #[error("this directory holds other files; a vault needs one of its own")]
    NotEmpty,
    /// Another process is using the directory.
    #[error("this vault is in use by another process")]
    InUse,
    /// An empty passphrase protects nothing. Ask for another.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// See [`KdfError`].
    #[error(transparent)]
    Kdf(#[from] KdfError),
    /// See [`DiskError`].
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// See [`RecordsError`].
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// See [`TableError`].
    #[error(transparent)]
    Table(#[from] TableError),
    /// See [`RandomError`].
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Why a vault was not opened. Nothing is lost by trying.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no vault in this directory. Check the path, or create one.
    #[error("there is no vault in this directory")]
    NotAVault,
    /// The vault is open in another process, or twice in this one. Close it there.
    #[error("this vault is in use by another process")]
    InUse,
    /// Wrong passphrase, empty slot, damaged header: these cannot be told apart, on purpose.
    #[error(
        "this passphrase does not open this vault, or its header is damaged; a copy of the whole vault directory, \
         if one was made, opens with the passphrase it had then"
    )]
    DoesNotOpen,
    /// A later version of the program wrote it. Install that version.
    #[error("this vault was written by a newer version of the program")]
    Newer,
    /// The passphrase is right, but neither copy of the key table's root page can be read. A copy of the whole vault
    /// directory is needed.
    #[error("the vault's key table is damaged in both copies; a copy of the whole vault directory is needed")]
    RootDamaged,
    /// See [`KdfError`].
    #[error(transparent)]
    Kdf(#[from] KdfError),
    /// See [`DiskError`].
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// See [`RecordsError`].
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// See [`TableError`].
    #[error(transparent)]
    Table(#[from] TableError),
    /// See [`RandomError`].
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Why a record was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// This one record is damaged or missing; the others are not concerned. It can be replaced or deleted.
    #[error("a record is damaged (kind: {kind:?}); other records are not concerned")]
    Record {
        /// What kind of record it was.
        kind: RecordKind,
    },
    /// The page that holds the record's key is damaged. See [`TableError`].
    #[error(transparent)]
    Table(#[from] TableError),
    /// See [`RecordsError`].
    #[error(transparent)]
    Records(#[from] RecordsError),
}

/// Why a commit did not do all it should. [`is_kept`](Self::is_kept) says whether the change is in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// A value has more than 16 MiB. Nothing was changed.
    #[error("a record is larger than 16 MiB")]
    TooLarge,
    /// The change is durable and in force, but what it replaced or deleted may still be readable with the passphrase.
    /// The next commit and [`Vault::close`](crate::Vault::close) try again first; do not report a deletion as done.
    #[error("the change was kept, but what it deletes is not erased yet: {0}")]
    NotErased(#[source] TableError),
    /// Whether the change is durable is not known; until it is, reads give the state before. The next commit finds
    /// out first. Closing and opening the vault does too.
    #[error("it is not known whether the change was kept: {0}")]
    InDoubt(#[source] TableError),
    /// Records could not be written. Nothing was changed.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The key table could not be written. Nothing was changed.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl CommitError {
    /// Whether the change is in force although this error is returned.
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::NotErased(_))
    }

    /// Whether freeing space on the disk helps.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::NotErased(table) | Self::InDoubt(table) | Self::Table(table) => {
                matches!(table, TableError::Disk(DiskError::Full))
            }
            Self::Records(records) => matches!(records, RecordsError::Disk(DiskError::Full)),
            Self::TooLarge => false,
        }
    }
}

/// Why a passphrase was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangePassphraseError {
    /// The current passphrase is not that of the open profile. Ask again.
    #[error("the current passphrase is not right")]
    WrongPassphrase,
    /// An empty passphrase protects nothing. Ask for another.
    #[error("the new passphrase is empty")]
    EmptyPassphrase,
    /// Writing failed midway: from now on the new passphrase opens the vault, and the old one may too. Try again.
    #[error("the new passphrase holds, but the old one may still open the vault: {0}")]
    OldMayOpen(#[source] DiskError),
    /// See [`KdfError`]. The old passphrase holds.
    #[error(transparent)]
    Kdf(#[from] KdfError),
    /// See [`DiskError`]. The old passphrase holds, or the new one.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// See [`RandomError`]. The old passphrase holds.
    #[error(transparent)]
    Random(#[from] RandomError),
}
