//! The field GF(2^16) of the erasure code.
//!
//! Elements are polynomials over GF(2), bit i being the coefficient of X^i, modulo X^16 + X^12 + X^3 + X + 1.
//! Adding is XOR. X generates the multiplicative group, so products and quotients of known elements are sums and
//! differences of logarithms. The table of logarithms has 128 KiB, but what the code looks up together lies together:
//! the distances of one chunk index to the rows of a value fill one or two cache lines.
//!
//! The code runs on public values only, so nothing here has to take constant time. What is computed with the
//! field is not this module's concern (`erasure`).
//!
//! Spec: SPQR 6.1 The field.
#![expect(
    clippy::indexing_slicing,
    reason = "tables of 65536 and 256 are indexed by 16-bit and 8-bit values, arrays of LANES by loops to LANES"
)]

/// Elements handled at once by [`exp_lanes`]: enough for the 36 rows of the longest value, and a multiple of 8.
pub const LANES: usize = 40;

/// The field polynomial without its leading term.
const REDUCTION: u16 = 0x100B;

/// X times `a`.
#[must_use]
pub const fn double(a: u16) -> u16 {
    (a << 1) ^ (REDUCTION & 0u16.wrapping_sub(a >> 15))
}

/// `a` times `b`.
#[must_use]
pub const fn mul(a: u16, b: u16) -> u16 {
    let mut product = 0;
    let mut bit = 16;
    while bit > 0 {
        bit -= 1;
        product = double(product) ^ (a & 0u16.wrapping_sub((b >> bit) & 1));
    }
    product
}

/// 1 / `a`, and 0 for 0.
#[must_use]
pub fn inverse(a: u16) -> u16 {
    if a == 0 { 0 } else { exp(u16::MAX - log(a)) }
}

/// Logarithm to the base X, below 65535, the order of the multiplicative group; 0 for 0, so that a factor 0 drops out of a product.
#[must_use]
pub const fn log(a: u16) -> u16 {
    LOG[a as usize]
}

/// X to the power `exponent`.
#[must_use]
pub const fn exp(exponent: u16) -> u16 {
    let [high, low] = exponent.to_be_bytes();
    mul(EXP_HIGH[high as usize], EXP_LOW[low as usize])
}

/// X to the power of each exponent.
#[must_use]
pub fn exp_lanes(exponents: &[u16; LANES]) -> [u16; LANES] {
    let high = exponents.map(|exponent| EXP_HIGH[usize::from(exponent >> 8)]);
    let low = exponents.map(|exponent| EXP_LOW[usize::from(exponent & 0xFF)]);
    let mut product = [0; LANES];
    for bit in (0..16).rev() {
        for lane in 0..LANES {
            product[lane] = double(product[lane]) ^ (high[lane] & 0u16.wrapping_sub((low[lane] >> bit) & 1));
        }
    }
    product
}

/// X^0, X^1, .. X^255.
const EXP_LOW: [u16; 256] = powers(0x0002);
/// X^0, X^256, .. X^65280.
const EXP_HIGH: [u16; 256] = powers(mul(EXP_LOW[255], 0x0002));
static LOG: [u16; 65_536] = logs();

const fn powers(base: u16) -> [u16; 256] {
    let mut table = [1; 256];
    let mut exponent = 1;
    while exponent < 256 {
        table[exponent] = mul(table[exponent - 1], base);
        exponent += 1;
    }
    table
}

const fn logs() -> [u16; 65_536] {
    let mut table = [0; 65_536];
    let mut element = 1;
    let mut exponent: u16 = 0;
    while exponent < u16::MAX {
        table[element as usize] = exponent;
        element = double(element);
        exponent += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_of_the_specification_hold() {
        assert_eq!(mul(0x8000, 0x0002), 0x100B);
        assert_eq!(mul(0xABCD, 0x1234), 0x4792);
        assert_eq!(mul(0xFFFF, 0xFFFF), 0x0733);
        assert_eq!(inverse(0x0002), 0x8805);
        assert_eq!(inverse(0x0003), 0xF006);
    }

    #[test]
    fn every_element_times_its_inverse_is_one() {
        for element in 1..=u16::MAX {
            assert_eq!(mul(element, inverse(element)), 1, "{element:04x}");
        }
        assert_eq!(inverse(0), 0);
    }

    #[test]
    fn exponents_undo_logarithms() {
        for first in (1..=u16::MAX).step_by(LANES) {
            let elements: [u16; LANES] = core::array::from_fn(|lane| first.saturating_add(lane as u16));
            assert_eq!(exp_lanes(&elements.map(log)), elements);
            assert_eq!(elements.map(|element| exp(log(element))), elements);
        }
        assert_eq!(exp(u16::MAX), 1);
        assert_eq!(log(0), 0);
    }
}
