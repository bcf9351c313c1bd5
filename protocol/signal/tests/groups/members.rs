//! Several members writing, rotating, losing and repeating, against a model that says what must become of each message.
//!
//! Every device is played twice in step: once from records kept in memory and once from their stored form.

use std::collections::{BTreeMap, BTreeSet};

use khaima_signal::{
    DistributionId, GroupDecryptError, KeyPair, MessageType, ProtocolAddress, SenderKeyChange,
    SenderKeyDistributionMessage, SenderKeyMessage, SenderKeyRecord,
};
use proptest::{prelude::*, sample::Index};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

use crate::{
    common::address,
    common::sender_keys::{SenderKeys, parts_of},
    forge,
};

const MEMBERS: usize = 3;
const IDS: [DistributionId; 2] = [DistributionId::from_bytes([1; 16]), DistributionId::from_bytes([2; 16])];

/// One thing that happens. Members, ids and what was sent are chosen by index among those there are.
#[derive(Clone, Debug)]
enum Event {
    /// A member makes a new sender key and hands it out.
    Rotate { member: usize, id: usize },
    /// A member hands out the key they have; it arrives, or is taken again, later.
    HandOut { member: usize, id: usize },
    /// A member takes in what was handed out once.
    Take { given: Index, by: usize },
    /// A member is made to believe that a chain has another signing key.
    TakeClaimed { given: Index, by: usize },
    /// A member writes.
    Write { member: usize, id: usize, length: usize },
    /// A member writes what nobody gets.
    Lose { member: usize, id: usize, count: u32 },
    /// A message arrives: late, again, or before its key.
    Read { sent: Index, by: usize },
    /// A message arrives, signed by whoever claimed its chain.
    ReadClaimed { sent: Index, by: usize },
    /// A message arrives with one byte changed.
    ReadChanged { sent: Index, by: usize, byte: Index, mask: u8 },
    /// A message arrives as another member's.
    ReadAsOthers { sent: Index, by: usize, claimed: usize },
}

fn event() -> impl Strategy<Value = Event> {
    let (member, at) = (|| 0..MEMBERS, any::<Index>);
    let id = || prop_oneof![9 => Just(0), 1 => Just(1)];
    prop_oneof![
        2 => (member(), id()).prop_map(|(member, id)| Event::Rotate { member, id }),
        3 => (member(), id()).prop_map(|(member, id)| Event::HandOut { member, id }),
        9 => (at(), member()).prop_map(|(given, by)| Event::Take { given, by }),
        1 => (at(), member()).prop_map(|(given, by)| Event::TakeClaimed { given, by }),
        8 => (member(), id(), 0..60_usize)
            .prop_map(|(member, id, length)| Event::Write { member, id, length }),
        1 => (member(), id(), prop_oneof![1..600_u32, 1_990..2_010_u32, 24_990..25_010_u32])
            .prop_map(|(member, id, count)| Event::Lose { member, id, count }),
        16 => (at(), member()).prop_map(|(sent, by)| Event::Read { sent, by }),
        1 => (at(), member()).prop_map(|(sent, by)| Event::ReadClaimed { sent, by }),
        2 => (at(), member(), at(), 1..=u8::MAX)
            .prop_map(|(sent, by, byte, mask)| Event::ReadChanged { sent, by, byte, mask }),
        1 => (at(), member(), member())
            .prop_map(|(sent, by, claimed)| Event::ReadAsOthers { sent, by, claimed }),
    ]
}

/// Who signs a chain: the member who made it, or somebody who claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signer {
    Sender,
    Claimant,
}

/// What a reader must have of one chain.
#[derive(Clone, Debug)]
struct ModelChain {
    chain_id: u32,
    signer: Signer,
    next: u32,
    skipped: BTreeSet<u32>,
}

/// What a reader must have of one sender under one id: newest first.
#[derive(Clone, Debug, Default)]
struct Model(Vec<ModelChain>);

impl Model {
    fn take(&mut self, chain_id: u32, signer: Signer, iteration: u32) -> SenderKeyChange {
        let known = self.0.iter().position(|chain| chain.chain_id == chain_id).map(|at| self.0.remove(at));
        let new = ModelChain { chain_id, signer, next: iteration, skipped: BTreeSet::new() };
        let (chain, change) = match known {
            None => (new, SenderKeyChange::Added),
            Some(old) if old.signer == signer => (old, SenderKeyChange::Kept),
            Some(_) => (new, SenderKeyChange::SigningKeyReplaced),
        };
        self.0.insert(0, chain);
        self.0.truncate(5);
        change
    }

