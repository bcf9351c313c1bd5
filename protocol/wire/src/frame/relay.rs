//! What a relay says: a hello, replies and pushes.
//!
//! Not its concern: when it says what.

use super::codec::sealed::Sealed;
use super::message;
use crate::{
    Day, Delivery, EnvelopeId, FrameError, MailboxId, Permit, RequestId, SealedBundle, SealedEnvelope,
};

/// The most permits in one reply.
pub const MAX_PERMITS: usize = 1_024;

/// A frame from a relay to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayFrame {
    /// The first frame of a connection, in answer to the client's hello.
    Hello {
        /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION) of the relay.
        version: u32,
        /// Its day; a client whose clock is far off can say so.
        today: Day,
    },
    /// The answer to a request.
    Reply {
        /// The request's, or [`RequestId::CONNECTION`].
        id: RequestId,
        /// The answer.
        reply: Reply,
    },
    /// Something the client did not just ask for.
    Push(Push),
}

/// What a relay answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Create: the mailbox is there.
    Created,
    /// Create: it was there before and belongs to this key. As good as [`Self::Created`].
    AlreadyYours,
    /// Create or redeem: no permit, a spent one, no such code, or the limit of an open relay is reached.
    NotPermitted,
    /// Subscribe: what waits is pushed from now on.
    Subscribed {
        /// One-time bundles left.
        one_time_left: u32,
        /// Bundles ever claimed, last resorts included.
        claimed: u64,
        /// Envelopes that wait.
        waiting: u32,
    },
    /// Publish: the bundles are stored durably.
    Published {
        /// One-time bundles there now.
        one_time_left: u32,
    },
    /// Acknowledge: the envelopes are deleted, or were already.
    Acknowledged,
    /// Delete: the mailbox is gone, or was already.
    Deleted {
        /// The permit that comes back.
        permit: Option<Permit>,
    },
    /// Claim: a bundle, which nobody else gets unless it is the last resort.
    Bundle(SealedBundle),
    /// Submit: the envelope is stored durably. Never said of one that is not.
    Accepted,
    /// There is no such mailbox (any more): unknown, deleted, expired and blocked look alike.
    Gone,
    /// Submit: the mailbox holds as much as it may. Try again when its owner has been there.
    Full,
    /// Not now. Ask again after so many seconds.
    Busy {
        /// Seconds to wait.
        retry_after_secs: u32,
    },
    /// Redeem: permits, one mailbox each.
    Permits(Vec<Permit>),
    /// Ping.
    Pong,
    /// The request cannot be served at all. Asking again changes nothing.
    Refused(Refusal),
    /// A reply of a later version. Treat the request as failed.
    Unknown(u32),
}

/// Why a request is refused for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// The owner proof does not hold.
    BadProof,
    /// Not on this kind of connection, or not before subscribing.
    WrongRole,
    /// The frame is not what its code promises.
    Malformed,
    /// The relay does not speak this version. Comes with [`RequestId::CONNECTION`].
    UnsupportedVersion,
    /// Larger than this relay takes.
    TooLarge,
    /// The relay does not know this request, or a reason of a later version: its code.
    Unknown(u32),
}

impl Refusal {
    const fn code(self) -> u32 {
        match self {
            Self::BadProof => 1,
            Self::WrongRole => 2,
            Self::Malformed => 3,
            Self::UnsupportedVersion => 4,
            Self::TooLarge => 5,
            Self::Unknown(code) => code,
        }
    }

    const fn from_code(code: u32) -> Self {
        match code {
            1 => Self::BadProof,
            2 => Self::WrongRole,
            3 => Self::Malformed,
            4 => Self::UnsupportedVersion,
            5 => Self::TooLarge,
            code => Self::Unknown(code),
        }
    }
}

/// What a relay says unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Push {
    /// An envelope from a mailbox this connection has subscribed to.
    Deliver(Delivery),
    /// The operator closes this relay for good. Move what lives here elsewhere.
    Retiring {
        /// The last day it serves.
        last_day: Day,
    },
    /// A push of a later version. Ignore it.
    Unknown(u32),
}

