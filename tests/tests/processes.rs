//! The programs by hand: what a person types, and what they are told when something is wrong.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Output;

use khaima_relay::core::{Creation, Policy};
use khaima_runtime::KdfParams;
use khaima_tests::real::{PASSPHRASE, Person, Relay, free_address, json, passphrase, program};
use khaima_tests::world::{Seed, World};

/// What a program said, checked for what no program may say.
struct Said {
    code: i32,
    out: String,
    err: String,
}

fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("programs print text");
    let said = Said {
        code: output.status.code().expect("no signal ended it"),
        out: text(&output.stdout),
        err: text(&output.stderr),
    };
    for secret in ["panicked", "RUST_BACKTRACE", PASSPHRASE] {
        assert!(!said.err.contains(secret) && !said.out.contains(secret), "{}{}", said.out, said.err);
    }
    said
}

fn run(person: &Person, arguments: &[&str]) -> Said {
    said(&person.run(PASSPHRASE, arguments).unwrap())
}

/// Runs what has to succeed.
fn ok(person: &Person, arguments: &[&str]) -> serde_json::Value {
    let output = person.run(PASSPHRASE, &[&["--json"], arguments].concat()).unwrap();
    let said = said(&output);
    assert_eq!(said.code, 0, "{arguments:?}: {}{}", said.out, said.err);
    json(&output).unwrap()
}

/// Runs what has to fail: with this exit code, and words in which each of these occurs.
fn fails(person: &Person, arguments: &[&str], code: i32, words: &[&str]) {
    let said = run(person, arguments);
    assert_eq!(said.code, code, "{arguments:?}: {}{}", said.out, said.err);
    assert!(said.out.is_empty(), "{arguments:?} printed: {}", said.out);
    for word in words {
        assert!(said.err.contains(word), "{arguments:?}: `{word}` is not in: {}", said.err);
    }
}

/// A vault made by the library, so that its passphrase costs little to try.
fn person(dir: &Path, name: &str, relay: Option<&str>) -> Person {
    let mut person = Person::new(&dir.join(name.to_lowercase()), name, relay).unwrap();
    person.kill();
    person
}

#[test]
fn the_way_by_hand_from_nothing_to_a_conversation() {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::start(&dir.path().join("relay"), None).unwrap();
    // Here the program makes the vault itself, at the full price of its passphrase.
    let alice = Person::at(&dir.path().join("alice"));
    let made = run(&alice, &["init", "--name", "Alice", "--relay", relay.address()]);
    assert_eq!(made.code, 0, "{}", made.err);
    let bob = Person::at(&dir.path().join("bob"));
    assert_eq!(run(&bob, &["init", "--name", "Bob"]).code, 0);
    assert_eq!(run(&alice, &["unlock"]).code, 0);
    assert_eq!(run(&bob, &["unlock"]).code, 0);
    let link = ok(&alice, &["invite"])["link"].as_str().unwrap().to_owned();
    assert!(link.starts_with("khaima:"));
    ok(&bob, &["accept", &link, "--greeting", "we met on Friday"]);
    let asked = ok(&alice, &["contacts", "--wait-for-request"]);
    assert_eq!(asked["contacts"][0]["greeting"], "we met on Friday");
    ok(&alice, &["accept", asked["contacts"][0]["id"].as_str().unwrap()]);
    ok(&bob, &["contacts", "--wait-for-acceptance"]);
    ok(&alice, &["send", "Bob", "noon, by the bridge"]);
    let read = ok(&bob, &["read", "Alice", "--wait-for", "1"]);
    assert_eq!(read["messages"][0]["text"], "noon, by the bridge");
    ok(&bob, &["send", "Alice", "I will be there"]);
    let read = ok(&alice, &["read", "Bob", "--wait-for", "2"]);
    assert_eq!(read["messages"][1]["text"], "I will be there");
    let number =
        |person: &Person, of: &str| ok(person, &["verify", of])["digits"].as_str().unwrap().to_owned();
    assert_eq!(number(&alice, "Bob"), number(&bob, "Alice"), "both see the same safety number");
    let plain = run(&bob, &["read", "Alice"]);
    assert!(plain.out.contains("Alice: noon, by the bridge"), "{}", plain.out);
    for person in [&alice, &bob] {
        assert!(run(person, &["lock"]).out.contains("Locked."));
        assert!(run(person, &["lock"]).out.contains("not unlocked"));
    }
    // And without the background process.
    let read = ok(&alice, &["read", "Bob"]);
    assert_eq!(read["messages"].as_array().unwrap().len(), 2);
}

