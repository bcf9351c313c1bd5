//! Invite codes on their way from the operator's command to the running relay.
//!
//! The relay alone has the database open, so `khaima-relay invite` leaves a small file in `invites/`, named by the
//! code's hash; the relay takes it in within seconds and removes it. If it stops in between, it takes it in again:
//! a code that is known already is not counted anew.
//!
//! ```text
//!   invites/<SHA-256 of the code, 64 hexadecimal digits>     "uses = 5\nexpires_day = 20600\n"
//! ```
//!
//! Not its concern: exchanging codes for permits (`core`).

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use khaima_wire::{Day, InviteCode};
use rand_core::CryptoRng;
use serde::Deserialize;

use crate::core::Invite;
use crate::home::write_file;

/// Name of the directory.
pub(crate) const DIRECTORY: &str = "invites";

/// Makes a code that is good `uses` times until `expires`, and leaves it for the relay.
///
/// # Errors
///
/// [`io::Error`] if the file cannot be written; then the code is good for nothing.
pub fn create<R: CryptoRng + ?Sized>(
    home: &Path,
    uses: u32,
    expires: Day,
    rng: &mut R,
) -> io::Result<InviteCode> {
    let code = InviteCode::generate(rng);
    let name = code.hash().iter().fold(String::with_capacity(64), |mut name, byte| {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
        name
    });
    let text = format!("uses = {uses}\nexpires_day = {}\n", expires.number());
    write_file(&home.join(DIRECTORY), &name, text.as_bytes())?;
    Ok(code)
}

/// An invite that waits to be taken in.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub code: [u8; 32],
    pub invite: Invite,
    path: PathBuf,
}

impl Waiting {
    /// Removes the file, once the store has the code.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(self.path)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InviteFile {
    uses: u32,
    expires_day: u32,
}

/// The invites that wait. Files that are none are left alone.
pub(crate) fn waiting(home: &Path) -> Vec<Waiting> {
    let Ok(entries) = fs::read_dir(home.join(DIRECTORY)) else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let code = decode_hash(path.file_name()?.to_str()?)?;
            let file: InviteFile = toml::from_str(&fs::read_to_string(&path).ok()?).ok()?;
            let invite = Invite { uses: file.uses, expires: Day::new(file.expires_day) };
            Some(Waiting { code, invite, path })
        })
        .collect()
}

fn decode_hash(name: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if name.len() != 64 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (i, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(name.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_by_its_hash_and_the_code_itself_is_nowhere() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(DIRECTORY)).unwrap();
        let code = create(home.path(), 3, Day::new(20_000), &mut rand::rng()).unwrap();
        fs::write(home.path().join(DIRECTORY).join("notes"), "mine").unwrap();
        let found = waiting(home.path());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].code, code.hash());
        assert_eq!(found[0].invite, Invite { uses: 3, expires: Day::new(20_000) });
        let content = fs::read(&found[0].path).unwrap();
        assert!(!content.windows(20).any(|bytes| bytes == code.expose()));
        found.into_iter().for_each(|waiting| waiting.remove().unwrap());
        assert!(waiting(home.path()).is_empty());
        assert!(home.path().join(DIRECTORY).join("notes").exists());
    }
}
