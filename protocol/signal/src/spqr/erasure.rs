//! The erasure code: values of `N` rows of 32 bytes, sent as an endless series of chunks, any `N` of which are enough.
//!
//! Chunk i below `N` is row i itself; the others are parity chunks, the values at i of the polynomials of degree below
//! `N` through the rows. [`Encoder`] hands out one chunk after the other; [`Decoder`] collects chunks in any order.
//! All 16 columns of a row share their positions, so every coefficient is one number per row:
//!
//! ```text
//! chunk x      = M(x) * sum_j  w_j / (x - j)       * row_j     M(x) = product of (x - t), t < N
//! missing row m = A_m * sum_j  1 / ((m - j) * B_j) * chunk_j   over the N held indices j
//! ```
//! Every factor is a difference of two known indices, so that a coefficient is a sum of logarithms. The values are public:
//! the code takes no constant time.
//!
//! Not its concern: what a value means, and whether it is authentic.
//!
//! Spec: SPQR 6 The erasure code, 15.2, 15.3.

use std::sync::Arc;

use super::gf16::{LANES, exp_lanes, log};
use super::message::Chunk;
use super::rows::{Row, SubsetSums};

/// A value of `N` rows, shared between the states that send or keep it.
#[derive(Clone, PartialEq, Eq)]
pub struct Value<const N: usize>(Arc<[Row; N]>);

impl<const N: usize> Value<N> {
    /// Length in bytes.
    pub const LENGTH: usize = N * 32;

    /// The value with these rows.
    #[must_use]
    pub fn from_rows(rows: [Row; N]) -> Self {
        const { assert!(N > 0 && N <= LANES, "a value has 1 to 40 rows") };
        Self(Arc::new(rows))
    }

    /// The value whose bytes are the parts one after the other, or `None` if their length is not [`Self::LENGTH`].
    #[must_use]
    pub fn from_parts(parts: &[&[u8]]) -> Option<Self> {
        if parts.iter().map(|part| part.len()).sum::<usize>() != Self::LENGTH {
            return None;
        }
        let mut rows = [[0; 32]; N];
        for (to, from) in rows.as_flattened_mut().iter_mut().zip(parts.iter().copied().flatten()) {
            *to = *from;
        }
        Some(Self::from_rows(rows))
    }

    /// The bytes, [`Self::LENGTH`] of them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.as_flattened()
    }

    /// Chunk `index` of this value.
    ///
    /// Spec: SPQR 6.2 Encoding.
    #[must_use]
    pub fn chunk(&self, index: u16) -> Chunk {
        let data = match self.0.get(usize::from(index)) {
            Some(row) => *row,
            None => self.parity(index),
        };
        Chunk { index, data }
    }

    fn parity(&self, x: u16) -> Row {
        let product = minus(Code::<N>::log_weight(x));
        let mut exponents = [0; LANES];
        for ((exponent, weight), j) in exponents.iter_mut().zip(Code::<N>::LOG_WEIGHTS).zip(0..) {
            *exponent = plus(plus(product, *weight), minus(log(x ^ j)));
        }
        SubsetSums::new(self.0.as_slice()).combine(&exp_lanes(&exponents))
    }
}

impl<const N: usize> std::fmt::Debug for Value<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Value({} bytes)", Self::LENGTH)
    }
}

/// A value being sent: hands out its chunks in order, after 65535 from the start again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoder<const N: usize> {
    value: Value<N>,
    next: u16,
}

impl<const N: usize> Encoder<N> {
    /// Starts at chunk 0.
    #[must_use]
    pub const fn new(value: Value<N>) -> Self {
        Self::resume(value, 0)
    }

    /// Goes on at chunk `next`.
    #[must_use]
    pub const fn resume(value: Value<N>, next: u16) -> Self {
        Self { value, next }
    }

    /// The value being sent.
    #[must_use]
    pub const fn value(&self) -> &Value<N> {
        &self.value
    }

    /// Index of the next chunk.
    #[must_use]
    pub const fn next_index(&self) -> u16 {
        self.next
    }

    /// The next chunk, and the encoder that has sent it.
    #[must_use]
    pub fn advance(&self) -> (Chunk, Self) {
        let rest = Self { value: self.value.clone(), next: self.next.wrapping_add(1) };
        (self.value.chunk(self.next), rest)
    }
}

/// A value being received: the chunks held so far, by index.
///
/// Shared when cloned; adding a chunk makes a copy, so that the old decoder stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoder<const N: usize> {
    /// Ascending by index, without repetition; fewer than 2 `N`.
    chunks: Arc<Vec<Chunk>>,
}

