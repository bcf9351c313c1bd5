//! `cargo xtask soak`: the large searches, of which CI runs slices.

use anyhow::{Result, bail};

use crate::run::{cargo, option, root, run};

/// Runs one search in an optimised build; it writes its seeds and result to docs/soak.md.
pub fn soak(arguments: &[String]) -> Result<()> {
    let Some(name) = arguments.first() else {
        bail!("say which search: conversations");
    };
    let count = option(arguments, "--count")?.unwrap_or("10000");
    let report = root()?.join("docs/soak.md");
    run(
        &format!("soak {name}, {count} runs"),
        cargo(&["run", "--release", "--locked", "--package", "khaima-tests", "--bin", "soak", "--"])?
            .args([name, "--count", count, "--report"])
            .arg(report),
    )
}
