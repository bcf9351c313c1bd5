//! Relays and people, and what passes between them.

use std::collections::BTreeMap;

use khaima_wire::{Day, MailboxId, Timestamp};

use super::relay::EXPORTER;
use super::{FakeRelay, Person};
use crate::query::InvitationState;
use crate::{Command, ContactId, Input, LinkState, OutgoingRequest, RelayId, Ticket};

/// What happens to an answer on its way.
pub type Fate = Box<dyn FnMut(&str, &'static str) -> bool>;

pub struct Net {
    pub now: Timestamp,
    pub relays: BTreeMap<RelayId, FakeRelay>,
    pub people: Vec<Person>,
    /// Whether an answer (to whom, to what) is lost.
    pub loses: Option<Fate>,
    /// Deliveries come in reverse.
    pub reverses: bool,
    /// Deliveries come twice.
    pub repeats: bool,
}

pub const ALICE: usize = 0;
pub const BOB: usize = 1;
pub const CAROL: usize = 2;

impl Net {
    /// Alice, Bob and Carol, and one open relay.
    pub fn new(seed: u64) -> Self {
        println!("seed {seed}");
        let now = Timestamp::from_secs(1_800_000_000);
        let mut net = Self {
            now,
            relays: BTreeMap::new(),
            people: Vec::new(),
            loses: None,
            reverses: false,
            repeats: false,
        };
        net.add_relay(1);
        for (index, name) in ["alice", "bob", "carol"].into_iter().enumerate() {
            net.people.push(Person::new(name, seed * 10 + index as u64, now));
        }
        net
    }

    pub fn add_relay(&mut self, number: u8) -> RelayId {
        let mut relay = FakeRelay::new(number);
        relay.today = self.now.day();
        let id = RelayId::of(&relay.address);
        self.relays.insert(id, relay);
        id
    }

    pub fn relay(&mut self) -> &mut FakeRelay {
        self.relays.values_mut().find(|relay| relay.address.port() == 444).unwrap()
    }

    /// Lets time pass without anything being sent; then ticks everybody who is awake.
    pub fn pass(&mut self, millis: u64) {
        self.now = self.now.plus_millis(millis);
        let today = self.now.day();
        self.relays.values_mut().for_each(|relay| relay.today = today);
        for person in self.people.iter_mut().filter(|person| person.ticks && !person.offline) {
            person.apply(Input::Tick, self.now).unwrap();
        }
    }

    pub fn pass_days(&mut self, days: u32) {
        self.pass(u64::from(days) * Day::MILLIS);
    }

    /// Everything that can happen now happens.
    pub fn run(&mut self) {
        for round in 0.. {
            assert!(round < 10_000, "it never ends");
            let mut is_quiet = true;
            for index in 0..self.people.len() {
                is_quiet &= !self.run_person(index);
            }
            if is_quiet {
                return;
            }
        }
    }

    /// Runs, waits out pauses and receipts, runs again.
    pub fn settle(&mut self) {
        for _ in 0..4 {
            self.run();
            self.pass(61_000);
        }
        self.run();
    }

    fn run_person(&mut self, index: usize) -> bool {
        let now = self.now;
        if self.people[index].offline {
            return false;
        }
        let mut is_busy = false;
        let person = &mut self.people[index];
        for wanted in person.dispatcher.wanted_links(&person.store).unwrap() {
            if self.relays.contains_key(&wanted.relay) && person.up.insert((wanted.relay, wanted.role)) {
                person.dispatcher.on_link(wanted.relay, wanted.role, LinkState::Up);
                is_busy = true;
            }
        }
        let due = person.dispatcher.due(&person.store, now, &mut person.rng).unwrap();
        for dispatch in due {
            is_busy = true;
            assert_eq!(dispatch.role, dispatch.request.role());
            let what = name_of(&dispatch.request);
            let subscribed = match &dispatch.request {
                OutgoingRequest::Subscribe { key } => Some(key.id()),
                _ => None,
            };
            let relay = self.relays.get_mut(&dispatch.relay).unwrap();
            let pin = *relay.address.pin();
            let reply = relay.handle(dispatch.request.into_request(&EXPORTER, &pin));
            let name = self.people[index].name;
            if self.loses.as_mut().is_some_and(|loses| loses(name, what)) {
                continue;
            }
            let is_subscribed = matches!(reply, khaima_wire::Reply::Subscribed { .. });
            self.answer(index, dispatch.ticket, reply);
            if let Some(mailbox) = subscribed.filter(|_| is_subscribed) {
                self.people[index].subscribed.insert(mailbox, dispatch.relay);
            }
        }
        is_busy | self.push_deliveries(index)
    }

    fn answer(&mut self, index: usize, ticket: Ticket, reply: khaima_wire::Reply) {
        let now = self.now;
        let person = &mut self.people[index];
        if let Some(input) = person.dispatcher.on_reply(ticket, reply, now, &mut person.rng) {
            person.apply(input, now).unwrap();
        }
    }

    fn push_deliveries(&mut self, index: usize) -> bool {
        let now = self.now;
        let subscribed: Vec<(MailboxId, RelayId)> =
            self.people[index].subscribed.iter().map(|(mailbox, relay)| (*mailbox, *relay)).collect();
        let mut is_busy = false;
        for (mailbox, relay) in subscribed {
            let mut deliveries = self.relays[&relay].deliveries(&mailbox);
            if self.reverses {
                deliveries.reverse();
            }
            for delivery in deliveries {
                let person = &mut self.people[index];
                // A crash in the middle ends the connection.
                if !person.subscribed.contains_key(&mailbox) {
                    break;
                }
                if !person.pushed.insert((mailbox, delivery.id)) {
                    continue;
                }
                is_busy = true;
                if self.repeats {
                    person.apply(Input::Delivery(relay, delivery.clone()), now).unwrap();
                }
                person.apply(Input::Delivery(relay, delivery), now).unwrap();
            }
        }
        is_busy
    }

    /// `inviter` invites, `invitee` accepts, `inviter` says yes. Returns how each calls the other.
    pub fn meet(&mut self, inviter: usize, invitee: usize) -> (ContactId, ContactId) {
        let relay = self.relay().address.clone();
        self.people[inviter].invite(&relay, self.now);
        self.run();
        let link = self.people[inviter].open_link();
        self.people[invitee].accept(&link, self.now).unwrap();
        self.run();
        let (a, b) = (self.people[invitee].name, self.people[inviter].name);
        let contact = self.people[inviter].contact(a).id;
        self.people[inviter].command(Command::AcceptRequest { contact }, self.now).unwrap();
        self.settle();
        (contact, self.people[invitee].contact(b).id)
    }

    /// Up to the request: the inviter has been asked and has not answered.
    pub fn request(&mut self, inviter: usize, invitee: usize) -> String {
        let relay = self.relay().address.clone();
        self.people[inviter].invite(&relay, self.now);
        self.run();
        assert_eq!(self.people[inviter].invitation_state(), InvitationState::Open);
        let link = self.people[inviter].open_link();
        self.people[invitee].accept(&link, self.now).unwrap();
        self.run();
        link
    }

    pub fn alice(&mut self) -> &mut Person {
        &mut self.people[ALICE]
    }

    pub fn bob(&mut self) -> &mut Person {
        &mut self.people[BOB]
    }

    pub fn carol(&mut self) -> &mut Person {
        &mut self.people[CAROL]
    }

    pub fn disconnect_all(&mut self) {
        self.people.iter_mut().for_each(Person::disconnect);
    }
}

pub fn name_of(request: &OutgoingRequest) -> &'static str {
    match request {
        OutgoingRequest::Acknowledge { .. } => "acknowledge",
        OutgoingRequest::Claim { .. } => "claim",
        OutgoingRequest::Create { .. } => "create",
        OutgoingRequest::Delete { .. } => "delete",
        OutgoingRequest::Publish { .. } => "publish",
        OutgoingRequest::RedeemCode { .. } => "redeem",
        OutgoingRequest::Submit(_) => "submit",
        OutgoingRequest::Subscribe { .. } => "subscribe",
    }
}
