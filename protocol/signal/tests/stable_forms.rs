//! Every form of bytes that the crate reads and writes: what was read once is written so that it reads the same again.
//!
//! Each form is tried with what the crate itself writes and with that damaged. Whatever still decodes must encode to
//! bytes that decode and encode to themselves; messages that are signed or authenticated keep the very bytes that came.
//!
//! Not its concern: which damage has to be refused.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "test code")]

mod common;

use std::sync::OnceLock;

use common::{Device, by_name, record_parts};
use khaima_signal::hazmat::spqr::{ChainParams, Direction, Message, Spqr};
use khaima_signal::sealed_sender::{
    ContentHint, SealedContent, SenderCertificate, SenderClaims, ServerCertificate,
};
use khaima_signal::{
    CiphertextMessage, DecryptionErrorMessage, DeviceId, DistributionId, IdentityKey, IdentityKeyPair,
    KemCiphertext, KemKeyPair, KemPublicKey, KemSecretKey, KeyPair, KyberPreKey, KyberPreKeyId,
    LocalIdentity as _, MessageType, OneTimePreKey, PlaintextContent, PreKeyId, PreKeySignalMessage,
    PrivateKey, PublicKey, RecordPart, SenderKeyDistributionMessage, SenderKeyMessage, SenderKeyRecord,
    ServiceId, SessionRecord, SignalMessage, Signature, SignedPreKey, SignedPreKeyId, Timestamp,
};
use proptest::{prelude::*, sample::Index};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Decodes and encodes again; `None` if it does not decode.
type Pass = fn(&[u8]) -> Option<Vec<u8>>;

struct Form {
    name: &'static str,
    pass: Pass,
    /// Whether the bytes that came are the bytes that leave, as whatever is signed needs it.
    keeps: bool,
    samples: Vec<Vec<u8>>,
}

/// The parts of a record in one piece, for the sake of these tests.
fn framed(parts: Vec<RecordPart>) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in by_name(parts) {
        out.push(u8::try_from(name.len()).unwrap());
        out.extend_from_slice(&name);
        out.extend_from_slice(&u16::try_from(bytes.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&bytes);
    }
    out
}

fn parts(mut bytes: &[u8]) -> Option<Vec<RecordPart>> {
    let mut parts = common::Parts::new();
    while let Some((length, rest)) = bytes.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        let (length, rest) = rest.split_first_chunk()?;
        let (part, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        parts.insert(name.to_vec(), part.to_vec());
        bytes = rest;
    }
    Some(record_parts(&parts))
}

/// A conversation with skipped keys, archived sessions and a quantum-safe ratchet under way: messages and records.
struct Scene {
    first: Vec<Vec<u8>>,
    later: Vec<Vec<u8>>,
    records: Vec<Vec<u8>>,
}

fn scene(rng: &mut ChaCha20Rng) -> Scene {
    let mut devices = [
        Device::new("11111111-1111-4111-8111-111111111111", 1, rng),
        Device::new("22222222-2222-4222-8222-222222222222", 2, rng),
    ];
    let addresses = [0, 1].map(|at: usize| devices[at].address.clone());
    let (mut first, mut later) = (Vec::new(), Vec::new());
    for round in 0..3 {
        let bundle = devices[1].bundle(round != 1, round == 1, rng);
        devices[0].start(&addresses[1], bundle, NOW, rng).unwrap();
        for turn in 0..12_usize {
            let from = turn % 2;
            for arrives in [false, true] {
                let message = devices[from].encrypt(&addresses[1 - from], b"text", NOW, rng).unwrap();
                match message.message_type() {
                    MessageType::PreKey => first.push(message.serialize().to_vec()),
                    _ => later.push(message.serialize().to_vec()),
                }
                if arrives {
                    devices[1 - from].decrypt(&addresses[from], &message, rng).unwrap();
                }
            }
        }
    }
    let records = (0..2).map(|at: usize| framed(devices[at].record(&addresses[1 - at]).to_parts())).collect();
    Scene { first, later, records }
}

