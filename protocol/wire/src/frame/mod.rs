//! Frames: what one end says to the other on the long stream.
//!
//! ```text
//!   length (4, big endian) || protobuf { code, id, body }      body: protobuf of that code
//! ```
//!
//! `client` holds what clients say, `relay` what relays say, `codec` the length prefix and the decoder,
//! `message` the protobuf messages. Requests carry an id and each gets one reply with the same id; pushes carry
//! none. Codes nobody here knows decode to `Unknown(n)`, so that an older end can say so instead of breaking off.
//!
//! Not its concern: who may ask what (`khaima-relay`), streams and their order of opening.

mod client;
mod codec;
mod message;
mod relay;

pub use client::{ClientFrame, MAX_ACKNOWLEDGED, MAX_PUBLISHED, Request, RequestId, Role};
pub use codec::{Frame, FrameDecoder, FrameError, MAX_FRAME};
pub use relay::{MAX_PERMITS, Push, Refusal, RelayFrame, Reply};
