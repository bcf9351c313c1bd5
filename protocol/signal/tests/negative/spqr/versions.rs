//! 46 to 48: messages that the ratchet has no part in.

use khaima_signal::DecryptError;
use khaima_signal::hazmat::spqr::SpqrError;

use super::{PREKEY, WHISPER, first_message, is_invalid, next, stored};
use crate::crafted::{self};
use crate::world::{ALICE, BOB, Refusal, World, assert_refusal};

#[test]
fn an_insider_who_changes_nothing_is_believed() {
    let (mut world, honest, insider) = first_message(46_00);
    let key = insider.key();
    let pq_ratchet = honest.signal_message().pq_ratchet();
    let crafted = insider.with_pq(&honest, Some(&key), Some(pq_ratchet));
    assert_eq!(world.deliver(ALICE, BOB, &crafted), b"crafted");
    world.exchange(BOB, ALICE, b"answer");
    let (honest, insider) = next(&mut world, ALICE, BOB);
    let key = insider.key();
    let crafted = insider.with_pq(&honest, Some(&key), Some(honest.signal_message().pq_ratchet()));
    assert_eq!(world.deliver(ALICE, BOB, &crafted), b"crafted");
    assert_refusal!(
        world.refused_message(ALICE, BOB, &honest),
        Refusal::Session(DecryptError::DuplicatedMessage { .. }),
        DuplicateMessage
    );
}

#[test]
fn n46_a_first_message_whose_ratchet_part_somebody_stripped() {
    let (mut world, honest, _) = first_message(46_01);
    for part in
        [None, Some(vec![]), Some(vec![0]), Some([&[0], honest.signal_message().pq_ratchet()].concat())]
    {
        let stripped = crafted::tampered(&honest, |fields| fields.pq_ratchet = part);
        is_invalid(world.refused_message(ALICE, BOB, &stripped), PREKEY);
    }
    assert_eq!(world.deliver(ALICE, BOB, &honest), b"honest");
}

#[test]
fn n46_a_first_message_without_the_ratchet_by_a_sender_who_offers_none() {
    let (mut world, honest, insider) = first_message(46_02);
    for part in [None, Some(&[][..]), Some(&[0]), Some(&[0, 1, 1, 1])] {
        let stripped = insider.with_pq(&honest, None, part);
        is_invalid(world.refused_message(ALICE, BOB, &stripped), PREKEY);
    }
    assert_eq!(world.deliver(ALICE, BOB, &honest), b"honest");
}

#[test]
fn n46_the_ratchet_itself_says_that_the_version_is_below_its_minimum() {
    let (_, _, insider) = first_message(46_03);
    for part in [&[][..], &[0], &[0, 1, 1, 1]] {
        assert_eq!(insider.post_quantum.recv(part).unwrap_err(), SpqrError::MinimumVersion);
    }
}

#[test]
fn n47_an_unknown_version_changes_nothing_in_the_ratchet_and_gives_no_key() {
    let mut world = World::established(47_01);
    let message = world.encrypt(ALICE, BOB, b"text");
    let bob = stored(&world, BOB, ALICE);
    for version in 2..=u8::MAX {
        let mut part = message.signal_message().pq_ratchet().to_vec();
        part[0] = version;
        for part in [&part[..], &[version]] {
            let received = bob.recv(part).unwrap();
            assert!(received.key.is_none());
            assert_eq!(received.state.encode(), bob.encode());
        }
    }
}

