//! What holds secrets: found in the source, so that a new type cannot be forgotten.
//!
//! Secrets are kept in [`Secret`], in `Zeroizing` or in a type that wipes itself; raw bytes anywhere else are public, and
//! stand in a list here. No type with a secret inside prints one.
//!
//! Not its concern: copies that the compiler makes on the stack, and what allocators keep; see `docs/constant-time.md`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "test code")]

mod common;

use std::{collections::BTreeSet, path::Path};

use common::Device;
use khaima_signal::hazmat::spqr::{self, ChainParams, Spqr};
use khaima_signal::sealed_sender;
use khaima_signal::{
    DistributionId, IdentityKeyPair, KemKeyPair, KeyPair, KyberPreKey, KyberPreKeyId, OneTimePreKey,
    PreKeyId, Secret, SenderKeyRecord, SignedPreKey, SignedPreKeyId, StoredKyber, Timestamp,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

/// Types with raw bytes in them that are not wiped, and why that is right.
const PUBLIC: &[(&str, &str)] = &[
    (
        "keys, signatures, KEM values and codes of them: all published",
        "PublicKey Signature SignedPoint KemPublicKey KemCiphertext PreKeyBundleIn Header Half SafetyNumber",
    ),
    ("names", "ServiceId DistributionId"),
    (
        "what travels in the open, or inside an envelope and encrypted for itself",
        "SignalMessage SignalHeader PreKeySignalMessage PreKeySignalParts SenderKeyMessage MessageFields Fields \
         PlaintextContent Content Chunk SpqrSent Share Pending UnidentifiedSenderMessage",
    ),
    (
        "certificates and the content of envelopes: they name a sender, which is for the allocator to wipe",
        "ServerCertificate SenderCertificate Signer Signed ServerContents SenderContents SenderUuid SealedContent \
         UnidentifiedSenderMessageContent",
    ),
    ("names of stored parts, beside bytes that are wiped", "RecordPart PartChanges"),
    ("wiped by hand where it ends", "Block"),
    ("AWS-LC wipes its own copy of the key", "X25519Key"),
];

fn public() -> impl Iterator<Item = &'static str> {
    PUBLIC.iter().flat_map(|(_, names)| names.split(' '))
}

/// Types whose raw bytes are public although there are secrets beside them, which print themselves as fixed texts.
const PUBLIC_BESIDE_SECRETS: &[&str] = &["SpqrSent", "PartChanges"];
/// Types that print how much they hold, and of which epochs.
const COUNTING: &[&str] = &["Chain", "Spqr", "Skipped"];

/// A type as it stands in the source.
struct Found {
    file: String,
    name: String,
    /// The types of its fields.
    fields: Vec<String>,
    /// What is written above it.
    attributes: String,
    /// The rest of its file.
    source: String,
}

impl Found {
    fn wipes_itself(&self) -> bool {
        let name = &self.name;
        let implements = |what: &str| {
            let head = format!("{what} for {name}");
            self.source.lines().any(|line| line.starts_with("impl") && line.contains(&head))
        };
        self.attributes.contains("ZeroizeOnDrop") || implements("Drop")
    }

    fn words(&self) -> BTreeSet<&str> {
        self.fields
            .iter()
            .flat_map(|field| field.split(|letter: char| !letter.is_alphanumeric() && letter != '_'))
            .collect()
    }

    /// Fields of bytes that nothing wipes, and of other libraries' types that hold bytes.
    fn has_raw_bytes(&self) -> bool {
        let raw = ["[u8", "Vec<u8>", "[u32;", "Scalar", "agreement::"];
        self.fields
            .iter()
            .any(|field| !field.contains("Zeroizing<") && raw.iter().any(|raw| field.contains(raw)))
    }
}

/// The types of one file, without those of its tests.
fn types_of(file: &str, source: &str) -> Vec<Found> {
    let end = source.find("#[cfg(test)]\nmod ").or_else(|| source.find("#[cfg(all(test"));
    let source = &source[..end.unwrap_or(source.len())];
    let (mut found, mut attributes) = (Vec::new(), String::new());
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let mut words = line.split([' ', '<', '(', '{', ';']).filter(|word| !word.is_empty());
        let keyword = words.find(|word| !word.starts_with("pub") && !["crate)", "super)"].contains(word));
        let Some("struct" | "enum") = keyword else {
            match line.trim().starts_with(['#', '/']) {
                true => attributes += line,
                false => attributes.clear(),
            }
            continue;
        };
        let name = words.next().unwrap().to_owned();
        let fields = if line.ends_with('{') {
            lines.by_ref().take_while(|line| *line != format!("{indent}}}")).collect()
        } else {
            vec![line]
        };
        let fields = fields
            .into_iter()
            .filter(|line| !line.trim().starts_with(['#', '/']))
            // Borrowed: somebody else's to wipe.
            .filter(|line| !line.contains('&'))
            .map(|line| line.split_once(": ").map_or(line, |(_, of)| of).to_owned())
            .collect();
        let (file, source) = (file.to_owned(), source.to_owned());
        found.push(Found { file, name, fields, attributes: std::mem::take(&mut attributes), source });
    }
    found
}

