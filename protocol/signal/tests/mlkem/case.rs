//! One case: everything two implementations do with one seed, compared step by step.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::implementations::Kem;

/// A ciphertext that arrives otherwise than it left.
fn damaged(ciphertext: &[u8], rng: &mut ChaCha20Rng) -> Vec<u8> {
    let mut damaged = ciphertext.to_vec();
    match rng.random_range(0..4) {
        // One bit.
        0 => {
            let at = rng.random_range(0..damaged.len());
            damaged[at] ^= 1 << rng.random_range(0..8);
        }
        // One byte in the last part, where ML-KEM keeps the polynomial v.
        1 => {
            let at = damaged.len() - 1 - rng.random_range(0..128);
            damaged[at] ^= rng.random_range(1..=255);
        }
        // Everything.
        2 => rng.fill_bytes(&mut damaged),
        // A stretch of ones, the largest compressed coefficients there are.
        _ => {
            let from = rng.random_range(0..damaged.len());
            let to = damaged.len().min(from + rng.random_range(1..400));
            damaged[from..to].fill(0xFF);
        }
    }
    damaged
}

/// What `A` and `B` make of case `number`, or the step at which they part.
pub fn compare<A: Kem, B: Kem>(number: u64) -> Result<(), String> {
    let mut rng = ChaCha20Rng::seed_from_u64(number);
    let agree = |step: &str, equal: bool| {
        if equal { Ok(()) } else { Err(format!("case {number}: {step}")) }
    };

    let mut seed = [0; 64];
    rng.fill_bytes(&mut seed);
    let (a, b) = (A::generate(seed), B::generate(seed));
    let public = a.public();
    agree("public key", public == b.public())?;
    if let (Some(a), Some(b)) = (a.expanded(), b.expanded()) {
        agree("secret key", a == b)?;
    }

    let randomness = rng.random();
    let (ciphertext, shared) = A::encapsulate(&public, randomness).ok_or("refuses its own key")?;
    agree("encapsulation", B::encapsulate(&public, randomness) == Some((ciphertext.clone(), shared)))?;
    agree("decapsulation by the first", a.decapsulate(&ciphertext) == shared)?;
    agree("decapsulation by the second", b.decapsulate(&ciphertext) == shared)?;

    let damaged = damaged(&ciphertext, &mut rng);
    let rejected = a.decapsulate(&damaged);
    agree("implicit rejection", rejected == b.decapsulate(&damaged))?;
    agree("rejection, not success", damaged == ciphertext || rejected != shared)?;

    // A key with coefficients of all sizes, of which about one in six is not reduced; here and there one changed byte.
    if number.is_multiple_of(8) {
        let mut strange = public;
        let at = rng.random_range(0..strange.len());
        strange[at] = rng.random();
        agree("a strange key", A::encapsulate(&strange, randomness) == B::encapsulate(&strange, randomness))?;
    }
    Ok(())
}
