//! The pages that speak of these tests are true: what they name exists, and what exists they name.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// The numbers that the page has rows for.
const NUMBERS: std::ops::RangeInclusive<u32> = 1..=78;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// What a page writes between backticks that can be the name of a test.
fn named(page: &str) -> BTreeSet<String> {
    let page = std::fs::read_to_string(root().join(page)).unwrap();
    let is_name = |word: &&str| {
        word.matches('_').count() >= 3
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    page.split('`').skip(1).step_by(2).filter(is_name).map(str::to_owned).collect()
}

/// The number a test of this binary carries, n0 for the harness.
fn number(test: &str) -> Option<u32> {
    let (number, _) = test.strip_prefix('n')?.split_once('_')?;
    number.parse().ok()
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (directories, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let deeper = directories.iter().flat_map(|directory| rust_files(directory));
    deeper.chain(files.into_iter().filter(is_rust)).collect()
}

fn functions(directories: &[&str]) -> BTreeSet<String> {
    let files = directories.iter().flat_map(|directory| rust_files(&root().join(directory)));
    let sources = files.map(|file| std::fs::read_to_string(file).unwrap());
    let names = |source: String| -> Vec<String> {
        let starts = source.match_indices("fn ").map(|(at, found)| &source[at + found.len()..]);
        starts.filter_map(|rest| rest.split_once('(').map(|(name, _)| name.to_owned())).collect()
    };
    sources.flat_map(names).collect()
}

#[test]
fn every_test_that_the_pages_name_exists() {
    let all = functions(&["protocol", "client", "server", "tests"]);
    for page in ["docs/spec/negative-tests.md", "docs/spec/stricter.md"] {
        let named: Vec<_> = named(page)
            .into_iter()
            .filter(|test| number(test).is_none_or(|number| number <= *NUMBERS.end()))
            .collect();
        assert!(named.len() >= 7, "{page} names its tests between backticks");
        let missing: Vec<_> = named.iter().filter(|test| !all.contains(*test)).collect();
        assert!(missing.is_empty(), "named in {page} and not there: {missing:?}");
    }
}

#[test]
fn every_numbered_test_has_its_place_on_the_page() {
    let named = named("docs/spec/negative-tests.md");
    let ours = functions(&["protocol/signal/tests/negative"]);
    let unnamed: Vec<_> = ours
        .iter()
        .filter(|test| number(test).is_some_and(|number| NUMBERS.contains(&number)))
        .filter(|test| !named.contains(*test))
        .collect();
    assert!(unnamed.is_empty(), "not in docs/spec/negative-tests.md: {unnamed:?}");
}

#[test]
fn every_number_has_a_row() {
    let page = std::fs::read_to_string(root().join("docs/spec/negative-tests.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let numbers: BTreeSet<u32> = rows
        .flat_map(|row| {
            row.split([' ', ',']).map_while(|word| if word.is_empty() { Some(0) } else { word.parse().ok() })
        })
        .collect();
    let missing: Vec<_> = NUMBERS.filter(|number| !numbers.contains(number)).collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
}
