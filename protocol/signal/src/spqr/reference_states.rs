//! The recorded stored states of the reference implementation against ours, value by value.
//!
//! We do not read its form outside this test: nothing that people use holds such states. But a state of ours that has come
//! through the same conversation must hold the same values, and this says whether it does.
//!
//! Spec: SPQR 13 Persisted state, 16 Test vectors.

use std::{collections::BTreeMap, convert::Infallible, path::Path};

use libcrux_ml_kem::mlkem768::incremental;
use rand_core::{TryCryptoRng, TryRng};
use serde_json::Value;

use super::{
    braid::State,
    chain::{ChainParams, Direction, Half},
    erasure::{Decoder, Encoder},
    gf16,
    mlkem::{DecapsulationKey, Encapsulation},
    skipped::Page,
    state::{Live, Spqr},
};

/// A protobuf message: its fields in order.
struct Fields<'a>(Vec<(u64, Field<'a>)>);

#[derive(Clone, Copy)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(first & 0x7F) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    value
}

impl<'a> Fields<'a> {
    fn read(mut bytes: &'a [u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let field = match key & 7 {
                0 => Field::Number(varint(&mut bytes)),
                2 => {
                    let length = varint(&mut bytes) as usize;
                    let (field, rest) = bytes.split_at(length);
                    bytes = rest;
                    Field::Bytes(field)
                }
                other => panic!("wire type {other}"),
            };
            fields.push((key >> 3, field));
        }
        Self(fields)
    }

    fn all(&self, number: u64) -> Vec<&'a [u8]> {
        let of = |(found, field): &(u64, Field<'a>)| match field {
            Field::Bytes(bytes) if *found == number => Some(*bytes),
            _ => None,
        };
        self.0.iter().filter_map(of).collect()
    }

    /// Absent bytes are empty.
    fn bytes(&self, number: u64) -> &'a [u8] {
        self.all(number).last().copied().unwrap_or_default()
    }

    fn message(&self, number: u64) -> Option<Fields<'a>> {
        self.all(number).last().map(|bytes| Fields::read(bytes))
    }

    /// An absent number is 0.
    fn number(&self, number: u64) -> u64 {
        let of = |(found, field): &(u64, Field<'a>)| match field {
            Field::Number(value) if *found == number => Some(*value),
            _ => None,
        };
        self.0.iter().rev().find_map(of).unwrap_or(0)
    }
}

fn direction(number: u64) -> Direction {
    if number == 0 { Direction::A2B } else { Direction::B2A }
}

fn check_params(ours: ChainParams, theirs: &Fields<'_>) {
    let (max_jump, max_ooo_keys) = (theirs.number(1) as u32, theirs.number(2) as u32);
    assert_eq!(ours, ChainParams { max_jump, max_ooo_keys }.resolved());
}

fn check_half(ours: &Half, theirs: &Fields<'_>) {
    assert_eq!(u64::from(ours.counter), theirs.number(1));
    assert_eq!(ours.value.as_slice(), theirs.bytes(2));
}

fn check_chain(live: &Live, theirs: &Fields<'_>) {
    let ours = live.chain.as_ref().unwrap().to_parts();
    assert_eq!(ours.direction, direction(theirs.number(1)));
    assert_eq!(ours.current_epoch, theirs.number(2));
    assert_eq!(ours.next_root.as_slice(), theirs.bytes(4));
    assert_eq!(ours.send_epoch, theirs.number(5));
    check_params(ours.params, &theirs.message(6).unwrap());
    let links = theirs.all(3);
    assert_eq!(ours.links.len(), links.len());
    for (ours, theirs) in ours.links.iter().zip(links) {
        let theirs = Fields::read(theirs);
        let (send, receive) = (theirs.message(1).unwrap(), theirs.message(2).unwrap());
        match &ours.send {
            Some(half) => check_half(half, &send),
            None => assert!(send.bytes(2).is_empty()),
        }
        check_half(&ours.receive, &receive);
        let (kept, rest) = receive.bytes(3).as_chunks::<36>();
        assert!(rest.is_empty());
        let kept: BTreeMap<u32, &[u8]> = kept
            .iter()
            .map(|entry| (u32::from_be_bytes(entry[..4].try_into().unwrap()), &entry[4..]))
            .collect();
        let keys = ours.skipped.pages().flat_map(Page::keys);
        assert_eq!(keys.map(|held| (held.index, held.key.as_slice())).collect::<BTreeMap<_, _>>(), kept);
    }
}

