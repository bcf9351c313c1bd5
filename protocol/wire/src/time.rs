//! Moments and days, as numbers. Nobody here asks a clock.
//!
//! Relays keep nothing finer than a day (design details §1), so a [`Day`] is what crosses the wire.
//!
//! Not its concern: reading clocks, time zones (days are UTC), words for dates.

/// A moment: milliseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From seconds since the epoch; the last representable moment if there are too many.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000
    }

    /// The day it falls on, in UTC.
    #[must_use]
    pub fn day(self) -> Day {
        Day(u32::try_from(self.0 / Day::MILLIS).unwrap_or(u32::MAX))
    }

    /// Later by so many milliseconds; the last representable moment if that is too far.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds since `earlier`, 0 if that is not earlier.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A day: number of days since 1970-01-01, in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u32);

impl Day {
    /// Milliseconds of a day.
    pub const MILLIS: u64 = 86_400_000;

    /// From the number of days since the epoch.
    #[must_use]
    pub const fn new(days: u32) -> Self {
        Self(days)
    }

    /// Number of days since the epoch.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Its first moment.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        Timestamp((self.0 as u64).saturating_mul(Self::MILLIS))
    }

    /// So many days later; the last representable day if that is too far.
    #[must_use]
    pub const fn plus(self, days: u32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// So many days earlier; the first day if that is too far.
    #[must_use]
    pub const fn minus(self, days: u32) -> Self {
        Self(self.0.saturating_sub(days))
    }

    /// Whole days since `earlier`, 0 if that is not earlier.
    #[must_use]
    pub const fn days_since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }

    /// Year, month and day of the month in the Gregorian calendar, for people.
    #[must_use]
    pub fn civil(self) -> CivilDate {
        // 400 years have 146,097 days. Years are counted from March, so that the leap day comes last.
        const DAYS_FROM_0000_03_01: u64 = 719_468;
        let days = u64::from(self.0) + DAYS_FROM_0000_03_01;
        let (cycle, of_cycle) = (days / 146_097, days % 146_097);
        let of_cycle_year = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
        let of_year = of_cycle - (365 * of_cycle_year + of_cycle_year / 4 - of_cycle_year / 100);
        // Five months from March have 153 days, whichever they are.
        let month_from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = 400 * cycle + of_cycle_year + u64::from(month <= 2);
        let small = |n: u64| u8::try_from(n).unwrap_or(u8::MAX);
        CivilDate { year: u32::try_from(year).unwrap_or(u32::MAX), month: small(month), day: small(day) }
    }
}

/// A date as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CivilDate {
    /// Year, for instance 2026.
    pub year: u32,
    /// Month, 1–12.
    pub month: u8,
    /// Day of the month, 1–31.
    pub day: u8,
}

impl std::fmt::Display for CivilDate {
    /// Like `2026-11-30`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_year_first() {
        assert_eq!(Day::new(0).civil().to_string(), "1970-01-01");
    }

    #[test]
    fn a_day_begins_at_midnight_and_ends_before_the_next() {
        let day = Day::new(20_000);
        assert_eq!(day.start().day(), day);
        assert_eq!(day.start().plus_millis(Day::MILLIS - 1).day(), day);
        assert_eq!(day.start().plus_millis(Day::MILLIS).day(), day.plus(1));
    }

    #[test]
    fn the_far_ends_saturate() {
        assert_eq!(Timestamp::from_millis(u64::MAX).day(), Day::new(u32::MAX));
        assert_eq!(Timestamp::from_millis(u64::MAX).plus_millis(1), Timestamp::from_millis(u64::MAX));
        assert_eq!(Timestamp::from_secs(u64::MAX), Timestamp::from_millis(u64::MAX));
        assert_eq!(Day::new(u32::MAX).plus(1), Day::new(u32::MAX));
        assert_eq!(Day::new(3).minus(4), Day::new(0));
        assert_eq!(Day::new(3).days_since(Day::new(4)), 0);
        assert_eq!(Timestamp::from_millis(3).millis_since(Timestamp::from_millis(4)), 0);
    }

    #[test]
    fn known_days_have_their_dates() {
        let date = |days| {
            let CivilDate { year, month, day } = Day::new(days).civil();
            (year, month, day)
        };
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
        assert_eq!(date(11_017), (2000, 3, 1));
        assert_eq!(date(20_454), (2026, 1, 1));
        assert_eq!(date(47_540), (2100, 2, 28));
        assert_eq!(date(47_541), (2100, 3, 1));
    }

    #[test]
    fn dates_follow_each_other_for_four_hundred_years() {
        let mut expected = CivilDate { year: 1970, month: 1, day: 1 };
        for days in 0..146_097 {
            assert_eq!(Day::new(days).civil(), expected);
            let year = expected.year;
            let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
            let length = match expected.month {
                2 => 28 + u8::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            expected.day += 1;
            if expected.day > length {
                (expected.day, expected.month) = (1, expected.month + 1);
            }
            if expected.month > 12 {
                (expected.month, expected.year) = (1, expected.year + 1);
            }
        }
    }
}
