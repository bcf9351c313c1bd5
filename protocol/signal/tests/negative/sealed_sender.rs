//! 53 to 60: envelopes that hide their sender, and the certificates inside.

use khaima_signal::sealed_sender::{
    CertificateError, CertificateStatus, ContentHint, OpenError, SealedContent, SenderCertificate,
    SenderCheck, ServerCertificate, SplitError, UnsealError, Unsealed, decrypt, open, v1, v2,
};
use khaima_signal::{
    DecryptError, IdentityKeyPair, KeyPair, LocalIdentity as _, MessageType, ProtocolAddress, ServiceId,
    Timestamp,
};
use prost::Message as _;

use crate::by_hand::Half;
use crate::certificates::{Authority, Claims};
use crate::common::address;
use crate::sealing;
use crate::sealing_v2::ManyByHand;
use crate::world::{ALICE, BOB, CAROL, NAMES, World, assert_refusal, now};

/// Alice, Bob and Carol, and whom all of them trust.
struct Scene {
    world: World,
    authority: Authority,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed);
        let authority = Authority::new(&mut world.rng);
        Self { world, authority }
    }

    fn identity(&self, of: usize) -> IdentityKeyPair {
        self.world.people[of].device.identity.clone()
    }

    fn certificate(&mut self, of: usize) -> SenderCertificate {
        self.authority.certify(&self.world.people[of].device, &mut self.world.rng)
    }

    /// Content of any kind from somebody, under their certificate.
    fn content_of(&mut self, from: usize, message_type: MessageType, content: Vec<u8>) -> SealedContent {
        let certificate = self.certificate(from);
        SealedContent { message_type, certificate, content, hint: ContentHint::Default, group_id: None }
    }

    /// The next message from one to the other, as content.
    fn content(&mut self, from: usize, to: usize) -> SealedContent {
        let message = self.world.encrypt(from, to, b"text");
        self.content_of(from, message.message_type(), message.serialize().to_vec())
    }

    /// Sealed in both versions by somebody for somebody.
    fn seal(&mut self, content: &SealedContent, from: usize, to: usize) -> [Vec<u8>; 2] {
        let (sender, recipient) = (self.identity(from), self.identity(to).identity_key());
        let (content, rng) = (content.encode(), &mut self.world.rng);
        [
            v1::seal(&content, &sender, &recipient, rng).unwrap(),
            v2::seal_for_one(&content, &sender, &recipient, rng).unwrap(),
        ]
    }

    /// Full decryption, at an address and time, with the phone number that the recipient has.
    fn unseal(
        &mut self,
        to: usize,
        at: &ProtocolAddress,
        sealed: &[u8],
        now: Timestamp,
        local_e164: Option<&str>,
    ) -> Result<Unsealed, UnsealError> {
        let roots = self.authority.roots();
        let check = SenderCheck { trust_roots: &roots, now, local_e164 };
        let device = &self.world.people[to].device;
        let local = khaima_signal::Local { address: at, ..device.local() };
        decrypt(sealed, &local, &check, &device.stores, &mut self.world.rng)
    }

    fn unsealed(&mut self, to: usize, sealed: &[u8]) -> Unsealed {
        let at = self.world.address(to);
        self.unseal(to, &at, sealed, now(), None).unwrap()
    }

    /// Full decryption that must be refused and leave every store alone.
    fn refused(&mut self, to: usize, sealed: &[u8]) -> UnsealError {
        self.refused_with(to, sealed, now(), None)
    }

    fn refused_with(
        &mut self,
        to: usize,
        sealed: &[u8],
        now: Timestamp,
        local_e164: Option<&str>,
    ) -> UnsealError {
        let roots = self.authority.roots();
        self.world.refused(to, |person, rng| {
            let check = SenderCheck { trust_roots: &roots, now, local_e164 };
            decrypt(sealed, &person.device.local(), &check, &person.device.stores, rng)
        })
    }
}

