//! `cargo xtask interop`: our Signal protocol against the official library, both ways, in random scripts.
//!
//! The driver is JavaScript (`tests/interop/run.mjs`), because the official library is published for Node; our side is
//! the crate's example `interop`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::packages;
use crate::run::{cargo, option, root, run, say, target_dir};

/// The versions of the official library, as `tests/interop/package.json` calls them after `libsignal-`.
const VERSIONS: &[&str] = &["newest", "0.92"];
/// How many scripts against each version, unless said otherwise.
const SCRIPTS: &str = "2000";
/// The oldest Node that the library is published for.
const OLDEST_NODE: u32 = 20;

/// Installs what is missing, builds our side, runs the driver against each version.
pub fn interop(arguments: &[String]) -> Result<()> {
    let scripts = option(arguments, "--scripts")?.unwrap_or(SCRIPTS);
    let versions = match option(arguments, "--version")? {
        None => VERSIONS,
        Some(version) => match VERSIONS.iter().position(|known| *known == version) {
            Some(position) => VERSIONS.get(position..=position).unwrap_or_default(),
            None => bail!("there is no version '{version}' here; there are {}", VERSIONS.join(", ")),
        },
    };
    packages::require(&[packages::BUILD, packages::INTEROP]).context(
        "the interop tests run the official library, which needs Node and npm; no other test does",
    )?;
    require_node()?;
    let directory = root()?.join("tests/interop");
    install_library(&directory)?;
    let program = build()?;

    let driver = |version: &str| {
        let mut driver = Command::new("node");
        driver.current_dir(&directory).args(["run.mjs", "--package"]).arg(format!("libsignal-{version}"));
        driver.arg("--program").arg(&program);
        driver
    };
    // A driver that cannot fail proves nothing. Whoever names a scenario has seen one fail.
    if option(arguments, "--only")?.is_none() {
        run("whether the driver notices what is wrong", driver("newest").arg("--selftest"))?;
    }

    let mut differing = Vec::new();
    for version in versions {
        let mut driver = driver(version);
        driver.args(["--scripts", scripts]);
        for passed_on in ["--seed", "--only"] {
            if let Some(value) = option(arguments, passed_on)? {
                driver.args([passed_on, value]);
            }
        }
        // The other version is worth knowing about too.
        if let Err(error) = run(&format!("interop against the official library, {version}"), &mut driver) {
            say(&error.to_string());
            differing.push(*version);
        }
    }
    if !differing.is_empty() {
        bail!("not the same as the official library: {}", differing.join(", "));
    }
    Ok(())
}

/// An older Node starts and then fails in words that help nobody.
fn require_node() -> Result<()> {
    let output = Command::new("node").arg("--version").output().context("cannot start node")?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match major(&version) {
        Some(major) if major >= OLDEST_NODE => Ok(()),
        _ => bail!(
            "the interop tests need Node {OLDEST_NODE} or newer, which Debian has since version 13; `node --version` says '{version}'"
        ),
    }
}

fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// The official library as the lock file names it, installed unless that was done since the lock file changed.
fn install_library(directory: &Path) -> Result<()> {
    let changed = |file: &str| -> Option<SystemTime> {
        std::fs::metadata(directory.join(file)).and_then(|metadata| metadata.modified()).ok()
    };
    // npm writes this file last.
    let installed = changed("node_modules/.package-lock.json");
    if installed.is_some() && installed >= changed("package-lock.json") {
        return Ok(());
    }
    run("installing the official library (npm ci)", Command::new("npm").arg("ci").current_dir(directory))
        .context(
            "the official library could not be installed: `npm ci` in tests/interop needs a package registry that can be reached",
        )
}

/// Our side of the conversation, and beside it the program that makes messages by hand.
fn build() -> Result<PathBuf> {
    run(
        "building the interop programs",
        &mut cargo(&[
            "build",
            "--locked",
            "--package",
            "khaima-signal",
            "--example",
            "interop",
            "--example",
            "crafter",
        ])?,
    )?;
    // Absolute, because the driver runs elsewhere.
    std::path::absolute(target_dir()?.join("debug/examples/interop")).context("no current directory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_node_is_its_first_number() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("v8.0.0"), Some(8));
        assert_eq!(major("20.1"), None);
        assert_eq!(major(""), None);
    }
}
