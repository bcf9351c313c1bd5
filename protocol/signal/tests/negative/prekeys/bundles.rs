//! 16 to 20: bundles whose signatures or Kyber keys are wrong.

use khaima_signal::{
    BundleError, IdentityKeyPair, KemPublicKey, KeyError, LocalIdentity as _, PreKeyBundleIn, StartError,
};

use crate::world::{ALICE, BOB, World, assert_refusal, now};

/// Alice starts no session from it.
fn refused(world: &mut World, bundle: PreKeyBundleIn) -> StartError {
    let peer = world.address(BOB);
    world.refused(ALICE, |alice, rng| alice.device.start(&peer, bundle, now(), rng))
}

fn wrongly_signed(world: &mut World, bundle: PreKeyBundleIn) {
    assert_refusal!(
        refused(world, bundle),
        StartError::Bundle(BundleError::SignatureValidationFailed),
        InvalidSignature
    );
}

fn still_works(world: &mut World, bundle: PreKeyBundleIn) {
    world.start_with(ALICE, BOB, bundle).unwrap();
    world.exchange(ALICE, BOB, b"honest");
}

/// Ways in which one signature is wrong.
fn wrong_signatures(world: &mut World, signature: &[u8], message: &[u8]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (0..64)
        .map(|at| {
            let mut changed = signature.to_vec();
            changed[at] ^= 1;
            changed
        })
        .collect();
    all.extend([vec![], signature[..63].to_vec(), [signature, &[0]].concat(), vec![0; 64]]);
    let another = IdentityKeyPair::generate(&mut world.rng);
    all.push(another.sign(&[message], &mut world.rng).as_bytes().to_vec());
    all
}

#[test]
fn n16_a_wrong_signature_of_the_signed_prekey() {
    let mut world = World::new(1_600);
    let honest = world.bundle(BOB);
    let key = honest.signed_key.serialize();
    for signed_signature in wrong_signatures(&mut world, &honest.signed_signature.clone(), &key) {
        wrongly_signed(&mut world, PreKeyBundleIn { signed_signature, ..honest.clone() });
    }
    // The right signature of another prekey of the same device.
    let other = world.bundle(BOB);
    wrongly_signed(&mut world, PreKeyBundleIn { signed_key: other.signed_key, ..honest.clone() });
    still_works(&mut world, honest);
}

#[test]
fn n17_a_wrong_signature_of_the_kyber_prekey() {
    let mut world = World::new(1_700);
    let honest = world.bundle(BOB);
    let key = honest.kyber_key.serialize();
    for kyber_signature in wrong_signatures(&mut world, &honest.kyber_signature.clone(), &key) {
        wrongly_signed(&mut world, PreKeyBundleIn { kyber_signature, ..honest.clone() });
    }
    let other = world.bundle(BOB);
    wrongly_signed(&mut world, PreKeyBundleIn { kyber_key: other.kyber_key, ..honest.clone() });
    still_works(&mut world, honest);
}

#[test]
fn n18_the_two_signatures_swapped() {
    let mut world = World::new(1_800);
    let honest = world.bundle(BOB);
    let (signed, kyber) = (honest.signed_signature.clone(), honest.kyber_signature.clone());
    let with = |signed_signature: &[u8], kyber_signature: &[u8]| PreKeyBundleIn {
        signed_signature: signed_signature.to_vec(),
        kyber_signature: kyber_signature.to_vec(),
        ..honest.clone()
    };
    for bundle in [with(&kyber, &signed), with(&signed, &signed), with(&kyber, &kyber)] {
        wrongly_signed(&mut world, bundle);
    }
    still_works(&mut world, honest);
}

#[test]
fn n16_n17_trust_is_asked_before_signatures_are_verified() {
    let mut world = World::new(1_610);
    let honest = world.bundle(BOB);
    let known = IdentityKeyPair::generate(&mut world.rng).identity_key();
    let peer = world.address(BOB);
    world.people[ALICE].device.set_identity(&peer, Some(&known));
    let unsigned = PreKeyBundleIn { signed_signature: vec![], kyber_signature: vec![], ..honest.clone() };
    for bundle in [honest, unsigned] {
        assert_refusal!(refused(&mut world, bundle), StartError::UntrustedIdentity, UntrustedIdentity);
    }
}

#[test]
fn n19_a_kem_key_of_another_type_or_length() {
    let mut world = World::new(1_900);
    let key = world.bundle(BOB).kyber_key.serialize();
    assert!(KemPublicKey::deserialize(&key).is_ok());
    let refused = |bytes: &[u8]| KemPublicKey::deserialize(bytes).unwrap_err();
    // Kyber768 and ML-KEM-1024 are numbered, but nobody uses them.
    for (kind, length) in [(0x07, 1_185), (0x07, 1_569), (0x0A, 1_569), (0x05, 33), (0x00, 1_569)] {
        let mut bytes = key[..length].to_vec();
        bytes[0] = kind;
        assert_refusal!(refused(&bytes), KeyError::BadKEMKeyType(_), InvalidKey);
        assert_eq!(refused(&bytes), KeyError::BadKEMKeyType(kind));
    }
    for length in [1, 33, 1_185, 1_568, 1_570] {
        let mut bytes = key.clone();
        bytes.resize(length, 0);
        assert_refusal!(refused(&bytes), KeyError::BadKEMKeyLength(_), InvalidKey);
        assert_eq!(refused(&bytes), KeyError::BadKEMKeyLength(length));
    }
    assert_refusal!(refused(&[]), KeyError::NoKeyTypeIdentifier, InvalidKey);
}

#[test]
fn n20_a_kem_key_that_is_not_reduced() {
    let mut world = World::new(2_000);
    let honest = world.bundle(BOB);
    let identity = world.people[BOB].device.identity.clone();
    // The first coefficient: 3329 itself, then the largest that 12 bits hold.
    for coefficient in [3_329_u16, 4_095] {
        let mut bytes = honest.kyber_key.serialize();
        let [low, high] = coefficient.to_le_bytes();
        (bytes[1], bytes[2]) = (low, (bytes[2] & 0xF0) | high);
        let kyber_key = KemPublicKey::deserialize(&bytes).unwrap();
        let unsigned = PreKeyBundleIn { kyber_key, ..honest.clone() };
        wrongly_signed(&mut world, unsigned.clone());
        let kyber_signature = identity.sign(&[&bytes], &mut world.rng).as_bytes().to_vec();
        let signed = PreKeyBundleIn { kyber_signature, ..unsigned };
        assert_refusal!(
            refused(&mut world, signed),
            StartError::Bundle(BundleError::Key(KeyError::BadKEMKeyLength(1_569))),
            InvalidKey,
            "{coefficient}"
        );
    }
    still_works(&mut world, honest);
}