#[test]
fn a_wrong_passphrase_is_told_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let alice = person(dir.path(), "Alice", None);
    for command in [&["contacts"][..], &["unlock"], &["status"]] {
        let wrong = said(&alice.run("another passphrase", command).unwrap());
        assert_eq!(wrong.code, 3, "{command:?}: {}{}", wrong.out, wrong.err);
        assert!(wrong.err.contains("This passphrase does not open this vault"), "{}", wrong.err);
    }
    ok(&alice, &["contacts"]);
}

#[test]
fn a_damaged_header_is_told_and_a_damaged_copy_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let alice = person(dir.path(), "Alice", None);
    let copies: Vec<_> = std::fs::read_dir(alice.data())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("header"))
        .collect();
    assert_eq!(copies.len(), 2, "a header is kept twice: {copies:?}");
    let damage = |path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes.iter_mut().for_each(|byte| *byte ^= 0x5a);
        std::fs::write(path, bytes).unwrap();
    };
    damage(&copies[0]);
    ok(&alice, &["contacts"]);
    damage(&copies[0]);
    damage(&copies[1]);
    fails(&alice, &["contacts"], 3, &["or its header is damaged"]);
    damage(&copies[0]);
    ok(&alice, &["contacts"]);
}

#[test]
fn what_is_not_there_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let nobody = Person::at(&dir.path().join("nowhere"));
    fails(&nobody, &["contacts"], 2, &["There is no vault", "init --name"]);
    let alice = person(dir.path(), "Alice", None);
    fails(&alice, &["init", "--name", "Alice"], 2, &["There is a vault", "Nothing was changed"]);
    fails(&alice, &["send", "Nobody", "hello"], 2, &["No contact goes by this name"]);
    fails(&alice, &["read", "Nobody"], 2, &["No contact goes by this name"]);
    fails(&alice, &["invite"], 2, &["You have no relay yet"]);
    fails(&alice, &["relay", "not an address"], 2, &["This is not a relay's address"]);
    fails(&alice, &["accept", "khaima:AAAA"], 2, &["damaged or cut off"]);
    let other = Person::at(&dir.path().join("other"));
    fails(&other, &["init", "--name", "Bob", "--relay", "bad"], 2, &["This is not a relay's address"]);
    assert!(!other.data().exists(), "half a vault was made");
}

#[test]
fn links_that_are_expired_reused_or_changed_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::start(&dir.path().join("relay"), None).unwrap();
    let alice = person(dir.path(), "Alice", Some(relay.address()));
    let (bob, carol) = (person(dir.path(), "Bob", None), person(dir.path(), "Carol", None));
    let link = ok(&alice, &["invite"])["link"].as_str().unwrap().to_owned();
    // Changed.
    let mut changed = link.clone().into_bytes();
    let middle = changed.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    fails(&bob, &["accept", &String::from_utf8(changed).unwrap()], 2, &["damaged or cut off"]);
    // Own.
    fails(&alice, &["accept", &link], 2, &["your own invitation"]);
    // Used, and used again.
    ok(&bob, &["accept", &link]);
    fails(&bob, &["accept", &link], 2, &["You accepted this invitation before"]);
    fails(&carol, &["accept", &link], 1, &["does not have this invitation any more", "ask for a new one"]);
    // Expired: made by somebody in a world whose days are long over.
    let mut world = World::with_policy(Seed(1), Policy { creation: Creation::Open, ..Policy::default() });
    world.set_now(khaima_wire::Timestamp::from_secs(1_700_000_000));
    let inviter = world.stranger("long ago");
    let expired = world.invite(inviter).link;
    fails(&carol, &["accept", &expired], 2, &["This invitation ended on 2023-11-", "Ask for a new one"]);
    ok(&carol, &["contacts"]);
}

