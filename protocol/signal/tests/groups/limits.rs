//! How much is kept, how far a message may be ahead, and where a chain ends.

use khaima_signal::{
    ErrorKind, GroupDecryptError, GroupEncryptError, MessageType, SenderKeyChange, SenderKeyMessage,
    SenderKeyRecord,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

use crate::forge::{self, ID, OwnChain, advanced};

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(60)
}

fn message_of(sender: &SenderKeyRecord) -> SenderKeyMessage {
    sender.encrypt(ID, b"text", &mut rng()).unwrap().message
}

fn recipient_of(sender: &SenderKeyRecord) -> SenderKeyRecord {
    let processed = SenderKeyRecord::empty().process(&sender.distribution_message(ID).unwrap());
    assert_eq!(processed.change, SenderKeyChange::Added);
    processed.record
}

/// The record after reading a message.
fn after(record: &SenderKeyRecord, message: &SenderKeyMessage) -> SenderKeyRecord {
    let decrypted = record.decrypt(message).unwrap();
    assert_eq!(decrypted.plaintext.as_slice(), b"text");
    decrypted.record
}

const DUPLICATED: fn(u32, u32) -> GroupDecryptError =
    |chain_index, counter| GroupDecryptError::DuplicatedMessage { chain_index, counter };
const INVALID: GroupDecryptError = GroupDecryptError::InvalidMessage(MessageType::SenderKey);

#[test]
fn a_message_25000_ahead_is_read_and_one_further_is_not() {
    let alice = SenderKeyRecord::generate(&mut rng());
    let bob = recipient_of(&alice);
    let (farthest, too_far) = (advanced(&alice, 25_000), advanced(&alice, 25_001));
    assert_eq!(bob.decrypt(&message_of(&too_far)).unwrap_err(), INVALID);
    let bob = after(&bob, &message_of(&farthest));
    // Measured from the next expected, not from the last received.
    let bob = after(&bob, &message_of(&advanced(&too_far, 25_000)));
    let error = bob.decrypt(&message_of(&advanced(&too_far, 50_002))).unwrap_err();
    assert_eq!(error, INVALID);
}

#[test]
fn two_thousand_skipped_keys_are_kept_and_the_earliest_goes_first() {
    let alice = SenderKeyRecord::generate(&mut rng());
    let early: Vec<_> = (0..4).map(|steps| message_of(&advanced(&alice, steps))).collect();
    let bob = after(&recipient_of(&alice), &message_of(&advanced(&alice, 2_000)));
    let _ = after(&bob, &early[0]);
    // 2,001 is read in order and costs nothing; 2,003 passes over 2,002 and pushes out 0.
    let bob = after(&bob, &message_of(&advanced(&alice, 2_001)));
    let _ = after(&bob, &early[0]);
    let bob = after(&bob, &message_of(&advanced(&alice, 2_003)));
    assert_eq!(bob.decrypt(&early[0]).unwrap_err(), DUPLICATED(2_004, 0));
    let bob = after(&bob, &early[1]);
    assert_eq!(bob.decrypt(&early[1]).unwrap_err(), DUPLICATED(2_004, 1));
    // A key that was used makes room: nothing is pushed out for 2,004.
    let bob = after(&bob, &message_of(&advanced(&alice, 2_005)));
    let bob = after(&bob, &early[2]);
    let _ = after(&bob, &early[3]);
}

#[test]
fn skipped_keys_are_counted_for_each_chain() {
    let chains: Vec<_> = (0..5).map(|seed| SenderKeyRecord::generate(&mut seeded(seed))).collect();
    let mut bob = SenderKeyRecord::empty();
    for alice in &chains {
        bob = bob.process(&alice.distribution_message(ID).unwrap()).record;
        bob = after(&bob, &message_of(&advanced(alice, 2_000)));
    }
    for alice in &chains {
        bob = after(&bob, &message_of(alice));
        bob = after(&bob, &message_of(&advanced(alice, 1_999)));
    }
}

fn seeded(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

#[test]
fn a_sixth_chain_pushes_out_the_one_processed_longest_ago() {
    let chains: Vec<_> = (0..6).map(|seed| SenderKeyRecord::generate(&mut seeded(seed))).collect();
    let given: Vec<_> = chains.iter().map(|alice| alice.distribution_message(ID).unwrap()).collect();
    let mut bob = SenderKeyRecord::empty();
    for distribution in &given[..5] {
        bob = bob.process(distribution).record;
    }
    // The oldest comes to the front and pushes out none.
    let processed = bob.process(&given[0]);
    assert_eq!(processed.change, SenderKeyChange::Kept);
    bob = processed.record;
    chains[..5].iter().for_each(|alice| drop(after(&bob, &message_of(alice))));
    bob = bob.process(&given[5]).record;
    let read: Vec<_> = chains.iter().map(|alice| bob.decrypt(&message_of(alice)).is_ok()).collect();
    assert_eq!(read, [true, false, true, true, true, true]);
    let error = bob.decrypt(&message_of(&chains[1])).unwrap_err();
    assert_eq!(error, GroupDecryptError::NoSenderKeyState);
}

#[test]
fn the_last_iteration_can_neither_be_sent_nor_received() {
    let fresh = SenderKeyRecord::generate(&mut rng());
    let chain = OwnChain::of(&fresh);
    let (chain_id, key) = (chain.chain_id(), chain.signing_key());
    let last = forge::message(chain_id, u32::MAX, &[0; 16], &key, &mut rng());

    let alice = chain.at(u32::MAX - 1);
    let bob = recipient_of(&alice);
    let sent = alice.encrypt(ID, b"text", &mut rng()).unwrap();
    assert_eq!(sent.message.iteration(), u32::MAX - 1);
    let error = sent.record.encrypt(ID, b"text", &mut rng()).unwrap_err();
    assert!(matches!(error, GroupEncryptError::InvalidState(_)));
    assert_eq!(error.kind(), ErrorKind::Environment);

    let refused = |record: &SenderKeyRecord| record.decrypt(&last).unwrap_err();
    assert!(matches!(refused(&bob), GroupDecryptError::InvalidState(_)));
    let bob = after(&bob, &sent.message);
    assert!(matches!(refused(&bob), GroupDecryptError::InvalidState(_)));
    assert_eq!(bob.decrypt(&sent.message).unwrap_err(), DUPLICATED(u32::MAX, u32::MAX - 1));
    // A used-up chain can still be handed out, and is as useless there.
    let carol = recipient_of(&sent.record);
    assert!(matches!(refused(&carol), GroupDecryptError::InvalidState(_)));
}

#[test]
fn the_jump_limit_refuses_the_last_iteration_first() {
    let alice = SenderKeyRecord::generate(&mut rng());
    let chain = OwnChain::of(&alice);
    let last = forge::message(chain.chain_id(), u32::MAX, &[0; 16], &chain.signing_key(), &mut rng());
    let near = recipient_of(&OwnChain::of(&alice).at(u32::MAX - 25_000));
    assert!(matches!(near.decrypt(&last).unwrap_err(), GroupDecryptError::InvalidState(_)));
    let far = recipient_of(&chain.at(u32::MAX - 25_001));
    assert_eq!(far.decrypt(&last).unwrap_err(), INVALID);
}
