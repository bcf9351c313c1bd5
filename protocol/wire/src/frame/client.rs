//! What a client says: a hello, then requests.
//!
//! Not its concern: the replies (`relay`).

use super::codec::sealed::Sealed;
use super::message;
use crate::{
    Envelope, EnvelopeId, FrameError, InviteCode, MailboxId, MailboxPublicKey, OwnerProof, Permit,
    SealedBundle, SealedEnvelope,
};

/// The most one-time bundles in one publish request. Twelve and a last resort keep it well below
/// [`MAX_FRAME`](crate::MAX_FRAME); a larger pool takes several requests.
pub const MAX_PUBLISHED: usize = 12;

/// The most envelopes acknowledged by one request: as many as a relay pushes without an acknowledgement.
pub const MAX_ACKNOWLEDGED: usize = 64;

/// The number a request and its reply share, chosen by the client: 1 and up, unique while unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(u64);

impl RequestId {
    /// Of a reply that answers no request but concerns the connection: a refused hello, for instance.
    pub const CONNECTION: Self = Self(0);

    /// From its number. 0 is [`Self::CONNECTION`] and cannot be a request's.
    #[must_use]
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The id after this one, never [`Self::CONNECTION`].
    #[must_use]
    pub const fn next(self) -> Self {
        match self.0.checked_add(1) {
            Some(id) => Self(id),
            None => Self(1),
        }
    }
}

/// A frame from a client to a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// The first frame of a connection, and only the first.
    Hello {
        /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION) of the client.
        version: u32,
        /// What the connection is for.
        role: Role,
    },
    /// A request. It gets one reply with the same id.
    Request {
        /// Chosen by the client; never [`RequestId::CONNECTION`].
        id: RequestId,
        /// What is asked.
        request: Request,
    },
}

/// What a connection is for. Never both: the relay would learn who writes to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads, publishes and deletes; proves mailbox keys.
    Owner,
    /// Claims bundles and submits envelopes; proves nothing.
    Anonymous,
    /// A role of a later version. Refuse the connection.
    Unknown(u32),
}

impl Role {
    const fn code(self) -> u32 {
        match self {
            Self::Owner => 1,
            Self::Anonymous => 2,
            Self::Unknown(code) => code,
        }
    }

    const fn from_code(code: u32) -> Self {
        match code {
            1 => Self::Owner,
            2 => Self::Anonymous,
            code => Self::Unknown(code),
        }
    }
}

/// What a client asks of a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Make the mailbox of this key. Owner connections.
    Create {
        /// For [`Purpose::Create`](crate::Purpose::Create).
        proof: OwnerProof,
        /// Where the relay asks for one.
        permit: Option<Permit>,
    },
    /// Push what waits in the mailbox and what comes. Owner connections.
    Subscribe {
        /// For [`Purpose::Read`](crate::Purpose::Read).
        proof: OwnerProof,
    },
    /// Put prekey bundles in. Owner connections.
    Publish {
        /// For [`Purpose::Publish`](crate::Purpose::Publish).
        proof: OwnerProof,
        /// Bundles to be claimed once each, at most [`MAX_PUBLISHED`].
        one_time: Vec<SealedBundle>,
        /// The bundle given out when no other is left; takes the place of an earlier one.
        last_resort: Option<SealedBundle>,
        /// Whether the one-time bundles there are dropped first.
        replace: bool,
    },
    /// Delete envelopes that are safely stored here. Owner connections, after subscribing.
    Acknowledge {
        /// Where they waited.
        mailbox: MailboxId,
        /// Which, at most [`MAX_ACKNOWLEDGED`].
        ids: Vec<EnvelopeId>,
    },
    /// Delete the mailbox and everything in it. Owner connections.
    Delete {
        /// For [`Purpose::Delete`](crate::Purpose::Delete).
        proof: OwnerProof,
    },
    /// Take one prekey bundle. Anonymous connections.
    Claim {
        /// Whose.
        mailbox: MailboxId,
    },
    /// Put an envelope in. Anonymous connections.
    Submit(Envelope),
    /// Exchange an operator's code for permits. Anonymous connections.
    RedeemCode {
        /// The code.
        code: InviteCode,
    },
    /// Is anybody there? Either connection.
    Ping,
    /// A request of a later version. Answer [`Refusal::Unknown`](crate::Refusal::Unknown) with this code.
    Unknown(u32),
}

impl Sealed for ClientFrame {
    fn to_message(&self) -> Result<message::Frame, FrameError> {
        Ok(match self {
            Self::Hello { version, role } => message::Frame::with_body(
                HELLO,
                0,
                &message::ClientHello { version: *version, role: role.code() },
            ),
            Self::Request { id, request } => request_message(id.number(), request)?,
        })
    }

    fn from_message(mut frame: message::Frame) -> Result<Self, FrameError> {
        let (code, number) = (frame.code, frame.id);
        if code == HELLO && number == 0 {
            let hello: message::ClientHello = frame.take_body().ok_or(FrameError::Malformed { id: None })?;
            return Ok(Self::Hello { version: hello.version, role: Role::from_code(hello.role) });
        }
        if code == 0 || code == HELLO || number == 0 {
            return Err(FrameError::Malformed { id: None });
        }
        let id = RequestId(number);
        let request = request_from_message(frame).ok_or(FrameError::Malformed { id: Some(id) })?;
        Ok(Self::Request { id, request })
    }
}

