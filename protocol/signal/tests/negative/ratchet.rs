//! 33 to 45: the double ratchet, its limits, MACs and addresses, and which session a message opens in.

use khaima_signal::DecryptError;

use crate::world::{ALICE, BOB, Refusal, World, assert_refusal};

#[test]
fn n33_a_repeated_message_is_a_duplicate_every_time() {
    let mut world = World::established(3_300);
    let message = world.encrypt(ALICE, BOB, b"once");
    assert_eq!(world.deliver(ALICE, BOB, &message), b"once");
    for round in 0..4 {
        let again = world.refused_message(ALICE, BOB, &message);
        assert_refusal!(
            again,
            Refusal::Session(DecryptError::DuplicatedMessage { counter: 0, .. }),
            DuplicateMessage,
            "round {round}"
        );
        world.exchange(BOB, ALICE, b"turn");
        world.exchange(ALICE, BOB, b"turn");
    }
}
