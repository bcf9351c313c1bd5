//! What people do: make a device, meet, say, look.

use std::time::Duration;

use khaima_engine::query::{ContactView, InvitationView, MessageRow, MessageState, Relation, RowBody};
use khaima_engine::{
    Command, CommandError, ContactId, ConversationId, InvitationId, MemoryStore, Profile, query,
};
use rand::RngExt;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::device::{Device, Fate};
use super::{DeviceRef, Weather, World};

/// How two people met.
#[derive(Clone, Debug)]
pub struct Meeting {
    /// The invitation at the one who made it.
    pub invitation: InvitationId,
    /// Its link.
    pub link: String,
}

impl World {
    /// A device of a person with this name, who knows everybody in the world already: met in calm weather.
    pub fn device(&mut self, name: &str) -> DeviceRef {
        let device = self.stranger(name);
        let weather = std::mem::replace(&mut self.weather, Weather::calm());
        for other in 0..device.0 {
            self.meet(DeviceRef(other), device);
        }
        self.weather = weather;
        device
    }

    /// A device of a person who knows nobody yet and whose mailboxes are made at the first relay.
    pub fn stranger(&mut self, name: &str) -> DeviceRef {
        let device = self.newcomer(name);
        let relay = self.address(self.home());
        self.insist(device, Command::UseRelay { relay, code: None, home: true });
        device
    }

    /// A device of a person without a relay of their own.
    pub fn newcomer(&mut self, name: &str) -> DeviceRef {
        let device = DeviceRef(self.devices.len());
        self.devices.push(Device {
            name: name.to_owned(),
            engine: khaima_engine::Engine::new(),
            store: MemoryStore::new(),
            rng: ChaCha20Rng::from_seed(self.rng.random()),
            process: None,
            is_online: true,
            events: Vec::new(),
            crashes: 0,
        });
        self.start(device);
        self.insist(device, Command::CreateProfile { name: name.to_owned() });
        device
    }

    /// Gives a command until it is kept: what a patient person does.
    ///
    /// # Panics
    /// If the engine refuses it.
    pub fn insist(&mut self, device: DeviceRef, command: Command) {
        loop {
            self.start(device);
            match self.command(device, command.clone()) {
                Ok(Fate::Kept) => return self.start(device),
                Ok(Fate::Lost) => {}
                Err(refused) => panic!("{:?}: {command:?} was refused: {refused}", self.seed),
            }
        }
    }

    /// One makes an invitation at the first relay and the other accepts it; returns once each has the other.
    ///
    /// # Panics
    /// If they do not meet.
    pub fn meet(&mut self, inviter: DeviceRef, invitee: DeviceRef) -> Meeting {
        let meeting = self.invite(inviter);
        let link = meeting.link.clone();
        self.insist(invitee, Command::AcceptInvitation { link, greeting: "it is me".to_owned() });
        self.run_until_idle();
        let contact = self.contact(inviter, invitee).expect("a request has come");
        assert_eq!(contact.relation, Relation::AsksUs, "{:?}", self.seed);
        self.insist(inviter, Command::AcceptRequest { contact: contact.id });
        self.run_until_idle();
        for (who, whom) in [(inviter, invitee), (invitee, inviter)] {
            let relation = self.contact(who, whom).map(|contact| contact.relation);
            assert_eq!(relation, Some(Relation::Accepted), "{:?}", self.seed);
        }
        meeting
    }

    /// One makes an invitation, good for 7 days, and waits until the link may be given away.
    ///
    /// # Panics
    /// If there is none within 30 days.
    pub fn invite(&mut self, inviter: DeviceRef) -> Meeting {
        let relay = self.address(self.home());
        let known: Vec<InvitationId> = self.invitations(inviter).into_iter().map(|it| it.id).collect();
        self.insist(inviter, Command::CreateInvitation { relay, expires_in_days: 7, note: String::new() });
        for _ in 0..30 * 24 * 60 {
            // What the store says, not what the screen was told: a crash may take the telling.
            let fresh = self.invitations(inviter).into_iter().find(|it| !known.contains(&it.id));
            if let Some(InvitationView { id: invitation, link: Some(link), .. }) = fresh {
                return Meeting { invitation, link };
            }
            self.run_for(Duration::from_secs(60));
        }
        panic!("{:?}: no invitation", self.seed);
    }

