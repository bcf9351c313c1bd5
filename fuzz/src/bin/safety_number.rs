//! Any bytes as a scanned safety number: both sides come to the same result, and only the right number matches.
#![no_main]

use std::sync::LazyLock;

use khaima_fuzz::honest::{PEOPLE, name};
use khaima_signal::{SafetyNumber, SafetyNumberSide, compare_scannable};

static CODES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let keys = PEOPLE.each_ref().map(|published| published.device.identity_key());
    let names = [name(0), name(1)];
    [(0, 1), (1, 0)].map(|(local, remote)| {
        let side = |at: usize| SafetyNumberSide { identifier: names[at].as_bytes(), key: &keys[at] };
        SafetyNumber::new(side(local), side(remote)).to_scannable()
    })
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [mine, theirs] = &*CODES;
    if compare_scannable(mine, bytes) == Ok(true) {
        assert_eq!(compare_scannable(bytes, mine), Ok(true), "the sides disagree");
        assert_eq!(compare_scannable(theirs, bytes), Ok(false), "it matches the wrong way round");
    }
    let _ = compare_scannable(bytes, bytes);
});
