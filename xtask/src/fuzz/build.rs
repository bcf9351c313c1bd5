//! Building the targets with what instruments them for libFuzzer; a nightly compiler's wrapper would set the same flags.
//!
//! Not its concern: running them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::packages;
use crate::run::{cargo, root, run};

/// Counters for every edge, and the table that says where they are; one unit of code generation, so that the linker keeps
/// counters and table together.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks --cfg fuzzing";

/// The names of all targets, in order.
pub fn targets() -> Result<Vec<String>> {
    let mut names: Vec<String> = std::fs::read_dir(root()?.join("fuzz/src/bin"))
        .context("fuzz/src/bin cannot be read")?
        .filter_map(Result::ok)
        .filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// Builds these targets.
pub fn build(targets: &[String]) -> Result<()> {
    let mut command = instrumented("build")?;
    command.args(targets.iter().flat_map(|target| ["--bin", target]));
    run("building the fuzz targets", &mut command)
}

/// Lints as errors. With the flags of a build, so that C and C++ are compiled once for both.
pub fn lint() -> Result<()> {
    let mut command = instrumented("clippy")?;
    run("lints of the fuzz targets", command.args(["--all-targets", "--quiet", "--", "-D", "warnings"]))
}

fn instrumented(subcommand: &str) -> Result<Command> {
    packages::require(&[packages::BUILD, packages::FUZZ])?;
    let mut command = cargo(&[subcommand, "--release", "--locked", "--manifest-path", "fuzz/Cargo.toml"])?;
    // With a machine named, build scripts and macros are left as they are.
    command.args(["--target", &host()?]).env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", target_dir()?);
    Ok(command)
}

/// Where a target's program is.
pub fn program(target: &str) -> Result<PathBuf> {
    Ok(target_dir()?.join(host()?).join("release").join(target))
}

/// Apart from everything else, which is built with other flags.
pub fn target_dir() -> Result<PathBuf> {
    Ok(root()?.join("fuzz/target"))
}

/// The machine that the compiler builds for by itself.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("rustc names no host")
}
