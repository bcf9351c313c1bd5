//! `cargo xtask bench`: runs the benchmarks and writes docs/benchmarks.md from what criterion measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;
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
            "there is no benchmark '{only}'; there are session, spqr, group, commit, relay, start, and 'page' only writes the page"
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

/// The reference's figures on a machine of the kind described in the page, in microseconds.
const REFERENCE: &[(&str, f64)] = &[
    ("calibration/sha256_1k", 0.61),
    ("calibration/x25519_fixed_base", 15.5),
    ("calibration/x25519_variable_base", 55.0),
    ("erasure/decode_all_parity", 795.0),
    ("erasure/decode_one_missing", 462.0),
    ("erasure/decode_systematic", 3.5),
    ("erasure/parity_chunk_first", 67.0),
    ("erasure/parity_chunk_later", 3.1),
    ("sealed_sender/v1_open", 113.0),
    ("sealed_sender/v1_seal", 125.0),
    ("sealed_sender/v2_open", 134.0),
    ("sealed_sender/v2_seal_for_one", 174.0),
    ("session/decrypt_first_message", 381.0),
    ("session/decrypt_on_existing_chain", 8.6),
    ("session/decrypt_with_ratchet_step", 139.0),
    ("session/encrypt", 8.5),
    ("session/encrypt_and_decrypt_one_way", 15.4),
    ("session/ping_pong", 304.0),
    ("session/process_bundle", 387.0),
    ("skip/2000_messages", 1_200.0),
    ("skip/25000_messages", 19_500.0),
    ("spqr/burst_of_100_receive_ct_side", 490.0),
    ("spqr/burst_of_100_receive_ek_side", 520.0),
    ("spqr/burst_of_100_receive_start", 240.0),
    ("spqr/burst_of_100_send_ct_side", 1_010.0),
    ("spqr/burst_of_100_send_ek_side", 1_050.0),
    ("spqr/burst_of_100_send_start", 510.0),
    ("spqr/ping_pong_send_and_receive", 17.1),
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
    for (name, text) in reports {
        if !text.starts_with('#') {
            write!(page, "\n## {name}\n\n")?;
        } else {
            page.push('\n');
        }
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