fn read(directory: &Path, found: &mut Vec<Found>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, found);
        } else if !["testing.rs", "reference_states.rs"].iter().any(|tests| path.ends_with(tests)) {
            found.extend(types_of(path.to_str().unwrap(), &std::fs::read_to_string(&path).unwrap()));
        }
    }
}

fn types() -> Vec<Found> {
    let mut found = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found
}

/// The types with a secret in them, however deep.
fn secret_bearing(types: &[Found]) -> Vec<&Found> {
    let wiping = types.iter().filter(|found| found.wipes_itself()).map(|found| found.name.as_str());
    let mut names: BTreeSet<&str> = wiping.chain(["Zeroizing"]).collect();
    loop {
        let before = names.len();
        for found in types {
            if found.words().intersection(&names).next().is_some() {
                names.insert(&found.name);
            }
        }
        if names.len() == before {
            return types.iter().filter(|found| names.contains(found.name.as_str())).collect();
        }
    }
}

/// What is wrong with how a type keeps its bytes.
fn raw_secrets(types: &[Found]) -> Vec<&str> {
    let public: BTreeSet<&str> = public().collect();
    types
        .iter()
        .filter(|found| found.has_raw_bytes() && !found.wipes_itself())
        .map(|found| found.name.as_str())
        .filter(|name| !public.contains(name))
        .collect()
}

/// Types that would print what they hold.
fn talkative(types: &[Found]) -> Vec<&str> {
    let mut talkative = Vec::new();
    for found in secret_bearing(types) {
        let name = found.name.as_str();
        let derives = found
            .attributes
            .split("derive(")
            .skip(1)
            .any(|list| list.split(')').next().unwrap().split(", ").any(|derived| derived == "Debug"));
        let implements = found.source.contains(&format!("Debug for {name} "))
            || found.source.contains(&format!("Debug for {name}<"));
        let redacts = found.source.contains(&format!("f.write_str(\"{name}(..)\")"));
        let shows_bytes = derives && found.has_raw_bytes() && !PUBLIC_BESIDE_SECRETS.contains(&name);
        if shows_bytes || implements && !redacts && !COUNTING.contains(&name) {
            talkative.push(name);
        }
    }
    talkative
}

#[test]
fn raw_bytes_are_public_or_wiped() {
    let types = types();
    assert_eq!(raw_secrets(&types), [""; 0], "wipe these, or say above why they are public");
    for name in public() {
        let used = types.iter().any(|found| found.name == name && found.has_raw_bytes());
        assert!(used, "{name} is not there any more");
    }
}

#[test]
fn no_type_with_a_secret_inside_prints_bytes() {
    let types = types();
    let bearing = secret_bearing(&types);
    println!("{} types hold secrets:", bearing.len());
    bearing.iter().for_each(|found| println!("  {} {}", found.file, found.name));
    assert!(bearing.len() > 60, "the search finds what there is");
    assert_eq!(talkative(&types), [""; 0]);
}

/// A search that finds nothing proves nothing.
#[test]
fn the_search_finds_what_is_wrong() {
    let wrong = types_of(
        "wrong.rs",
        "/// Kept.\n#[derive(Clone, Debug)]\npub(crate) struct Bare {\n    /// The key.\n    pub key: [u8; 32],\n}\n\n\
         #[derive(Debug)]\nstruct Inside {\n    key: Zeroizing<[u8; 32]>,\n    bytes: Vec<u8>,\n}\n\nenum Around {\n    Holds(Inside),\n    Empty,\n}\n\n\
         impl fmt::Debug for Around {\n    // f.write_str(\"shown\")\n}\n\n\
         #[derive(Zeroize, ZeroizeOnDrop)]\nstruct Good {\n    key: [u8; 32],\n}\n\nstruct Lent<'a>(&'a [u8]);\n\n\
         #[cfg(test)]\nmod tests {\n    struct NotLooked([u8; 32]);\n}\n",
    );
    assert_eq!(raw_secrets(&wrong), ["Bare", "Inside"]);
    assert_eq!(talkative(&wrong), ["Inside", "Around"]);
}