    fn read(&mut self, sent: &Sent, signer: Signer) -> Result<(), GroupDecryptError> {
        let chain = self.0.iter_mut().find(|chain| chain.chain_id == sent.message.chain_id());
        let chain = chain.ok_or(GroupDecryptError::NoSenderKeyState)?;
        if chain.signer != signer {
            return Err(GroupDecryptError::SignatureValidationFailed);
        }
        let (chain_index, counter) = (chain.next, sent.message.iteration());
        if counter < chain_index {
            let duplicated = GroupDecryptError::DuplicatedMessage { chain_index, counter };
            return if chain.skipped.remove(&counter) { Ok(()) } else { Err(duplicated) };
        }
        if counter - chain_index > 25_000 {
            return Err(GroupDecryptError::InvalidMessage(MessageType::SenderKey));
        }
        chain.skipped.extend(chain_index..counter);
        while chain.skipped.len() > 2_000 {
            chain.skipped.pop_first();
        }
        chain.next = counter + 1;
        Ok(())
    }
}

struct Sent {
    sender: usize,
    message: SenderKeyMessage,
    plaintext: Vec<u8>,
}

struct Given {
    sender: usize,
    message: SenderKeyDistributionMessage,
}

/// One member, twice, and what the model says of them.
#[derive(Default)]
struct Member {
    /// By sender and id; one's own among them.
    kept: BTreeMap<(usize, DistributionId), SenderKeyRecord>,
    stored: SenderKeys,
    model: BTreeMap<(usize, DistributionId), Model>,
}

impl Member {
    fn kept(&self, sender: usize, id: DistributionId) -> SenderKeyRecord {
        self.kept.get(&(sender, id)).cloned().unwrap_or_default()
    }

    fn process(&mut self, sender: usize, given: &SenderKeyDistributionMessage) -> SenderKeyChange {
        let id = given.distribution_id();
        let processed = self.kept(sender, id).process(given);
        self.kept.insert((sender, id), processed.record);
        assert_eq!(self.stored.process(&address_of(sender), given), processed.change);
        self.agree(sender, id);
        processed.change
    }

    fn decrypt(&mut self, sender: usize, message: &SenderKeyMessage) -> Result<Vec<u8>, GroupDecryptError> {
        let id = message.distribution_id();
        let before = self.stored.clone();
        let kept = self.kept(sender, id).decrypt(message);
        let stored = self.stored.decrypt(&address_of(sender), message);
        let kept = kept.map(|decrypted| {
            self.kept.insert((sender, id), decrypted.record);
            decrypted.plaintext.to_vec()
        });
        assert_eq!(kept, stored);
        assert!(stored.is_ok() || self.stored == before, "a refused message changed a store");
        if stored.is_ok() {
            self.agree(sender, id);
        }
        stored
    }

    fn agree(&self, sender: usize, id: DistributionId) {
        let stored = self.stored.parts(&address_of(sender), id);
        assert!(stored == Some(&parts_of(&self.kept[&(sender, id)])), "memory and store went apart");
    }
}

fn address_of(member: usize) -> ProtocolAddress {
    address("member", u8::try_from(member + 1).unwrap())
}

struct Group {
    members: [Member; MEMBERS],
    given: Vec<Given>,
    sent: Vec<Sent>,
    claimant: KeyPair,
    rng: ChaCha20Rng,
}