#[test]
fn a_relay_with_another_key_is_told_and_gets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let listen = free_address(Ipv4Addr::LOCALHOST).unwrap();
    let mut relay = Relay::start_on(&dir.path().join("relay"), listen, None).unwrap();
    let alice = person(dir.path(), "Alice", Some(relay.address()));
    ok(&alice, &["invite"]);
    relay.kill();
    let impostor = Relay::start_on(&dir.path().join("impostor"), listen, None).unwrap();
    fails(&alice, &["invite"], 1, &["shows another key", "Nothing was sent"]);
    let status = ok(&alice, &["status"]);
    assert_eq!(status["relays"][0]["state"], "key_changed");
    drop(impostor);
    relay.run().unwrap();
    // The invitation that could not be finished is, once the relay is itself again.
    ok(&alice, &["invite"]);
    let ready = || {
        let all = ok(&alice, &["invitations"]);
        all["invitations"].as_array().unwrap().iter().filter(|it| it["state"] == "ready").count()
    };
    // Each of these is a process that connects, and goes on with what was left.
    let all_ready = (0..20).any(|_| ready() == 3 || ok(&alice, &["status"]).is_null());
    assert!(all_ready, "{} of 3 are ready", ready());
}

#[test]
fn a_relay_that_does_not_answer_delays_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(&dir.path().join("relay"), None).unwrap();
    let mut alice = Person::new(&dir.path().join("alice"), "Alice", Some(relay.address())).unwrap();
    let bob = Person::new(&dir.path().join("bob"), "Bob", None).unwrap();
    khaima_tests::real::meet(&alice, &bob).unwrap();
    relay.kill();
    ok(&alice, &["send", "Bob", "written while the relay was away", "--queue"]);
    alice.kill();
    // In a process of its own that waits for the relay, and gives up waiting.
    let late = run(&alice, &["send", "Bob", "and one more"]);
    assert_eq!(late.code, 4, "{}{}", late.out, late.err);
    assert!(late.err.contains("kept safely and goes on"), "{}", late.err);
    relay.run().unwrap();
    alice.unlock().unwrap();
    let read = ok(&bob, &["read", "Alice", "--wait-for", "2"]);
    let texts: Vec<_> = read["messages"].as_array().unwrap().iter().map(|row| row["text"].clone()).collect();
    assert_eq!(texts, ["written while the relay was away", "and one more"]);
}

#[test]
fn one_vault_is_open_in_one_program_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let alice = person(dir.path(), "Alice", None);
    let vault = khaima_runtime::open_vault(alice.data(), &passphrase().unwrap()).unwrap();
    fails(&alice, &["contacts"], 3, &["Another program has this vault open"]);
    drop(vault);
    ok(&alice, &["contacts"]);
    assert_ne!(KdfParams::calibrated(), KdfParams::weak_for_tests(), "real vaults cost more");
}

#[test]
fn a_relay_tells_its_operator_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let relay = |arguments: &[&str]| {
        said(&std::process::Command::new(program("khaima-relay").unwrap()).args(arguments).output().unwrap())
    };
    let missing = dir.path().join("missing");
    let missing = missing.to_str().unwrap();
    let said = relay(&["run", missing]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("khaima-relay init"), "{}", said.err);
    // The port is taken.
    let first = Relay::start(&dir.path().join("first"), None).unwrap();
    let taken: SocketAddr = first.listen();
    let second = dir.path().join("second");
    let second = second.to_str().unwrap();
    assert_eq!(relay(&["init", second, "--listen", &taken.to_string()]).code, 0);
    let said = relay(&["run", second]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("port") && said.err.contains(&taken.port().to_string()), "{}", said.err);
    // The configuration has a mistake.
    let config = dir.path().join("second").join("relay.toml");
    std::fs::write(&config, std::fs::read_to_string(&config).unwrap() + "\nenvelops = 3\n").unwrap();
    let said = relay(&["run", second]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("envelops"), "{}", said.err);
    assert_eq!(relay(&["init", second]).code, 1, "an existing relay is not overwritten");
}
