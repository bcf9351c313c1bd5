//! Keys of messages that were skipped, until their messages arrive.
//!
//! They lie in pages, one per 256 indices, so that taking one key out copies at most 9 KB and a store writes only the
//! pages that changed. Pages are shared between states and wiped when the last state that holds them is gone.
//!
//! Not its concern: which keys may be handed out (`chain`).
//!
//! Spec: SPQR 10.4, 15.4.

use std::sync::Arc;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Indices per page.
pub const PAGE_INDICES: u32 = 256;

/// One kept key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SkippedKey {
    /// Index of the message.
    pub index: u32,
    /// Its key.
    pub key: [u8; 32],
}

crate::wiped::wiped!(SkippedKey);

/// The kept keys whose index divided by 256 is `number`.
#[derive(Clone)]
pub struct Page {
    number: u32,
    /// Ascending by index; never empty in a list.
    keys: Vec<SkippedKey>,
}

impl Page {
    /// The page of these keys, or `None` unless there are keys, they ascend, and all belong to this page.
    #[must_use]
    pub fn from_keys(number: u32, keys: Vec<SkippedKey>) -> Option<Self> {
        let ascending = keys.is_sorted_by(|a, b| a.index < b.index);
        let belong = keys.iter().all(|key| key.index / PAGE_INDICES == number);
        (!keys.is_empty() && ascending && belong).then_some(Self { number, keys })
    }

    /// Which page this is: index divided by 256.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The keys, ascending by index.
    #[must_use]
    pub fn keys(&self) -> &[SkippedKey] {
        &self.keys
    }
}

/// All kept keys of one receiving chain.
#[derive(Clone, Default)]
pub struct Skipped {
    /// Ascending by number.
    pages: Arc<Vec<Arc<Page>>>,
}

impl Skipped {
    /// The list with these pages, or `None` unless they ascend by number.
    #[must_use]
    pub fn from_pages(pages: Vec<Page>) -> Option<Self> {
        let ascending = pages.is_sorted_by(|a, b| a.number < b.number);
        ascending.then(|| Self { pages: Arc::new(pages.into_iter().map(Arc::new).collect()) })
    }

    /// The pages, ascending by number.
    pub fn pages(&self) -> impl ExactSizeIterator<Item = &Page> {
        self.pages.iter().map(AsRef::as_ref)
    }

    /// The pages, ascending by number, without those that `known` shares: the very same, not merely equal ones.
    pub fn pages_unlike(&self, known: Option<&Self>) -> impl Iterator<Item = &Page> {
        let shared = move |page: &Arc<Page>| {
            known.is_some_and(|known| known.pages.iter().any(|known| Arc::ptr_eq(known, page)))
        };
        self.pages.iter().filter(move |page| !shared(page)).map(AsRef::as_ref)
    }

    /// Number of keys kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pages.iter().map(|page| page.keys.len()).sum()
    }

    /// Whether no key is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Takes a key out: the key and the list without it.
    #[must_use]
    pub fn take(&self, index: u32) -> Option<(Zeroizing<[u8; 32]>, Self)> {
        let number = index / PAGE_INDICES;
        let at = self.pages.binary_search_by_key(&number, |page| page.number).ok()?;
        let page = self.pages.get(at)?;
        let held = page.keys.iter().find(|held| held.index == index)?;
        let key = Zeroizing::new(held.key);
        // Large enough at once, for a vector that grows leaves its bytes behind.
        let mut keys = Vec::with_capacity(page.keys.len());
        keys.extend(page.keys.iter().filter(|held| held.index != index).cloned());
        let mut pages = self.pages.as_ref().clone();
        if keys.is_empty() {
            pages.remove(at);
        } else if let Some(page) = pages.get_mut(at) {
            *page = Arc::new(Page { number, keys });
        }
        Some((key, Self { pages: Arc::new(pages) }))
    }

    /// The list without the pages all of whose indices lie below `lowest`.
    ///
    /// Keys below it that share a page with a later index stay for the time being; the chain does not hand them out.
    #[must_use]
    pub fn without_below(&self, lowest: u32) -> Self {
        let first = lowest / PAGE_INDICES;
        if self.pages.first().is_none_or(|page| page.number >= first) {
            return self.clone();
        }
        let kept = self.pages.iter().filter(|page| page.number >= first).cloned().collect();
        Self { pages: Arc::new(kept) }
    }

    /// Adds keys whose indices ascend and lie above all kept ones.
    #[must_use]
    pub fn with(&self, mut added: impl Iterator<Item = SkippedKey>) -> Self {
        let mut pages = self.pages.as_ref().clone();
        let mut next = added.next();
        while let Some(first) = next.take() {
            let number = first.index / PAGE_INDICES;
            // Of full size at once, for the same reason as in `take`.
            let mut keys = Vec::with_capacity(PAGE_INDICES as usize);
            if pages.last().is_some_and(|page| page.number == number) {
                keys.extend(pages.pop().iter().flat_map(|page| page.keys.iter().cloned()));
            }
            keys.push(first);
            for key in added.by_ref() {
                if key.index / PAGE_INDICES != number {
                    next = Some(key);
                    break;
                }
                keys.push(key);
            }
            pages.push(Arc::new(Page { number, keys }));
        }
        Self { pages: Arc::new(pages) }
    }
}

