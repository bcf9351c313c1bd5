//! The project's own commands, so that nothing but cargo is needed: `cargo xtask help` lists them.

mod bench;
mod check;
mod demo;
mod fuzz;
mod interop;
mod mutants;
mod packages;
mod run;
mod soak;
mod test;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask COMMAND

  demo [--terminal]         a relay and two people who meet by an invitation and talk: in two windows,
                            or in this terminal when there is no display
  test                      every test; installs what it needs
  check                     formatting, lints as errors, documentation
  bench [NAME] [--quick] [--seconds N] [--gate]  measures and writes docs/benchmarks.md; with --gate it
                            fails when a goal is missed
  interop [--scripts N] [--seed S] [--version V] [--only NAME]
                            random scripts against the official library, of each version. V: newest, 0.92
  soak NAME [--count N] [--from SEED]  the large searches; writes docs/soak.md.
                            NAME: conversations, mlkem
  fuzz TARGET [--seconds N] feeds generated input to a decoder or a pair of devices; --repeat FILE tries one input again.
                            list, smoke (each for a moment), all, seeds (writes fuzz/seeds) in place of TARGET;
                            --record writes the result to docs/fuzzing.md
  mutants [--all] [--shard K/N]  changes the functions of the Signal crate that decide, or all, and sees whether a
                            test notices
";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    match command {
        "demo" => demo::demo(rest),
        "test" => test::test(rest),
        "check" => check::check(),
        "bench" => bench::bench(rest),
        "soak" => soak::soak(rest),
        "fuzz" => fuzz::fuzz(rest),
        "mutants" => mutants::mutants(rest),
        "interop" => interop::interop(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => bail!("there is no command '{other}'\n\n{HELP}"),
    }
}
