//! `khaima-cli`: the client in a terminal, for scripts, tests and machines without a screen.

use std::process::ExitCode;

fn main() -> ExitCode {
    khaima_cli::run()
}
