//! `cargo xtask demo`: a relay and two people who meet by an invitation and talk.

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::packages;
use crate::run::{cargo, run, say, target_dir};

/// The passphrase of both vaults. They live in a new directory and die with it.
const PASSPHRASE: &str = "seven tents under one quiet sky";
const FROM_ALICE: &str = "السلام عليكم. Noon, by the bridge?";
const FROM_BOB: &str = "وعليكم السلام، سأكون هناك الساعة 12:00";

/// Runs the demonstration.
///
/// # Errors
/// When a step of it fails; the message says which.
pub fn demo(arguments: &[String]) -> Result<()> {
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()));
    let windows = has_display && !arguments.iter().any(|argument| argument == "--terminal");
    packages::require(if windows { &[packages::BUILD, packages::WINDOW] } else { &[packages::BUILD] })?;
    let mut build = cargo(&["build", "--locked", "--package", "khaima-relay", "--package", "khaima-cli"])?;
    if windows {
        build.args(["--package", "khaima"]);
    }
    run("building (some minutes the first time)", &mut build)?;

    let stage = Stage::new()?;
    say(&format!("everything of this demonstration lies in {}", stage.dir.display()));
    let relay = stage.start_relay()?;
    say(&format!("a relay listens on {}", relay.address));
    let alice = stage.person("Alice", Some(&relay))?;
    let bob = stage.person("Bob", None)?;
    meet(&alice, &bob)?;
    if windows { talk_in_windows(&stage, &alice, &bob) } else { talk_here(&stage, &alice, &bob) }
}

/// Alice invites, Bob accepts the link, Alice accepts Bob.
fn meet(alice: &Person, bob: &Person) -> Result<()> {
    let invitation = alice.json(&["invite"])?;
    let link = text(&invitation, "link")?;
    say(&format!("Alice's invitation, for Bob only:\n\n  {link}\n"));
    bob.json(&["accept", link, "--greeting", "It is Bob, we met on Friday"])?;
    let requests = alice.json(&["contacts", "--wait-for-request"])?;
    let contact = requests
        .get("contacts")
        .and_then(Value::as_array)
        .and_then(|contacts| {
            contacts.iter().find(|contact| contact.get("state").and_then(Value::as_str) == Some("asks"))
        })
        .context("Bob's request did not reach Alice")?;
    say(&format!("Alice sees a request from {} and accepts it", text(contact, "name")?));
    alice.json(&["accept", text(contact, "id")?])?;
    bob.json(&["contacts", "--wait-for-acceptance"])?;
    Ok(())
}

fn talk_here(stage: &Stage, alice: &Person, bob: &Person) -> Result<()> {
    alice.json(&["send", "Bob", FROM_ALICE])?;
    bob.json(&["read", "Alice", "--wait-for", "1"])?;
    bob.json(&["send", "Alice", FROM_BOB])?;
    alice.json(&["read", "Bob", "--wait-for", "2"])?;
    for person in [alice, bob] {
        println!("\nWhat {} sees:", person.name);
        print!("{}", person.plain(&["read", if person.name == "Alice" { "Bob" } else { "Alice" }])?);
    }
    println!("\nWhat the relay's disk holds:");
    stage.show_relay_disk(&[FROM_ALICE, FROM_BOB, "Alice", "Bob", "Noon", "bridge", "Friday"])
}

fn talk_in_windows(stage: &Stage, alice: &Person, bob: &Person) -> Result<()> {
    let windows = [stage.window(alice)?, stage.window(bob)?];
    say("two windows are open, Alice's and Bob's: type in one and watch the other; close both to end");
    for mut window in windows {
        window.0.wait().context("waiting for a window")?;
    }
    println!("\nWhat the relay's disk holds:");
    stage.show_relay_disk(&["Alice", "Bob", "Friday"])
}

/// The directory of one demonstration, removed at its end.
struct Stage {
    dir: PathBuf,
    bin: PathBuf,
}

impl Stage {
    fn new() -> Result<Self> {
        let dir = std::env::temp_dir().join(format!("khaima-demo-{}", std::process::id()));
        std::fs::create_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(Self { dir, bin: target_dir()?.join("debug") })
    }

