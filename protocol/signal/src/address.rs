//! Whom a message is from or for: service ids, device ids, and the two together.
//!
//! `Display` gives the protocol's text form, for storage and comparison; `Debug` shows nothing, so that no address gets
//! into a log by accident.
//!
//! Not its concern: which keys belong to an address, and the names people see.
//!
//! Spec: Signal protocol 2 Addresses and service ids.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::error_class::{ErrorClass, ErrorKind};

/// Why something is not an address. Correct the argument, or drop the message it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// A device id outside 1 to 127.
    #[error("device id out of range")]
    InvalidProtocolAddress,
    /// Text or bytes that are no service id.
    #[error("not a service id")]
    InvalidServiceId,
    /// Text that is no distribution id.
    #[error("not a distribution id")]
    InvalidDistributionId,
}

impl AddressError {
    /// Whose fault it is: the caller's, who gave the argument.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::Caller
    }

    /// The class in the interoperability protocol.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::InvalidProtocolAddress => ErrorClass::InvalidAddress,
            Self::InvalidServiceId | Self::InvalidDistributionId => ErrorClass::InvalidArgument,
        }
    }
}

/// One device of a person: 1 to 127.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(u8);

impl DeviceId {
    /// The largest device id.
    pub const MAX: u8 = 127;

    /// A device id from 1 to 127.
    ///
    /// # Errors
    /// [`AddressError::InvalidProtocolAddress`] for any other number.
    pub const fn new(id: u8) -> Result<Self, AddressError> {
        if id >= 1 && id <= Self::MAX { Ok(Self(id)) } else { Err(AddressError::InvalidProtocolAddress) }
    }

    /// The number, 1 to 127.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }
}

impl TryFrom<u32> for DeviceId {
    type Error = AddressError;

    fn try_from(id: u32) -> Result<Self, AddressError> {
        u8::try_from(id).map_err(|_| AddressError::InvalidProtocolAddress).and_then(Self::new)
    }
}

impl From<DeviceId> for u32 {
    fn from(id: DeviceId) -> Self {
        Self::from(id.0)
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Number that a device draws when it is set up, by which a new installation under an old address is noticed.
///
/// Any 32-bit value is valid; sealed sender 2 carries 14 bits of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistrationId(u32);

impl RegistrationId {
    /// The largest registration id that sealed sender 2 can carry to many recipients.
    pub const MAX_SEALED: u16 = 0x3FFF;

    /// Any 32-bit value, 0 included.
    #[must_use]
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

/// Shows nothing: with an address it would tell one installation from the next.
impl fmt::Debug for RegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegistrationId(..)")
    }
}

/// Which of a person's two identities a service id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceIdKind {
    /// The account.
    Aci = 0,
    /// The phone number's identity.
    Pni = 1,
}

/// A kind and a UUID of 16 bytes. Ordered as the fixed-width binary form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId {
    kind: ServiceIdKind,
    uuid: [u8; 16],
}

impl ServiceId {
    /// Length of the fixed-width binary form in bytes.
    pub const FIXED_WIDTH_LENGTH: usize = 17;

    /// From its parts; every UUID is acceptable.
    #[must_use]
    pub const fn new(kind: ServiceIdKind, uuid: [u8; 16]) -> Self {
        Self { kind, uuid }
    }

    /// An account's service id.
    #[must_use]
    pub const fn aci(uuid: [u8; 16]) -> Self {
        Self::new(ServiceIdKind::Aci, uuid)
    }

    /// A phone number identity's service id.
    #[must_use]
    pub const fn pni(uuid: [u8; 16]) -> Self {
        Self::new(ServiceIdKind::Pni, uuid)
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> ServiceIdKind {
        self.kind
    }

    /// The UUID's 16 bytes.
    #[must_use]
    pub const fn uuid(&self) -> &[u8; 16] {
        &self.uuid
    }

    /// The kind byte and the UUID, 17 bytes.
    #[must_use]
    pub fn to_fixed_width(&self) -> [u8; Self::FIXED_WIDTH_LENGTH] {
        let mut out = [self.kind as u8; Self::FIXED_WIDTH_LENGTH];
        for (to, from) in out.iter_mut().skip(1).zip(self.uuid) {
            *to = from;
        }
        out
    }

    /// 16 bytes for an account, 17 bytes for a phone number identity.
    #[must_use]
    pub fn to_binary(&self) -> Vec<u8> {
        match self.kind {
            ServiceIdKind::Aci => self.uuid.to_vec(),
            ServiceIdKind::Pni => self.to_fixed_width().to_vec(),
        }
    }

    /// Reads the fixed-width binary form: exactly 17 bytes, kind 0 or 1.
    ///
    /// # Errors
    /// [`AddressError::InvalidServiceId`].
    pub fn from_fixed_width(bytes: &[u8]) -> Result<Self, AddressError> {
        match bytes.split_first_chunk::<1>() {
            Some(([0], uuid)) => uuid.try_into().map(Self::aci).map_err(|_| AddressError::InvalidServiceId),
            Some(([1], uuid)) => uuid.try_into().map(Self::pni).map_err(|_| AddressError::InvalidServiceId),
            _ => Err(AddressError::InvalidServiceId),
        }
    }

    /// Reads the variable binary form: 16 bytes, or 17 that start with 1.
    ///
    /// # Errors
    /// [`AddressError::InvalidServiceId`]; a leading kind byte 0 is refused too.
    pub fn from_binary(bytes: &[u8]) -> Result<Self, AddressError> {
        match (bytes.len(), bytes.first()) {
            (16, _) => bytes.try_into().map(Self::aci).map_err(|_| AddressError::InvalidServiceId),
            (Self::FIXED_WIDTH_LENGTH, Some(1)) => Self::from_fixed_width(bytes),
            _ => Err(AddressError::InvalidServiceId),
        }
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == ServiceIdKind::Pni {
            f.write_str(PNI_PREFIX)?;
        }
        Uuid::from_bytes(self.uuid).as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceId(..)")
    }
}

impl FromStr for ServiceId {
    type Err = AddressError;

