//! 77: nothing of a key, a MAC, an address or a plaintext gets into a log. The crate has nothing to log with, and what others
//! may log of it, its errors and the `Debug` of its types, says nothing about anybody.

use std::error::Error;
use std::fmt::Debug;
use std::path::Path;

use khaima_signal::sealed_sender::{SealError, SenderCheck, decrypt, open, v1, v2};
use khaima_signal::{
    AddressError, BundleError, CiphertextMessage, DecodeError, DecryptError, DecryptionErrorMessage,
    DeviceId, EncryptError, GroupDecryptError, GroupEncryptError, IdentityKey, KeyError, LocalIdentity as _,
    MessageError, MessageType, PlaintextContent, RegistrationId, SafetyNumber, SafetyNumberError,
    SafetyNumberSide, SenderKeyMessage, ServiceId, StartError, StoreError,
};

use crate::certificates::Authority;
use crate::crafted;
use crate::world::{ALICE, BOB, CAROL, NAMES, World, now};

const PLAINTEXT: &[u8] = b"noon, by the bridge";

#[test]
fn n77_the_crate_depends_on_nothing_that_logs() {
    let manifest = include_str!("../../Cargo.toml");
    let dependencies: Vec<_> = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(['=', '.']).map(|(name, _)| name.trim()))
        .collect();
    assert!(dependencies.contains(&"curve25519-dalek"), "read the right section: {dependencies:?}");
    for logger in ["log", "tracing", "slog", "defmt", "env_logger", "fern", "eyre", "anyhow"] {
        assert!(!dependencies.contains(&logger), "{logger}");
    }
}

/// Nothing is printed either. Tests, at the end of each file, may.
#[test]
fn n77_the_crate_prints_nothing() {
    fn walk(directory: &Path, seen: &mut usize) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, seen);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for macro_name in ["print!", "println!", "eprint!", "eprintln!", "dbg!", "stdout()", "stderr()"] {
                let printed = code.lines().find(|line| {
                    let code = line.split("//").next().unwrap();
                    code.contains(macro_name)
                });
                assert!(printed.is_none(), "{}: {printed:?}", path.display());
            }
            *seen += 1;
        }
    }
    let mut seen = 0;
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut seen);
    assert!(seen > 40, "{seen} files");
}

/// What must not be found, in every form in which `Debug` could show it.
struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn of(world: &World) -> Self {
        let mut secrets = Self(Vec::new());
        for (who, person) in world.people.iter().enumerate() {
            let device = &person.device;
            secrets.text("a name", device.address.name());
            secrets.bytes("a uuid", &device.address.service_id().unwrap().uuid()[..]);
            secrets.bytes("an identity key", device.identity.identity_key().public_key().as_bytes());
            secrets.bytes("a private identity key", device.identity.private().serialize().expose());
            for record in device.stores.sessions.values().flat_map(|parts| parts.values()) {
                // Where keys stand in a stored state, and everything else beside them.
                record.chunks_exact(32).for_each(|chunk| secrets.bytes("a part of a session", chunk));
            }
            println!("{who}: {} secrets", secrets.0.len());
        }
        secrets.bytes("the plaintext", PLAINTEXT);
        secrets.text("the plaintext", std::str::from_utf8(PLAINTEXT).unwrap());
        secrets
    }

    fn text(&mut self, what: &str, text: &str) {
        self.0.push((what.to_owned(), text.to_lowercase()));
    }

    /// Their first eight, in hexadecimal and as a list, unless they are hardly any.
    fn bytes(&mut self, what: &str, bytes: &[u8]) {
        let start = &bytes[..bytes.len().min(8)];
        if start.iter().filter(|byte| **byte > 9).count() < 5 {
            return;
        }
        self.text(what, &hex::encode(start));
        self.text(what, format!("{start:?}").trim_matches(['[', ']']));
        self.text(what, format!("{start:02x?}").trim_matches(['[', ']']));
    }

    fn check(&self, shown: &str) {
        let lower = shown.to_lowercase();
        let flat: String = lower.split_whitespace().collect::<Vec<_>>().join(" ");
        for (what, secret) in &self.0 {
            assert!(!lower.contains(secret) && !flat.contains(secret), "{what} in {shown:?}");
        }
    }

    fn debug(&self, value: &impl Debug) {
        self.check(&format!("{value:?}"));
        self.check(&format!("{value:#?}"));
    }

    fn error(&self, error: &(dyn Error + 'static)) {
        let mut error = Some(error);
        while let Some(one) = error {
            self.check(&format!("{one}"));
            self.check(&format!("{one:?}"));
            self.check(&format!("{one:#?}"));
            error = one.source();
        }
    }
}

