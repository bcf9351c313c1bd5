//! Our own mailboxes: key, purpose, and what is in their bundle pools.

use khaima_wire::{BundleKey, Day, MailboxId, MailboxKey, Timestamp};
use zeroize::Zeroizing;

use super::{DecodeRecordError, Reader, Record, Writer};
use crate::ids::{ContactId, InvitationId, RelayId};
use crate::store::RecordKind;

/// Who may speak in a mailbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MailboxPurpose {
    /// One contact.
    Contact(ContactId),
    /// Whoever has the link.
    Invitation(InvitationId),
}

/// How far a mailbox has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MailboxState {
    /// A job makes it; entered at birth, left when the relay confirms. Not subscribed.
    Making,
    /// It exists at the relay and is subscribed.
    Live,
    /// A job deletes it; entered for good. Not subscribed; what still comes is dropped.
    Closing,
}

/// One mailbox of ours. The record's id is the mailbox id.
#[derive(Clone)]
pub(crate) struct MailboxRecord {
    pub(crate) key: MailboxKey,
    pub(crate) relay: RelayId,
    pub(crate) purpose: MailboxPurpose,
    pub(crate) state: MailboxState,
    pub(crate) bundle_key: BundleKey,
    /// Next id for a prekey of any kind in this mailbox.
    pub(crate) next_prekey: u32,
    /// The signed prekey of bundles made now.
    pub(crate) signed: u32,
    /// The last-resort Kyber prekey, if the pool has one.
    pub(crate) last_resort: Option<u32>,
    /// One-time bundles a job is publishing at the moment.
    pub(crate) publishing: u32,
    /// Bundles claimed, as the relay last said.
    pub(crate) claimed: u64,
    /// When a claim without a request was first noticed (invitations).
    pub(crate) claim_noticed: Option<Timestamp>,
    /// Fresh bundles given to an invitation after claims without a request.
    pub(crate) refreshed: u8,
    pub(crate) created: Day,
    /// When the prekeys are replaced.
    pub(crate) rotate_at: Timestamp,
}

impl MailboxRecord {
    pub(crate) fn id(&self) -> MailboxId {
        self.key.id()
    }

    /// A fresh prekey id.
    pub(crate) fn take_prekey_id(&mut self) -> u32 {
        let id = self.next_prekey;
        self.next_prekey = id.wrapping_add(1);
        id
    }
}

impl Record for MailboxRecord {
    const KIND: RecordKind = RecordKind::Mailbox;

    fn write(&self, out: &mut Writer) {
        out.fixed(self.key.expose_seed());
        out.fixed(self.relay.as_bytes());
        match &self.purpose {
            MailboxPurpose::Contact(id) => {
                out.u8(1);
                out.fixed(id.as_bytes());
            }
            MailboxPurpose::Invitation(id) => {
                out.u8(2);
                out.fixed(id.as_bytes());
            }
        }
        out.u8(match self.state {
            MailboxState::Making => 1,
            MailboxState::Live => 2,
            MailboxState::Closing => 3,
        });
        out.fixed(self.bundle_key.expose());
        out.u32(self.next_prekey);
        out.u32(self.signed);
        out.option(self.last_resort, Writer::u32);
        out.u32(self.publishing);
        out.u64(self.claimed);
        out.option(self.claim_noticed, |out, at| out.u64(at.as_millis()));
        out.u8(self.refreshed);
        out.u32(self.created.number());
        out.u64(self.rotate_at.as_millis());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeRecordError> {
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(from.array()?);
        let key = MailboxKey::from_seed(&seed);
        let relay = RelayId::from_bytes(from.array()?);
        let purpose = match (from.u8()?, from.array()?) {
            (1, id) => MailboxPurpose::Contact(ContactId::from_bytes(id)),
            (2, id) => MailboxPurpose::Invitation(InvitationId::from_bytes(id)),
            _ => return Err(DecodeRecordError),
        };
        let state = match from.u8()? {
            1 => MailboxState::Making,
            2 => MailboxState::Live,
            3 => MailboxState::Closing,
            _ => return Err(DecodeRecordError),
        };
        Ok(Self {
            key,
            relay,
            purpose,
            state,
            bundle_key: BundleKey::from_bytes(&Zeroizing::new(from.array()?)),
            next_prekey: from.u32()?,
            signed: from.u32()?,
            last_resort: from.option(Reader::u32)?,
            publishing: from.u32()?,
            claimed: from.u64()?,
            claim_noticed: from.option(|from| from.u64().map(Timestamp::from_millis))?,
            refreshed: from.u8()?,
            created: Day::new(from.u32()?),
            rotate_at: Timestamp::from_millis(from.u64()?),
        })
    }
}
