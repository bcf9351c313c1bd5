//! Relay work that must not be lost. A job is in the store from the step that decided it until the relay answered.
//!
//! What it sends (a sealed envelope, sealed bundles) is in a blob of kind `JobBlob` under the job's id.

use khaima_wire::{InviteCode, MailboxId, Permit};

use super::relay::read_permit;
use super::{DecodeRecordError, Reader, Record, Writer};
use crate::ids::{ContactId, InvitationId, JobId, RelayId};
use crate::store::RecordKind;

/// One piece of work for one relay. The record's id is the [`JobId`].
#[derive(Clone)]
pub(crate) struct JobRecord {
    pub(crate) relay: RelayId,
    /// Waits until this job is gone.
    pub(crate) after: Option<JobId>,
    pub(crate) body: JobBody,
}

/// What to do.
#[derive(Clone)]
pub(crate) enum JobBody {
    /// Claim a bundle (anonymous).
    Claim { mailbox: MailboxId, purpose: ClaimFor },
    /// Make a mailbox of ours.
    Create { mailbox: MailboxId, permit: Option<Permit> },
    /// Delete a mailbox of ours.
    Delete { mailbox: MailboxId },
    /// Put bundles into the pool of a mailbox of ours. Blob: `one_time` bundles, then the last resort if any.
    Publish { mailbox: MailboxId, one_time: u32, last_resort: bool, replace: bool },
    /// Exchange an operator's code for permits (anonymous).
    Redeem { code: InviteCode },
    /// Drop an envelope into somebody's mailbox (anonymous). Blob: the envelope.
    Submit { mailbox: MailboxId, contact: ContactId, row: Option<u64> },
}

/// Why a bundle is claimed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimFor {
    /// To start a session with a contact anew.
    Contact(ContactId),
    /// To answer an invitation.
    Invitation(InvitationId),
}

impl JobBody {
    /// Whether it goes over a connection that names one of our mailboxes.
    pub(crate) fn is_owner(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::Delete { .. } | Self::Publish { .. })
    }
}

impl Record for JobRecord {
    const KIND: RecordKind = RecordKind::Job;

    fn write(&self, out: &mut Writer) {
        out.fixed(self.relay.as_bytes());
        out.option(self.after.as_ref(), |out, after| out.fixed(after.as_bytes()));
        match &self.body {
            JobBody::Claim { mailbox, purpose } => {
                out.u8(1);
                out.fixed(mailbox.as_bytes());
                match purpose {
                    ClaimFor::Contact(id) => {
                        out.u8(1);
                        out.fixed(id.as_bytes());
                    }
                    ClaimFor::Invitation(id) => {
                        out.u8(2);
                        out.fixed(id.as_bytes());
                    }
                }
            }
            JobBody::Create { mailbox, permit } => {
                out.u8(2);
                out.fixed(mailbox.as_bytes());
                out.option(permit.as_ref(), |out, permit| out.fixed(permit.expose()));
            }
            JobBody::Delete { mailbox } => {
                out.u8(3);
                out.fixed(mailbox.as_bytes());
            }
            JobBody::Publish { mailbox, one_time, last_resort, replace } => {
                out.u8(4);
                out.fixed(mailbox.as_bytes());
                out.u32(*one_time);
                out.flag(*last_resort);
                out.flag(*replace);
            }
            JobBody::Redeem { code } => {
                out.u8(5);
                out.fixed(code.expose());
            }
            JobBody::Submit { mailbox, contact, row } => {
                out.u8(6);
                out.fixed(mailbox.as_bytes());
                out.fixed(contact.as_bytes());
                out.option(*row, Writer::u64);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeRecordError> {
        let relay = RelayId::from_bytes(from.array()?);
        let after = from.option(|from| from.array().map(JobId::from_bytes))?;
        let body = match from.u8()? {
            1 => {
                let mailbox = read_mailbox(from)?;
                let purpose = match (from.u8()?, from.array()?) {
                    (1, id) => ClaimFor::Contact(ContactId::from_bytes(id)),
                    (2, id) => ClaimFor::Invitation(InvitationId::from_bytes(id)),
                    _ => return Err(DecodeRecordError),
                };
                JobBody::Claim { mailbox, purpose }
            }
            2 => JobBody::Create { mailbox: read_mailbox(from)?, permit: from.option(read_permit)? },
            3 => JobBody::Delete { mailbox: read_mailbox(from)? },
            4 => JobBody::Publish {
                mailbox: read_mailbox(from)?,
                one_time: from.u32()?,
                last_resort: from.flag()?,
                replace: from.flag()?,
            },
            5 => {
                let code: [u8; InviteCode::LENGTH] = from.array()?;
                JobBody::Redeem { code: InviteCode::from_wire(&code).map_err(|_| DecodeRecordError)? }
            }
            6 => JobBody::Submit {
                mailbox: read_mailbox(from)?,
                contact: ContactId::from_bytes(from.array()?),
                row: from.option(Reader::u64)?,
            },
            _ => return Err(DecodeRecordError),
        };
        Ok(Self { relay, after, body })
    }
}

fn read_mailbox(from: &mut Reader<'_>) -> Result<MailboxId, DecodeRecordError> {
    from.array().map(MailboxId::from_bytes)
}
