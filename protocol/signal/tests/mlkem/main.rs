//! Two implementations of the same key encapsulation, held against each other case by case.
//!
//! `libcrux-ml-kem`, which the crate uses, in its vector and portable forms and in the split form of the sparse ratchet,
//! against `ml-kem` of RustCrypto. There is no maintained second Kyber of round 3 to be had (of the Rust crates,
//! `pqc_kyber` has an advisory without a fix, the safer fork of it does not compile at level 1024, and the project behind
//! `pqcrypto-kyber` is archived), so the Kyber1024 of the handshake is held against RustCrypto's ML-KEM-1024 with the
//! outer layer of round 3 around it. Only how a seed expands to a key is not compared for Kyber.
//!
//! `KHAIMA_MLKEM_CASES` says how many cases, from number `KHAIMA_MLKEM_FROM` on: 100,000 in `cargo xtask test`, a tenth
//! where nothing is said, more by `cargo xtask soak mlkem --count N`. A case that fails names its number, its seed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "test code")]

mod broken;
mod case;
mod implementations;
mod rng;

use case::compare;
use implementations::{
    Kem, Kyber, KyberOnMlKem, Libcrux768, Libcrux1024, Portable768, Portable1024, RustCrypto768,
    RustCrypto1024, Split768,
};

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// The share of one test: `percent` of the cases. Tests share numbers: where they do, three implementations agree.
fn share<A: Kem, B: Kem>(percent: u64) {
    let from = variable("KHAIMA_MLKEM_FROM", 0);
    let count = variable("KHAIMA_MLKEM_CASES", 10_000) * percent / 100;
    println!("{count} cases from {from}");
    for number in from..from + count {
        compare::<A, B>(number).unwrap();
    }
}

#[test]
fn ml_kem_768_agrees_with_the_second_implementation() {
    share::<Libcrux768, RustCrypto768>(30);
}

#[test]
fn ml_kem_768_in_split_form_agrees_with_the_second_implementation() {
    share::<Split768, RustCrypto768>(20);
}

#[test]
fn ml_kem_768_without_vector_instructions_agrees_with_the_second_implementation() {
    share::<Portable768, RustCrypto768>(10);
}

#[test]
fn ml_kem_1024_agrees_with_the_second_implementation() {
    share::<Libcrux1024, RustCrypto1024>(30);
}

#[test]
fn ml_kem_1024_without_vector_instructions_agrees_with_the_second_implementation() {
    share::<Portable1024, RustCrypto1024>(10);
}

#[test]
fn kyber1024_agrees_with_the_second_implementation() {
    share::<Kyber, KyberOnMlKem>(10);
}
