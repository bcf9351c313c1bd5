//! 50: chunks of values that do not fit together, or are none.

use khaima_signal::hazmat::spqr::{Message, Payload, SpqrError};

use super::{is_invalid, next, refuse_part, stored};
use crate::crafted::{self};
use crate::world::{ALICE, BOB, World};

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