    fn start_relay(&self) -> Result<Relay> {
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let dir = self.dir.join("relay");
        let listen = format!("127.0.0.1:{port}");
        let made = Command::new(self.bin.join("khaima-relay"))
            .arg("init")
            .arg(&dir)
            .args(["--listen", &listen, "--host", "127.0.0.1"])
            .output()
            .context("cannot start khaima-relay")?;
        if !made.status.success() {
            bail!("khaima-relay init: {}", String::from_utf8_lossy(&made.stderr));
        }
        let relay = |arguments: &[&str]| -> Result<String> {
            let output = Command::new(self.bin.join("khaima-relay")).args(arguments).arg(&dir).output()?;
            Ok(String::from_utf8(output.stdout)?)
        };
        let address = relay(&["address"])?.trim().to_owned();
        let invite = relay(&["invite"])?;
        let code = invite.split_whitespace().find(|word| word.len() == 23 && word.matches('-').count() == 3);
        let code = code.context("the relay gave no invite code")?.to_owned();
        let mut child = Command::new(self.bin.join("khaima-relay"))
            .arg("run")
            .arg(&dir)
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the relay")?;
        let mut lines = BufReader::new(child.stdout.take().context("the relay's output")?).lines();
        let process = Process(child);
        if !lines.by_ref().map_while(Result::ok).any(|line| line.contains(&address)) {
            bail!("the relay ended without listening");
        }
        // Whoever does not read a program's output stops it in the end.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(Relay { address, code, _process: process })
    }

    fn person(&self, name: &'static str, relay: Option<&Relay>) -> Result<Person> {
        let person =
            Person { name, data: self.dir.join(name.to_lowercase()), program: self.bin.join("khaima-cli") };
        say(&format!("making a vault for {name}: the passphrase is stretched for about a second"));
        let mut arguments = vec!["init", "--name", name];
        if let Some(relay) = relay {
            arguments.extend(["--relay", &relay.address, "--code", &relay.code]);
        }
        person.json(&arguments)?;
        Ok(person)
    }

    fn window(&self, person: &Person) -> Result<Process> {
        let mut child = Command::new(self.bin.join("khaima"))
            .arg("--data")
            .arg(&person.data)
            .args(["--passphrase-fd", "0"])
            .stdin(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot open {}'s window", person.name))?;
        hand_over_passphrase(&mut child)?;
        Ok(Process(child))
    }

    fn show_relay_disk(&self, secrets: &[&str]) -> Result<()> {
        for entry in std::fs::read_dir(self.dir.join("relay"))? {
            let path = entry?.path();
            if !path.is_file() {
                continue;
            }
            let bytes = std::fs::read(&path)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let found: Vec<&&str> =
                secrets.iter().filter(|secret| contains(&bytes, secret.as_bytes())).collect();
            let verdict = if found.is_empty() {
                "no word of theirs in it".to_owned()
            } else {
                format!("HOLDS {found:?}")
            };
            println!("  {name:<24} {:>9} bytes  {verdict}", bytes.len());
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.dir) {
            say(&format!("{} could not be removed: {error}", self.dir.display()));
        }
    }
}

struct Relay {
    address: String,
    code: String,
    _process: Process,
}

/// A child that does not outlive the demonstration.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Person {
    name: &'static str,
    data: PathBuf,
    program: PathBuf,
}

impl Person {
    fn json(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.call(&["--json"], arguments)?;
        serde_json::from_str(output.trim())
            .with_context(|| format!("khaima-cli {}: {output}", arguments.join(" ")))
    }

    fn plain(&self, arguments: &[&str]) -> Result<String> {
        self.call(&[], arguments)
    }

    fn call(&self, flags: &[&str], arguments: &[&str]) -> Result<String> {
        let mut child = Command::new(&self.program)
            .arg("--data")
            .arg(&self.data)
            .args(["--passphrase-fd", "0"])
            .args(flags)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start khaima-cli")?;
        hand_over_passphrase(&mut child)?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("{}: khaima-cli {} ended with {}", self.name, arguments.join(" "), output.status);
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

fn hand_over_passphrase(child: &mut Child) -> Result<()> {
    let mut input = child.stdin.take().context("the program's input")?;
    writeln!(input, "{PASSPHRASE}").context("the program took no passphrase")
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value.get(field).and_then(Value::as_str).with_context(|| format!("no field '{field}' in {value}"))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
