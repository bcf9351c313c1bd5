//! People and a relay in memory, for tests of whole exchanges. No time passes unless a test says so.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod attacks;
mod crashes;
mod dispatching;
mod garbage;
mod meeting;
mod net;
mod person;
mod relay;
mod sizes;
mod talking;
mod upkeep;

use net::Net;
use person::{Crash, Person};
use relay::FakeRelay;
