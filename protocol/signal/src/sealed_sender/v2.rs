//! Version 2: one ciphertext for many recipients, each with 48 bytes of their own.
//!
//! ```text
//! sent      0x23 | count | { service id | device, registration id .. | C | AT } .. | E | ciphertext
//! received  0x22 | C | AT | E | ciphertext                                  (what the server makes for each device)
//! ```
//!
//! A random `M` gives the ephemeral pair `E` and the content key. `C` carries `M` to one recipient; `AT` proves to them
//! who sealed it.
//!
//! Not its concern: the content, and whether the sender's certificate holds. Splitting is [`split`].
//!
//! Spec: Signal protocol 10.6 Version 2 (multi-recipient).

mod split;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

pub use self::split::{SplitMessage, SplitRecipient, split};
use super::{OpenError, SealError, SealedContent};
use crate::address::{ProtocolAddress, RegistrationId, ServiceId};
use crate::crypto::{KeyError, KeyPair, PrivateKey, PublicKey, cipher, kdf, labels};
use crate::keys::{IdentityKey, LocalIdentity};
use crate::secret::Secret;

/// The first byte of the form each recipient gets.
pub const RECEIVED_VERSION_BYTE: u8 = 0x22;
/// The first byte of the form for many.
pub const SENT_VERSION_BYTE: u8 = 0x23;
/// How much longer the received form is than the content: `C`, `AT`, `E` and the tag; the version byte is not counted.
pub const OVERHEAD: usize = MASKED_LENGTH + TAG_LENGTH + EPHEMERAL_LENGTH + cipher::GCM_SIV_TAG_LENGTH;

const MASKED_LENGTH: usize = 32;
const TAG_LENGTH: usize = 16;
const EPHEMERAL_LENGTH: usize = 32;
/// Set in a registration id when another device of the same recipient follows.
const ANOTHER_DEVICE: u16 = 0x8000;

/// Seals encoded content for one recipient, in the received form.
///
/// # Errors
/// [`SealError::Key`] when the recipient's key agrees to nothing.
pub fn seal_for_one<R: CryptoRng + ?Sized>(
    content: &[u8],
    local: &(impl LocalIdentity + ?Sized),
    recipient: &IdentityKey,
    rng: &mut R,
) -> Result<Vec<u8>, SealError> {
    let message = MessageSecrets::random(rng);
    let share = message.share(local, recipient)?;
    let ciphertext = cipher::gcm_siv_seal(&message.content_key, content).ok_or(SealError::TooLong)?;
    let mut sealed = Vec::with_capacity(1 + OVERHEAD + content.len());
    sealed.push(RECEIVED_VERSION_BYTE);
    share.write(&mut sealed);
    sealed.extend_from_slice(message.ephemeral.public().as_bytes());
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

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
    if let Some(missing) = destinations.iter().find(|to| to.session == DestinationSession::Missing) {
        return Err(SealError::SessionNotFound(missing.address.clone()));
    }
    let entries = destinations
        .chunk_by(|one, next| one.address.name() == next.address.name())
        .filter_map(|devices| devices.split_first().map(|(first, _)| (first, devices)))
        .map(|(first, devices)| match first.identity {
            Some(identity) => Ok(Entry { first: first.address, identity, devices }),
            None => Err(SealError::SessionNotFound(first.address.clone())),
        })
        .collect::<Result<Vec<_>, _>>()?;

    let message = MessageSecrets::random(rng);
    let mut sealed = vec![SENT_VERSION_BYTE];
    prost::encoding::encode_varint((entries.len() + excluded.len()) as u64, &mut sealed);
    for entry in &entries {
        entry.write(&message, local, &mut sealed)?;
    }
    for service_id in excluded {
        sealed.extend_from_slice(&service_id.to_fixed_width());
        sealed.push(0);
    }
    sealed.extend_from_slice(message.ephemeral.public().as_bytes());
    let ciphertext = cipher::gcm_siv_seal(&message.content_key, content).ok_or(SealError::TooLong)?;
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

/// Opens what follows the version byte of the received form.
pub(super) fn open(sealed: &[u8], local: &(impl LocalIdentity + ?Sized)) -> Result<SealedContent, OpenError> {
    let (masked, rest) = sealed.split_first_chunk().ok_or(OpenError::InvalidProtobufEncoding)?;
    let (tag, rest) = rest.split_first_chunk().ok_or(OpenError::InvalidProtobufEncoding)?;
    let (ephemeral, ciphertext) = rest.split_first_chunk().ok_or(OpenError::InvalidProtobufEncoding)?;
    let share = Share { masked: *masked, tag: *tag };
    let ephemeral = PublicKey::from_bytes(*ephemeral);
    let recipient = local.identity_key();

    let message_secret = mask(masked, &local.agree(&ephemeral)?, &ephemeral, &recipient);
    let message = MessageSecrets::derive(message_secret);
    if *message.ephemeral.public() != ephemeral {
        return Err(OpenError::InvalidSealedSenderMessage);
    }
    let content = cipher::gcm_siv_open(&message.content_key, ciphertext)
        .map_err(|_| OpenError::InvalidSealedSenderMessage)?;
    let content = SealedContent::decode(&content)?;
    let sender = content.certificate.identity_key();
    let agreed = local.agree(sender.public_key())?;
    let expected = authentication_tag(&agreed, &ephemeral, &share.masked, sender, &recipient);
    if !bool::from(expected.expose().ct_eq(&share.tag)) {
        return Err(OpenError::InvalidSealedSenderMessage);
    }
    Ok(content)
}

/// `M` and what is derived from it.
struct MessageSecrets {
    message_secret: Secret<32>,
    ephemeral: KeyPair,
    content_key: Secret<32>,
}

impl MessageSecrets {
    /// Fresh ones. Never reused: the nonce of the content key is fixed.
    fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self::derive(Secret::random(rng))
    }

    fn derive(message_secret: Secret<32>) -> Self {
        let r = kdf::hkdf::<32>(None, message_secret.expose(), labels::SEALED_SENDER_V2_R);
        let ephemeral = KeyPair::from_private(PrivateKey::from_secret(&r));
        let content_key = kdf::hkdf(None, message_secret.expose(), labels::SEALED_SENDER_V2_K);
        Self { message_secret, ephemeral, content_key }
    }

    fn share(
        &self,
        local: &(impl LocalIdentity + ?Sized),
        recipient: &IdentityKey,
    ) -> Result<Share, KeyError> {
        let ephemeral = self.ephemeral.public();
        let agreed = self.ephemeral.private().agree(recipient.public_key())?;
        let masked = *mask(self.message_secret.expose(), &agreed, ephemeral, recipient).expose();
        let agreed = local.agree(recipient.public_key())?;
        let tag = authentication_tag(&agreed, ephemeral, &masked, &local.identity_key(), recipient);
        Ok(Share { masked, tag: *tag.expose() })
    }
}

