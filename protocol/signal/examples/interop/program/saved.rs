//! A party as bytes, for `save` and `load`: version 1 | SHA-256 of the rest 32 | protobuf.
//!
//! The digest makes every damage an error: records by themselves keep what they cannot read, and a changed key is a key.
//!
//! Not its concern: the stored forms inside, which are the crate's.

use khaima_signal::{
    DeviceId, DistributionId, IdentityKey, IdentityKeyPair, KyberPreKey, OneTimePreKey, PrivateKey,
    ProtocolAddress, PublicKey, RecordPart, SenderKeyRecord, SessionRecord, SignedPreKey, StoredKyber,
};
use prost::Message;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::party::Party;

const VERSION: u8 = 1;

/// Everything the party holds.
pub fn encode(party: &Party) -> Vec<u8> {
    let body = SavedParty::from(party).encode_to_vec();
    [&[VERSION], Sha256::digest(&body).as_slice(), &body].concat()
}

/// The party again; `None` for bytes that [`encode`] did not give.
pub fn decode(bytes: &[u8]) -> Option<Party> {
    let (&VERSION, rest) = bytes.split_first()? else {
        return None;
    };
    let (digest, body) = rest.split_first_chunk::<32>()?;
    if Sha256::digest(body).as_slice() != digest {
        return None;
    }
    SavedParty::decode(body).ok()?.into_party()
}

impl From<&Party> for SavedParty {
    fn from(party: &Party) -> Self {
        let prekeys = &party.prekeys;
        Self {
            identity_private: party.identity.private().serialize().expose().to_vec(),
            address: Some(SavedAddress::from(&party.address)),
            registration_id: party.registration_id,
            last_ids: vec![prekeys.one_time.last_id, prekeys.signed.last_id, prekeys.kyber.last_id],
            one_time: prekeys.one_time.kept.values().map(|prekey| prekey.encode().to_vec()).collect(),
            signed: prekeys.signed.kept.values().map(|prekey| prekey.encode().to_vec()).collect(),
            kyber: prekeys
                .kyber
                .kept
                .values()
                .map(|stored| SavedKyber {
                    prekey: stored.prekey.encode().to_vec(),
                    last_resort: stored.last_resort,
                })
                .collect(),
            seen: prekeys
                .seen
                .iter()
                .map(|(kyber, signed, base_key)| SavedBaseKey {
                    kyber: *kyber,
                    signed: *signed,
                    base_key: base_key.to_vec(),
                })
                .collect(),
            identities: party
                .identities
                .iter()
                .map(|(address, key)| SavedIdentity {
                    address: Some(address.into()),
                    key: key.serialize().to_vec(),
                })
                .collect(),
            sessions: party
                .sessions
                .iter()
                .map(|(address, record)| SavedRecord {
                    address: Some(address.into()),
                    distribution_id: Vec::new(),
                    parts: saved_parts(record.to_parts()),
                })
                .collect(),
            sender_keys: party
                .sender_keys
                .iter()
                .map(|((address, id), record)| SavedRecord {
                    address: Some(address.into()),
                    distribution_id: id.as_bytes().to_vec(),
                    parts: saved_parts(record.to_parts()),
                })
                .collect(),
        }
    }
}

