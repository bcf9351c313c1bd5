//! 53: version bytes.

use khaima_signal::LocalIdentity as _;
use khaima_signal::sealed_sender::{OpenError, SplitError, UnsealError, open, v2};

use super::{aci, scene};
use crate::sealing_v2::ManyByHand;
use crate::world::{ALICE, BOB, CAROL, assert_refusal};

#[test]
fn n53_another_version_byte_of_an_envelope_that_would_open() {
    let mut scene = scene(53_01);
    let content = scene.content(ALICE, BOB);
    let bob = scene.identity(BOB);
    for (sealed, right) in scene.seal(&content, ALICE, BOB).into_iter().zip([0x11, 0x22]) {
        assert_eq!(open(&sealed, &bob), Ok(content.clone()));
        let nibbles = if right == 0x11 { [0, 1].as_slice() } else { &[2] };
        for high in nibbles {
            for low in 0..16 {
                let byte = high << 4 | low;
                if byte != right {
                    let changed = [&[byte], &sealed[1..]].concat();
                    assert_eq!(open(&changed, &bob), Err(OpenError::UnknownSealedSenderVersion(*high)));
                    assert_refusal!(
                        scene.refused(BOB, &changed),
                        UnsealError::Open(OpenError::UnknownSealedSenderVersion(_)),
                        SealedSenderUnknownVersion,
                        "{byte:#04x}"
                    );
                }
            }
        }
        assert_eq!(scene.unsealed(BOB, &sealed).decrypted.plaintext.as_slice(), b"text");
    }
}

#[test]
fn n53_another_version_byte_of_what_would_not_open_changes_no_error() {
    let mut scene = scene(53_02);
    let content = scene.content(ALICE, BOB);
    let (bob, carol) = (scene.identity(BOB), scene.identity(CAROL));
    let [one, two] = scene.seal(&content, ALICE, BOB);
    let mut changed = one.clone();
    *changed.last_mut().unwrap() ^= 1;
    for low in 0..16 {
        for high in [0, 0x10] {
            let envelope = [&[high | low], &changed[1..]].concat();
            assert_eq!(open(&envelope, &bob), Err(OpenError::InvalidSealedSenderMessage));
            assert_eq!(open(&[high | low], &bob), Err(OpenError::InvalidProtobufEncoding));
            assert_eq!(open(&[high | low, 0x0F], &bob), Err(OpenError::InvalidProtobufEncoding));
        }
        let envelope = [&[0x20 | low], &two[1..]].concat();
        assert_eq!(open(&envelope, &carol), Err(OpenError::InvalidSealedSenderMessage));
        assert_eq!(open(&[0x20 | low], &bob), Err(OpenError::InvalidProtobufEncoding));
    }
}

#[test]
fn n53_versions_3_to_15_are_unknown_whatever_follows() {
    let mut scene = scene(53_03);
    let content = scene.content(ALICE, BOB);
    let bob = scene.identity(BOB);
    let [one, two] = scene.seal(&content, ALICE, BOB);
    for byte in 0x30..=0xFF_u8 {
        for rest in [&one[1..], &two[1..], b"", b"garbage"] {
            let envelope = [&[byte], rest].concat();
            assert_eq!(open(&envelope, &bob), Err(OpenError::UnknownSealedSenderVersion(byte >> 4)));
        }
    }
    assert_eq!(open(&[], &bob), Err(OpenError::InvalidSealedSenderMessage));
}

#[test]
fn n53_only_0x22_and_0x23_split() {
    let mut scene = scene(53_04);
    let content = scene.content(ALICE, BOB);
    let bob = scene.identity(BOB).identity_key();
    let message = ManyByHand::new(&content.encode(), &mut scene.world.rng);
    let entry = message.entry(&scene.identity(ALICE), &bob, &aci(2).to_fixed_width(), &[1, 0, 7]);
    let sent = message.sent(&[1], &[entry]);
    assert_eq!(v2::split(&sent).unwrap().recipients().len(), 1);
    for byte in (0..=u8::MAX).filter(|byte| !matches!(byte, 0x22 | 0x23)) {
        let changed = [&[byte], &sent[1..]].concat();
        assert_eq!(v2::split(&changed).unwrap_err(), SplitError::UnknownSealedSenderVersion(byte));
    }
    assert_eq!(v2::split(&[]).unwrap_err(), SplitError::InvalidSealedSenderMessage);
}
