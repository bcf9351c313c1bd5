//! Sums of rows of 16 field elements, each row times its own coefficient.
//!
//! A chunk is one row, and every parity chunk and every decoded one is such a sum. With a coefficient's bits taken
//! one at a time, from the highest,
//!
//! ```text
//! sum_j c_j * row_j  =  S_0 + X * (S_1 + X * (S_2 + ..)),   S_b = XOR of the rows whose coefficient has bit b
//! ```
//! so 15 doublings serve all rows. The rows are taken four at a time: the 16 possible XORs of four rows are made
//! once ([`SubsetSums::new`]) and each S_b picks one per group. That is a few hundred XORs of 32 bytes per sum, which
//! the compiler turns into vector instructions.
//!
//! Not its concern: which coefficients (`erasure`).
//!
//! Spec: SPQR 15.2.
#![expect(
    clippy::indexing_slicing,
    reason = "arrays of 16 are indexed by loops to 16 or by values masked with 15"
)]

use super::gf16::{LANES, double};
use super::message::CHUNK_LENGTH;

/// A chunk's bytes: 16 elements, big-endian.
pub type Row = [u8; CHUNK_LENGTH];

/// 16 elements in machine order.
type Elements = [u16; 16];

/// Rows per group.
const GROUP: usize = 4;

/// A set of rows, prepared for any number of sums.
pub struct SubsetSums {
    /// Per four rows the XOR of each of their 16 subsets.
    groups: Vec<[Elements; 16]>,
}

impl SubsetSums {
    /// Prepares the rows, at most [`LANES`].
    #[must_use]
    pub fn new(rows: &[Row]) -> Self {
        let mut groups = Vec::with_capacity(rows.len().div_ceil(GROUP));
        let (full, rest) = rows.as_chunks::<GROUP>();
        groups.extend(full.iter().map(subset_sums));
        if !rest.is_empty() {
            let mut last = [[0; CHUNK_LENGTH]; GROUP];
            last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            groups.push(subset_sums(&last));
        }
        Self { groups }
    }

    /// The sum of the rows times their coefficients.
    #[must_use]
    pub fn combine(&self, coefficients: &[u16; LANES]) -> Row {
        let packed = pack(coefficients);
        let mut sum = [0; 16];
        for bit in (0..16).rev() {
            sum = sum.map(double);
            for (sums, coefficients) in self.groups.iter().zip(&packed) {
                sum = xor(&sum, &sums[subset(*coefficients >> bit)]);
            }
        }
        to_bytes(&sum)
    }
}

// Inlined by hand, here and in `xor`: as calls they are not made into vector instructions, at twice the time.
/// The XORs of every subset of four rows; bit r of the index says whether row r is in it.
#[inline(always)]
fn subset_sums(rows: &[Row; GROUP]) -> [Elements; 16] {
    let [a, b, c, d] = rows.each_ref().map(from_bytes);
    let (ab, cd) = (xor(&a, &b), xor(&c, &d));
    let (ac, bc, abc) = (xor(&a, &c), xor(&b, &c), xor(&ab, &c));
    let (ad, bd, abd) = (xor(&a, &d), xor(&b, &d), xor(&ab, &d));
    let (acd, bcd, abcd) = (xor(&a, &cd), xor(&b, &cd), xor(&ab, &cd));
    [[0; 16], a, b, ab, c, ac, bc, abc, d, ad, bd, abd, cd, acd, bcd, abcd]
}

/// Four coefficients to a word, the first lowest.
fn pack(coefficients: &[u16; LANES]) -> [u64; LANES / GROUP] {
    let mut packed = [0; LANES / GROUP];
    for (word, [a, b, c, d]) in packed.iter_mut().zip(coefficients.as_chunks::<GROUP>().0) {
        *word = u64::from(*a) | u64::from(*b) << 16 | u64::from(*c) << 32 | u64::from(*d) << 48;
    }
    packed
}

/// The lowest bits of four packed coefficients, side by side: the product brings them to bits 48 to 51.
fn subset(packed: u64) -> usize {
    const GATHER: u64 = (1 << 48) + (1 << 33) + (1 << 18) + (1 << 3);
    let lowest = packed & 0x0001_0001_0001_0001;
    ((lowest.wrapping_mul(GATHER) >> 48) & 15) as usize
}

#[inline(always)]
fn xor(a: &Elements, b: &Elements) -> Elements {
    let mut sum = *a;
    for lane in 0..16 {
        sum[lane] ^= b[lane];
    }
    sum
}

fn from_bytes(row: &Row) -> Elements {
    let mut elements = [0; 16];
    let (pairs, _) = row.as_chunks::<2>();
    for (element, pair) in elements.iter_mut().zip(pairs) {
        *element = u16::from_be_bytes(*pair);
    }
    elements
}

fn to_bytes(elements: &Elements) -> Row {
    let mut row = [0; CHUNK_LENGTH];
    let (pairs, _) = row.as_chunks_mut::<2>();
    for (pair, element) in pairs.iter_mut().zip(elements) {
        *pair = element.to_be_bytes();
    }
    row
}

#[cfg(test)]
mod tests {
    use super::super::gf16::mul;
    use super::*;

    #[test]
    fn a_sum_equals_its_terms_taken_one_by_one() {
        for count in [1, 3, 4, 5, 30, 36, 40] {
            let rows: Vec<Row> = (0..count)
                .map(|row| core::array::from_fn(|byte| (row * 37 + byte * 101 + 11) as u8))
                .collect();
            let coefficients: [u16; LANES] = core::array::from_fn(|row| {
                if row < count { 0x9E37u16.wrapping_mul(row as u16 + 1) } else { 0xFFFF }
            });
            let mut expected = [0; 16];
            for (row, coefficient) in rows.iter().zip(coefficients) {
                for (sum, element) in expected.iter_mut().zip(from_bytes(row)) {
                    *sum ^= mul(element, coefficient);
                }
            }
            assert_eq!(SubsetSums::new(&rows).combine(&coefficients), to_bytes(&expected), "{count} rows");
        }
    }
}
