//! Every decoder of the crate that reads a protobuf from somebody else, with bytes that it reads.

use khaima_signal::sealed_sender::{SealedContent, SenderCertificate, ServerCertificate, open, v1};
use khaima_signal::{
    DecryptionErrorMessage, ErrorClass, LocalIdentity as _, MessageType, PlaintextContent,
    PreKeySignalMessage, SafetyNumber, SafetyNumberSide, SenderKeyDistributionMessage, SenderKeyMessage,
    SignalMessage, Timestamp, compare_scannable,
};

use crate::certificates::Authority;
use crate::world::{ALICE, BOB, World};

pub type Decode = Box<dyn Fn(&[u8]) -> Result<(), ErrorClass>>;

pub struct Decoder {
    pub name: &'static str,
    /// Something that it reads.
    pub valid: Vec<u8>,
    /// How many bytes stand before and after the protobuf.
    pub around: [usize; 2],
    /// What it says to a protobuf that is none.
    pub malformed: ErrorClass,
    pub decode: Decode,
}

impl Decoder {
    pub fn protobuf(&self) -> &[u8] {
        &self.valid[self.around[0]..self.valid.len() - self.around[1]]
    }

    /// The valid bytes with another protobuf.
    pub fn with(&self, protobuf: &[u8]) -> Vec<u8> {
        let [before, after] = self.around;
        [&self.valid[..before], protobuf, &self.valid[self.valid.len() - after..]].concat()
    }

    pub fn read(&self, bytes: &[u8]) -> Result<(), ErrorClass> {
        (self.decode)(bytes)
    }
}

macro_rules! decoder {
    ($name:literal, $valid:expr, $around:expr, $decode:expr) => {
        Decoder {
            name: $name,
            valid: $valid,
            around: $around,
            malformed: ErrorClass::Malformed,
            decode: Box::new(move |bytes: &[u8]| $decode(bytes).map(drop).map_err(|error| error.class())),
        }
    };
}

pub fn all() -> Vec<Decoder> {
    let mut world = World::new(72_000);
    let authority = Authority::new(&mut world.rng);
    world.start(ALICE, BOB);
    let first = world.encrypt(ALICE, BOB, b"text");
    let error = DecryptionErrorMessage::for_message(
        MessageType::PreKey,
        first.serialize(),
        Timestamp::from_millis(1 << 40),
        7,
    )
    .unwrap();
    let handed_out = world.hand_out(ALICE);
    let certificate = authority.certify(&world.people[ALICE].device, &mut world.rng);
    let content = SealedContent {
        message_type: MessageType::PreKey,
        certificate: certificate.clone(),
        content: first.serialize().to_vec(),
        hint: khaima_signal::sealed_sender::ContentHint::Resendable,
        group_id: Some(vec![9; 9]),
    };
    let identities = [ALICE, BOB].map(|who| world.people[who].device.identity.clone());
    let [alice, bob] = &identities;
    let envelope = v1::seal(&content.encode(), alice, &bob.identity_key(), &mut world.rng).unwrap();
    let keys = identities.clone().map(|identity| identity.identity_key());
    let [mine, theirs] = [[0, 1], [1, 0]].map(|[local, remote]| {
        let side = |at: usize| SafetyNumberSide { identifier: &[7; 16], key: &keys[at] };
        SafetyNumber::with_parameters(2, 2, side(local), side(remote)).unwrap().to_scannable()
    });
    let recipient = bob.clone();
    vec![
        decoder!("SignalMessage", first.signal_message().serialize().to_vec(), [1, 8], SignalMessage::decode),
        decoder!("PreKeySignalMessage", first.serialize().to_vec(), [1, 0], PreKeySignalMessage::decode),
        decoder!(
            "SenderKeyMessage",
            world.group_encrypt(ALICE, b"text").serialize().to_vec(),
            [1, 64],
            SenderKeyMessage::decode
        ),
        decoder!(
            "SenderKeyDistributionMessage",
            handed_out.serialize().to_vec(),
            [1, 0],
            SenderKeyDistributionMessage::decode
        ),
        decoder!("DecryptionErrorMessage", error.encode(), [0, 0], DecryptionErrorMessage::decode),
        decoder!(
            "content of a PlaintextContent",
            PlaintextContent::from(&error).body().to_vec(),
            [0, 1],
            DecryptionErrorMessage::from_body
        ),
        decoder!("ServerCertificate", authority.server.encode().to_vec(), [0, 0], ServerCertificate::decode),
        decoder!("SenderCertificate", certificate.encode().to_vec(), [0, 0], SenderCertificate::decode),
        decoder!("SealedContent", content.encode(), [0, 0], SealedContent::decode),
        decoder!("sealed sender 1", envelope, [1, 0], |bytes: &[u8]| open(bytes, &recipient)),
        Decoder {
            malformed: ErrorClass::FingerprintInvalid,
            ..decoder!("scanned safety number", theirs, [0, 0], |bytes: &[u8]| {
                compare_scannable(&mine, bytes)
            })
        },
    ]
}

/// The fields of a protobuf without groups: key, and the rest as it was.
pub fn fields(mut protobuf: &[u8]) -> Vec<(u64, Field)> {
    let mut found = Vec::new();
    while !protobuf.is_empty() {
        let key = varint(&mut protobuf);
        let value = match key & 7 {
            0 => Field::Varint(varint(&mut protobuf)),
            1 => Field::Fixed(take(&mut protobuf, 8)),
            2 => {
                let length = varint(&mut protobuf);
                Field::Bytes(take(&mut protobuf, length as usize))
            }
            5 => Field::Fixed(take(&mut protobuf, 4)),
            other => panic!("wire type {other}"),
        };
        found.push((key, value));
    }
    found
}

#[derive(Clone)]
pub enum Field {
    Varint(u64),
    Fixed(Vec<u8>),
    Bytes(Vec<u8>),
}

/// Writes fields with the given way of writing numbers: keys, lengths and values alike.
pub fn write(fields: &[(u64, Field)], number: impl Fn(u64) -> Vec<u8>) -> Vec<u8> {
    let one = |(key, value): &(u64, Field)| {
        let value = match value {
            Field::Varint(value) => number(*value),
            Field::Fixed(bytes) => bytes.clone(),
            Field::Bytes(bytes) => [number(bytes.len() as u64), bytes.clone()].concat(),
        };
        [number(*key), value].concat()
    };
    fields.iter().flat_map(one).collect()
}

/// A number in as few bytes as possible.
pub fn shortest(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(number, &mut bytes);
    bytes
}

/// A number in exactly so many bytes, ten at the most.
pub fn in_bytes(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = shortest(number);
    while bytes.len() < length {
        *bytes.last_mut().unwrap() |= 0x80;
        bytes.push(0);
    }
    bytes
}

fn varint(bytes: &mut &[u8]) -> u64 {
    prost::encoding::decode_varint(bytes).unwrap()
}

fn take(bytes: &mut &[u8], length: usize) -> Vec<u8> {
    let (taken, rest) = bytes.split_at(length);
    *bytes = rest;
    taken.to_vec()
}
