//! 46 to 52: the post-quantum ratchet. Whatever is wrong with its part of a message, the message is invalid and no more.
//!
//! Two kinds of sender are played: somebody on the way, who changes a message and cannot repair its MAC, and an insider
//! who holds the session's keys, so that only the check in question stands between the message and its acceptance.

use khaima_signal::hazmat::spqr::{Message, Payload, Spqr, SpqrError};
use khaima_signal::{CiphertextMessage, DecryptError, EncryptError, MessageType};
use rand::RngExt as _;

use crate::crafted::{self, Insider};
use crate::world::{ALICE, BOB, Refusal, World, assert_refusal, now};

const PREKEY: MessageType = MessageType::PreKey;
const WHISPER: MessageType = MessageType::Whisper;

/// The session's next message, and what an insider can make of it. The message is not delivered yet.
fn next(world: &mut World, from: usize, to: usize) -> (CiphertextMessage, Insider) {
    let insider = Insider::of(&world.people[from].device, &world.address(to));
    (world.encrypt(from, to, b"honest"), insider)
}

fn first_message(seed: u64) -> (World, CiphertextMessage, Insider) {
    let mut world = World::new(seed);
    world.start(ALICE, BOB);
    let (honest, insider) = next(&mut world, ALICE, BOB);
    (world, honest, insider)
}

/// The recipient's side of the post-quantum ratchet, as stored.
fn stored(world: &World, who: usize, with: usize) -> Spqr {
    Insider::of(&world.people[who].device, &world.address(with)).post_quantum
}

#[track_caller]
fn is_invalid(error: Refusal, message_type: MessageType) {
    match error {
        Refusal::Session(DecryptError::InvalidMessage(found)) => assert_eq!(found, message_type),
        other => panic!("{other:?}"),
    }
}

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

/// Delivers an honest message in which only the post-quantum part is another, authentic or not: both must be invalid.
fn refuse_part(world: &mut World, honest: &CiphertextMessage, insider: &Insider, part: &[u8]) {
    let tampered = crafted::tampered(honest, |fields| fields.pq_ratchet = Some(part.to_vec()));
    is_invalid(world.refused_message(ALICE, BOB, &tampered), honest.message_type());
    let crafted = insider.with_pq(honest, Some(&insider.key()), Some(part));
    is_invalid(world.refused_message(ALICE, BOB, &crafted), honest.message_type());
}

/// A conversation in turns until both have agreed on as many epochs; about ninety messages each.
fn talk_to_epoch(world: &mut World, epoch: u64) {
    while crafted::epoch(&stored(world, ALICE, BOB)) < epoch
        || crafted::epoch(&stored(world, BOB, ALICE)) < epoch
    {
        world.exchange(ALICE, BOB, b"there");
        world.exchange(BOB, ALICE, b"back");
    }
}

