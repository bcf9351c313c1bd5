//! The wall clock and the operating system's randomness: the only place where the client reads either.

use std::time::{SystemTime, UNIX_EPOCH};

use khaima_wire::Timestamp;
use rand::rngs::SysRng;
use rand_core::UnwrapErr;

/// Milliseconds since 1970; 0 when the clock stands before that.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The operating system's random source. It fails only where the system itself cannot go on, and then so cannot we.
pub fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}