impl Group {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(80);
        let claimant = KeyPair::generate(&mut rng);
        let members = std::array::from_fn(|_| Member::default());
        let mut group = Self { members, given: Vec::new(), sent: Vec::new(), claimant, rng };
        for member in 0..MEMBERS {
            (0..IDS.len()).for_each(|id| group.on(&Event::Rotate { member, id }));
        }
        // Carol comes later; the others have each other's keys.
        for (given, by) in [(0, 1), (2, 0)] {
            group.take(by, given, Signer::Sender);
        }
        group
    }

    fn set_own(&mut self, member: usize, id: DistributionId, record: SenderKeyRecord) {
        self.members[member].stored.set(&address_of(member), id, &record);
        self.members[member].kept.insert((member, id), record);
    }

    /// One message of a member's, encrypted by both their records with the same randomness.
    fn write(&mut self, member: usize, id: DistributionId, plaintext: Vec<u8>) -> Sent {
        let writer = &mut self.members[member];
        let mut same = self.rng.clone();
        let kept = writer.kept(member, id).encrypt(id, &plaintext, &mut same).unwrap();
        let message = writer.stored.encrypt(&address_of(member), id, &plaintext, &mut self.rng).unwrap();
        assert!(message == kept.message);
        writer.kept.insert((member, id), kept.record);
        Sent { sender: member, message, plaintext }
    }

    /// What arrives is decoded anew.
    fn read(&mut self, by: usize, sent: usize, signer: Signer) {
        let Sent { sender, message, plaintext } = &self.sent[sent];
        let bytes = match signer {
            Signer::Sender => message.serialize().to_vec(),
            Signer::Claimant => {
                forge::signed_again(message, self.claimant.private(), &mut self.rng).serialize().to_vec()
            }
        };
        let message = SenderKeyMessage::decode(&bytes).unwrap();
        let reader = &mut self.members[by];
        let model = reader.model.entry((*sender, message.distribution_id())).or_default();
        let expected = model.read(&self.sent[sent], signer).map(|()| plaintext.clone());
        assert_eq!(reader.decrypt(*sender, &message), expected);
    }

    fn take(&mut self, by: usize, given: usize, signer: Signer) {
        let Given { sender, message } = &self.given[given];
        let message = match signer {
            Signer::Sender => SenderKeyDistributionMessage::decode(message.serialize()).unwrap(),
            Signer::Claimant => forge::claimed(message, &self.claimant),
        };
        let reader = &mut self.members[by];
        let model = reader.model.entry((*sender, message.distribution_id())).or_default();
        let expected = model.take(message.chain_id(), signer, message.iteration());
        assert_eq!(reader.process(*sender, &message), expected);
    }

    /// One event. Members do not take or read what is their own.
    fn on(&mut self, event: &Event) {
        match *event {
            Event::Rotate { member, id } => {
                let record = SenderKeyRecord::generate(&mut self.rng);
                self.set_own(member, IDS[id], record);
                self.on(&Event::HandOut { member, id });
            }
            Event::HandOut { member, id } => {
                let message = self.members[member].stored.hand_out(&address_of(member), IDS[id]);
                let kept = self.members[member].kept(member, IDS[id]).distribution_message(IDS[id]).unwrap();
                assert_eq!(message.serialize(), kept.serialize());
                self.given.push(Given { sender: member, message });
            }
            Event::Write { member, id, length } => {
                let sent =
                    self.write(member, IDS[id], vec![u8::try_from(self.sent.len() % 256).unwrap(); length]);
                self.sent.push(sent);
            }
            Event::Lose { member, id, count } => {
                let further = forge::advanced(&self.members[member].kept(member, IDS[id]), count);
                self.set_own(member, IDS[id], further);
            }
            Event::Take { given, by } => self.take_if_others(given, by, Signer::Sender),
            Event::TakeClaimed { given, by } => self.take_if_others(given, by, Signer::Claimant),
            Event::Read { sent, by } => {
                if let Some(sent) = self.sent_by_others(sent, by) {
                    self.read(by, sent, Signer::Sender);
                }
            }
            Event::ReadClaimed { sent, by } => {
                if let Some(sent) = self.sent_by_others(sent, by) {
                    self.read(by, sent, Signer::Claimant);
                }
            }
            Event::ReadChanged { sent, by, byte, mask } => {
                if let Some(sent) = self.sent_by_others(sent, by) {
                    let Sent { sender, message, .. } = &self.sent[sent];
                    let mut bytes = message.serialize().to_vec();
                    let at = byte.index(bytes.len());
                    bytes[at] ^= mask;
                    if let Ok(message) = SenderKeyMessage::decode(&bytes) {
                        let error = self.members[by].decrypt(*sender, &message).unwrap_err();
                        assert!(matches!(
                            error,
                            GroupDecryptError::NoSenderKeyState
                                | GroupDecryptError::SignatureValidationFailed
                        ));
                    }
                }
            }
            Event::ReadAsOthers { sent, by, claimed } => {
                if let Some(sent) = self.sent_by_others(sent, by)
                    && claimed != self.sent[sent].sender
                {
                    let message = self.sent[sent].message.clone();
                    let error = self.members[by].decrypt(claimed, &message).unwrap_err();
                    assert_eq!(error, GroupDecryptError::NoSenderKeyState);
                }
            }
        }
    }

    fn take_if_others(&mut self, given: Index, by: usize, signer: Signer) {
        if !self.given.is_empty() {
            let given = given.index(self.given.len());
            if self.given[given].sender != by {
                self.take(by, given, signer);
            }
        }
    }

    fn sent_by_others(&self, sent: Index, by: usize) -> Option<usize> {
        let sent = (!self.sent.is_empty()).then(|| sent.index(self.sent.len()))?;
        (self.sent[sent].sender != by).then_some(sent)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn members_read_exactly_what_the_model_says(events in prop::collection::vec(event(), 1..400)) {
        let mut group = Group::new();
        events.iter().for_each(|event| group.on(event));
    }
}

/// A conversation in which everybody has everybody's keys: nothing but the network's doing is refused.
#[test]
fn with_all_keys_handed_out_every_message_is_read_once() {
    let mut group = Group::new();
    for round in 0..4 {
        for member in 0..MEMBERS {
            group.on(&Event::Rotate { member, id: 0 });
            let given = group.given.len() - 1;
            (0..MEMBERS).filter(|by| *by != member).for_each(|by| group.take(by, given, Signer::Sender));
            (0..10).for_each(|_| group.on(&Event::Write { member, id: 0, length: 20 }));
        }
        // The newest first, so that all but one of each chain are late.
        for sent in (round * 30..group.sent.len()).rev() {
            for by in (0..MEMBERS).filter(|by| *by != group.sent[sent].sender).collect::<Vec<_>>() {
                group.read(by, sent, Signer::Sender);
                let message = group.sent[sent].message.clone();
                let sender = group.sent[sent].sender;
                let error = group.members[by].decrypt(sender, &message).unwrap_err();
                assert!(matches!(error, GroupDecryptError::DuplicatedMessage { .. }));
            }
        }
    }
    assert_eq!(group.sent.len(), 120);
}
