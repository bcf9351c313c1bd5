//! Bytes that must not be seen, left behind or compared carelessly.
//!
//! A [`Secret`] lives on the heap, so that moving it leaves no copy on the stack; it is wiped when dropped, prints as
//! a fixed text, and compares in constant time. The bytes are reached by [`Secret::expose`] alone, so that every
//! use can be searched for.
//!
//! Not its concern: what the bytes mean, and keeping memory out of swap or core dumps.

use std::fmt;

use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// `N` secret bytes: wiped on drop, redacted, compared in constant time.
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Length in bytes.
    pub const LENGTH: usize = N;

    /// Takes over the bytes. The caller's copy in the argument is wiped; copies elsewhere are the caller's.
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; N]) -> Self {
        let secret = Self(Box::new(bytes));
        bytes.zeroize();
        secret
    }

    /// A copy of the slice, or `None` when its length is not `N`.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        // By way of a slice, which is copied straight to where it stays, however long it is.
        let boxed = (bytes.len() == N).then(|| Box::<[u8]>::from(bytes))?;
        boxed.try_into().ok().map(Self)
    }

    /// Fresh random bytes.
    #[must_use]
    pub fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self::filled_by(|bytes| rng.fill_bytes(bytes))
    }

    /// Lets the closure write all of the bytes in place. No copy is made.
    #[must_use]
    pub fn filled_by(fill: impl FnOnce(&mut [u8; N])) -> Self {
        // Not zeros: memory that is asked for zeroed comes slower, and what a closure forgot shows in tests.
        Self(Box::new([0xA5; N])).modified(fill)
    }

    /// The same secret, changed in place. No copy is made.
    #[must_use]
    pub(crate) fn modified(mut self, modify: impl FnOnce(&mut [u8; N])) -> Self {
        modify(&mut self.0);
        self
    }

    /// The bytes themselves. Every call is a place to look at in review.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// A copy of the `M` bytes that start at `AT`; used to cut one output stream of a key derivation into its keys.
    ///
    /// A part that does not lie inside does not compile.
    #[must_use]
    pub fn part<const AT: usize, const M: usize>(&self) -> Secret<M> {
        Secret::filled_by(|to| to.copy_from_slice(self.slice::<AT, M>()))
    }

    /// The `M` bytes that start at `AT`, in place.
    ///
    /// A part that does not lie inside does not compile.
    pub(crate) fn slice<const AT: usize, const M: usize>(&self) -> &[u8; M] {
        const { assert!(AT + M <= N, "the part lies inside the secret") };
        let part = self.0.get(AT..).and_then(|rest| rest.first_chunk());
        #[expect(clippy::expect_used, reason = "a part that does not lie inside does not compile")]
        part.expect("the part lies inside the secret")
    }
}

impl<const N: usize> Clone for Secret<N> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

impl<const N: usize> ZeroizeOnDrop for Secret<N> {}

crate::wiped::wiped!(Secret<32>);

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl<const N: usize> ConstantTimeEq for Secret<N> {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.as_slice().ct_eq(other.0.as_slice())
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl<const N: usize> Eq for Secret<N> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_none_of_the_bytes() {
        insta::assert_snapshot!(format!("{:?}", Secret::from_bytes([0x41; 32])), @"Secret(..)");
    }

    #[test]
    fn a_slice_of_another_length_is_refused() {
        assert!(Secret::<4>::from_slice(&[1, 2, 3]).is_none());
        assert!(Secret::<4>::from_slice(&[1, 2, 3, 4, 5]).is_none());
        assert_eq!(Secret::<4>::from_slice(&[1, 2, 3, 4]).unwrap().expose(), &[1, 2, 3, 4]);
    }

    #[test]
    fn a_part_is_cut_from_where_it_starts() {
        let whole = Secret::from_bytes([1, 2, 3, 4, 5, 6]);
        assert_eq!(whole.part::<0, 2>().expose(), &[1, 2]);
        assert_eq!(whole.part::<2, 4>().expose(), &[3, 4, 5, 6]);
    }

    #[test]
    fn one_differing_bit_makes_secrets_unequal() {
        assert_eq!(Secret::from_bytes([7; 32]), Secret::from_bytes([7; 32]));
        let mut other = [7; 32];
        other[31] ^= 0x80;
        assert_ne!(Secret::from_bytes([7; 32]), Secret::from_bytes(other));
    }
}
