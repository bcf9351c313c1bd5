//! What passes sealed between two clients: contents, statements, slips, bundles. Each decodes into a checked type.
//!
//! All are protobuf, so that later versions may add fields; readers skip what they do not know. Bounds are checked here,
//! truth (signatures, hashes, proofs) by the `verify` functions. A decoding failure is always the peer's fault.
//!
//! Not its concern: encryption and envelopes (`send`, `receive`), deciding what follows.

mod bundle;
mod message;
mod proto;
mod slip;
mod statement;

pub(crate) use bundle::{BundleContent, BundleParts};
pub(crate) use message::{
    ContactAccept, ContactRequest, Content, ContentBody, MAX_GREETING, MAX_NAME, MAX_RECEIPTS, request_proof,
    verify_request_proof,
};
pub(crate) use slip::{decode_slip, encode_slip};
pub(crate) use statement::{Statement, StatementHash};

/// Bytes from a peer are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentError;
