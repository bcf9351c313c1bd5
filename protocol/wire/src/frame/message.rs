//! The protobuf messages beneath the frames. Field numbers are for ever; see `docs/spec/wire.md`.
//!
//! Not its concern: which values are allowed in the fields (`client`, `relay`).

use prost::Message;
use zeroize::{Zeroize, Zeroizing};

/// Every frame: what it is, which request it belongs to (0: none), and the message of that code.
///
/// Code and body are apart so that an unknown code can be named in the answer.
#[derive(Clone, PartialEq, Message)]
pub struct Frame {
    #[prost(uint32, tag = "1")]
    pub code: u32,
    #[prost(uint64, tag = "2")]
    pub id: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub body: Vec<u8>,
}

impl Frame {
    /// A frame whose body is `body`.
    pub fn with_body(code: u32, id: u64, body: &impl Message) -> Self {
        Self { code, id, body: body.encode_to_vec() }
    }

    /// A frame that says all by its code.
    pub const fn bare(code: u32, id: u64) -> Self {
        Self { code, id, body: Vec::new() }
    }

    /// Reads the body as the message of this code, and wipes it.
    pub fn take_body<M: Message + Default>(&mut self) -> Option<M> {
        let body = Zeroizing::new(std::mem::take(&mut self.body));
        M::decode(body.as_slice()).ok()
    }
}

pub fn encoded_len(frame: &Frame) -> usize {
    frame.encoded_len()
}

/// Appends the encoded frame.
pub fn append(frame: &Frame, bytes: &mut Vec<u8>) {
    frame.encode_raw(bytes);
}

pub fn parse(bytes: &[u8]) -> Option<Frame> {
    Frame::decode(bytes).ok()
}

#[derive(Clone, PartialEq, Message)]
pub struct Empty {}

#[derive(Clone, PartialEq, Message)]
pub struct ClientHello {
    #[prost(uint32, tag = "1")]
    pub version: u32,
    #[prost(uint32, tag = "2")]
    pub role: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct OwnerProof {
    #[prost(bytes = "vec", tag = "1")]
    pub public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub signature: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Create {
    #[prost(message, optional, tag = "1")]
    pub proof: Option<OwnerProof>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub permit: Option<Vec<u8>>,
}

/// Body of subscribe and delete.
#[derive(Clone, PartialEq, Message)]
pub struct Owned {
    #[prost(message, optional, tag = "1")]
    pub proof: Option<OwnerProof>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Publish {
    #[prost(message, optional, tag = "1")]
    pub proof: Option<OwnerProof>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub one_time: Vec<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub last_resort: Option<Vec<u8>>,
    #[prost(bool, tag = "4")]
    pub replace: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct Acknowledge {
    #[prost(bytes = "vec", tag = "1")]
    pub mailbox: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub ids: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Claim {
    #[prost(bytes = "vec", tag = "1")]
    pub mailbox: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Submit {
    #[prost(bytes = "vec", tag = "1")]
    pub mailbox: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub sealed: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct RedeemCode {
    #[prost(bytes = "vec", tag = "1")]
    pub code: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct RelayHello {
    #[prost(uint32, tag = "1")]
    pub version: u32,
    #[prost(uint32, tag = "2")]
    pub today: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Subscribed {
    #[prost(uint32, tag = "1")]
    pub one_time_left: u32,
    #[prost(uint64, tag = "2")]
    pub claimed: u64,
    #[prost(uint32, tag = "3")]
    pub waiting: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Published {
    #[prost(uint32, tag = "1")]
    pub one_time_left: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Deleted {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub permit: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Bundle {
    #[prost(bytes = "vec", tag = "1")]
    pub sealed: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Busy {
    #[prost(uint32, tag = "1")]
    pub retry_after_secs: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Permits {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub permits: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Refused {
    #[prost(uint32, tag = "1")]
    pub refusal: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Deliver {
    #[prost(bytes = "vec", tag = "1")]
    pub mailbox: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub id: Vec<u8>,
    #[prost(uint32, tag = "3")]
    pub stored: u32,
    #[prost(bytes = "vec", tag = "4")]
    pub sealed: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Retiring {
    #[prost(uint32, tag = "1")]
    pub last_day: u32,
}

// Permits and codes are the secrets that cross in these messages: their copies here are wiped.
impl Drop for Create {
    fn drop(&mut self) {
        self.permit.zeroize();
    }
}

impl Drop for RedeemCode {
    fn drop(&mut self) {
        self.code.zeroize();
    }
}

impl Drop for Deleted {
    fn drop(&mut self) {
        self.permit.zeroize();
    }
}

impl Drop for Permits {
    fn drop(&mut self) {
        self.permits.zeroize();
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.body.zeroize();
    }
}
