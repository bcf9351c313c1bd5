//! Making and opening vaults, for the programs.

use std::path::Path;

use khaima_vault::{CreateError, KdfParams, OpenError, Passphrase, Vault};
use khaima_wire::RelayAddress;

use crate::api::CallError;

/// Whether a directory holds a vault.
pub fn vault_exists(data: &Path) -> bool {
    Vault::exists(data)
}

/// Makes a vault and leaves it open. The cost of trying a passphrase is set to one to three seconds of this machine.
///
/// # Errors
/// [`CreateError`]; nothing that was there is changed.
pub fn create_vault(data: &Path, passphrase: &Passphrase) -> Result<Vault, CreateError> {
    Vault::create(data, passphrase, KdfParams::calibrated())
}

/// Opens a vault; takes as long as its passphrase is meant to cost.
///
/// # Errors
/// [`OpenError`]; nothing is lost by trying.
pub fn open_vault(data: &Path, passphrase: &Passphrase) -> Result<Vault, OpenError> {
    Vault::open(data, passphrase)
}

/// Reads a relay's address before anything is made.
///
/// # Errors
/// It is no address.
pub fn check_relay_address(address: &str) -> Result<RelayAddress, CallError> {
    address.trim().parse().map_err(|_| CallError::Invalid { why: "address".to_owned(), day: None })
}

/// Looks at a name before anything is made.
///
/// # Errors
/// It is empty or has more than 64 bytes.
pub fn check_name(name: &str) -> Result<(), CallError> {
    if name.trim().is_empty() || name.len() > MAX_NAME {
        return Err(CallError::Refused { why: "name".to_owned() });
    }
    Ok(())
}

/// Bytes of a name, so that the largest contact request fits the smallest envelope.
const MAX_NAME: usize = 64;