/// States of the post-quantum ratchet at every stage, and what it sends.
fn spqr(rng: &mut ChaCha20Rng) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut sides = [Direction::A2B, Direction::B2A]
        .map(|direction| Spqr::new(direction, 1, 0, &[7; 32], ChainParams::default()));
    let (mut states, mut messages) = (Vec::new(), Vec::new());
    for turn in 0..240_usize {
        let from = turn % 2;
        let sent = sides[from].send(rng).unwrap();
        sides[from] = sent.state;
        if turn % 7 != 0 {
            sides[1 - from] = sides[1 - from].recv(&sent.message).unwrap().state;
        }
        messages.push(sent.message);
        states.push(sides[from].encode().to_vec());
    }
    (states, messages)
}

/// Every form with its samples. Made once.
fn forms() -> &'static [Form] {
    static FORMS: OnceLock<Vec<Form>> = OnceLock::new();
    FORMS.get_or_init(|| {
        let mut rng = ChaCha20Rng::seed_from_u64(90);
        let mut forms = messages(&mut rng);
        forms.extend(sealed(&mut rng));
        forms.extend(keys(&mut rng));
        forms
    })
}

fn form(name: &'static str, keeps: bool, samples: Vec<Vec<u8>>, pass: Pass) -> Form {
    Form { name, pass, keeps, samples }
}

fn messages(rng: &mut ChaCha20Rng) -> Vec<Form> {
    let Scene { first, later, records } = scene(rng);
    let (states, spqr_messages) = spqr(rng);
    let error =
        DecryptionErrorMessage::for_message(MessageType::Whisper, later.last().unwrap(), NOW, 3).unwrap();
    let own = SenderKeyRecord::generate(rng);
    let id = DistributionId::from_bytes([9; 16]);
    let sent = own.encrypt(id, b"text", rng).unwrap();
    let given = own.distribution_message(id).unwrap();
    let theirs = SenderKeyRecord::empty().process(&given).record;
    let late = sent.record.encrypt(id, b"text", rng).unwrap().message;
    let group_records = [&own, &sent.record, &theirs.decrypt(&late).unwrap().record, &theirs]
        .map(|record| framed(record.to_parts()));
    vec![
        form("SignalMessage", true, later, |bytes| {
            Some(SignalMessage::decode(bytes).ok()?.serialize().to_vec())
        }),
        form("PreKeySignalMessage", true, first.clone(), |bytes| {
            Some(PreKeySignalMessage::decode(bytes).ok()?.serialize().to_vec())
        }),
        form("CiphertextMessage", true, first, |bytes| {
            Some(CiphertextMessage::decode(MessageType::PreKey, bytes).ok()?.serialize().to_vec())
        }),
        form("SenderKeyMessage", true, vec![sent.message.serialize().to_vec()], |bytes| {
            Some(SenderKeyMessage::decode(bytes).ok()?.serialize().to_vec())
        }),
        form("SenderKeyDistributionMessage", true, vec![given.serialize().to_vec()], |bytes| {
            Some(SenderKeyDistributionMessage::decode(bytes).ok()?.serialize().to_vec())
        }),
        form("PlaintextContent", true, vec![PlaintextContent::from(&error).serialize().to_vec()], |bytes| {
            Some(PlaintextContent::decode(bytes).ok()?.serialize().to_vec())
        }),
        form("DecryptionErrorMessage", false, vec![error.encode()], |bytes| {
            Some(DecryptionErrorMessage::decode(bytes).ok()?.encode())
        }),
        form("spqr::Message", false, spqr_messages, |bytes| Some(Message::decode(bytes).ok()?.encode())),
        form("Spqr", false, states, |bytes| Some(Spqr::decode(bytes).ok()?.encode().to_vec())),
        form("SessionRecord", false, records, |bytes| {
            Some(framed(SessionRecord::from_parts(parts(bytes)?).ok()?.to_parts()))
        }),
        form("SenderKeyRecord", false, group_records.to_vec(), |bytes| {
            Some(framed(SenderKeyRecord::from_parts(parts(bytes)?).ok()?.to_parts()))
        }),
    ]
}

