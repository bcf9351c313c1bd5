//! The real programs over real QUIC, killed again and again.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use khaima_runtime::api::{Answer, Call, MessageEntry};
use khaima_tests::real::{Person, Proxy, Relay, contains, free_address, meet};

const EACH: usize = 1_000;
const KILLS: usize = 10;
/// How relays see every client of these tests: an address that occurs nowhere by chance.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(127, 77, 13, 5);

fn text(from: &str, number: usize) -> String {
    format!("{from} writes message {number}, by the old bridge")
}

fn rows(person: &Person, contact: &str) -> Vec<MessageEntry> {
    let call = Call::Read { contact: contact.to_owned(), wait_for: 0, limit: 3 * EACH };
    match person.ask(&call).unwrap() {
        Answer::Messages { messages } => messages,
        _ => panic!("another answer"),
    }
}

fn incoming(person: &Person, contact: &str) -> Vec<String> {
    rows(person, contact).into_iter().filter(|row| !row.mine).map(|row| row.text).collect()
}

/// Writes all messages, and is killed once on the way, between two of its own but in the middle of everything else.
fn write_all(person: &mut Person, name: &str, to: &str, written: &Sender<()>) {
    for number in 0..EACH {
        if number == EACH / 2 {
            person.kill();
            person.unlock().unwrap();
        }
        let call = Call::Send { contact: to.to_owned(), text: text(name, number), queue: true };
        person.ask(&call).unwrap();
        // Whoever counts may have counted enough.
        let _ = written.send(());
    }
}

#[test]
fn two_thousand_messages_survive_ten_killed_relays_and_two_killed_clients() {
    let dir = tempfile::tempdir().unwrap();
    let listen = free_address(Ipv4Addr::LOCALHOST).unwrap();
    let proxy = Proxy::start(listen, OUTSIDE).unwrap();
    let mut relay = Relay::start_on(&dir.path().join("relay"), listen, Some(proxy.address())).unwrap();
    let address = relay.address().to_owned();
    let mut alice = Person::new(&dir.path().join("alice"), "Alice-of-the-north", Some(&address)).unwrap();
    let mut bob = Person::new(&dir.path().join("bob"), "Bob-the-printer", None).unwrap();
    meet(&alice, &bob).unwrap();

    let (written, progress) = channel();
    thread::scope(|scope| {
        let (alice, bob, by_bob) = (&mut alice, &mut bob, written.clone());
        scope.spawn(move || write_all(alice, "Alice", "Bob-the-printer", &written));
        scope.spawn(move || write_all(bob, "Bob", "Alice-of-the-north", &by_bob));
        for _ in 0..KILLS {
            // At every eleventh of the way.
            let passed = progress.iter().take(2 * EACH / (KILLS + 1)).count();
            assert!(passed > 0, "the writers ended early");
            relay.kill();
            relay.run().unwrap();
        }
    });
    for (who, contact, from) in [(&alice, "Bob-the-printer", "Bob"), (&bob, "Alice-of-the-north", "Alice")] {
        let expected: Vec<String> = (0..EACH).map(|number| text(from, number)).collect();
        // Each reading waits until nothing new comes for a moment.
        let heard = (0..600).map(|_| incoming(who, contact)).find(|heard| heard.len() >= EACH);
        let heard = heard.unwrap_or_else(|| incoming(who, contact));
        assert_eq!(heard.iter().collect::<BTreeSet<_>>().len(), heard.len(), "nothing is shown twice");
        assert_eq!(heard, expected, "all of it is shown, in its order");
        assert!(rows(who, contact).iter().all(|row| row.kind == "text"), "nothing is missing or unreadable");
    }
    assert_eq!(rows(&alice, "Bob-the-printer").len(), 2 * EACH);

    // The relay's disk, as it lies there after all this: killed once more, so that nothing is tidied up.
    let ids: Vec<Vec<u8>> = identities(&alice, &bob);
    relay.kill();
    let mut needles: Vec<Vec<u8>> = vec![
        b"by the old bridge".to_vec(),
        b"Alice-of-the-north".to_vec(),
        b"Bob-the-printer".to_vec(),
        b"it is me".to_vec(),
        OUTSIDE.to_string().into_bytes(),
        OUTSIDE.octets().to_vec(),
    ];
    needles.extend(ids);
    let disk = relay.disk().unwrap();
    assert!(
        disk.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > 10_000,
        "there is something to search"
    );
    for (file, bytes) in &disk {
        for needle in &needles {
            assert!(!contains(bytes, needle), "{file} holds {:?}", String::from_utf8_lossy(needle));
        }
    }
    assert!(proxy.seen().len() > 10_000, "it all went through the proxy");
}

/// The identity keys and random ids of both, out of the bytes that are compared by camera.
fn identities(alice: &Person, bob: &Person) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for (who, contact) in [(alice, "Bob-the-printer"), (bob, "Alice-of-the-north")] {
        let call = Call::Verify { contact: contact.to_owned(), confirm: None };
        let Answer::SafetyNumber { scannable, .. } = who.ask(&call).unwrap() else {
            panic!("another answer")
        };
        assert!(scannable.len() > 100);
    }
    // The keys themselves are in the vaults, which are opened once their programs are gone.
    for who in [alice, bob] {
        let agent_gone = who.ask(&Call::Lock);
        assert!(agent_gone.is_ok());
        let vault = (0..1_000).find_map(|_| {
            khaima_runtime::open_vault(who.data(), &khaima_tests::real::passphrase().unwrap()).ok()
        });
        let profile = khaima_engine::Profile::require(&vault.expect("the agent ends")).unwrap();
        found.push(profile.identity_key().serialize()[1..].to_vec());
        found.push(profile.uuid().to_vec());
    }
    found
}

/// What is left to see on the wire are numbers of datagrams: `sizes.rs` shows that the frames of a first message and of a
/// later one have the same length.
#[test]
fn on_the_wire_every_datagram_of_a_client_has_the_size_of_every_other() {
    let dir = tempfile::tempdir().unwrap();
    let listen = free_address(Ipv4Addr::LOCALHOST).unwrap();
    let proxy = Proxy::start(listen, OUTSIDE).unwrap();
    let relay = Relay::start_on(&dir.path().join("relay"), listen, Some(proxy.address())).unwrap();
    let address = relay.address().to_owned();
    let alice = Person::new(&dir.path().join("alice"), "Alice", Some(&address)).unwrap();
    let bob = Person::new(&dir.path().join("bob"), "Bob", None).unwrap();
    meet(&alice, &bob).unwrap();
    for length in [1, 10, 100, 400, 800, 1_200, 1, 7_000] {
        for (who, contact) in [(&alice, "Bob"), (&bob, "Alice")] {
            let call = Call::Send { contact: contact.to_owned(), text: "x".repeat(length), queue: false };
            who.ask(&call).unwrap();
        }
    }
    let mut connections: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
    for datagram in proxy.seen().into_iter().filter(|it| it.to_relay) {
        connections.entry(datagram.client).or_default().push(datagram.size);
    }
    let mut compared = 0;
    for sizes in connections.values() {
        let largest = sizes.iter().copied().max().unwrap();
        // A connection begins by finding out what the path carries; that looks the same whatever follows.
        let settled = sizes.iter().enumerate().filter(|(_, size)| **size == largest).nth(5).map(|(at, _)| at);
        let Some(settled) = settled else { continue };
        compared += sizes.len() - settled;
        assert_eq!(BTreeSet::from_iter(&sizes[settled..]), BTreeSet::from([&largest]), "{sizes:?}");
    }
    assert!(compared > 80, "{compared} datagrams were compared");
}
