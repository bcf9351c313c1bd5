//! `cargo xtask bench`: runs the benchmarks and writes docs/benchmarks.md from what criterion measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::run::{cargo, option, root, run, say, target_dir};

/// Each benchmark: package, name, features it needs.
const BENCHES: &[(&str, &str, &str)] = &[
    ("khaima-signal", "session", ""),
    ("khaima-signal", "spqr", ""),
    ("khaima-vault", "commit", "test-kdf"),
    ("khaima-relay", "relay", ""),
    ("khaima-tests", "start", ""),
];

/// Measures, prints and writes the page.
pub fn bench(arguments: &[String]) -> Result<()> {
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let only = arguments.first().filter(|argument| !argument.starts_with("--"));
    let seconds = option(arguments, "--seconds")?.unwrap_or(if quick { "0.5" } else { "3" });
    let mut reports = BTreeMap::new();
    for (package, name, features) in BENCHES {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let report = target_dir()?.join(format!("bench-{name}.md"));
        let mut command = cargo(&[
            "bench",
            "--locked",
            "--package",
            package,
            "--bench",
            name,
            "--features",
            features,
            "--",
        ])?;
        command.env("KHAIMA_BENCH_REPORT", &report).args([
            "--warm-up-time",
            "0.5",
            "--measurement-time",
            seconds,
        ]);
        run(&format!("measuring {package} {name}"), &mut command)?;
        if let Ok(text) = std::fs::read_to_string(&report) {
            reports.insert(*name, text);
        }
    }
    let page = page(&medians(&target_dir()?.join("criterion"))?, &reports)?;
    println!("{page}");
    let path = root()?.join("docs/benchmarks.md");
    std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    say("written to docs/benchmarks.md");
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

/// The reference's figures on the machine described in the page, in microseconds, and the goal as a fraction of them.
const REFERENCE: &[(&str, f64)] = &[
    ("session/process a prekey bundle", 387.0),
    ("session/decrypt a first prekey message", 381.0),
    ("session/encrypt on an existing chain", 8.5),
    ("session/decrypt on an existing chain", 8.6),
    ("session/decrypt the first message on a chain", 139.0),
    ("session/encrypt + decrypt, one way", 15.4),
    ("session/encrypt + decrypt, ping-pong", 304.0),
    ("session/burst of 1000, one way", 15_400.0),
    ("sealed sender/v1 seal", 125.0),
    ("sealed sender/v1 open", 113.0),
    ("sealed sender/v2 seal", 174.0),
    ("sealed sender/v2 open", 134.0),
    ("spqr/ping-pong, send + recv", 17.1),
    ("spqr/burst, send", 5.1),
    ("spqr/burst, recv", 2.4),
    ("spqr/parity chunk n=36, first", 67.0),
    ("spqr/parity chunk n=36, later", 3.1),
    ("spqr/decode n=36, one missing", 462.0),
    ("spqr/decode n=36, all parity", 795.0),
    ("spqr/skip 2000", 1_200.0),
    ("spqr/skip 25000", 19_500.0),
];

fn page(medians: &BTreeMap<String, f64>, reports: &BTreeMap<&str, String>) -> Result<String> {
    let mut page = String::from(
        "# Benchmarks\n\nWritten by `cargo xtask bench`: criterion's medians. Absolute figures move with the machine; compare the ratios, and the\n\
         calibration rows of the same run.\n\n",
    );
    writeln!(page, "Machine: {}\n", machine())?;
    page.push_str("| what | ours, µs | reference, µs | ours / reference |\n|---|---|---|---|\n");
    for (name, nanoseconds) in medians {
        let ours = nanoseconds / 1000.0;
        let reference = REFERENCE.iter().find(|(known, _)| known == name).map(|(_, reference)| *reference);
        match reference {
            Some(reference) => {
                writeln!(page, "| {name} | {ours:.2} | {reference} | {:.2} |", ours / reference)?
            }
            None => writeln!(page, "| {name} | {ours:.2} | – | – |")?,
        }
    }
    page.push_str(
        "\nThe reference's figures are the official Rust library's and its ratchet crate's own benchmarks, measured on a machine of the same kind\n\
         (two cores of an AMD EPYC with AVX2, PCLMULQDQ and SHA extensions) on 2026-11-23, where a variable-base X25519 took 53–58 µs, a fixed-base one\n\
         15.5 µs and SHA-256 of 1 KiB 0.61 µs: set them against the calibration rows above before believing a ratio.\n",
    );
    for text in reports.values() {
        page.push('\n');
        page.push_str(text);
    }
    Ok(page)
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
