//! The operator's permission to make mailboxes: invite codes, and the permits they are exchanged for.
//!
//! A code is typed by a person and counted by the relay; a permit is spent once. Neither is ever stored with the
//! mailbox it made: relays keep hashes ([`Permit::hash`], [`InviteCode::hash`]) apart from mailboxes.
//!
//! Not its concern: how many permits a code gives, and open relays.

use std::fmt;
use std::str::FromStr;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::Label;
use crate::secret::secret_32;

secret_32!(
    /// The right to make one mailbox. Whoever has it may spend it, once.
    Permit
);

impl Permit {
    /// What a relay keeps of it. 32 random bytes need no slow hash.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Label::PERMIT.hash(&[self.expose()])
    }
}

/// Text that is no invite code. Say so and let the person type it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an invite code")]
pub struct InviteCodeError;

/// An operator's code, exchanged for permits: 20 characters (100 bits), shown as `XXXXX-XXXXX-XXXXX-XXXXX`.
///
/// The characters are digits and capital letters without I, L, O and U. Reading forgives lower case, spaces and
/// hyphens, and takes I and L for 1 and O for 0: nobody should have to tell them apart.
///
/// Spec: wire.md, Invite code.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct InviteCode(Box<[u8; 20]>);

impl InviteCode {
    /// Number of characters without hyphens.
    pub const LENGTH: usize = 20;

    /// A fresh code with 100 random bits.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut code = Self(Box::new([0; 20]));
        rng.fill_bytes(code.0.as_mut_slice());
        for byte in code.0.iter_mut() {
            // 256 is a multiple of 32: the low five bits are uniform.
            *byte = ALPHABET.get(usize::from(*byte & 31)).copied().unwrap_or(b'0');
        }
        code
    }

    /// Reads what a person typed or pasted.
    ///
    /// # Errors
    ///
    /// [`InviteCodeError`] unless 20 characters of the alphabet remain.
    pub fn parse(text: &str) -> Result<Self, InviteCodeError> {
        let mut code = Self(Box::new([0; 20]));
        let mut slots = code.0.iter_mut();
        for character in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let byte = match u8::try_from(character.to_ascii_uppercase()).map_err(|_| InviteCodeError)? {
                b'I' | b'L' => b'1',
                b'O' => b'0',
                other => other,
            };
            if !ALPHABET.contains(&byte) {
                return Err(InviteCodeError);
            }
            *slots.next().ok_or(InviteCodeError)? = byte;
        }
        if slots.next().is_some() { Err(InviteCodeError) } else { Ok(code) }
    }

    /// The code in its one form on the wire: 20 characters without hyphens, as bytes of ASCII.
    ///
    /// # Errors
    ///
    /// [`InviteCodeError`] for anything else.
    pub fn from_wire(bytes: &[u8]) -> Result<Self, InviteCodeError> {
        let bytes: &[u8; 20] = bytes.try_into().map_err(|_| InviteCodeError)?;
        if bytes.iter().any(|byte| !ALPHABET.contains(byte)) {
            return Err(InviteCodeError);
        }
        let mut code = Self(Box::new([0; 20]));
        code.0.copy_from_slice(bytes);
        Ok(code)
    }

    /// The 20 characters. Secret; named so that its uses can be searched for.
    #[must_use]
    pub fn expose(&self) -> &[u8; 20] {
        &self.0
    }

    /// For people: four groups of five with hyphens between. Secret; wiped on drop.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(23));
        for (i, &byte) in self.0.iter().enumerate() {
            if i > 0 && i % 5 == 0 {
                text.push('-');
            }
            text.push(char::from(byte));
        }
        text
    }

    /// What a relay keeps of it. 100 random bits need no slow hash.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Label::INVITE_CODE.hash(&[self.expose()])
    }
}

impl FromStr for InviteCode {
    type Err = InviteCodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteCode(..)")
    }
}

impl PartialEq for InviteCode {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(other.0.as_ref()).into()
    }
}

impl Eq for InviteCode {}

/// Digits and capital letters less I, L, O (look like digits) and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = InviteCode::from_wire(b"0123456789ABCDEFGHJK").unwrap();
        assert_eq!(*code.to_text(), "01234-56789-ABCDE-FGHJK");
        for typed in [
            "01234-56789-ABCDE-FGHJK",
            " 01234 56789 abcde fghjk\n",
            "oi234-56789-ABCDE-FGHJK",
            "Ol23456789ABCDEFGHJK",
        ] {
            assert_eq!(InviteCode::parse(typed).unwrap(), code, "{typed}");
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for text in [
            "",
            "01234-56789-ABCDE-FGHJ",
            "01234-56789-ABCDE-FGHJKM",
            "U1234-56789-ABCDE-FGHJK",
            "٠1234-56789-ABCDE-FGHJK",
        ] {
            assert_eq!(InviteCode::parse(text), Err(InviteCodeError), "{text}");
        }
    }

    #[test]
    fn the_wire_takes_the_one_form_only() {
        assert!(InviteCode::from_wire(b"0123456789ABCDEFGHJK").is_ok());
        for bytes in [&b"0123456789abcdefghjk"[..], b"01234-56789-ABCDE-FGHJK", b"O123456789ABCDEFGHJK", b""]
        {
            assert_eq!(InviteCode::from_wire(bytes), Err(InviteCodeError));
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(
            format!("{:?}", InviteCode::from_wire(b"0123456789ABCDEFGHJK").unwrap()),
            "InviteCode(..)"
        );
        assert_eq!(format!("{:?}", Permit::from_bytes(&[7; 32])), "Permit(..)");
    }

    #[test]
    fn hashes_of_codes_and_permits_are_of_the_secret() {
        assert_ne!(Permit::from_bytes(&[1; 32]).hash(), Permit::from_bytes(&[2; 32]).hash());
        assert_ne!(
            InviteCode::from_wire(b"0123456789ABCDEFGHJK").unwrap().hash(),
            InviteCode::from_wire(b"1123456789ABCDEFGHJK").unwrap().hash()
        );
    }
}
