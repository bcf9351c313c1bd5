//! 16 to 32: bundles, first messages, and the prekeys they use up.

mod bundles;
mod first_messages;
mod registration;
mod replays;
mod versions;