#[test]
fn n47_an_unknown_version_that_somebody_wrote_over_the_right_one() {
    let (mut world, honest, _) = first_message(47_02);
    for version in 2..=u8::MAX {
        let changed = crafted::tampered(&honest, |fields| fields.pq_ratchet.as_mut().unwrap()[0] = version);
        is_invalid(world.refused_message(ALICE, BOB, &changed), PREKEY);
    }
    assert_eq!(world.deliver(ALICE, BOB, &honest), b"honest");
    world.exchange(BOB, ALICE, b"answer");
    let (honest, _) = next(&mut world, ALICE, BOB);
    for version in 2..=u8::MAX {
        let changed = crafted::tampered(&honest, |fields| fields.pq_ratchet.as_mut().unwrap()[0] = version);
        is_invalid(world.refused_message(ALICE, BOB, &changed), WHISPER);
    }
    assert_eq!(world.deliver(ALICE, BOB, &honest), b"honest");
}

/// Whoever broke the double ratchet alone could leave the post-quantum one out in this way, message by message.
#[test]
fn n47_an_unknown_version_whose_sender_left_the_key_out_as_well() {
    let (mut world, honest, insider) = first_message(47_03);
    for version in 2..=u8::MAX {
        let mut part = honest.signal_message().pq_ratchet().to_vec();
        part[0] = version;
        for part in [&part[..], &[version]] {
            let crafted = insider.with_pq(&honest, None, Some(part));
            is_invalid(world.refused_message(ALICE, BOB, &crafted), PREKEY);
        }
    }
    assert_eq!(world.deliver(ALICE, BOB, &honest), b"honest");
    for (from, to) in [(BOB, ALICE), (ALICE, BOB), (BOB, ALICE)] {
        let (honest, insider) = next(&mut world, from, to);
        for version in 2..=u8::MAX {
            let crafted = insider.with_pq(&honest, None, Some(&[version]));
            is_invalid(world.refused_message(from, to, &crafted), WHISPER);
        }
        assert_eq!(world.deliver(from, to, &honest), b"honest");
    }
}

/// Epoch 1 with index 0 is how a sender who does not insist on the ratchet says that it has no key yet.
#[test]
fn n47_a_message_that_says_it_has_no_key_yet() {
    let (mut world, honest, insider) = first_message(47_04);
    let mut part = honest.signal_message().pq_ratchet().to_vec();
    assert_eq!(part[..3], [1, 1, 1]);
    part[2] = 0;
    assert!(insider.post_quantum.recv(&part).is_ok_and(|received| received.key.is_none()));
    let crafted = insider.with_pq(&honest, None, Some(&part));
    is_invalid(world.refused_message(ALICE, BOB, &crafted), PREKEY);
    assert_eq!(world.deliver(ALICE, BOB, &honest), b"honest");
    let (honest, insider) = next(&mut world, BOB, ALICE);
    let crafted = insider.with_pq(&honest, None, Some(&[1, 1, 0, 0]));
    is_invalid(world.refused_message(BOB, ALICE, &crafted), WHISPER);
    assert_eq!(world.deliver(BOB, ALICE, &honest), b"honest");
}

#[test]
fn n48_every_message_of_a_live_session_is_refused_without_its_ratchet_part() {
    let mut world = World::established(48_01);
    for round in 0..120 {
        let (from, to) = if round % 2 == 0 { (ALICE, BOB) } else { (BOB, ALICE) };
        let (honest, insider) = next(&mut world, from, to);
        for part in [None, Some(vec![0])] {
            let stripped = crafted::tampered(&honest, |fields| fields.pq_ratchet = part.clone());
            is_invalid(world.refused_message(from, to, &stripped), WHISPER);
            let crafted = insider.with_pq(&honest, None, part.as_deref());
            is_invalid(world.refused_message(from, to, &crafted), WHISPER);
        }
        assert_eq!(world.deliver(from, to, &honest), b"honest");
    }
}

#[test]
fn n48_the_ratchet_itself_says_that_the_version_was_agreed() {
    let world = World::established(48_02);
    for (who, with) in [(ALICE, BOB), (BOB, ALICE)] {
        let state = stored(&world, who, with);
        for part in [&[][..], &[0], &[0, 1, 1, 1]] {
            assert_eq!(state.recv(part).unwrap_err(), SpqrError::VersionMismatch);
        }
    }
}
