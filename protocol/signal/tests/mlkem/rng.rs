//! Randomness that was decided beforehand.

/// Gives these bytes, all of them in one request, and nothing after.
pub struct Fixed(pub Vec<u8>);

impl rand_core::TryRng for Fixed {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        panic!("asks for a number");
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        panic!("asks for a number");
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> {
        assert_eq!(self.0.len(), to.len(), "asks for as much as the specification says");
        to.copy_from_slice(&std::mem::take(&mut self.0));
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Fixed {}
