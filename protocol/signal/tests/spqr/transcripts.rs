//! Whole recorded conversations, played again on both sides with the recorded randomness.

use std::convert::Infallible;

use khaima_signal::hazmat::spqr::{Spqr, Status};
use rand::rand_core::{TryCryptoRng, TryRng};
use serde::Deserialize;
use serde_json::Value;

use crate::vectors::{Params, Sides, bytes, name, read};

/// Gives the recorded bytes, in one request of just that length, and nothing else.
struct Recorded(Option<Vec<u8>>);

impl TryRng for Recorded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("no single words are drawn");
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("no single words are drawn");
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.copy_from_slice(&self.0.take().expect("this send draws nothing"));
        Ok(())
    }
}

impl TryCryptoRng for Recorded {}

#[derive(Deserialize)]
struct Conversation {
    #[serde(default)]
    name: String,
    params: Sides<Params>,
    events: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
struct Negotiation {
    cases: Vec<Conversation>,
}

/// How a state gets from one event to the next.
#[derive(Clone, Copy)]
enum Between {
    Typed,
    Stored,
    StoredInParts,
}

impl Between {
    fn carry(self, state: Spqr) -> Spqr {
        match self {
            Self::Typed => state,
            Self::Stored => {
                let stored = state.encode();
                let read = Spqr::decode(&stored).unwrap();
                assert_eq!(read.encode(), stored, "the stored form is stable");
                read
            }
            Self::StoredInParts => {
                let parts = state.encode_parts(None);
                let page = |epoch, number| {
                    let found = parts.pages.iter().find(|page| (page.epoch, page.number) == (epoch, number));
                    found.map(|page| page.bytes.as_slice())
                };
                Spqr::decode_parts(&parts.base, page).unwrap()
            }
        }
    }
}

fn key_of(value: &Value) -> Option<Vec<u8>> {
    value.as_str().map(bytes)
}

fn status(state: &Spqr) -> String {
    match state.status() {
        Status::Negotiating { version, min_version } => format!("negotiating v{version} min{min_version}"),
        Status::Complete { version } => format!("complete v{version}"),
    }
}

fn play(conversation: &Conversation, between: Between, with_status: bool) {
    let Conversation { name: title, params, events } = conversation;
    let mut states = Sides { a: params.a.initial(), b: params.b.initial() };
    let mut sent: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let here = format!("{title}, event {at}: {event:?}");
        let side = event[1].as_str().unwrap();
        let state = between.carry(states.get(side).clone());
        let before = state.encode();
        let input = |value: &Value| match value.as_u64() {
            Some(number) => sent[number as usize].clone(),
            None => (bytes(value.as_str().unwrap()), None),
        };
        let code = match event[0].as_str().unwrap() {
            "S" => {
                let random = event.get(5).and_then(Value::as_str).filter(|random| !random.is_empty());
                let mut rng = Recorded(random.map(bytes));
                let done = state.send(&mut rng).unwrap_or_else(|error| panic!("{error}: {here}"));
                let key = done.key.map(|key| key.expose().to_vec());
                assert!(rng.0.is_none(), "the recorded bytes were drawn: {here}");
                assert_eq!(done.message, bytes(event[2].as_str().unwrap()), "{here}");
                assert_eq!(key, key_of(&event[3]), "{here}");
                sent.push((done.message, key));
                *states.get_mut(side) = done.state;
                Some(&event[4])
            }
            kind @ ("R" | "X") => {
                let (message, sent_key) = input(&event[2]);
                let done = state.recv(&message).unwrap_or_else(|error| panic!("{error}: {here}"));
                let key = done.key.map(|key| key.expose().to_vec());
                let expected = if kind == "R" && event[3] == 1 { sent_key } else { key_of(&event[3]) };
                assert_eq!(key, expected, "{here}");
                *states.get_mut(side) = done.state;
                Some(&event[4])
            }
            "E" => {
                let (message, _) = input(&event[2]);
                let error = state.recv(&message).err().unwrap_or_else(|| panic!("no error: {here}"));
                assert_eq!(name(error), event[3].as_str().unwrap(), "{here}");
                None
            }
            other => panic!("event {other}"),
        };
        if let Some(code) = code {
            assert_eq!(u64::from(states.get(side).state_code()), code.as_u64().unwrap(), "{here}");
        }
        if with_status {
            assert_eq!(status(states.get(side)), event.last().unwrap().as_str().unwrap(), "{here}");
        }
        assert_eq!(state.encode(), before, "the old state is as it was: {here}");
    }
}

fn play_file(name: &str) {
    let conversation: Conversation = read(name);
    for between in [Between::Typed, Between::Stored, Between::StoredInParts] {
        play(&conversation, between, false);
    }
}

#[test]
fn ping_pong_replays() {
    play_file("t01_pingpong.json");
}

#[test]
fn a_conversation_with_loss_replays() {
    play_file("t02_loss.json");
}

#[test]
fn a_reordered_conversation_replays() {
    play_file("t03_reorder.json");
}

#[test]
fn a_conversation_in_bursts_replays() {
    play_file("t04_bursts.json");
}

#[test]
fn a_conversation_with_loss_reordering_and_replays_replays() {
    play_file("t05_loss_reorder_replay.json");
}

#[test]
fn a_conversation_whose_first_messages_have_no_key_replays() {
    play_file("t06_b_heavy_min_v0.json");
}

#[test]
fn a_conversation_from_parity_chunks_replays() {
    play_file("t07_parity.json");
}

#[test]
fn a_conversation_under_attack_replays() {
    play_file("t08_errors.json");
}

#[test]
fn every_negotiation_replays() {
    let Negotiation { cases } = read("negotiation.json");
    assert_eq!(cases.len(), 18);
    for case in &cases {
        for between in [Between::Typed, Between::Stored, Between::StoredInParts] {
            play(case, between, true);
        }
    }
}
