//! The field GF(2^16) of the erasure code.
//!
//! Elements are polynomials over GF(2), bit i being the coefficient of X^i, modulo X^16 + X^12 + X^3 + X + 1.
//! Adding is XOR. X generates the multiplicative group, so products of known elements are sums of logarithms;
//! the differences the code divides by are nearly always below 256, hence the small tables.
//!
//! The code runs on public values only, so nothing here has to take constant time. What is computed with the
//! field is not this module's concern (`erasure`).
//!
//! Spec: SPQR 6.1 The field.
#![expect(
    clippy::indexing_slicing,
    reason = "tables of 256 are indexed by values below 256, arrays of LANES by loops to LANES"
)]

/// Elements handled at once by [`mul_lanes`]: enough for the 36 rows of the longest value, and a multiple of 8.
pub const LANES: usize = 40;

/// Order of the multiplicative group.
pub const ORDER: u32 = 65_535;

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
    let mut lanes = [0; LANES];
    lanes[0] = a;
    inverse_lanes(&lanes)[0]
}

/// Products of the elements at the same place.
#[must_use]
pub fn mul_lanes(a: &[u16; LANES], b: &[u16; LANES]) -> [u16; LANES] {
    let mut product = [0; LANES];
    for bit in (0..16).rev() {
        for lane in 0..LANES {
            product[lane] = double(product[lane]) ^ (a[lane] & 0u16.wrapping_sub((b[lane] >> bit) & 1));
        }
    }
    product
}

/// Inverses of all elements, 0 for 0: from the table when all are below 256, otherwise a^65534.
#[must_use]
pub fn inverse_lanes(a: &[u16; LANES]) -> [u16; LANES] {
    if a.iter().all(|&element| element < 256) {
        return a.map(small_inverse);
    }
    // 65534 = 2 + 4 + 8 + ... + 2^15: the product of the fifteen repeated squares.
    let mut square = mul_lanes(a, a);
    let mut inverse = square;
    for _ in 2..16 {
        square = mul_lanes(&square, &square);
        inverse = mul_lanes(&inverse, &square);
    }
    inverse
}

/// 1 / `a` for `a` below 256; 0 for 0 and for any other element.
#[must_use]
pub fn small_inverse(a: u16) -> u16 {
    INVERSE.get(usize::from(a)).copied().unwrap_or(0)
}

/// Logarithm to the base X of an element below 256; 0 for 0, so that a factor 0 drops out of a product.
#[must_use]
pub const fn small_log(a: u8) -> u16 {
    LOG[a as usize]
}

/// X to the power `exponent`, below 65536.
#[must_use]
pub const fn exp(exponent: u16) -> u16 {
    let [high, low] = exponent.to_be_bytes();
    mul(EXP_HIGH[high as usize], EXP_LOW[low as usize])
}

/// X^0, X^1, .. X^255.
const EXP_LOW: [u16; 256] = powers(0x0002);
/// X^0, X^256, .. X^65280.
const EXP_HIGH: [u16; 256] = powers(mul(EXP_LOW[255], 0x0002));
/// Logarithms of the elements below 256.
static LOG: [u16; 256] = logs();
/// Inverses of the elements below 256.
static INVERSE: [u16; 256] = inverses();

const fn powers(base: u16) -> [u16; 256] {
    let mut table = [1; 256];
    let mut exponent = 1;
    while exponent < 256 {
        table[exponent] = mul(table[exponent - 1], base);
        exponent += 1;
    }
    table
}

const fn logs() -> [u16; 256] {
    let mut table = [0; 256];
    let mut element = 1;
    let mut exponent: u16 = 0;
    while exponent < u16::MAX {
        if element < 256 {
            table[element as usize] = exponent;
        }
        element = double(element);
        exponent += 1;
    }
    table
}

const fn inverses() -> [u16; 256] {
    let logs = logs();
    let mut table = [0; 256];
    let mut element = 1;
    while element < 256 {
        table[element] = exp(u16::MAX - logs[element]);
        element += 1;
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
        for first in (1..=u16::MAX).step_by(LANES) {
            let elements = core::array::from_fn(|lane| first.saturating_add(lane as u16));
            assert_eq!(mul_lanes(&elements, &inverse_lanes(&elements)), [1; LANES], "from {first:04x}");
        }
        assert_eq!(inverse(0), 0);
    }

    #[test]
    fn exponents_undo_logarithms() {
        for a in 1..=255u8 {
            assert_eq!(exp(small_log(a)), u16::from(a));
        }
        assert_eq!(exp(u16::MAX), 1);
    }

    #[test]
    fn lanes_multiply_as_single_elements_do() {
        let a: [u16; LANES] = core::array::from_fn(|lane| 0x9E37u16.wrapping_mul(lane as u16 + 1));
        let b: [u16; LANES] = core::array::from_fn(|lane| 0x85EBu16.wrapping_mul(lane as u16 + 3));
        let product = mul_lanes(&a, &b);
        for lane in 0..LANES {
            assert_eq!(product[lane], mul(a[lane], b[lane]));
        }
    }
}
