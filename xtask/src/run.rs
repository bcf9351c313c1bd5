//! Starting other programs, saying what is started.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Says on standard error what is being done.
pub fn say(what: &str) {
    eprintln!("xtask: {what}");
}

/// The workspace's directory.
pub fn root() -> Result<PathBuf> {
    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(manifest.parent().context("xtask lies inside the workspace")?.to_path_buf())
}

/// Where cargo puts what it builds.
pub fn target_dir() -> Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => Ok(PathBuf::from(dir)),
        None => Ok(root()?.join("target")),
    }
}

/// `cargo` with these arguments, in the workspace.
pub fn cargo(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root()?);
    Ok(command)
}

/// Runs a command to its end and fails when it does.
pub fn run(what: &str, command: &mut Command) -> Result<()> {
    say(what);
    let started = std::time::Instant::now();
    let status = command.status().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if !status.success() {
        bail!("{what}: failed ({status})");
    }
    say(&format!("{what}: done after {} s", started.elapsed().as_secs()));
    Ok(())
}

/// Whether a program answers to this argument.
pub fn answers(program: &str, argument: &str) -> bool {
    Command::new(program)
        .arg(argument)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .stdin(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Takes `--name VALUE` out of the arguments.
pub fn option<'a>(arguments: &'a [String], name: &str) -> Result<Option<&'a str>> {
    match arguments.iter().position(|argument| argument == name) {
        None => Ok(None),
        Some(index) => match arguments.get(index + 1) {
            Some(value) => Ok(Some(value)),
            None => bail!("{name} needs a value"),
        },
    }
}
