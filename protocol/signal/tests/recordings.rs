//! Every recorded file is some test's: a new recording cannot lie there unread.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "test code")]

mod common;

use std::{collections::BTreeSet, path::Path};

/// Each file and the test file that replays it. `generate.mjs` and the README explain how they were made.
const REPLAYED: &[(&str, &str)] = &[
    ("address.json", "tests/primitives.rs"),
    ("certificates.json", "tests/sealed_sender.rs"),
    ("curve.json", "tests/primitives.rs"),
    ("fingerprint.json", "tests/safety_number.rs"),
    ("groups.json", "tests/groups/transcripts.rs"),
    ("index.json", "tests/recordings.rs"),
    ("kem.json", "tests/primitives.rs"),
    ("messages.json", "tests/messages.rs"),
    ("pqxdh.json", "src/pqxdh.rs"),
    ("sealed_sender.json", "tests/sealed_sender.rs"),
    ("session.json", "tests/session_vectors.rs"),
    ("spqr/authenticator.json", "tests/spqr/parts.rs"),
    ("spqr/chain.json", "tests/spqr/parts.rs"),
    ("spqr/erasure.json", "tests/spqr/parts.rs"),
    ("spqr/gf16.json", "tests/spqr/parts.rs"),
    ("spqr/messages.json", "tests/spqr/parts.rs"),
    ("spqr/mlkem.json", "tests/spqr/parts.rs"),
    ("spqr/negotiation.json", "tests/spqr/transcripts.rs"),
    ("spqr/states.json", "src/spqr/reference_states.rs"),
    ("spqr/t01_pingpong.json", "tests/spqr/transcripts.rs"),
    ("spqr/t02_loss.json", "tests/spqr/transcripts.rs"),
    ("spqr/t03_reorder.json", "tests/spqr/transcripts.rs"),
    ("spqr/t04_bursts.json", "tests/spqr/transcripts.rs"),
    ("spqr/t05_loss_reorder_replay.json", "tests/spqr/transcripts.rs"),
    ("spqr/t06_b_heavy_min_v0.json", "tests/spqr/transcripts.rs"),
    ("spqr/t07_parity.json", "tests/spqr/transcripts.rs"),
    ("spqr/t08_errors.json", "tests/spqr/transcripts.rs"),
];

fn recordings(directory: &Path, under: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            recordings(&path, &format!("{under}{name}/"), found);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.insert(format!("{under}{name}"));
        }
    }
}

#[test]
fn every_recorded_file_is_replayed_by_a_test_that_names_it() {
    let mut found = BTreeSet::new();
    recordings(&common::vector_directory(), "", &mut found);
    assert!(!found.is_empty());
    let known: BTreeSet<String> = REPLAYED.iter().map(|(file, _)| (*file).to_owned()).collect();
    let unread: Vec<_> = found.difference(&known).collect();
    assert!(unread.is_empty(), "no test replays {unread:?}");
    for (file, test) in REPLAYED {
        let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(test)).unwrap();
        let name = file.rsplit('/').next().unwrap();
        assert!(source.contains(name.trim_end_matches(".json")), "{test} does not name {file}");
    }
}

#[test]
fn the_recordings_are_complete_and_of_a_known_form() {
    let index = common::vectors("index.json");
    assert_eq!(index["format"], 1);
    println!("recorded with library {}, seed {}", index["library_version"], index["seed"]);
    let files = index["files"].as_array().unwrap();
    assert!(!files.is_empty());
    for file in files {
        let file = file.as_str().unwrap();
        assert!(common::vector_directory().join(file).exists(), "{file} is missing");
        assert!(REPLAYED.iter().any(|(known, _)| *known == file), "{file} is unknown");
    }
}