/// One recipient's `C` and `AT`. Public.
struct Share {
    masked: [u8; MASKED_LENGTH],
    tag: [u8; TAG_LENGTH],
}

impl Share {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.masked);
        out.extend_from_slice(&self.tag);
    }
}

/// One recipient of the sent form, with their devices.
struct Entry<'a> {
    first: &'a ProtocolAddress,
    identity: IdentityKey,
    devices: &'a [Destination<'a>],
}

impl Entry<'_> {
    fn write(
        &self,
        message: &MessageSecrets,
        local: &(impl LocalIdentity + ?Sized),
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let service_id =
            self.first.service_id().ok_or_else(|| SealError::InvalidArgument(self.first.clone()))?;
        out.extend_from_slice(&service_id.to_fixed_width());
        let mut devices = self.devices.iter().peekable();
        while let Some(device) = devices.next() {
            let more = if devices.peek().is_some() { ANOTHER_DEVICE } else { 0 };
            out.push(device.address.device().value());
            out.extend_from_slice(&(sealed_registration_id(device)? | more).to_be_bytes());
        }
        message.share(local, &self.identity)?.write(out);
        Ok(())
    }
}

fn sealed_registration_id(device: &Destination<'_>) -> Result<u16, SealError> {
    let DestinationSession::Current(id) = device.session else {
        return Err(SealError::InvalidState(device.address.clone()));
    };
    u16::try_from(id.value())
        .ok()
        .filter(|id| *id <= RegistrationId::MAX_SEALED)
        .ok_or_else(|| SealError::InvalidRegistrationId(device.address.clone(), id.value()))
}

/// `M` to `C` and back: XOR with a key that ephemeral and recipient share.
fn mask(bytes: &[u8; 32], agreed: &Secret<32>, ephemeral: &PublicKey, recipient: &IdentityKey) -> Secret<32> {
    let key = kdf::hkdf_parts::<32>(
        None,
        &[agreed.expose(), &ephemeral.serialize(), &recipient.serialize()],
        labels::SEALED_SENDER_V2_DH,
    );
    Secret::filled_by(|out| {
        for ((to, byte), key) in out.iter_mut().zip(bytes).zip(key.expose()) {
            *to = byte ^ key;
        }
    })
}

