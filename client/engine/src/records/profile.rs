//! Who this device is: one record.

use std::fmt;

use khaima_signal::{
    DeviceId, IdentityKey, IdentityKeyPair, LocalIdentity, PrivateKey, ProtocolAddress, ServiceId,
};
use zeroize::Zeroizing;

use super::{DecodeRecordError, Reader, Record, View, Writer};
use crate::error::EngineError;
use crate::ids::RelayId;
use crate::store::{RecordKind, StoreView};

/// Id of the one record of its kind.
pub(crate) const PROFILE_ID: &[u8] = &[1];

/// This device's identity: key pair, UUID, name, statement. There is one per store.
#[derive(Clone)]
pub struct Profile {
    pub(crate) name: String,
    pub(crate) uuid: [u8; 16],
    pub(crate) device: DeviceId,
    pub(crate) registration_id: u32,
    pub(crate) identity: IdentityKeyPair,
    /// The signed statement, as everybody gets it.
    pub(crate) statement: Vec<u8>,
    pub(crate) statement_number: u32,
    pub(crate) home: Option<RelayId>,
}

pub(crate) type ProfileRecord = Profile;

impl Profile {
    /// Reads it from a store; `None` before [`crate::Command::CreateProfile`].
    ///
    /// # Errors
    /// When the store cannot be read or the record is damaged.
    pub fn load(view: &impl StoreView) -> Result<Option<Self>, EngineError> {
        Self::load_dyn(view)
    }

    pub(crate) fn load_dyn(view: &dyn View) -> Result<Option<Self>, EngineError> {
        super::load(view, PROFILE_ID)
    }

    /// The name told to contacts.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The person's random id, as contacts know it.
    pub fn uuid(&self) -> &[u8; 16] {
        &self.uuid
    }

    /// The identity key pair.
    pub fn identity(&self) -> &IdentityKeyPair {
        &self.identity
    }

    /// The public identity key.
    pub fn identity_key(&self) -> IdentityKey {
        self.identity.identity_key()
    }

    /// Number of the current statement, from 1.
    pub fn statement_number(&self) -> u32 {
        self.statement_number
    }

    /// The relay at which new mailboxes are made.
    pub fn home(&self) -> Option<RelayId> {
        self.home
    }

    /// Own address in sessions.
    pub(crate) fn address(&self) -> ProtocolAddress {
        ProtocolAddress::new(ServiceId::aci(self.uuid).to_string(), self.device)
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Profile(..)")
    }
}

impl Record for Profile {
    const KIND: RecordKind = RecordKind::Profile;

    fn write(&self, out: &mut Writer) {
        out.text(&self.name);
        out.fixed(&self.uuid);
        out.u8(self.device.value());
        out.u32(self.registration_id);
        out.fixed(self.identity.private().serialize().expose());
        out.bytes(&self.statement);
        out.u32(self.statement_number);
        out.option(self.home.as_ref(), |out, home| out.fixed(home.as_bytes()));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeRecordError> {
        let name = from.text()?;
        let uuid = from.array()?;
        let device = DeviceId::new(from.u8()?).map_err(|_| DecodeRecordError)?;
        let registration_id = from.u32()?;
        let private: Zeroizing<[u8; 32]> = Zeroizing::new(from.array()?);
        let private = PrivateKey::deserialize(private.as_slice()).map_err(|_| DecodeRecordError)?;
        let statement = from.bytes()?.to_vec();
        let statement_number = from.u32()?;
        let home = from.option(|from| from.array().map(RelayId::from_bytes))?;
        let identity = IdentityKeyPair::from_private(private);
        Ok(Self { name, uuid, device, registration_id, identity, statement, statement_number, home })
    }
}