/// Alice has a session with Bob; nothing has been sent yet.
fn scene(seed: u64) -> Scene {
    let mut scene = Scene::new(seed);
    scene.world.start(ALICE, BOB);
    scene
}

#[test]
fn n53_another_version_byte_of_an_envelope_that_would_open() {
    let mut scene = scene(53_01);
    let content = scene.content(ALICE, BOB);
    let bob = scene.identity(BOB);
    for (sealed, right) in scene.seal(&content, ALICE, BOB).into_iter().zip([0x11, 0x22]) {
        assert_eq!(open(&sealed, &bob), Ok(content.clone()));
        let nibbles = if right == 0x11 { [0, 1].as_slice() } else { &[2] };
        for high in nibbles {
            for low in 0..16 {
                let byte = high << 4 | low;
                if byte != right {
                    let changed = [&[byte], &sealed[1..]].concat();
                    assert_eq!(open(&changed, &bob), Err(OpenError::UnknownSealedSenderVersion(*high)));
                    assert_refusal!(
                        scene.refused(BOB, &changed),
                        UnsealError::Open(OpenError::UnknownSealedSenderVersion(_)),
                        SealedSenderUnknownVersion,
                        "{byte:#04x}"
                    );
                }
            }
        }
        assert_eq!(scene.unsealed(BOB, &sealed).decrypted.plaintext.as_slice(), b"text");
    }
}

#[test]
fn n53_another_version_byte_of_what_would_not_open_changes_no_error() {
    let mut scene = scene(53_02);
    let content = scene.content(ALICE, BOB);
    let (bob, carol) = (scene.identity(BOB), scene.identity(CAROL));
    let [one, two] = scene.seal(&content, ALICE, BOB);
    let mut changed = one.clone();
    *changed.last_mut().unwrap() ^= 1;
    for low in 0..16 {
        for high in [0, 0x10] {
            let envelope = [&[high | low], &changed[1..]].concat();
            assert_eq!(open(&envelope, &bob), Err(OpenError::InvalidSealedSenderMessage));
            assert_eq!(open(&[high | low], &bob), Err(OpenError::InvalidProtobufEncoding));
            assert_eq!(open(&[high | low, 0x0F], &bob), Err(OpenError::InvalidProtobufEncoding));
        }
        let envelope = [&[0x20 | low], &two[1..]].concat();
        assert_eq!(open(&envelope, &carol), Err(OpenError::InvalidSealedSenderMessage));
        assert_eq!(open(&[0x20 | low], &bob), Err(OpenError::InvalidProtobufEncoding));
    }
}

#[test]
fn n53_versions_3_to_15_are_unknown_whatever_follows() {
    let mut scene = scene(53_03);
    let content = scene.content(ALICE, BOB);
    let bob = scene.identity(BOB);
    let [one, two] = scene.seal(&content, ALICE, BOB);
    for byte in 0x30..=0xFF_u8 {
        for rest in [&one[1..], &two[1..], b"", b"garbage"] {
            let envelope = [&[byte], rest].concat();
            assert_eq!(open(&envelope, &bob), Err(OpenError::UnknownSealedSenderVersion(byte >> 4)));
        }
    }
    assert_eq!(open(&[], &bob), Err(OpenError::InvalidSealedSenderMessage));
}

#[test]
fn n53_only_0x22_and_0x23_split() {
    let mut scene = scene(53_04);
    let content = scene.content(ALICE, BOB);
    let bob = scene.identity(BOB).identity_key();
    let message = ManyByHand::new(&content.encode(), &mut scene.world.rng);
    let entry = message.entry(&scene.identity(ALICE), &bob, &aci(2).to_fixed_width(), &[1, 0, 7]);
    let sent = message.sent(&[1], &[entry]);
    assert_eq!(v2::split(&sent).unwrap().recipients().len(), 1);
    for byte in (0..=u8::MAX).filter(|byte| !matches!(byte, 0x22 | 0x23)) {
        let changed = [&[byte], &sent[1..]].concat();
        assert_eq!(v2::split(&changed).unwrap_err(), SplitError::UnknownSealedSenderVersion(byte));
    }
    assert_eq!(v2::split(&[]).unwrap_err(), SplitError::InvalidSealedSenderMessage);
}

