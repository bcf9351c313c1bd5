//! Pauses that grow: 1 s, 2 s, 4 s and so on to 5 minutes, each shortened at random by up to a half, so that many
//! clients of a relay that was away do not all come back at once.

use khaima_wire::Timestamp;
use rand_core::CryptoRng;

/// First pause in milliseconds.
const MIN_PAUSE_MILLIS: u64 = 1_000;

/// Longest pause in milliseconds. Longer would leave a person waiting after a relay came back.
pub(super) const MAX_PAUSE_MILLIS: u64 = 300_000;

/// Longest time a relay may ask us to stay away, in milliseconds. More is not believed.
pub(super) const MAX_BUSY_MILLIS: u64 = 3_600_000;

/// How long something is not tried again.
#[derive(Default)]
pub(super) struct Pause {
    failures: u32,
    over: Option<Timestamp>,
}

impl Pause {
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.over.is_none_or(|over| over <= now)
    }

    pub(super) fn over(&self) -> Option<Timestamp> {
        self.over
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Begins the next, longer pause.
    pub(super) fn grow<R: CryptoRng + ?Sized>(&mut self, at_least_millis: u64, now: Timestamp, rng: &mut R) {
        let doubled = MIN_PAUSE_MILLIS.checked_shl(self.failures.min(20)).unwrap_or(MAX_PAUSE_MILLIS);
        let longest = doubled.min(MAX_PAUSE_MILLIS);
        self.failures = self.failures.saturating_add(1);
        let half = longest / 2;
        let millis = half.saturating_add(random_below(half.saturating_add(1), rng));
        // What was asked for is kept to; the jitter comes on top.
        let jitter = random_below((at_least_millis / 4).saturating_add(1), rng);
        self.over = Some(now.plus_millis(millis.max(at_least_millis.saturating_add(jitter))));
    }
}

/// A number below `bound` (at least 1). The bias of the remainder is of no matter for pauses.
pub(crate) fn random_below<R: CryptoRng + ?Sized>(bound: u64, rng: &mut R) -> u64 {
    rng.next_u64() % bound.max(1)
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(5);
        let mut pause = Pause::default();
        let now = Timestamp::from_secs(1_000_000);
        for failure in 0..40_u32 {
            pause.grow(0, now, &mut rng);
            let longest = (1_000_u64 << failure.min(20)).min(MAX_PAUSE_MILLIS);
            let millis = pause.over().unwrap().millis_since(now);
            assert!((longest / 2..=longest).contains(&millis), "failure {failure}: {millis}");
        }
    }

    #[test]
    fn a_pause_is_at_least_what_was_asked() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(6);
        let mut pause = Pause::default();
        pause.grow(60_000, Timestamp::default(), &mut rng);
        assert!(!pause.is_over(Timestamp::from_millis(59_999)));
        assert!(pause.is_over(Timestamp::from_millis(75_001)));
    }
}
