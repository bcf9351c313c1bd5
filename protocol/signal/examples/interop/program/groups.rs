//! Commands about sender keys.
//!
//! Spec: interop 4 Commands, Groups.

use khaima_signal::{
    DistributionId, ErrorClass, GroupDecryptError, SenderKeyDistributionMessage, SenderKeyMessage,
    SenderKeyRecord,
};
use serde_json::{Value, json};

use super::failure::Failure;
use super::party::Parties;
use super::protocol::{Answer, Arguments, rng};

pub fn group_create(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let id: DistributionId = arguments.get("distribution_id")?;

    let own = party
        .sender_keys
        .entry((party.address.clone(), id))
        .or_insert_with(|| SenderKeyRecord::generate(&mut rng()));
    Ok(json!({ "message": hex::encode(own.distribution_message(id)?.serialize()) }))
}

pub fn group_reset(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let id: DistributionId = arguments.get("distribution_id")?;
    party.sender_keys.remove(&(party.address.clone(), id));
    Ok(Value::Null)
}

pub fn group_process(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let sender = arguments.address()?;
    let message = arguments.hex("message")?;

    let sender = sender.checked()?;
    let message = SenderKeyDistributionMessage::decode(&message)?;
    let record = party.sender_keys.entry((sender, message.distribution_id())).or_default();
    *record = record.process(&message).record;
    Ok(Value::Null)
}

pub fn group_encrypt(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let id: DistributionId = arguments.get("distribution_id")?;
    let plaintext = arguments.hex("plaintext")?;

    let own = party
        .sender_keys
        .get_mut(&(party.address.clone(), id))
        .ok_or_else(|| Failure::new(ErrorClass::NoSenderKey, "there is no sender key of one's own"))?;
    let encrypted = own.encrypt(id, &plaintext, &mut rng())?;
    *own = encrypted.record;
    Ok(json!({ "message": hex::encode(encrypted.message.serialize()) }))
}

pub fn group_decrypt(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let sender = arguments.address()?;
    let message = arguments.hex("message")?;

    let sender = sender.checked()?;
    let message = SenderKeyMessage::decode(&message)?;
    let record = party
        .sender_keys
        .get_mut(&(sender, message.distribution_id()))
        .ok_or(GroupDecryptError::NoSenderKeyState)?;
    let decrypted = record.decrypt(&message)?;
    *record = decrypted.record;
    Ok(json!({ "plaintext": hex::encode(decrypted.plaintext) }))
}