#[test]
fn n54_a_certificate_one_millisecond_past_its_expiry() {
    let mut scene = scene(54_01);
    let content = scene.content(ALICE, BOB);
    let roots = scene.authority.roots();
    let after = Timestamp::from_millis(now().as_millis() + 1);
    assert_eq!(content.certificate.check(&roots, after), Ok(CertificateStatus::Expired));
    assert_eq!(content.certificate.validate(&roots, after), Ok(None));
    assert!(content.certificate.validate(&roots, now()).unwrap().is_some(), "its last millisecond");
    for sealed in scene.seal(&content, ALICE, BOB) {
        assert_refusal!(
            scene.refused_with(BOB, &sealed, after, None),
            UnsealError::InvalidSealedSenderMessage,
            SealedSenderInvalid
        );
        assert_eq!(scene.unsealed(BOB, &sealed).decrypted.plaintext.as_slice(), b"text");
    }
}

#[test]
fn n54_a_certificate_that_says_no_expiry() {
    let mut scene = scene(54_02);
    let claims = scene.authority.claims(&scene.world.people[ALICE].device);
    let without = Claims { expires: None, ..claims }.encode_to_vec();
    let bytes = scene.authority.signed(&without, &mut scene.world.rng);
    assert_eq!(SenderCertificate::decode(&bytes).unwrap_err(), CertificateError::InvalidProtobufEncoding);
}

/// The time is the caller's: a clock that went back lets an expired certificate live again. Nothing here remembers.
#[test]
fn n54_the_time_is_whatever_the_caller_says() {
    let mut scene = scene(54_03);
    let certificate = scene.certificate(ALICE);
    let roots = scene.authority.roots();
    let valid_at = |millis| certificate.validate(&roots, Timestamp::from_millis(millis)).unwrap().is_some();
    let expires = now().as_millis();
    assert_eq!([expires, expires + 1, expires, 0, u64::MAX].map(valid_at), [true, false, true, true, false]);
}

#[test]
fn n55_a_server_certificate_under_another_root() {
    let mut scene = scene(55_01);
    let stranger = Authority::new(&mut scene.world.rng);
    let roots = scene.authority.roots();
    let mut content = scene.content(ALICE, BOB);
    content.certificate = stranger.certify(&scene.world.people[ALICE].device, &mut scene.world.rng);
    assert_eq!(content.certificate.validate(&roots, now()), Ok(None));
    assert_eq!(content.certificate.validate(&[], now()), Ok(None));
    let both = [roots[0], stranger.roots()[0]];
    assert!(content.certificate.validate(&both, now()).unwrap().is_some(), "any of the roots will do");
    for sealed in scene.seal(&content, ALICE, BOB) {
        let error = scene.refused(BOB, &sealed);
        assert_refusal!(error, UnsealError::InvalidSealedSenderMessage, SealedSenderInvalid);
    }
}

#[test]
fn n55_a_certificate_that_the_server_key_did_not_sign() {
    let mut scene = scene(55_02);
    let mut content = scene.content(ALICE, BOB);
    let claims = scene.authority.claims(&scene.world.people[ALICE].device).encode_to_vec();
    let key = KeyPair::generate(&mut scene.world.rng);
    let forged = crate::certificates::signed(&claims, key.private(), &mut scene.world.rng);
    content.certificate = SenderCertificate::decode(&forged).unwrap();
    assert_eq!(content.certificate.validate(&scene.authority.roots(), now()), Ok(None));
    for sealed in scene.seal(&content, ALICE, BOB) {
        let error = scene.refused(BOB, &sealed);
        assert_refusal!(error, UnsealError::InvalidSealedSenderMessage, SealedSenderInvalid);
    }
}

