//! `cargo xtask mutants`: changes the Signal crate in small ways and sees whether a test notices.
//!
//! First each change meets the unit tests, which takes a second or two; those that pass them meet all tests of the crate.
//! Results are kept in the target directory, so that a later run goes on with what was not noticed.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::packages;
use crate::run::{cargo, option, run, say, target_dir};

const VERSION: &str = "27.1.0";

/// Functions that decide: what is refused, kept, found or forgotten. No change in them may go unnoticed.
const DECISIONS: &str = "[a-z_]*(verif|valid|check|compare|match|eq$|ct_eq|is_[a-z_]+|limit|jump|select|find|take|recv|receive|decrypt|open|\
recognised|accept|try_all|from_parts|from_pages|from_keys|from_entries|from_chunks|advance|push|remove|process|promote|archive|unused_id|\
self_send|link_of|without_below|sealed_registration_id)[a-z_]*( ->|$)";

/// Runs it for the functions that decide, with `--all` for all of the crate, with `--shard K/N` for a part.
pub fn mutants(arguments: &[String]) -> Result<()> {
    packages::require(&[packages::BUILD])?;
    // It answers only by way of cargo.
    let there = cargo(&["mutants", "--version"])?.output().is_ok_and(|output| output.status.success());
    if !there {
        run(
            "installing cargo-mutants",
            &mut cargo(&["install", "--locked", "--version", VERSION, "cargo-mutants"])?,
        )?;
    }
    let all = arguments.iter().any(|argument| argument == "--all");
    let output = target_dir()?.join(if all { "mutants-all" } else { "mutants" });
    let shard = option(arguments, "--shard")?;
    let run_with = |what: &str, extra: &[&str]| -> Result<()> {
        let mut command = cargo(&["mutants", "--package", "khaima-signal", "--timeout", "60", "--iterate"])?;
        // The wrappers there are for tests and benchmarks alone.
        command.args(["--exclude", "protocol/signal/src/hazmat.rs"]);
        command.args(["--colors", "never", "--no-shuffle", "--output"]).arg(&output).args(extra);
        if !all {
            command.args(["--re", DECISIONS]);
        }
        if let Some(shard) = shard {
            command.args(["--shard", shard]);
        }
        say(what);
        // 2 and 3 mean that changes went unnoticed or ran too long; which ones, the lists say.
        let status = command.status().context("cannot start cargo mutants")?;
        match status.code() {
            Some(0 | 2 | 3) => Ok(()),
            _ => bail!("{what}: failed ({status})"),
        }
    };
    run_with("changes against the unit tests", &["--cargo-arg=--lib"])?;
    run_with("what these did not notice against all tests of the crate", &[])?;
    report(&output.join("mutants.out"))
}

/// Prints the score, and fails when a change went unnoticed.
fn report(lists: &Path) -> Result<()> {
    let count = |name: &str| lines(&lists.join(name)).len();
    let noticed = count("caught.txt") + count("previously_caught.txt") + count("timeout.txt");
    let missed = lines(&lists.join("missed.txt"));
    println!("{noticed} of {} changes that compile were noticed", noticed + missed.len());
    if missed.is_empty() {
        return Ok(());
    }
    bail!("no test noticed:\n{}", missed.join("\n"))
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}
