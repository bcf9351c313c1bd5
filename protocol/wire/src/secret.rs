//! 32-byte secrets: boxed, wiped on drop, shown as fixed text, compared in constant time.
//!
//! Not its concern: what the secrets are for.

/// Defines a secret of 32 bytes with its docs and its name.
macro_rules! secret_32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
        pub struct $name(Box<[u8; 32]>);

        impl $name {
            /// Length in bytes.
            pub const LENGTH: usize = 32;

            /// Fresh from `rng`.
            #[must_use]
            pub fn generate<R: rand_core::CryptoRng + ?Sized>(rng: &mut R) -> Self {
                let mut secret = Self(Box::new([0; 32]));
                rng.fill_bytes(secret.0.as_mut_slice());
                secret
            }

            /// Takes over known bytes. The caller wipes its own copy.
            #[must_use]
            pub fn from_bytes(bytes: &[u8; 32]) -> Self {
                let mut secret = Self(Box::new([0; 32]));
                secret.0.copy_from_slice(bytes);
                secret
            }

            /// From a slice.
            ///
            /// # Errors
            ///
            /// [`WrongLength`](crate::WrongLength) unless it has 32 bytes.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, crate::WrongLength> {
                <&[u8; 32]>::try_from(bytes).map(Self::from_bytes).map_err(|_| crate::WrongLength)
            }

            /// The secret bytes. Named so that its uses can be searched for.
            #[must_use]
            pub fn expose(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        impl PartialEq for $name {
            /// In constant time.
            fn eq(&self, other: &Self) -> bool {
                use subtle::ConstantTimeEq;
                self.0.ct_eq(other.0.as_ref()).into()
            }
        }

        impl Eq for $name {}
    };
}

pub(crate) use secret_32;

#[cfg(test)]
mod tests {
    use zeroize::Zeroize;

    secret_32!(
        /// For these tests.
        Sample
    );

    #[test]
    fn debug_is_fixed_text() {
        assert_eq!(format!("{:?}", Sample::from_bytes(&[7; 32])), "Sample(..)");
        assert_eq!(format!("{:#?}", Some(Sample::from_bytes(&[7; 32]))), "Some(\n    Sample(..),\n)");
    }

    #[test]
    fn one_other_bit_makes_another_secret() {
        let one = [7; 32];
        for bit in 0..256 {
            let mut other = one;
            other[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(Sample::from_bytes(&one), Sample::from_bytes(&other));
        }
        assert_eq!(Sample::from_bytes(&one), Sample::from_bytes(&one));
    }

    #[test]
    fn zeroize_wipes_the_bytes() {
        let mut secret = Sample::from_bytes(&[7; 32]);
        secret.zeroize();
        assert_eq!(secret.expose(), &[0; 32]);
    }

    #[test]
    fn only_32_bytes_make_a_secret() {
        for len in 0..64 {
            assert_eq!(Sample::from_slice(&vec![1; len]).is_ok(), len == Sample::LENGTH);
        }
    }

    #[test]
    fn fresh_secrets_differ() {
        let mut rng = <rand_chacha::ChaCha20Rng as rand_chacha::rand_core::SeedableRng>::seed_from_u64(1);
        assert_ne!(Sample::generate(&mut rng), Sample::generate(&mut rng));
    }

    #[test]
    fn secrets_are_wiped_on_drop() {
        fn wiped_on_drop<T: zeroize::ZeroizeOnDrop>() {}
        wiped_on_drop::<crate::BundleKey>();
        wiped_on_drop::<crate::InviteCode>();
        wiped_on_drop::<crate::LinkSecret>();
        wiped_on_drop::<crate::MailboxKey>();
        wiped_on_drop::<crate::Permit>();
        wiped_on_drop::<crate::ProofKey>();
    }
}