fn sealed(rng: &mut ChaCha20Rng) -> Vec<Form> {
    let identity = IdentityKeyPair::generate(rng);
    let server_key = KeyPair::generate(rng);
    let server = ServerCertificate::issue(1, server_key.public(), &identity, rng);
    let claims = SenderClaims {
        uuid: "11111111-1111-4111-8111-111111111111".to_owned(),
        e164: Some("+15550100".to_owned()),
        device: DeviceId::new(1).unwrap(),
        expires: NOW,
        identity_key: identity.identity_key(),
    };
    let certificate = SenderCertificate::issue(claims, server.clone(), server_key.private(), rng);
    let content = SealedContent {
        message_type: MessageType::Whisper,
        certificate: certificate.clone(),
        content: vec![7; 40],
        hint: ContentHint::Resendable,
        group_id: Some(vec![1; 16]),
    };
    let samples = vec![content.encode(), content.encode_padded(1_024).unwrap()];
    vec![
        form("ServerCertificate", true, vec![server.encode().to_vec()], |bytes| {
            Some(ServerCertificate::decode(bytes).ok()?.encode().to_vec())
        }),
        form("SenderCertificate", true, vec![certificate.encode().to_vec()], |bytes| {
            Some(SenderCertificate::decode(bytes).ok()?.encode().to_vec())
        }),
        form("SealedContent", false, samples, |bytes| Some(SealedContent::decode(bytes).ok()?.encode())),
    ]
}

fn keys(rng: &mut ChaCha20Rng) -> Vec<Form> {
    let identity = IdentityKeyPair::generate(rng);
    let (pair, kem) = (KeyPair::generate(rng), KemKeyPair::generate(rng));
    let ciphertext = kem.public().encapsulate(rng).ciphertext.serialize();
    let one_time = OneTimePreKey::generate(PreKeyId::new(1), rng).encode().to_vec();
    let signed = SignedPreKey::generate(SignedPreKeyId::new(2), &identity, NOW, rng);
    let kyber = KyberPreKey::generate(KyberPreKeyId::new(3), &identity, NOW, rng).encode().to_vec();
    let service = ServiceId::aci([0x5A; 16]);
    vec![
        form("PublicKey", false, vec![pair.public().serialize().to_vec()], |bytes| {
            Some(PublicKey::deserialize(bytes).ok()?.serialize().to_vec())
        }),
        form("IdentityKey", false, vec![identity.identity_key().serialize().to_vec()], |bytes| {
            Some(IdentityKey::deserialize(bytes).ok()?.serialize().to_vec())
        }),
        form("PrivateKey", false, vec![pair.private().serialize().expose().to_vec()], |bytes| {
            Some(PrivateKey::deserialize(bytes).ok()?.serialize().expose().to_vec())
        }),
        form("Signature", true, vec![signed.signature.as_bytes().to_vec()], |bytes| {
            Some(Signature::from_slice(bytes)?.as_bytes().to_vec())
        }),
        form("KemPublicKey", true, vec![kem.public().serialize()], |bytes| {
            Some(KemPublicKey::deserialize(bytes).ok()?.serialize())
        }),
        form("KemSecretKey", true, vec![kem.secret().serialize().expose().to_vec()], |bytes| {
            Some(KemSecretKey::deserialize(bytes).ok()?.serialize().expose().to_vec())
        }),
        form("KemCiphertext", true, vec![ciphertext], |bytes| {
            Some(KemCiphertext::deserialize(bytes).ok()?.serialize())
        }),
        form("OneTimePreKey", false, vec![one_time], |bytes| {
            Some(OneTimePreKey::decode(bytes).ok()?.encode().to_vec())
        }),
        form("SignedPreKey", false, vec![signed.encode().to_vec()], |bytes| {
            Some(SignedPreKey::decode(bytes).ok()?.encode().to_vec())
        }),
        form("KyberPreKey", false, vec![kyber], |bytes| {
            Some(KyberPreKey::decode(bytes).ok()?.encode().to_vec())
        }),
        form("ServiceId in binary", true, vec![service.to_binary()], |bytes| {
            Some(ServiceId::from_binary(bytes).ok()?.to_binary())
        }),
        form("ServiceId of fixed width", true, vec![service.to_fixed_width().to_vec()], |bytes| {
            Some(ServiceId::from_fixed_width(bytes).ok()?.to_fixed_width().to_vec())
        }),
        form("ServiceId in letters", false, vec![service.to_string().into_bytes()], |bytes| {
            let text = std::str::from_utf8(bytes).ok()?;
            Some(text.parse::<ServiceId>().ok()?.to_string().into_bytes())
        }),
    ]
}

