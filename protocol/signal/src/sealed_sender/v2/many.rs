//! Sealing for many: the sent form, which the server splits.
//!
//! Not its concern: splitting, and opening.
//!
//! Spec: Signal protocol 10.6 Version 2 (multi-recipient).

use std::sync::OnceLock;

use rand_core::CryptoRng;

use super::{ANOTHER_DEVICE, MASKED_LENGTH, MessageSecrets, SENT_VERSION_BYTE, TAG_LENGTH};
use crate::address::{ProtocolAddress, RegistrationId, ServiceId};
use crate::crypto::cipher;
use crate::keys::{IdentityKey, LocalIdentity};
use crate::sealed_sender::SealError;

/// One device to seal for, with what the stores know of it.
#[derive(Clone, Debug)]
pub struct Destination<'a> {
    /// The device. Its name must be a service id.
    pub address: &'a ProtocolAddress,
    /// The identity key stored for this address, if any.
    pub identity: Option<IdentityKey>,
    /// The session stored for this address.
    pub session: DestinationSession,
}

/// What the session store knows of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DestinationSession {
    /// No record.
    Missing,
    /// A record without a current state.
    NotCurrent,
    /// A current state, with the remote registration id in it.
    Current(RegistrationId),
}

/// Seals encoded content for many recipients, in the sent form.
///
/// Consecutive destinations of one name share an entry, whose identity key is that of the first. `excluded` are named
/// so that the server can tell a member who gets nothing from one who was forgotten.
///
/// # Errors
/// [`SealError::SessionNotFound`] for a missing session, then for a missing identity key, before anything else; then, entry
/// by entry, [`SealError::InvalidArgument`], [`SealError::InvalidState`], [`SealError::InvalidRegistrationId`] and
/// [`SealError::Key`].
pub fn seal<R: CryptoRng + ?Sized>(
    content: &[u8],
    local: &(impl LocalIdentity + ?Sized),
    destinations: &[Destination<'_>],
    excluded: &[ServiceId],
    rng: &mut R,
) -> Result<Vec<u8>, SealError> {
    let sealing = Sealing::begin(destinations, rng)?;
    sealing.finish(content, excluded, |entry| entry.seal(&sealing.message, local))
}

/// As [`seal`], with the work for each entry handed to the caller, who may spread it over threads: two agreements, some
/// 50 microseconds, for each.
///
/// `spread` gets the number of entries and a function to call with every index below it, in any order, from any
/// thread. What it leaves out is done afterwards, in order.
///
/// ```
/// # use khaima_signal::{IdentityKeyPair, sealed_sender::{SealError, v2}};
/// # use rand_chacha::ChaCha20Rng;
/// fn seal_on_two_threads(
///     content: &[u8],
///     local: &IdentityKeyPair,
///     destinations: &[v2::Destination<'_>],
///     rng: &mut ChaCha20Rng,
/// ) -> Result<Vec<u8>, SealError> {
///     v2::seal_spread(content, local, destinations, &[], rng, |count, seal_entry| {
///         std::thread::scope(|scope| {
///             scope.spawn(|| (0..count / 2).for_each(seal_entry));
///             (count / 2..count).for_each(seal_entry);
///         });
///     })
/// }
/// ```
///
/// # Errors
/// Those of [`seal`], in the same order.
pub fn seal_spread<R: CryptoRng + ?Sized>(
    content: &[u8],
    local: &(impl LocalIdentity + Sync + ?Sized),
    destinations: &[Destination<'_>],
    excluded: &[ServiceId],
    rng: &mut R,
    spread: impl FnOnce(usize, &(dyn Fn(usize) + Sync)),
) -> Result<Vec<u8>, SealError> {
    let sealing = Sealing::begin(destinations, rng)?;
    let done: Vec<OnceLock<_>> = sealing.entries.iter().map(|_| OnceLock::new()).collect();
    spread(done.len(), &|index| {
        if let (Some(entry), Some(done)) = (sealing.entries.get(index), done.get(index)) {
            done.get_or_init(|| entry.seal(&sealing.message, local));
        }
    });
    let mut done = done.into_iter();
    sealing.finish(content, excluded, |entry| {
        done.next().and_then(OnceLock::into_inner).unwrap_or_else(|| entry.seal(&sealing.message, local))
    })
}

/// A message on its way to many: what all recipients share, and whom it is for.
struct Sealing<'a> {
    message: MessageSecrets,
    entries: Vec<Entry<'a>>,
}

impl<'a> Sealing<'a> {
    fn begin<R: CryptoRng + ?Sized>(
        destinations: &'a [Destination<'a>],
        rng: &mut R,
    ) -> Result<Self, SealError> {
        let missing = |to: &&Destination<'_>| to.session == DestinationSession::Missing;
        if let Some(to) = destinations.iter().find(missing) {
            return Err(SealError::SessionNotFound(to.address.clone()));
        }
        let entries = destinations
            .chunk_by(|one, next| one.address.name() == next.address.name())
            .filter_map(|devices| devices.split_first().map(|(first, _)| (first, devices)))
            .map(|(first, devices)| match first.identity {
                Some(identity) => Ok(Entry { first: first.address, identity, devices }),
                None => Err(SealError::SessionNotFound(first.address.clone())),
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { message: MessageSecrets::random(rng), entries })
    }

    /// The sent form; asks for the bytes of each entry, in order.
    fn finish(
        &self,
        content: &[u8],
        excluded: &[ServiceId],
        mut sealed_entry: impl FnMut(&Entry<'a>) -> Result<Vec<u8>, SealError>,
    ) -> Result<Vec<u8>, SealError> {
        let mut sealed = vec![SENT_VERSION_BYTE];
        prost::encoding::encode_varint((self.entries.len() + excluded.len()) as u64, &mut sealed);
        for entry in &self.entries {
            sealed.extend_from_slice(&sealed_entry(entry)?);
        }
        for service_id in excluded {
            sealed.extend_from_slice(&service_id.to_fixed_width());
            sealed.push(0);
        }
        sealed.extend_from_slice(self.message.ephemeral.public().as_bytes());
        let ciphertext =
            cipher::gcm_siv_seal(&self.message.content_key, content).ok_or(SealError::TooLong)?;
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }
}

/// One recipient of the sent form, with their devices.
struct Entry<'a> {
    first: &'a ProtocolAddress,
    identity: IdentityKey,
    devices: &'a [Destination<'a>],
}

