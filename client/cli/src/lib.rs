//! The client in a terminal: the same commands and the same model as the window.
//!
//! ```text
//! arguments ── options ──► Call ──► agent's socket, or a client in this process ──► Answer ── output ──► terminal
//! ```
//!
//! A passphrase comes from a prompt or a file descriptor, never from the command line, where every process of the machine
//! could read it.
//!
//! Not its concern: what a call does (`khaima_runtime`).

mod options;
mod output;
mod passphrase;
mod perform;
mod words;

use std::process::ExitCode;

use clap::Parser;

/// The program.
pub fn run() -> ExitCode {
    let options = options::Options::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("KHAIMA_LOG"))
        .without_time()
        .init();
    match perform::perform(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure, options.json);
            ExitCode::from(failure.exit_code())
        }
    }
}
