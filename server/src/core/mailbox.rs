//! What a relay keeps about one mailbox, and the rules that depend on nothing else.
//!
//! Every store keeps a [`MailboxRecord`] per mailbox and asks it; none has rules of its own.
//!
//! ```text
//!   version (1) = 1 || last used, day (4) || bundles ever claimed (8)
//!   || envelopes waiting (4) || bytes waiting (8) || one-time bundles left (4)          29 bytes, big endian
//! ```
//!
//! Not its concern: where records lie, the envelopes and bundles themselves.

use khaima_wire::Day;

/// How much may wait in one mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Most envelopes waiting at a time.
    pub envelopes: u32,
    /// Most bytes of envelopes waiting at a time.
    pub bytes: u64,
}

/// Today, and the day since which a mailbox must have been used to live on. Both come from one configuration, so
/// they travel together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// The current day, UTC.
    pub today: Day,
    /// A mailbox last used before this day is gone.
    pub idle_since: Day,
}

impl Calendar {
    /// For `today`, where a mailbox unused for more than `idle_days` is gone.
    #[must_use]
    pub const fn new(today: Day, idle_days: u32) -> Self {
        Self { today, idle_since: today.minus(idle_days) }
    }
}

/// One mailbox, as a relay remembers it: counts and one day. No id, no key, no address, no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxRecord {
    /// The day its owner last proved it.
    pub last_used: Day,
    /// Bundles ever claimed, the last resort included. Shown to the owner: a sudden rise is somebody emptying the pool.
    pub claimed: u64,
    /// Envelopes waiting.
    pub envelopes: u32,
    /// Bytes of envelopes waiting.
    pub bytes: u64,
    /// One-time bundles left.
    pub one_time: u32,
}

impl MailboxRecord {
    /// Length of the encoded record in bytes.
    pub const LENGTH: usize = 29;

    /// An empty mailbox made today.
    #[must_use]
    pub const fn new(today: Day) -> Self {
        Self { last_used: today, claimed: 0, envelopes: 0, bytes: 0, one_time: 0 }
    }

    /// Whether the mailbox still exists. One that its owner has not used for too long counts as gone from the first
    /// moment of that day, whether or not it has been removed yet.
    #[must_use]
    pub fn is_alive(&self, calendar: Calendar) -> bool {
        self.last_used >= calendar.idle_since
    }

    /// Notes that the owner was here. Whether that changed anything. A clock that went back changes nothing.
    #[must_use = "an unchanged record need not be written"]
    pub fn touch(&mut self, today: Day) -> bool {
        let changed = self.last_used < today;
        self.last_used = self.last_used.max(today);
        changed
    }

    /// Takes in one envelope of `size` bytes, if the quota allows. Whether it did.
    #[must_use = "an envelope that was not admitted must not be stored"]
    pub fn admit(&mut self, size: usize, quota: Quota) -> bool {
        let bytes = self.bytes.saturating_add(size_as_u64(size));
        if self.envelopes >= quota.envelopes || bytes > quota.bytes {
            return false;
        }
        self.envelopes += 1;
        self.bytes = bytes;
        true
    }

    /// Notes that an envelope of `size` bytes is gone.
    pub fn release(&mut self, size: usize) {
        self.envelopes = self.envelopes.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(size_as_u64(size));
    }

    /// The record's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        let fields = [
            &[VERSION][..],
            &self.last_used.number().to_be_bytes(),
            &self.claimed.to_be_bytes(),
            &self.envelopes.to_be_bytes(),
            &self.bytes.to_be_bytes(),
            &self.one_time.to_be_bytes(),
        ];
        for (slot, byte) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *slot = *byte;
        }
        bytes
    }

    /// Reads a record. `None` if it is damaged or of a later version.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[version], rest) = bytes.split_first_chunk()?;
        let (last_used, rest) = rest.split_first_chunk()?;
        let (claimed, rest) = rest.split_first_chunk()?;
        let (envelopes, rest) = rest.split_first_chunk()?;
        let (waiting, rest) = rest.split_first_chunk()?;
        let (one_time, rest) = rest.split_first_chunk()?;
        (version == VERSION && rest.is_empty()).then(|| Self {
            last_used: Day::new(u32::from_be_bytes(*last_used)),
            claimed: u64::from_be_bytes(*claimed),
            envelopes: u32::from_be_bytes(*envelopes),
            bytes: u64::from_be_bytes(*waiting),
            one_time: u32::from_be_bytes(*one_time),
        })
    }
}

/// Version of the encoded record.
const VERSION: u8 = 1;

/// Sizes here are at most a frame; on every platform they fit.
pub(crate) fn size_as_u64(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { envelopes: 3, bytes: 10_000 };

    fn record() -> MailboxRecord {
        MailboxRecord { last_used: Day::new(20_000), claimed: 7, envelopes: 2, bytes: 9_000, one_time: 4 }
    }

    #[test]
    fn encoding_is_frozen() {
        let hex = "01 00004e20 0000000000000007 00000002 0000000000002328 00000004".replace(' ', "");
        assert_eq!(hex::encode(record().encode()), hex);
        assert_eq!(MailboxRecord::decode(&record().encode()), Some(record()));
    }

    #[test]
    fn only_whole_records_of_this_version_are_read() {
        let bytes = record().encode();
        for end in 0..bytes.len() {
            assert_eq!(MailboxRecord::decode(&bytes[..end]), None);
        }
        assert_eq!(MailboxRecord::decode(&[&bytes[..], &[0]].concat()), None);
        let mut later = bytes;
        later[0] = 2;
        assert_eq!(MailboxRecord::decode(&later), None);
    }

    #[test]
    fn a_mailbox_dies_after_the_days_and_not_before() {
        let record = record();
        assert!(record.is_alive(Calendar::new(Day::new(20_180), 180)));
        assert!(!record.is_alive(Calendar::new(Day::new(20_181), 180)));
    }

    #[test]
    fn the_quota_counts_envelopes_and_bytes() {
        let mut record = MailboxRecord::new(Day::new(1));
        assert!(record.admit(3_968, QUOTA));
        assert!(record.admit(3_968, QUOTA));
        assert!(!record.admit(3_968, QUOTA), "bytes");
        record.release(3_968);
        assert!(record.admit(100, QUOTA));
        assert!(record.admit(100, QUOTA));
        assert!(!record.admit(1, QUOTA), "envelopes");
        assert_eq!((record.envelopes, record.bytes), (3, 4_168));
    }

    #[test]
    fn touching_twice_a_day_or_in_the_past_changes_nothing() {
        let mut record = record();
        assert!(record.touch(Day::new(20_001)));
        assert!(!record.touch(Day::new(20_001)));
        assert!(!record.touch(Day::new(19_000)));
        assert_eq!(record.last_used, Day::new(20_001));
    }
}