impl std::fmt::Debug for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Skipped({} keys)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(indices: impl IntoIterator<Item = u32>) -> Skipped {
        Skipped::default().with(indices.into_iter().map(|index| SkippedKey { index, key: [index as u8; 32] }))
    }

    fn indices(list: &Skipped) -> Vec<u32> {
        list.pages().flat_map(Page::keys).map(|key| key.index).collect()
    }

    #[test]
    fn pages_and_lists_of_them_are_read_only_in_order() {
        let page = |number: u32, indices: &[u32]| {
            let keys = indices.iter().map(|index| SkippedKey { index: *index, key: [1; 32] });
            Page::from_keys(number, keys.collect())
        };
        assert!(page(1, &[256, 300, 511]).is_some());
        assert!(page(0, &[0]).is_some());
        for wrong in [&[][..], &[300, 299], &[300, 300], &[255, 256], &[511, 512], &[1], &[512]] {
            assert!(page(1, wrong).is_none(), "{wrong:?}");
        }
        let list = |numbers: &[u32]| {
            let pages = numbers.iter().map(|number| page(*number, &[256 * number]).unwrap());
            Skipped::from_pages(pages.collect())
        };
        assert_eq!(indices(&list(&[0, 2, 3]).unwrap()), [0, 512, 768]);
        assert!(list(&[1]).is_some_and(|list| !list.is_empty()));
        assert!(list(&[]).is_some_and(|list| list.is_empty()));
        assert!(list(&[1, 1]).is_none());
        assert!(list(&[2, 1]).is_none());
    }

    #[test]
    fn a_key_is_given_once() {
        let kept = list(250..260);
        let (key, rest) = kept.take(257).unwrap();
        assert_eq!(*key, [1; 32]);
        assert!(rest.take(257).is_none());
        assert_eq!(indices(&rest), [250, 251, 252, 253, 254, 255, 256, 258, 259]);
        assert_eq!(kept.len(), 10, "the old list is as it was");
    }

    #[test]
    fn keys_added_later_join_the_last_page() {
        let kept = list([1, 2]).with(
            [SkippedKey { index: 9, key: [9; 32] }, SkippedKey { index: 300, key: [0; 32] }].into_iter(),
        );
        assert_eq!(indices(&kept), [1, 2, 9, 300]);
        assert_eq!(kept.pages().map(Page::number).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn whole_pages_go_when_they_are_too_old() {
        let kept = list([5, 255, 256, 700]);
        assert_eq!(indices(&kept.without_below(255)), [5, 255, 256, 700]);
        assert_eq!(indices(&kept.without_below(256)), [256, 700]);
        assert!(kept.without_below(10_000).is_empty());
    }

    #[test]
    fn an_emptied_page_is_dropped() {
        let (_, rest) = list([3]).take(3).unwrap();
        assert!(rest.is_empty());
    }

    #[test]
    fn debug_shows_no_keys() {
        insta::assert_snapshot!(format!("{:?}", list([65])), @"Skipped(1 keys)");
    }
}
