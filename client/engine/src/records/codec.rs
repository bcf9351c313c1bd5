//! The stored form of records: a version byte, then fields one after the other, big-endian.
//!
//! Our own instead of protobuf, because records hold keys: everything is written into one buffer that is wiped.

use zeroize::{Zeroize, Zeroizing};

/// Version of all stored records of this engine.
const VERSION: u8 = 1;

/// Bytes are not the record they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DecodeRecordError;

/// Writes fields into a buffer that leaves no copy behind when it grows.
pub(crate) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    pub(crate) fn versioned() -> Self {
        let mut writer = Self(Zeroizing::new(Vec::with_capacity(512)));
        writer.u8(VERSION);
        writer
    }

    fn append(&mut self, bytes: &[u8]) {
        let needed = self.0.len().saturating_add(bytes.len());
        if needed > self.0.capacity() {
            // Grown by hand: a Vec that grows itself frees its old memory with what was in it.
            let mut larger = Vec::with_capacity(needed.saturating_mul(2));
            larger.extend_from_slice(&self.0);
            self.0.zeroize();
            self.0 = Zeroizing::new(larger);
        }
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.append(&[value]);
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.append(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.append(&value.to_be_bytes());
    }

    /// Bytes whose number the reader knows.
    pub(crate) fn fixed(&mut self, value: &[u8]) {
        self.append(value);
    }

    /// Bytes with their number before them.
    pub(crate) fn bytes(&mut self, value: &[u8]) {
        // Records are far below 4 GiB; a longer value would be cut and then refused on reading.
        self.u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.append(value);
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    pub(crate) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub(crate) fn list<T>(&mut self, values: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.u32(u32::try_from(values.len()).unwrap_or(u32::MAX));
        values.iter().for_each(|value| write(self, value));
    }

    pub(crate) fn finish(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

/// Reads fields back.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn versioned(bytes: &'a [u8]) -> Result<Self, DecodeRecordError> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => Ok(Self(rest)),
            _ => Err(DecodeRecordError),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeRecordError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(DecodeRecordError)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeRecordError> {
        self.take(N)?.try_into().map_err(|_| DecodeRecordError)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeRecordError> {
        self.array().map(|[byte]: [u8; 1]| byte)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, DecodeRecordError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeRecordError),
        }
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeRecordError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeRecordError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], DecodeRecordError> {
        let length = usize::try_from(self.u32()?).map_err(|_| DecodeRecordError)?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<String, DecodeRecordError> {
        std::str::from_utf8(self.bytes()?).map(str::to_owned).map_err(|_| DecodeRecordError)
    }

    pub(crate) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeRecordError>,
    ) -> Result<Option<T>, DecodeRecordError> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    pub(crate) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeRecordError>,
    ) -> Result<Vec<T>, DecodeRecordError> {
        let count = self.u32()?;
        // No allocation from the count: each entry takes at least a byte that must be there.
        let mut values = Vec::new();
        for _ in 0..count {
            if self.0.is_empty() {
                return Err(DecodeRecordError);
            }
            values.push(read(self)?);
        }
        Ok(values)
    }

    pub(crate) fn finish(self) -> Result<(), DecodeRecordError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeRecordError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_read_back_in_order() {
        let mut out = Writer::versioned();
        out.u64(7);
        out.text("خيمة");
        out.option(Some(3_u32), Writer::u32);
        out.option(None, Writer::u32);
        out.list(&[1_u8, 2], |out, value| out.u8(*value));
        out.bytes(&vec![9; 2_000]);
        let bytes = out.finish();
        let mut from = Reader::versioned(&bytes).unwrap();
        assert_eq!(from.u64(), Ok(7));
        assert_eq!(from.text().unwrap(), "خيمة");
        assert_eq!(from.option(Reader::u32), Ok(Some(3)));
        assert_eq!(from.option(Reader::u32), Ok(None));
        assert_eq!(from.list(Reader::u8).unwrap(), [1, 2]);
        assert_eq!(from.bytes().unwrap(), [9; 2_000]);
        assert_eq!(from.finish(), Ok(()));
    }

    #[test]
    fn every_cut_is_refused() {
        let mut out = Writer::versioned();
        out.bytes(b"abc");
        out.list(&[5_u64], |out, value| out.u64(*value));
        let bytes = out.finish();
        for end in 0..bytes.len() {
            let read = Reader::versioned(&bytes[..end]).and_then(|mut from| {
                from.bytes()?;
                from.list(Reader::u64)?;
                from.finish()
            });
            assert_eq!(read, Err(DecodeRecordError), "cut at {end}");
        }
    }

    #[test]
    fn a_huge_count_does_not_allocate() {
        let bytes = [VERSION, 0xff, 0xff, 0xff, 0xff, 1];
        let mut from = Reader::versioned(&bytes).unwrap();
        assert_eq!(from.list(Reader::u8), Err(DecodeRecordError));
    }
}
