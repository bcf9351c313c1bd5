//! From passphrase to key: Argon2id, its parameters and their bounds.
//!
//! Not its concern: what the key opens (`header`).

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroizing;

use crate::passphrase::Passphrase;
use crate::seal::{KEY_LENGTH, Key};

/// Bytes of the salt.
pub(crate) const SALT_LENGTH: usize = 32;

/// Bytes of encoded parameters.
pub(crate) const PARAMS_LENGTH: usize = 12;

/// What one attempt at a passphrase costs: Argon2id version 0x13.
///
/// Spec: vault 2.2 Key derivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KdfParams {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Why no key came out. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KdfError {
    /// The system has not enough free memory for this vault's setting. Close other programs and try again.
    #[error("not enough free memory to check the passphrase: {needed_mib} MiB are needed")]
    Memory {
        /// What is needed, in MiB.
        needed_mib: u32,
    },
}

impl KdfParams {
    /// Least memory in KiB, and least passes, that a vault may have.
    const FLOOR: (u32, u32) = (64 * 1024, 3);
    /// More memory, passes or lanes than this is damage or an attack, not a choice.
    const CEILING: (u32, u32, u32) = (4 * 1024 * 1024, 16, 16);

    /// Parameters of our choice; out of bounds they become the defaults.
    ///
    /// Bounds: 64 MiB to 4 GiB, 3 to 16 passes, 1 to 16 lanes.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Self {
        Self { memory_kib, passes, lanes }.in_bounds()
    }

    /// The default, moved so that one attempt takes between 1 and 3 seconds here.
    ///
    /// Runs the derivation once or a few times. Falls to less memory where 256 MiB are not to be had, never below
    /// 64 MiB and 3 passes: a slow machine waits longer instead.
    pub fn calibrated() -> Self {
        let mut params = Self::default();
        loop {
            match params.measure() {
                Some(taken) if taken < SLOWEST || params.memory_kib <= Self::FLOOR.0 => {
                    return params.with_passes_for(taken);
                }
                None if params.memory_kib <= Self::FLOOR.0 => return params,
                _ => params.memory_kib = (params.memory_kib / 2).max(Self::FLOOR.0),
            }
        }
    }

    /// 8 MiB, one pass: for tests only; builds for people do not have it.
    #[cfg(any(test, debug_assertions, feature = "test-kdf"))]
    pub fn weak_for_tests() -> Self {
        Self { memory_kib: 8 * 1024, passes: 1, lanes: 1 }
    }

    /// Memory of one attempt in KiB.
    pub fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over that memory.
    pub fn passes(self) -> u32 {
        self.passes
    }

    /// Lanes.
    pub fn lanes(self) -> u32 {
        self.lanes
    }

    /// Memory, passes, lanes, each four bytes, big-endian.
    pub(crate) fn encode(self) -> [u8; PARAMS_LENGTH] {
        let mut bytes = [0; PARAMS_LENGTH];
        let fields = [self.memory_kib, self.passes, self.lanes];
        bytes
            .chunks_exact_mut(4)
            .zip(fields)
            .for_each(|(to, field)| to.copy_from_slice(&field.to_be_bytes()));
        bytes
    }

    /// Reads the encoded form; whatever is out of bounds becomes the default, so that a damaged field neither takes
    /// all memory nor weakens anything.
    pub(crate) fn decode(bytes: &[u8; PARAMS_LENGTH]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *bytes;
        Self {
            memory_kib: u32::from_be_bytes([a, b, c, d]),
            passes: u32::from_be_bytes([e, f, g, h]),
            lanes: u32::from_be_bytes([i, j, k, l]),
        }
        .in_bounds()
    }

    /// The key of a passphrase. Takes the memory of the parameters, which is wiped before it is given back.
    pub(crate) fn derive(self, passphrase: &Passphrase, salt: &[u8; SALT_LENGTH]) -> Result<Key, KdfError> {
        let out_of_memory = || KdfError::Memory { needed_mib: self.memory_kib / 1024 };
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(KEY_LENGTH))
            .map_err(|_| out_of_memory())?;
        let mut blocks: Zeroizing<Vec<Block>> = Zeroizing::new(Vec::new());
        let count = params.block_count();
        blocks.try_reserve_exact(count).map_err(|_| out_of_memory())?;
        blocks.resize(count, Block::new());
        let mut key = Key::zero();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(
                passphrase.expose(),
                salt,
                key.expose_mut(),
                blocks.as_mut_slice(),
            )
            .map_err(|_| out_of_memory())?;
        Ok(key)
    }

    fn in_bounds(self) -> Self {
        #[cfg(any(test, debug_assertions, feature = "test-kdf"))]
        if self == Self::weak_for_tests() {
            return self;
        }
        let fits = (Self::FLOOR.0..=Self::CEILING.0).contains(&self.memory_kib)
            && (Self::FLOOR.1..=Self::CEILING.1).contains(&self.passes)
            && (1..=Self::CEILING.2).contains(&self.lanes);
        if fits { self } else { Self::default() }
    }

    fn measure(self) -> Option<Duration> {
        let start = Instant::now();
        self.derive(&Passphrase::new(), &[0; SALT_LENGTH]).ok().map(|_| start.elapsed())
    }

    /// As many passes as bring a run that took `taken` to a second, never fewer than now.
    fn with_passes_for(self, taken: Duration) -> Self {
        let per_pass = taken / self.passes.max(1);
        let wanted =
            (1..=Self::CEILING.1).find(|passes| per_pass * *passes >= FASTEST).unwrap_or(Self::CEILING.1);
        Self { passes: wanted.max(self.passes), ..self }
    }
}

