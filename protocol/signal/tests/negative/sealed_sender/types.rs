//! 59: messages that do not belong into an envelope.

use khaima_signal::sealed_sender::{OpenError, UnsealError, open, v2};
use khaima_signal::{DecryptError, LocalIdentity as _, MessageType};

use super::scene;
use crate::world::{ALICE, BOB};

#[test]
fn n59_group_messages_and_plaintext_where_a_session_message_belongs() {
    let mut scene = scene(59_01);
    let bob = scene.identity(BOB);
    for message_type in [MessageType::SenderKey, MessageType::Plaintext] {
        for inside in [vec![], vec![0xC0, 0x80], scene.world.encrypt(ALICE, BOB, b"x").serialize().to_vec()] {
            let content = scene.content_of(ALICE, message_type, inside);
            for sealed in scene.seal(&content, ALICE, BOB) {
                assert_eq!(
                    open(&sealed, &bob),
                    Ok(content.clone()),
                    "must not: opening gives it to the caller"
                );
                let error = scene.refused(BOB, &sealed);
                match error {
                    UnsealError::Decrypt(DecryptError::InvalidMessage(found)) => {
                        assert_eq!(found, message_type);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

#[test]
fn n59_an_unknown_type_number() {
    let mut scene = scene(59_02);
    let content = scene.content(ALICE, BOB).encode();
    assert_eq!(content[..2], [0x08, 1], "a first message");
    let (alice, bob) = (scene.identity(ALICE), scene.identity(BOB));
    for number in (0..=20).filter(|number| !matches!(number, 1 | 2 | 7 | 8)) {
        let changed = [&[0x08, number], &content[2..]].concat();
        let rng = &mut scene.world.rng;
        let sealed = v2::seal_for_one(&changed, &alice, &bob.identity_key(), rng).unwrap();
        assert_eq!(open(&sealed, &bob), Err(OpenError::InvalidProtobufEncoding), "{number}");
    }
}
