//! The wire form of a ratchet message: a few bytes of header and at most one chunk.
//!
//! ```text
//! version 01 | epoch varint | index varint | type | chunk index varint | chunk, 32 bytes
//!                                                   `-- types with a chunk only --'
//! ```
//! Nothing here is authenticated: the session message's MAC covers it. What a message means is not this
//! module's concern (`braid`), nor is the choice of version (`state`).

use super::SpqrError;

/// First byte of every message of the only version there is.
pub const VERSION: u8 = 1;

/// Bytes of a chunk of the erasure code.
pub const CHUNK_LENGTH: usize = 32;

/// Longest varint read: ten groups of seven bits cover 64 bits.
const MAX_VARINT_LENGTH: usize = 10;

/// One chunk of a coded value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Position in the code, 0..=65535.
    pub index: u16,
    /// The bytes at that position.
    pub data: [u8; CHUNK_LENGTH],
}

/// What a message carries for the braid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// Nothing to say.
    None,
    /// A chunk of the header and its MAC.
    Hdr(Chunk),
    /// A chunk of the encapsulation key vector.
    Ek(Chunk),
    /// A chunk of the encapsulation key vector, and the first ciphertext part is complete.
    EkCt1Ack(Chunk),
    /// The first ciphertext part is complete.
    Ct1Ack,
    /// A chunk of the first ciphertext part.
    Ct1(Chunk),
    /// A chunk of the second ciphertext part and its MAC.
    Ct2(Chunk),
}

impl Payload {
    /// The type byte.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Hdr(_) => 1,
            Self::Ek(_) => 2,
            Self::EkCt1Ack(_) => 3,
            Self::Ct1Ack => 4,
            Self::Ct1(_) => 5,
            Self::Ct2(_) => 6,
        }
    }

    /// The chunk, of the types that have one.
    #[must_use]
    pub const fn chunk(&self) -> Option<&Chunk> {
        match self {
            Self::None | Self::Ct1Ack => None,
            Self::Hdr(chunk)
            | Self::Ek(chunk)
            | Self::EkCt1Ack(chunk)
            | Self::Ct1(chunk)
            | Self::Ct2(chunk) => Some(chunk),
        }
    }
}

/// A parsed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Epoch being negotiated, from 1.
    pub epoch: u64,
    /// Index of the message's key in the chain of the epoch before; 0 means no key.
    pub index: u32,
    /// What the braid is told.
    pub payload: Payload,
}

impl Message {
    /// The bytes for the wire: 4 to about 50.
    ///
    /// Spec: SPQR 5 Wire format.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + MAX_VARINT_LENGTH + 5 + 1 + 3 + CHUNK_LENGTH);
        out.push(VERSION);
        write_varint(&mut out, self.epoch);
        write_varint(&mut out, self.index.into());
        out.push(self.payload.code());
        if let Some(chunk) = self.payload.chunk() {
            write_varint(&mut out, chunk.index.into());
            out.extend_from_slice(&chunk.data);
        }
        out
    }

    /// Parses a message. Bytes past its end are left for later versions and not looked at.
    ///
    /// # Errors
    /// [`SpqrError::MsgDecode`] when the message is cut short, is of another version, or has a number out of
    /// range: epoch 0, an index above 2^32 - 1, an unknown type, a chunk index above 65535.
    ///
    /// Spec: SPQR 5 Wire format.
    pub fn decode(bytes: &[u8]) -> Result<Self, SpqrError> {
        let mut rest = bytes;
        if read_byte(&mut rest)? != VERSION {
            return Err(SpqrError::MsgDecode);
        }
        let epoch = read_varint(&mut rest)?;
        if epoch == 0 {
            return Err(SpqrError::MsgDecode);
        }
        let index = u32::try_from(read_varint(&mut rest)?).map_err(|_| SpqrError::MsgDecode)?;
        let payload = match read_byte(&mut rest)? {
            0 => Payload::None,
            1 => Payload::Hdr(read_chunk(&mut rest)?),
            2 => Payload::Ek(read_chunk(&mut rest)?),
            3 => Payload::EkCt1Ack(read_chunk(&mut rest)?),
            4 => Payload::Ct1Ack,
            5 => Payload::Ct1(read_chunk(&mut rest)?),
            6 => Payload::Ct2(read_chunk(&mut rest)?),
            _ => return Err(SpqrError::MsgDecode),
        };
        Ok(Self { epoch, index, payload })
    }
}

fn read_byte(rest: &mut &[u8]) -> Result<u8, SpqrError> {
    let (first, tail) = rest.split_first().ok_or(SpqrError::MsgDecode)?;
    *rest = tail;
    Ok(*first)
}

fn read_chunk(rest: &mut &[u8]) -> Result<Chunk, SpqrError> {
    let index = u16::try_from(read_varint(rest)?).map_err(|_| SpqrError::MsgDecode)?;
    let (data, tail) = rest.split_first_chunk().ok_or(SpqrError::MsgDecode)?;
    *rest = tail;
    Ok(Chunk { index, data: *data })
}

/// Padded forms are accepted; of a tenth byte only the bit that fits is kept.
fn read_varint(rest: &mut &[u8]) -> Result<u64, SpqrError> {
    let mut value = 0;
    for position in 0..MAX_VARINT_LENGTH {
        let byte = read_byte(rest)?;
        value |= u64::from(byte & 0x7F) << (7 * position);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(SpqrError::MsgDecode)
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7F {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_encodes() {
        let chunk = Chunk { index: 5, data: [7; 32] };
        let message = Message { epoch: 1, index: 300, payload: Payload::Ct1(chunk) };
        let mut expected = vec![0x01, 0x01, 0xAC, 0x02, 0x05, 0x05];
        expected.extend([7; 32]);
        assert_eq!(message.encode(), expected);
        assert_eq!(Message::decode(&expected), Ok(message));
    }

    #[test]
    fn every_prefix_of_a_message_is_refused() {
        let chunk = Chunk { index: 0x1234, data: [9; 32] };
        let bytes = Message { epoch: u64::MAX, index: u32::MAX, payload: Payload::Hdr(chunk) }.encode();
        for length in 0..bytes.len() {
            assert_eq!(Message::decode(&bytes[..length]), Err(SpqrError::MsgDecode), "{length} bytes");
        }
        assert!(Message::decode(&bytes).is_ok());
    }
}
