//! Names of things inside one client. They never leave the device, except [`MessageId`], which travels sealed.
//!
//! `Debug` is of fixed text: ids do not belong in logs. Not its concern: mailbox and envelope ids (`khaima_wire`).

use std::fmt;
use std::str::FromStr;

use khaima_wire::RelayAddress;
use rand_core::CryptoRng;

use crate::labels::RELAY_ID;

/// Text that is no id of 16 bytes in lower-case hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct ParseIdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Size in bytes.
            pub const LENGTH: usize = 16;

            /// An id from its bytes.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// An id from stored or received bytes; `None` unless there are 16.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// The bytes as 32 lower-case hex digits, for command lines and JSON; `FromStr` reads it back.
            pub fn to_hex(&self) -> String {
                self.0.iter().map(|byte| format!("{byte:02x}")).collect()
            }

            /// A fresh random id.
            #[allow(dead_code, reason = "not every id is made at random")]
            pub(crate) fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
                let mut bytes = [0; 16];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                bytes_from_hex(text).map(Self).ok_or(ParseIdError)
            }
        }
    };
}

id! {
    /// One person we know or are getting to know. Random.
    ContactId
}
id! {
    /// What the UI lists: one peer or one group. For a peer it has the bytes of the [`ContactId`].
    ConversationId
}
id! {
    /// One message, the same at both ends. Chosen at random by its sender, so unique only within a conversation
    /// and direction.
    MessageId
}
id! {
    /// One invitation, made here or accepted here. Random.
    InvitationId
}
id! {
    /// One piece of relay work. Position (8 bytes, big-endian), then 8 random bytes: ordered, never reused.
    JobId
}

impl ConversationId {
    /// The conversation with one contact.
    pub fn of(contact: ContactId) -> Self {
        Self(contact.0)
    }

    /// The contact this conversation is with.
    pub fn contact(self) -> ContactId {
        ContactId(self.0)
    }
}

impl JobId {
    pub(crate) fn at<R: CryptoRng + ?Sized>(position: u64, rng: &mut R) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        let (head, _) = bytes.split_at_mut(8);
        head.copy_from_slice(&position.to_be_bytes());
        Self(bytes)
    }

    pub(crate) fn position(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// Names one relay at one address: hash of host, port and key. The same key at another host is another id, so that
/// nobody who writes our relay's key beside a wrong host can lead us away from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayId([u8; 32]);

impl RelayId {
    /// Size in bytes.
    pub const LENGTH: usize = 32;

    /// The relay at an address.
    pub fn of(address: &RelayAddress) -> Self {
        Self(RELAY_ID.hash(&[address.to_string().as_bytes()]))
    }

    /// An id from its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// An id from stored bytes; `None` unless there are 32.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for RelayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelayId(..)")
    }
}

fn bytes_from_hex(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let digits = text.as_bytes();
    if digits.len() != 32 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = (digit(high)? << 4) | digit(low)?;
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_reads_back() {
        let id = MessageId::from_bytes(*b"0123456789abcdef");
        assert_eq!(id.to_hex().parse(), Ok(id));
        assert_eq!("00".parse::<MessageId>(), Err(ParseIdError));
        assert_eq!("G".repeat(32).parse::<MessageId>(), Err(ParseIdError));
    }

    #[test]
    fn debug_hides_ids() {
        assert_eq!(format!("{:?}", ContactId::from_bytes([7; 16])), "ContactId(..)");
        assert_eq!(format!("{:?}", RelayId::from_bytes([7; 32])), "RelayId(..)");
    }

    #[test]
    fn job_ids_order_by_position() {
        let mut rng = <rand_chacha::ChaCha20Rng as rand_chacha::rand_core::SeedableRng>::seed_from_u64(1);
        let (first, second) = (JobId::at(1, &mut rng), JobId::at(2, &mut rng));
        assert!(first < second);
        assert_eq!(second.position(), 2);
    }
}