impl SavedParty {
    fn into_party(self) -> Option<Party> {
        let identity = IdentityKeyPair::from_private(PrivateKey::deserialize(&self.identity_private).ok()?);
        let mut party = Party::new(identity, self.address?.into_address()?, self.registration_id);
        let prekeys = &mut party.prekeys;
        [prekeys.one_time.last_id, prekeys.signed.last_id, prekeys.kyber.last_id] =
            self.last_ids.try_into().ok()?;
        for bytes in self.one_time {
            let prekey = OneTimePreKey::decode(&bytes).ok()?;
            prekeys.one_time.kept.insert(prekey.id.value(), prekey);
        }
        for bytes in self.signed {
            let prekey = SignedPreKey::decode(&bytes).ok()?;
            prekeys.signed.kept.insert(prekey.id.value(), prekey);
        }
        for SavedKyber { prekey, last_resort } in self.kyber {
            let prekey = KyberPreKey::decode(&prekey).ok()?;
            prekeys.kyber.kept.insert(prekey.id.value(), StoredKyber { prekey, last_resort });
        }
        for SavedBaseKey { kyber, signed, base_key } in self.seen {
            let base_key = PublicKey::deserialize(&base_key).ok()?.serialize();
            prekeys.seen.insert((kyber, signed, base_key));
        }
        for SavedIdentity { address, key } in self.identities {
            party.identities.insert(address?.into_address()?, IdentityKey::deserialize(&key).ok()?);
        }
        for SavedRecord { address, parts, .. } in self.sessions {
            let record = SessionRecord::from_parts(record_parts(parts)).ok()?;
            party.sessions.insert(address?.into_address()?, record);
        }
        for SavedRecord { address, distribution_id, parts } in self.sender_keys {
            let id = DistributionId::from_bytes(distribution_id.try_into().ok()?);
            let record = SenderKeyRecord::from_parts(record_parts(parts)).ok()?;
            party.sender_keys.insert((address?.into_address()?, id), record);
        }
        Some(party)
    }
}

impl From<&ProtocolAddress> for SavedAddress {
    fn from(address: &ProtocolAddress) -> Self {
        Self { name: address.name().to_owned(), device: address.device().into() }
    }
}

impl SavedAddress {
    fn into_address(self) -> Option<ProtocolAddress> {
        Some(ProtocolAddress::new(self.name, DeviceId::try_from(self.device).ok()?))
    }
}

fn saved_parts(parts: Vec<RecordPart>) -> Vec<SavedPart> {
    parts.into_iter().map(|part| SavedPart { name: part.name, bytes: part.bytes.to_vec() }).collect()
}

fn record_parts(parts: Vec<SavedPart>) -> impl Iterator<Item = RecordPart> {
    parts.into_iter().map(|part| RecordPart { name: part.name, bytes: Zeroizing::new(part.bytes) })
}

#[derive(Clone, PartialEq, Message)]
struct SavedParty {
    #[prost(bytes = "vec", tag = "1")]
    identity_private: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    address: Option<SavedAddress>,
    #[prost(uint32, tag = "3")]
    registration_id: u32,
    #[prost(uint32, repeated, tag = "4")]
    last_ids: Vec<u32>,
    #[prost(bytes = "vec", repeated, tag = "5")]
    one_time: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "6")]
    signed: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "7")]
    kyber: Vec<SavedKyber>,
    #[prost(message, repeated, tag = "8")]
    seen: Vec<SavedBaseKey>,
    #[prost(message, repeated, tag = "9")]
    identities: Vec<SavedIdentity>,
    #[prost(message, repeated, tag = "10")]
    sessions: Vec<SavedRecord>,
    #[prost(message, repeated, tag = "11")]
    sender_keys: Vec<SavedRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct SavedAddress {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint32, tag = "2")]
    device: u32,
}

#[derive(Clone, PartialEq, Message)]
struct SavedKyber {
    #[prost(bytes = "vec", tag = "1")]
    prekey: Vec<u8>,
    #[prost(bool, tag = "2")]
    last_resort: bool,
}

#[derive(Clone, PartialEq, Message)]
struct SavedBaseKey {
    #[prost(uint32, tag = "1")]
    kyber: u32,
    #[prost(uint32, tag = "2")]
    signed: u32,
    #[prost(bytes = "vec", tag = "3")]
    base_key: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct SavedIdentity {
    #[prost(message, optional, tag = "1")]
    address: Option<SavedAddress>,
    #[prost(bytes = "vec", tag = "2")]
    key: Vec<u8>,
}

/// A session, or a sender key with its distribution id.
#[derive(Clone, PartialEq, Message)]
struct SavedRecord {
    #[prost(message, optional, tag = "1")]
    address: Option<SavedAddress>,
    #[prost(bytes = "vec", tag = "2")]
    distribution_id: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    parts: Vec<SavedPart>,
}

#[derive(Clone, PartialEq, Message)]
struct SavedPart {
    #[prost(bytes = "vec", tag = "1")]
    name: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    bytes: Vec<u8>,
}
