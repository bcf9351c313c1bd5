//! `cargo xtask bench`: runs the benchmarks and writes docs/benchmarks.md from what criterion measured.

mod page;
mod reference;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::run::{cargo, option, root, run, say, target_dir};

/// Each benchmark: package, name, features it needs.
const BENCHES: &[(&str, &str, &str)] = &[
    ("khaima-signal", "session", ""),
    ("khaima-signal", "spqr", ""),
    ("khaima-signal", "group", ""),
    ("khaima-signal", "memory", ""),
    ("khaima-vault", "commit", "test-kdf"),
    ("khaima-relay", "relay", ""),
    ("khaima-tests", "start", ""),
];

/// Measures, prints and writes the page.
pub fn bench(arguments: &[String]) -> Result<()> {
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let only = arguments.first().filter(|argument| !argument.starts_with("--"));
    if let Some(only) =
        only.filter(|only| *only != "page" && !BENCHES.iter().any(|(_, name, _)| name == only))
    {
        bail!(
            "there is no benchmark '{only}'; there are session, spqr, group, memory, commit, relay, start, and 'page' only writes the page"
        );
    }
    let seconds = option(arguments, "--seconds")?.unwrap_or(if quick { "0.5" } else { "3" });
    let mut reports = BTreeMap::new();
    for (package, name, features) in BENCHES {
        let report = target_dir()?.join(format!("bench-{name}.md"));
        if only.is_none_or(|only| only == name) {
            let mut command = cargo(&["bench", "--locked", "--package", package, "--bench", name])?;
            command.args([
                "--features",
                features,
                "--",
                "--warm-up-time",
                "0.5",
                "--measurement-time",
                seconds,
            ]);
            run(&format!("measuring {package} {name}"), command.env("KHAIMA_BENCH_REPORT", &report))?;
        }
        // What was measured earlier on this machine stays on the page.
        if let Ok(text) = std::fs::read_to_string(&report) {
            reports.insert(*name, text);
        }
    }
    let medians = medians(&target_dir()?.join("criterion"))?;
    let page = page::page(&medians, &reports, &machine())?;
    println!("{page}");
    let path = root()?.join("docs/benchmarks.md");
    std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    say("written to docs/benchmarks.md");
    let missed = page::missed(&medians);
    if arguments.iter().any(|argument| argument == "--gate") && !missed.is_empty() {
        bail!("goals missed: {}", missed.join(", "));
    }
    Ok(())
}

/// The median of everything criterion measured, in nanoseconds, by its full name.
fn medians(dir: &Path) -> Result<BTreeMap<String, f64>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![dir.to_path_buf()];
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path.clone());
            }
            if path.ends_with("new") && path.join("estimates.json").exists() {
                let read = |file: &str| -> Result<Value> {
                    Ok(serde_json::from_slice(&std::fs::read(path.join(file))?)?)
                };
                let name = read("benchmark.json")?;
                let median = read("estimates.json")?;
                if let (Some(name), Some(nanoseconds)) = (
                    name.get("full_id").and_then(Value::as_str),
                    median.pointer("/median/point_estimate").and_then(Value::as_f64),
                ) {
                    found.insert(name.to_owned(), nanoseconds);
                }
            }
        }
    }
    Ok(found)
}

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().unwrap_or_default().replace("MemTotal:", "").trim().to_owned();
    let compiler = Command::new("rustc")
        .arg("--version")
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    format!(
        "{cores} cores of {model}, {memory} of memory, {}, release profile with thin LTO.",
        compiler.unwrap_or_default()
    )
}