impl Sealed for RelayFrame {
    fn to_message(&self) -> Result<message::Frame, FrameError> {
        Ok(match self {
            Self::Hello { version, today } => message::Frame::with_body(
                HELLO,
                0,
                &message::RelayHello { version: *version, today: today.number() },
            ),
            Self::Reply { id, reply } => reply_message(id.number(), reply)?,
            Self::Push(Push::Deliver(delivery)) => message::Frame::with_body(
                DELIVER,
                0,
                &message::Deliver {
                    mailbox: delivery.mailbox.as_bytes().to_vec(),
                    id: delivery.id.as_bytes().to_vec(),
                    stored: delivery.stored.number(),
                    sealed: delivery.sealed.as_bytes().to_vec(),
                },
            ),
            Self::Push(Push::Retiring { last_day }) => {
                message::Frame::with_body(RETIRING, 0, &message::Retiring { last_day: last_day.number() })
            }
            Self::Push(Push::Unknown(code)) => message::Frame::bare(*code, 0),
        })
    }

    fn from_message(mut frame: message::Frame) -> Result<Self, FrameError> {
        let (code, number) = (frame.code, frame.id);
        let illegible = FrameError::Malformed { id: None };
        match code {
            0 => Err(illegible),
            HELLO if number == 0 => {
                let hello: message::RelayHello = frame.take_body().ok_or(illegible)?;
                Ok(Self::Hello { version: hello.version, today: Day::new(hello.today) })
            }
            PUSHES.. if number == 0 => push_from_message(frame).map(Self::Push).ok_or(illegible),
            HELLO | PUSHES.. => Err(illegible),
            _ => {
                let id = RequestId::new(number);
                let reply = reply_from_message(frame).ok_or(FrameError::Malformed { id: Some(id) })?;
                Ok(Self::Reply { id, reply })
            }
        }
    }
}

fn reply_message(id: u64, reply: &Reply) -> Result<message::Frame, FrameError> {
    Ok(match reply {
        Reply::Pong => message::Frame::bare(PONG, id),
        Reply::Created => message::Frame::bare(CREATED, id),
        Reply::AlreadyYours => message::Frame::bare(ALREADY_YOURS, id),
        Reply::NotPermitted => message::Frame::bare(NOT_PERMITTED, id),
        Reply::Subscribed { one_time_left, claimed, waiting } => message::Frame::with_body(
            SUBSCRIBED,
            id,
            &message::Subscribed { one_time_left: *one_time_left, claimed: *claimed, waiting: *waiting },
        ),
        Reply::Published { one_time_left } => {
            message::Frame::with_body(PUBLISHED, id, &message::Published { one_time_left: *one_time_left })
        }
        Reply::Acknowledged => message::Frame::bare(ACKNOWLEDGED, id),
        Reply::Deleted { permit } => {
            let permit = permit.as_ref().map(|permit| permit.expose().to_vec());
            message::Frame::with_body(DELETED, id, &message::Deleted { permit })
        }
        Reply::Bundle(bundle) => {
            message::Frame::with_body(BUNDLE, id, &message::Bundle { sealed: bundle.as_bytes().to_vec() })
        }
        Reply::Accepted => message::Frame::bare(ACCEPTED, id),
        Reply::Gone => message::Frame::bare(GONE, id),
        Reply::Full => message::Frame::bare(FULL, id),
        Reply::Busy { retry_after_secs } => {
            message::Frame::with_body(BUSY, id, &message::Busy { retry_after_secs: *retry_after_secs })
        }
        Reply::Permits(permits) => {
            if permits.len() > MAX_PERMITS {
                return Err(FrameError::TooLarge);
            }
            let permits = permits.iter().map(|permit| permit.expose().to_vec()).collect();
            message::Frame::with_body(PERMITS, id, &message::Permits { permits })
        }
        Reply::Refused(refusal) => {
            message::Frame::with_body(REFUSED, id, &message::Refused { refusal: refusal.code() })
        }
        Reply::Unknown(code) => message::Frame::bare(*code, id),
    })
}

