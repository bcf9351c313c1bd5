//! What holds for every input.

use khaima_signal::hazmat::spqr::{
    ChainParams, Decoder, Direction, Message, Spqr, SpqrError, SpqrSent, Value,
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

fn pair(min_version: u8) -> [Spqr; 2] {
    [Direction::A2B, Direction::B2A]
        .map(|direction| Spqr::new(direction, 1, min_version, &[0x29; 32], ChainParams::default()))
}

fn send(state: &mut Spqr, rng: &mut ChaCha20Rng) -> SpqrSent {
    let sent = state.send(rng).unwrap();
    *state = sent.state.clone();
    sent
}

/// `count` distinct indices below `limit`, in random order.
fn indices(count: usize, limit: u16) -> impl Strategy<Value = Vec<u16>> {
    proptest::sample::subsequence((0..limit).collect::<Vec<_>>(), count).prop_shuffle()
}

fn any_subset_is_enough<const N: usize>(data: &[u8], indices: &[u16]) -> Result<(), TestCaseError> {
    let value = Value::<N>::from_parts(&[data]).unwrap();
    let mut decoder = Decoder::new();
    for (held, index) in indices.iter().enumerate() {
        prop_assert_eq!(decoder.complete(), None, "{} of {} chunks", held, N);
        decoder = decoder.with(value.chunk(*index));
    }
    prop_assert_eq!(decoder.complete(), Some(value));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_3_chunks_are_enough(data in prop::collection::vec(any::<u8>(), 96), indices in indices(3, 400)) {
        any_subset_is_enough::<3>(&data, &indices)?;
    }

    #[test]
    fn any_5_chunks_are_enough(data in prop::collection::vec(any::<u8>(), 160), indices in indices(5, 12)) {
        any_subset_is_enough::<5>(&data, &indices)?;
    }

    #[test]
    fn any_30_chunks_are_enough(data in prop::collection::vec(any::<u8>(), 960), indices in indices(30, 70)) {
        any_subset_is_enough::<30>(&data, &indices)?;
    }

    #[test]
    fn any_36_chunks_are_enough(data in prop::collection::vec(any::<u8>(), 1152), indices in indices(36, 300)) {
        any_subset_is_enough::<36>(&data, &indices)?;
    }

    #[test]
    fn decoding_what_was_encoded_gives_the_same_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..60)
    ) {
        if let Ok(message) = Message::decode(&bytes) {
            prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
        }
    }

    /// Delivery in any order, with loss and repetition: every key that comes out is the sender's, no key comes out
    /// twice, what fails changes nothing, and storing in between makes no difference.
    #[test]
    fn both_sides_agree_whatever_the_network_does(
        seed in any::<u64>(),
        min_version in 0..=1u8,
        steps in prop::collection::vec((any::<bool>(), 0..10u8, any::<prop::sample::Index>()), 1..600)
    ) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut sides = pair(min_version);
        let mut flying: [Vec<SpqrSent>; 2] = [Vec::new(), Vec::new()];
        let mut arrived: [Vec<SpqrSent>; 2] = [Vec::new(), Vec::new()];
        for (first, action, choice) in steps {
            let side = usize::from(first);
            match action {
                0..4 => {
                    let sent = send(&mut sides[side], &mut rng);
                    flying[1 - side].push(sent);
                }
                4 if !flying[side].is_empty() => drop(flying[side].remove(choice.index(flying[side].len()))),
                5 => {
                    let stored = sides[side].encode();
                    sides[side] = Spqr::decode(&stored).unwrap();
                    prop_assert_eq!(sides[side].encode(), stored);
                }
                6 if !arrived[side].is_empty() => {
                    let old = &arrived[side][choice.index(arrived[side].len())];
                    let before = sides[side].encode();
                    let refused = sides[side].recv(&old.message);
                    prop_assert!(old.key.is_none() || refused.is_err());
                    prop_assert_eq!(sides[side].encode(), before);
                }
                _ if !flying[side].is_empty() => {
                    // Mostly the oldest, sometimes any.
                    let at = if action == 7 { choice.index(flying[side].len()) } else { 0 };
                    let message = flying[side].remove(at);
                    match sides[side].recv(&message.message) {
                        Ok(received) => {
                            prop_assert_eq!(&received.key, &message.key);
                            sides[side] = received.state;
                            arrived[side].push(message);
                        }
                        // A message can arrive so late that its epoch is gone.
                        Err(error) => prop_assert!(matches!(error, SpqrError::EpochOutOfRange(_)), "{}", error),
                    }
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_tampered_message_never_panics_and_changes_nothing(
        seed in any::<u64>(),
        rounds in 0..120usize,
        position in any::<prop::sample::Index>(),
        flip in 1..=255u8,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let [mut a, mut b] = pair(1);
        for _ in 0..rounds {
            let sent = send(&mut a, &mut rng);
            b = b.recv(&sent.message).unwrap().state;
            let sent = send(&mut b, &mut rng);
            a = a.recv(&sent.message).unwrap().state;
        }
        let mut message = send(&mut a, &mut rng).message;
        let at = position.index(message.len());
        message[at] ^= flip;
        message.truncate(1 + cut.index(2 * message.len()));
        let before = b.encode();
        let _ = b.recv(&message);
        prop_assert_eq!(b.encode(), before);
    }

    #[test]
    fn a_damaged_state_is_refused_or_reads_as_itself(
        seed in any::<u64>(),
        rounds in 0..100usize,
        position in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let [mut a, mut b] = pair(1);
        for round in 0..rounds {
            let sent = send(&mut a, &mut rng);
            if round % 3 != 0 {
                b = b.recv(&sent.message).unwrap().state;
            }
            let sent = send(&mut b, &mut rng);
            a = a.recv(&sent.message).unwrap().state;
        }
        for state in [a, b] {
            let mut stored = state.encode().to_vec();
            for length in 1..stored.len() {
                prop_assert_eq!(Spqr::decode(&stored[..length]).unwrap_err(), SpqrError::StateDecode);
            }
            stored.push(0);
            prop_assert_eq!(Spqr::decode(&stored).unwrap_err(), SpqrError::StateDecode);
            stored.pop();
            let at = position.index(stored.len());
            stored[at] ^= flip;
            if let Ok(read) = Spqr::decode(&stored) {
                let again = read.encode();
                prop_assert_eq!(again.as_slice(), stored.as_slice());
                let _ = read.send(&mut rng);
            }
        }
    }
}

#[test]
fn a_failing_receive_leaves_the_state_as_it_was() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let [mut a, mut b] = pair(1);
    let first = send(&mut a, &mut rng);
    b = b.recv(&first.message).unwrap().state;
    let before = b.encode();
    assert_eq!(b.recv(&first.message).unwrap_err(), SpqrError::KeyAlreadyRequested(1));
    assert_eq!(b.recv(&[]).unwrap_err(), SpqrError::VersionMismatch);
    assert_eq!(b.recv(&[1, 1]).unwrap_err(), SpqrError::MsgDecode);
    assert_eq!(b.encode(), before);
    let second = send(&mut a, &mut rng);
    assert_eq!(b.recv(&second.message).unwrap().key, second.key);
}

/// Found by fuzzing: such a state was read, and what it became after one message could not be.
#[test]
fn a_stored_state_without_a_chain_is_of_the_first_epoch() {
    let [fresh, _] = pair(1);
    let mut stored = fresh.encode().to_vec();
    // Version, flags, negotiation with 32 bytes of key; then the epoch.
    let epoch = 2 + 1 + 1 + 4 + 4 + 4 + 32..2 + 1 + 1 + 4 + 4 + 4 + 32 + 8;
    assert_eq!(stored[epoch.clone()], 1_u64.to_be_bytes());
    assert!(Spqr::decode(&stored).is_ok());
    stored[epoch].copy_from_slice(&2_u64.to_be_bytes());
    assert_eq!(Spqr::decode(&stored).unwrap_err(), SpqrError::StateDecode);
}

#[test]
fn keys_of_skipped_messages_lie_in_pages_that_change_apart() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let [mut a, mut b] = pair(1);
    let sent: Vec<_> = (0..1_000).map(|_| send(&mut a, &mut rng)).collect();
    b = b.recv(&sent[999].message).unwrap().state;
    let before = b.encode_parts(None);
    assert_eq!(before.pages.iter().map(|page| page.number).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let received = b.recv(&sent[599].message).unwrap();
    assert_eq!(received.key, sent[599].key);
    let after = received.state.encode_parts(None);
    let changed: Vec<_> =
        before.pages.iter().zip(&after.pages).map(|(old, new)| old.bytes != new.bytes).collect();
    assert_eq!(changed, [false, false, true, false]);
    let only_changed = received.state.encode_parts(Some(&b));
    assert_eq!(only_changed.base, after.base);
    assert_eq!(only_changed.pages.iter().map(|page| page.number).collect::<Vec<_>>(), [2]);
    assert_eq!(Spqr::decode_parts(&after.base, |_, _| None).unwrap_err(), SpqrError::StateDecode);
    let whole = received.state.encode();
    assert_eq!(Spqr::decode(&whole).unwrap().encode(), whole);
}

#[test]
fn debug_shows_no_secret() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let [mut a, _] = pair(1);
    send(&mut a, &mut rng);
    insta::assert_snapshot!(
        format!("{a:?}"),
        @"Spqr { state_code: 2, status: Negotiating { version: 1, min_version: 1 }, .. }"
    );
}
