//! 2 to 4: points outside of the prime-order subgroup, and keys written in another way than the one right one.

use curve25519_dalek::{MontgomeryPoint, Scalar, constants::EIGHT_TORSION};
use khaima_signal::{
    BundleError, DecryptError, IdentityKey, LocalIdentity as _, MessageType, PreKeyBundleIn, PublicKey,
    StartError,
    sealed_sender::{OpenError, open, v2},
};

use super::{
    NO_AGREEMENT, bundle, first_message, is_accepted, number, with_identity, with_signed_key, with_top_bit,
};
use crate::{
    by_hand::{Half, Keys, plus_p},
    sealing, signing,
    world::{ALICE, BOB, Refusal, World, assert_refusal, sealed_content},
};

/// The key plus a point of small order: every agreement with it is the same.
fn with_torsion(torsion: usize) -> impl Fn(&mut [u8; 32]) {
    move |bytes| {
        let point = MontgomeryPoint(*bytes).to_edwards(0).unwrap() + EIGHT_TORSION[torsion];
        let plain = std::mem::replace(bytes, point.to_montgomery().to_bytes());
        assert_ne!(*bytes, plain);
    }
}

#[test]
fn n02_a_base_key_outside_of_the_prime_order_subgroup() {
    let mut world = World::new(201);
    for torsion in 1..8 {
        let honest = world.keys();
        let keys = Keys { base: honest.base.clone().written(with_torsion(torsion)), ..honest };
        assert_refusal!(
            first_message(&mut world, &keys),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage,
            "torsion {torsion}"
        );
    }
    // No point of the curve but of its twist: nobody can make a message that is otherwise right.
    assert!(MontgomeryPoint(number(2)).to_edwards(0).is_none());
    assert!(!PublicKey::from_bytes(number(2)).is_canonical());
}

#[test]
fn n02_elsewhere_such_a_key_is_accepted() {
    let mut world = World::new(202);
    for torsion in 1..8 {
        let honest = world.keys();
        let ratchet = honest.ratchet.clone().written(with_torsion(torsion));
        is_accepted(&mut world, &Keys { ratchet, ..honest.clone() });
        let identity = honest.identity.clone().written(with_torsion(torsion));
        is_accepted(&mut world, &Keys { identity, ..honest });
    }
}

#[test]
fn n03_n04_a_base_key_that_is_not_reduced() {
    let mut world = World::new(301);
    let honest = world.keys();
    let aliases = [honest.base.clone().written(with_top_bit), Half::nine_plus_p()];
    for base in aliases {
        assert_refusal!(
            first_message(&mut world, &Keys { base, ..honest.clone() }),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage
        );
    }
    is_accepted(&mut world, &Keys { base: Half::nine(), ..honest });
}

#[test]
fn n03_n04_a_ratchet_key_that_is_not_reduced() {
    let mut world = World::new(302);
    let honest = world.keys();
    for ratchet in [honest.ratchet.clone().written(with_top_bit), Half::nine_plus_p()] {
        assert_refusal!(
            first_message(&mut world, &Keys { ratchet, ..honest.clone() }),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage
        );
    }
    // The same point in its one right form; what the two above do wrong is nothing else.
    is_accepted(&mut world, &Keys { ratchet: Half::nine(), ..honest });

    // In a session, the alias of a known ratchet key is not that key.
    let keys = world.keys();
    let mut stranger = world.stranger(&keys, ALICE, BOB);
    let first = stranger.first(b"text", &mut world.rng);
    world.receive(ALICE, BOB, MessageType::PreKey, &first).unwrap();
    let honest = stranger.draft(b"honest", &mut world.rng);
    let mut aliased = honest.clone();
    aliased.fields.ratchet_key.as_mut().unwrap()[32] |= 0x80;
    assert_refusal!(
        world.refused_bytes(ALICE, BOB, MessageType::Whisper, &aliased.seal()),
        Refusal::Session(DecryptError::InvalidMessage(MessageType::Whisper)),
        InvalidMessage
    );
    assert_eq!(world.receive(ALICE, BOB, MessageType::Whisper, &honest.seal()).unwrap(), b"honest");
}

#[test]
fn n03_n04_an_identity_key_that_is_not_reduced() {
    let mut world = World::new(303);
    let honest = world.keys();
    for identity in [honest.identity.clone().written(with_top_bit), Half::nine_plus_p()] {
        let keys = Keys { identity, ..honest.clone() };
        assert_refusal!(
            first_message(&mut world, &keys),
            Refusal::Session(DecryptError::Key(NO_AGREEMENT)),
            InvalidKey
        );
        // Whatever else is wrong is told instead, as everybody tells it.
        let mut stranger = world.stranger(&keys, ALICE, BOB);
        let mut draft = stranger.draft(b"text", &mut world.rng);
        draft.padded = vec![0; 16];
        let message = stranger.outer.around(0x44, draft.seal());
        assert_refusal!(
            world.refused_bytes(ALICE, BOB, MessageType::PreKey, &message),
            Refusal::Session(DecryptError::InvalidMessage(MessageType::PreKey)),
            InvalidMessage
        );
    }
    is_accepted(&mut world, &Keys { identity: Half::nine(), ..honest });
}

