//! What is measured: for each subject, two classes of input and what is done with them.

use std::hint::black_box;

use khaima_signal::hazmat::primitives::{
    cbc_decrypt, cbc_encrypt, ctr_open, ctr_seal, gcm_siv_open, gcm_siv_seal, has_mac,
};
use khaima_signal::hazmat::spqr::{Authenticator, Ct1, Ct2, Encapsulation, Header, KeyPair, Mac};
use khaima_signal::{IdentityKeyPair, KemKeyPair, LocalIdentity as _, Secret, SignalMessage};
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use crate::measure::Measure;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(95)
}

/// Random bytes with the first, or the last, of those at `start..` changed from what is expected.
fn with_one_wrong(expected: &[u8], start: usize, last: bool) -> Vec<u8> {
    let mut bytes = expected.to_vec();
    let at = if last { bytes.len() - 1 } else { start };
    bytes[at] ^= 0x40;
    bytes
}

/// What must be found, or the measurements are worth nothing: a comparison that stops where the bytes differ.
pub fn control(measure: Measure) {
    let expected: [u8; 32] = rng().random();
    let wrong = [false, true].map(|last| with_one_wrong(&expected, 0, last));
    measure.run(
        64,
        |last, to: &mut Vec<u8>| to.clone_from(&wrong[usize::from(last)]),
        |found| {
            for (expected, found) in black_box(&expected).iter().zip(black_box(found)) {
                if black_box(expected != found) {
                    return false;
                }
            }
            true
        },
    );
}

pub fn secrets(measure: Measure) {
    let expected = Secret::<32>::random(&mut rng());
    let wrong = [false, true].map(|last| with_one_wrong(expected.expose(), 0, last));
    measure.run(
        64,
        |last, to: &mut Option<Secret<32>>| *to = Secret::from_slice(&wrong[usize::from(last)]),
        |found| black_box(&expected) == black_box(found.as_ref().unwrap()),
    );
}

/// A message of 200 bytes; the first or the last byte of its MAC is wrong.
pub fn message_mac(measure: Measure) {
    let mut rng = rng();
    let (alice, bob) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
    let (alice, bob) = (alice.identity_key(), bob.identity_key());
    let mac_key: [u8; 32] = rng.random();
    let mut unsigned = vec![0x44, 0x0A, 33];
    unsigned.extend_from_slice(&alice.serialize());
    unsigned.extend_from_slice(&[0x10, 3, 0x22, 160, 1]);
    unsigned.extend_from_slice(&[0x5A; 160]);
    let covered = [&alice.serialize()[..], &bob.serialize(), &unsigned].concat();
    let mac = khaima_signal::hazmat::primitives::hmac(&mac_key, &covered);
    let right = [&unsigned[..], &mac.expose()[..8]].concat();
    assert!(has_mac(&SignalMessage::decode(&right).unwrap(), &mac_key, &alice, &bob));
    let wrong = [false, true].map(|last| with_one_wrong(&right, unsigned.len(), last));
    measure.run(
        8,
        |last, to: &mut Option<SignalMessage>| *to = SignalMessage::decode(&wrong[usize::from(last)]).ok(),
        |message| has_mac(black_box(message.as_ref().unwrap()), &mac_key, &alice, &bob),
    );
}

/// The MAC of a header of the post-quantum ratchet.
pub fn header_mac(measure: Measure) {
    let authenticator = Authenticator::new(&[7; 32]);
    let header = Header(rng().random());
    let mac = authenticator.mac_header(1, &header);
    let wrong: [Mac; 2] = [false, true].map(|last| with_one_wrong(&mac, 0, last).try_into().unwrap());
    measure.run(
        8,
        |last, to: &mut Mac| *to = wrong[usize::from(last)],
        |mac| authenticator.verify_header(1, &header, black_box(mac)).is_ok(),
    );
}

/// The shortened MAC of sealed sender 1.
pub fn short_mac(measure: Measure) {
    let (key, mac_key) = (Secret::random(&mut rng()), Secret::from_bytes([8; 32]));
    let right = ctr_seal(&key, &mac_key, &[3; 100]);
    let wrong = [false, true].map(|last| with_one_wrong(&right, 100, last));
    measure.run(
        8,
        |last, to: &mut Vec<u8>| to.clone_from(&wrong[usize::from(last)]),
        |sealed| ctr_open(&key, &mac_key, black_box(sealed)).is_some(),
    );
}

