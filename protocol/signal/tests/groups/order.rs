//! What is checked first, and what a distribution message changes.

use khaima_signal::{
    DistributeError, DistributionId, ErrorKind, GroupDecryptError, GroupEncryptError, KeyPair, MessageType,
    SenderKeyChange, SenderKeyDistributionMessage, SenderKeyMessage, SenderKeyRecord,
};
use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

use crate::{
    common::sender_keys::{SenderKeys, parts_of},
    common::{self, address},
    forge::{self, ID, OwnChain, advanced},
};

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(70)
}

/// Alice's own record and what Bob has of her.
fn acquainted() -> (SenderKeyRecord, SenderKeyRecord) {
    let alice = SenderKeyRecord::generate(&mut rng());
    let bob = SenderKeyRecord::empty().process(&alice.distribution_message(ID).unwrap()).record;
    (alice, bob)
}

fn text(record: &SenderKeyRecord, message: &SenderKeyMessage) -> Vec<u8> {
    record.decrypt(message).unwrap().plaintext.to_vec()
}

#[test]
fn an_empty_record_neither_sends_nor_reads_nor_hands_out() {
    let (alice, _) = acquainted();
    let message = alice.encrypt(ID, b"x", &mut rng()).unwrap().message;
    let empty = SenderKeyRecord::empty();
    let error = empty.encrypt(ID, b"x", &mut rng()).unwrap_err();
    assert_eq!((error, error.kind()), (GroupEncryptError::InvalidSenderKeySession, ErrorKind::Caller));
    let error = empty.distribution_message(ID).unwrap_err();
    assert_eq!((error, error.kind()), (DistributeError::InvalidSenderKeySession, ErrorKind::Caller));
    let error = empty.decrypt(&message).unwrap_err();
    assert_eq!((error, error.kind()), (GroupDecryptError::NoSenderKeyState, ErrorKind::Peer));
}

#[test]
fn another_members_key_cannot_be_sent_with() {
    let (_, bob) = acquainted();
    let error = bob.encrypt(ID, b"x", &mut rng()).unwrap_err();
    assert_eq!(error, GroupEncryptError::InvalidSenderKeySession);
}

#[test]
fn a_key_of_another_version_is_refused_before_the_signature_is_looked_at() {
    let alice = SenderKeyRecord::generate(&mut rng());
    let message = alice.encrypt(ID, b"x", &mut rng()).unwrap().message;
    let unsigned = forge::signed_again(&message, KeyPair::generate(&mut rng()).private(), &mut rng());
    let newer = OwnChain::of(&alice).of_version(4);
    let refusal = GroupDecryptError::UnrecognizedMessageVersion(3);
    assert_eq!(newer.decrypt(&message).unwrap_err(), refusal);
    assert_eq!(newer.decrypt(&unsigned).unwrap_err(), refusal);
    let error = newer.encrypt(ID, b"x", &mut rng()).unwrap_err();
    assert_eq!(error, GroupEncryptError::InvalidSenderKeySession);
    assert!(newer.distribution_message(ID).is_err());
}

#[test]
fn the_signature_is_checked_before_the_iteration_and_after_the_chain_id() {
    let (alice, bob) = acquainted();
    let (chain, stranger) = (OwnChain::of(&alice), KeyPair::generate(&mut rng()));
    let first = alice.encrypt(ID, b"x", &mut rng()).unwrap().message;
    let bob = bob.decrypt(&first).unwrap().record;
    let forged = |chain_id, iteration| {
        let message = forge::message(chain_id, iteration, &[0; 16], stranger.private(), &mut rng());
        bob.decrypt(&message).unwrap_err()
    };
    for iteration in [0, 1, 25_001, 25_002, u32::MAX] {
        assert_eq!(
            forged(chain.chain_id(), iteration),
            GroupDecryptError::SignatureValidationFailed,
            "{iteration}"
        );
    }
    assert_eq!(forged(chain.chain_id() ^ 1, 0), GroupDecryptError::NoSenderKeyState);
}

#[test]
fn a_signed_message_that_does_not_decrypt_uses_up_nothing() {
    let (alice, bob) = acquainted();
    let chain = OwnChain::of(&alice);
    let sender = address("alice", 1);
    let mut device = SenderKeys::default();
    device.set(&sender, ID, &bob);
    let before = device.clone();
    for ciphertext in [&[][..], &[1; 15], &[1; 16], &[1; 17]] {
        let message = forge::message(chain.chain_id(), 3, ciphertext, &chain.signing_key(), &mut rng());
        let error = device.decrypt(&sender, &message).unwrap_err();
        assert_eq!(error, GroupDecryptError::InvalidMessage(MessageType::SenderKey));
        assert!(device == before);
    }
    let message = advanced(&alice, 3).encrypt(ID, b"text", &mut rng()).unwrap().message;
    assert_eq!(device.decrypt(&sender, &message).unwrap(), b"text");
}

