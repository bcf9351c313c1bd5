//! The length prefix, and the decoder that takes frames out of a byte stream.
//!
//! Not its concern: what the frames say.

use std::marker::PhantomData;

use zeroize::{Zeroize, Zeroizing};

use super::message;
use crate::{ClientFrame, RelayFrame, RequestId};

/// The largest frame in bytes, without its 4-byte length: the largest envelope and 640 bytes for the rest.
///
/// More would let one peer hold more of a relay's memory; less would not carry an envelope of 64 KiB.
pub const MAX_FRAME: usize = 66_048;

/// Bytes of the length in front of each frame.
const PREFIX: usize = 4;

/// Why a frame could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame is longer than [`MAX_FRAME`], or a list in it has too many entries. Reading: the stream cannot be
    /// followed any further, close it. Writing: send less at a time.
    #[error("frame too large")]
    TooLarge,
    /// A frame is not what its code promises. The next one can still be read. Where the request's id was
    /// legible, answer it with [`Refusal::Malformed`](crate::Refusal::Malformed); otherwise close the connection.
    #[error("malformed frame")]
    Malformed {
        /// The request or reply concerned, where that much was legible.
        id: Option<RequestId>,
    },
}

impl FrameError {
    /// Whether the stream cannot be followed any further and has to be closed.
    #[must_use]
    pub const fn is_fatal(self) -> bool {
        !matches!(self, Self::Malformed { id: Some(_) })
    }
}

/// Something that is sent as one frame: [`ClientFrame`] or [`RelayFrame`], and nothing else.
pub trait Frame: Sized + sealed::Sealed {
    /// The frame with its length in front, ready for the stream.
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLarge`] if a list in it is longer than its limit. Nothing made by one sender from one
    /// envelope is.
    fn encode(&self) -> Result<Vec<u8>, FrameError> {
        let message = self.to_message()?;
        let length = message::encoded_len(&message);
        let prefix = u32::try_from(length).map_err(|_| FrameError::TooLarge)?;
        if length > MAX_FRAME {
            return Err(FrameError::TooLarge);
        }
        let mut bytes = Vec::with_capacity(PREFIX + length);
        bytes.extend_from_slice(&prefix.to_be_bytes());
        message::append(&message, &mut bytes);
        Ok(bytes)
    }

    /// Reads a frame without its length.
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLarge`] above [`MAX_FRAME`], [`FrameError::Malformed`] if it is no such frame.
    fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        if bytes.len() > MAX_FRAME {
            return Err(FrameError::TooLarge);
        }
        Self::from_message(message::parse(bytes).ok_or(FrameError::Malformed { id: None })?)
    }
}

pub(super) mod sealed {
    use super::message;
    use crate::FrameError;

    /// Keeps [`Frame`](super::Frame) to this crate.
    pub trait Sealed: Sized {
        fn to_message(&self) -> Result<message::Frame, FrameError>;
        fn from_message(message: message::Frame) -> Result<Self, FrameError>;
    }
}

/// Takes frames out of a byte stream, however it was cut into pieces.
///
/// After each [`Self::push`] call [`Self::next`] until it says `Ok(None)`: then never more than one unfinished
/// frame and one piece is held. A length above [`MAX_FRAME`] is an error as soon as its four bytes are there, and
/// memory grows with what arrived, never with what a length promises.
pub struct FrameDecoder<F> {
    /// Bytes that arrived; those before `start` are used up.
    buffer: Vec<u8>,
    start: usize,
    failed: bool,
    frame: PhantomData<fn() -> F>,
}

impl<F: Frame> FrameDecoder<F> {
    /// At the beginning of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: Vec::new(), start: 0, failed: false, frame: PhantomData }
    }

    /// Takes the next bytes of the stream. After a fatal error they are ignored.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed {
            return;
        }
        self.discard_used();
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, or `None` until more bytes have come.
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLarge`] from then on for ever; [`FrameError::Malformed`] once, and the next call goes on
    /// with the frame after it.
    #[expect(clippy::should_implement_trait, reason = "None means `not yet`, not `never again`")]
    pub fn next(&mut self) -> Result<Option<F>, FrameError> {
        if self.failed {
            return Err(FrameError::TooLarge);
        }
        let waiting = self.buffer.get(self.start..).unwrap_or_default();
        let Some((prefix, rest)) = waiting.split_first_chunk::<PREFIX>() else { return Ok(None) };
        let length = match usize::try_from(u32::from_be_bytes(*prefix)) {
            Ok(length) if length <= MAX_FRAME => length,
            _ => {
                self.failed = true;
                self.wipe();
                return Err(FrameError::TooLarge);
            }
        };
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let decoded = F::decode(body);
        self.start += PREFIX + length;
        if self.start == self.buffer.len() {
            self.wipe();
        }
        decoded.map(Some)
    }

    /// Number of bytes held that are not yet a frame.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.buffer.len().saturating_sub(self.start)
    }

    /// Moves what is unfinished to the front.
    fn discard_used(&mut self) {
        if self.start > 0 {
            let rest = Zeroizing::new(self.buffer.split_off(self.start.min(self.buffer.len())));
            self.wipe();
            self.buffer.extend_from_slice(&rest);
        }
    }

    /// Wipes the buffer, which may have held permits, and gives the memory of a large frame back.
    fn wipe(&mut self) {
        /// What an idle connection may keep. A constant: thousands of connections wait for most of their life.
        const KEPT: usize = 4_096;
        self.buffer.zeroize();
        self.buffer.shrink_to(KEPT);
        self.start = 0;
    }
}

impl<F: Frame> Default for FrameDecoder<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F> Drop for FrameDecoder<F> {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

impl<F> std::fmt::Debug for FrameDecoder<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FrameDecoder(..)")
    }
}

impl Frame for ClientFrame {}
impl Frame for RelayFrame {}

impl ClientFrame {
    /// The frame with its length in front, ready for the stream. See [`Frame::encode`].
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLarge`] if a list in it is longer than its limit.
    pub fn encode(&self) -> Result<Vec<u8>, FrameError> {
        Frame::encode(self)
    }
}

impl RelayFrame {
    /// The frame with its length in front, ready for the stream. See [`Frame::encode`].
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLarge`] if a list in it is longer than its limit.
    pub fn encode(&self) -> Result<Vec<u8>, FrameError> {
        Frame::encode(self)
    }
}