/// An attempt should take at least this long ..
const FASTEST: Duration = Duration::from_secs(1);
/// .. and not longer than this.
const SLOWEST: Duration = Duration::from_secs(3);

impl Default for KdfParams {
    /// 256 MiB, 3 passes, 4 lanes: about 1.3 seconds on one core of 2024.
    fn default() -> Self {
        Self { memory_kib: 256 * 1024, passes: 3, lanes: 4 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoded_form_is_read_back() {
        let params = KdfParams::new(128 * 1024, 5, 2);
        assert_eq!(KdfParams::decode(&params.encode()), params);
        assert_eq!(hex::encode(params.encode()), "000200000000000500000002");
    }

    #[test]
    fn parameters_out_of_bounds_become_the_defaults() {
        let default = KdfParams::default();
        for (memory, passes, lanes) in [
            (64 * 1024 - 1, 3, 4),
            (64 * 1024, 2, 4),
            (4 * 1024 * 1024 + 1, 3, 4),
            (64 * 1024, 17, 4),
            (64 * 1024, 3, 0),
            (64 * 1024, 3, 17),
            (u32::MAX, u32::MAX, u32::MAX),
        ] {
            assert_eq!(KdfParams::new(memory, passes, lanes), default);
        }
        assert_ne!(KdfParams::new(64 * 1024, 3, 1), default);
    }

    #[test]
    fn the_key_depends_on_passphrase_salt_and_parameters() {
        let weak = KdfParams::weak_for_tests();
        let derive = |params: KdfParams, text: &str, salt: u8| {
            hex::encode(params.derive(&Passphrase::of(text).unwrap(), &[salt; SALT_LENGTH]).unwrap().expose())
        };
        let key = derive(weak, "a", 0);
        assert_eq!(key, derive(weak, "a", 0));
        assert_ne!(key, derive(weak, "b", 0));
        assert_ne!(key, derive(weak, "a", 1));
        assert_ne!(key, derive(KdfParams { passes: 2, ..weak }, "a", 0));
    }

    #[test]
    fn a_fast_machine_gets_more_passes_and_a_slow_one_no_fewer() {
        let params = KdfParams::default();
        assert_eq!(params.with_passes_for(Duration::from_millis(300)).passes, 10);
        assert_eq!(params.with_passes_for(Duration::from_millis(1)).passes, 16);
        assert_eq!(params.with_passes_for(Duration::from_secs(9)).passes, 3);
    }
}
