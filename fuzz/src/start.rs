//! Starting a session from a bundle that the input changes, and its first message, changed as well.
//!
//! Held to: a session starts only from keys that the recipient signed; its first message is read exactly when the prekeys
//! go with their ids; and whatever is read is what was sent.
//!
//! Not its concern: what comes after the first message (`parties`).

use khaima_signal::{
    CiphertextMessage, IdentityKey, KemPublicKey, KyberPreKeyId, PreKeyBundleIn, PreKeyId, PublicKey,
    SignedPreKeyId,
};

use crate::damage::damage;
use crate::device::PreKeys;
use crate::honest::{BUNDLES, NOW, PEOPLE, rng};
use crate::input::Input;

/// Plays one input to its end.
pub fn play(bytes: &[u8]) {
    let (mut input, mut rng) = (Input::new(bytes), rng(60));
    let [mut alice, mut bob] = PEOPLE.each_ref().map(|published| published.device.clone());
    let (to_alice, to_bob) = (alice.address.clone(), bob.address.clone());
    let mut bundle = bundle(input.below(BUNDLES)).clone();
    let is_changed = change(&mut bundle, &mut input);

    if let Err(error) = alice.start(&to_bob, bundle.clone(), NOW, &mut rng) {
        assert!(is_changed, "an honest bundle was refused: {error:?}");
        assert!(!alice.record.has_current(), "a refused bundle left a session");
        return;
    }
    assert!(bundle.identity_key == bob.identity_key(), "another identity's bundle");
    let is_signed = |is_key: &dyn Fn(&PreKeyBundleIn) -> bool| (0..BUNDLES).map(self::bundle).any(is_key);
    assert!(is_signed(&|honest| honest.signed_key == bundle.signed_key), "a forged signed prekey");
    assert!(is_signed(&|honest| honest.kyber_key == bundle.kyber_key), "a forged Kyber prekey");

    let plaintext = b"noon, by the bridge";
    let message = alice.encrypt(&to_bob, plaintext, NOW, &mut rng).expect("a session just started");
    let mut is_read = false;
    if input.flag() {
        let mut bytes = message.serialize().to_vec();
        damage(&mut bytes, &mut input);
        if let Ok(damaged) = CiphertextMessage::decode(message.message_type(), &bytes)
            && let Ok(read) = bob.decrypt(&to_alice, &damaged, &mut rng)
        {
            assert_eq!(read, plaintext, "a changed message was read as another");
            is_read = true;
        }
    }
    let expected = !is_read && go_together(&bundle, &bob.prekeys);
    bob.restart();
    match bob.decrypt(&to_alice, &message, &mut rng) {
        Ok(read) => assert_eq!(read, plaintext),
        Err(error) => assert!(!expected, "an honest message was refused: {error:?}"),
    }
    assert!(expected || !bob.record.has_current() || is_read, "a message of other prekeys was read");
}

fn bundle(number: usize) -> &'static PreKeyBundleIn {
    &PEOPLE[1].bundles[number]
}

/// Whether the recipient has the prekeys under the ids that the bundle says.
fn go_together(bundle: &PreKeyBundleIn, prekeys: &PreKeys) -> bool {
    let signed = prekeys.signed.get(&bundle.signed_id.value());
    let kyber = prekeys.kyber.get(&bundle.kyber_id.value());
    let one_time = bundle.one_time.as_ref().is_none_or(|(id, key)| {
        prekeys.one_time.get(&id.value()).is_some_and(|prekey| prekey.key_pair.public() == key)
    });
    signed.is_some_and(|prekey| *prekey.key_pair.public() == bundle.signed_key)
        && kyber.is_some_and(|stored| *stored.prekey.key_pair.public() == bundle.kyber_key)
        && one_time
}

/// Changes the fields that the input says; whether any.
fn change(bundle: &mut PreKeyBundleIn, input: &mut Input<'_>) -> bool {
    let fields = input.u16();
    let other = self::bundle(input.below(BUNDLES));
    let changed = |field: u16| fields & (1 << field) != 0;
    if changed(0) {
        bundle.registration_id = input.u32();
    }
    if changed(1) {
        bundle.device_id = input.u32();
    }
    if changed(2) {
        bundle.one_time = other.one_time;
    }
    if changed(3)
        && let Some((id, key)) = &mut bundle.one_time
    {
        *id = PreKeyId::new(input.below(BUNDLES + 1) as u32);
        let bytes = key.serialize();
        damaged(key, &bytes, input, PublicKey::deserialize);
    }
    if changed(4) {
        bundle.signed_id = SignedPreKeyId::new(input.below(BUNDLES + 1) as u32);
    }
    if changed(5) {
        (bundle.signed_key, bundle.signed_signature) = (other.signed_key, other.signed_signature.clone());
    }
    if changed(6) {
        let bytes = bundle.signed_key.serialize();
        damaged(&mut bundle.signed_key, &bytes, input, PublicKey::deserialize);
    }
    if changed(7) {
        damage(&mut bundle.signed_signature, input);
    }
    if changed(8) {
        bundle.kyber_id = KyberPreKeyId::new(input.below(BUNDLES + 1) as u32);
    }
    if changed(9) {
        (bundle.kyber_key, bundle.kyber_signature) = (other.kyber_key.clone(), other.kyber_signature.clone());
    }
    if changed(10) {
        let bytes = bundle.kyber_key.serialize();
        damaged(&mut bundle.kyber_key, &bytes, input, KemPublicKey::deserialize);
    }
    if changed(11) {
        damage(&mut bundle.kyber_signature, input);
    }
    if changed(12) {
        let bytes = bundle.identity_key.serialize();
        damaged(&mut bundle.identity_key, &bytes, input, IdentityKey::deserialize);
    }
    fields & 0x1FFF != 0
}

/// Replaces a key by the one that its damaged bytes spell, if they spell one.
fn damaged<T, E>(key: &mut T, bytes: &[u8], input: &mut Input<'_>, read: impl Fn(&[u8]) -> Result<T, E>) {
    let mut bytes = bytes.to_vec();
    damage(&mut bytes, input);
    if let Ok(damaged) = read(&bytes) {
        *key = damaged;
    }
}
