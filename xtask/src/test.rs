//! `cargo xtask test`: every test of the workspace, every fuzz target for a moment, and our protocol against the official
//! library.

use anyhow::Result;

use crate::run::{answers, cargo, run, say};
use crate::{fuzz, interop, packages};

/// Installs what is missing, builds the programs that tests start, runs every test.
pub fn test(arguments: &[String]) -> Result<()> {
    packages::require(&[packages::BUILD, packages::TESTS])?;
    run(
        "building the programs (some minutes on a fresh machine)",
        &mut cargo(&["build", "--workspace", "--bins", "--locked"])?,
    )?;
    let extra: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if answers("cargo-nextest", "--version") {
        run(
            "tests",
            cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast"])?
                .env(CASES, ALL_CASES)
                .args(&extra),
        )?;
    } else {
        say("cargo-nextest is not installed: using cargo's own runner");
        run(
            "tests",
            cargo(&["test", "--workspace", "--all-targets", "--locked", "--no-fail-fast"])?
                .env(CASES, ALL_CASES)
                .args(&extra),
        )?;
    }
    run("examples in the documentation", &mut cargo(&["test", "--workspace", "--doc", "--locked"])?)?;
    // Whoever names tests wants only those.
    if arguments.is_empty() {
        fuzz::smoke()?;
        interop::interop(&[])?;
    }
    Ok(())
}

/// A tenth of the cases of the key encapsulation run where nothing is said; here, all of them, which takes a minute.
const CASES: &str = "KHAIMA_MLKEM_CASES";
const ALL_CASES: &str = "100000";
