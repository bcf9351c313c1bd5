//! The protobuf messages beneath. Field numbers are for ever.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct ContentProto {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    /// Milliseconds since the epoch.
    #[prost(uint64, tag = "2")]
    pub written: u64,
    #[prost(uint32, tag = "3")]
    pub statement_number: u32,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub statement_hash: Vec<u8>,
    /// From 1 within conversation and direction; 0 for what makes no row.
    #[prost(uint64, tag = "5")]
    pub number: u64,
    /// Message ids, 16 bytes each.
    #[prost(bytes = "vec", tag = "6")]
    pub receipts: Vec<u8>,
    #[prost(oneof = "BodyProto", tags = "16, 17, 18")]
    pub body: Option<BodyProto>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
#[prost(skip_debug)]
pub(super) enum BodyProto {
    #[prost(string, tag = "16")]
    Text(String),
    #[prost(message, tag = "17")]
    Request(ContactRequestProto),
    #[prost(message, tag = "18")]
    Accept(ContactAcceptProto),
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct ContactRequestProto {
    #[prost(bytes = "vec", tag = "1")]
    pub statement: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub slip: Vec<u8>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub greeting: String,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub proof: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct ContactAcceptProto {
    #[prost(bytes = "vec", tag = "1")]
    pub slip: Vec<u8>,
    #[prost(string, tag = "2")]
    pub name: String,
}

/// Statements, slips: bytes that were signed, and the signature.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct SignedProto {
    #[prost(bytes = "vec", tag = "1")]
    pub body: Vec<u8>,
    /// 64 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub signature: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct StatementProto {
    /// 33 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub identity_key: Vec<u8>,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub uuid: Vec<u8>,
    /// One byte per device id, ascending.
    #[prost(bytes = "vec", tag = "3")]
    pub devices: Vec<u8>,
    /// From 1.
    #[prost(uint32, tag = "4")]
    pub number: u32,
    /// Of the statement before; empty for the first, else 32 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub previous: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct SlipProto {
    #[prost(uint32, tag = "1")]
    pub number: u32,
    #[prost(uint32, tag = "2")]
    pub device: u32,
    #[prost(message, repeated, tag = "3")]
    pub places: Vec<PlaceProto>,
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct PlaceProto {
    /// `host:port#pin`.
    #[prost(string, tag = "1")]
    pub relay: String,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub mailbox: Vec<u8>,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub bundle_key: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct BundleProto {
    #[prost(bytes = "vec", tag = "1")]
    pub statement: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub registration_id: u32,
    #[prost(uint32, tag = "3")]
    pub device: u32,
    #[prost(uint32, optional, tag = "4")]
    pub one_time_id: Option<u32>,
    /// 33 bytes.
    #[prost(bytes = "vec", optional, tag = "5")]
    pub one_time_key: Option<Vec<u8>>,
    #[prost(uint32, tag = "6")]
    pub signed_id: u32,
    #[prost(bytes = "vec", tag = "7")]
    pub signed_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    pub signed_signature: Vec<u8>,
    #[prost(uint32, tag = "9")]
    pub kyber_id: u32,
    #[prost(bytes = "vec", tag = "10")]
    pub kyber_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "11")]
    pub kyber_signature: Vec<u8>,
    /// In an invitation's bundle: the identity key's signature over the link.
    #[prost(bytes = "vec", tag = "12")]
    pub link_signature: Vec<u8>,
}

macro_rules! hidden {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}

hidden!(
    BodyProto,
    BundleProto,
    ContactAcceptProto,
    ContactRequestProto,
    ContentProto,
    PlaceProto,
    SignedProto,
    SlipProto,
    StatementProto
);
