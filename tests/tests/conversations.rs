//! A slice of the seeded conversations; `cargo xtask soak` plays 10,000.

#![allow(clippy::panic, reason = "tests")]

use khaima_tests::conversation::{Report, play};
use khaima_tests::world::Seed;

fn play_all(seeds: std::ops::Range<u64>) {
    let mut sum = Report::default();
    for seed in seeds {
        match play(Seed(seed)) {
            Ok(report) => sum.add(report),
            Err(error) => panic!("seed {seed}: {error:#}"),
        }
    }
    println!("{sum:?}");
    // The slice is one in which things do go wrong.
    assert!(sum.crashes > 10 && sum.relay_deaths > 10 && sum.cuts > 10, "{sum:?}");
}

#[test]
fn conversations_0_to_99_lose_and_repeat_nothing() {
    play_all(0..100);
}

#[test]
fn conversations_100_to_199_lose_and_repeat_nothing() {
    play_all(100..200);
}

#[test]
fn conversations_200_to_299_lose_and_repeat_nothing() {
    play_all(200..300);
}
