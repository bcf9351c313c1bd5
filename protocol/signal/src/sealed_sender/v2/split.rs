//! The server's side of a message to many: one received form for each recipient.
//!
//! Needs no key: everything read here is public to whoever carries the message.
//!
//! Not its concern: which devices a recipient really has.
//!
//! Spec: Signal protocol 10.6 Version 2, server side parse.

use std::collections::BTreeMap;

use super::super::SplitError;
use super::{
    ANOTHER_DEVICE, EPHEMERAL_LENGTH, MASKED_LENGTH, RECEIVED_VERSION_BYTE, SENT_VERSION_BYTE, TAG_LENGTH,
};
use crate::address::{DeviceId, RegistrationId, ServiceId};

/// Length of what each recipient gets of their own: `C` and `AT`.
const SHARE_LENGTH: usize = MASKED_LENGTH + TAG_LENGTH;

/// A message to many, taken apart.
#[derive(Clone, Debug)]
pub struct SplitMessage<'a> {
    recipients: Vec<SplitRecipient<'a>>,
    excluded: Vec<ServiceId>,
    shared: &'a [u8],
}

/// One recipient of a message to many.
#[derive(Clone, Debug)]
pub struct SplitRecipient<'a> {
    /// Whom it is for.
    pub service_id: ServiceId,
    /// Their devices, in the order of the message, with the registration ids the sender knows.
    pub devices: Vec<(DeviceId, RegistrationId)>,
    share: &'a [u8; SHARE_LENGTH],
}

impl<'a> SplitMessage<'a> {
    /// The recipients, in the order of first appearance.
    #[must_use]
    pub fn recipients(&self) -> &[SplitRecipient<'a>] {
        &self.recipients
    }

    /// Who was named and gets nothing, in order.
    #[must_use]
    pub fn excluded(&self) -> &[ServiceId] {
        &self.excluded
    }

    /// The received form for each of the recipient's devices.
    #[must_use]
    pub fn received(&self, recipient: &SplitRecipient<'_>) -> Vec<u8> {
        let mut received = Vec::with_capacity(1 + SHARE_LENGTH + self.shared.len());
        received.push(RECEIVED_VERSION_BYTE);
        received.extend_from_slice(recipient.share);
        received.extend_from_slice(self.shared);
        received
    }
}