#[test]
fn empty_and_long_plaintexts_pass() {
    let (alice, bob) = acquainted();
    for length in [0, 1, 15, 16, 17, 100_000] {
        let plaintext = vec![0xA5; length];
        let message = alice.encrypt(ID, &plaintext, &mut rng()).unwrap().message;
        assert_eq!(message.ciphertext().len(), length / 16 * 16 + 16);
        let message = SenderKeyMessage::decode(message.serialize()).unwrap();
        assert_eq!(text(&bob, &message), plaintext);
    }
}

#[test]
fn handing_out_changes_nothing_and_gives_what_is_yet_to_come() {
    let (alice, _) = acquainted();
    let first = alice.encrypt(ID, b"before", &mut rng()).unwrap();
    let second = first.record.encrypt(ID, b"after", &mut rng()).unwrap();
    let given = first.record.distribution_message(ID).unwrap();
    assert_eq!(given.serialize(), first.record.distribution_message(ID).unwrap().serialize());
    assert_eq!((given.chain_id(), given.iteration()), (first.message.chain_id(), 1));
    let late = SenderKeyRecord::empty().process(&given).record;
    assert_eq!(
        late.decrypt(&first.message).unwrap_err(),
        GroupDecryptError::DuplicatedMessage { chain_index: 1, counter: 0 }
    );
    assert_eq!(text(&late, &second.message), b"after");
}

#[test]
fn processing_again_does_not_go_back_even_with_another_key_at_a_later_iteration() {
    let (alice, bob) = acquainted();
    let given = alice.distribution_message(ID).unwrap();
    let first = alice.encrypt(ID, b"first", &mut rng()).unwrap();
    let bob = bob.decrypt(&first.message).unwrap().record;
    // The first message itself, and what the sender would hand out ten messages later.
    for distribution in [given, advanced(&alice, 10).distribution_message(ID).unwrap()] {
        let again = bob.process(&distribution);
        assert_eq!(again.change, SenderKeyChange::Kept);
        assert!(parts_of(&again.record) == parts_of(&bob));
        assert!(again.record.decrypt(&first.message).is_err());
        let second = first.record.encrypt(ID, b"second", &mut rng()).unwrap();
        assert_eq!(text(&again.record, &second.message), b"second");
    }
}

#[test]
fn one_chain_id_with_another_signing_key_replaces_the_chain_and_says_so() {
    let (alice, bob) = acquainted();
    let mallory = KeyPair::generate(&mut rng());
    let message = alice.encrypt(ID, b"text", &mut rng()).unwrap().message;
    let forged = forge::claimed(&alice.distribution_message(ID).unwrap(), &mallory);
    let replaced = bob.process(&forged);
    assert_eq!(replaced.change, SenderKeyChange::SigningKeyReplaced);
    assert_eq!(replaced.record.decrypt(&message).unwrap_err(), GroupDecryptError::SignatureValidationFailed);
    let forged = forge::signed_again(&message, mallory.private(), &mut rng());
    assert_eq!(text(&replaced.record, &forged), b"text");
    // As many parts as before: the old chain is gone, not beside it.
    assert_eq!(parts_of(&replaced.record).len(), parts_of(&bob).len());
}

#[test]
fn a_signing_key_with_its_top_bit_set_is_another_key() {
    let (alice, bob) = acquainted();
    let mut bytes = alice.distribution_message(ID).unwrap().serialize().to_vec();
    *bytes.last_mut().unwrap() |= 0x80;
    let twin = SenderKeyDistributionMessage::decode(&bytes).unwrap();
    assert_eq!(bob.process(&twin).change, SenderKeyChange::SigningKeyReplaced);
}

#[test]
fn ones_own_record_stays_ones_own_when_its_message_comes_back() {
    let (alice, _) = acquainted();
    let sent = alice.encrypt(ID, b"x", &mut rng()).unwrap();
    let own = sent.record.process(&alice.distribution_message(ID).unwrap());
    assert_eq!(own.change, SenderKeyChange::Kept);
    assert!(own.record.encrypt(ID, b"y", &mut rng()).is_ok());
    let error = own.record.decrypt(&sent.message).unwrap_err();
    assert_eq!(error, GroupDecryptError::DuplicatedMessage { chain_index: 1, counter: 0 });
}

#[test]
fn a_rotated_key_has_nothing_in_common_with_the_old_one() {
    let mut rng = rng();
    let (one, other) = (SenderKeyRecord::generate(&mut rng), SenderKeyRecord::generate(&mut rng));
    let (one, other) = (one.distribution_message(ID).unwrap(), other.distribution_message(ID).unwrap());
    assert_ne!(one.chain_id(), other.chain_id());
    assert_ne!(one.chain_key(), other.chain_key());
    assert_ne!(one.signing_key(), other.signing_key());
    assert_eq!((one.iteration(), other.iteration()), (0, 0));
    for seed in 0..64 {
        let record = SenderKeyRecord::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        assert!(record.distribution_message(ID).unwrap().chain_id() < 1 << 31);
    }
}