#[test]
fn n55_a_revoked_server_certificate() {
    let mut scene = scene(55_03);
    for (id, valid) in [(0xDEAD_C357, false), (0xDEAD_C356, true), (0xDEAD_C358, true)] {
        let authority = Authority::with_id(id, &mut scene.world.rng);
        assert_eq!(authority.server.is_valid_for(&authority.roots()[0]), valid, "{id:#x}");
        let certificate = authority.certify(&scene.world.people[ALICE].device, &mut scene.world.rng);
        assert_eq!(certificate.validate(&authority.roots(), now()).unwrap().is_some(), valid, "{id:#x}");
    }
}

#[test]
fn n55_a_reference_to_an_unknown_server_certificate_is_an_error_of_validation_alone() {
    let mut scene = scene(55_04);
    let mut content = scene.content(ALICE, BOB);
    let claims = scene.authority.claims(&scene.world.people[ALICE].device);
    let claims = Claims { signer: None, signer_id: Some(12_345), ..claims };
    content.certificate = scene.authority.certificate(&claims, &mut scene.world.rng);
    let unknown = CertificateError::UnknownSealedSenderServerCertificateId(12_345);
    assert_eq!(content.certificate.validate(&scene.authority.roots(), now()), Err(unknown));
    assert_eq!(content.certificate.check(&[], now()), Err(unknown));
    let bob = scene.identity(BOB);
    for sealed in scene.seal(&content, ALICE, BOB) {
        assert_eq!(open(&sealed, &bob), Ok(content.clone()));
        assert_refusal!(
            scene.refused(BOB, &sealed),
            UnsealError::Certificate(CertificateError::UnknownSealedSenderServerCertificateId(12_345)),
            SealedSenderUnknownServerCertificate
        );
    }
}

/// Whoever has seen Alice's certificate cannot seal in her name.
#[test]
fn n56_the_certificate_of_another_than_who_sealed() {
    let mut scene = scene(56_01);
    let content = scene.content(ALICE, BOB);
    let bob = scene.identity(BOB);
    for sealed in scene.seal(&content, CAROL, BOB) {
        assert_eq!(open(&sealed, &bob), Err(OpenError::InvalidSealedSenderMessage));
        assert_refusal!(
            scene.refused(BOB, &sealed),
            UnsealError::Open(OpenError::InvalidSealedSenderMessage),
            SealedSenderInvalid
        );
    }
    for sealed in scene.seal(&content, ALICE, BOB) {
        assert!(open(&sealed, &bob).is_ok());
    }
}

#[test]
fn n56_every_bit_of_the_authentication_tag() {
    let mut scene = scene(56_02);
    let content = scene.content(ALICE, BOB);
    let bob = scene.identity(BOB);
    let [_, sealed] = scene.seal(&content, ALICE, BOB);
    for bit in 0..128 {
        let mut changed = sealed.clone();
        changed[1 + 32 + bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&changed, &bob), Err(OpenError::InvalidSealedSenderMessage));
    }
}

/// In version 1 the tag that hides the sender's key can be right and the key be another than the certificate's.
#[test]
fn n56_a_static_key_that_is_not_the_certificates() {
    let mut scene = scene(56_03);
    let content = scene.content(ALICE, BOB).encode();
    let (alice, bob, carol) = (scene.identity(ALICE), scene.identity(BOB), scene.identity(CAROL));
    let ephemeral = Half::random(&mut scene.world.rng);
    let honest = sealing::seal(&content, &alice, &bob.identity_key(), &ephemeral);
    assert!(open(&honest.bytes(), &bob).is_ok());
    let forged = sealing::seal(&content, &carol, &bob.identity_key(), &ephemeral);
    assert_eq!(open(&forged.bytes(), &bob), Err(OpenError::InvalidSealedSenderMessage));
}

#[test]
fn n57_a_message_from_this_very_device() {
    let mut scene = Scene::new(57_01);
    let content = scene.content_of(ALICE, MessageType::Whisper, vec![7; 60]);
    for sealed in scene.seal(&content, ALICE, ALICE) {
        let error = scene.refused(ALICE, &sealed);
        assert_refusal!(error, UnsealError::SealedSenderSelfSend, SealedSenderSelfSend);
    }
}

