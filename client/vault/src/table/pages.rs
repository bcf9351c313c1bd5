//! Pages in the file: which are free, and one page read or written.
//!
//! ```text
//! page    sealed: level (1) ‖ zero (1) ‖ count (2) ‖ entries ‖ zeros
//! ```
//!
//! Not its concern: root pages (`root`), which pages the tree refers to (`tree`, `edit`).

use std::collections::BTreeSet;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::node::Child;
use super::{FIRST_PAGE, Node, PAGE_LENGTH, PageNumber, TableError};
use crate::disk::{Disk, File, Profile};
use crate::seal::{self, Key, OVERHEAD};

const PLAIN_LENGTH: usize = PAGE_LENGTH - OVERHEAD;
const HEAD_LENGTH: usize = 4;

/// Bytes of entries that a page holds.
pub(crate) const PAGE_ROOM: usize = PLAIN_LENGTH - HEAD_LENGTH;

/// Pages that may be written: the free ones, then those beyond the end.
#[derive(Debug)]
pub(crate) struct Pages {
    free: BTreeSet<PageNumber>,
    /// First page never taken.
    end: PageNumber,
}

impl Pages {
    /// Free is every page below `end` that is not in `used`.
    pub(crate) fn new(used: &BTreeSet<PageNumber>, end: PageNumber) -> Self {
        let end = end.max(FIRST_PAGE).max(used.last().map_or(0, |last| last.saturating_add(1)));
        Self { free: (FIRST_PAGE..end).filter(|page| !used.contains(page)).collect(), end }
    }

    /// Nothing is free below `end`: for a table of which not all pages are known.
    pub(crate) fn beyond(end: PageNumber) -> Self {
        Self { free: BTreeSet::new(), end: end.max(FIRST_PAGE) }
    }

    /// Takes a page.
    pub(crate) fn take(&mut self) -> Result<PageNumber, TableError> {
        if let Some(page) = self.free.pop_first() {
            return Ok(page);
        }
        let page = self.end;
        self.end = page.checked_add(1).ok_or(TableError::Full)?;
        Ok(page)
    }

    /// Gives pages back.
    pub(crate) fn give_back(&mut self, pages: impl IntoIterator<Item = PageNumber>) {
        self.free.extend(pages);
    }

    /// All free pages.
    pub(crate) fn free(&self) -> impl Iterator<Item = PageNumber> {
        self.free.iter().copied()
    }

    /// Drops free pages from the end; the file can be cut to this many pages.
    pub(crate) fn trim(&mut self) -> PageNumber {
        while self.end > FIRST_PAGE && self.free.remove(&(self.end - 1)) {
            self.end -= 1;
        }
        self.end
    }
}

/// Where a page begins in the file.
pub(crate) fn offset(page: PageNumber) -> u64 {
    u64::from(page) * PAGE_LENGTH as u64
}

/// Writes a node under a fresh key.
pub(crate) fn write(
    disk: &dyn Disk,
    profile: Profile,
    page: PageNumber,
    node: &Node,
) -> Result<Child, TableError> {
    let key = Key::random()?;
    let mut plain = Zeroizing::new(Vec::with_capacity(PLAIN_LENGTH));
    plain.extend_from_slice(&[node.level(), 0]);
    plain.extend_from_slice(&node.count().to_be_bytes());
    plain.extend_from_slice(node.bytes());
    debug_assert!(plain.len() <= PLAIN_LENGTH, "node too large");
    plain.resize(PLAIN_LENGTH, 0);
    let sealed = seal::seal(&key, &associated(profile, page), &plain)?;
    disk.write(File::Keys(profile), offset(page), &sealed)?;
    Ok(Child { page, key })
}

/// Reads a node that should have this level.
pub(crate) fn read(
    disk: &dyn Disk,
    profile: Profile,
    child: &Child,
    level: u8,
) -> Result<Arc<Node>, TableError> {
    let mut page = vec![0; PAGE_LENGTH];
    disk.read(File::Keys(profile), offset(child.page), &mut page).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => TableError::Damaged,
        _ => error.into(),
    })?;
    seal::open(&child.key, &associated(profile, child.page), &page)
        .and_then(|plain| decode(&plain))
        .filter(|node| node.level() == level)
        .map(Arc::new)
        .ok_or(TableError::Damaged)
}

/// Overwrites a page with random bytes.
pub(crate) fn overwrite(disk: &dyn Disk, profile: Profile, page: PageNumber) -> Result<(), TableError> {
    let mut random = vec![0; PAGE_LENGTH];
    seal::fill_random(&mut random)?;
    Ok(disk.write(File::Keys(profile), offset(page), &random)?)
}

fn decode(plain: &[u8]) -> Option<Node> {
    let ([level, _], rest) = plain.split_first_chunk()?;
    let (count, entries) = rest.split_first_chunk()?;
    Node::decode(*level, u16::from_be_bytes(*count), entries)
}

fn associated(profile: Profile, page: PageNumber) -> Vec<u8> {
    [seal::PAGE, &[profile.number()], &page.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_pages_are_taken_lowest_first_then_the_end() {
        let mut pages = Pages::new(&BTreeSet::from([3, 5]), 7);
        let taken: Vec<_> = (0..5).map(|_| pages.take().unwrap()).collect();
        assert_eq!(taken, [2, 4, 6, 7, 8]);
        pages.give_back([4, 7, 8]);
        assert_eq!(pages.trim(), 7);
        assert_eq!(pages.free().collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn the_last_page_number_is_the_end() {
        let mut pages = Pages { free: BTreeSet::new(), end: u32::MAX };
        assert!(matches!(pages.take(), Err(TableError::Full)));
    }

    #[test]
    fn a_used_page_beyond_the_end_is_not_given_out() {
        let mut pages = Pages::new(&BTreeSet::from([9]), 2);
        assert!((0..9).all(|_| pages.take().unwrap() != 9));
    }
}
