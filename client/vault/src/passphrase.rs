//! The passphrase as it is typed: a buffer that never moves and is wiped.
//!
//! Not its concern: how strong it is, and what becomes of it (`kdf`).

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A passphrase of at most 1,024 bytes of UTF-8, in one buffer of fixed place and size that is wiped on drop.
///
/// Compared and used byte by byte: the same letters entered in another Unicode form are another passphrase.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Passphrase {
    bytes: Box<[u8; Passphrase::MAX_LENGTH]>,
    length: usize,
}

/// The passphrase would have more than 1,024 bytes. Ask for a shorter one.
#[derive(Debug, thiserror::Error)]
#[error("the passphrase is longer than 1,024 bytes")]
pub struct PassphraseTooLong;

impl Passphrase {
    /// Largest length in bytes.
    pub const MAX_LENGTH: usize = 1024;

    /// An empty passphrase, to be filled by [`push`](Self::push).
    pub fn new() -> Self {
        Self { bytes: Box::new([0; Self::MAX_LENGTH]), length: 0 }
    }

    /// A copy of `text`. The caller wipes its own.
    ///
    /// # Errors
    /// When it has more than 1,024 bytes.
    pub fn of(text: &str) -> Result<Self, PassphraseTooLong> {
        let mut passphrase = Self::new();
        passphrase.append(text.as_bytes())?;
        Ok(passphrase)
    }

    /// Adds one character.
    ///
    /// # Errors
    /// When it no longer fits; the passphrase is as before.
    pub fn push(&mut self, character: char) -> Result<(), PassphraseTooLong> {
        let mut buffer = [0; 4];
        let result = self.append(character.encode_utf8(&mut buffer).as_bytes());
        buffer.zeroize();
        result
    }

    /// Takes the last character away; `false` when there is none.
    pub fn pop(&mut self) -> bool {
        let Some(start) =
            (0..self.length).rev().find(|at| self.bytes.get(*at).is_some_and(|b| b & 0xC0 != 0x80))
        else {
            return false;
        };
        if let Some(tail) = self.bytes.get_mut(start..self.length) {
            tail.zeroize();
        }
        self.length = start;
        true
    }

    /// Wipes all characters.
    pub fn clear(&mut self) {
        self.zeroize();
    }

    /// Number of characters, for dots on a screen.
    pub fn characters(&self) -> usize {
        self.expose().iter().filter(|byte| **byte & 0xC0 != 0x80).count()
    }

    /// Whether both were typed alike: for asking twice. Takes the same time whatever they are.
    pub fn is_same(&self, other: &Self) -> bool {
        let same_bytes = self.bytes.as_slice().ct_eq(other.bytes.as_slice());
        (same_bytes & self.length.ct_eq(&other.length)).into()
    }

    /// Whether nothing was entered.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bytes, for the key derivation and for handing the passphrase to a process of one's own.
    pub fn expose(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn append(&mut self, text: &[u8]) -> Result<(), PassphraseTooLong> {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(PassphraseTooLong)?.copy_from_slice(text);
        self.length = end;
        Ok(())
    }
}

impl Default for Passphrase {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_and_erasing_work_by_characters() {
        let mut passphrase = Passphrase::new();
        "añخ🙂".chars().for_each(|c| passphrase.push(c).unwrap());
        assert_eq!(passphrase.expose(), "añخ🙂".as_bytes());
        assert_eq!(passphrase.characters(), 4);
        assert!(passphrase.pop() && passphrase.pop());
        assert_eq!(passphrase.expose(), "añ".as_bytes());
        assert!(passphrase.bytes[3..].iter().all(|byte| *byte == 0));
        assert!(passphrase.pop() && passphrase.pop() && !passphrase.pop());
    }

    #[test]
    fn a_character_that_does_not_fit_changes_nothing() {
        let mut passphrase = Passphrase::of(&"x".repeat(1023)).unwrap();
        assert!(passphrase.push('é').is_err());
        assert_eq!(passphrase.characters(), 1023);
        passphrase.push('x').unwrap();
        assert!(Passphrase::of(&"x".repeat(1025)).is_err());
    }

    #[test]
    fn clearing_wipes_the_bytes() {
        let mut passphrase = Passphrase::of("secret").unwrap();
        passphrase.clear();
        assert!(passphrase.is_empty() && passphrase.bytes.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn two_are_the_same_when_all_their_bytes_are() {
        let of = |text| Passphrase::of(text).unwrap();
        assert!(of("a").is_same(&of("a")));
        assert!(!of("a").is_same(&of("b")) && !of("a").is_same(&of("a\0")) && !of("a").is_same(&of("")));
    }

    #[test]
    fn a_passphrase_does_not_print_itself() {
        assert_eq!(format!("{:?}", Passphrase::of("secret").unwrap()), "Passphrase(..)");
    }
}
