//! The relay's clock: the system's, unless that makes a leap nobody should act on.
//!
//! Days decide what is removed for good. A machine whose clock jumps a year ahead (a dead battery, a wrong time
//! server) must not empty every mailbox: a leap of more than a week while the relay runs is not believed until it is
//! started again, and said in the log.
//!
//! Not its concern: time zones, monotonic deadlines (tokio's).

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use khaima_wire::Timestamp;

/// The longest leap ahead that is believed: a machine that slept over a holiday.
const BELIEVED: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Reads the time.
#[derive(Debug)]
pub struct Clock(Mutex<Last>);

#[derive(Debug)]
struct Last {
    /// What was told last.
    told: Timestamp,
    /// When that was, on a clock that nobody sets.
    at: Instant,
    /// Whether a leap is being disbelieved, so that it is logged once.
    doubting: bool,
}

impl Clock {
    /// Starts from what the system says.
    #[must_use]
    pub fn system() -> Self {
        Self(Mutex::new(Last { told: system_time(), at: Instant::now(), doubting: false }))
    }

    /// The moment it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.advance(system_time(), Instant::now())
    }
}

impl Last {
    fn advance(&mut self, system: Timestamp, at: Instant) -> Timestamp {
        let elapsed = millis(at.saturating_duration_since(self.at));
        let expected = self.told.plus_millis(elapsed);
        let doubting = system.millis_since(expected) > millis(BELIEVED);
        if doubting && !self.doubting {
            tracing::error!(
                event = "the clock leapt ahead by more than a week; not believed until restarted"
            );
        }
        self.doubting = doubting;
        self.told = if doubting { expected } else { system };
        self.at = at;
        self.told
    }
}

fn system_time() -> Timestamp {
    // A clock before 1970 counts as 1970: nothing expires then.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(millis(since))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_steps_are_followed_and_a_leap_is_not() {
        let start = Instant::now();
        let mut last = Last { told: Timestamp::from_secs(1_000_000_000), at: start, doubting: false };
        let mut read = |system_secs: u64, elapsed_secs: u64| {
            last.advance(Timestamp::from_secs(system_secs), start + Duration::from_secs(elapsed_secs))
                .as_secs()
        };
        assert_eq!(read(1_000_000_010, 10), 1_000_000_010);
        assert_eq!(read(1_000_003_600, 20), 1_000_003_600, "a summer hour");
        assert_eq!(read(999_990_000, 30), 999_990_000, "a step back");
        assert_eq!(read(1_031_536_000, 40), 999_990_010, "a year ahead");
        assert_eq!(read(1_031_536_010, 50), 999_990_020, "still");
        assert_eq!(read(999_990_030, 60), 999_990_030, "set right again");
    }
}
