//! `interop`: the crate behind a line protocol, so that an outside driver can run it against another implementation.
//!
//! One JSON request per line on standard input, one JSON response per line on standard output, until the input ends:
//!
//! ```text
//! $ echo '{"id": 1, "cmd": "hello"}' | cargo run --quiet --package khaima-signal --example interop
//! {"id":1,"ok":true,"name":"khaima-signal","protocol":1}
//! ```
//!
//! Everything is in memory, private keys are handed out for the asking: this is for tests alone.
//!
//! Not its concern: the network between parties, and judging results; that is the driver's (`tests/interop`).

mod program;

fn main() -> std::io::Result<()> {
    program::Program::default().serve(std::io::stdin().lock(), std::io::stdout())
}