fn reply_from_message(mut frame: message::Frame) -> Option<Reply> {
    let bare = |frame: &mut message::Frame, reply| frame.take_body::<message::Empty>().map(|_| reply);
    Some(match frame.code {
        PONG => bare(&mut frame, Reply::Pong)?,
        CREATED => bare(&mut frame, Reply::Created)?,
        ALREADY_YOURS => bare(&mut frame, Reply::AlreadyYours)?,
        NOT_PERMITTED => bare(&mut frame, Reply::NotPermitted)?,
        SUBSCRIBED => {
            let body: message::Subscribed = frame.take_body()?;
            Reply::Subscribed {
                one_time_left: body.one_time_left,
                claimed: body.claimed,
                waiting: body.waiting,
            }
        }
        PUBLISHED => {
            Reply::Published { one_time_left: frame.take_body::<message::Published>()?.one_time_left }
        }
        ACKNOWLEDGED => bare(&mut frame, Reply::Acknowledged)?,
        DELETED => {
            let body: message::Deleted = frame.take_body()?;
            let permit = match &body.permit {
                Some(bytes) => Some(Permit::from_slice(bytes).ok()?),
                None => None,
            };
            Reply::Deleted { permit }
        }
        BUNDLE => Reply::Bundle(SealedBundle::from_bytes(frame.take_body::<message::Bundle>()?.sealed).ok()?),
        ACCEPTED => bare(&mut frame, Reply::Accepted)?,
        GONE => bare(&mut frame, Reply::Gone)?,
        FULL => bare(&mut frame, Reply::Full)?,
        BUSY => Reply::Busy { retry_after_secs: frame.take_body::<message::Busy>()?.retry_after_secs },
        PERMITS => {
            let body: message::Permits = frame.take_body()?;
            if body.permits.len() > MAX_PERMITS {
                return None;
            }
            Reply::Permits(
                body.permits.iter().map(|bytes| Permit::from_slice(bytes).ok()).collect::<Option<_>>()?,
            )
        }
        REFUSED => Reply::Refused(Refusal::from_code(frame.take_body::<message::Refused>()?.refusal)),
        code => Reply::Unknown(code),
    })
}

fn push_from_message(mut frame: message::Frame) -> Option<Push> {
    Some(match frame.code {
        DELIVER => {
            let body: message::Deliver = frame.take_body()?;
            Push::Deliver(Delivery {
                mailbox: MailboxId::from_slice(&body.mailbox).ok()?,
                id: EnvelopeId::from_slice(&body.id).ok()?,
                stored: Day::new(body.stored),
                sealed: SealedEnvelope::new(body.sealed).ok()?,
            })
        }
        RETIRING => Push::Retiring { last_day: Day::new(frame.take_body::<message::Retiring>()?.last_day) },
        code => Push::Unknown(code),
    })
}

// Codes of relay frames. For ever; see docs/spec/wire.md. Replies are below `PUSHES`, pushes from there on.
const HELLO: u32 = 1;
const PONG: u32 = 2;
const CREATED: u32 = 3;
const ALREADY_YOURS: u32 = 4;
const NOT_PERMITTED: u32 = 5;
const SUBSCRIBED: u32 = 6;
const PUBLISHED: u32 = 7;
const ACKNOWLEDGED: u32 = 8;
const DELETED: u32 = 9;
const BUNDLE: u32 = 10;
const ACCEPTED: u32 = 11;
const GONE: u32 = 12;
const FULL: u32 = 13;
const BUSY: u32 = 14;
const PERMITS: u32 = 15;
const REFUSED: u32 = 16;
const PUSHES: u32 = 1_024;
const DELIVER: u32 = PUSHES;
const RETIRING: u32 = PUSHES + 1;
