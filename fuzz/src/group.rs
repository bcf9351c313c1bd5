//! Three members of a group, their sender keys and a network between them, played by the input.
//!
//! Held to a model that says of every message whether it can be read, and with which error not: keys handed out late,
//! twice or in another's name, messages late, twice, changed, or signed by somebody else.
//!
//! Not its concern: limits that take thousands of messages to reach.

use std::collections::BTreeSet;

use khaima_signal::{
    DistributionId, GroupDecryptError, KeyPair, MessageType, SenderKeyChange, SenderKeyDistributionMessage,
    SenderKeyMessage, SenderKeyRecord,
};
use rand_chacha::ChaCha20Rng;

use crate::damage::change;
use crate::honest::rng;
use crate::input::Input;
use crate::parts::sorted;

const MEMBERS: usize = 3;
const ID: DistributionId = DistributionId::from_bytes([0xD1; 16]);
/// Chains that a reader keeps of one sender.
const CHAINS_KEPT: usize = 5;
const MAX_SKIPPED: usize = 2_000;
const MAX_JUMP: u32 = 25_000;

/// What a reader must have of one chain of one sender.
struct Chain {
    chain_id: u32,
    /// Whether it was taken in from somebody who only claims it.
    claimed: bool,
    next: u32,
    skipped: BTreeSet<u32>,
}

/// What a member has of a sender, and what they must have: newest first.
#[derive(Default)]
struct Known {
    record: SenderKeyRecord,
    model: Vec<Chain>,
}

struct Sent {
    sender: usize,
    message: SenderKeyMessage,
    plaintext: Vec<u8>,
}

pub struct Group {
    /// Each member's own sender key.
    own: [SenderKeyRecord; MEMBERS],
    /// By reader and sender.
    known: [[Known; MEMBERS]; MEMBERS],
    given: Vec<(usize, SenderKeyDistributionMessage)>,
    sent: Vec<Sent>,
    claimant: KeyPair,
    rng: ChaCha20Rng,
}

/// Plays one input to its end.
pub fn play(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut group = Group::new();
    while !input.is_empty() {
        group.step(&mut input);
    }
}

impl Group {
    fn new() -> Self {
        let mut rng = rng(40);
        let claimant = KeyPair::generate(&mut rng);
        let own = std::array::from_fn(|_| SenderKeyRecord::generate(&mut rng));
        let (given, sent) = (Vec::new(), Vec::new());
        let mut group = Self { own, known: Default::default(), given, sent, claimant, rng };
        (0..MEMBERS).for_each(|member| group.hand_out(member));
        group
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let (action, member) = (input.byte(), input.below(MEMBERS));
        match action {
            0..=9 => {
                self.own[member] = SenderKeyRecord::generate(&mut self.rng);
                self.hand_out(member);
            }
            10..=24 => self.hand_out(member),
            25..=69 => self.take_in(member, input, false),
            70..=76 => self.take_in(member, input, true),
            77..=129 => self.write(member, input.below(40)),
            130..=209 => self.read(member, input, false),
            210..=216 => self.read(member, input, true),
            217..=233 => self.read_changed(member, input),
            _ => self.restart(member),
        }
    }

    fn hand_out(&mut self, member: usize) {
        let message = self.own[member].distribution_message(ID).expect("there is a key to hand out");
        self.given.push((member, message));
    }

    fn take_in(&mut self, reader: usize, input: &mut Input<'_>, claimed: bool) {
        let (sender, message) = &self.given[newest_first(self.given.len(), input)];
        let mut bytes = message.serialize().to_vec();
        if claimed {
            let at = bytes.len() - 33;
            bytes[at..].copy_from_slice(&self.claimant.public().serialize());
        }
        let message = SenderKeyDistributionMessage::decode(&bytes).expect("it was handed out like this");
        let known = &mut self.known[reader][*sender];
        let processed = known.record.process(&message);
        known.record = processed.record;
        assert_eq!(processed.change, known.take_in(message.chain_id(), message.iteration(), claimed));
    }

    fn write(&mut self, sender: usize, length: usize) {
        let mut plaintext = u64::try_from(self.sent.len()).expect("few messages").to_be_bytes().to_vec();
        plaintext.resize(8 + length, 0x55);
        let encrypted = self.own[sender].encrypt(ID, &plaintext, &mut self.rng).expect("one's own key");
        self.own[sender] = encrypted.record;
        self.sent.push(Sent { sender, message: encrypted.message, plaintext });
    }