    /// The invitations of a device.
    pub fn invitations(&self, device: DeviceRef) -> Vec<InvitationView> {
        query::invitations(self.store(device)).expect("a readable store")
    }

    /// How one device sees another's owner.
    pub fn contact(&self, who: DeviceRef, whom: DeviceRef) -> Option<ContactView> {
        let profile = self.profile(whom);
        let contacts = query::contacts(self.store(who)).expect("a readable store");
        contacts.into_iter().find(|contact| contact.uuid == *profile.uuid())
    }

    /// The identity of a device's owner.
    pub fn profile(&self, device: DeviceRef) -> Profile {
        Profile::require(self.store(device)).expect("every device has a profile")
    }

    /// The conversation of one with another.
    ///
    /// # Panics
    /// If they do not know each other.
    pub fn conversation(&self, who: DeviceRef, whom: DeviceRef) -> ConversationId {
        ConversationId::of(self.contact_id(who, whom))
    }

    fn contact_id(&self, who: DeviceRef, whom: DeviceRef) -> ContactId {
        self.contact(who, whom).expect("they know each other").id
    }

    /// One writes to another. True once it is in the outbox; false if the device was off, or died before that.
    ///
    /// # Panics
    /// If the engine refuses.
    pub fn say(&mut self, from: DeviceRef, to: DeviceRef, text: &str) -> bool {
        match self.try_say(from, to, text) {
            Ok(fate) => fate == Fate::Kept,
            Err(refused) => panic!("{:?}: cannot write: {refused}", self.seed),
        }
    }

    /// The same, where the engine may refuse.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn try_say(&mut self, from: DeviceRef, to: DeviceRef, text: &str) -> Result<Fate, CommandError> {
        let conversation = self.conversation(from, to);
        self.command(from, Command::SendText { conversation, body: text.to_owned() })
    }

    /// All rows of one's conversation with another.
    pub fn rows(&self, who: DeviceRef, whom: DeviceRef) -> Vec<MessageRow> {
        let conversation = self.conversation(who, whom);
        query::messages(self.store(who), conversation, None, usize::MAX).expect("a readable store")
    }

    /// What one sees of the conversation with another: each row as `writer: text`.
    pub fn thread(&self, who: DeviceRef, whom: DeviceRef) -> Vec<String> {
        let (own, other) = (&self.devices[who.0].name, &self.devices[whom.0].name);
        let line = |row: MessageRow| {
            let writer = if row.incoming { other } else { own };
            match row.body {
                RowBody::Text(text) => format!("{writer}: {text}"),
                RowBody::Gap { count } => format!("({count} missing)"),
                other => format!("({other:?})"),
            }
        };
        self.rows(who, whom).into_iter().map(line).collect()
    }

    /// The texts one has got from another, in the order shown.
    pub fn heard(&self, who: DeviceRef, from: DeviceRef) -> Vec<String> {
        let texts =
            self.rows(who, from).into_iter().filter(|row| row.incoming).filter_map(|row| match row.body {
                RowBody::Text(text) => Some(text),
                _ => None,
            });
        texts.collect()
    }

    /// The texts one has written to another, each with how far it is.
    pub fn said(&self, who: DeviceRef, to: DeviceRef) -> Vec<(String, MessageState)> {
        let texts =
            self.rows(who, to).into_iter().filter(|row| !row.incoming).filter_map(|row| match row.body {
                RowBody::Text(text) => Some((text, row.state)),
                _ => None,
            });
        texts.collect()
    }
}