/// What may befall bytes.
#[derive(Clone, Debug)]
enum Edit {
    Change(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    /// A protobuf field that no version knows.
    UnknownField,
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        8 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Change(at, byte)),
        1 => (at(), prop::collection::vec(any::<u8>(), 1..4)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        1 => (at(), 1..4_usize).prop_map(|(at, count)| Edit::Remove(at, count)),
        1 => Just(Edit::UnknownField),
    ]
}

fn edited(bytes: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for edit in edits {
        let length = bytes.len().max(1);
        match edit {
            Edit::Change(at, byte) => {
                if let Some(to) = bytes.get_mut(at.index(length)) {
                    *to = *byte;
                }
            }
            Edit::Insert(at, more) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, more.iter().copied());
            }
            Edit::Remove(at, count) => {
                let at = at.index(length).min(bytes.len());
                bytes.drain(at..bytes.len().min(at + count));
            }
            Edit::UnknownField => bytes.extend_from_slice(&[0xA2, 0x7D, 2, 0, 0]),
        }
    }
    bytes
}

/// Whether it decoded; if so, it is held against what it encodes to.
fn is_stable(form: &Form, bytes: &[u8]) -> bool {
    let name = form.name;
    let Some(once) = (form.pass)(bytes) else { return false };
    assert!(!form.keeps || once == bytes, "{name} does not keep {}", hex::encode(bytes));
    let Some(twice) = (form.pass)(&once) else {
        panic!("{name} does not read what it wrote for {}", hex::encode(bytes))
    };
    assert!(twice == once, "{name} writes otherwise the second time: {}", hex::encode(bytes));
    true
}

#[test]
fn what_the_crate_writes_comes_back_byte_for_byte() {
    for form in forms() {
        assert!(!form.samples.is_empty());
        for sample in &form.samples {
            // Padding is read past; all else is written as it was read.
            let padded = form.name == "SealedContent" && sample.len() == 1_024;
            let same = (form.pass)(sample).is_some_and(|again| padded || again == *sample);
            assert!(same, "{} {}", form.name, hex::encode(sample));
        }
    }
}

/// Damage that nothing survives would prove nothing.
#[test]
fn damaged_samples_of_every_form_still_decode_now_and_then() {
    for form in forms() {
        let mut damaged = form.samples[0].clone();
        let mut survives = |at: usize, mask| {
            damaged[at] ^= mask;
            let survives = is_stable(form, &damaged);
            damaged[at] ^= mask;
            survives
        };
        let length = form.samples[0].len();
        assert!((0..length).any(|at| survives(at, 0x10) || survives(at, 0x01)), "{}", form.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn whatever_decodes_encodes_to_what_decodes_the_same(
        sample in any::<Index>(),
        edits in prop::collection::vec(edit(), 1..4),
    ) {
        for form in forms() {
            is_stable(form, &edited(&form.samples[sample.index(form.samples.len())], &edits));
        }
    }
}
