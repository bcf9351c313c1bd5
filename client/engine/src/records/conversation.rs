//! Conversations: counters of rows and numbers, and the numbers that are missing.

use khaima_wire::Timestamp;

use super::{DecodeRecordError, Reader, Record, Writer};
use crate::ids::ConversationId;
use crate::store::RecordKind;

/// One conversation. The record's id is the [`ConversationId`].
#[derive(Clone)]
pub(crate) struct ConversationRecord {
    pub(crate) id: ConversationId,
    /// Order of the next row, from 1.
    pub(crate) next_order: u64,
    /// Number of our next message, from 1.
    pub(crate) next_number: u64,
    /// Highest number of theirs seen; 0 before the first.
    pub(crate) highest: u64,
    /// Rows up to here were seen by the person.
    pub(crate) read_up_to: u64,
    /// Incoming rows after that.
    pub(crate) unread: u32,
    /// When a row was last added.
    pub(crate) last_at: Timestamp,
}

impl ConversationRecord {
    pub(crate) fn new(id: ConversationId, now: Timestamp) -> Self {
        Self { id, next_order: 1, next_number: 1, highest: 0, read_up_to: 0, unread: 0, last_at: now }
    }

    /// The order of a new row.
    pub(crate) fn take_order(&mut self) -> u64 {
        let order = self.next_order;
        self.next_order = order.saturating_add(1);
        order
    }
}

impl Record for ConversationRecord {
    const KIND: RecordKind = RecordKind::Conversation;

    fn write(&self, out: &mut Writer) {
        out.fixed(self.id.as_bytes());
        out.u64(self.next_order);
        out.u64(self.next_number);
        out.u64(self.highest);
        out.u64(self.read_up_to);
        out.u32(self.unread);
        out.u64(self.last_at.as_millis());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeRecordError> {
        Ok(Self {
            id: ConversationId::from_bytes(from.array()?),
            next_order: from.u64()?,
            next_number: from.u64()?,
            highest: from.u64()?,
            read_up_to: from.u64()?,
            unread: from.u32()?,
            last_at: Timestamp::from_millis(from.u64()?),
        })
    }
}

/// Numbers that were skipped. The record's id is conversation and order; the order is reserved for a row that says so.
#[derive(Clone)]
pub(crate) struct GapRecord {
    /// Missing numbers as ranges, both ends included, ascending.
    pub(crate) missing: Vec<(u64, u64)>,
    /// When a later number was seen.
    pub(crate) noticed: Timestamp,
    /// Whether the row is there.
    pub(crate) shown: bool,
}

impl GapRecord {
    /// More ranges than this are not split further. A contact who sends every other number of a huge gap only makes
    /// the count of his own row too high.
    const MAX_RANGES: usize = 64;

    /// How many numbers are missing.
    pub(crate) fn count(&self) -> u64 {
        self.missing
            .iter()
            .fold(0, |sum, (from, to)| sum.saturating_add(to.saturating_sub(*from).saturating_add(1)))
    }

    /// Takes a number out; whether it was missing.
    pub(crate) fn fill(&mut self, number: u64) -> bool {
        let Some(at) = self.missing.iter().position(|(from, to)| (*from..=*to).contains(&number)) else {
            return false;
        };
        let (from, to) = self.missing.remove(at);
        let before = (from < number).then(|| (from, number.saturating_sub(1)));
        let after = (number < to).then(|| (number.saturating_add(1), to));
        if before.is_some() && after.is_some() && self.missing.len() >= Self::MAX_RANGES {
            self.missing.insert(at, (from, to));
            return true;
        }
        self.missing.splice(at..at, before.into_iter().chain(after));
        true
    }
}

impl Record for GapRecord {
    const KIND: RecordKind = RecordKind::Gap;

    fn write(&self, out: &mut Writer) {
        out.list(&self.missing, |out, (from, to)| {
            out.u64(*from);
            out.u64(*to);
        });
        out.u64(self.noticed.as_millis());
        out.flag(self.shown);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeRecordError> {
        Ok(Self {
            missing: from.list(|from| Ok((from.u64()?, from.u64()?)))?,
            noticed: Timestamp::from_millis(from.u64()?),
            shown: from.flag()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(missing: &[(u64, u64)]) -> GapRecord {
        GapRecord { missing: missing.to_vec(), noticed: Timestamp::default(), shown: false }
    }

    #[test]
    fn filling_splits_and_closes_ranges() {
        let mut gap = gap(&[(2, 4)]);
        assert!(gap.fill(3));
        assert_eq!(gap.missing, [(2, 2), (4, 4)]);
        assert!(!gap.fill(3));
        assert!(gap.fill(2) && gap.fill(4));
        assert_eq!(gap.count(), 0);
    }

    #[test]
    fn a_gap_of_everything_is_one_range() {
        let mut gap = gap(&[(1, u64::MAX)]);
        for number in (2..100_000).step_by(2) {
            gap.fill(number);
        }
        assert!(gap.missing.len() <= GapRecord::MAX_RANGES + 1);
        assert!(gap.count() > 1_000_000);
    }
}
