//! A seeded conversation of two people in a world where everything goes wrong, and what must hold all the same.
//!
//! Two people who know each other write for a while: bursts, pauses, short words and long texts. Meanwhile frames are
//! lost, repeated and overtaken, connections break, the network of one or the other is cut for up to 7 days, devices die
//! before and after commits, relays die with requests in hand. Then the world heals, and:
//!
//! * everything that was taken into an outbox is shown to the other person, once;
//! * where connections kept their order, it is shown in the order in which it was written;
//! * no row says that something is missing or unreadable, and nothing was dropped but repetitions;
//! * both can go on: a last word each way arrives and is receipted;
//! * no message key was used for two messages, and nothing waits anywhere.
//!
//! Not its concern: how people meet (`tests/meeting.rs`).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use khaima_engine::DropReason;
use khaima_engine::query::{self, MessageState, RowBody};
use khaima_wire::Timestamp;
use rand::RngExt;

use crate::world::{DeviceRef, Kind, Seed, Stream, Weather, World};

/// What a run was like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Texts taken into an outbox.
    pub messages: u64,
    /// Different envelopes that left a device.
    pub envelopes: u64,
    /// Requests sent, repetitions included.
    pub requests: u64,
    /// Crashes of devices.
    pub crashes: u64,
    /// Deaths of relays.
    pub relay_deaths: u64,
    /// Times a device was cut off.
    pub cuts: u64,
    /// Virtual time, in milliseconds.
    pub millis: u64,
}

impl Report {
    /// Adds up.
    pub fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.envelopes += other.envelopes;
        self.requests += other.requests;
        self.crashes += other.crashes;
        self.relay_deaths += other.relay_deaths;
        self.cuts += other.cuts;
        self.millis += other.millis;
    }
}

/// Longest time without a network: 7 days.
const LONGEST_CUT_MILLIS: u64 = 7 * 86_400_000;

/// The cuts of a run.
struct Cuts {
    count: u64,
    /// When the last of them ends.
    longest_until: Timestamp,
}

/// Plays the conversation of a seed.
///
/// # Errors
/// What did not hold. The caller names the seed.
pub fn play(seed: Seed) -> Result<Report> {
    let mut world = World::new(seed);
    let (alice, bob) = (world.device("Alice"), world.device("Bob"));
    let weather = Weather::rough(world.rng());
    world.set_weather(weather);
    let mut sent = [Vec::new(), Vec::new()];
    let mut cuts = Cuts { count: 0, longest_until: world.now() };
    let messages = world.rng().random_range(8..=32);
    for number in 0..messages {
        let side = usize::from(world.rng().random_bool(0.5));
        let (from, to) = if side == 0 { (alice, bob) } else { (bob, alice) };
        let text = text(&mut world, number);
        if world.say(from, to, &text) {
            sent[side].push(text);
        }
        trouble(&mut world, [alice, bob], &mut cuts);
        let pause = pause(&mut world);
        world.run_for(pause);
    }
    // Cuts end when they end: what was written during the longest one waits for all of it.
    let left = cuts.longest_until.millis_since(world.now());
    world.run_for(Duration::from_millis(left));
    world.heal();
    world.run_until_idle();
    check(&world, alice, bob, &sent[0], weather.stream).context("what Alice wrote")?;
    check(&world, bob, alice, &sent[1], weather.stream).context("what Bob wrote")?;
    for (from, to, side) in [(alice, bob, 0), (bob, alice, 1)] {
        let last = "a last word".to_owned();
        ensure!(world.say(from, to, &last), "the last word was not taken");
        sent[side].push(last);
    }
    world.run_until_idle();
    check(&world, alice, bob, &sent[0], weather.stream).context("Alice's last word")?;
    check(&world, bob, alice, &sent[1], weather.stream).context("Bob's last word")?;
    check_envelopes(&world)?;
    Ok(Report {
        messages: sent.iter().map(|sent| sent.len() as u64).sum(),
        envelopes: world.watch().submitted().len() as u64,
        requests: world.watch().requests(),
        crashes: world.crashes(),
        relay_deaths: world.relay_deaths(),
        cuts: cuts.count,
        millis: world.now().millis_since(World::new(seed).now()),
    })
}