impl<const N: usize> Decoder<N> {
    /// A decoder that holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { chunks: Arc::default() }
    }

    /// A decoder with these chunks, or `None` unless they ascend by index and are fewer than `N`.
    #[must_use]
    pub fn from_chunks(chunks: Vec<Chunk>) -> Option<Self> {
        let ascending = chunks.is_sorted_by(|a, b| a.index < b.index);
        (ascending && chunks.len() < N).then(|| Self { chunks: Arc::new(chunks) })
    }

    /// What is held, ascending by index.
    #[must_use]
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// The decoder that holds this chunk too. One with a known index replaces the old; a parity chunk that is no
    /// longer needed is ignored.
    ///
    /// Spec: SPQR 6.3 Decoding.
    #[must_use]
    pub fn with(&self, chunk: Chunk) -> Self {
        let position = self.chunks.binary_search_by_key(&chunk.index, |held| held.index);
        if position.is_err() && self.chunks.len() >= N && usize::from(chunk.index) >= N {
            return self.clone();
        }
        let (before, after) = match position {
            Ok(at) => (self.chunks.get(..at), self.chunks.get(at + 1..)),
            Err(at) => (self.chunks.get(..at), self.chunks.get(at..)),
        };
        let mut chunks = Vec::with_capacity(self.chunks.len() + 1);
        chunks.extend_from_slice(before.unwrap_or_default());
        chunks.push(chunk);
        chunks.extend_from_slice(after.unwrap_or_default());
        Self { chunks: Arc::new(chunks) }
    }

    /// The value, once `N` chunks are held.
    #[must_use]
    pub fn complete(&self) -> Option<Value<N>> {
        let held: &[Chunk; N] = self.chunks.first_chunk()?;
        let mut rows = [[0; 32]; N];
        let mut present = [false; N];
        for chunk in held {
            let index = usize::from(chunk.index);
            if let (Some(row), Some(present)) = (rows.get_mut(index), present.get_mut(index)) {
                *row = chunk.data;
                *present = true;
            }
        }
        let missing: Vec<u16> =
            (0..).zip(present).filter(|(_, present)| !present).map(|(row, _)| row).collect();
        if !missing.is_empty() {
            let plan = Interpolation::new(held, &missing);
            let sums = SubsetSums::new(&held.each_ref().map(|chunk| chunk.data));
            for m in &missing {
                if let Some(row) = rows.get_mut(usize::from(*m)) {
                    *row = sums.combine(&plan.coefficients(*m));
                }
            }
        }
        Some(Value::from_rows(rows))
    }
}

/// The coefficients that rebuild missing rows.
///
/// With f(x) = log W(x) + sum of log(x - m) over the missing - sum of log(x - q) over the parity indices held, where W(x)
/// is 1 / product of (x - t) over all rows t but x: 1 / B_j = exp f(j) and A_m = exp -f(m). The logarithm of 0 being 0
/// leaves out the term of x itself. So 1 / B_j takes as many terms as rows are missing, not as many as are held.
struct Interpolation<'a, const N: usize> {
    held: &'a [Chunk; N],
    missing: &'a [u16],
    /// f(j) for every held index.
    weights: [u16; N],
}

impl<'a, const N: usize> Interpolation<'a, N> {
    fn new(held: &'a [Chunk; N], missing: &'a [u16]) -> Self {
        let mut plan = Self { held, missing, weights: [0; N] };
        plan.weights = held.each_ref().map(|chunk| plan.f(chunk.index));
        plan
    }

    /// A_m / ((m - j) * B_j) for every held j.
    fn coefficients(&self, m: u16) -> [u16; LANES] {
        let scale = minus(self.f(m));
        let mut exponents = [0; LANES];
        for ((exponent, weight), chunk) in exponents.iter_mut().zip(self.weights).zip(self.held) {
            *exponent = plus(plus(scale, weight), minus(log(m ^ chunk.index)));
        }
        exp_lanes(&exponents)
    }

    fn f(&self, x: u16) -> u16 {
        let parity = self.held.iter().map(|chunk| chunk.index).filter(|index| usize::from(*index) >= N);
        let rows = self.missing.iter().fold(Code::<N>::log_weight(x), |sum, m| plus(sum, log(x ^ m)));
        parity.fold(rows, |sum, q| plus(sum, minus(log(x ^ q))))
    }
}

