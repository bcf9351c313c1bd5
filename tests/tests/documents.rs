//! What the documents promise names tests that exist.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

#[test]
fn every_test_named_in_the_security_page_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let named: Vec<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| {
            word.matches('_').count() >= 3
                && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        })
        .collect();
    assert!(named.len() > 30, "the page names its tests between backticks");
    let sources: Vec<String> = ["protocol", "server", "client", "tests"]
        .iter()
        .flat_map(|part| rust_files(&root.join(part)))
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let missing: Vec<&&str> = named
        .iter()
        .filter(|name| !sources.iter().any(|source| source.contains(&format!("fn {name}("))))
        .collect();
    assert!(missing.is_empty(), "named in SECURITY.md and not there: {missing:?}");
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
