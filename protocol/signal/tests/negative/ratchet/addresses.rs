//! 40: the addresses that a message is bound to.

use khaima_signal::{DecryptError, MessageType, ProtocolAddress};

use crate::{
    by_hand::{Draft, Session, bound},
    common::address,
    world::{ALICE, BOB, CAROL, NAMES, Refusal, World, assert_refusal},
};

/// A stranger at Alice's address, and a message of each type with what it says of addresses.
fn with_addresses(world: &mut World, addresses: Option<Vec<u8>>) -> [(MessageType, Vec<u8>); 2] {
    let keys = world.keys();
    world.people[BOB].device.stores.identities.clear();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let mut first = stranger.draft(b"first", &mut world.rng);
    first.fields.addresses.clone_from(&addresses);
    let mut second = stranger.draft(b"second", &mut world.rng);
    second.fields.addresses = addresses;
    let first = stranger.outer.around(0x44, first.seal());
    [(MessageType::PreKey, first), (MessageType::Whisper, second.seal())]
}

fn accepted(world: &mut World, addresses: Option<Vec<u8>>) {
    for (kind, message) in with_addresses(world, addresses) {
        world.receive(ALICE, BOB, kind, &message).unwrap();
    }
}

/// Refused as first message, and in a session that an honest first message started.
fn refused(world: &mut World, addresses: Vec<u8>) {
    let keys = world.keys();
    world.people[BOB].device.stores.identities.clear();
    let mut stranger: Session = world.stranger(&keys, ALICE, BOB);
    let mut honest: [Draft; 2] = [(); 2].map(|()| stranger.draft(b"text", &mut world.rng));
    // Absent, so that the honest ones open whatever the names are.
    honest.iter_mut().for_each(|draft| draft.fields.addresses = None);
    let wrong = honest.clone().map(|mut draft| {
        draft.fields.addresses = Some(addresses.clone());
        draft.seal()
    });
    let [honest, next] = honest.map(|draft| draft.seal());
    let first = stranger.outer.around(0x44, wrong[0].clone());
    assert_refusal!(
        world.refused_bytes(ALICE, BOB, MessageType::PreKey, &first),
        Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
        InvalidMessage,
        "{}",
        hex::encode(&addresses)
    );
    let first = stranger.outer.around(0x44, honest);
    world.receive(ALICE, BOB, MessageType::PreKey, &first).unwrap();
    assert_refusal!(
        world.refused_bytes(ALICE, BOB, MessageType::Whisper, &wrong[1]),
        Refusal::Session(DecryptError::InvalidMessage(MessageType::Whisper)),
        InvalidMessage,
        "{}",
        hex::encode(&addresses)
    );
    world.receive(ALICE, BOB, MessageType::Whisper, &next).unwrap();
}

fn pni(of: usize) -> ProtocolAddress {
    address(&format!("PNI:{}", NAMES[of]), 1)
}

#[test]
fn n40_wrong_swapped_and_retyped_addresses() {
    let mut world = World::new(4_000);
    let [alice, bob, carol] = [ALICE, BOB, CAROL].map(|who| world.address(who));
    let second = |of: usize| address(NAMES[of], 2);
    for (from, to) in [
        (&carol, &bob),
        (&alice, &carol),
        (&bob, &alice),
        (&bob, &bob),
        (&alice, &alice),
        (&second(ALICE), &bob),
        (&alice, &second(BOB)),
        (&pni(ALICE), &bob),
        (&alice, &pni(BOB)),
        (&pni(ALICE), &pni(BOB)),
    ] {
        refused(&mut world, bound(from, to));
    }
    accepted(&mut world, Some(bound(&alice, &bob)));
}

#[test]
fn n40_each_flipped_bit_of_the_addresses() {
    let mut world = World::new(4_010);
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let first = stranger.first(b"text", &mut world.rng);
    world.receive(ALICE, BOB, MessageType::PreKey, &first).unwrap();
    let honest = stranger.draft(b"text", &mut world.rng);
    for bit in 0..36 * 8 {
        let mut draft = honest.clone();
        draft.fields.addresses.as_mut().unwrap()[bit / 8] ^= 1 << (bit % 8);
        assert_refusal!(
            world.refused_bytes(ALICE, BOB, MessageType::Whisper, &draft.seal()),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::Whisper)),
            InvalidMessage,
            "bit {bit}"
        );
    }
    world.receive(ALICE, BOB, MessageType::Whisper, &honest.seal()).unwrap();
}

#[test]
fn n40_addresses_of_another_length() {
    let mut world = World::new(4_020);
    let right = bound(&world.address(ALICE), &world.address(BOB));
    for length in [0, 1, 17, 18, 35] {
        refused(&mut world, right[..length].to_vec());
    }
    refused(&mut world, [right.as_slice(), &[0]].concat());
    refused(&mut world, [right.as_slice(), &right].concat());
    // Without the zero that says ACI: the variable form.
    refused(&mut world, [&right[1..18], &right[19..]].concat());
}

#[test]
fn n40_addresses_where_a_name_is_no_service_id() {
    for who in [ALICE, BOB] {
        let mut world = World::new(4_030);
        let claimed = bound(&world.address(ALICE), &world.address(BOB));
        world.people[who].device.address = address("somebody", 1);
        refused(&mut world, claimed);
        // Not even as the zeros that stand for such a name nowhere.
        let zeros = bound(&world.address(ALICE), &world.address(BOB));
        refused(&mut world, zeros);
        // Honest senders then leave them out.
        world.people[BOB].device.stores.identities.clear();
        world.start(ALICE, BOB);
        world.exchange(ALICE, BOB, b"unbound");
    }
}

#[test]
fn n40_no_addresses_at_all() {
    let mut world = World::new(4_040);
    accepted(&mut world, None);
}

#[test]
fn n40_names_in_upper_case_are_the_same_service_ids() {
    let upper = "AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE";
    let mut world = World::new(4_050);
    world.people[ALICE].device.address = address(&upper.to_lowercase(), 1);
    let addresses = bound(&world.address(ALICE), &world.address(BOB));
    world.people[ALICE].device.address = address(upper, 1);
    accepted(&mut world, Some(addresses));
    // And so for one's own.
    let mut world = World::new(4_051);
    world.people[BOB].device.address = address(upper, 1);
    world.start(ALICE, BOB);
    world.people[BOB].device.address = address(&upper.to_lowercase(), 1);
    let peer = address(upper, 1);
    let message =
        world.people[ALICE].device.encrypt(&peer, b"text", crate::world::now(), &mut world.rng).unwrap();
    assert_eq!(world.deliver(ALICE, BOB, &message), b"text");
}
