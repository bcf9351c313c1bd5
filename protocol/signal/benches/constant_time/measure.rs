//! Timing one subject, its two classes in random order.

use std::hint::black_box;
use std::time::Instant;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use crate::statistics::{Finding, find};

/// How to measure, and where the finding goes.
pub struct Measure<'a> {
    /// How often.
    pub count: usize,
    /// What the timings say.
    pub finding: &'a mut Option<Finding>,
}

impl Measure<'_> {
    /// Times `act`, `batch` times over at once so that the clock's own steps do not matter.
    ///
    /// `prepare` writes an input of a class to where it is read from, always the same place; it is not timed.
    pub fn run<I: Default, O>(
        self,
        batch: u32,
        mut prepare: impl FnMut(bool, &mut I),
        act: impl Fn(&I) -> O,
    ) {
        let mut classes = ChaCha20Rng::seed_from_u64(96);
        let mut input = I::default();
        let mut measurements = Vec::with_capacity(self.count);
        // The first ones warm caches and branch predictors.
        for number in 0..self.count + self.count / 10 {
            let class = classes.next_u32() & 1 == 1;
            prepare(class, &mut input);
            let started = Instant::now();
            for _ in 0..batch {
                black_box(act(black_box(&input)));
            }
            let nanoseconds = u32::try_from(started.elapsed().as_nanos()).unwrap_or(u32::MAX);
            if number >= self.count / 10 {
                measurements.push((class, nanoseconds));
            }
        }
        *self.finding = Some(find(&measurements, batch));
    }
}