    fn read(&mut self, reader: usize, input: &mut Input<'_>, claimed: bool) {
        if self.sent.is_empty() {
            return;
        }
        let Sent { sender, message, plaintext } = &self.sent[newest_first(self.sent.len(), input)];
        let mut bytes = message.serialize().to_vec();
        if claimed {
            bytes.truncate(bytes.len() - 64);
            let signature = self.claimant.private().sign(&[&bytes], &mut self.rng);
            bytes.extend_from_slice(signature.as_bytes());
        }
        let message = SenderKeyMessage::decode(&bytes).expect("it was sent like this");
        let known = &mut self.known[reader][*sender];
        let expected = known.read(&message, claimed).map(|()| plaintext.clone());
        let decrypted = known.record.decrypt(&message).map(|decrypted| {
            known.record = decrypted.record;
            decrypted.plaintext.to_vec()
        });
        assert_eq!(decrypted, expected);
    }

    fn read_changed(&mut self, reader: usize, input: &mut Input<'_>) {
        if self.sent.is_empty() {
            return;
        }
        let Sent { sender, message, .. } = &self.sent[newest_first(self.sent.len(), input)];
        let mut bytes = message.serialize().to_vec();
        change(&mut bytes, input);
        if let Ok(message) = SenderKeyMessage::decode(&bytes) {
            let record = &self.known[reader][*sender].record;
            let before = record.to_parts();
            let refused = record.decrypt(&message).map(|_| ()).expect_err("a changed message was read");
            assert!(record.to_parts() == before, "a refused message changed the record");
            assert!(
                matches!(
                    refused,
                    GroupDecryptError::NoSenderKeyState | GroupDecryptError::SignatureValidationFailed
                ),
                "a changed message was not refused for its signature: {refused:?}"
            );
        }
    }

    fn restart(&mut self, member: usize) {
        let records = self.known[member].iter_mut().map(|known| &mut known.record);
        for record in records.chain([&mut self.own[member]]) {
            let stored = record.to_parts();
            *record = SenderKeyRecord::from_parts(stored.clone()).expect("what was stored can be read");
            assert!(sorted(record.to_parts()) == sorted(stored), "storing again gives other parts");
        }
    }
}

impl Known {
    fn take_in(&mut self, chain_id: u32, iteration: u32, claimed: bool) -> SenderKeyChange {
        let at = self.model.iter().position(|chain| chain.chain_id == chain_id);
        let new = Chain { chain_id, claimed, next: iteration, skipped: BTreeSet::new() };
        let (chain, change) = match at.map(|at| self.model.remove(at)) {
            None => (new, SenderKeyChange::Added),
            Some(old) if old.claimed == claimed => (old, SenderKeyChange::Kept),
            Some(_) => (new, SenderKeyChange::SigningKeyReplaced),
        };
        self.model.insert(0, chain);
        self.model.truncate(CHAINS_KEPT);
        change
    }

    fn read(&mut self, message: &SenderKeyMessage, claimed: bool) -> Result<(), GroupDecryptError> {
        let chain = self.model.iter_mut().find(|chain| chain.chain_id == message.chain_id());
        let chain = chain.ok_or(GroupDecryptError::NoSenderKeyState)?;
        if chain.claimed != claimed {
            return Err(GroupDecryptError::SignatureValidationFailed);
        }
        let (chain_index, counter) = (chain.next, message.iteration());
        if counter < chain_index {
            let duplicated = GroupDecryptError::DuplicatedMessage { chain_index, counter };
            return if chain.skipped.remove(&counter) { Ok(()) } else { Err(duplicated) };
        }
        if counter - chain_index > MAX_JUMP {
            return Err(GroupDecryptError::InvalidMessage(MessageType::SenderKey));
        }
        chain.skipped.extend(chain_index..counter);
        while chain.skipped.len() > MAX_SKIPPED {
            chain.skipped.pop_first();
        }
        chain.next = counter + 1;
        Ok(())
    }
}

/// One of so many, 0 in the input standing for the newest.
fn newest_first(count: usize, input: &mut Input<'_>) -> usize {
    count - 1 - input.below(count)
}
