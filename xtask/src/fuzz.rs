//! `cargo xtask fuzz`: libFuzzer on stable Rust. The flags are those that a nightly compiler's wrapper would set.

use anyhow::{Context, Result, bail};

use crate::packages;
use crate::run::{cargo, option, root, run};

/// What instruments the code for libFuzzer without a nightly compiler.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks --cfg fuzzing";

/// Runs one target for some seconds, beginning with its corpus.
pub fn fuzz(arguments: &[String]) -> Result<()> {
    packages::require(&[packages::BUILD, packages::FUZZ])?;
    let root = root()?;
    let targets = targets(&root.join("fuzz/targets"))?;
    let Some(target) = arguments.first() else {
        println!("{}", targets.join("\n"));
        return Ok(());
    };
    if !targets.contains(target) {
        bail!("there is no target '{target}'; there are: {}", targets.join(", "));
    }
    let seconds = option(arguments, "--seconds")?.unwrap_or("60");
    let found = root.join("fuzz/target/found").join(target);
    std::fs::create_dir_all(&found).context("cannot make the directory for what is found")?;
    run(
        &format!("fuzzing {target} for {seconds} s"),
        cargo(&["run", "--release", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--bin", target])?
            // With a target named, build scripts and macros are left as they are.
            .args(["--target", &host()?, "--"])
            .env("RUSTFLAGS", FLAGS)
            .env("CARGO_TARGET_DIR", root.join("fuzz/target"))
            .arg(&found)
            .arg(format!("-max_total_time={seconds}"))
            .args(["-max_len=70000", "-print_final_stats=1"]),
    )
}

/// The machine that the compiler builds for by itself.
fn host() -> Result<String> {
    let output = std::process::Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("rustc names no host")
}

fn targets(dir: &std::path::Path) -> Result<Vec<String>> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .context("fuzz/targets cannot be read")?
        .filter_map(Result::ok)
        .filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}
