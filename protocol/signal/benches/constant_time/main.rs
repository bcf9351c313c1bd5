//! Whether the time that checks take tells what they found: t-tests on timings, after the method of dudect.
//!
//! `cargo bench -p khaima-signal --bench constant_time [-- --measurements N]` prints a row for each subject. The first is
//! a control that leaks on purpose; the program fails when it is not found. What the figures mean, and what they do not,
//! is written in `docs/constant-time.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark that fails should stop"
)]

mod measure;
mod statistics;
mod subjects;

use std::process::ExitCode;

use measure::Measure;
use statistics::Finding;

/// Above this, a difference is worth a look; above twice of it, it is there.
const SUSPICIOUS: f64 = 4.5;

type Subject = (&'static str, fn(Measure<'_>));

const SUBJECTS: [Subject; 10] = [
    ("control: stops at the first difference", subjects::control),
    ("32 secret bytes: first or last differs", subjects::secrets),
    ("MAC of a message, 8 bytes: first or last wrong", subjects::message_mac),
    ("MAC of an ML-KEM header, 32 bytes: first or last wrong", subjects::header_mac),
    ("MAC of sealed sender 1, 10 bytes: first or last wrong", subjects::short_mac),
    ("tag of sealed sender 2, 16 bytes: first or last wrong", subjects::tag),
    ("CBC padding, 16 bytes: first or last but one wrong", subjects::unpadding),
    ("CBC padding, 16 bytes: right or wrong", subjects::unpadding_at_all),
    ("Kyber1024: ciphertext right or damaged", subjects::kyber),
    ("ML-KEM-768 in split form: ciphertext right or damaged", subjects::ml_kem),
];

fn verdict(finding: &Finding) -> &'static str {
    match finding.worst.abs() {
        t if t < SUSPICIOUS => "no difference found",
        t if t < 2.0 * SUSPICIOUS => "look again",
        _ => "differs",
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    // Run as a test, it only shows that it runs.
    let measured = arguments.iter().any(|argument| argument == "--bench");
    let option = arguments.iter().position(|argument| argument == "--measurements");
    let count = option.map_or(500_000, |at| arguments[at + 1].parse().unwrap());
    let count = if measured { count } else { 500 };
    println!("| what | measurements | median, ns | t | largest t, cropped | |\n|---|---|---|---|---|---|");
    let mut control_found = false;
    for (number, (name, subject)) in SUBJECTS.into_iter().enumerate() {
        let mut finding = None;
        subject(Measure { count, finding: &mut finding });
        let finding = finding.expect("every subject measures");
        let (whole, worst, median) = (finding.whole, finding.worst, finding.median);
        println!("| {name} | {count} | {median:.0} | {whole:.1} | {worst:.1} | {} |", verdict(&finding));
        control_found |= number == 0 && worst.abs() > 2.0 * SUSPICIOUS;
    }
    if measured && !control_found {
        eprintln!("the control was not found: these figures say nothing");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
