//! What no honest sender does: chains set forward without sending, messages put together and signed by hand.

#![allow(dead_code, reason = "each test binary uses its share")]

use hmac::{Hmac, KeyInit as _, Mac as _};
use khaima_signal::{
    DistributionId, KeyPair, PrivateKey, SenderKeyDistributionMessage, SenderKeyMessage, SenderKeyRecord,
};
use prost::encoding::encode_varint;
use rand_core::CryptoRng;
use sha2::Sha256;

use crate::{
    common::Parts,
    common::sender_keys::{parts_of, read},
};

pub const ID: DistributionId = DistributionId::from_bytes([0xD1; 16]);

/// The one chain of a record of one's own, taken from its stored form.
pub struct OwnChain {
    parts: Parts,
    name: Vec<u8>,
}

impl OwnChain {
    pub fn of(record: &SenderKeyRecord) -> Self {
        let parts = parts_of(record);
        let mut states = parts.keys().filter(|name| name[0] == b's');
        let name = states.next().unwrap().clone();
        assert!(states.next().is_none() && parts[&name][2] == 1, "one chain, one's own");
        Self { name, parts }
    }

    fn state(&mut self) -> &mut [u8] {
        self.parts.get_mut(&self.name).unwrap()
    }

    pub fn chain_id(&self) -> u32 {
        u32::from_be_bytes(self.name[1..].try_into().unwrap())
    }

    pub fn signing_key(&self) -> PrivateKey {
        PrivateKey::deserialize(&self.parts[&self.name][3..35]).unwrap()
    }

    /// With its chain as many steps further as if it had sent messages.
    pub fn advanced(mut self, steps: u32) -> SenderKeyRecord {
        let state = self.state();
        for _ in 0..steps {
            let mut mac = Hmac::<Sha256>::new_from_slice(&state[35..67]).unwrap();
            mac.update(&[2]);
            state[35..67].copy_from_slice(&mac.finalize().into_bytes());
        }
        let iteration = u32::from_be_bytes(state[67..71].try_into().unwrap()) + steps;
        self.at(iteration)
    }

    /// With the same chain key at another iteration.
    pub fn at(mut self, iteration: u32) -> SenderKeyRecord {
        self.state()[67..71].copy_from_slice(&iteration.to_be_bytes());
        read(&self.parts)
    }

    /// With its chain marked as of another version.
    pub fn of_version(mut self, version: u8) -> SenderKeyRecord {
        self.state()[1] = version;
        read(&self.parts)
    }
}

/// The record with its chain further on by as many messages.
pub fn advanced(record: &SenderKeyRecord, steps: u32) -> SenderKeyRecord {
    OwnChain::of(record).advanced(steps)
}

/// A signed message with any ciphertext.
pub fn message<R: CryptoRng>(
    chain_id: u32,
    iteration: u32,
    ciphertext: &[u8],
    key: &PrivateKey,
    rng: &mut R,
) -> SenderKeyMessage {
    let mut bytes = vec![0x33, 0x0A, 16];
    bytes.extend_from_slice(ID.as_bytes());
    bytes.push(0x10);
    encode_varint(chain_id.into(), &mut bytes);
    bytes.push(0x18);
    encode_varint(iteration.into(), &mut bytes);
    bytes.push(0x22);
    encode_varint(ciphertext.len() as u64, &mut bytes);
    bytes.extend_from_slice(ciphertext);
    signed(bytes, key, rng)
}

/// The same message under another signature.
pub fn signed_again<R: CryptoRng>(
    message: &SenderKeyMessage,
    key: &PrivateKey,
    rng: &mut R,
) -> SenderKeyMessage {
    let covered = message.serialize().len() - 64;
    signed(message.serialize()[..covered].to_vec(), key, rng)
}

pub fn signed<R: CryptoRng>(mut bytes: Vec<u8>, key: &PrivateKey, rng: &mut R) -> SenderKeyMessage {
    let signature = key.sign(&[&bytes], rng);
    bytes.extend_from_slice(signature.as_bytes());
    SenderKeyMessage::decode(&bytes).unwrap()
}

/// The same chain, claimed for another signing key.
pub fn claimed(distribution: &SenderKeyDistributionMessage, key: &KeyPair) -> SenderKeyDistributionMessage {
    let mut bytes = distribution.serialize().to_vec();
    let at = bytes.len() - 33;
    bytes[at..].copy_from_slice(&key.public().serialize());
    SenderKeyDistributionMessage::decode(&bytes).unwrap()
}
