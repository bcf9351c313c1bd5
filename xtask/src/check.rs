//! `cargo xtask check`: formatting, lints as errors, documentation, and that the fuzz targets' lock file is up to date. The
//! fuzz targets are a workspace of their own, and are held to the same.

use anyhow::Result;

use crate::run::{cargo, run};
use crate::{fuzz, packages};

/// Runs them all.
pub fn check() -> Result<()> {
    packages::require(&[packages::BUILD, packages::FUZZ])?;
    run(
        "the fuzz targets' lock file",
        &mut cargo(&["fetch", "--quiet", "--locked", "--manifest-path", "fuzz/Cargo.toml"])?,
    )?;
    run("formatting", &mut cargo(&["fmt", "--all", "--check"])?)?;
    run(
        "formatting of the fuzz targets",
        &mut cargo(&["fmt", "--all", "--check", "--manifest-path", "fuzz/Cargo.toml"])?,
    )?;
    run(
        "lints",
        &mut cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ])?,
    )?;
    // The Signal crate has a second face: without AWS-LC everything in it is Rust.
    run(
        "lints of the Signal crate without AWS-LC",
        &mut cargo(&[
            "clippy",
            "--package",
            "khaima-signal",
            "--no-default-features",
            "--all-targets",
            "--locked",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ])?,
    )?;
    fuzz::lint()?;
    run(
        "documentation",
        cargo(&["doc", "--workspace", "--no-deps", "--locked", "--quiet"])?
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}
