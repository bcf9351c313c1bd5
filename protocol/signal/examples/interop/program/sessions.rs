//! Commands about sessions and known identities.
//!
//! Spec: interop 4 Commands, Sessions.

use khaima_signal::{
    CiphertextMessage, DecryptError, EncryptError, IdentityKey, MessageType, ProtocolAddress, SessionRecord,
};
use serde_json::{Value, json};

use super::failure::Failure;
use super::party::{Parties, Party};
use super::protocol::{Answer, Arguments, device_id, rng};

pub fn encrypt(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let peer = arguments.address()?;
    let plaintext = arguments.hex("plaintext")?;
    let now = arguments.now()?;

    let peer = peer.checked()?;
    let record = party.sessions.get(&peer).ok_or(EncryptError::SessionNotFound)?;
    let encrypted = record.encrypt(&party.local(), &peer, &plaintext, &*party, now, &mut rng())?;
    party.store_session(peer, encrypted.record, encrypted.remote_identity);
    Ok(json!({
        "type": encrypted.message.message_type().number(),
        "message": hex::encode(encrypted.message.serialize()),
    }))
}

pub fn decrypt(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let sender = arguments.address()?;
    let message_type = arguments.message_type(&[MessageType::Whisper, MessageType::PreKey])?;
    let message = arguments.hex("message")?;
    let local_name: Option<String> = arguments.optional("local_name")?;
    let local_device: Option<u64> = arguments.optional("local_device")?;

    let sender = sender.checked()?;
    let local = ProtocolAddress::new(
        local_name.unwrap_or_else(|| party.address.name().to_owned()),
        local_device.map_or(Ok(party.address.device()), device_id)?,
    );
    let message = CiphertextMessage::decode(message_type, &message)?;
    let record = match (party.sessions.get(&sender), &message) {
        (Some(record), _) => record.clone(),
        (None, CiphertextMessage::PreKey(_)) => SessionRecord::empty(),
        (None, CiphertextMessage::Whisper(_)) => return Err(DecryptError::SessionNotFound.into()),
    };
    let decrypted =
        record.decrypt(&party.local_as(&local), &sender, &message, &*party, &*party, &mut rng())?;
    let plaintext = party.store_decrypted(sender, decrypted);
    Ok(json!({ "plaintext": hex::encode(plaintext) }))
}

pub fn session_info(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let peer = arguments.address()?;
    let now = arguments.now()?;

    let peer = peer.checked()?;
    let record = party.sessions.get(&peer);
    Ok(json!({
        "exists": record.is_some(),
        "usable": record.is_some_and(|record| record.is_usable(now)),
        "remote_registration_id": record.and_then(SessionRecord::remote_registration_id),
    }))
}

pub fn archive(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let (party, peer) = party_and_peer(parties, arguments)?;
    let record = party.sessions.get_mut(&peer).ok_or(EncryptError::SessionNotFound)?;
    *record = record.archive();
    Ok(Value::Null)
}

pub fn delete_session(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let (party, peer) = party_and_peer(parties, arguments)?;
    party.sessions.remove(&peer);
    Ok(Value::Null)
}

pub fn set_identity(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let peer = arguments.address()?;
    let key = arguments.hex("identity_key")?;
    let (peer, key) = (peer.checked()?, IdentityKey::deserialize(&key)?);
    party.identities.insert(peer, key);
    Ok(Value::Null)
}

pub fn forget_identity(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let (party, peer) = party_and_peer(parties, arguments)?;
    party.identities.remove(&peer);
    Ok(Value::Null)
}

pub fn get_identity(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let (party, peer) = party_and_peer(parties, arguments)?;
    let key = party.identities.get(&peer).map(|key| hex::encode(key.serialize()));
    Ok(json!({ "identity_key": key }))
}

/// The arguments of a command that takes no others.
fn party_and_peer<'a>(
    parties: &'a mut Parties,
    arguments: &Arguments<'_>,
) -> Result<(&'a mut Party, ProtocolAddress), Failure> {
    let party = parties.named(arguments)?;
    Ok((party, arguments.address()?.checked()?))
}