/// The tag of sealed sender 2, whose every bit also changes the key stream.
pub fn tag(measure: Measure) {
    let key = Secret::random(&mut rng());
    let right = gcm_siv_seal(&key, &[3; 100]).unwrap();
    let wrong = [false, true].map(|last| with_one_wrong(&right, 100, last));
    measure.run(
        8,
        |last, to: &mut Vec<u8>| to.clone_from(&wrong[usize::from(last)]),
        |sealed| gcm_siv_open(&key, black_box(sealed)).is_some(),
    );
}

/// Three blocks that end with this one.
fn ciphertext_ending(last_block: [u8; 16]) -> Vec<u8> {
    let mut ciphertext = cbc_encrypt(&[1; 32], &[2; 16], &[&[9; 32], &last_block[..]].concat());
    // Without the block that was filled up.
    ciphertext.truncate(48);
    ciphertext
}

/// Padding of 16 bytes whose first, or whose last but one, is wrong. Reached only behind a MAC or a signature.
pub fn unpadding(measure: Measure) {
    let mut padding = [[16; 16]; 2];
    padding[0][0] = 1;
    padding[1][14] = 1;
    let wrong = padding.map(ciphertext_ending);
    measure.run(
        8,
        |last, to: &mut Vec<u8>| to.clone_from(&wrong[usize::from(last)]),
        |ciphertext| cbc_decrypt(&[1; 32], &[2; 16], black_box(ciphertext)).is_some(),
    );
}

/// Right padding of 16 bytes, or one that is wrong.
pub fn unpadding_at_all(measure: Measure) {
    let mut padding = [[16; 16]; 2];
    padding[1][0] = 1;
    let ciphertexts = padding.map(ciphertext_ending);
    measure.run(
        8,
        |wrong, to: &mut Vec<u8>| to.clone_from(&ciphertexts[usize::from(wrong)]),
        |ciphertext| cbc_decrypt(&[1; 32], &[2; 16], black_box(ciphertext)).is_some(),
    );
}

/// How many different inputs of each class there are where one alone might be a special case.
const INPUTS: usize = 64;

/// Kyber1024: a ciphertext of this key, or a damaged one, whose failure must not be seen.
pub fn kyber(measure: Measure) {
    let mut rng = rng();
    let pair = KemKeyPair::generate(&mut rng);
    let inputs = [false, true].map(|damaged| {
        [(); INPUTS].map(|()| {
            let mut ciphertext = pair.public().encapsulate(&mut rng).ciphertext.serialize();
            ciphertext[1 + rng.random_range(0..1_568)] ^= u8::from(damaged) << rng.random_range(0..8);
            ciphertext
        })
    });
    measure.run(
        1,
        |damaged, to: &mut Vec<u8>| {
            to.clone_from(&inputs[usize::from(damaged)][rng.next_u32() as usize % INPUTS]);
        },
        |ciphertext| pair.secret().decapsulate(black_box(ciphertext)).is_ok(),
    );
}

/// ML-KEM-768 in split form, likewise.
pub fn ml_kem(measure: Measure) {
    let mut rng = rng();
    let pair = KeyPair::generate(&mut rng).unwrap();
    let valid = pair.header.validate(pair.ek_vector.clone()).unwrap();
    let inputs = [false, true].map(|damaged| {
        [(); INPUTS].map(|()| {
            let begun = Encapsulation::begin(&pair.header, &mut rng).unwrap();
            let mut first = begun.ct1.bytes().to_vec();
            first[rng.random_range(0..Ct1::LENGTH)] ^= u8::from(damaged) << rng.random_range(0..8);
            (Ct1::from_parts(&[&first]).unwrap(), begun.encapsulation.finish(&valid))
        })
    });
    measure.run(
        1,
        |damaged, to: &mut Option<(Ct1, Ct2)>| {
            let (first, second) = &inputs[usize::from(damaged)][rng.next_u32() as usize % INPUTS];
            *to = Some((Ct1::from_parts(&[first.bytes()]).unwrap(), *second));
        },
        |ciphertext| {
            let (first, second) = ciphertext.as_ref().unwrap();
            pair.decapsulation_key.decapsulate(black_box(first), black_box(second)).is_ok()
        },
    );
}
