//! How often somebody may ask: counts per window, in memory only.
//!
//! Limits are counted by address prefix where the caller is unknown and by mailbox where the mailbox is what needs
//! protection. A restart forgets them; nothing of them is written anywhere.
//!
//! Not its concern: how much may lie in a mailbox (`mailbox`), how many connections there may be (`transport`).

use std::collections::BTreeMap;

use khaima_wire::{MailboxId, Timestamp};

use super::AddressPrefix;

/// How often things may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Mailboxes made from one address prefix in a day, where creation is open. A family behind one address makes
    /// a few dozen in its first week.
    pub creations_per_prefix_and_day: u32,
    /// Invite codes tried from one address prefix in ten minutes. A code has 100 bits; this is against noise.
    pub redemptions_per_prefix: u32,
    /// Bundles claimed of one mailbox in an hour. Somebody who knows an id must not empty its pool in a second.
    pub claims_per_mailbox_and_hour: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            creations_per_prefix_and_day: 256,
            redemptions_per_prefix: 30,
            claims_per_mailbox_and_hour: 60,
        }
    }
}

/// Counts what was asked for.
#[derive(Debug)]
pub struct Limits {
    creations: Window<AddressPrefix>,
    redemptions: Window<AddressPrefix>,
    claims: Window<MailboxId>,
}

/// Refused for now; ask again after so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooOften {
    /// Seconds until the count begins anew, at least 1.
    pub retry_after_secs: u32,
}

impl Limits {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        // When too many are counted at once, creations and codes are refused: they can wait. Claims are let through:
        // their keys are the caller's choice, and filling the table must not keep honest people from meeting.
        Self {
            creations: Window::new(rates.creations_per_prefix_and_day, DAY_MS, WhenCrowded::Refuse),
            redemptions: Window::new(rates.redemptions_per_prefix, TEN_MINUTES_MS, WhenCrowded::Refuse),
            claims: Window::new(rates.claims_per_mailbox_and_hour, HOUR_MS, WhenCrowded::Allow),
        }
    }

    /// Counts a mailbox made on an open relay.
    ///
    /// # Errors
    ///
    /// [`TooOften`] if this prefix has made as many as it may today.
    pub fn charge_creation(&mut self, prefix: AddressPrefix, now: Timestamp) -> Result<(), TooOften> {
        self.creations.charge(prefix, now)
    }

    /// Counts a tried invite code.
    ///
    /// # Errors
    ///
    /// [`TooOften`] if this prefix has tried as many as it may.
    pub fn charge_redemption(&mut self, prefix: AddressPrefix, now: Timestamp) -> Result<(), TooOften> {
        self.redemptions.charge(prefix, now)
    }

    /// Counts a claimed bundle.
    ///
    /// # Errors
    ///
    /// [`TooOften`] if as many of this mailbox have been claimed as may be in an hour.
    pub fn charge_claim(&mut self, mailbox: MailboxId, now: Timestamp) -> Result<(), TooOften> {
        self.claims.charge(mailbox, now)
    }
}

/// What to do with a key that is not counted yet when no more can be.
#[derive(Clone, Copy, Debug)]
enum WhenCrowded {
    Allow,
    Refuse,
}

/// Counts per key that all begin anew together when a length of time is over.
#[derive(Debug)]
struct Window<K> {
    most: u32,
    length_ms: u64,
    crowded: WhenCrowded,
    began: Timestamp,
    counts: BTreeMap<K, u32>,
}

impl<K: Ord> Window<K> {
    const fn new(most: u32, length_ms: u64, crowded: WhenCrowded) -> Self {
        Self { most, length_ms, crowded, began: Timestamp::from_millis(0), counts: BTreeMap::new() }
    }

    fn charge(&mut self, key: K, now: Timestamp) -> Result<(), TooOften> {
        // A clock that went back begins a window too, rather than keep people out until it has caught up.
        if now < self.began || now.millis_since(self.began) >= self.length_ms {
            self.began = now;
            self.counts.clear();
        }
        let crowded = self.counts.len() >= MOST_KEYS && !self.counts.contains_key(&key);
        let refused = match self.crowded {
            WhenCrowded::Allow if crowded => return Ok(()),
            WhenCrowded::Refuse if crowded => true,
            WhenCrowded::Allow | WhenCrowded::Refuse => {
                let count = self.counts.entry(key).or_insert(0);
                let refused = *count >= self.most;
                *count += u32::from(!refused);
                refused
            }
        };
        if refused { Err(TooOften { retry_after_secs: self.seconds_left(now) }) } else { Ok(()) }
    }

    fn seconds_left(&self, now: Timestamp) -> u32 {
        let left_ms = self.length_ms.saturating_sub(now.millis_since(self.began));
        u32::try_from(left_ms.div_ceil(1_000)).unwrap_or(u32::MAX).max(1)
    }
}

/// Most keys counted in one window: a few MB at worst.
const MOST_KEYS: usize = 65_536;
const TEN_MINUTES_MS: u64 = 600_000;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000_000);

    fn prefix(n: u8) -> AddressPrefix {
        AddressPrefix::of([192, 0, n, 1].into())
    }

    #[test]
    fn a_prefix_is_refused_after_its_share_and_says_how_long() {
        let mut limits = Limits::new(Rates { creations_per_prefix_and_day: 2, ..Rates::default() });
        assert!(limits.charge_creation(prefix(1), START).is_ok());
        assert!(limits.charge_creation(prefix(1), START.plus_millis(1)).is_ok());
        let refused = limits.charge_creation(prefix(1), START.plus_millis(3_600_000)).unwrap_err();
        assert_eq!(refused.retry_after_secs, 23 * 3_600);
        assert!(limits.charge_creation(prefix(2), START.plus_millis(3_600_000)).is_ok(), "another prefix");
        assert!(limits.charge_creation(prefix(1), START.plus_millis(DAY_MS)).is_ok(), "the next day");
    }

    #[test]
    fn a_clock_that_goes_back_keeps_nobody_out() {
        let mut limits = Limits::new(Rates { creations_per_prefix_and_day: 1, ..Rates::default() });
        assert!(limits.charge_creation(prefix(1), START).is_ok());
        assert!(limits.charge_creation(prefix(1), Timestamp::from_secs(5)).is_ok());
    }

    #[test]
    fn a_crowded_table_refuses_codes_and_allows_claims() {
        let mut window = Window::new(1, HOUR_MS, WhenCrowded::Refuse);
        (0..MOST_KEYS).for_each(|key| window.charge(key, START).unwrap());
        assert!(window.charge(MOST_KEYS, START).is_err());
        let mut window = Window::new(1, HOUR_MS, WhenCrowded::Allow);
        (0..MOST_KEYS).for_each(|key| window.charge(key, START).unwrap());
        assert!(window.charge(MOST_KEYS, START).is_ok());
        assert!(window.charge(0, START).is_err(), "those counted stay counted");
        assert_eq!(window.counts.len(), MOST_KEYS);
    }
}