#[test]
fn n57_must_not_refuse_another_device_of_the_same_account() {
    let mut scene = Scene { world: World::one_account(57_02), ..Scene::new(57_02) };
    scene.world.people[0].device.address = address(NAMES[ALICE], 1);
    scene.world.start(ALICE, BOB);
    let content = scene.content(ALICE, BOB);
    for sealed in scene.seal(&content, ALICE, BOB) {
        let unsealed = scene.unsealed(BOB, &sealed);
        assert_eq!(unsealed.decrypted.plaintext.as_slice(), b"text");
        assert_eq!(unsealed.sender, address(NAMES[ALICE], 1));
    }
}

#[test]
fn n57_a_message_from_ones_own_phone_number_and_device() {
    let mut scene = scene(57_03);
    let mut content = scene.content(ALICE, BOB);
    let claims = scene.authority.claims(&scene.world.people[ALICE].device);
    let claims = Claims { e164: Some(b"+31201234567".to_vec()), ..claims };
    content.certificate = scene.authority.certificate(&claims, &mut scene.world.rng);
    for sealed in scene.seal(&content, ALICE, BOB) {
        let error = scene.refused_with(BOB, &sealed, now(), Some("+31201234567"));
        assert_refusal!(error, UnsealError::SealedSenderSelfSend, SealedSenderSelfSend);
        // Another number, no number, or another device is no self-send.
        let (here, elsewhere) = (scene.world.address(BOB), address(NAMES[BOB], 2));
        for (at, e164) in [(&here, Some("+31201234568")), (&here, None)] {
            assert!(scene.unseal(BOB, at, &sealed, now(), e164).is_ok());
        }
        let error = scene.unseal(BOB, &elsewhere, &sealed, now(), Some("+31201234567")).unwrap_err();
        assert_refusal!(
            error,
            UnsealError::Decrypt(DecryptError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage,
            "the first message is bound to the device it was written for"
        );
    }
}

#[test]
fn n57_ones_own_message_to_another_comes_back() {
    let mut scene = scene(57_04);
    let content = scene.content(ALICE, BOB);
    for sealed in scene.seal(&content, ALICE, BOB) {
        assert_eq!(open(&sealed, &scene.identity(ALICE)), Err(OpenError::InvalidSealedSenderMessage));
        let error = scene.refused(ALICE, &sealed);
        assert_refusal!(error, UnsealError::Open(OpenError::InvalidSealedSenderMessage), SealedSenderInvalid);
    }
}

/// A certificate that is bad in any way is refused before the self-send check.
#[test]
fn n57_an_invalid_certificate_is_named_before_a_self_send() {
    let mut scene = Scene::new(57_05);
    let mut content = scene.content_of(ALICE, MessageType::Whisper, vec![7; 60]);
    let stranger = Authority::new(&mut scene.world.rng);
    content.certificate = stranger.certify(&scene.world.people[ALICE].device, &mut scene.world.rng);
    for sealed in scene.seal(&content, ALICE, ALICE) {
        let error = scene.refused(ALICE, &sealed);
        assert_refusal!(error, UnsealError::InvalidSealedSenderMessage, SealedSenderInvalid);
    }
}

fn aci(byte: u8) -> ServiceId {
    ServiceId::aci([byte; 16])
}

#[test]
fn n58_an_ephemeral_key_that_does_not_come_from_the_message_secret() {
    let mut scene = scene(58_01);
    let content = scene.content(ALICE, BOB);
    let (alice, bob) = (scene.identity(ALICE), scene.identity(BOB));
    let mut message = ManyByHand::new(&content.encode(), &mut scene.world.rng);
    let honest = message.received(&alice, &bob.identity_key());
    assert_eq!(open(&honest, &bob), Ok(content));
    message.ephemeral = KeyPair::generate(&mut scene.world.rng);
    let forged = message.received(&alice, &bob.identity_key());
    assert_eq!(open(&forged, &bob), Err(OpenError::InvalidSealedSenderMessage));
    let error = scene.refused(BOB, &forged);
    assert_refusal!(error, UnsealError::Open(OpenError::InvalidSealedSenderMessage), SealedSenderInvalid);
}

/// The same point in another spelling gives the same agreement; the comparison is of bytes.
#[test]
fn n58_an_ephemeral_key_in_another_spelling() {
    let mut scene = scene(58_02);
    let content = scene.content(ALICE, BOB);
    let [_, mut sealed] = scene.seal(&content, ALICE, BOB);
    sealed[1 + 32 + 16 + 31] |= 0x80;
    assert_eq!(open(&sealed, &scene.identity(BOB)), Err(OpenError::InvalidSealedSenderMessage));
}

/// A message to many with entries for one to nine, each `uuid byte, devices and registration ids`.
fn sent(count: &[u8], entries: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = [&[0x23], count].concat();
    for (uuid, devices) in entries {
        out.extend_from_slice(&aci(*uuid).to_fixed_width());
        out.extend_from_slice(devices);
        if **devices != [0] {
            out.extend_from_slice(&[*uuid; 48]);
        }
    }
    [out.as_slice(), &[0xEE; 32], b"ciphertext"].concat()
}

#[test]
fn n58_must_not_refuse_a_message_to_nobody() {
    let mut scene = scene(58_03);
    let alice = scene.identity(ALICE);
    let content = scene.content(ALICE, BOB).encode();
    let nobody = v2::seal(&content, &alice, &[], &[], &mut scene.world.rng).unwrap();
    assert_eq!(nobody[..2], [0x23, 0]);
    let split = v2::split(&nobody).unwrap();
    assert!(split.recipients().is_empty() && split.excluded().is_empty());
    assert!(v2::split(&sent(&[0], &[])).is_ok());
}

#[test]
fn n58_counts_that_nothing_follows() {
    for count in [&[1][..], &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F], &[0x80, 0x80, 0x80, 0x80, 0x10]] {
        assert_eq!(v2::split(&sent(count, &[])).unwrap_err(), SplitError::InvalidProtobufEncoding);
    }
    let whole = sent(&[2], &[(1, &[1, 0x80, 7, 2, 0, 8]), (2, &[0])]);
    assert!(v2::split(&whole).is_ok());
    // The ciphertext may be of any length, also none.
    for length in 1..whole.len() - b"ciphertext".len() {
        assert_eq!(v2::split(&whole[..length]).unwrap_err(), SplitError::InvalidProtobufEncoding);
    }
}

