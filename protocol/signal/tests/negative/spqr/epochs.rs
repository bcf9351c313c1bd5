//! 49: epochs and indices.

use khaima_signal::hazmat::spqr::{Message, SpqrError};

use super::{WHISPER, is_invalid, next, part, refuse_part, stored};
use crate::crafted::{self};
use crate::world::{ALICE, BOB, World};

/// A conversation in turns until both have agreed on as many epochs; about ninety messages each.
fn talk_to_epoch(world: &mut World, epoch: u64) {
    while crafted::epoch(&stored(world, ALICE, BOB)) < epoch
        || crafted::epoch(&stored(world, BOB, ALICE)) < epoch
    {
        world.exchange(ALICE, BOB, b"there");
        world.exchange(BOB, ALICE, b"back");
    }
}

#[test]
fn n49_an_epoch_of_zero() {
    let mut world = World::established(49_01);
    let (honest, insider) = next(&mut world, ALICE, BOB);
    let bob = stored(&world, BOB, ALICE);
    for epoch_zero in [&[1, 0, 1, 0][..], &[1, 0, 0, 0], &[1, 0x80, 0x00, 1, 0]] {
        assert_eq!(bob.recv(epoch_zero).unwrap_err(), SpqrError::MsgDecode);
        refuse_part(&mut world, &honest, &insider, epoch_zero);
    }
    assert_eq!(world.deliver(ALICE, BOB, &honest), b"honest");
}

#[test]
fn n49_epochs_that_are_not_begun() {
    let mut world = World::established(49_02);
    let (honest, insider) = next(&mut world, ALICE, BOB);
    let bob = stored(&world, BOB, ALICE);
    for epoch in [2, 3, 1 << 32, u64::MAX - 1, u64::MAX] {
        assert_eq!(bob.recv(&part(epoch, 1)).unwrap_err(), SpqrError::EpochOutOfRange(epoch));
        refuse_part(&mut world, &honest, &insider, &part(epoch, 1));
    }
    assert_eq!(world.deliver(ALICE, BOB, &honest), b"honest");
}

#[test]
fn n49_epochs_that_are_long_over() {
    let mut world = World::established(49_03);
    talk_to_epoch(&mut world, 5);
    let (honest, insider) = next(&mut world, ALICE, BOB);
    let bob = stored(&world, BOB, ALICE);
    for epoch in [1, 2] {
        assert_eq!(bob.recv(&part(epoch, 1_000)).unwrap_err(), SpqrError::EpochOutOfRange(epoch - 1));
        refuse_part(&mut world, &honest, &insider, &part(epoch, 1_000));
    }
    assert_eq!(world.deliver(ALICE, BOB, &honest), b"honest");
}

#[test]
fn n49_must_not_refuse_a_late_message_of_the_epoch_before() {
    let mut world = World::established(49_04);
    talk_to_epoch(&mut world, 2);
    // Alice writes, Bob's next message crosses hers and takes her into epoch 3.
    let late = loop {
        let late = world.encrypt(ALICE, BOB, b"late");
        world.exchange(BOB, ALICE, b"back");
        if crafted::epoch(&stored(&world, ALICE, BOB)) == 3 {
            break late;
        }
        assert_eq!(world.deliver(ALICE, BOB, &late), b"late");
    };
    world.exchange(ALICE, BOB, b"first of the new epoch");
    world.exchange(BOB, ALICE, b"back");
    assert_eq!(crafted::epoch(&stored(&world, BOB, ALICE)), 3);
    assert_eq!(Message::decode(late.signal_message().pq_ratchet()).unwrap().epoch, 2);
    assert_eq!(world.deliver(ALICE, BOB, &late), b"late");
}

