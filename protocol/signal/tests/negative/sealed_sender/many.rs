//! 58: messages to many, and what each recipient gets.

use khaima_signal::sealed_sender::{OpenError, SplitError, UnsealError, open, v2};
use khaima_signal::{KeyPair, LocalIdentity as _};

use super::{aci, scene};
use crate::sealing_v2::ManyByHand;
use crate::world::{ALICE, BOB, assert_refusal};

#[test]
fn n58_an_ephemeral_key_that_does_not_come_from_the_message_secret() {
    let mut scene = scene(58_01);
    let content = scene.content(ALICE, BOB);
    let (alice, bob) = (scene.identity(ALICE), scene.identity(BOB));
    let mut message = ManyByHand::new(&content.encode(), &mut scene.world.rng);
    let honest = message.received(&alice, &bob.identity_key());
    assert_eq!(open(&honest, &bob), Ok(content));
    message.ephemeral = KeyPair::generate(&mut scene.world.rng);
    let forged = message.received(&alice, &bob.identity_key());
    assert_eq!(open(&forged, &bob), Err(OpenError::InvalidSealedSenderMessage));
    let error = scene.refused(BOB, &forged);
    assert_refusal!(error, UnsealError::Open(OpenError::InvalidSealedSenderMessage), SealedSenderInvalid);
}

/// The same point in another spelling gives the same agreement; the comparison is of bytes.
#[test]
fn n58_an_ephemeral_key_in_another_spelling() {
    let mut scene = scene(58_02);
    let content = scene.content(ALICE, BOB);
    let [_, mut sealed] = scene.seal(&content, ALICE, BOB);
    sealed[1 + 32 + 16 + 31] |= 0x80;
    assert_eq!(open(&sealed, &scene.identity(BOB)), Err(OpenError::InvalidSealedSenderMessage));
}

/// A message to many with entries for one to nine, each `uuid byte, devices and registration ids`.
fn sent(count: &[u8], entries: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = [&[0x23], count].concat();
    for (uuid, devices) in entries {
        out.extend_from_slice(&aci(*uuid).to_fixed_width());
        out.extend_from_slice(devices);
        if **devices != [0] {
            out.extend_from_slice(&[*uuid; 48]);
        }
    }
    [out.as_slice(), &[0xEE; 32], b"ciphertext"].concat()
}

#[test]
fn n58_must_not_refuse_a_message_to_nobody() {
    let mut scene = scene(58_03);
    let alice = scene.identity(ALICE);
    let content = scene.content(ALICE, BOB).encode();
    let nobody = v2::seal(&content, &alice, &[], &[], &mut scene.world.rng).unwrap();
    assert_eq!(nobody[..2], [0x23, 0]);
    let split = v2::split(&nobody).unwrap();
    assert!(split.recipients().is_empty() && split.excluded().is_empty());
    assert!(v2::split(&sent(&[0], &[])).is_ok());
}

#[test]
fn n58_counts_that_nothing_follows() {
    for count in [&[1][..], &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F], &[0x80, 0x80, 0x80, 0x80, 0x10]] {
        assert_eq!(v2::split(&sent(count, &[])).unwrap_err(), SplitError::InvalidProtobufEncoding);
    }
    let whole = sent(&[2], &[(1, &[1, 0x80, 7, 2, 0, 8]), (2, &[0])]);
    assert!(v2::split(&whole).is_ok());
    // The ciphertext may be of any length, also none.
    for length in 1..whole.len() - b"ciphertext".len() {
        assert_eq!(v2::split(&whole[..length]).unwrap_err(), SplitError::InvalidProtobufEncoding);
    }
}

#[test]
fn n58_must_not_refuse_a_repeated_recipient() {
    let twice = sent(&[3], &[(1, &[1, 0, 7]), (2, &[1, 0, 8]), (1, &[2, 0x80, 9, 3, 0, 10])]);
    let split = v2::split(&twice).unwrap();
    let found: Vec<_> = split
        .recipients()
        .iter()
        .map(|one| (one.service_id, one.devices.iter().map(|(device, _)| device.value()).collect::<Vec<_>>()))
        .collect();
    assert_eq!(found, [(aci(1), vec![1, 2, 3]), (aci(2), vec![1])]);
    assert_eq!(split.received(&split.recipients()[0])[1..49], [1; 48]);
}

#[test]
fn n58_a_recipient_both_included_and_excluded() {
    for entries in [[(1, &[1, 0, 7][..]), (1, &[0])], [(1, &[0]), (1, &[1, 0, 7])], [(1, &[0]), (1, &[0])]] {
        let error = v2::split(&sent(&[2], &entries)).unwrap_err();
        assert_eq!(error, SplitError::InvalidSealedSenderMessage);
    }
}

#[test]
fn n58_device_zero_and_devices_above_127() {
    let excluded = sent(&[1], &[(1, &[0])]);
    let split = v2::split(&excluded).unwrap();
    assert_eq!((split.recipients().len(), split.excluded()), (0, &[aci(1)][..]), "zero as the first");
    assert!(v2::split(&sent(&[1], &[(1, &[127, 0, 7])])).is_ok());
    for devices in [&[1, 0x80, 7, 0, 0, 8][..], &[128, 0, 7], &[255, 0, 7], &[1, 0x80, 7, 128, 0, 8]] {
        let error = v2::split(&sent(&[1], &[(1, devices)])).unwrap_err();
        assert_eq!(error, SplitError::InvalidProtobufEncoding, "{devices:?}");
    }
}

#[test]
fn n58_a_service_id_of_an_unknown_kind() {
    let mut unknown = sent(&[1], &[(1, &[1, 0, 7])]);
    unknown[2] = 2;
    assert_eq!(v2::split(&unknown).unwrap_err(), SplitError::InvalidProtobufEncoding);
}

/// Servers step over the count by the length of its shortest form: all of them have to.
#[test]
fn n58_must_not_repair_the_quirk_of_the_count() {
    let entry = sent(&[], &[(4, &[1, 0, 7])]);
    // `81 00` is a count of one, and `00` is read again, as the kind of the first service id.
    let quirk = [&[0x23, 0x81, 0x00], &entry[2..]].concat();
    assert_eq!(v2::split(&quirk).unwrap().recipients()[0].service_id, aci(4));
    let repaired = [&[0x23, 0x81, 0x00], &entry[1..]].concat();
    let split = v2::split(&repaired);
    assert!(split.is_err() || split.unwrap().recipients()[0].service_id != aci(4));
}
