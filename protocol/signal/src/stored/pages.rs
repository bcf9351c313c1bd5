//! A chain with its skipped seeds.
//!
//! Among the fields of its record stand the chain and which pages there are; the pages are parts of their own, so that
//! taking one seed out writes one page again.
//!
//! ```text
//! chain   key 32 | index 4 | pages 2 x { number 4 | entries 2 }
//! page    version 1 | { counter 4 | seed 32 } ..
//! ```
//!
//! Not its concern: the names of parts.

use std::{collections::BTreeMap, sync::Arc};

use zeroize::Zeroizing;

use super::{DecodeError, Reader, STORED_VERSION, Writer};
use crate::ratchet::{SkippedPage, SkippedSeeds, SkippingChain};

/// Pages of skipped seeds as they are found in storage, by chain serial and page number.
pub(crate) type StoredPages = BTreeMap<(u32, u32), Arc<SkippedPage>>;

/// Encodes one page of skipped seeds: version, then counter and seed of each.
pub(crate) fn encode_page(page: &SkippedPage) -> Zeroizing<Vec<u8>> {
    let mut out = Writer::with_capacity(1 + 36 * page.entries().len());
    out.u8(STORED_VERSION);
    for (counter, seed) in page.entries() {
        out.u32(*counter);
        out.bytes(seed);
    }
    out.0
}

/// Decodes the page of this number.
pub(crate) fn decode_page(number: u32, bytes: &[u8]) -> Result<SkippedPage, DecodeError> {
    let reader = Reader::new(bytes)?;
    let (entries, rest) = reader.rest().as_chunks::<36>();
    if !rest.is_empty() {
        return Err(DecodeError::Damaged);
    }
    let entries = entries.iter().filter_map(|entry| {
        let (counter, seed) = entry.split_first_chunk()?;
        Some((u32::from_be_bytes(*counter), *seed.first_chunk()?))
    });
    SkippedPage::from_entries(number, entries).ok_or(DecodeError::Damaged)
}

impl Writer {
    /// The chain, and which pages of seeds there are; not the seeds.
    pub(crate) fn skipping_chain(&mut self, messages: &SkippingChain) {
        self.chain(&messages.chain);
        self.count16(messages.skipped.pages().len());
        for (number, page) in messages.skipped.pages() {
            self.u32(*number);
            self.count16(page.entries().len());
        }
    }
}

impl Reader<'_> {
    /// The chain with the pages it names, which are taken out of `pages`.
    pub(crate) fn skipping_chain(
        &mut self,
        serial: u32,
        pages: &mut StoredPages,
    ) -> Result<SkippingChain, DecodeError> {
        let chain = self.chain()?;
        let mut own = BTreeMap::new();
        let mut last = None;
        for _ in 0..self.u16()? {
            let (number, entries) = (self.u32()?, usize::from(self.u16()?));
            let page = pages.remove(&(serial, number)).ok_or(DecodeError::WrongParts)?;
            if last >= Some(number) || page.entries().len() != entries {
                return Err(DecodeError::Damaged);
            }
            last = Some(number);
            own.insert(number, page);
        }
        let skipped = SkippedSeeds::from_pages(own).ok_or(DecodeError::Damaged)?;
        if skipped.last() >= Some(chain.index()) {
            return Err(DecodeError::Damaged);
        }
        Ok(SkippingChain { chain, skipped })
    }
}
