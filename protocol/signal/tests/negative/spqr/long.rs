//! 51: a long conversation on a bad network.

use khaima_signal::CiphertextMessage;
use rand::RngExt as _;

use super::stored;
use crate::crafted::{self};
use crate::world::{ALICE, BOB, World};

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
