//! One run of one target: what libFuzzer is told, and what its output says.
//!
//! Directories: `fuzz/seeds` (committed) and `fuzz/corpus` (found by searching) hold inputs to begin with, `fuzz/found` those
//! that failed.
//!
//! Not its concern: building, and which targets run.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::build;
use crate::run::{root, say};

/// When a run is over, and whether its output is shown while it runs.
pub struct Limits {
    pub seconds: u32,
    /// With it, a run is a short repeatable one: from the seeds alone, with the same random choices each time.
    pub runs: Option<u32>,
    pub is_shown: bool,
}

/// What a run came to.
pub struct Outcome {
    pub target: String,
    pub executions: u64,
    pub seconds: f64,
    /// Edges of the instrumented code that were reached.
    pub edges: u64,
    /// Edges by how often they were passed.
    pub features: u64,
    /// Inputs kept because each reaches something new.
    pub corpus: u64,
    /// The input that failed, if one did.
    pub finding: Option<String>,
}

/// Input lengths worth trying, by what a target reads.
fn max_length(target: &str) -> u32 {
    match target {
        // As large as a frame can be.
        "client_frames" | "relay_frames" => 70_000,
        "session_record" | "sender_key_record" => 16_384,
        // A byte or two for each thing that happens.
        "two_parties" | "group" | "negotiation" | "session_start" | "spqr_dishonest" => 1_024,
        _ => 8_192,
    }
}

/// Runs one target.
pub fn run(target: &str, limits: &Limits) -> Result<Outcome> {
    let [seeds, corpus, found] = ["seeds", "corpus", "found"].map(|kind| format!("fuzz/{kind}/{target}"));
    let mut command = started(target)?;
    command
        .arg(format!("-max_total_time={}", limits.seconds))
        .arg(format!("-max_len={}", max_length(target)))
        .arg(format!("-artifact_prefix={found}/"))
        // Long inputs soon: a story of ten steps says little.
        .args(["-print_final_stats=1", "-timeout=60", "-rss_limit_mb=2048", "-len_control=20"]);
    match limits.runs {
        Some(runs) => {
            // What this run finds on its way is not to lead the next one elsewhere.
            let kept = build::target_dir()?.join("smoke").join(target);
            let _ = fs::remove_dir_all(&kept);
            command.args([format!("-runs={runs}"), "-seed=1".to_owned()]).arg(directory(kept)?)
        }
        None => command.arg(directory(root()?.join(&corpus))?),
    };
    directory(root()?.join(&found))?;
    command.arg(directory(root()?.join(&seeds))?);

    let started = Instant::now();
    let output = read(&mut command, limits.is_shown)?;
    let seconds = started.elapsed().as_secs_f64();
    let finding = (!output.is_success).then(|| {
        if !limits.is_shown {
            eprintln!("{target}: {}", output.failure());
        }
        let written = output.lines.iter().find_map(|line| line.split_once("Test unit written to "));
        written.map_or_else(|| found.clone(), |(_, file)| file.trim().to_owned())
    });
    Ok(Outcome {
        target: target.to_owned(),
        executions: output.last("stat::number_of_executed_units:"),
        seconds,
        edges: output.last("cov:"),
        features: output.last("ft:"),
        corpus: output.last("corp:"),
        finding,
    })
}

/// Runs one target on one input that failed.
pub fn repeat(target: &str, file: &str) -> Result<()> {
    say(&format!("{target} on {file}"));
    let file = std::env::current_dir()?.join(file);
    let status = started(target)?.env("RUST_BACKTRACE", "1").arg(file).status()?;
    if status.success() { Ok(()) } else { bail!("it fails still ({status})") }
}

/// The target's program.
fn started(target: &str) -> Result<Command> {
    let mut command = Command::new(build::program(target)?);
    command.current_dir(root()?).env_remove("RUST_BACKTRACE");
    Ok(command)
}

fn directory(path: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&path).with_context(|| format!("cannot make {}", Path::display(&path)))?;
    Ok(path)
}

/// What libFuzzer said.
struct Output {
    lines: Vec<String>,
    is_success: bool,
}

impl Output {
    /// From the panic, or what else stopped the run, to the end: the input is among it.
    fn failure(&self) -> String {
        let is_first = |line: &String| line.contains("panicked at") || line.contains("ERROR: libFuzzer");
        let from = self.lines.iter().position(is_first).unwrap_or(0);
        self.lines.get(from..).unwrap_or_default().join("\n")
    }

    /// The number behind the last such word; 0 if it was never said.
    fn last(&self, name: &str) -> u64 {
        let number = |line: &String| {
            let (_, behind) = line.split_once(name)?;
            let digits = behind.trim_start();
            digits.split(|other: char| !other.is_ascii_digit()).next()?.parse().ok()
        };
        self.lines.iter().rev().find_map(number).unwrap_or(0)
    }
}

fn read(command: &mut Command, is_shown: bool) -> Result<Output> {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {:?}", command.get_program()))?;
    let mut lines = Vec::new();
    if let Some(errors) = child.stderr.take() {
        // A panic message may hold any bytes.
        for line in BufReader::new(errors).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            if is_shown {
                eprintln!("{line}");
            }
            lines.push(line);
        }
    }
    Ok(Output { lines, is_success: child.wait()?.success() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_the_last_line_that_has_them() {
        let lines = [
            "#2\tINITED cov: 10 ft: 11 corp: 1/1b exec/s: 0 rss: 30Mb",
            "#900\tDONE   cov: 1234 ft: 5678 corp: 90/1200b lim: 4096 exec/s: 450 rss: 40Mb",
            "stat::number_of_executed_units: 900",
            "stat::average_exec_per_sec:     450",
        ];
        let output = Output { lines: lines.map(str::to_owned).to_vec(), is_success: true };
        let names = ["cov:", "ft:", "corp:", "stat::number_of_executed_units:", "stat::peak_rss_mb:"];
        assert_eq!(names.map(|name| output.last(name)), [1234, 5678, 90, 900, 0]);
    }
}
