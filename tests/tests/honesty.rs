//! What a relay is told, all of it: every byte that reached it in a run, searched for what it must not learn.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use khaima_tests::world::{DeviceRef, Seed, World};

const TEXT: &str = "we meet at noon by the old bridge";
const GREETING: &str = "it is me";

fn played() -> (World, [DeviceRef; 3]) {
    let mut world = World::new(Seed(1));
    world.watch_mut().record_bytes();
    let people = [
        world.device("Amina-of-the-north"),
        world.device("Bashir-the-printer"),
        world.device("Carol-at-sea"),
    ];
    for (from, to) in [(0, 1), (1, 0), (0, 2), (2, 1), (1, 2)] {
        for number in 0..6 {
            world.say(people[from], people[to], &format!("{TEXT} {number}"));
            world.run_for(Duration::from_secs(7));
        }
    }
    world.run_until_idle();
    assert_eq!(world.heard(people[1], people[0]).len(), 6);
    (world, people)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn a_relay_is_told_no_text_no_name_and_no_identity() {
    let (world, people) = played();
    let mut needles: Vec<Vec<u8>> = vec![TEXT.into(), GREETING.into()];
    for person in people {
        let profile = world.profile(person);
        needles.push(profile.name().into());
        needles.push(profile.identity_key().serialize()[1..].to_vec());
        needles.push(profile.uuid().to_vec());
    }
    let mut searched = 0;
    for (_, bytes) in world.watch().bytes() {
        searched += bytes.len();
        for needle in &needles {
            assert!(!contains(bytes, needle), "the relay was told {:?}", String::from_utf8_lossy(needle));
        }
    }
    assert!(searched > 100_000, "the search saw {searched} bytes");
    // The needles are what they should be: the devices hold them.
    for needle in &needles {
        let holds =
            |person: &DeviceRef| world.store(*person).iter().any(|(_, bytes)| contains(bytes, needle));
        assert!(people.iter().any(holds), "{:?}", String::from_utf8_lossy(needle));
    }
}

#[test]
fn two_mailboxes_share_no_field() {
    let (world, _) = played();
    let mut owner_of: BTreeMap<[u8; 16], usize> = BTreeMap::new();
    let mut mailboxes = 0;
    for (number, (mailbox, bytes)) in world.watch().bytes().enumerate() {
        assert!(mailbox.is_some(), "every request is about one mailbox");
        mailboxes += 1;
        for window in bytes.windows(16) {
            let earlier = owner_of.insert(window.try_into().unwrap(), number);
            assert!(earlier.is_none_or(|earlier| earlier == number), "two mailboxes share {window:02x?}");
        }
    }
    // Three friendships: three invitations, and a mailbox for each of the two.
    assert_eq!(mailboxes, 9);
}
