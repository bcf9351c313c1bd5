//! What the fuzz targets share: each target in `src/bin` says in a few lines what it checks, the work is here.
//!
//! ```text
//! input     the fuzzer's bytes as a row of decisions
//! decode    decoding, encoding, decoding again
//! damage    honest bytes, changed here and there
//! honest    two people, their keys and everything they would send, always the same
//! parts     stored records as one run of bytes
//! parties   two devices and a network between them, played by the input
//! group     three members of a group, likewise
//! start     a first message from a bundle that is not quite honest
//! ratchet   the two sides of the post-quantum ratchet, likewise
//! dishonest a peer of that ratchet who has the keys and lies
//! ```
//!
//! A target panics when something is wrong; nothing else counts as a finding.
//!
//! Not its concern: starting the targets (`cargo xtask fuzz`), and the seeds (`examples/seeds.rs`).

#![forbid(unsafe_code)]

pub mod damage;
pub mod decode;
pub mod device;
pub mod dishonest;
pub mod group;
pub mod honest;
pub mod input;
pub mod parties;
pub mod parts;
pub mod ratchet;
pub mod start;