#[test]
fn n58_must_not_refuse_a_repeated_recipient() {
    let twice = sent(&[3], &[(1, &[1, 0, 7]), (2, &[1, 0, 8]), (1, &[2, 0x80, 9, 3, 0, 10])]);
    let split = v2::split(&twice).unwrap();
    let found: Vec<_> = split
        .recipients()
        .iter()
        .map(|one| (one.service_id, one.devices.iter().map(|(device, _)| device.value()).collect::<Vec<_>>()))
        .collect();
    assert_eq!(found, [(aci(1), vec![1, 2, 3]), (aci(2), vec![1])]);
    assert_eq!(split.received(&split.recipients()[0])[1..49], [1; 48]);
}

#[test]
fn n58_a_recipient_both_included_and_excluded() {
    for entries in [[(1, &[1, 0, 7][..]), (1, &[0])], [(1, &[0]), (1, &[1, 0, 7])], [(1, &[0]), (1, &[0])]] {
        let error = v2::split(&sent(&[2], &entries)).unwrap_err();
        assert_eq!(error, SplitError::InvalidSealedSenderMessage);
    }
}

#[test]
fn n58_device_zero_and_devices_above_127() {
    let excluded = sent(&[1], &[(1, &[0])]);
    let split = v2::split(&excluded).unwrap();
    assert_eq!((split.recipients().len(), split.excluded()), (0, &[aci(1)][..]), "zero as the first");
    assert!(v2::split(&sent(&[1], &[(1, &[127, 0, 7])])).is_ok());
    for devices in [&[1, 0x80, 7, 0, 0, 8][..], &[128, 0, 7], &[255, 0, 7], &[1, 0x80, 7, 128, 0, 8]] {
        let error = v2::split(&sent(&[1], &[(1, devices)])).unwrap_err();
        assert_eq!(error, SplitError::InvalidProtobufEncoding, "{devices:?}");
    }
}

