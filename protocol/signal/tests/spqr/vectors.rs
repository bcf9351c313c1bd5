//! Reading the vectors.

use std::{fs, path::Path};

use khaima_signal::hazmat::spqr::{ChainParams, Direction, Spqr, SpqrError};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A recorded file: that of the directory `KHAIMA_VECTORS` names if it has recordings of this ratchet, else ours.
pub fn read<T: DeserializeOwned>(name: &str) -> T {
    let theirs =
        std::env::var_os("KHAIMA_VECTORS").map(|directory| Path::new(&directory).join("spqr").join(name));
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/spqr").join(name);
    let path = theirs.filter(|path| path.exists()).unwrap_or(ours);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

pub fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

pub fn array<const N: usize>(hex: &str) -> [u8; N] {
    bytes(hex).try_into().unwrap()
}

pub fn direction(name: &str) -> Direction {
    match name {
        "A2B" => Direction::A2B,
        "B2A" => Direction::B2A,
        other => panic!("direction {other}"),
    }
}

/// The name an error has in the vectors.
pub fn name(error: SpqrError) -> &'static str {
    match error {
        SpqrError::StateDecode => "StateDecode",
        SpqrError::MsgDecode => "MsgDecode",
        SpqrError::MacVerifyFailed => "MacVerifyFailed",
        SpqrError::ErroneousDataReceived => "ErroneousDataReceived",
        SpqrError::EpochOutOfRange(_) => "EpochOutOfRange",
        SpqrError::VersionMismatch => "VersionMismatch",
        SpqrError::MinimumVersion => "MinimumVersion",
        SpqrError::KeyJump { .. } => "KeyJump",
        SpqrError::KeyTrimmed(_) => "KeyTrimmed",
        SpqrError::KeyAlreadyRequested(_) => "KeyAlreadyRequested",
        SpqrError::SendKeyEpochDecreased { .. } => "SendKeyEpochDecreased",
        SpqrError::ChainNotAvailable => "ChainNotAvailable",
        other => panic!("{other:?} is in no vector"),
    }
}

#[derive(Deserialize)]
pub struct Params {
    direction: String,
    version: u8,
    min_version: u8,
    auth_key: String,
    max_jump: u32,
    max_ooo_keys: u32,
}

impl Params {
    pub fn initial(&self) -> Spqr {
        let params = ChainParams { max_jump: self.max_jump, max_ooo_keys: self.max_ooo_keys };
        Spqr::new(direction(&self.direction), self.version, self.min_version, &bytes(&self.auth_key), params)
    }
}

#[derive(Deserialize)]
pub struct Sides<T> {
    pub a: T,
    pub b: T,
}

impl<T> Sides<T> {
    pub fn get(&self, side: &str) -> &T {
        match side {
            "a" => &self.a,
            "b" => &self.b,
            other => panic!("side {other}"),
        }
    }

    pub fn get_mut(&mut self, side: &str) -> &mut T {
        match side {
            "a" => &mut self.a,
            "b" => &mut self.b,
            other => panic!("side {other}"),
        }
    }
}