#[test]
fn n77_the_search_finds_what_it_looks_for() {
    let world = World::established(77_01);
    let secrets = Secrets::of(&world);
    let shows = |shown: String| std::panic::catch_unwind(|| secrets.check(&shown)).is_err();
    let key = world.people[ALICE].device.identity.private().serialize();
    assert!(shows(format!("key {}", hex::encode_upper(key.expose()))));
    assert!(shows(format!("{:?}", key.expose())));
    assert!(shows(format!("{:#?}", key.expose())));
    assert!(shows(format!("from {}", NAMES[BOB])));
    assert!(shows(format!("{PLAINTEXT:?}")));
    assert!(!shows("the message is invalid".to_owned()));
}

/// Every refusal that the tests of the other numbers meet, and some that are constructed.
#[test]
fn n77_no_error_says_whom_or_what_it_is_about() {
    let mut world = World::established(77_02);
    let secrets = Secrets::of(&world);
    let message = world.encrypt(ALICE, BOB, PLAINTEXT);
    let address = world.address(ALICE);
    let key = KeyError::BadKeyType(7);
    let kind = MessageType::Whisper;
    let errors: Vec<Box<dyn Error>> = vec![
        Box::new(MessageError::InvalidArgument("x")),
        Box::new(MessageError::Key(key)),
        Box::new(MessageError::InvalidMessage(kind)),
        Box::new(MessageError::CiphertextMessageTooShort(3)),
        Box::new(AddressError::InvalidServiceId),
        Box::new(AddressError::InvalidProtocolAddress),
        Box::new(StartError::UntrustedIdentity),
        Box::new(StartError::Bundle(BundleError::SignatureValidationFailed)),
        Box::new(StartError::Key(key)),
        Box::new(EncryptError::SessionNotFound),
        Box::new(EncryptError::UntrustedIdentity),
        Box::new(EncryptError::InvalidState("x")),
        Box::new(DecryptError::UntrustedIdentity),
        Box::new(DecryptError::DuplicatedMessage { chain_index: 5, counter: 4 }),
        Box::new(DecryptError::Key(key)),
        Box::new(DecryptError::InvalidSession),
        Box::new(DecodeError::Damaged),
        Box::new(GroupEncryptError::InvalidSenderKeySession),
        Box::new(GroupDecryptError::SignatureValidationFailed),
        Box::new(SealError::SessionNotFound(address.clone())),
        Box::new(SealError::InvalidState(address.clone())),
        Box::new(SealError::InvalidArgument(address.clone())),
        Box::new(SealError::InvalidRegistrationId(address.clone(), RegistrationId::new(77_777))),
        Box::new(SafetyNumberError::FingerprintParse),
    ];
    errors.iter().for_each(|error| secrets.error(error.as_ref()));
    // And as they come: a wrong MAC, a wrong type, an unknown sender, another's envelope.
    let tampered = crafted::tampered(&message, |fields| fields.previous_counter = Some(9));
    secrets.debug(&world.refused_message(ALICE, BOB, &tampered));
    secrets.debug(&world.refused_message(CAROL, BOB, &message));
    secrets.debug(&world.refused_bytes(ALICE, BOB, MessageType::PreKey, message.serialize()));
    let mut bundle = world.bundle(BOB);
    bundle.kyber_signature[3] ^= 1;
    secrets.error(&world.start_with(ALICE, BOB, bundle).unwrap_err());
    let other: IdentityKey = world.people[CAROL].device.identity.identity_key();
    world.people[BOB].device.set_identity(&address, Some(&other));
    secrets.debug(&world.refused_message(ALICE, BOB, &message));
    let handed_out = world.hand_out(CAROL);
    let group = world.group_encrypt(CAROL, PLAINTEXT);
    secrets.debug(&world.refused_in_group(CAROL, BOB, group.serialize()));
    secrets.debug(&SenderKeyMessage::decode(&handed_out.serialize()[..60]).unwrap_err());
    let bob = world.people[BOB].device.identity.clone();
    secrets.debug(&open(&[0x11, 1, 2, 3], &bob).unwrap_err());
    secrets.debug(&v2::split(&[0x23, 1, 2, 3]).unwrap_err());
    secrets.debug(&NAMES[ALICE].to_uppercase().replace('-', "").parse::<ServiceId>().unwrap_err());
    secrets.debug(&DeviceId::new(0).unwrap_err());
}