/// `AT`: only sender and recipient can make it.
fn authentication_tag(
    agreed: &Secret<32>,
    ephemeral: &PublicKey,
    masked: &[u8; MASKED_LENGTH],
    sender: &IdentityKey,
    recipient: &IdentityKey,
) -> Secret<TAG_LENGTH> {
    kdf::hkdf_parts(
        None,
        &[agreed.expose(), &ephemeral.serialize(), masked, &sender.serialize(), &recipient.serialize()],
        labels::SEALED_SENDER_V2_DH_SENDER,
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::Sender;
    use super::*;
    use crate::address::DeviceId;
    use crate::keys::IdentityKeyPair;
    use crate::test_rng;

    fn address(uuid_byte: u8, device: u8) -> ProtocolAddress {
        ProtocolAddress::new(ServiceId::aci([uuid_byte; 16]).to_string(), DeviceId::new(device).unwrap())
    }

    fn current(address: &ProtocolAddress, identity: IdentityKey, id: u32) -> Destination<'_> {
        let session = DestinationSession::Current(RegistrationId::new(id));
        Destination { address, identity: Some(identity), session }
    }

    #[test]
    fn the_one_recipient_opens_what_was_sealed_and_nobody_else() {
        let mut rng = test_rng(1);
        let sender = Sender::new(1);
        let (bob, carol) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
        let content = sender.content(b"noon, by the bridge");
        let sealed =
            seal_for_one(&content.encode(), &sender.identity, &bob.identity_key(), &mut rng).unwrap();
        assert_eq!(sealed.len(), 1 + OVERHEAD + content.encoded_len());
        assert_eq!(super::super::open(&sealed, &bob).unwrap(), content);
        assert_eq!(super::super::open(&sealed, &carol), Err(OpenError::InvalidSealedSenderMessage));
    }

    #[test]
    fn a_certificate_of_another_identity_does_not_open() {
        let mut rng = test_rng(2);
        let (sender, thief) = (Sender::new(2), IdentityKeyPair::generate(&mut rng));
        let bob = IdentityKeyPair::generate(&mut rng);
        let sealed =
            seal_for_one(&sender.content(b"").encode(), &thief, &bob.identity_key(), &mut rng).unwrap();
        assert_eq!(super::super::open(&sealed, &bob), Err(OpenError::InvalidSealedSenderMessage));
    }

    #[test]
    fn every_flipped_bit_behind_the_version_is_noticed() {
        let mut rng = test_rng(3);
        let (sender, bob) = (Sender::new(3), IdentityKeyPair::generate(&mut rng));
        let sealed =
            seal_for_one(&sender.content(b"x").encode(), &sender.identity, &bob.identity_key(), &mut rng)
                .unwrap();
        for bit in 8..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(super::super::open(&changed, &bob).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_padded_envelope_has_the_very_size() {
        let mut rng = test_rng(4);
        let (sender, bob) = (Sender::new(4), IdentityKeyPair::generate(&mut rng));
        let content = sender.content(b"text");
        for size in [3_968, 8_064, 16_256, 32_640, 65_408] {
            let padded = content.encode_padded(size - 1 - OVERHEAD).unwrap();
            let sealed = seal_for_one(&padded, &sender.identity, &bob.identity_key(), &mut rng).unwrap();
            assert_eq!(sealed.len(), size);
            assert_eq!(super::super::open(&sealed, &bob).unwrap(), content);
        }
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
        assert_eq!(super::super::open(&split.received(to_bob), &bob).unwrap(), content);
        assert_eq!(super::super::open(&split.received(to_carol), &carol).unwrap(), content);
        assert!(super::super::open(&split.received(to_carol), &bob).is_err());
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
            SealError::InvalidRegistrationId(one.clone(), 0x4000)
        );
        let unknown = Destination { identity: None, ..current(&two, bob, 1) };
        assert_eq!(run(&[too_wide.clone(), unknown.clone()]), SealError::SessionNotFound(two.clone()));
        let missing = Destination { session: DestinationSession::Missing, ..current(&one, bob, 1) };
        assert_eq!(run(&[unknown, missing]), SealError::SessionNotFound(one.clone()));
        assert_eq!(run(&[current(&named, bob, 1), too_wide]), SealError::InvalidArgument(named.clone()));
        let stale = Destination { session: DestinationSession::NotCurrent, ..current(&one, bob, 1) };
        assert_eq!(run(&[stale]), SealError::InvalidState(one.clone()));
    }
}
