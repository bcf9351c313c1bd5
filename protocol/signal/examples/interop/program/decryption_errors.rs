//! Commands about messages that could not be decrypted.
//!
//! Spec: interop 4 Commands, Decryption errors.

use khaima_signal::{
    DecryptionErrorMessage, MessageType, PlaintextContent, PublicKey, SessionRecord, Timestamp,
};
use serde_json::json;

use super::party::Parties;
use super::protocol::{Answer, Arguments};

pub fn decryption_error(arguments: &Arguments<'_>) -> Answer {
    let original_type = arguments.message_type(&MESSAGE_TYPES)?;
    let original = arguments.hex("message")?;
    let timestamp = Timestamp::from_millis(arguments.get("timestamp")?);
    let device = arguments.get("device")?;

    let message = DecryptionErrorMessage::for_message(original_type, &original, timestamp, device)?;
    Ok(json!({
        "message": hex::encode(message.encode()),
        "plaintext_content": hex::encode(PlaintextContent::from(&message).serialize()),
    }))
}

pub fn parse_decryption_error(arguments: &Arguments<'_>) -> Answer {
    let content = arguments.hex("plaintext_content")?;
    let content = PlaintextContent::decode(&content)?;
    let message = DecryptionErrorMessage::from_body(content.body())?;
    Ok(json!({
        "timestamp": message.timestamp().as_millis(),
        "device": message.device_id(),
        "ratchet_key": message.ratchet_key().map(|key| hex::encode(key.serialize())),
    }))
}

pub fn ratchet_key_matches(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let peer = arguments.address()?;
    let key = arguments.hex("ratchet_key")?;
    let (peer, key) = (peer.checked()?, PublicKey::deserialize(&key)?);
    let current = party.sessions.get(&peer).and_then(SessionRecord::current_ratchet_key);
    Ok(json!({ "matches": current == Some(key) }))
}

/// What a message can be at all.
const MESSAGE_TYPES: [MessageType; 4] =
    [MessageType::Whisper, MessageType::PreKey, MessageType::SenderKey, MessageType::Plaintext];
