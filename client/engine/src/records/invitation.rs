//! Invitations: those made here and those accepted here.

use khaima_wire::{Day, LinkSecret, MailboxId, RelayAddress, Timestamp};
use zeroize::Zeroizing;

use super::{DecodeRecordError, Reader, Record, Writer};
use crate::ids::{ContactId, InvitationId};
use crate::store::RecordKind;

/// How far an invitation made here is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MadeState {
    /// The relay has not confirmed it yet; entered at birth.
    Making,
    /// The link may be given away.
    Open,
    /// A valid request took it; kept until the request is answered and the answer was used.
    Taken,
    /// Its day passed without a request. Its mailbox is deleted.
    Expired,
    /// Taken back. Its mailbox is deleted.
    Withdrawn,
    /// It has done its work. Its mailbox is deleted.
    Used,
}

/// How far an invitation accepted here is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AcceptedState {
    /// Its bundle is being claimed; entered at birth and by trying again.
    Claiming,
    /// No bundle was there: used, withdrawn, expired, or an answer got lost. May be tried again.
    Gone,
    /// What the relay gave out is not what the link promises. May be tried again.
    Tampered,
    /// A contact request is on its way or answered.
    Requested,
}

/// Made here or accepted here.
#[derive(Clone)]
pub(crate) enum Side {
    Accepted { state: AcceptedState, link: Zeroizing<String>, greeting: String },
    Made { state: MadeState, link: Zeroizing<String>, secret: LinkSecret, note: String, refused: u32 },
}

/// One invitation. The record's id is the [`InvitationId`].
#[derive(Clone)]
pub(crate) struct InvitationRecord {
    pub(crate) id: InvitationId,
    pub(crate) relay: RelayAddress,
    pub(crate) mailbox: MailboxId,
    pub(crate) expires: Day,
    pub(crate) created: Timestamp,
    /// The contact that came of it.
    pub(crate) contact: Option<ContactId>,
    pub(crate) side: Side,
}

impl Record for InvitationRecord {
    const KIND: RecordKind = RecordKind::Invitation;

    fn write(&self, out: &mut Writer) {
        out.fixed(self.id.as_bytes());
        out.text(&self.relay.to_string());
        out.fixed(self.mailbox.as_bytes());
        out.u32(self.expires.number());
        out.u64(self.created.as_millis());
        out.option(self.contact.as_ref(), |out, contact| out.fixed(contact.as_bytes()));
        match &self.side {
            Side::Made { state, link, secret, note, refused } => {
                out.u8(1);
                out.u8(match state {
                    MadeState::Making => 1,
                    MadeState::Open => 2,
                    MadeState::Taken => 3,
                    MadeState::Expired => 4,
                    MadeState::Withdrawn => 5,
                    MadeState::Used => 6,
                });
                out.text(link);
                out.fixed(secret.expose());
                out.text(note);
                out.u32(*refused);
            }
            Side::Accepted { state, link, greeting } => {
                out.u8(2);
                out.u8(match state {
                    AcceptedState::Claiming => 1,
                    AcceptedState::Gone => 2,
                    AcceptedState::Tampered => 3,
                    AcceptedState::Requested => 4,
                });
                out.text(link);
                out.text(greeting);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeRecordError> {
        Ok(Self {
            id: InvitationId::from_bytes(from.array()?),
            relay: from.text()?.parse().map_err(|_| DecodeRecordError)?,
            mailbox: MailboxId::from_bytes(from.array()?),
            expires: Day::new(from.u32()?),
            created: Timestamp::from_millis(from.u64()?),
            contact: from.option(|from| from.array().map(ContactId::from_bytes))?,
            side: match from.u8()? {
                1 => Side::Made {
                    state: match from.u8()? {
                        1 => MadeState::Making,
                        2 => MadeState::Open,
                        3 => MadeState::Taken,
                        4 => MadeState::Expired,
                        5 => MadeState::Withdrawn,
                        6 => MadeState::Used,
                        _ => return Err(DecodeRecordError),
                    },
                    link: Zeroizing::new(from.text()?),
                    secret: LinkSecret::from_bytes(&Zeroizing::new(from.array()?)),
                    note: from.text()?,
                    refused: from.u32()?,
                },
                2 => Side::Accepted {
                    state: match from.u8()? {
                        1 => AcceptedState::Claiming,
                        2 => AcceptedState::Gone,
                        3 => AcceptedState::Tampered,
                        4 => AcceptedState::Requested,
                        _ => return Err(DecodeRecordError),
                    },
                    link: Zeroizing::new(from.text()?),
                    greeting: from.text()?,
                },
                _ => return Err(DecodeRecordError),
            },
        })
    }
}