impl Entry<'_> {
    /// The entry's bytes in the sent form.
    fn seal(
        &self,
        message: &MessageSecrets,
        local: &(impl LocalIdentity + ?Sized),
    ) -> Result<Vec<u8>, SealError> {
        let service_id =
            self.first.service_id().ok_or_else(|| SealError::InvalidArgument(self.first.clone()))?;
        let mut out = Vec::with_capacity(17 + 3 * self.devices.len() + MASKED_LENGTH + TAG_LENGTH);
        out.extend_from_slice(&service_id.to_fixed_width());
        let mut devices = self.devices.iter().peekable();
        while let Some(device) = devices.next() {
            let more = if devices.peek().is_some() { ANOTHER_DEVICE } else { 0 };
            out.push(device.address.device().value());
            out.extend_from_slice(&(sealed_registration_id(device)? | more).to_be_bytes());
        }
        message.share(local, &self.identity)?.write(&mut out);
        Ok(out)
    }
}

fn sealed_registration_id(device: &Destination<'_>) -> Result<u16, SealError> {
    let DestinationSession::Current(id) = device.session else {
        return Err(SealError::InvalidState(device.address.clone()));
    };
    u16::try_from(id.value())
        .ok()
        .filter(|id| *id <= RegistrationId::MAX_SEALED)
        .ok_or_else(|| SealError::InvalidRegistrationId(device.address.clone(), id))
}

#[cfg(test)]
mod tests {
    use super::super::super::{open, testing::Sender};
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::super::split;
    use super::*;
    use crate::address::DeviceId;
    use crate::crypto::{KeyError, PublicKey, Signature};
    use crate::keys::IdentityKeyPair;
    use crate::secret::Secret;
    use crate::test_rng;

    fn address(uuid_byte: u8, device: u8) -> ProtocolAddress {
        ProtocolAddress::new(ServiceId::aci([uuid_byte; 16]).to_string(), DeviceId::new(device).unwrap())
    }