/// The sum of two exponents. Exponents are modulo 65535, whose zero has two spellings, 0 and 65535; `exp` takes both.
const fn plus(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    // The sum of two 16-bit numbers that carried is at most 2^16 - 2 without the carry.
    if carry { sum + 1 } else { sum }
}

/// The exponent of the inverse.
const fn minus(a: u16) -> u16 {
    u16::MAX - a
}

/// What is fixed for values of `N` rows.
struct Code<const N: usize>;

impl<const N: usize> Code<N> {
    /// log W(j) for the rows j.
    const LOG_WEIGHTS: &'static [u16; N] = &log_weights();

    /// log W(x), where W(x) = 1 / product of (x - t) over t < `N`, t other than x.
    fn log_weight(x: u16) -> u16 {
        Self::LOG_WEIGHTS.get(usize::from(x)).copied().unwrap_or_else(|| log_weight::<N>(x))
    }
}

const fn log_weight<const N: usize>(x: u16) -> u16 {
    let mut sum = 0;
    let mut t = 0;
    while (t as usize) < N {
        sum = plus(sum, log(x ^ t));
        t += 1;
    }
    minus(sum)
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler; row is below N")]
const fn log_weights<const N: usize>() -> [u16; N] {
    let mut table = [0; N];
    let mut row: u16 = 0;
    while (row as usize) < N {
        table[row as usize] = log_weight::<N>(row);
        row += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::gf16::exp;
    use super::*;

    /// The worked example of the specification, in the first column; the others are zero.
    fn example() -> Value<3> {
        let mut rows = [[0; 32]; 3];
        for (row, value) in rows.iter_mut().zip([0x0001u16, 0x0203, 0xABCD]) {
            row[..2].copy_from_slice(&value.to_be_bytes());
        }
        Value::from_rows(rows)
    }

    #[test]
    fn the_worked_example_comes_out() {
        for (x, y) in [(3, 0xA9CF), (4, 0xD8A4), (5, 0xDAA6), (0x1234, 0xC41F), (0xFFFF, 0xD58Cu16)] {
            assert_eq!(example().chunk(x).data[..2], y.to_be_bytes(), "chunk {x}");
        }
        let decoder =
            [4, 1, 3].into_iter().fold(Decoder::new(), |decoder, index| decoder.with(example().chunk(index)));
        assert_eq!(decoder.complete(), Some(example()));
    }

    #[test]
    fn the_weights_of_three_rows_are_those_of_the_specification() {
        assert_eq!(Code::<3>::LOG_WEIGHTS.map(exp), [0x8805, 0xF006, 0x7803]);
    }

    #[test]
    fn indices_on_both_sides_of_256_agree() {
        let rows: [Row; 36] =
            core::array::from_fn(|row| core::array::from_fn(|byte| (row * 59 + byte * 83 + 5) as u8));
        let value = Value::from_rows(rows);
        for indices in [220..256, 240..276, 256..292, 65_500..65_536] {
            let decoder = indices.clone().fold(Decoder::new(), |decoder, index: u32| {
                decoder.with(value.chunk(u16::try_from(index).unwrap()))
            });
            assert_eq!(decoder.complete().as_ref(), Some(&value), "{indices:?}");
        }
    }

    #[test]
    fn chunks_are_read_only_in_order_and_while_some_are_missing() {
        let decoder = |indices: &[u16]| {
            Decoder::<3>::from_chunks(indices.iter().map(|index| example().chunk(*index)).collect())
        };
        assert!(decoder(&[]).is_some());
        assert_eq!(decoder(&[1, 7]).unwrap().chunks().len(), 2);
        for wrong in [&[7, 1][..], &[1, 1], &[0, 1, 2], &[0, 1, 2, 3]] {
            assert!(decoder(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn a_known_index_replaces_and_does_not_count_again() {
        let value = example();
        let wrong = Chunk { index: 1, data: [0xFF; 32] };
        let decoder =
            Decoder::<3>::new().with(value.chunk(0)).with(wrong).with(value.chunk(1)).with(value.chunk(1));
        assert_eq!(decoder.complete(), None);
        assert_eq!(decoder.with(value.chunk(9)).complete(), Some(value));
    }

    #[test]
    fn after_the_last_chunk_the_first_follows() {
        let (last, encoder) = Encoder::resume(example(), u16::MAX).advance();
        assert_eq!(last.index, u16::MAX);
        assert_eq!(encoder.advance().0, example().chunk(0));
    }
}
