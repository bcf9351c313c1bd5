//! What is pushed to one connection: which mailboxes have something, what is out and not yet acknowledged.
//!
//! A connection is pushed every stored envelope it has not been pushed yet, oldest first within a mailbox, one
//! mailbox after the other. At most [`MOST_UNACKNOWLEDGED`] envelopes and [`MOST_UNACKNOWLEDGED_BYTES`] bytes are out
//! at a time, so a client that does not acknowledge holds that much of the relay's memory and no more.
//!
//! Positions start again when a mailbox is empty, so "newer than the last one" would miss envelopes: what is out is
//! remembered by id instead, until its removal from the store is durable.
//!
//! Not its concern: reading the store, writing to the connection.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use khaima_wire::{Delivery, EnvelopeId, MailboxId};

use super::{Calendar, MailboxOwner, StoreOp};

/// Most envelopes pushed and not acknowledged on one connection.
pub const MOST_UNACKNOWLEDGED: usize = 64;

/// Bytes of envelopes after which no more are pushed until some are acknowledged.
pub const MOST_UNACKNOWLEDGED_BYTES: usize = 512 << 10;

/// Most bytes read from the store at once.
const MOST_FETCHED_BYTES: usize = 256 << 10;

/// Deliveries of one connection.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    /// Subscribed mailboxes and what is out of each, with sizes.
    mailboxes: BTreeMap<MailboxId, BTreeMap<EnvelopeId, usize>>,
    /// Mailboxes that may have something to push, in turn; the set says which are in the queue.
    queue: VecDeque<MailboxId>,
    queued: BTreeSet<MailboxId>,
    /// The mailbox that is being read. One at a time: it bounds what is in memory.
    fetching: Option<MailboxId>,
    out: usize,
    out_bytes: usize,
}

impl Deliveries {
    /// Starts pushing what waits in a mailbox. Again is as good as once.
    pub fn subscribe(&mut self, mailbox: MailboxId) {
        self.mailboxes.entry(mailbox).or_default();
        self.wake(mailbox);
    }

    /// Forgets a mailbox that is gone.
    pub fn forget(&mut self, mailbox: &MailboxId) {
        if let Some(pushed) = self.mailboxes.remove(mailbox) {
            self.out = self.out.saturating_sub(pushed.len());
            self.out_bytes = self.out_bytes.saturating_sub(pushed.values().sum());
        }
    }

    /// Notes that a mailbox may have something new.
    pub fn wake(&mut self, mailbox: MailboxId) {
        if self.mailboxes.contains_key(&mailbox) && self.queued.insert(mailbox) {
            self.queue.push_back(mailbox);
        }
    }

    /// What to read next, if there is room. The caller gives the answer to [`Self::fetched`] or [`Self::failed`].
    pub fn next_fetch(
        &mut self,
        owner_of: impl Fn(&MailboxId) -> Option<MailboxOwner>,
        calendar: Calendar,
    ) -> Option<StoreOp> {
        let most = MOST_UNACKNOWLEDGED.saturating_sub(self.out);
        let most_bytes = MOST_UNACKNOWLEDGED_BYTES.saturating_sub(self.out_bytes).min(MOST_FETCHED_BYTES);
        if self.fetching.is_some() || most == 0 || most_bytes == 0 {
            return None;
        }
        loop {
            let mailbox = self.queue.pop_front()?;
            self.queued.remove(&mailbox);
            let (Some(pushed), Some(owner)) = (self.mailboxes.get(&mailbox), owner_of(&mailbox)) else {
                continue;
            };
            self.fetching = Some(mailbox);
            let except = pushed.keys().copied().collect();
            return Some(StoreOp::Fetch { owner, except, most, most_bytes, calendar });
        }
    }

    /// Takes what was read and says what to push: what is not out yet.
    ///
    /// An envelope whose removal became durable while the store was being read is not among it: it was out when
    /// the reading began, and so left out.
    pub fn fetched(&mut self, deliveries: Vec<Delivery>, more: bool) -> Vec<Delivery> {
        let Some(mailbox) = self.fetching.take() else { return Vec::new() };
        let Some(pushed) = self.mailboxes.get_mut(&mailbox) else { return Vec::new() };
        let mut fresh = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let size = delivery.sealed.size();
            if pushed.insert(delivery.id, size).is_none() {
                self.out += 1;
                self.out_bytes += size;
                fresh.push(delivery);
            }
        }
        if more {
            self.wake(mailbox);
        }
        fresh
    }

    /// The mailbox that was being read turned out to be gone. Which it was.
    pub fn fetched_gone(&mut self) -> Option<MailboxId> {
        let mailbox = self.fetching.take()?;
        self.forget(&mailbox);
        Some(mailbox)
    }

    /// The store could not be read. The mailbox stays in the queue for the next attempt.
    pub fn failed(&mut self) {
        if let Some(mailbox) = self.fetching.take() {
            self.wake(mailbox);
        }
    }

    /// Notes envelopes whose removal is durable.
    pub fn acknowledged(&mut self, mailbox: &MailboxId, ids: &[EnvelopeId]) {
        let Some(pushed) = self.mailboxes.get_mut(mailbox) else { return };
        for size in ids.iter().filter_map(|id| pushed.remove(id)) {
            self.out = self.out.saturating_sub(1);
            self.out_bytes = self.out_bytes.saturating_sub(size);
        }
    }

    /// Envelopes out at the moment.
    #[cfg(test)]
    pub const fn out(&self) -> usize {
        self.out
    }
}