/// Each text is another one. Most are short, some fill the larger envelopes.
fn text(world: &mut World, number: u32) -> String {
    let length = match world.below(40) {
        0 => 60_000,
        1 | 2 => 20_000,
        3..=6 => 4_000,
        _ => 30,
    };
    let length = world.below(length);
    format!("{number}: {}", "w".repeat(length as usize))
}

/// Most messages come in bursts, some after minutes, hours or a day.
fn pause(world: &mut World) -> Duration {
    let most = match world.below(20) {
        0 => 36 * 3_600_000,
        1..=3 => 900_000,
        4..=9 => 20_000,
        _ => 1_500,
    };
    Duration::from_millis(world.below(most))
}

/// Now and then somebody loses the network, a person ends the program, an operator restarts the relay.
fn trouble(world: &mut World, people: [DeviceRef; 2], cuts: &mut Cuts) {
    let who = people[world.below(2) as usize];
    match world.below(60) {
        0 | 1 => {
            // From a second to a week, each magnitude as often as the others.
            let exponent = world.rng().random_range(0.0..=1.0);
            let millis = 1_000.0 * (LONGEST_CUT_MILLIS as f64 / 1_000.0).powf(exponent);
            world.disconnect_for(who, Duration::from_millis(millis as u64));
            cuts.count += 1;
            cuts.longest_until = cuts.longest_until.max(world.now().plus_millis(millis as u64));
        }
        2 => {
            world.crash(who);
            world.start(who);
        }
        3 => {
            let relay = world.home();
            let down = 1_000 + world.below(600_000);
            world.kill_relay(relay, down);
        }
        _ => {}
    }
}

/// What `from` wrote, against what both sides show.
fn check(world: &World, from: DeviceRef, to: DeviceRef, sent: &[String], stream: Stream) -> Result<()> {
    let heard = world.heard(to, from);
    let shown = |texts: &[String]| texts.iter().map(|text| head(text)).collect::<Vec<_>>().join(" | ");
    if stream == Stream::Ordered {
        ensure!(heard == sent, "sent: {}; shown: {}", shown(sent), shown(&heard));
    }
    let (mut expected, mut found) = (sent.to_vec(), heard.clone());
    expected.sort();
    found.sort();
    ensure!(expected == found, "sent: {}; shown: {}", shown(sent), shown(&heard));
    let said = world.said(from, to);
    ensure!(said.len() == sent.len(), "{} of {} are in the sender's own thread", said.len(), sent.len());
    for (text, state) in &said {
        ensure!(matches!(state, MessageState::Delivered { .. }), "`{}` is {state:?}", head(text));
    }
    for row in world.rows(to, from) {
        ensure!(matches!(row.body, RowBody::Text(_)), "a row says {:?}", row.body);
    }
    for (reason, count) in query::dropped(world.store(to))? {
        ensure!(reason == DropReason::Duplicate, "{count} were dropped: {reason:?}");
    }
    Ok(())
}

/// What was seen leaving the devices.
fn check_envelopes(world: &World) -> Result<()> {
    let watch = world.watch();
    ensure!(watch.reused_keys().is_empty(), "message keys: {:?}", watch.reused_keys());
    let strange = watch.submitted().iter().filter(|envelope| envelope.kind == Kind::Unknown).count();
    ensure!(strange == 0, "{strange} envelopes were sealed for nobody");
    ensure!(world.waiting(world.home()) == 0, "envelopes still wait at the relay");
    Ok(())
}

fn head(text: &str) -> String {
    text.chars().take(8).collect()
}