/// A store's error is passed through as its source: what that says is the store's.
#[test]
fn n77_an_error_of_a_store_says_nothing_of_its_own() {
    let error = StoreError::new("the store's own words");
    assert_eq!(error.to_string(), "the store failed");
    assert_eq!(error.source().unwrap().to_string(), "the store's own words");
}

#[test]
fn n77_debug_of_no_type_shows_a_key_an_address_or_a_plaintext() {
    let mut world = World::new(77_03);
    let authority = Authority::new(&mut world.rng);
    let bundle = world.bundle(BOB);
    let used = bundle.clone();
    world.start_with(ALICE, BOB, bundle).unwrap();
    let first = world.encrypt(ALICE, BOB, PLAINTEXT);
    let handed_out = world.hand_out(ALICE);
    let group = world.group_encrypt(ALICE, PLAINTEXT);
    let certificate = authority.certify(&world.people[ALICE].device, &mut world.rng);
    let secrets = Secrets::of(&world);
    let alice = &world.people[ALICE].device;
    let (alice_identity, bob) = (alice.identity.clone(), world.people[BOB].device.identity.clone());
    secrets.debug(&alice.address);
    secrets.debug(&alice.address.service_id());
    secrets.debug(&alice.identity);
    secrets.debug(&alice.identity.private());
    secrets.debug(&alice.identity.identity_key());
    secrets.debug(&alice.identity.identity_key().public_key());
    secrets.debug(&alice.local());
    secrets.debug(&used);
    secrets.debug(&used.kyber_key);
    secrets.debug(&alice.record(&world.address(BOB)));
    secrets.debug(&alice.record(&world.address(BOB)).to_parts());
    secrets.debug(&first);
    secrets.debug(first.signal_message());
    secrets.debug(&handed_out);
    secrets.debug(&group);
    secrets.debug(&certificate);
    secrets.debug(certificate.claims());
    secrets.debug(&certificate.server_certificate());
    let asked =
        DecryptionErrorMessage::for_message(first.message_type(), first.serialize(), now(), 1).unwrap();
    secrets.debug(&PlaintextContent::from(&asked));
    secrets.debug(&asked);
    let content = khaima_signal::sealed_sender::SealedContent {
        message_type: first.message_type(),
        certificate,
        content: first.serialize().to_vec(),
        hint: khaima_signal::sealed_sender::ContentHint::Default,
        group_id: None,
    };
    secrets.debug(&content);
    let sealed = v1::seal(&content.encode(), &alice_identity, &bob.identity_key(), &mut world.rng).unwrap();
    let roots = authority.roots();
    let check = SenderCheck { trust_roots: &roots, now: now(), local_e164: None };
    secrets.debug(&check);
    let device = &world.people[BOB].device;
    let unsealed = decrypt(&sealed, &device.local(), &check, &device.stores, &mut world.rng).unwrap();
    assert_eq!(unsealed.decrypted.plaintext.as_slice(), PLAINTEXT);
    secrets.debug(&unsealed);
    secrets.debug(&unsealed.decrypted);
    secrets.debug(&unsealed.decrypted.record);
    let key = alice_identity.identity_key();
    let side = || SafetyNumberSide { identifier: &[7; 16], key: &key };
    let number = SafetyNumber::with_parameters(2, 2, side(), side()).unwrap();
    let digits = number.digits();
    assert!(!format!("{number:?}").contains(&digits[..5]));
    assert!(matches!(first, CiphertextMessage::PreKey(_)));
}
