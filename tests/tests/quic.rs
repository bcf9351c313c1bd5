//! The real programs over real QUIC, killed again and again.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use khaima_runtime::api::{Answer, Call, MessageEntry};
use khaima_tests::real::{Datagram, Person, Proxy, Relay, contains, free_address, meet, passphrase};

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
    relay.kill();
    let mut needles: Vec<Vec<u8>> = vec![
        b"by the old bridge".to_vec(),
        b"Alice-of-the-north".to_vec(),
        b"Bob-the-printer".to_vec(),
        b"it is me".to_vec(),
        OUTSIDE.to_string().into_bytes(),
        OUTSIDE.octets().to_vec(),
    ];
    needles.extend(identities([&mut alice, &mut bob]));
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

/// The identity keys and random ids of both, out of their vaults.
fn identities(people: [&mut Person; 2]) -> Vec<Vec<u8>> {
    let of = |who: &mut Person| {
        who.kill();
        let vault = khaima_runtime::open_vault(who.data(), &passphrase().unwrap()).unwrap();
        let profile = khaima_engine::Profile::require(&vault).unwrap();
        [profile.identity_key().serialize()[1..].to_vec(), profile.uuid().to_vec()]
    };
    people.into_iter().flat_map(of).collect()
}

/// Bytes that `port` sent to the relay in datagrams that carry parts of an envelope; acknowledgements and the like are
/// far smaller.
fn large_bytes(seen: &[Datagram], port: u16) -> usize {
    seen.iter().filter(|it| it.to_relay && it.client == port && it.size >= 600).map(|it| it.size).sum()
}

/// What somebody who watches the line sees of one message: the bytes that the sending connection needs for it.
#[test]
fn on_the_wire_a_first_message_looks_like_a_later_one() {
    let dir = tempfile::tempdir().unwrap();
    let listen = free_address(Ipv4Addr::LOCALHOST).unwrap();
    let proxy = Proxy::start(listen, OUTSIDE).unwrap();
    let relay = Relay::start_on(&dir.path().join("relay"), listen, Some(proxy.address())).unwrap();
    let person = |name: &str| Person::new(&dir.path().join(name), name, Some(relay.address())).unwrap();
    let (alice, bob, carol) = (person("Alice"), person("Bob"), person("Carol"));
    meet(&alice, &bob).unwrap();
    let send = |to: &str, length: usize| {
        let before = proxy.seen().len();
        let call = Call::Send { contact: to.to_owned(), text: "x".repeat(length), queue: false };
        bob.ask(&call).unwrap();
        proxy.seen().split_off(before)
    };
    // A connection begins by finding out what the path carries; that looks the same whatever follows, and is over then.
    for _ in 0..12 {
        send("Alice", 5);
    }
    let seen = send("Alice", 5);
    let port = seen.iter().map(|it| it.client).max_by_key(|port| large_bytes(&seen, *port)).unwrap();
    let laters: Vec<usize> = [1, 10, 100, 400, 1_000, 1]
        .into_iter()
        .map(|length| large_bytes(&send("Alice", length), port))
        .collect();
    let link = carol.invite().unwrap();
    let before = proxy.seen().len();
    bob.ask(&Call::Accept { what: link, greeting: "it is me, at some length".repeat(10) }).unwrap();
    let first = large_bytes(&proxy.seen()[before..], port);
    let larger = large_bytes(&send("Alice", 4_000), port);
    println!("first: {first}, later: {laters:?}, of the next size: {larger}");
    // Acknowledgements ride along: some bytes more or less. A handshake has 1,700 bytes that a later message lacks.
    for later in laters {
        assert!(first.abs_diff(later) < 300, "a first message took {first} bytes, a later one {later}");
    }
    assert!(larger > first + 3_500, "the next size is a size of its own: {larger} against {first}");
}
