//! `docs/benchmarks.md`: ours beside the reference and the goals.
//!
//! Not its concern: measuring.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;

use super::reference::{CALIBRATION, Goal, REFERENCES, Reference};

/// Medians by criterion's names, in nanoseconds.
pub type Medians = BTreeMap<String, f64>;

/// One measurement beside the reference's.
struct Compared<'a> {
    reference: &'a Reference,
    /// Microseconds.
    ours: f64,
    /// What ours would be on a machine as fast as the reference's, by the calibration row; `None` without that row.
    at_equal_speed: Option<f64>,
}

impl<'a> Compared<'a> {
    fn new(reference: &'a Reference, medians: &Medians) -> Option<Self> {
        let ours = medians.get(reference.name)? / 1000.0;
        let (row, theirs) = reference.speed.calibration();
        let at_equal_speed = medians.get(row).map(|calibration| ours * theirs / (calibration / 1000.0));
        Some(Self { reference, ours, at_equal_speed })
    }

    fn reaches(&self, goal: Goal) -> Option<bool> {
        self.at_equal_speed.map(|ours| ours <= goal.micros(self.reference.micros))
    }

    fn row(&self) -> String {
        let theirs = self.reference.micros;
        let mut row = format!(
            "| {} | {} | {} | {:.3} | {} |",
            self.reference.name,
            figure(self.ours),
            figure(theirs),
            self.ours / theirs,
            self.at_equal_speed.map_or("–".to_owned(), |ours| format!("{:.3}", ours / theirs)),
        );
        if let Some(goal) = self.reference.goal {
            let verdict = match self.reaches(goal) {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "not measured with its calibration row",
            };
            let limit = goal.micros(theirs) / theirs;
            row.push_str(&format!(" {limit:.3} ({}) | {verdict} |", goal.describe()));
        }
        row
    }
}

/// The goals that were measured and missed.
pub fn missed(medians: &Medians) -> Vec<&'static str> {
    REFERENCES
        .iter()
        .filter_map(|reference| {
            let compared = Compared::new(reference, medians)?;
            (compared.reaches(reference.goal?) != Some(true)).then_some(reference.name)
        })
        .collect()
}

/// The whole page. `reports` are texts that benchmarks wrote themselves, by their names.
pub fn page(medians: &Medians, reports: &BTreeMap<&str, String>, machine: &str) -> Result<String> {
    let mut page = String::from(INTRODUCTION);
    writeln!(page, "Machine: {machine}\n")?;
    page.push_str(
        "## Calibration\n\n| what | here, µs | reference's machine, µs | here / there |\n|---|---|---|---|\n",
    );
    for (name, theirs) in CALIBRATION {
        if let Some(here) = medians.get(*name).map(|here| here / 1000.0) {
            writeln!(page, "| {name} | {} | {} | {:.2} |", figure(here), figure(*theirs), here / theirs)?;
        }
    }
    let (goals, others): (Vec<_>, Vec<_>) = REFERENCES
        .iter()
        .filter_map(|reference| Compared::new(reference, medians))
        .partition(|compared| compared.reference.goal.is_some());
    page.push_str("\n## Against the reference, with goals\n\n| what | ours, µs | reference, µs | ratio | ratio at equal speed | goal | reached |\n|---|---|---|---|---|---|---|\n");
    for compared in &goals {
        writeln!(page, "{}", compared.row())?;
    }
    page.push_str("\n## Against the reference, without goals\n\n| what | ours, µs | reference, µs | ratio | ratio at equal speed |\n|---|---|---|---|---|\n");
    for compared in &others {
        writeln!(page, "{}", compared.row())?;
    }
    page.push_str("\n## Ours alone\n\n| what | µs |\n|---|---|\n");
    let known = |name: &str| {
        REFERENCES.iter().any(|reference| reference.name == name)
            || CALIBRATION.iter().any(|(known, _)| *known == name)
    };
    for (name, nanoseconds) in medians.iter().filter(|(name, _)| !known(name)) {
        writeln!(page, "| {name} | {} |", figure(nanoseconds / 1000.0))?;
    }
    for (name, text) in reports {
        if text.starts_with('#') {
            page.push('\n');
        } else {
            write!(page, "\n## {name}\n\n")?;
        }
        page.push_str(text);
    }
    Ok(page)
}

fn figure(micros: f64) -> String {
    if micros < 100.0 { format!("{micros:.2}") } else { format!("{micros:.0}") }
}

const INTRODUCTION: &str = "\
# Benchmarks

Written by `cargo xtask bench`: criterion's medians. Absolute figures move with the machine and the hour, so the page compares ratios:
`ratio` is ours over the reference's figure as it was measured; `ratio at equal speed` is what it would be if this machine had been as fast as
the reference's, by the calibration row that fits (variable-base X25519 for what agrees on keys, SHA-256 for the rest). The goals
are judged by the latter; `cargo xtask bench --gate` fails when one is missed.

The reference's figures are the own benchmarks of the official Rust library 0.101 and of its ratchet crate 1.5.3, medians, on two cores of an
AMD EPYC with AVX2, PCLMULQDQ and SHA extensions, on 2026-11-23. Sealing for many uses both cores in the reference, as its figures show
(109 µs for the second recipient, 58 for each of a hundred), so our figure beside it is `seal_spread` on two threads; on one core it
stands under \"ours alone\". Where the time goes: [decision 0007](decisions/0007-where-the-time-of-a-message-goes.md).

";

#[cfg(test)]
mod tests {
    use super::*;

    fn medians(one_way: f64, sha256: f64) -> Medians {
        [("session/encrypt_and_decrypt_one_way", one_way), ("calibration/sha256_1k", sha256)]
            .map(|(name, nanoseconds)| (name.to_owned(), nanoseconds))
            .into()
    }

    #[test]
    fn a_slow_machine_is_forgiven_and_slow_code_is_not() {
        assert!(missed(&medians(5_000.0, 610.0)).is_empty());
        assert_eq!(missed(&medians(5_200.0, 610.0)), ["session/encrypt_and_decrypt_one_way"]);
        assert!(missed(&medians(9_800.0, 1_220.0)).is_empty(), "on half as fast a machine");
    }

    #[test]
    fn a_goal_without_its_calibration_row_counts_as_missed() {
        let mut medians = medians(5_000.0, 610.0);
        medians.remove("calibration/sha256_1k");
        assert_eq!(missed(&medians), ["session/encrypt_and_decrypt_one_way"]);
    }
}
