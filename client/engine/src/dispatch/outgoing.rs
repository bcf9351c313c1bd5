//! Requests before the link has signed them.

use std::fmt;

use khaima_wire::{
    BundleError, Envelope, EnvelopeId, InviteCode, MailboxId, MailboxKey, Permit, Purpose, RelayPin, Request,
    Role, SealedBundle, SealedEnvelope,
};

use crate::error::EngineError;
use crate::ids::JobId;
use crate::records::{JobBody, JobRecord, MailboxRecord, View, load, load_blob};
use crate::store::RecordKind;

/// What to ask a relay. Owner requests hold the mailbox's key instead of a proof: a proof is bound to one connection, so
/// the link makes it.
#[derive(Clone)]
#[non_exhaustive]
pub enum OutgoingRequest {
    /// Delete envelopes that are committed here.
    Acknowledge {
        /// Where they waited.
        mailbox: MailboxId,
        /// Which.
        ids: Vec<EnvelopeId>,
    },
    /// Take a bundle.
    Claim {
        /// Whose.
        mailbox: MailboxId,
    },
    /// Make a mailbox.
    Create {
        /// Its key.
        key: MailboxKey,
        /// The right to, where asked for.
        permit: Option<Permit>,
    },
    /// Delete a mailbox.
    Delete {
        /// Its key.
        key: MailboxKey,
    },
    /// Put bundles into a mailbox's pool.
    Publish {
        /// Its key.
        key: MailboxKey,
        /// Bundles given out once each.
        one_time: Vec<SealedBundle>,
        /// The bundle for when no other is left.
        last_resort: Option<SealedBundle>,
        /// Whether older one-time bundles go.
        replace: bool,
    },
    /// Exchange a code for permits.
    RedeemCode {
        /// The code.
        code: InviteCode,
    },
    /// Drop an envelope.
    Submit(Envelope),
    /// Have envelopes pushed.
    Subscribe {
        /// The mailbox's key.
        key: MailboxKey,
    },
}

impl OutgoingRequest {
    /// Which connection it goes over.
    pub fn role(&self) -> Role {
        match self {
            Self::Claim { .. } | Self::RedeemCode { .. } | Self::Submit(_) => Role::Anonymous,
            Self::Acknowledge { .. }
            | Self::Create { .. }
            | Self::Delete { .. }
            | Self::Publish { .. }
            | Self::Subscribe { .. } => Role::Owner,
        }
    }

    /// The request for one connection, with the proof for exactly this connection.
    ///
    /// `exporter` are the 32 bytes of TLS keying material of that connection, `relay` the key it was made to.
    pub fn into_request(self, exporter: &[u8; 32], relay: &RelayPin) -> Request {
        match self {
            Self::Acknowledge { mailbox, ids } => Request::Acknowledge { mailbox, ids },
            Self::Claim { mailbox } => Request::Claim { mailbox },
            Self::Create { key, permit } => {
                Request::Create { proof: key.prove(exporter, relay, Purpose::Create), permit }
            }
            Self::Delete { key } => Request::Delete { proof: key.prove(exporter, relay, Purpose::Delete) },
            Self::Publish { key, one_time, last_resort, replace } => {
                let proof = key.prove(exporter, relay, Purpose::Publish);
                Request::Publish { proof, one_time, last_resort, replace }
            }
            Self::RedeemCode { code } => Request::RedeemCode { code },
            Self::Submit(envelope) => Request::Submit(envelope),
            Self::Subscribe { key } => {
                Request::Subscribe { proof: key.prove(exporter, relay, Purpose::Read) }
            }
        }
    }
}

impl fmt::Debug for OutgoingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Acknowledge { .. } => "Acknowledge",
            Self::Claim { .. } => "Claim",
            Self::Create { .. } => "Create",
            Self::Delete { .. } => "Delete",
            Self::Publish { .. } => "Publish",
            Self::RedeemCode { .. } => "RedeemCode",
            Self::Submit(_) => "Submit",
            Self::Subscribe { .. } => "Subscribe",
        })
    }
}

/// The request of a job; `None` if the job is no more.
pub(super) fn of_job(view: &dyn View, id: JobId) -> Result<Option<OutgoingRequest>, EngineError> {
    let Some(job) = load::<JobRecord>(view, id.as_bytes())? else { return Ok(None) };
    let key_of = |mailbox: &MailboxId| {
        load::<MailboxRecord>(view, mailbox.as_bytes()).map(|found| found.map(|record| record.key))
    };
    Ok(match job.body {
        JobBody::Claim { mailbox, .. } => Some(OutgoingRequest::Claim { mailbox }),
        JobBody::Create { mailbox, permit } => {
            key_of(&mailbox)?.map(|key| OutgoingRequest::Create { key, permit })
        }
        JobBody::Delete { mailbox } => key_of(&mailbox)?.map(|key| OutgoingRequest::Delete { key }),
        JobBody::Publish { mailbox, last_resort, replace, .. } => {
            let blob = load_blob(view, RecordKind::JobBlob, id.as_bytes())?;
            let bundles: Result<Vec<SealedBundle>, BundleError> = blob
                .chunks(SealedBundle::SIZE)
                .map(|bytes| SealedBundle::from_bytes(bytes.to_vec()))
                .collect();
            let mut one_time = bundles.map_err(|_| EngineError::Damaged(RecordKind::JobBlob))?;
            let last_resort = if last_resort { one_time.pop() } else { None };
            key_of(&mailbox)?.map(|key| OutgoingRequest::Publish { key, one_time, last_resort, replace })
        }
        JobBody::Redeem { code } => Some(OutgoingRequest::RedeemCode { code }),
        JobBody::Submit { mailbox, .. } => {
            let blob = load_blob(view, RecordKind::JobBlob, id.as_bytes())?;
            let sealed =
                SealedEnvelope::new(blob.to_vec()).map_err(|_| EngineError::Damaged(RecordKind::JobBlob))?;
            Some(OutgoingRequest::Submit(Envelope { mailbox, sealed }))
        }
    })
}