#[test]
fn n58_a_service_id_of_an_unknown_kind() {
    let mut unknown = sent(&[1], &[(1, &[1, 0, 7])]);
    unknown[2] = 2;
    assert_eq!(v2::split(&unknown).unwrap_err(), SplitError::InvalidProtobufEncoding);
}

/// Servers step over the count by the length of its shortest form: all of them have to.
#[test]
fn n58_must_not_repair_the_quirk_of_the_count() {
    let entry = sent(&[], &[(4, &[1, 0, 7])]);
    // `81 00` is a count of one, and `00` is read again, as the kind of the first service id.
    let quirk = [&[0x23, 0x81, 0x00], &entry[2..]].concat();
    assert_eq!(v2::split(&quirk).unwrap().recipients()[0].service_id, aci(4));
    let repaired = [&[0x23, 0x81, 0x00], &entry[1..]].concat();
    let split = v2::split(&repaired);
    assert!(split.is_err() || split.unwrap().recipients()[0].service_id != aci(4));
}

#[test]
fn n59_group_messages_and_plaintext_where_a_session_message_belongs() {
    let mut scene = scene(59_01);
    let bob = scene.identity(BOB);
    for message_type in [MessageType::SenderKey, MessageType::Plaintext] {
        for inside in [vec![], vec![0xC0, 0x80], scene.world.encrypt(ALICE, BOB, b"x").serialize().to_vec()] {
            let content = scene.content_of(ALICE, message_type, inside);
            for sealed in scene.seal(&content, ALICE, BOB) {
                assert_eq!(
                    open(&sealed, &bob),
                    Ok(content.clone()),
                    "must not: opening gives it to the caller"
                );
                let error = scene.refused(BOB, &sealed);
                match error {
                    UnsealError::Decrypt(DecryptError::InvalidMessage(found)) => {
                        assert_eq!(found, message_type);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

#[test]
fn n59_an_unknown_type_number() {
    let mut scene = scene(59_02);
    let content = scene.content(ALICE, BOB).encode();
    assert_eq!(content[..2], [0x08, 1], "a first message");
    let (alice, bob) = (scene.identity(ALICE), scene.identity(BOB));
    for number in (0..=20).filter(|number| !matches!(number, 1 | 2 | 7 | 8)) {
        let changed = [&[0x08, number], &content[2..]].concat();
        let rng = &mut scene.world.rng;
        let sealed = v2::seal_for_one(&changed, &alice, &bob.identity_key(), rng).unwrap();
        assert_eq!(open(&sealed, &bob), Err(OpenError::InvalidProtobufEncoding), "{number}");
    }
}

/// A message of Alice's first session, which names both ends, under Carol's certificate and seal.
#[test]
fn n60_a_certificate_that_names_another_than_the_message_inside() {
    let mut scene = scene(60_01);
    let message = scene.world.encrypt(ALICE, BOB, b"text");
    let stolen = scene.content_of(CAROL, MessageType::PreKey, message.serialize().to_vec());
    for sealed in scene.seal(&stolen, CAROL, BOB) {
        assert_refusal!(
            scene.refused(BOB, &sealed),
            UnsealError::Decrypt(DecryptError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage
        );
    }
    assert_eq!(scene.world.deliver(ALICE, BOB, &message), b"text");
}

#[test]
fn n60_must_not_hide_the_phone_number() {
    let mut scene = scene(60_02);
    let mut content = scene.content(ALICE, BOB);
    let claims = scene.authority.claims(&scene.world.people[ALICE].device);
    for number in [Some("+31201234567"), Some(""), None] {
        let claims = Claims { e164: number.map(|text| text.as_bytes().to_vec()), ..claims.clone() };
        content.certificate = scene.authority.certificate(&claims, &mut scene.world.rng);
        for sealed in scene.seal(&content, ALICE, BOB) {
            assert_eq!(scene.unsealed(BOB, &sealed).sender_e164.as_deref(), number);
        }
    }
}

#[test]
fn n60_must_not_change_the_text_of_a_uuid() {
    let mut scene = scene(60_03);
    let claims = scene.authority.claims(&scene.world.people[ALICE].device);
    let texts = [
        "AAAAAAAA-1111-4111-8111-111111111111",
        "aaaaaaaa111141118111111111111111",
        "{aaaaaaaa-1111-4111-8111-111111111111}",
        "PNI:aaaaaaaa-1111-4111-8111-111111111111",
        " aaaaaaaa-1111-4111-8111-111111111111",
        "nobody",
        "",
    ];
    for text in texts {
        let claims = Claims { uuid: Some(text.as_bytes().to_vec()), ..claims.clone() };
        let certificate = scene.authority.certificate(&claims, &mut scene.world.rng);
        assert_eq!(certificate.sender_uuid(), text);
        let valid = certificate.validate(&scene.authority.roots(), now()).unwrap();
        assert!(valid.is_some(), "allowed to be invalid, and is not: {text:?}");
    }
    let bytes = Claims { uuid: None, uuid_bytes: Some(vec![0xAA; 16]), ..claims.clone() };
    let certificate = scene.authority.certificate(&bytes, &mut scene.world.rng);
    assert_eq!(certificate.sender_uuid(), "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa");
    for length in [0, 15, 17] {
        let bytes = Claims { uuid: None, uuid_bytes: Some(vec![0xAA; length]), ..claims.clone() };
        let bytes = scene.authority.signed(&bytes.encode_to_vec(), &mut scene.world.rng);
        assert_eq!(SenderCertificate::decode(&bytes).unwrap_err(), CertificateError::InvalidProtobufEncoding);
    }
}

/// Names are compared byte for byte, as everywhere.
#[test]
fn n60_ones_own_name_in_upper_case_is_another_name() {
    let mut scene = Scene::new(60_04);
    scene.world.people[ALICE].device.address = address("aaaaaaaa-1111-4111-8111-111111111111", 1);
    scene.world.people[CAROL].device.address = address("AAAAAAAA-1111-4111-8111-111111111111", 1);
    scene.world.start(CAROL, ALICE);
    let content = scene.content(CAROL, ALICE);
    assert!(!content.is_self_send(&scene.world.address(ALICE), None));
    for sealed in scene.seal(&content, CAROL, ALICE) {
        assert_eq!(scene.unsealed(ALICE, &sealed).sender, scene.world.address(CAROL));
    }
}

/// What a certificate lacks decides its error, in the order of the specification.
#[test]
fn n55_certificates_that_lack_something() {
    let mut scene = scene(55_05);
    let whole = scene.authority.claims(&scene.world.people[ALICE].device);
    let incomplete = [
        Claims { device: None, ..whole.clone() },
        Claims { device: Some(0), ..whole.clone() },
        Claims { device: Some(128), ..whole.clone() },
        Claims { identity_key: None, ..whole.clone() },
        Claims { signer: None, ..whole.clone() },
        Claims { signer: Some(vec![]), ..whole.clone() },
        Claims { uuid: None, ..whole.clone() },
    ];
    for claims in incomplete {
        let bytes = scene.authority.signed(&claims.encode_to_vec(), &mut scene.world.rng);
        assert_eq!(SenderCertificate::decode(&bytes).unwrap_err(), CertificateError::InvalidProtobufEncoding);
    }
    assert_eq!(ServerCertificate::decode(&[]).unwrap_err(), CertificateError::InvalidProtobufEncoding);
}
