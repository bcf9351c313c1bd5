//! What an observer between devices and relays records, with the keys that a test has and a relay has not.

use std::collections::{BTreeMap, BTreeSet};

use khaima_engine::Profile;
use khaima_signal::sealed_sender::open;
use khaima_signal::{CiphertextMessage, MessageType};
use khaima_wire::{MailboxId, Request, Timestamp};

use super::DeviceRef;
use super::device::Device;

/// What an envelope carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The first message of a session, which carries the handshake.
    First,
    /// Any later one.
    Later,
    /// Sealed for nobody in this world.
    Unknown,
}

/// An envelope that left a device, once for each different one.
#[derive(Clone, Copy, Debug)]
pub struct Submitted {
    /// Who sent it.
    pub from: DeviceRef,
    /// When it first left.
    pub at: Timestamp,
    /// Its size in bytes.
    pub size: usize,
    /// What it carries.
    pub kind: Kind,
}

/// Everything that ever left the devices of a world.
#[derive(Default)]
pub struct Watch {
    submitted: Vec<Submitted>,
    /// Envelope bytes seen; a repeated submission is no new envelope.
    seen: BTreeMap<Vec<u8>, usize>,
    /// Ratchet key and counter of each message, with the message itself.
    keys: BTreeMap<(Vec<u8>, u32), Vec<u8>>,
    reused: Vec<String>,
    /// All bytes that went to relays by mailbox, if recording was asked for.
    bytes: Option<BTreeMap<Option<MailboxId>, Vec<u8>>>,
    mailboxes: BTreeSet<MailboxId>,
    requests: u64,
}

impl Watch {
    /// Every different envelope, by when it first left.
    pub fn submitted(&self) -> &[Submitted] {
        &self.submitted
    }

    /// Two different messages under one message key: must be empty.
    pub fn reused_keys(&self) -> &[String] {
        &self.reused
    }

    /// Different message keys seen.
    pub fn message_keys(&self) -> usize {
        self.keys.len()
    }

    /// Requests sent.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Records all bytes that go to relays from now on.
    pub fn record_bytes(&mut self) {
        self.bytes.get_or_insert_default();
    }

    /// All bytes recorded, by the mailbox that each frame was about.
    pub fn bytes(&self) -> impl Iterator<Item = (Option<MailboxId>, &[u8])> {
        self.bytes.iter().flatten().map(|(mailbox, bytes)| (*mailbox, bytes.as_slice()))
    }

    /// Every mailbox that a request was about.
    pub fn mailboxes(&self) -> impl Iterator<Item = MailboxId> {
        self.mailboxes.iter().copied()
    }

    pub(super) fn on_bytes_to_relay(&mut self, mailbox: Option<MailboxId>, bytes: &[u8]) {
        self.mailboxes.extend(mailbox);
        if let Some(recorded) = &mut self.bytes {
            recorded.entry(mailbox).or_default().extend_from_slice(bytes);
        }
    }

    pub(super) fn on_request(
        &mut self,
        from: DeviceRef,
        request: &Request,
        at: Timestamp,
        devices: &[Device],
    ) {
        self.requests += 1;
        let Request::Submit(envelope) = request else { return };
        let bytes = envelope.sealed.as_bytes();
        if self.seen.insert(bytes.to_vec(), self.submitted.len()).is_some() {
            return;
        }
        let content =
            devices.iter().enumerate().filter(|(number, _)| *number != from.0).find_map(|(_, device)| {
                let profile = Profile::load(&device.store).ok()??;
                open(&[&[0x22], bytes].concat(), profile.identity()).ok()
            });
        let kind = match &content {
            Some(content) if content.message_type == MessageType::PreKey => Kind::First,
            Some(_) => Kind::Later,
            None => Kind::Unknown,
        };
        self.submitted.push(Submitted { from, at, size: bytes.len(), kind });
        let Some(content) = content else { return };
        let Ok(message) = CiphertextMessage::decode(content.message_type, &content.content) else {
            self.reused.push(format!("{from:?} sent what does not decode"));
            return;
        };
        let inner = message.signal_message();
        let key = (inner.ratchet_key().serialize().to_vec(), inner.counter());
        let earlier = self.keys.insert(key, inner.serialize().to_vec());
        if earlier.is_some_and(|earlier| earlier != inner.serialize()) {
            self.reused.push(format!("{from:?} used a message key twice, at counter {}", inner.counter()));
        }
    }
}
