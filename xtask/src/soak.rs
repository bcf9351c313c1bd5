//! `cargo xtask soak`: the large searches, of which CI runs slices.

use anyhow::{Context, Result, bail};

use crate::run::{cargo, option, root, run};

/// Runs one search in an optimised build; its seeds and result go to docs/soak.md.
pub fn soak(arguments: &[String]) -> Result<()> {
    let count = option(arguments, "--count")?;
    match arguments.first().map(String::as_str) {
        Some("conversations") => conversations(count.unwrap_or("10000")),
        Some("mlkem") => mlkem(count.unwrap_or("1000000"), option(arguments, "--from")?.unwrap_or("0")),
        _ => bail!("say which search: conversations, mlkem"),
    }
}

/// The search writes its section itself.
fn conversations(count: &str) -> Result<()> {
    let report = root()?.join("docs/soak.md");
    run(
        &format!("soak conversations, {count} runs"),
        cargo(&["run", "--release", "--locked", "--package", "khaima-tests", "--bin", "soak", "--"])?
            .args(["conversations", "--count", count, "--report"])
            .arg(report),
    )
}

/// The differential test of the key encapsulation, with more cases than in CI.
fn mlkem(count: &str, from: &str) -> Result<()> {
    let (cases, first): (u64, u64) = (count.parse().context("--count")?, from.parse().context("--from")?);
    run(
        &format!("soak mlkem, {cases} cases"),
        cargo(&["test", "--release", "--locked", "--package", "khaima-signal", "--test", "mlkem"])?
            .env("KHAIMA_MLKEM_CASES", cases.to_string())
            .env("KHAIMA_MLKEM_FROM", first.to_string()),
    )?;
    write_section(
        "Key encapsulation",
        &format!(
            "`libcrux-ml-kem` (vector, portable and split form) against `ml-kem` of RustCrypto, ML-KEM-768 and 1024, and Kyber1024 \
             against round 3 on the latter: key generation, encapsulation, decapsulation, implicit rejection, keys that are not \
             reduced. The shares lie in `protocol/signal/tests/mlkem/main.rs`.\n\n\
             | what | how many |\n|---|---|\n| cases of ML-KEM | {cases} |\n| cases of Kyber1024 | {} |\n\
             | cases in which two implementations parted | 0 |\n\n\
             Again: `cargo xtask soak mlkem --count {cases} --from {first}`.",
            cases / 10,
        ),
    )
}

/// Puts a section into docs/soak.md, in place of an older one of that title.
fn write_section(title: &str, section: &str) -> Result<()> {
    let path = root()?.join("docs/soak.md");
    let old = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let heading = format!("## {title}\n");
    let (before, rest) = old.split_once(&heading).unwrap_or((&old, ""));
    let after = rest.find("\n## ").and_then(|at| rest.get(at..)).unwrap_or("");
    let page = format!("{}\n\n{heading}\n{section}\n{after}", before.trim_end());
    std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
}