    fn current(address: &ProtocolAddress, identity: IdentityKey, id: u32) -> Destination<'_> {
        let session = DestinationSession::Current(RegistrationId::new(id));
        Destination { address, identity: Some(identity), session }
    }

    #[test]
    fn what_is_sealed_for_many_splits_and_opens_for_each() {
        let mut rng = test_rng(5);
        let sender = Sender::new(5);
        let (bob, carol) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
        let (bob_1, bob_2, carol_1) = (address(1, 1), address(1, 127), address(2, 5));
        let destinations = [
            current(&bob_1, bob.identity_key(), 0x3FFF),
            current(&bob_2, bob.identity_key(), 0),
            current(&carol_1, carol.identity_key(), 9),
        ];
        let content = sender.content(b"to both");
        let excluded = [ServiceId::pni([3; 16])];
        let sealed = seal(&content.encode(), &sender.identity, &destinations, &excluded, &mut rng).unwrap();

        let split = split(&sealed).unwrap();
        assert_eq!(split.excluded(), excluded);
        let [to_bob, to_carol] = split.recipients() else { panic!("two recipients") };
        let devices: Vec<_> =
            to_bob.devices.iter().map(|(device, id)| (device.value(), id.value())).collect();
        assert_eq!(devices, [(1, 0x3FFF), (127, 0)]);
        assert_eq!(to_bob.service_id, ServiceId::aci([1; 16]));
        assert_eq!(open(&split.received(to_bob), &bob).unwrap(), content);
        assert_eq!(open(&split.received(to_carol), &carol).unwrap(), content);
        assert!(open(&split.received(to_carol), &bob).is_err());
    }

    #[test]
    fn sealing_for_nobody_gives_a_message_that_splits_into_nothing() {
        let sender = Sender::new(6);
        let sealed = seal(b"", &sender.identity, &[], &[], &mut test_rng(6)).unwrap();
        assert!(split(&sealed).unwrap().recipients().is_empty());
    }

    #[test]
    fn each_fault_of_a_destination_is_told_in_its_turn() {
        let mut rng = test_rng(7);
        let sender = Sender::new(7);
        let bob = IdentityKeyPair::generate(&mut rng).identity_key();
        let (one, two) = (address(1, 1), address(2, 1));
        let named = ProtocolAddress::new("+31201234567", DeviceId::new(1).unwrap());
        let mut run = |destinations: &[Destination<'_>]| {
            seal(b"", &sender.identity, destinations, &[], &mut rng).unwrap_err()
        };
        let too_wide = current(&one, bob, 0x4000);
        assert_eq!(
            run(std::slice::from_ref(&too_wide)),
            SealError::InvalidRegistrationId(one.clone(), RegistrationId::new(0x4000))
        );
        let unknown = Destination { identity: None, ..current(&two, bob, 1) };
        assert_eq!(run(&[too_wide.clone(), unknown.clone()]), SealError::SessionNotFound(two.clone()));
        let missing = Destination { session: DestinationSession::Missing, ..current(&one, bob, 1) };
        assert_eq!(run(&[unknown, missing]), SealError::SessionNotFound(one.clone()));
        assert_eq!(run(&[current(&named, bob, 1), too_wide]), SealError::InvalidArgument(named.clone()));
        let stale = Destination { session: DestinationSession::NotCurrent, ..current(&one, bob, 1) };
        assert_eq!(run(&[stale]), SealError::InvalidState(one.clone()));
    }

    /// An identity that counts what it is asked for.
    struct CountingIdentity {
        pair: IdentityKeyPair,
        agreements: AtomicUsize,
    }

    impl LocalIdentity for CountingIdentity {
        fn identity_key(&self) -> IdentityKey {
            self.pair.identity_key()
        }

        fn agree(&self, theirs: &PublicKey) -> Result<Secret<32>, KeyError> {
            self.agreements.fetch_add(1, Relaxed);
            self.pair.agree(theirs)
        }

        fn sign(&self, message: &[&[u8]], rng: &mut dyn CryptoRng) -> Signature {
            self.pair.sign(message, rng)
        }
    }

    /// Ten recipients of two devices each, the same ones whenever it is asked for.
    fn ten() -> (Vec<ProtocolAddress>, Vec<IdentityKeyPair>) {
        let addresses = (0..20).map(|device| address(device / 2, 1 + device % 2)).collect();
        let mut rng = test_rng(8);
        (addresses, (0..10).map(|_| IdentityKeyPair::generate(&mut rng)).collect())
    }

    fn to_ten<'a>(addresses: &'a [ProtocolAddress], people: &[IdentityKeyPair]) -> Vec<Destination<'a>> {
        let to =
            |(at, address): (usize, &'a ProtocolAddress)| current(address, people[at / 2].identity_key(), 7);
        addresses.iter().enumerate().map(to).collect()
    }

    #[test]
    fn work_that_is_spread_gives_the_same_message() {
        let sender = Sender::new(8);
        let (addresses, people) = ten();
        let destinations = to_ten(&addresses, &people);
        let content = sender.content(b"to ten").encode();
        let in_order = seal(&content, &sender.identity, &destinations, &[], &mut test_rng(9)).unwrap();
        let local = CountingIdentity { pair: sender.identity, agreements: AtomicUsize::new(0) };
        let spread = |calls: &[usize], expected: usize| {
            let before = local.agreements.load(Relaxed);
            let spread = |count, seal_entry: &(dyn Fn(usize) + Sync)| {
                assert_eq!(count, 10);
                std::thread::scope(|scope| {
                    scope.spawn(|| calls.iter().rev().copied().for_each(seal_entry));
                    calls.iter().copied().for_each(seal_entry);
                });
                assert_eq!(local.agreements.load(Relaxed) - before, expected, "done when it was asked for");
            };
            let sealed = seal_spread(&content, &local, &destinations, &[], &mut test_rng(9), spread).unwrap();
            assert_eq!(local.agreements.load(Relaxed) - before, 10, "nothing is done twice");
            sealed
        };
        assert_eq!(spread(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 10), in_order);
        assert_eq!(spread(&[], 0), in_order, "what is left out is done all the same");
        assert_eq!(spread(&[3, 3, 10, usize::MAX], 1), in_order);
    }

    #[test]
    fn work_that_is_spread_fails_with_the_first_fault_in_order() {
        let sender = Sender::new(9);
        let (addresses, people) = ten();
        let mut destinations = to_ten(&addresses, &people);
        destinations[8].session = DestinationSession::NotCurrent;
        destinations[4].session = DestinationSession::Current(RegistrationId::new(0x4000));
        let result =
            seal_spread(b"", &sender.identity, &destinations, &[], &mut test_rng(9), |count, seal_entry| {
                (0..count).rev().for_each(seal_entry);
            });
        assert_eq!(
            result,
            Err(SealError::InvalidRegistrationId(addresses[4].clone(), RegistrationId::new(0x4000)))
        );
    }
}
