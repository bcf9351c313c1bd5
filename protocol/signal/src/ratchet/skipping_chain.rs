//! A chain of one sender's messages, with the seeds of those that have not arrived.
//!
//! Seeds are kept in pages of 256 consecutive counters. A page is shared between copies of a chain until one of them
//! changes it, so that trying a message on a copy costs little; a page is also the unit of storage.
//!
//! Not its concern: whose chain it is. Sessions have one per ratchet key of the peer, groups one per sender key.

use std::{collections::BTreeMap, fmt, sync::Arc};

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{Advanced, ChainExhausted, ChainKey, MAX_SKIPPED, MessageSeed};
use crate::Secret;

/// Counters per page.
pub(crate) const PAGE_ENTRIES: u32 = 256;

/// A chain key, and the seeds of the messages it has passed over.
#[derive(Clone, Debug)]
pub(crate) struct SkippingChain {
    /// At the first index no message of which has been asked for.
    pub(crate) chain: ChainKey,
    pub(crate) skipped: SkippedSeeds,
}

/// Why a chain has no seed for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TakeError {
    /// The seed was taken before, or is no longer kept.
    Duplicated { chain_index: u32, counter: u32 },
    /// Further ahead than the limit allows.
    TooFarAhead,
    /// The last index, which cannot be used because the chain could not move past it.
    Exhausted,
}

impl From<ChainExhausted> for TakeError {
    fn from(_: ChainExhausted) -> Self {
        Self::Exhausted
    }
}

impl SkippingChain {
    pub(crate) fn new(chain: ChainKey) -> Self {
        Self { chain, skipped: SkippedSeeds::default() }
    }

    /// Takes out the seed for a counter, keeping those of all counters passed over, if it is at most `limit` ahead.
    ///
    /// On an error the chain may be half changed: work on a copy.
    ///
    /// Spec: Signal protocol 5.3 step 2, 9.6 step 6.
    pub(crate) fn take(&mut self, counter: u32, limit: u32) -> Result<MessageSeed, TakeError> {
        let next = self.chain.index();
        let Some(jump) = counter.checked_sub(next) else {
            let duplicated = TakeError::Duplicated { chain_index: next, counter };
            return self.skipped.remove(counter).ok_or(duplicated);
        };
        if jump > limit {
            return Err(TakeError::TooFarAhead);
        }
        // Do not walk to the last index to find out.
        if counter == u32::MAX {
            return Err(TakeError::Exhausted);
        }
        let mut chain = self.chain.clone();
        while chain.index() < counter {
            // Seeds that this same jump would push out again are not even made.
            chain = if (counter - chain.index()) as usize > MAX_SKIPPED {
                chain.skip()?
            } else {
                let index = chain.index();
                let Advanced { seed, chain } = chain.advance()?;
                self.skipped.push(index, seed);
                chain
            };
        }
        let Advanced { seed, chain } = chain.advance()?;
        self.chain = chain;
        Ok(seed)
    }
}

/// At most [`MAX_SKIPPED`] seeds by counter. They are added in rising order, so the lowest is the earliest added.
#[derive(Clone, Debug, Default)]
pub(crate) struct SkippedSeeds {
    /// By `counter / PAGE_ENTRIES`; no page is empty.
    pages: BTreeMap<u32, Arc<SkippedPage>>,
    len: usize,
}

/// Seeds of up to 256 consecutive counters, in rising order.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct SkippedPage(Vec<(u32, [u8; 32])>);

crate::wiped::wiped!(SkippedPage);

impl Clone for SkippedPage {
    fn clone(&self) -> Self {
        let mut page = Self::empty();
        page.0.extend_from_slice(&self.0);
        page
    }
}

impl fmt::Debug for SkippedPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SkippedPage(..)")
    }
}

impl SkippedPage {
    /// With full capacity at once, so that growing leaves no copies of seeds behind.
    fn empty() -> Self {
        Self(Vec::with_capacity(PAGE_ENTRIES as usize))
    }

    /// From entries in rising order, all of one page; `None` if they are not, or if there are none.
    pub(crate) fn from_entries(number: u32, entries: impl Iterator<Item = (u32, [u8; 32])>) -> Option<Self> {
        let mut page = Self::empty();
        page.0.extend(entries);
        let rising = page.0.is_sorted_by(|(a, _), (b, _)| a < b);
        let here = page.0.iter().all(|(counter, _)| counter / PAGE_ENTRIES == number);
        (rising && here && !page.0.is_empty()).then_some(page)
    }

    pub(crate) fn entries(&self) -> &[(u32, [u8; 32])] {
        &self.0
    }
}

impl SkippedSeeds {
    /// From stored pages; `None` if they hold more than a chain may keep.
    pub(crate) fn from_pages(pages: BTreeMap<u32, Arc<SkippedPage>>) -> Option<Self> {
        let len = pages.values().map(|page| page.0.len()).sum();
        (len <= MAX_SKIPPED).then_some(Self { pages, len })
    }

    /// The pages with their numbers, in order.
    pub(crate) fn pages(&self) -> &BTreeMap<u32, Arc<SkippedPage>> {
        &self.pages
    }

