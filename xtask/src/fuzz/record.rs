//! The table of runs in docs/fuzzing.md.
//!
//! Not its concern: the rest of that page.

use std::path::Path;

use anyhow::{Context, Result};

use super::libfuzzer::Outcome;

/// What stands above the rows.
pub const HEADER: &str = "\
| target | executions | seconds | per second | edges | features | inputs kept |
|---|---:|---:|---:|---:|---:|---:|";

/// One row.
pub fn row(outcome: &Outcome) -> String {
    let Outcome { target, executions, seconds, edges, features, corpus, .. } = outcome;
    #[expect(clippy::cast_precision_loss, reason = "a rate of three digits")]
    let rate = *executions as f64 / seconds.max(0.001);
    format!("| `{target}` | {executions} | {seconds:.0} | {rate:.0} | {edges} | {features} | {corpus} |")
}

/// Puts the row in the place of the target's old one, or behind the last.
pub fn write(page: &Path, outcome: &Outcome) -> Result<()> {
    let text = std::fs::read_to_string(page).context("docs/fuzzing.md cannot be read")?;
    std::fs::write(page, with_row(&text, outcome).context("docs/fuzzing.md has no table of runs")?)?;
    Ok(())
}

fn with_row(text: &str, outcome: &Outcome) -> Option<String> {
    let (before, behind) = text.split_once(HEADER)?;
    let mut rest = behind.trim_start_matches('\n');
    let mut rows = Vec::new();
    while let Some((line, tail)) = rest.split_once('\n').filter(|(line, _)| line.starts_with("| `")) {
        rows.push(line.to_owned());
        rest = tail;
    }
    let name = format!("| `{}` |", outcome.target);
    rows.retain(|row| !row.starts_with(&name));
    rows.push(row(outcome));
    rows.sort();
    Some(format!("{before}{HEADER}\n{}\n\n{}", rows.join("\n"), rest.trim_start_matches('\n')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(target: &str, executions: u64) -> Outcome {
        Outcome {
            target: target.to_owned(),
            executions,
            seconds: 10.0,
            edges: 3,
            features: 4,
            corpus: 5,
            finding: None,
        }
    }

    #[test]
    fn a_row_replaces_the_one_of_its_target_and_keeps_the_others() {
        let page = format!("before\n\n{HEADER}\n\nbehind\n");
        let page = with_row(&page, &outcome("keys", 10)).unwrap();
        let page = with_row(&page, &outcome("group", 20)).unwrap();
        let page = with_row(&page, &outcome("keys", 30)).unwrap();
        let rows = "| `group` | 20 | 10 | 2 | 3 | 4 | 5 |\n| `keys` | 30 | 10 | 3 | 3 | 4 | 5 |";
        assert_eq!(page, format!("before\n\n{HEADER}\n{rows}\n\nbehind\n"));
    }
}
