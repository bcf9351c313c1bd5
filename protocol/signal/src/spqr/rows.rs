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
    pub fn new<'a>(rows: impl ExactSizeIterator<Item = &'a Row>) -> Self {
        let mut groups = Vec::with_capacity(rows.len().div_ceil(GROUP));
        let mut rows = rows.fuse().peekable();
        while rows.peek().is_some() {
            let mut sums = [[0; 16]; 16];
            for row in 0..GROUP {
                let elements = rows.next().map_or([0; 16], from_bytes);
                let bit = 1 << row;
                for subset in 0..bit {
                    sums[(bit | subset) & 15] = xor(sums[subset & 15], &elements);
                }
            }
            groups.push(sums);
        }
        Self { groups }
    }

    /// `scale` times the sum of the rows times their coefficients.
    #[must_use]
    pub fn combine(&self, coefficients: &[u16; LANES], scale: u16) -> Row {
        let picks = picks(coefficients);
        let mut sum = [0; 16];
        for bit in (0..16).rev() {
            sum = sum.map(double);
            for (group, pick) in self.groups.iter().zip(&picks) {
                sum = xor(sum, &group[usize::from(pick[bit] & 15)]);
            }
        }
        to_bytes(&times(&sum, scale))
    }
}

/// Per group and bit the subset of its four rows whose coefficients have that bit.
fn picks(coefficients: &[u16; LANES]) -> [[u8; 16]; LANES / GROUP] {
    let mut picks = [[0; 16]; LANES / GROUP];
    let (groups, _) = coefficients.as_chunks::<GROUP>();
    for (pick, group) in picks.iter_mut().zip(groups) {
        for (row, coefficient) in group.iter().enumerate() {
            for (bit, pick) in pick.iter_mut().enumerate() {
                *pick |= u8::from(coefficient & (1 << bit) != 0) << row;
            }
        }
    }
    picks
}

fn times(elements: &Elements, scale: u16) -> Elements {
    let mut product = [0; 16];
    for bit in (0..16).rev() {
        let mask = 0u16.wrapping_sub((scale >> bit) & 1);
        for lane in 0..16 {
            product[lane] = double(product[lane]) ^ (elements[lane] & mask);
        }
    }
    product
}

fn xor(mut a: Elements, b: &Elements) -> Elements {
    for lane in 0..16 {
        a[lane] ^= b[lane];
    }
    a
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
            let expected = expected.map(|element| mul(element, 0xABCD));
            assert_eq!(
                SubsetSums::new(rows.iter()).combine(&coefficients, 0xABCD),
                to_bytes(&expected),
                "{count} rows"
            );
        }
    }
}
