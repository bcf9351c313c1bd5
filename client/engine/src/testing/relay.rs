//! A relay in a map.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use khaima_wire::{
    Day, Delivery, EnvelopeId, MailboxId, Permit, Purpose, RelayAddress, RelayPin, Reply, Request,
    SealedBundle, SealedEnvelope,
};

pub struct FakeRelay {
    pub address: RelayAddress,
    pub mailboxes: BTreeMap<MailboxId, FakeMailbox>,
    /// Permits that are good; `None` for an open relay.
    pub permits: Option<BTreeSet<[u8; 32]>>,
    /// What the next code is worth.
    pub code_worth: Vec<Permit>,
    pub today: Day,
    /// Answer every request with this instead.
    pub busy: Option<u32>,
    /// Answer submissions with full.
    pub full: bool,
    /// Every envelope ever submitted, by size.
    pub submitted: Vec<(MailboxId, SealedEnvelope)>,
    /// Requests served, by name.
    pub served: Vec<&'static str>,
}

#[derive(Default)]
pub struct FakeMailbox {
    pub one_time: VecDeque<SealedBundle>,
    pub last_resort: Option<SealedBundle>,
    pub queue: Vec<(EnvelopeId, Day, SealedEnvelope)>,
    pub claimed: u64,
    next: u64,
}

pub const EXPORTER: [u8; 32] = [9; 32];

impl FakeRelay {
    pub fn new(number: u8) -> Self {
        let pin = RelayPin::from_bytes([number; 32]);
        Self {
            address: RelayAddress::new("relay.example", 443 + u16::from(number), pin).unwrap(),
            mailboxes: BTreeMap::new(),
            permits: None,
            code_worth: Vec::new(),
            today: Day::new(0),
            busy: None,
            full: false,
            submitted: Vec::new(),
            served: Vec::new(),
        }
    }

    /// Puts an envelope in, as a submission would.
    pub fn inject(&mut self, mailbox: MailboxId, sealed: SealedEnvelope) -> bool {
        let today = self.today;
        self.inject_on(mailbox, sealed, today)
    }

    pub fn inject_on(&mut self, mailbox: MailboxId, sealed: SealedEnvelope, day: Day) -> bool {
        let Some(found) = self.mailboxes.get_mut(&mailbox) else { return false };
        found.next += 1;
        found.queue.push((EnvelopeId::new(found.next, [0; 8]), day, sealed));
        true
    }

    pub fn deliveries(&self, mailbox: &MailboxId) -> Vec<Delivery> {
        let Some(found) = self.mailboxes.get(mailbox) else { return Vec::new() };
        let delivery = |(id, stored, sealed): &(EnvelopeId, Day, SealedEnvelope)| Delivery {
            mailbox: *mailbox,
            id: *id,
            stored: *stored,
            sealed: sealed.clone(),
        };
        found.queue.iter().map(delivery).collect()
    }

    pub fn waiting(&self) -> usize {
        self.mailboxes.values().map(|mailbox| mailbox.queue.len()).sum()
    }

    pub fn handle(&mut self, request: Request) -> Reply {
        self.served.push(match &request {
            Request::Create { .. } => "create",
            Request::Subscribe { .. } => "subscribe",
            Request::Publish { .. } => "publish",
            Request::Acknowledge { .. } => "acknowledge",
            Request::Delete { .. } => "delete",
            Request::Claim { .. } => "claim",
            Request::Submit(_) => "submit",
            _ => "other",
        });
        if let Some(retry_after_secs) = self.busy {
            return Reply::Busy { retry_after_secs };
        }
        let pin = *self.address.pin();
        match request {
            Request::Create { proof, permit } => {
                let id = proof.verify(&EXPORTER, &pin, Purpose::Create).unwrap();
                if self.mailboxes.contains_key(&id) {
                    return Reply::AlreadyYours;
                }
                if let Some(good) = &mut self.permits
                    && !permit.is_some_and(|permit| good.remove(permit.expose()))
                {
                    return Reply::NotPermitted;
                }
                self.mailboxes.insert(id, FakeMailbox::default());
                Reply::Created
            }
            Request::Subscribe { proof } => {
                let id = proof.verify(&EXPORTER, &pin, Purpose::Read).unwrap();
                match self.mailboxes.get(&id) {
                    None => Reply::Gone,
                    Some(found) => Reply::Subscribed {
                        one_time_left: found.one_time.len() as u32,
                        claimed: found.claimed,
                        waiting: found.queue.len() as u32,
                    },
                }
            }
            Request::Publish { proof, one_time, last_resort, replace } => {
                let id = proof.verify(&EXPORTER, &pin, Purpose::Publish).unwrap();
                let Some(found) = self.mailboxes.get_mut(&id) else { return Reply::Gone };
                if replace {
                    found.one_time.clear();
                }
                found.one_time.extend(one_time);
                if last_resort.is_some() {
                    found.last_resort = last_resort;
                }
                Reply::Published { one_time_left: found.one_time.len() as u32 }
            }
            Request::Acknowledge { mailbox, ids } => {
                if let Some(found) = self.mailboxes.get_mut(&mailbox) {
                    found.queue.retain(|(id, ..)| !ids.contains(id));
                }
                Reply::Acknowledged
            }
            Request::Delete { proof } => {
                let id = proof.verify(&EXPORTER, &pin, Purpose::Delete).unwrap();
                self.mailboxes.remove(&id);
                Reply::Deleted { permit: self.permits.is_some().then(|| self.fresh_permit()) }
            }
            Request::Claim { mailbox } => {
                let Some(found) = self.mailboxes.get_mut(&mailbox) else { return Reply::Gone };
                let bundle = found.one_time.pop_front().or_else(|| found.last_resort.clone());
                found.claimed += u64::from(bundle.is_some());
                bundle.map_or(Reply::Gone, Reply::Bundle)
            }
            Request::Submit(envelope) => {
                if self.full {
                    return Reply::Full;
                }
                self.submitted.push((envelope.mailbox, envelope.sealed.clone()));
                if self.inject(envelope.mailbox, envelope.sealed) { Reply::Accepted } else { Reply::Gone }
            }
            Request::RedeemCode { .. } => {
                let permits = std::mem::take(&mut self.code_worth);
                if permits.is_empty() { Reply::NotPermitted } else { Reply::Permits(permits) }
            }
            Request::Ping => Reply::Pong,
            Request::Unknown(code) => Reply::Unknown(code),
        }
    }

    pub fn fresh_permit(&mut self) -> Permit {
        let good = self.permits.get_or_insert_default();
        let permit = Permit::from_bytes(&[good.len() as u8 + 100; 32]);
        good.insert(*permit.expose());
        permit
    }
}
