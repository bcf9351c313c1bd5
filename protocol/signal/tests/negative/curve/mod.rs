//! 1 to 8: Curve25519 keys that agree to nothing, are written in two ways, or are no keys.
//!
//! 8, the published vectors of the primitives, is in `tests/wycheproof.rs`.

mod aliases;
mod encodings;
mod small_order;

use khaima_signal::{
    IdentityKey, KeyError, LocalIdentity as _, MessageType, PreKeyBundleIn, PublicKey, StartError,
};

use crate::{
    by_hand::Keys,
    world::{ALICE, BOB, CAROL, Refusal, World, now},
};

pub(super) const NO_AGREEMENT: KeyError = KeyError::InvalidKeyAgreement;

pub(super) fn with_top_bit(bytes: &mut [u8; 32]) {
    bytes[31] |= 0x80;
}

/// Bob's answer to a stranger's first message with these keys.
pub(super) fn first_message(world: &mut World, keys: &Keys) -> Refusal {
    let mut stranger = world.stranger(keys, ALICE, BOB);
    let message = stranger.first(b"text", &mut world.rng);
    world.refused_bytes(ALICE, BOB, MessageType::PreKey, &message)
}

pub(super) fn is_accepted(world: &mut World, keys: &Keys) {
    let mut stranger = world.stranger(keys, CAROL, BOB);
    let message = stranger.first(b"text", &mut world.rng);
    assert_eq!(world.receive(CAROL, BOB, MessageType::PreKey, &message).unwrap(), b"text");
    // The next ones may use the same base key.
    world.people[BOB].device.stores.identities.clear();
    world.delete_session(BOB, CAROL);
}

/// Alice's answer to a bundle.
pub(super) fn bundle(world: &mut World, bundle: PreKeyBundleIn) -> StartError {
    let peer = world.address(BOB);
    world.refused(ALICE, |alice, rng| alice.device.start(&peer, bundle, now(), rng))
}

/// The bundle with another signed prekey, signed by Bob.
pub(super) fn with_signed_key(world: &mut World, bundle: &PreKeyBundleIn, key: PublicKey) -> PreKeyBundleIn {
    let signature = world.people[BOB].device.identity.sign(&[&key.serialize()], &mut world.rng);
    PreKeyBundleIn { signed_key: key, signed_signature: signature.as_bytes().to_vec(), ..bundle.clone() }
}

/// The bundle with another identity key, and signatures that verify under it.
pub(super) fn with_identity(
    bundle: &PreKeyBundleIn,
    key: [u8; 32],
    mut sign: impl FnMut(&[u8]) -> [u8; 64],
) -> PreKeyBundleIn {
    PreKeyBundleIn {
        identity_key: IdentityKey::new(PublicKey::from_bytes(key)),
        signed_signature: sign(&bundle.signed_key.serialize()).to_vec(),
        kyber_signature: sign(&bundle.kyber_key.serialize()).to_vec(),
        ..bundle.clone()
    }
}

pub(super) fn number(first: u8) -> [u8; 32] {
    std::array::from_fn(|at| if at == 0 { first } else { 0 })
}