#[test]
fn what_can_be_had_from_outside_prints_fixed_texts() {
    let mut rng = ChaCha20Rng::seed_from_u64(91);
    let now = Timestamp::from_millis(0);
    let identity = IdentityKeyPair::generate(&mut rng);
    let (pair, kem) = (KeyPair::generate(&mut rng), KemKeyPair::generate(&mut rng));
    insta::assert_snapshot!(
        format!("{:?} {:?} {:?} {:?} {:?}", Secret::from_bytes([1; 32]), pair, pair.private(), identity, kem),
        @"Secret(..) KeyPair(..) PrivateKey(..) IdentityKeyPair(..) KemKeyPair(..)"
    );
    let made = kem.public().encapsulate(&mut rng);
    insta::assert_snapshot!(
        format!("{:?} {made:?}", kem.secret()),
        @"KemSecretKey(..) Encapsulated { ciphertext: KemCiphertext(..), shared_secret: Secret(..) }"
    );
    let prekey = KyberPreKey::generate(KyberPreKeyId::new(3), &identity, now, &mut rng);
    insta::assert_snapshot!(
        format!(
            "{:?}\n{:?}\n{:?}",
            OneTimePreKey::generate(PreKeyId::new(1), &mut rng),
            SignedPreKey::generate(SignedPreKeyId::new(2), &identity, now, &mut rng),
            StoredKyber { prekey, last_resort: true },
        ),
        @r"
        OneTimePreKey { id: PreKeyId(1), key_pair: KeyPair(..) }
        SignedPreKey { id: SignedPreKeyId(2), created: Timestamp(0), key_pair: KeyPair(..), signature: Signature(..) }
        StoredKyber { prekey: KyberPreKey { id: KyberPreKeyId(3), created: Timestamp(0), key_pair: KemKeyPair(..), signature: Signature(..) }, last_resort: true }
        "
    );
}

#[test]
fn sessions_and_group_keys_print_fixed_texts() {
    let mut rng = ChaCha20Rng::seed_from_u64(92);
    let now = Timestamp::from_millis(0);
    let mut alice = Device::new("11111111-1111-4111-8111-111111111111", 1, &mut rng);
    let mut bob = Device::new("22222222-2222-4222-8222-222222222222", 2, &mut rng);
    let bundle = bob.bundle(true, false, &mut rng);
    alice.start(&bob.address, bundle, now, &mut rng).unwrap();
    let (local, peer) = (alice.local(), &bob.address);
    let sent = alice.record(peer).encrypt(&local, peer, b"text", &alice.stores, now, &mut rng).unwrap();
    let read = bob
        .record(&alice.address)
        .decrypt(&bob.local(), &alice.address, &sent.message, &bob.stores, &bob.stores, &mut rng)
        .unwrap();
    insta::assert_snapshot!(
        format!("{:?}\n{sent:?}\n{read:?}\n{:?}", alice.record(peer), sent.record.changes_since(&alice.record(peer))),
        @r"
        SessionRecord(..)
        Encrypted { record: SessionRecord(..), message: PreKey(PreKeySignalMessage(..)), remote_identity: IdentityKey(..) }
        Decrypted(..)
        PartChanges { put: [RecordPart(..)], delete: [] }
        "
    );
    let own = SenderKeyRecord::generate(&mut rng);
    let id = DistributionId::from_bytes([9; 16]);
    let given = own.distribution_message(id).unwrap();
    insta::assert_snapshot!(
        format!("{own:?} {:?} {given:?} {:?}", own.encrypt(id, b"text", &mut rng).unwrap(), own.process(&given)),
        @"SenderKeyRecord(..) GroupEncrypted { record: SenderKeyRecord(..), message: SenderKeyMessage(..) } SenderKeyDistributionMessage(..) Processed { record: SenderKeyRecord(..), change: Kept }"
    );
    assert!(sealed_sender::open(&[0x22; 200], &bob.identity).is_err());
}

#[test]
fn parts_of_the_post_quantum_ratchet_print_fixed_texts() {
    let mut rng = ChaCha20Rng::seed_from_u64(93);
    let [mut alice, bob] = [spqr::Direction::A2B, spqr::Direction::B2A]
        .map(|direction| Spqr::new(direction, 1, 1, &[7; 32], ChainParams::default()));
    let sent = alice.send(&mut rng).unwrap();
    alice = sent.state;
    let later = alice.send(&mut rng).unwrap();
    let received = bob.recv(&later.message).unwrap();
    let parts = received.state.encode_parts(None);
    insta::assert_snapshot!(format!("{alice:?} {parts:?} {:?} {:?}", received.state, received.key), @"Spqr { state_code: 2, status: Negotiating { version: 1, min_version: 1 }, .. } StoredParts(..) Spqr { state_code: 6, status: Complete { version: 1 }, .. } Some(Secret(..))");
    let pair = spqr::KeyPair::generate(&mut rng).unwrap();
    let begun = spqr::Encapsulation::begin(&pair.header, &mut rng).unwrap();
    insta::assert_snapshot!(
        format!("{:?} {:?} {:?}", pair.decapsulation_key, begun.encapsulation, begun.shared_secret),
        @"DecapsulationKey(..) Encapsulation(..) Secret(..)"
    );
    let authenticator = spqr::Authenticator::new(&[1; 32]);
    let chain = spqr::Chain::start(spqr::Direction::A2B, &[1; 32], ChainParams::default());
    insta::assert_snapshot!(format!("{authenticator:?} {chain:?}"), @"Authenticator(..) Chain { send_epoch: 0, current_epoch: 0, .. }");
}
