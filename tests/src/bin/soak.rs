//! `soak conversations --count N [--from SEED] --report FILE`: plays many seeds on all cores and writes down what came of it.
//!
//! The section of the search in the report is replaced; other sections stay. Any seed that fails ends the program with
//! exit code 1 and is named; `--from SEED --count 1` plays it again.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail};
use khaima_tests::conversation::{Report, play};
use khaima_tests::world::Seed;

struct Options {
    count: u64,
    from: u64,
    report: Option<PathBuf>,
}

thread_local! {
    /// The seed that this thread plays.
    static PLAYED: Cell<u64> = const { Cell::new(0) };
}

fn main() -> ExitCode {
    // An optimised build ends at a panic: the seed must be on the screen by then.
    let hook = take_hook();
    set_hook(Box::new(move |panic| {
        eprintln!("seed {}:", PLAYED.get());
        hook(panic);
    }));
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("conversations") => {}
        _ => bail!("usage: soak conversations --count N [--from SEED] [--report FILE]"),
    }
    let mut options = Options { count: 10_000, from: 0, report: None };
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} wants a value"))?;
        match name.as_str() {
            "--count" => options.count = value.parse().context("--count")?,
            "--from" => options.from = value.parse().context("--from")?,
            "--report" => options.report = Some(value.into()),
            other => bail!("unknown option {other}"),
        }
    }
    let (sum, failed) = play_all(&options);
    let section = section(&options, &sum, &failed);
    println!("\n{section}");
    if let Some(report) = &options.report {
        write_section(report, "Conversations", &section)?;
    }
    Ok(failed.is_empty())
}

/// Plays every seed; what they were like in sum, and what did not hold in those that failed.
fn play_all(options: &Options) -> (Report, BTreeMap<u64, String>) {
    let next = AtomicU64::new(0);
    let result: Mutex<(Report, BTreeMap<u64, String>)> = Mutex::default();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= options.count {
                        return;
                    }
                    let seed = options.from + number;
                    PLAYED.set(seed);
                    let played = catch_unwind(AssertUnwindSafe(|| play(Seed(seed))));
                    let mut result = result.lock().unwrap_or_else(PoisonError::into_inner);
                    match played {
                        Ok(Ok(report)) => result.0.add(report),
                        Ok(Err(error)) => {
                            eprintln!("seed {seed}: {error:#}");
                            result.1.insert(seed, format!("{error:#}"));
                        }
                        Err(_) => {
                            eprintln!("seed {seed}: panicked");
                            result.1.insert(seed, "panicked".to_owned());
                        }
                    }
                    if (number + 1).is_multiple_of(500) {
                        eprintln!("{} of {}, {} failed", number + 1, options.count, result.1.len());
                    }
                }
            });
        }
    });
    result.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn section(options: &Options, sum: &Report, failed: &BTreeMap<u64, String>) -> String {
    let last = options.from + options.count.saturating_sub(1);
    let days = sum.millis / 86_400_000;
    let mut text = String::from(
        "Two people in a simulated world: the real engine, dispatcher, codec and relay core; 0–40 % of the frames lost, 10 % \
         repeated, 30 % overtaken, cuts of up to 7 days, crashes before and after commits, relays killed with requests in hand. \
         One run in four keeps the order of frames, as QUIC does. What must hold is in `tests/src/conversation.rs`.\n\n",
    );
    let rows = [
        ("seeds", format!("{} to {last}", options.from)),
        ("runs", options.count.to_string()),
        ("runs in which something did not hold", failed.len().to_string()),
        ("messages, each shown once", sum.messages.to_string()),
        ("different envelopes", sum.envelopes.to_string()),
        ("requests, repetitions included", sum.requests.to_string()),
        ("crashes of devices", sum.crashes.to_string()),
        ("deaths of relays", sum.relay_deaths.to_string()),
        ("cuts of a device's network", sum.cuts.to_string()),
        ("virtual days", days.to_string()),
    ];
    text += "| what | how many |\n|---|---|\n";
    for (what, how_many) in rows {
        let _ = writeln!(text, "| {what} | {how_many} |");
    }
    for (seed, why) in failed {
        let _ = writeln!(text, "\n* seed {seed}: {why}");
    }
    let from = options.from;
    let count = options.count;
    let _ = writeln!(text, "\nAgain: `cargo xtask soak conversations --count {count}` (from seed {from}).");
    text
}

/// Puts a section into the report, in place of an older one of that title.
fn write_section(report: &Path, title: &str, section: &str) -> Result<()> {
    let heading = format!("## {title}\n");
    let begin = "# Soak\n\nLarge seeded searches, of which CI runs slices. Each section is written by the search itself.\n";
    let old = std::fs::read_to_string(report).unwrap_or_else(|_| begin.to_owned());
    let (before, rest) = old.split_once(&heading).unwrap_or((&old, ""));
    let after = rest.find("\n## ").and_then(|at| rest.get(at..)).unwrap_or("");
    let text = format!("{}\n\n{heading}\n{}\n{after}", before.trim_end(), section.trim_end());
    std::fs::write(report, text).with_context(|| format!("writing {}", report.display()))
}
