//! People: who they are, where to write to them, how far we are with each other.

use khaima_signal::{DeviceId, IdentityKey, ProtocolAddress, ServiceId};
use khaima_wire::{BundleKey, MailboxId, RelayAddress, Timestamp};

use super::{DecodeRecordError, Reader, Record, Writer};
use crate::ids::{ContactId, InvitationId};
use crate::store::RecordKind;

/// How far we are with a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ContactState {
    /// Both have said yes; left only by forgetting.
    Accepted,
    /// They asked with one of our links; we have not answered. They get nothing from us, not even receipts.
    Incoming,
    /// We asked with one of their links; they have not answered.
    Requested,
}

/// A mailbox of theirs that is for us.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) relay: RelayAddress,
    pub(crate) mailbox: MailboxId,
    pub(crate) bundle_key: BundleKey,
}

/// Where a person may be written to by us: one to three places, the first preferred.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Slip {
    pub(crate) number: u32,
    pub(crate) device: u8,
    pub(crate) places: Vec<Place>,
}

impl Slip {
    pub(crate) const MAX_PLACES: usize = 3;

    pub(crate) fn place(&self) -> Option<&Place> {
        self.places.first()
    }
}

/// One person.
#[derive(Clone)]
pub(crate) struct ContactRecord {
    pub(crate) id: ContactId,
    pub(crate) uuid: [u8; 16],
    pub(crate) identity: IdentityKey,
    pub(crate) device: DeviceId,
    pub(crate) state: ContactState,
    /// The name they gave themselves.
    pub(crate) name: String,
    /// What we call them; empty if as they do.
    pub(crate) custom_name: String,
    /// What they wrote with their request.
    pub(crate) greeting: String,
    pub(crate) statement: Vec<u8>,
    pub(crate) statement_number: u32,
    pub(crate) statement_hash: [u8; 32],
    pub(crate) statement_mismatch: bool,
    pub(crate) slip: Option<Slip>,
    /// Our mailbox for them.
    pub(crate) own_mailbox: Option<MailboxId>,
    /// The number of the next slip we give them.
    pub(crate) own_slip_number: u32,
    /// The invitation through which we met, while it still exists.
    pub(crate) invitation: Option<InvitationId>,
    pub(crate) verified: bool,
    pub(crate) mailbox_gone: bool,
    /// Rows that wait for a session (a bundle is being claimed).
    pub(crate) waiting: Vec<u64>,
    pub(crate) created: Timestamp,
    /// When something they wrote was last read.
    pub(crate) heard: Option<Timestamp>,
}

impl ContactRecord {
    pub(crate) fn address(&self) -> ProtocolAddress {
        ProtocolAddress::new(ServiceId::aci(self.uuid).to_string(), self.device)
    }

    /// The name to show.
    pub(crate) fn shown_name(&self) -> &str {
        if self.custom_name.is_empty() { &self.name } else { &self.custom_name }
    }
}

impl Record for ContactRecord {
    const KIND: RecordKind = RecordKind::Contact;

    fn write(&self, out: &mut Writer) {
        out.fixed(self.id.as_bytes());
        out.fixed(&self.uuid);
        out.fixed(&self.identity.serialize());
        out.u8(self.device.value());
        out.u8(match self.state {
            ContactState::Accepted => 1,
            ContactState::Incoming => 2,
            ContactState::Requested => 3,
        });
        out.text(&self.name);
        out.text(&self.custom_name);
        out.text(&self.greeting);
        out.bytes(&self.statement);
        out.u32(self.statement_number);
        out.fixed(&self.statement_hash);
        out.flag(self.statement_mismatch);
        out.option(self.slip.as_ref(), |out, slip| {
            out.u32(slip.number);
            out.u8(slip.device);
            out.list(&slip.places, |out, place| {
                out.text(&place.relay.to_string());
                out.fixed(place.mailbox.as_bytes());
                out.fixed(place.bundle_key.expose());
            });
        });
        out.option(self.own_mailbox.as_ref(), |out, id| out.fixed(id.as_bytes()));
        out.u32(self.own_slip_number);
        out.option(self.invitation.as_ref(), |out, id| out.fixed(id.as_bytes()));
        out.flag(self.verified);
        out.flag(self.mailbox_gone);
        out.list(&self.waiting, |out, order| out.u64(*order));
        out.u64(self.created.as_millis());
        out.option(self.heard, |out, at| out.u64(at.as_millis()));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeRecordError> {
        let id = ContactId::from_bytes(from.array()?);
        let uuid = from.array()?;
        let identity: [u8; IdentityKey::LENGTH] = from.array()?;
        Ok(Self {
            id,
            uuid,
            identity: IdentityKey::deserialize(&identity).map_err(|_| DecodeRecordError)?,
            device: DeviceId::new(from.u8()?).map_err(|_| DecodeRecordError)?,
            state: match from.u8()? {
                1 => ContactState::Accepted,
                2 => ContactState::Incoming,
                3 => ContactState::Requested,
                _ => return Err(DecodeRecordError),
            },
            name: from.text()?,
            custom_name: from.text()?,
            greeting: from.text()?,
            statement: from.bytes()?.to_vec(),
            statement_number: from.u32()?,
            statement_hash: from.array()?,
            statement_mismatch: from.flag()?,
            slip: from.option(read_slip)?,
            own_mailbox: from.option(|from| from.array().map(MailboxId::from_bytes))?,
            own_slip_number: from.u32()?,
            invitation: from.option(|from| from.array().map(InvitationId::from_bytes))?,
            verified: from.flag()?,
            mailbox_gone: from.flag()?,
            waiting: from.list(Reader::u64)?,
            created: Timestamp::from_millis(from.u64()?),
            heard: from.option(|from| from.u64().map(Timestamp::from_millis))?,
        })
    }
}

fn read_slip(from: &mut Reader<'_>) -> Result<Slip, DecodeRecordError> {
    Ok(Slip {
        number: from.u32()?,
        device: from.u8()?,
        places: from.list(|from| {
            Ok(Place {
                relay: from.text()?.parse().map_err(|_| DecodeRecordError)?,
                mailbox: MailboxId::from_bytes(from.array()?),
                bundle_key: BundleKey::from_bytes(&zeroize::Zeroizing::new(from.array()?)),
            })
        })?,
    })
}
