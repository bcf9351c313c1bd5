//! `cargo xtask test`: every test of the workspace.

use anyhow::Result;

use crate::packages;
use crate::run::{answers, cargo, run, say};

/// Installs what is missing, builds the programs that tests start, runs every test.
pub fn test(arguments: &[String]) -> Result<()> {
    packages::require(&[packages::BUILD, packages::TESTS])?;
    run(
        "building the programs (some minutes on a fresh machine)",
        &mut cargo(&["build", "--workspace", "--bins", "--locked"])?,
    )?;
    let extra: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if answers("cargo-nextest", "--version") {
        run("tests", cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast"])?.args(&extra))?;
    } else {
        say("cargo-nextest is not installed: using cargo's own runner");
        run(
            "tests",
            cargo(&["test", "--workspace", "--all-targets", "--locked", "--no-fail-fast"])?.args(&extra),
        )?;
    }
    run("examples in the documentation", &mut cargo(&["test", "--workspace", "--doc", "--locked"])?)
}
