//! Where a relay is and how it is known: host, port, and the hash of its public key.
//!
//! No certificate authority and no domain is needed; an IP address will do. Text form:
//! `host:port#pin`, the pin in base64url without padding, IPv6 hosts in brackets.
//!
//! There is one `RelayAddress` for each place: hosts are kept in one spelling (lower case, shortest IP form).
//!
//! Not its concern: resolving names, connecting, comparing the pin with a certificate.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;

use crate::WrongLength;

/// SHA-256 of a relay's SubjectPublicKeyInfo (DER): the only thing its certificate is judged by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayPin([u8; 32]);

impl RelayPin {
    /// Length in bytes.
    pub const LENGTH: usize = 32;

    /// From its 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From a slice.
    ///
    /// # Errors
    ///
    /// [`WrongLength`] unless it has 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, WrongLength> {
        bytes.try_into().map(Self).map_err(|_| WrongLength)
    }

    /// The pin of a public key, given as the DER of its SubjectPublicKeyInfo.
    #[must_use]
    pub fn of_public_key(subject_public_key_info: &[u8]) -> Self {
        use sha2::Digest;
        Self(sha2::Sha256::digest(subject_public_key_info).into())
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for RelayPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelayPin(..)")
    }
}

/// Why text or parts are not a relay's address. Show which part; the person can correct it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Not of the form `host:port#pin`.
    #[error("a relay address has the form host:port#pin")]
    Form,
    /// The host is neither an IP address nor a name.
    #[error("the host is neither an IP address nor a name")]
    Host,
    /// The port is not 1–65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// The pin is not 43 characters of base64url that stand for 32 bytes.
    #[error("the pin is damaged or cut off")]
    Pin,
}

/// A relay's address with the pin of its key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayAddress {
    host: String,
    port: u16,
    pin: RelayPin,
}

impl RelayAddress {
    /// The longest host, in bytes.
    pub const MAX_HOST: usize = 253;

    /// From its parts. `host` is an IP address (IPv6 without brackets) or a name in ASCII.
    ///
    /// # Errors
    ///
    /// [`AddressError::Host`] or [`AddressError::Port`] (port 0).
    pub fn new(host: &str, port: u16, pin: RelayPin) -> Result<Self, AddressError> {
        let host = canonical_host(host)?;
        if port == 0 { Err(AddressError::Port) } else { Ok(Self { host, port, pin }) }
    }

    /// The host in its one spelling, IPv6 without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host, if it is an IP address.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The UDP port, never 0.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The hash of its key.
    #[must_use]
    pub const fn pin(&self) -> &RelayPin {
        &self.pin
    }
}

impl fmt::Display for RelayAddress {
    /// `host:port#pin`. For people and files; an address does not belong in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pin = BASE64URL_NOPAD.encode(&self.pin.0);
        if self.host.contains(':') {
            write!(f, "[{}]:{}#{pin}", self.host, self.port)
        } else {
            write!(f, "{}:{}#{pin}", self.host, self.port)
        }
    }
}

impl fmt::Debug for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelayAddress(..)")
    }
}

impl FromStr for RelayAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (place, pin) = text.trim().split_once('#').ok_or(AddressError::Form)?;
        let (host, port) = place.rsplit_once(':').ok_or(AddressError::Form)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => {
                let inner = rest.strip_suffix(']').ok_or(AddressError::Form)?;
                inner.parse::<Ipv6Addr>().map_err(|_| AddressError::Host)?;
                inner
            }
            // Without brackets nobody can tell where the address ends and the port begins.
            None if host.contains(':') => return Err(AddressError::Form),
            None => host,
        };
        if port.len() > 5 || !port.bytes().all(|byte| byte.is_ascii_digit()) || port.starts_with('0') {
            return Err(AddressError::Port);
        }
        let port = port.parse().map_err(|_| AddressError::Port)?;
        let pin = BASE64URL_NOPAD.decode(pin.as_bytes()).map_err(|_| AddressError::Pin)?;
        Self::new(host, port, RelayPin::from_slice(&pin).map_err(|_| AddressError::Pin)?)
    }
}

/// The one spelling of a host.
fn canonical_host(host: &str) -> Result<String, AddressError> {
    if host.len() > RelayAddress::MAX_HOST {
        return Err(AddressError::Host);
    }
    if host.contains(':') {
        return host.parse::<Ipv6Addr>().map(|ip| ip.to_string()).map_err(|_| AddressError::Host);
    }
    // What ends in a number is an IPv4 address or a mistake: resolvers read 10.1 and 0x7f.1 as addresses.
    if host.rsplit('.').next().is_some_and(|last| last.bytes().next().is_some_and(|b| b.is_ascii_digit())) {
        return host.parse::<Ipv4Addr>().map(|ip| ip.to_string()).map_err(|_| AddressError::Host);
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.split('.').all(is_label) { Ok(host.to_ascii_lowercase()) } else { Err(AddressError::Host) }
}