fn request_message(id: u64, request: &Request) -> Result<message::Frame, FrameError> {
    Ok(match request {
        Request::Ping => message::Frame::bare(PING, id),
        Request::Create { proof, permit } => message::Frame::with_body(
            CREATE,
            id,
            &message::Create {
                proof: Some(proof_message(proof)),
                permit: permit.as_ref().map(|permit| permit.expose().to_vec()),
            },
        ),
        Request::Subscribe { proof } => message::Frame::with_body(SUBSCRIBE, id, &owned_message(proof)),
        Request::Publish { proof, one_time, last_resort, replace } => {
            if one_time.len() > MAX_PUBLISHED {
                return Err(FrameError::TooLarge);
            }
            message::Frame::with_body(
                PUBLISH,
                id,
                &message::Publish {
                    proof: Some(proof_message(proof)),
                    one_time: one_time.iter().map(|bundle| bundle.as_bytes().to_vec()).collect(),
                    last_resort: last_resort.as_ref().map(|bundle| bundle.as_bytes().to_vec()),
                    replace: *replace,
                },
            )
        }
        Request::Acknowledge { mailbox, ids } => {
            if ids.len() > MAX_ACKNOWLEDGED {
                return Err(FrameError::TooLarge);
            }
            message::Frame::with_body(
                ACKNOWLEDGE,
                id,
                &message::Acknowledge {
                    mailbox: mailbox.as_bytes().to_vec(),
                    ids: ids.iter().map(|id| id.as_bytes().to_vec()).collect(),
                },
            )
        }
        Request::Delete { proof } => message::Frame::with_body(DELETE, id, &owned_message(proof)),
        Request::Claim { mailbox } => {
            message::Frame::with_body(CLAIM, id, &message::Claim { mailbox: mailbox.as_bytes().to_vec() })
        }
        Request::Submit(envelope) => message::Frame::with_body(
            SUBMIT,
            id,
            &message::Submit {
                mailbox: envelope.mailbox.as_bytes().to_vec(),
                sealed: envelope.sealed.as_bytes().to_vec(),
            },
        ),
        Request::RedeemCode { code } => {
            message::Frame::with_body(REDEEM_CODE, id, &message::RedeemCode { code: code.expose().to_vec() })
        }
        Request::Unknown(code) => message::Frame::bare(*code, id),
    })
}

fn request_from_message(mut frame: message::Frame) -> Option<Request> {
    Some(match frame.code {
        PING => {
            frame.take_body::<message::Empty>()?;
            Request::Ping
        }
        CREATE => {
            let mut body: message::Create = frame.take_body()?;
            let permit = match &body.permit {
                Some(bytes) => Some(Permit::from_slice(bytes).ok()?),
                None => None,
            };
            Request::Create { proof: proof(body.proof.take())?, permit }
        }
        SUBSCRIBE => Request::Subscribe { proof: proof(frame.take_body::<message::Owned>()?.proof)? },
        PUBLISH => {
            let body: message::Publish = frame.take_body()?;
            if body.one_time.len() > MAX_PUBLISHED {
                return None;
            }
            Request::Publish {
                proof: proof(body.proof)?,
                one_time: body.one_time.into_iter().map(bundle).collect::<Option<_>>()?,
                last_resort: match body.last_resort {
                    Some(bytes) => Some(bundle(bytes)?),
                    None => None,
                },
                replace: body.replace,
            }
        }
        ACKNOWLEDGE => {
            let body: message::Acknowledge = frame.take_body()?;
            if body.ids.len() > MAX_ACKNOWLEDGED {
                return None;
            }
            Request::Acknowledge {
                mailbox: MailboxId::from_slice(&body.mailbox).ok()?,
                ids: body.ids.iter().map(|id| EnvelopeId::from_slice(id).ok()).collect::<Option<_>>()?,
            }
        }
        DELETE => Request::Delete { proof: proof(frame.take_body::<message::Owned>()?.proof)? },
        CLAIM => {
            let body: message::Claim = frame.take_body()?;
            Request::Claim { mailbox: MailboxId::from_slice(&body.mailbox).ok()? }
        }
        SUBMIT => {
            let body: message::Submit = frame.take_body()?;
            Request::Submit(Envelope {
                mailbox: MailboxId::from_slice(&body.mailbox).ok()?,
                sealed: SealedEnvelope::new(body.sealed).ok()?,
            })
        }
        REDEEM_CODE => {
            let body: message::RedeemCode = frame.take_body()?;
            Request::RedeemCode { code: InviteCode::from_wire(&body.code).ok()? }
        }
        code => Request::Unknown(code),
    })
}

fn proof_message(proof: &OwnerProof) -> message::OwnerProof {
    message::OwnerProof {
        public_key: proof.public_key.as_bytes().to_vec(),
        signature: proof.signature.to_vec(),
    }
}

fn owned_message(proof: &OwnerProof) -> message::Owned {
    message::Owned { proof: Some(proof_message(proof)) }
}

fn proof(message: Option<message::OwnerProof>) -> Option<OwnerProof> {
    let message = message?;
    Some(OwnerProof {
        public_key: MailboxPublicKey::from_slice(&message.public_key).ok()?,
        signature: message.signature.as_slice().try_into().ok()?,
    })
}

fn bundle(bytes: Vec<u8>) -> Option<SealedBundle> {
    SealedBundle::from_bytes(bytes).ok()
}

// Codes of client frames. For ever; see docs/spec/wire.md.
const HELLO: u32 = 1;
const PING: u32 = 2;
const CREATE: u32 = 3;
const SUBSCRIBE: u32 = 4;
const PUBLISH: u32 = 5;
const ACKNOWLEDGE: u32 = 6;
const DELETE: u32 = 7;
const CLAIM: u32 = 8;
const SUBMIT: u32 = 9;
const REDEEM_CODE: u32 = 10;