    /// Reads the text form: `PNI:` or nothing, then a hyphenated UUID of 36 characters in either case.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (kind, uuid) = match text.strip_prefix(PNI_PREFIX) {
            Some(uuid) => (ServiceIdKind::Pni, uuid),
            None => (ServiceIdKind::Aci, text),
        };
        parse_uuid(uuid).map(|uuid| Self::new(kind, uuid)).ok_or(AddressError::InvalidServiceId)
    }
}

/// Reads a hyphenated UUID of 36 characters in either case; any version and variant.
pub(crate) fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    // Of the forms the parser knows, only the hyphenated one has this length (braces add two, `urn:uuid:` nine).
    if text.len() != UUID_TEXT_LENGTH {
        return None;
    }
    Uuid::try_parse(text).ok().map(Uuid::into_bytes)
}

/// A person's name in the protocol and one of their devices.
///
/// The name is compared byte for byte. It usually is a service id in text form, but need not be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolAddress {
    name: String,
    device: DeviceId,
}

impl ProtocolAddress {
    /// From its parts.
    #[must_use]
    pub fn new(name: impl Into<String>, device: DeviceId) -> Self {
        Self { name: name.into(), device }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The device.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    /// The service id that the name spells, if it spells one.
    #[must_use]
    pub fn service_id(&self) -> Option<ServiceId> {
        self.name.parse().ok()
    }
}

impl fmt::Display for ProtocolAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.name, self.device)
    }
}

impl fmt::Debug for ProtocolAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProtocolAddress(..)")
    }
}

/// What the text form of a phone number identity begins with; case matters.
const PNI_PREFIX: &str = "PNI:";
const UUID_TEXT_LENGTH: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "9d0652a3-dcc3-4d11-975f-74d61598733f";

    #[test]
    fn debug_of_addresses_is_redacted() {
        let address = ProtocolAddress::new(TEXT, DeviceId::new(3).unwrap());
        insta::assert_snapshot!(
            format!("{address:?} {:?} {:?}", address.service_id().unwrap(), RegistrationId::new(4_711)),
            @"ProtocolAddress(..) ServiceId(..) RegistrationId(..)"
        );
        assert_eq!(address.to_string(), format!("{TEXT}.3"));
    }

    #[test]
    fn device_ids_run_from_1_to_127() {
        for id in 0..=u8::MAX {
            assert_eq!(DeviceId::new(id).is_ok(), (1..=127).contains(&id));
        }
        assert_eq!(DeviceId::try_from(256 + 1), Err(AddressError::InvalidProtocolAddress));
    }

    #[test]
    fn every_form_of_a_service_id_reads_back() {
        let aci: ServiceId = TEXT.parse().unwrap();
        for id in [aci, ServiceId::pni(*aci.uuid()), ServiceId::aci([0; 16])] {
            assert_eq!(id.to_string().parse::<ServiceId>().unwrap(), id);
            assert_eq!(ServiceId::from_binary(&id.to_binary()).unwrap(), id);
            assert_eq!(ServiceId::from_fixed_width(&id.to_fixed_width()).unwrap(), id);
        }
    }

    #[test]
    fn a_name_that_is_no_service_id_has_none() {
        let device = DeviceId::new(1).unwrap();
        assert!(ProtocolAddress::new("+31201234567", device).service_id().is_none());
        assert!(ProtocolAddress::new(format!("urn:uuid:{TEXT}"), device).service_id().is_none());
        assert!(ProtocolAddress::new(TEXT.replace('-', "x"), device).service_id().is_none());
    }
}