#[test]
fn n49_an_index_25_000_ahead_is_the_last_one() {
    let mut world = World::established(49_05);
    let (honest, insider) = next(&mut world, ALICE, BOB);
    let index = Message::decode(honest.signal_message().pq_ratchet()).unwrap().index;
    let last = index - 1;
    let bob = stored(&world, BOB, ALICE);
    let farthest = part(1, last + 25_000);
    assert!(bob.recv(&farthest).unwrap().key.is_some());
    for index in [last + 25_001, 1 << 31, u32::MAX] {
        assert_eq!(bob.recv(&part(1, index)).unwrap_err(), SpqrError::KeyJump { counter: last, at: index });
        refuse_part(&mut world, &honest, &insider, &part(1, index));
    }
    // Whoever has the key of the farthest index is believed: here the recipient's own ratchet tells.
    let key = bob.recv(&farthest).unwrap().key.unwrap();
    let crafted = insider.with_pq(&honest, Some(key.expose()), Some(&farthest));
    assert_eq!(world.deliver(ALICE, BOB, &crafted), b"crafted");
}

#[test]
fn n49_an_index_beyond_32_bits() {
    let mut world = World::established(49_06);
    let (honest, insider) = next(&mut world, ALICE, BOB);
    let beyond = [1, 1, 0x80, 0x80, 0x80, 0x80, 0x10, 0];
    assert_eq!(stored(&world, BOB, ALICE).recv(&beyond).unwrap_err(), SpqrError::MsgDecode);
    refuse_part(&mut world, &honest, &insider, &beyond);
}

/// The double ratchet still has the key of a late message of another turn; the post-quantum one has trimmed its own.
#[test]
fn n49_a_key_2_001_behind_is_trimmed_and_2_000_behind_is_not() {
    for (behind, kept) in [(2_000, true), (2_001, false)] {
        let mut world = World::established(49_07);
        let late = world.encrypt(ALICE, BOB, b"late");
        let index = Message::decode(late.signal_message().pq_ratchet()).unwrap().index;
        world.exchange(BOB, ALICE, b"turn");
        world.exchange(ALICE, BOB, b"turn");
        (2..behind).for_each(|_| drop(world.encrypt(ALICE, BOB, b"lost")));
        let newest = world.encrypt(ALICE, BOB, b"newest");
        assert_eq!(Message::decode(newest.signal_message().pq_ratchet()).unwrap().index, index + behind);
        world.deliver(ALICE, BOB, &newest);
        if kept {
            assert_eq!(world.deliver(ALICE, BOB, &late), b"late");
        } else {
            let bob = stored(&world, BOB, ALICE);
            let error = bob.recv(late.signal_message().pq_ratchet()).unwrap_err();
            assert_eq!(error, SpqrError::KeyTrimmed(index));
            is_invalid(world.refused_message(ALICE, BOB, &late), WHISPER);
        }
    }
}

#[test]
fn n49_the_same_post_quantum_key_in_another_message() {
    let mut world = World::established(49_08);
    let (first, insider) = next(&mut world, ALICE, BOB);
    let (part, key) = (first.signal_message().pq_ratchet().to_vec(), insider.key());
    world.deliver(ALICE, BOB, &first);
    let (honest, insider) = next(&mut world, ALICE, BOB);
    let index = Message::decode(&part).unwrap().index;
    let error = stored(&world, BOB, ALICE).recv(&part).unwrap_err();
    assert_eq!(error, SpqrError::KeyAlreadyRequested(index));
    let crafted = insider.with_pq(&honest, Some(&key), Some(&part));
    is_invalid(world.refused_message(ALICE, BOB, &crafted), WHISPER);
    assert_eq!(world.deliver(ALICE, BOB, &honest), b"honest");
}

#[test]
fn n49_index_zero_after_the_first_epoch() {
    let mut world = World::established(49_09);
    talk_to_epoch(&mut world, 2);
    let (honest, insider) = next(&mut world, ALICE, BOB);
    let error = stored(&world, BOB, ALICE).recv(&part(2, 0)).unwrap_err();
    assert_eq!(error, SpqrError::KeyAlreadyRequested(0));
    refuse_part(&mut world, &honest, &insider, &part(2, 0));
    assert_eq!(world.deliver(ALICE, BOB, &honest), b"honest");
}
