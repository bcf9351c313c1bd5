//! The sender certificate of the day: one record.

use khaima_wire::Day;

use super::{DecodeRecordError, Reader, Record, Writer};
use crate::store::RecordKind;

/// Id of the one record of its kind.
pub(crate) const CERTIFICATE_ID: &[u8] = &[1];

/// A sender certificate, made on a day.
#[derive(Clone)]
pub(crate) struct CertificateRecord {
    pub(crate) day: Day,
    pub(crate) certificate: Vec<u8>,
}

impl Record for CertificateRecord {
    const KIND: RecordKind = RecordKind::Certificate;

    fn write(&self, out: &mut Writer) {
        out.u32(self.day.number());
        out.bytes(&self.certificate);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeRecordError> {
        Ok(Self { day: Day::new(from.u32()?), certificate: from.bytes()?.to_vec() })
    }
}
