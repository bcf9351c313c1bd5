//! Commands about sealed sender.
//!
//! Spec: interop 4 Commands, Sealed sender.

use khaima_signal::sealed_sender::{
    self, ContentHint, SealError, SealedContent, SenderCertificate, SenderCheck, v1, v2,
};
use khaima_signal::{
    EncryptError, MessageType, ProtocolAddress, PublicKey, RegistrationId, ServiceId, SessionRecord,
};
use serde_json::{Value, json};

use super::failure::Failure;
use super::party::{Parties, Party};
use super::protocol::{Address, Answer, Arguments, rng};

pub fn ss1_encrypt(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let peer = arguments.address()?;
    let certificate = arguments.hex("certificate")?;
    let plaintext = arguments.hex("plaintext")?;
    let hint = content_hint(arguments)?;
    let group_id = arguments.hex_or_null("group_id")?;
    let now = arguments.now()?;

    let peer = peer.checked()?;
    let certificate = SenderCertificate::decode(&certificate)?;
    let record = party.sessions.get(&peer).ok_or(EncryptError::SessionNotFound)?;
    let sender = certificate.sender();
    let encrypted = record.encrypt(&party.local_as(&sender), &peer, &plaintext, &*party, now, &mut rng())?;
    let content = SealedContent {
        message_type: encrypted.message.message_type(),
        certificate,
        content: encrypted.message.serialize().to_vec(),
        hint,
        group_id,
    };
    let recipient = encrypted.remote_identity;
    let sealed = v1::seal(&content.encode(), &party.identity, &recipient, &mut rng())?;
    party.store_session(peer, encrypted.record, recipient);
    Ok(json!({ "message": hex::encode(sealed) }))
}

pub fn ss1_seal(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let peer = arguments.address()?;
    let content = Content::read(arguments)?;

    let peer = peer.checked()?;
    let content = content.checked()?;
    let recipient = *party.identities.get(&peer).ok_or(SealError::SessionNotFound(peer))?;
    let sealed = v1::seal(&content.encode(), &party.identity, &recipient, &mut rng())?;
    Ok(json!({ "message": hex::encode(sealed) }))
}

pub fn ss_open(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let message = arguments.hex("message")?;
    let content = sealed_sender::open(&message, &party.identity)?;
    Ok(json!({
        "type": content.message_type.number(),
        "content": hex::encode(&content.content),
        "content_hint": content.hint.number(),
        "group_id": content.group_id.as_ref().map(hex::encode),
        "sender_name": content.certificate.sender_uuid(),
        "sender_e164": content.certificate.sender_e164(),
        "sender_device": content.certificate.sender_device().value(),
        "certificate": hex::encode(content.certificate.encode()),
    }))
}

pub fn ss_decrypt(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let message = arguments.hex("message")?;
    let trust_root = arguments.hex("trust_root")?;
    let now = arguments.now()?;
    let local_e164: Option<String> = arguments.get("local_e164")?;

    let trust_roots = [PublicKey::deserialize(&trust_root)?];
    let check = SenderCheck { trust_roots: &trust_roots, now, local_e164: local_e164.as_deref() };
    let unsealed = sealed_sender::decrypt(&message, &party.local(), &check, &*party, &mut rng())?;
    let (sender, sender_e164) = (unsealed.sender, unsealed.sender_e164);
    let plaintext = party.store_decrypted(sender.clone(), unsealed.decrypted);
    Ok(json!({
        "plaintext": hex::encode(plaintext),
        "sender_name": sender.name(),
        "sender_e164": sender_e164,
        "sender_device": sender.device().value(),
    }))
}

pub fn ss2_encrypt(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    let recipients: Vec<Address> = arguments.get("recipients")?;
    let excluded: Vec<String> = arguments.get("excluded")?;
    let content = Content::read(arguments)?;

    let recipients = recipients.into_iter().map(Address::checked).collect::<Result<Vec<_>, _>>()?;
    let excluded = excluded.iter().map(|text| text.parse()).collect::<Result<Vec<ServiceId>, _>>()?;
    let content = content.checked()?;
    let destinations: Vec<_> = recipients.iter().map(|address| destination(party, address)).collect();
    let sealed = v2::seal(&content.encode(), &party.identity, &destinations, &excluded, &mut rng())?;
    Ok(json!({ "message": hex::encode(sealed) }))
}

pub fn ss2_split(arguments: &Arguments<'_>) -> Answer {
    let message = arguments.hex("message")?;
    let split = v2::split(&message)?;
    let recipients: Vec<Value> = split
        .recipients()
        .iter()
        .map(|recipient| {
            let devices: Vec<Value> = recipient
                .devices
                .iter()
                .map(|(device, id)| json!({ "device": device.value(), "registration_id": id.value() }))
                .collect();
            json!({
                "service_id": recipient.service_id.to_string(),
                "devices": devices,
                "received": hex::encode(split.received(recipient)),
            })
        })
        .collect();
    let excluded: Vec<String> = split.excluded().iter().map(ServiceId::to_string).collect();
    Ok(json!({ "recipients": recipients, "excluded": excluded }))
}

/// Content given by the driver, whose certificate is bytes yet.
struct Content {
    certificate: Vec<u8>,
    message_type: MessageType,
    content: Vec<u8>,
    hint: ContentHint,
    group_id: Option<Vec<u8>>,
}

impl Content {
    fn read(arguments: &Arguments<'_>) -> Result<Self, Failure> {
        Ok(Self {
            certificate: arguments.hex("certificate")?,
            message_type: arguments.message_type(&[
                MessageType::Whisper,
                MessageType::PreKey,
                MessageType::SenderKey,
                MessageType::Plaintext,
            ])?,
            content: arguments.hex("content")?,
            hint: content_hint(arguments)?,
            group_id: arguments.hex_or_null("group_id")?,
        })
    }

    fn checked(self) -> Result<SealedContent, Failure> {
        Ok(SealedContent {
            message_type: self.message_type,
            certificate: SenderCertificate::decode(&self.certificate)?,
            content: self.content,
            hint: self.hint,
            group_id: self.group_id,
        })
    }
}

fn content_hint(arguments: &Arguments<'_>) -> Result<ContentHint, Failure> {
    Ok(ContentHint::from_number(arguments.get("content_hint")?))
}

fn destination<'a>(party: &Party, address: &'a ProtocolAddress) -> v2::Destination<'a> {
    let record = party.sessions.get(address);
    let session = match (record, record.and_then(SessionRecord::remote_registration_id)) {
        (None, _) => v2::DestinationSession::Missing,
        (Some(_), None) => v2::DestinationSession::NotCurrent,
        (Some(_), Some(id)) => v2::DestinationSession::Current(RegistrationId::new(id)),
    };
    v2::Destination { address, identity: party.identities.get(address).copied(), session }
}
