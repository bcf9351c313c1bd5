//! Relays we have to do with: where they are, and the permits they gave us.

use khaima_wire::{Permit, RelayAddress};

use super::{DecodeRecordError, Reader, Record, Writer};
use crate::ids::RelayId;
use crate::store::RecordKind;

/// One relay.
#[derive(Clone)]
pub(crate) struct RelayRecord {
    pub(crate) address: RelayAddress,
    /// Rights to make one mailbox each.
    pub(crate) permits: Vec<Permit>,
    /// It refused to make a mailbox, and we have no permit.
    pub(crate) permit_needed: bool,
}

impl RelayRecord {
    pub(crate) fn new(address: RelayAddress) -> Self {
        Self { address, permits: Vec::new(), permit_needed: false }
    }

    pub(crate) fn id(&self) -> RelayId {
        RelayId::of(&self.address)
    }
}

impl Record for RelayRecord {
    const KIND: RecordKind = RecordKind::Relay;

    fn write(&self, out: &mut Writer) {
        out.text(&self.address.to_string());
        out.list(&self.permits, |out, permit| out.fixed(permit.expose()));
        out.flag(self.permit_needed);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeRecordError> {
        Ok(Self {
            address: from.text()?.parse().map_err(|_| DecodeRecordError)?,
            permits: from.list(read_permit)?,
            permit_needed: from.flag()?,
        })
    }
}

pub(super) fn read_permit(from: &mut Reader<'_>) -> Result<Permit, DecodeRecordError> {
    Ok(Permit::from_bytes(&zeroize::Zeroizing::new(from.array()?)))
}