fn elements(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks(2).map(|pair| u16::from_be_bytes(pair.try_into().unwrap())).collect()
}

fn check_encoder<const N: usize>(ours: &Encoder<N>, theirs: &Fields<'_>) {
    assert_eq!(u64::from(ours.next_index()), theirs.number(1));
    // Before the first parity chunk the columns' values are stored, from then on the polynomials' coefficients.
    let values = |columns: Vec<&[u8]>, value_at: &dyn Fn(&[u16], u16) -> u16| -> Vec<u8> {
        assert_eq!(columns.len(), 16);
        let columns: Vec<_> = columns.into_iter().map(elements).collect();
        (0..N as u16)
            .flat_map(|x| columns.iter().flat_map(move |column| value_at(column, x).to_be_bytes()))
            .collect()
    };
    let stored = theirs.all(2);
    let rows = if stored.is_empty() {
        values(theirs.all(3), &|column, x| column.iter().rev().fold(0, |sum, c| gf16::mul(sum, x) ^ c))
    } else {
        values(stored, &|column, x| column[usize::from(x)])
    };
    assert_eq!(ours.value().bytes(), rows);
}

fn check_decoder<const N: usize>(ours: &Decoder<N>, theirs: &Fields<'_>) {
    assert_eq!((theirs.number(1), theirs.number(2)), (N as u64 * 16, 16));
    let columns: Vec<_> = theirs.all(3).into_iter().map(elements).collect();
    assert_eq!(columns.len(), 16);
    for (number, column) in columns.iter().enumerate() {
        let held = ours.chunks().iter().flat_map(|chunk| {
            let at = 2 * number;
            [chunk.index, u16::from_be_bytes(chunk.data[at..at + 2].try_into().unwrap())]
        });
        assert_eq!(held.collect::<Vec<_>>(), *column);
    }
}

fn check_key(ours: &DecapsulationKey, theirs: &[u8]) {
    assert_eq!(incremental::KeyPairCompressedBytes::from_seed(*ours.seed().expose()).sk().as_slice(), theirs);
}

fn check_encapsulation(ours: &Encapsulation, theirs: &[u8]) {
    assert_eq!(ours.expanded().unwrap().as_slice(), theirs);
}

fn check_braid(live: &Live, theirs: &Fields<'_>) {
    let (code, bytes) = theirs.0.first().copied().unwrap();
    let Field::Bytes(bytes) = bytes else { panic!("a state is a message") };
    assert_eq!(u64::from(live.braid.state.code()), code);
    let theirs = Fields::read(bytes);
    let core = theirs.message(1).unwrap();
    assert_eq!(live.braid.epoch, core.number(1));
    let authenticator = core.message(2).unwrap();
    let (root_key, mac_key) = live.braid.authenticator.expose();
    assert_eq!((root_key.as_slice(), mac_key.as_slice()), (authenticator.bytes(1), authenticator.bytes(2)));
    let coder = |number| theirs.message(number).unwrap();
    match &live.braid.state {
        State::KeysUnsampled => {}
        State::KeysSampled { ek_vector, key, header } => {
            assert_eq!(ek_vector.bytes(), core.bytes(3));
            check_key(key, core.bytes(4));
            check_encoder(header, &coder(2));
        }
        State::HeaderSent { key, ek_vector, ct1 } => {
            check_key(key, core.bytes(3));
            check_encoder(ek_vector, &coder(2));
            check_decoder(ct1, &coder(3));
        }
        State::Ct1Received { key, ct1, ek_vector } => {
            check_key(key, core.bytes(3));
            assert_eq!(ct1.bytes(), core.bytes(4));
            check_encoder(ek_vector, &coder(2));
        }
        State::EkSentCt1Received { key, ct1, ct2 } => {
            check_key(key, core.bytes(3));
            assert_eq!(ct1.bytes(), core.bytes(4));
            check_decoder(ct2, &coder(3));
        }
        State::NoHeaderReceived { header } => check_decoder(header, &coder(2)),
        State::HeaderReceived { header } => {
            assert_eq!(header.0.as_slice(), core.bytes(3));
            check_decoder(&Decoder::<36>::new(), &coder(2));
        }
        State::Ct1Sampled { header, encapsulation, ct1, ek_vector } => {
            assert_eq!(header.0.as_slice(), core.bytes(3));
            check_encapsulation(encapsulation, core.bytes(4));
            assert_eq!(ct1.value().bytes(), core.bytes(5));
            check_encoder(ct1, &coder(2));
            check_decoder(ek_vector, &coder(3));
        }
        State::EkReceivedCt1Sampled { encapsulation, ct1, ek } => {
            check_encapsulation(encapsulation, core.bytes(3));
            assert_eq!(ek.vector().bytes(), core.bytes(4));
            assert_eq!(ct1.value().bytes(), core.bytes(5));
            check_encoder(ct1, &coder(2));
        }
        State::Ct1Acknowledged { header, encapsulation, ct1, ek_vector } => {
            assert_eq!(header.0.as_slice(), core.bytes(3));
            check_encapsulation(encapsulation, core.bytes(4));
            assert_eq!(ct1.bytes(), core.bytes(5));
            check_decoder(ek_vector, &coder(2));
        }
        State::Ct2Sampled { ct2 } => check_encoder(ct2, &coder(2)),
    }
}

