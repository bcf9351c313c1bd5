//! `cargo xtask fuzz`: libFuzzer on stable Rust.
//!
//! ```text
//! build     the targets, instrumented
//! libfuzzer one run of one target: what it is told, and what it says
//! record    the table of runs in docs/fuzzing.md
//! ```
//!
//! Not its concern: what the targets check (`fuzz/src`).

mod build;
mod libfuzzer;
mod record;

use std::sync::Mutex;

use anyhow::{Result, bail};

use crate::run::{cargo, option, root, run, say};

pub use build::lint;
use libfuzzer::{Limits, Outcome};

/// How long each target runs in the smoke test, at most. CI has two and a half minutes for all of them and the build.
const SMOKE_SECONDS: u32 = 2;
/// How many inputs each target tries in the smoke test, unless its time is over before.
const SMOKE_RUNS: u32 = 20_000;

/// One command of the table in `cargo xtask help`.
pub fn fuzz(arguments: &[String]) -> Result<()> {
    let seconds = option(arguments, "--seconds")?.map_or(Ok(60), str::parse)?;
    let is_recorded = arguments.iter().any(|argument| argument == "--record");
    match arguments.first().map_or("list", String::as_str) {
        "list" => {
            println!("{}", build::targets()?.join("\n"));
            Ok(())
        }
        "smoke" => smoke(),
        "seeds" => run(
            "writing the seeds",
            &mut cargo(&[
                "run",
                "--quiet",
                "--locked",
                "--manifest-path",
                "fuzz/Cargo.toml",
                "--example",
                "seeds",
            ])?,
        ),
        "all" => {
            let targets = build::targets()?;
            build::build(&targets)?;
            search(&targets, seconds, is_recorded)
        }
        target => {
            let targets = build::targets()?;
            if !targets.iter().any(|known| known == target) {
                bail!("there is no target '{target}'; there are: {}", targets.join(", "));
            }
            let target = target.to_owned();
            build::build(std::slice::from_ref(&target))?;
            match option(arguments, "--repeat")? {
                Some(file) => libfuzzer::repeat(&target, file),
                None => search(&[target], seconds, is_recorded),
            }
        }
    }
}

/// Every target for a moment, from its seeds and with the same random choices each time.
pub fn smoke() -> Result<()> {
    let targets = build::targets()?;
    build::build(&targets)?;
    say(&format!("fuzzing {} targets for up to {SMOKE_SECONDS} s each", targets.len()));
    let limits = Limits { seconds: SMOKE_SECONDS, runs: Some(SMOKE_RUNS), is_shown: false };
    let (waiting, outcomes) = (Mutex::new(targets.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(target) = next(&waiting) {
                    let outcome = libfuzzer::run(target, &limits);
                    if let Ok(mut outcomes) = outcomes.lock() {
                        outcomes.push(outcome);
                    }
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap_or_default().into_iter().collect::<Result<Vec<_>>>()?;
    let executions: u64 = outcomes.iter().map(|outcome| outcome.executions).sum();
    say(&format!("fuzzing: {executions} inputs tried"));
    fail_on_findings(&outcomes)
}

fn next<'a>(waiting: &Mutex<impl Iterator<Item = &'a String>>) -> Option<&'a String> {
    waiting.lock().ok()?.next()
}

/// Each target in its turn, from all that was found before.
fn search(targets: &[String], seconds: u32, is_recorded: bool) -> Result<()> {
    let limits = Limits { seconds, runs: None, is_shown: targets.len() == 1 };
    let mut outcomes = Vec::new();
    println!("{}", record::HEADER);
    for target in targets {
        let outcome = libfuzzer::run(target, &limits)?;
        println!("{}", record::row(&outcome));
        if is_recorded {
            record::write(&root()?.join("docs/fuzzing.md"), &outcome)?;
        }
        outcomes.push(outcome);
    }
    fail_on_findings(&outcomes)
}

fn fail_on_findings(outcomes: &[Outcome]) -> Result<()> {
    let found = outcomes.iter().filter_map(|outcome| Some((&outcome.target, outcome.finding.as_ref()?)));
    let repeat: Vec<String> =
        found.map(|(target, file)| format!("cargo xtask fuzz {target} --repeat {file}")).collect();
    if repeat.is_empty() {
        return Ok(());
    }
    bail!("fuzzing found something; to repeat it:\n  {}", repeat.join("\n  "))
}