    /// The pages with their numbers, in order, without those that `known` shares: the very same, not merely equal ones.
    pub(crate) fn pages_unlike(&self, known: Option<&Self>) -> impl Iterator<Item = (u32, &SkippedPage)> {
        let shared = move |number: &u32, page: &Arc<SkippedPage>| {
            known.and_then(|known| known.pages.get(number)).is_some_and(|known| Arc::ptr_eq(known, page))
        };
        let unlike = self.pages.iter().filter(move |(number, page)| !shared(number, page));
        unlike.map(|(number, page)| (*number, page.as_ref()))
    }

    /// The highest counter kept.
    pub(crate) fn last(&self) -> Option<u32> {
        let (_, page) = self.pages.last_key_value()?;
        page.0.last().map(|(counter, _)| *counter)
    }

    /// Adds a seed whose counter is above all others, pushing out the lowest if there are too many.
    fn push(&mut self, counter: u32, seed: MessageSeed) {
        let page = self.pages.entry(counter / PAGE_ENTRIES).or_insert_with(|| Arc::new(SkippedPage::empty()));
        Arc::make_mut(page).0.push((counter, *seed.secret().expose()));
        self.len += 1;
        if self.len > MAX_SKIPPED {
            let lowest = self.pages.first_key_value().and_then(|(_, page)| page.0.first());
            if let Some(lowest) = lowest.map(|(counter, _)| *counter) {
                self.remove(lowest);
            }
        }
    }

    /// Takes out a seed, if it is there.
    fn remove(&mut self, counter: u32) -> Option<MessageSeed> {
        let number = counter / PAGE_ENTRIES;
        let page = self.pages.get_mut(&number)?;
        let position = page.0.binary_search_by_key(&counter, |(counter, _)| *counter).ok()?;
        let page = &mut Arc::make_mut(page).0;
        let (_, mut bytes) = page.remove(position);
        let seed = MessageSeed::new(Secret::from_bytes(bytes));
        bytes.zeroize();
        // `remove` moved the tail down by one and left a copy of the last entry beyond the end: overwrite it.
        page.push((0, [0; 32]));
        page.truncate(page.len() - 1);
        if page.is_empty() {
            self.pages.remove(&number);
        }
        self.len -= 1;
        Some(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u32 = 25_000;

    fn chain() -> SkippingChain {
        SkippingChain::new(ChainKey::new(Secret::from_bytes([1; 32]), 0))
    }

    #[test]
    fn a_jump_of_the_limit_is_taken_and_one_more_is_not() {
        assert!(chain().take(25_000, LIMIT).is_ok());
        assert_eq!(chain().take(25_001, LIMIT).unwrap_err(), TakeError::TooFarAhead);
        assert!(chain().take(25_001, u32::MAX).is_ok());
    }

    #[test]
    fn two_thousand_seeds_are_kept_and_the_earliest_goes_first() {
        let mut chain = chain();
        chain.take(2_000, LIMIT).unwrap();
        assert!(chain.clone().take(0, LIMIT).is_ok());
        chain.take(2_002, LIMIT).unwrap();
        assert_eq!(
            chain.take(0, LIMIT).unwrap_err(),
            TakeError::Duplicated { chain_index: 2_003, counter: 0 }
        );
        assert!(chain.take(1, LIMIT).is_ok());
        assert!(chain.take(1, LIMIT).is_err());
    }

    #[test]
    fn a_long_jump_keeps_only_what_fits() {
        let mut chain = chain();
        chain.take(10, LIMIT).unwrap();
        chain.take(10_000, LIMIT).unwrap();
        assert_eq!(chain.skipped.len, MAX_SKIPPED);
        assert!(chain.clone().take(7_999, LIMIT).is_err());
        assert!(chain.take(8_000, LIMIT).is_ok());
    }

    #[test]
    fn a_seed_taken_late_equals_one_taken_in_time() {
        let (mut late, mut in_time) = (chain(), chain());
        late.take(500, LIMIT).unwrap();
        let late = late.take(300, LIMIT).unwrap();
        let in_time = in_time.take(300, LIMIT).unwrap();
        assert_eq!(late.secret().expose(), in_time.secret().expose());
    }

    #[test]
    fn a_page_is_read_only_if_its_entries_rise_and_are_its_own() {
        let page = |counters: &[u32]| {
            SkippedPage::from_entries(1, counters.iter().map(|counter| (*counter, [7; 32]))).is_some()
        };
        assert!(page(&[256, 300, 511]));
        for wrong in [&[][..], &[300, 299], &[300, 300], &[255, 256], &[511, 512], &[0], &[512]] {
            assert!(!page(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn the_last_index_is_refused_without_walking_there() {
        assert_eq!(chain().take(u32::MAX, u32::MAX).unwrap_err(), TakeError::Exhausted);
        assert_eq!(chain().take(u32::MAX, LIMIT).unwrap_err(), TakeError::TooFarAhead);
    }

    #[test]
    fn a_copy_does_not_see_what_is_taken_from_the_original() {
        let mut original = chain();
        original.take(10, LIMIT).unwrap();
        let mut copy = original.clone();
        original.take(3, LIMIT).unwrap();
        assert!(copy.take(3, LIMIT).is_ok());
    }
}
