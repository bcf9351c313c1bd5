//! Local time for people: hours and days where this computer stands.
//!
//! Not its concern: words for days and months (`words`), reading clocks anywhere but here.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;
use khaima_runtime::{Day, Timestamp};

use crate::words;

/// Where the person is, as far as clocks are concerned.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// As this computer is set; UTC where it is not.
    #[must_use]
    pub fn of_system() -> Self {
        Self(TimeZone::try_system().unwrap_or(TimeZone::UTC))
    }

    /// UTC, for tests.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The day on which a moment falls here.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> Day {
        self.local(at).day()
    }

    /// Like `09:05`.
    #[must_use]
    pub fn hour(&self, at: Timestamp) -> String {
        let seconds = self.local(at).as_secs() % 86_400;
        format!("{:02}:{:02}", seconds / 3600, seconds % 3600 / 60)
    }

    /// Between messages: today, yesterday, or the date.
    #[must_use]
    pub fn day_words(&self, day: Day, now: Timestamp) -> String {
        let today = self.day(now);
        if day == today {
            words::TODAY.to_owned()
        } else if day.plus(1) == today {
            words::YESTERDAY.to_owned()
        } else {
            words::date(day, today.civil().year)
        }
    }

    /// In a list: the hour today, the day before that.
    #[must_use]
    pub fn short(&self, at: Timestamp, now: Timestamp) -> String {
        let day = self.day(at);
        if day == self.day(now) { self.hour(at) } else { self.day_words(day, now) }
    }

    /// The moment as if this place were at UTC, so that its day and hour are the local ones.
    fn local(&self, at: Timestamp) -> Timestamp {
        let Some(moment) = i64::try_from(at.as_millis())
            .ok()
            .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
        else {
            return at;
        };
        let offset = i64::from(self.0.to_offset(moment).seconds()).saturating_mul(1000);
        Timestamp::from_millis(at.as_millis().saturating_add_signed(offset))
    }
}

/// Now, by this computer's clock.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_795_824_000 + 12 * 3600); // 2026-11-28

    #[test]
    fn hours_are_local() {
        let zone = Zone(TimeZone::fixed(jiff::tz::Offset::constant(-1)));
        assert_eq!(zone.hour(NOON), "11:00");
        assert_eq!(Zone::utc().hour(NOON), "12:00");
    }

    #[test]
    fn a_day_begins_at_local_midnight() {
        let east = Zone(TimeZone::fixed(jiff::tz::Offset::constant(13)));
        assert_eq!(east.day(NOON).number(), Zone::utc().day(NOON).number() + 1);
    }

    #[test]
    fn days_are_named_by_their_distance() {
        let zone = Zone::utc();
        let today = zone.day(NOON);
        assert_eq!(zone.day_words(today, NOON), "Today");
        assert_eq!(zone.day_words(today.minus(1), NOON), "Yesterday");
        assert_eq!(zone.day_words(today.minus(2), NOON), "26 November");
        assert_eq!(zone.day_words(Day::new(0), NOON), "1 January 1970");
        assert_eq!(zone.short(NOON, NOON), "12:00");
    }

    #[test]
    fn impossible_moments_do_not_panic() {
        assert!(!Zone::of_system().hour(Timestamp::from_millis(u64::MAX)).is_empty());
    }
}