fn part(epoch: u64, index: u32) -> Vec<u8> {
    Message { epoch, index, payload: Payload::None }.encode()
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

#[test]
fn n50_a_chunk_index_of_17_bits() {
    let mut world = World::established(50_01);
    let (honest, insider) = next(&mut world, ALICE, BOB);
    let message = Message::decode(honest.signal_message().pq_ratchet()).unwrap();
    let header = [1, 1, u8::try_from(message.index).unwrap(), message.payload.code()];
    let bob = stored(&world, BOB, ALICE);
    let with_index = |index: &[u8]| [&header, index, &[7; 32]].concat();
    assert!(bob.recv(&with_index(&[0xFF, 0xFF, 0x03])).is_ok(), "65,535 is the last");
    let far: [&[u8]; 4] = [
        &[0x80, 0x80, 0x04],
        &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
        &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
        &[0xFF; 11],
    ];
    for index in far {
        assert_eq!(bob.recv(&with_index(index)).unwrap_err(), SpqrError::MsgDecode);
        refuse_part(&mut world, &honest, &insider, &with_index(index));
    }
    assert_eq!(world.deliver(ALICE, BOB, &honest), b"honest");
}

#[test]
fn n50_a_part_cut_short_or_of_an_unknown_type() {
    let mut world = World::established(50_02);
    let (honest, insider) = next(&mut world, ALICE, BOB);
    let whole = honest.signal_message().pq_ratchet().to_vec();
    let bob = stored(&world, BOB, ALICE);
    for length in 1..whole.len() {
        assert_eq!(bob.recv(&whole[..length]).unwrap_err(), SpqrError::MsgDecode);
        refuse_part(&mut world, &honest, &insider, &whole[..length]);
    }
    for code in 7..=u8::MAX {
        let unknown = [&whole[..3], &[code], &whole[4..]].concat();
        assert_eq!(bob.recv(&unknown).unwrap_err(), SpqrError::MsgDecode);
        refuse_part(&mut world, &honest, &insider, &unknown);
    }
    assert_eq!(world.deliver(ALICE, BOB, &honest), b"honest");
}

/// A chunk of other data, of the kinds that `kind` picks.
fn garbled(part: &[u8], kind: u8) -> Option<Vec<u8>> {
    let mut payload = Message::decode(part).unwrap().payload;
    if payload.code() != kind {
        return None;
    }
    match &mut payload {
        Payload::None | Payload::Ct1Ack => {}
        Payload::Hdr(chunk)
        | Payload::Ek(chunk)
        | Payload::EkCt1Ack(chunk)
        | Payload::Ct1(chunk)
        | Payload::Ct2(chunk) => chunk.data[0] ^= 1,
    }
    Some(crafted::with_payload(part, payload))
}

/// An insider who garbles one kind of chunk: nothing is noticed until the value is complete, then every further chunk of it is
/// an error, and the state stays as it was. Only a new session helps.
#[test]
fn n50_chunks_that_fit_together_in_no_way() {
    let cases = [
        (1, SpqrError::MacVerifyFailed, ALICE),
        (2, SpqrError::ErroneousDataReceived, ALICE),
        (5, SpqrError::MacVerifyFailed, BOB),
        (6, SpqrError::MacVerifyFailed, BOB),
    ];
    for (kind, expected, cheat) in cases {
        let mut world = World::new(50_03 + u64::from(kind));
        world.start(ALICE, BOB);
        let mut refused = 0;
        for turn in 0..400 {
            let (from, to) = if turn % 2 == 0 { (ALICE, BOB) } else { (BOB, ALICE) };
            let (honest, insider) = next(&mut world, from, to);
            let part = honest.signal_message().pq_ratchet();
            let crafted = garbled(part, kind)
                .filter(|_| from == cheat)
                .map(|part| insider.with_pq(&honest, Some(&insider.key()), Some(&part)));
            let before = world.people[to].snapshot();
            let sent = crafted.as_ref().unwrap_or(&honest);
            match world.receive(from, to, sent.message_type(), sent.serialize()) {
                Ok(_) => {}
                Err(error) => {
                    is_invalid(error, sent.message_type());
                    assert_eq!(world.people[to].snapshot(), before);
                    let error =
                        stored(&world, to, from).recv(sent.signal_message().pq_ratchet()).unwrap_err();
                    assert_eq!(error, expected, "kind {kind}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 10, "kind {kind} was refused {refused} times");
        world.start(ALICE, BOB);
        world.exchange(ALICE, BOB, b"again");
        world.exchange(BOB, ALICE, b"again");
    }
}

#[test]
fn n51_ten_thousand_messages_each_way_with_loss_and_disorder() {
    let mut world = World::established(51_01);
    // On their way, each with how often it was overtaken.
    let mut flying: [Vec<(CiphertextMessage, u8)>; 2] = [Vec::new(), Vec::new()];
    let mut sent = [0; 2];
    let (mut late, mut lost) = (0, 0);
    while sent.iter().min() < Some(&10_000) {
        let from = world.rng.random_range(0..2);
        let message = world.encrypt(from, 1 - from, &[7; 20]);
        sent[from] += 1;
        if world.rng.random_range(0..100) < 30 {
            lost += 1;
        } else {
            flying[from].push((message, 0));
        }
        for from in [ALICE, BOB] {
            while flying[from].len() > 3 {
                // Each message may start a chain of its own and five are kept: none is overtaken more than four times.
                let due = flying[from].iter().position(|(_, overtaken)| *overtaken == 4);
                let at = due.unwrap_or_else(|| world.rng.random_range(0..flying[from].len()));
                let (message, overtaken) = flying[from].remove(at);
                flying[from][..at].iter_mut().for_each(|(_, overtaken)| *overtaken += 1);
                assert_eq!(world.deliver(from, 1 - from, &message), [7; 20]);
                late += u32::from(overtaken > 0);
            }
        }
    }
    let epochs = [(ALICE, BOB), (BOB, ALICE)].map(|(who, with)| crafted::epoch(&stored(&world, who, with)));
    println!("sent {sent:?}, lost {lost}, late {late}, epochs {epochs:?}");
    assert!(lost > 5_500 && late > 2_000);
    assert!(epochs.iter().all(|epoch| *epoch >= 100));
    assert!(epochs[0].abs_diff(epochs[1]) <= 1);
}

#[test]
fn n52_a_stored_ratchet_cut_short_or_with_a_bit_flipped() {
    let mut world = World::established(52_01);
    for _ in 0..30 {
        world.exchange(ALICE, BOB, b"there");
        world.exchange(BOB, ALICE, b"back");
    }
    for (who, with) in [(ALICE, BOB), (BOB, ALICE)] {
        let whole = stored(&world, who, with).encode();
        assert!(Spqr::decode(&whole).is_ok());
        for length in 1..whole.len() {
            assert_eq!(Spqr::decode(&whole[..length]).unwrap_err(), SpqrError::StateDecode);
        }
        let mut refused = 0;
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            match Spqr::decode(&changed) {
                // A flipped bit of a key is another key.
                Ok(read) => assert_eq!(read.encode().as_slice(), changed),
                Err(error) => {
                    assert_eq!(error, SpqrError::StateDecode);
                    refused += 1;
                }
            }
        }
        assert!(refused > 50, "{refused} of {}", whole.len() * 8);
    }
}

/// Ways to damage a stored ratchet that leave it no ratchet.
fn damages() -> [fn(&mut Vec<u8>); 4] {
    [
        |ratchet| ratchet.truncate(ratchet.len() - 1),
        |ratchet| ratchet[0] ^= 0x80,
        |ratchet| ratchet.truncate(1),
        |ratchet| ratchet.push(0),
    ]
}

#[test]
fn n52_a_session_with_a_damaged_ratchet_does_not_send() {
    for (at, damage) in damages().into_iter().enumerate() {
        let mut world = World::established(52_02);
        let alice = world.address(ALICE);
        crafted::change_stored_ratchet(&mut world.people[BOB].device, &alice, damage);
        assert!(!world.record(BOB, ALICE).is_usable(now()));
        let error = world.refused(BOB, |bob, rng| bob.device.encrypt(&alice, b"text", now(), rng));
        assert_refusal!(error, EncryptError::InvalidState(_), InvalidState, "damage {at}");
    }
}

#[test]
fn n52_what_arrives_for_a_damaged_ratchet_is_an_invalid_message() {
    for damage in damages() {
        let mut world = World::established(52_03);
        let message = world.encrypt(ALICE, BOB, b"text");
        let alice = world.address(ALICE);
        crafted::change_stored_ratchet(&mut world.people[BOB].device, &alice, damage);
        is_invalid(world.refused_message(ALICE, BOB, &message), WHISPER);
    }
}

/// Its session is still known by its base key: no other is tried, and no prekey is looked for.
#[test]
fn n52_a_first_message_for_a_damaged_ratchet_is_an_invalid_message() {
    for damage in damages() {
        let (mut world, honest, _) = first_message(52_04);
        let second = world.encrypt(ALICE, BOB, b"second");
        world.deliver(ALICE, BOB, &honest);
        let alice = world.address(ALICE);
        crafted::change_stored_ratchet(&mut world.people[BOB].device, &alice, damage);
        is_invalid(world.refused_message(ALICE, BOB, &second), PREKEY);
    }
}

#[test]
fn n52_a_damaged_ratchet_hides_no_other_session() {
    let mut world = World::established(52_05);
    let late = world.encrypt(ALICE, BOB, b"late");
    world.start(ALICE, BOB);
    world.exchange(ALICE, BOB, b"new session");
    let alice = world.address(ALICE);
    crafted::change_stored_ratchet(&mut world.people[BOB].device, &alice, |ratchet| ratchet[0] = 9);
    assert_eq!(world.deliver(ALICE, BOB, &late), b"late");
    world.exchange(BOB, ALICE, b"on the older session");
    world.start(BOB, ALICE);
    world.exchange(BOB, ALICE, b"or on a new one");
}

/// A ratchet that is off, which no session of ours ever has, sends nothing and reads nothing.
#[test]
fn n52_a_stored_ratchet_of_no_bytes_is_one_that_is_off() {
    let mut world = World::established(52_06);
    let message = world.encrypt(ALICE, BOB, b"text");
    let alice = world.address(ALICE);
    crafted::change_stored_ratchet(&mut world.people[BOB].device, &alice, Vec::clear);
    is_invalid(world.refused_message(ALICE, BOB, &message), WHISPER);
    let stripped = crafted::tampered(&message, |fields| fields.pq_ratchet = None);
    is_invalid(world.refused_message(ALICE, BOB, &stripped), WHISPER);
    let error = world.refused(BOB, |bob, rng| bob.device.encrypt(&alice, b"text", now(), rng));
    assert_refusal!(error, EncryptError::InvalidState(_), InvalidState);
}