fn check(ours: &Spqr, theirs: &[u8]) {
    let theirs = Fields::read(theirs);
    let live = ours.0.as_ref().unwrap();
    match (&live.negotiation, theirs.message(1)) {
        (Some(ours), Some(theirs)) => {
            assert_eq!(ours.auth_key.as_slice(), theirs.bytes(1));
            assert_eq!(ours.direction, direction(theirs.number(2)));
            assert_eq!(u64::from(ours.min_version), theirs.number(3));
            check_params(ours.params, &theirs.message(4).unwrap_or(Fields(Vec::new())));
        }
        (None, None) => {}
        _ => panic!("one side still negotiates"),
    }
    match theirs.message(2) {
        Some(theirs) => check_chain(live, &theirs),
        None => assert!(live.chain.is_none()),
    }
    check_braid(live, &theirs.message(3).unwrap());
}

/// Gives the recorded bytes once.
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
        out.copy_from_slice(&self.0.take().unwrap());
        Ok(())
    }
}

impl TryCryptoRng for Recorded {}

/// A recorded file: that of the directory `KHAIMA_VECTORS` names if it has recordings of this ratchet, else ours.
fn read(name: &str) -> Value {
    let theirs =
        std::env::var_os("KHAIMA_VECTORS").map(|directory| Path::new(&directory).join("spqr").join(name));
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/spqr").join(name);
    let path = theirs.filter(|path| path.exists()).unwrap_or(ours);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn hex_of(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

/// Both sides of a conversation after the event with this number.
fn after(conversation: &Value, last: u64) -> BTreeMap<String, Spqr> {
    let mut sides: BTreeMap<String, Spqr> = BTreeMap::new();
    for (name, params) in conversation["params"].as_object().unwrap() {
        let number = |field: &str| params[field].as_u64().unwrap();
        let limits =
            ChainParams { max_jump: number("max_jump") as u32, max_ooo_keys: number("max_ooo_keys") as u32 };
        let (version, min_version) = (number("version") as u8, number("min_version") as u8);
        let direction = if params["direction"] == "A2B" { Direction::A2B } else { Direction::B2A };
        let auth_key = hex_of(&params["auth_key"]);
        sides.insert(name.clone(), Spqr::new(direction, version, min_version, &auth_key, limits));
    }
    let mut sent: Vec<Vec<u8>> = Vec::new();
    for event in &conversation["events"].as_array().unwrap()[..=last as usize] {
        let side = sides.get_mut(event[1].as_str().unwrap()).unwrap();
        match event[0].as_str().unwrap() {
            "S" => {
                let random = event.get(5).filter(|random| !random.is_null()).map(hex_of);
                let done = side.send(&mut Recorded(random)).unwrap();
                sent.push(done.message);
                *side = done.state;
            }
            "R" => *side = side.recv(&sent[event[2].as_u64().unwrap() as usize]).unwrap().state,
            other => panic!("event {other}"),
        }
    }
    sides
}

#[test]
fn our_states_hold_what_the_recorded_ones_hold_in_each_of_the_eleven() {
    let recorded = read("states.json");
    let snapshots = recorded["snapshots"].as_array().unwrap();
    let mut codes = Vec::new();
    for snapshot in snapshots {
        let conversation = read(&format!("{}.json", snapshot["transcript"].as_str().unwrap()));
        let sides = after(&conversation, snapshot["after_event"].as_u64().unwrap());
        check(&sides[snapshot["side"].as_str().unwrap()], &hex_of(&snapshot["state"]));
        codes.push(snapshot["state_code"].as_u64().unwrap());
    }
    codes.sort_unstable();
    assert_eq!(codes, (1..=11).collect::<Vec<_>>());
}