#[cfg(test)]
mod tests {
    use khaima_wire::{Day, SealedEnvelope};

    use super::*;

    const BOX: MailboxId = MailboxId::from_bytes([1; 32]);
    const OTHER: MailboxId = MailboxId::from_bytes([2; 32]);

    fn delivery(position: u64, size: usize) -> Delivery {
        let sealed = SealedEnvelope::new(vec![0; size]).unwrap();
        Delivery { mailbox: BOX, id: EnvelopeId::new(position, [0; 8]), stored: Day::new(1), sealed }
    }

    fn next(deliveries: &mut Deliveries) -> Option<(MailboxId, usize, usize, usize)> {
        let calendar = Calendar::new(Day::new(1), 180);
        match deliveries.next_fetch(|mailbox| Some(MailboxOwner::for_tests(*mailbox)), calendar)? {
            StoreOp::Fetch { owner, except, most, most_bytes, .. } => {
                Some((owner.mailbox(), except.len(), most, most_bytes))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn at_most_the_window_is_out_and_acknowledging_opens_it() {
        let mut deliveries = Deliveries::default();
        deliveries.subscribe(BOX);
        assert_eq!(next(&mut deliveries), Some((BOX, 0, 64, MOST_FETCHED_BYTES)));
        let first: Vec<_> = (1..=64).map(|position| delivery(position, 3_968)).collect();
        let ids: Vec<_> = first.iter().map(|delivery| delivery.id).collect();
        assert_eq!(deliveries.fetched(first, true).len(), 64);
        assert_eq!(next(&mut deliveries), None, "the window is full");
        deliveries.acknowledged(&BOX, &ids[..3]);
        assert_eq!(deliveries.out(), 61);
        assert_eq!(next(&mut deliveries).map(|(_, except, most, _)| (except, most)), Some((61, 3)));
    }

    #[test]
    fn large_envelopes_fill_the_window_by_bytes() {
        let mut deliveries = Deliveries::default();
        deliveries.subscribe(BOX);
        next(&mut deliveries).unwrap();
        deliveries.fetched((1..=8).map(|position| delivery(position, 65_408)).collect(), true);
        let (_, except, most, bytes) = next(&mut deliveries).unwrap();
        assert_eq!((except, most, bytes), (8, 56, (512 << 10) - 8 * 65_408));
        deliveries.fetched(vec![delivery(9, 65_408)], true);
        assert_eq!(next(&mut deliveries), None);
    }

    #[test]
    fn an_envelope_is_pushed_once_however_often_it_is_read() {
        let mut deliveries = Deliveries::default();
        deliveries.subscribe(BOX);
        next(&mut deliveries).unwrap();
        assert_eq!(deliveries.fetched(vec![delivery(1, 3_968)], false).len(), 1);
        deliveries.wake(BOX);
        next(&mut deliveries).unwrap();
        assert_eq!(deliveries.fetched(vec![delivery(1, 3_968), delivery(2, 3_968)], false).len(), 1);
    }

    #[test]
    fn one_busy_mailbox_does_not_keep_another_waiting() {
        let mut deliveries = Deliveries::default();
        deliveries.subscribe(BOX);
        deliveries.subscribe(OTHER);
        assert_eq!(next(&mut deliveries).unwrap().0, BOX);
        deliveries.fetched(vec![delivery(1, 3_968)], true);
        assert_eq!(next(&mut deliveries).unwrap().0, OTHER);
        deliveries.fetched(vec![], false);
        assert_eq!(next(&mut deliveries).unwrap().0, BOX);
    }

    #[test]
    fn a_wake_during_reading_is_not_lost() {
        let mut deliveries = Deliveries::default();
        deliveries.subscribe(BOX);
        next(&mut deliveries).unwrap();
        deliveries.wake(BOX);
        assert_eq!(next(&mut deliveries), None, "one reading at a time");
        deliveries.fetched(vec![], false);
        assert_eq!(next(&mut deliveries).unwrap().0, BOX);
        deliveries.failed();
        assert_eq!(next(&mut deliveries).unwrap().0, BOX, "a failed reading is repeated");
    }

    #[test]
    fn a_mailbox_that_is_gone_gives_its_room_back() {
        let mut deliveries = Deliveries::default();
        deliveries.subscribe(BOX);
        next(&mut deliveries).unwrap();
        deliveries.fetched((1..=64).map(|position| delivery(position, 3_968)).collect(), false);
        deliveries.forget(&BOX);
        assert_eq!((deliveries.out(), deliveries.out_bytes), (0, 0));
        deliveries.wake(BOX);
        assert_eq!(next(&mut deliveries), None);
    }
}
