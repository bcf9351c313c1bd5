//! `khaima`: the window.

use std::process::ExitCode;

fn main() -> ExitCode {
    khaima_desktop::start::run()
}