/// Takes a message to many apart.
///
/// # Errors
/// See [`SplitError`]; the message is refused as a whole.
pub fn split(sent: &[u8]) -> Result<SplitMessage<'_>, SplitError> {
    let (version_byte, rest) = sent.split_first().ok_or(SplitError::InvalidSealedSenderMessage)?;
    let has_bare_uuids = match *version_byte {
        SENT_VERSION_BYTE => false,
        // The older sent form, before phone number identities.
        RECEIVED_VERSION_BYTE => true,
        other => return Err(SplitError::UnknownSealedSenderVersion(other)),
    };
    let mut reader = Reader(rest);
    let count = reader.count()?;
    // Grows with the bytes that are really there: the count is not believed.
    let mut found: Vec<(ServiceId, Option<SplitRecipient<'_>>)> = Vec::new();
    let mut positions: BTreeMap<ServiceId, usize> = BTreeMap::new();
    for _ in 0..count {
        let service_id = if has_bare_uuids {
            ServiceId::aci(*reader.array()?)
        } else {
            let bytes: &[u8; ServiceId::FIXED_WIDTH_LENGTH] = reader.array()?;
            ServiceId::from_fixed_width(bytes).map_err(|_| SplitError::InvalidProtobufEncoding)?
        };
        let devices = reader.devices()?;
        let entry = match devices.is_empty() {
            true => None,
            false => Some(SplitRecipient { service_id, devices, share: reader.array()? }),
        };
        match positions.get(&service_id).and_then(|position| found.get_mut(*position)) {
            None => {
                positions.insert(service_id, found.len());
                found.push((service_id, entry));
            }
            Some((_, Some(first))) => match entry {
                Some(again) => first.devices.extend(again.devices),
                None => return Err(SplitError::InvalidSealedSenderMessage),
            },
            Some((_, None)) => return Err(SplitError::InvalidSealedSenderMessage),
        }
    }
    if reader.0.len() < EPHEMERAL_LENGTH {
        return Err(SplitError::InvalidProtobufEncoding);
    }

    let mut split = SplitMessage { recipients: Vec::new(), excluded: Vec::new(), shared: reader.0 };
    for (service_id, entry) in found {
        match entry {
            Some(recipient) => split.recipients.push(recipient),
            None => split.excluded.push(service_id),
        }
    }
    Ok(split)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The number of entries.
    ///
    /// Steps over as many bytes as the *minimal* encoding of the value has, whatever was really there: servers split
    /// changed bytes alike only if all of them do this.
    fn count(&mut self) -> Result<u32, SplitError> {
        let mut ahead = self.0;
        let count =
            prost::encoding::decode_varint(&mut ahead).map_err(|_| SplitError::InvalidProtobufEncoding)?;
        self.0 = self.0.get(prost::encoding::encoded_len_varint(count)..).unwrap_or_default();
        u32::try_from(count).map_err(|_| SplitError::InvalidProtobufEncoding)
    }

    /// The devices of one entry; none when it is excluded.
    fn devices(&mut self) -> Result<Vec<(DeviceId, RegistrationId)>, SplitError> {
        let mut devices = Vec::new();
        loop {
            let [device] = *self.array()?;
            if device == 0 && devices.is_empty() {
                return Ok(devices);
            }
            let device = DeviceId::new(device).map_err(|_| SplitError::InvalidProtobufEncoding)?;
            let word = u16::from_be_bytes(*self.array()?);
            devices.push((device, RegistrationId::new(u32::from(word & RegistrationId::MAX_SEALED))));
            if word & ANOTHER_DEVICE == 0 {
                return Ok(devices);
            }
        }
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], SplitError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(SplitError::InvalidProtobufEncoding)?;
        self.0 = rest;
        Ok(array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: [u8; EPHEMERAL_LENGTH] = [0xEE; EPHEMERAL_LENGTH];

    fn entry(uuid_byte: u8, devices: &[u8]) -> Vec<u8> {
        let mut out = ServiceId::aci([uuid_byte; 16]).to_fixed_width().to_vec();
        out.extend_from_slice(devices);
        out.extend_from_slice(&[uuid_byte; SHARE_LENGTH]);
        out
    }

    #[test]
    fn a_count_longer_than_needed_is_stepped_over_by_its_minimal_length() {
        // `81 00` is a count of 1; the `00` is then the kind byte of the first service id.
        let uuid_and_rest = &entry(4, &[1, 0, 7])[1..];
        let sent = [&[SENT_VERSION_BYTE, 0x81, 0x00], uuid_and_rest, &SHARED].concat();
        let split = split(&sent).unwrap();
        assert_eq!(split.recipients()[0].service_id, ServiceId::aci([4; 16]));
        assert_eq!(split.received(&split.recipients()[0])[1..49], [4; SHARE_LENGTH]);
    }

    #[test]
    fn a_large_count_without_entries_is_refused_without_allocating_for_it() {
        let sent = [&[SENT_VERSION_BYTE, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], &SHARED[..]].concat();
        assert_eq!(split(&sent).unwrap_err(), SplitError::InvalidProtobufEncoding);
        let sent = [&[SENT_VERSION_BYTE, 0x80, 0x80, 0x80, 0x80, 0x10], &SHARED[..]].concat();
        assert_eq!(split(&sent).unwrap_err(), SplitError::InvalidProtobufEncoding);
    }

    #[test]
    fn a_recipient_listed_twice_keeps_the_first_share_and_all_devices() {
        let mut second = entry(1, &[2, 0, 2]);
        second[20..].fill(0xBB);
        let sent =
            [&[SENT_VERSION_BYTE, 3], &entry(1, &[1, 0, 1])[..], &entry(5, &[3, 0, 3]), &second, &SHARED]
                .concat();
        let split = split(&sent).unwrap();
        let [first, other] = split.recipients() else { panic!("two recipients") };
        assert_eq!(first.devices.len(), 2);
        assert_eq!(first.share, &[1; SHARE_LENGTH]);
        assert_eq!(other.service_id, ServiceId::aci([5; 16]));
    }

    #[test]
    fn every_truncation_is_refused() {
        let sent = [&[SENT_VERSION_BYTE, 1], &entry(1, &[1, 0x80, 1, 2, 0, 2])[..], &SHARED].concat();
        assert!(split(&sent).is_ok());
        for length in 0..sent.len() {
            assert!(split(&sent[..length]).is_err(), "length {length}");
        }
    }
}