#[test]
fn n03_n04_keys_of_a_bundle_that_are_not_reduced() {
    let mut world = World::new(304);
    let honest = world.bundle(BOB);
    let one_time = |key| honest.one_time.map(|(id, _)| (id, key));
    for key in [plus_p(9), aliased(&honest.signed_key)] {
        let key = PublicKey::from_bytes(key);
        let with_signed = with_signed_key(&mut world, &honest, key);
        let with_one_time = PreKeyBundleIn { one_time: one_time(key), ..honest.clone() };
        for changed in [with_signed, with_one_time] {
            let mut unsigned = changed.clone();
            unsigned.kyber_signature[5] ^= 1;
            assert_refusal!(
                bundle(&mut world, unsigned),
                StartError::Bundle(BundleError::SignatureValidationFailed),
                InvalidSignature
            );
            assert_refusal!(
                bundle(&mut world, changed),
                StartError::Bundle(BundleError::Key(NO_AGREEMENT)),
                InvalidKey
            );
        }
    }
    // The identity key is the base point, whose private scalar is one.
    let rng = &mut world.rng.clone();
    let mut sign = |message: &[u8]| signing::sign_honestly(&Scalar::ONE, message, rng);
    let reduced = with_identity(&honest, number(9), &mut sign);
    let not_reduced = with_identity(&honest, plus_p(9), &mut sign);
    assert_refusal!(
        bundle(&mut world, not_reduced),
        StartError::Bundle(BundleError::Key(NO_AGREEMENT)),
        InvalidKey
    );
    world.start_with(ALICE, BOB, reduced).unwrap();
}

fn aliased(key: &PublicKey) -> [u8; 32] {
    let mut bytes = *key.as_bytes();
    with_top_bit(&mut bytes);
    bytes
}

#[test]
fn n03_n04_an_ephemeral_key_that_is_not_reduced() {
    let mut world = World::new(305);
    let (alice, bob) =
        (world.people[ALICE].device.identity.clone(), world.people[BOB].device.identity.clone());
    let content = sealed_content(&alice, &mut world.rng).encode();
    let ephemeral = Half::random(&mut world.rng);
    for ephemeral in [ephemeral.clone().written(with_top_bit), Half::nine_plus_p()] {
        let sealed = sealing::seal(&content, &alice, &bob.identity_key(), &ephemeral).bytes();
        let error = world.refused(BOB, |_, _| open(&sealed, &bob));
        assert_refusal!(error, OpenError::InvalidSealedSenderMessage, SealedSenderInvalid);
    }
    for ephemeral in [ephemeral, Half::nine()] {
        open(&sealing::seal(&content, &alice, &bob.identity_key(), &ephemeral).bytes(), &bob).unwrap();
    }
    // Version 2 derives the key again from the message, so that the alias is noticed there too.
    let mut sealed = v2::seal_for_one(&content, &alice, &bob.identity_key(), &mut world.rng).unwrap();
    sealed[1 + 32 + 16 + 31] |= 0x80;
    let error = world.refused(BOB, |_, _| open(&sealed, &bob));
    assert_refusal!(error, OpenError::InvalidSealedSenderMessage, SealedSenderInvalid);
}

#[test]
fn n03_n04_an_alias_of_a_known_identity_is_another_identity() {
    let mut world = World::new(306);
    let honest = world.keys();
    let mut stranger = world.stranger(&honest, ALICE, BOB);
    let first = stranger.first(b"text", &mut world.rng);
    world.receive(ALICE, BOB, MessageType::PreKey, &first).unwrap();
    let keys = world.keys();
    let identity = honest.identity.written(with_top_bit);
    assert_refusal!(
        first_message(&mut world, &Keys { identity, ..keys }),
        Refusal::Session(DecryptError::UntrustedIdentity),
        UntrustedIdentity
    );
    // The same from a bundle.
    world.start(ALICE, BOB);
    let honest = world.bundle(BOB);
    let key = aliased(honest.identity_key.public_key());
    let changed =
        PreKeyBundleIn { identity_key: IdentityKey::new(PublicKey::from_bytes(key)), ..honest.clone() };
    assert_refusal!(bundle(&mut world, changed), StartError::UntrustedIdentity, UntrustedIdentity);
}