#[test]
fn fields_in_any_order_and_unknown_ones_are_read_and_covered_by_the_signature() {
    let (alice, bob) = acquainted();
    let chain = OwnChain::of(&alice);
    let message = alice.encrypt(ID, b"text", &mut rng()).unwrap().message;
    let mut bytes = vec![0x33, 0x22, u8::try_from(message.ciphertext().len()).unwrap()];
    bytes.extend_from_slice(message.ciphertext());
    bytes.extend_from_slice(&[0x30, 7, 0x18, 9, 0x18, 0x80, 0, 0x10]);
    prost::encoding::encode_varint(u64::from(chain.chain_id()) | 1 << 40, &mut bytes);
    bytes.extend_from_slice(&[0x0A, 16]);
    bytes.extend_from_slice(ID.as_bytes());
    let other = forge::signed(bytes, &chain.signing_key(), &mut rng());
    assert_eq!((other.chain_id(), other.iteration()), (chain.chain_id(), 0));
    assert_eq!(text(&bob, &other), b"text");
}

#[test]
fn a_message_of_one_sender_does_not_open_with_the_key_of_another() {
    let (alice, _) = acquainted();
    let mut rng = ChaCha20Rng::seed_from_u64(71);
    let carol = SenderKeyRecord::generate(&mut rng);
    let from_carol = SenderKeyRecord::empty().process(&carol.distribution_message(ID).unwrap()).record;
    let message = alice.encrypt(ID, b"x", &mut rng).unwrap().message;
    assert_eq!(from_carol.decrypt(&message).unwrap_err(), GroupDecryptError::NoSenderKeyState);
    // Carol has Alice's key and writes in her name.
    let from_alice = SenderKeyRecord::empty().process(&alice.distribution_message(ID).unwrap()).record;
    let forged = forge::signed_again(&message, &OwnChain::of(&carol).signing_key(), &mut rng);
    assert_eq!(from_alice.decrypt(&forged).unwrap_err(), GroupDecryptError::SignatureValidationFailed);
}

#[test]
fn what_holds_secrets_prints_none_of_them() {
    let (alice, bob) = acquainted();
    let sent = alice.encrypt(ID, b"text", &mut rng()).unwrap();
    let read = bob.decrypt(&sent.message).unwrap();
    insta::assert_snapshot!(format!("{alice:?}"), @"SenderKeyRecord(..)");
    insta::assert_snapshot!(format!("{sent:?}"), @"GroupEncrypted { record: SenderKeyRecord(..), message: SenderKeyMessage(..) }");
    insta::assert_snapshot!(format!("{read:?}"), @"GroupDecrypted(..)");
    let given = alice.distribution_message(ID).unwrap();
    insta::assert_snapshot!(format!("{:?}", bob.process(&given)), @"Processed { record: SenderKeyRecord(..), change: Kept }");
    insta::assert_snapshot!(format!("{given:?}"), @"SenderKeyDistributionMessage(..)");
    insta::assert_snapshot!(format!("{:?}", alice.to_parts()), @"[RecordPart(..), RecordPart(..)]");
    insta::assert_snapshot!(
        format!("{} / {}", GroupDecryptError::NoSenderKeyState, bob.decrypt(&forge::message(1, 2, &[], KeyPair::generate(&mut rng()).private(), &mut rng())).unwrap_err()),
        @"unknown sender key / unknown sender key"
    );
}

proptest! {
    #[test]
    fn both_messages_read_back_as_written(
        id in any::<[u8; 16]>(),
        iteration in any::<u32>(),
        plaintext in prop::collection::vec(any::<u8>(), 0..100),
        seed in any::<u64>(),
    ) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let id = DistributionId::from_bytes(id);
        let alice = OwnChain::of(&SenderKeyRecord::generate(&mut rng)).at(iteration);
        // Handed on by whoever took it in, a chain is the same bytes again.
        let given = alice.distribution_message(id).unwrap();
        let taken = SenderKeyDistributionMessage::decode(given.serialize()).unwrap();
        let bob = SenderKeyRecord::empty().process(&taken).record;
        let again = bob.distribution_message(id).unwrap();
        prop_assert_eq!(again.serialize(), given.serialize());
        prop_assert_eq!(taken.iteration(), iteration);
        if let Ok(sent) = alice.encrypt(id, &plaintext, &mut rng) {
            let message = SenderKeyMessage::decode(sent.message.serialize()).unwrap();
            prop_assert!(message == sent.message);
            prop_assert_eq!((message.distribution_id(), message.iteration()), (id, iteration));
            prop_assert_eq!(bob.decrypt(&message).unwrap().plaintext.to_vec(), plaintext);
        }
        let record = SenderKeyRecord::from_parts(common::record_parts(&parts_of(&bob))).unwrap();
        prop_assert!(parts_of(&record) == parts_of(&bob));
    }
}
