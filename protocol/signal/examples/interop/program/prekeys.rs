//! Commands about prekeys and bundles.
//!
//! Spec: interop 2 Types (bundle), 4 Commands, Sessions.

use khaima_signal::{
    BundleError, ErrorClass, IdentityKey, KemPublicKey, KyberPreKey, KyberPreKeyId, LocalIdentity as _,
    OneTimePreKey, PreKeyBundleIn, PreKeyId, PublicKey, SessionRecord, SignedPreKey, SignedPreKeyId,
    StartError, StoredKyber, Timestamp,
};
use serde_json::{Value, json};

use super::failure::Failure;
use super::party::{Parties, Party};
use super::protocol::{Answer, Arguments, rng};

pub fn bundle(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let with_one_time: bool = arguments.get("one_time")?;
    let last_resort = match arguments.get::<String>("kyber")?.as_str() {
        "one_time" => false,
        "last_resort" => true,
        _ => return Err(Failure::bad_request("the argument 'kyber' is neither of the two it may be")),
    };
    let reuse = arguments.optional("reuse")?.unwrap_or(false);

    let one_time = with_one_time.then(|| new_one_time(party));
    let signed = match newest_signed(party).filter(|_| reuse) {
        Some(signed) => signed,
        None => new_signed(party),
    };
    let kyber = match newest_last_resort(party).filter(|_| reuse && last_resort) {
        Some(kyber) => kyber,
        None => new_kyber(party, last_resort),
    };
    Ok(json!({ "bundle": {
        "registration_id": party.registration_id,
        "device": party.address.device().value(),
        "identity_key": hex::encode(party.identity.identity_key().serialize()),
        "prekey_id": one_time.as_ref().map(|prekey| prekey.id.value()),
        "prekey": one_time.as_ref().map(|prekey| hex::encode(prekey.key_pair.public().serialize())),
        "signed_prekey_id": signed.id.value(),
        "signed_prekey": hex::encode(signed.key_pair.public().serialize()),
        "signed_prekey_signature": hex::encode(signed.signature.as_bytes()),
        "kyber_prekey_id": kyber.id.value(),
        "kyber_prekey": hex::encode(kyber.key_pair.public().serialize()),
        "kyber_prekey_signature": hex::encode(kyber.signature.as_bytes()),
    }}))
}

pub fn prekeys(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let prekeys = &parties.named(arguments)?.prekeys;
    Ok(json!({
        "prekeys": prekeys.one_time.kept.keys().collect::<Vec<_>>(),
        "signed_prekeys": prekeys.signed.kept.keys().collect::<Vec<_>>(),
        "kyber_prekeys": prekeys.kyber.kept.keys().collect::<Vec<_>>(),
    }))
}

pub fn process_bundle(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let peer = arguments.address()?;
    let bundle = Bundle::read(&arguments.get("bundle")?)?;
    let now = arguments.now()?;

    let bundle = bundle.checked()?;
    let peer = peer.checked()?;
    let identity = bundle.identity_key;
    let record = match party.sessions.get(&peer) {
        Some(record) => record.clone(),
        None => SessionRecord::empty(),
    };
    let record = record.verify_and_start(&party.local(), &peer, bundle, &*party, now, &mut rng())?;
    party.store_session(peer, record, identity);
    Ok(Value::Null)
}

/// A bundle whose keys are bytes yet.
struct Bundle {
    registration_id: u32,
    device: u64,
    identity_key: Vec<u8>,
    prekey_id: Option<u32>,
    prekey: Option<Vec<u8>>,
    signed_id: u32,
    signed_key: Vec<u8>,
    signed_signature: Vec<u8>,
    kyber_id: u32,
    kyber_key: Vec<u8>,
    kyber_signature: Vec<u8>,
}

impl Bundle {
    fn read(fields: &Arguments<'_>) -> Result<Self, Failure> {
        Ok(Self {
            registration_id: fields.get("registration_id")?,
            device: fields.get("device")?,
            identity_key: fields.hex("identity_key")?,
            prekey_id: fields.get("prekey_id")?,
            prekey: fields.hex_or_null("prekey")?,
            signed_id: fields.get("signed_prekey_id")?,
            signed_key: fields.hex("signed_prekey")?,
            signed_signature: fields.hex("signed_prekey_signature")?,
            kyber_id: fields.get("kyber_prekey_id")?,
            kyber_key: fields.hex("kyber_prekey")?,
            kyber_signature: fields.hex("kyber_prekey_signature")?,
        })
    }

    /// Keys before everything else, then whether id and key of the one-time prekey go together.
    fn checked(self) -> Result<PreKeyBundleIn, Failure> {
        let identity_key = IdentityKey::deserialize(&self.identity_key)?;
        let prekey = self.prekey.as_deref().map(PublicKey::deserialize).transpose()?;
        let signed_key = PublicKey::deserialize(&self.signed_key)?;
        let kyber_key = KemPublicKey::deserialize(&self.kyber_key)?;
        let one_time = match (self.prekey_id, prekey) {
            (Some(id), Some(key)) => Some((PreKeyId::new(id), key)),
            (None, None) => None,
            _ => return Err(Failure::new(ErrorClass::InvalidArgument, "half of a one-time prekey")),
        };
        Ok(PreKeyBundleIn {
            registration_id: self.registration_id,
            device_id: u32::try_from(self.device)
                .map_err(|_| StartError::Bundle(BundleError::InvalidArgument))?,
            one_time,
            signed_id: SignedPreKeyId::new(self.signed_id),
            signed_key,
            signed_signature: self.signed_signature,
            identity_key,
            kyber_id: KyberPreKeyId::new(self.kyber_id),
            kyber_key,
            kyber_signature: self.kyber_signature,
        })
    }
}

fn new_one_time(party: &mut Party) -> OneTimePreKey {
    party.prekeys.one_time.add(|id| OneTimePreKey::generate(PreKeyId::new(id), &mut rng()))
}

fn new_signed(party: &mut Party) -> SignedPreKey {
    let Party { identity, prekeys, .. } = party;
    prekeys.signed.add(|id| SignedPreKey::generate(SignedPreKeyId::new(id), &*identity, CREATED, &mut rng()))
}

fn new_kyber(party: &mut Party, last_resort: bool) -> KyberPreKey {
    let Party { identity, prekeys, .. } = party;
    let stored = prekeys.kyber.add(|id| StoredKyber {
        prekey: KyberPreKey::generate(KyberPreKeyId::new(id), &*identity, CREATED, &mut rng()),
        last_resort,
    });
    stored.prekey
}

/// Ids grow, so the newest has the largest.
fn newest_signed(party: &Party) -> Option<SignedPreKey> {
    party.prekeys.signed.kept.values().next_back().cloned()
}

fn newest_last_resort(party: &Party) -> Option<KyberPreKey> {
    party.prekeys.kyber.kept.values().rfind(|stored| stored.last_resort).map(|stored| stored.prekey.clone())
}

/// Nobody here replaces prekeys by their age.
const CREATED: Timestamp = Timestamp::from_millis(0);
