//! 78: safety numbers.

use khaima_signal::{
    ErrorClass, IdentityKey, IdentityKeyPair, LocalIdentity as _, SafetyNumber, SafetyNumberError,
    SafetyNumberSide, compare_scannable,
};
use prost::Message as _;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

/// A code with any content.
#[derive(Clone, PartialEq, prost::Message)]
struct Code {
    #[prost(uint32, optional, tag = "1")]
    version: Option<u32>,
    #[prost(message, optional, tag = "2")]
    local: Option<Half>,
    #[prost(message, optional, tag = "3")]
    remote: Option<Half>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Half {
    #[prost(bytes = "vec", optional, tag = "1")]
    content: Option<Vec<u8>>,
}

struct Person {
    id: [u8; 16],
    key: IdentityKey,
}

impl Person {
    fn side(&self) -> SafetyNumberSide<'_> {
        SafetyNumberSide { identifier: &self.id, key: &self.key }
    }
}

fn people(seed: u64) -> [Person; 2] {
    println!("seed {seed}");
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    [[1; 16], [2; 16]].map(|id| Person { id, key: IdentityKeyPair::generate(&mut rng).identity_key() })
}

/// Few iterations: how many there are changes nothing in the comparison.
fn number(version: u32, local: &Person, remote: &Person) -> SafetyNumber {
    SafetyNumber::with_parameters(version, 2, local.side(), remote.side()).unwrap()
}

#[test]
fn n78_codes_of_different_versions() {
    let [alice, bob] = people(78_01);
    for (ours, theirs) in [(1, 2), (2, 1), (2, 0), (0, 2), (2, u32::MAX)] {
        let (mine, scanned) = (number(ours, &alice, &bob), number(theirs, &bob, &alice));
        let error = mine.matches(&scanned.to_scannable()).unwrap_err();
        assert_eq!(error, SafetyNumberError::FingerprintVersionMismatch { theirs, ours });
        assert_eq!(error.class(), ErrorClass::FingerprintVersionMismatch);
    }
    // A code without a version is of version 0, and so is named before anything that it lacks.
    let scanned = number(2, &bob, &alice).to_scannable();
    let code = Code { version: None, ..Code::decode(scanned.as_slice()).unwrap() };
    for code in [code, Code::default()] {
        let error = number(2, &alice, &bob).matches(&code.encode_to_vec()).unwrap_err();
        assert_eq!(error, SafetyNumberError::FingerprintVersionMismatch { theirs: 0, ours: 2 });
    }
}

#[test]
fn n78_the_two_sides_swapped() {
    let [alice, bob] = people(78_02);
    let (mine, theirs) = (number(2, &alice, &bob), number(2, &bob, &alice));
    assert_eq!(mine.matches(&theirs.to_scannable()), Ok(true));
    assert_eq!(theirs.matches(&mine.to_scannable()), Ok(true));
    assert_eq!(mine.matches(&mine.to_scannable()), Ok(false), "one's own code is not the other's");
    assert_eq!(mine.digits(), theirs.digits(), "must not: the digits are the same on both sides");
}

#[test]
fn n78_numbers_of_iterations() {
    let [alice, bob] = people(78_03);
    let with = |iterations| SafetyNumber::with_parameters(2, iterations, alice.side(), bob.side());
    for iterations in [0, 1, 1_000_001, u32::MAX] {
        let error = with(iterations).unwrap_err();
        assert_eq!(error, SafetyNumberError::FingerprintInvalidIterations(iterations));
        assert_eq!(error.class(), ErrorClass::FingerprintInvalid);
    }
    let accepted = [2, 3, 5_200, 1_000_000].map(|iterations| with(iterations).unwrap().digits());
    for (at, digits) in accepted.iter().enumerate() {
        assert_eq!(digits.len(), 60);
        assert!(!accepted[..at].contains(digits), "the iterations enter the number");
    }
}

#[test]
fn n78_one_bit_of_a_key_or_a_name() {
    let [alice, bob] = people(78_04);
    let mine = number(2, &alice, &bob);
    let differs = |changed: &Person| {
        let theirs = number(2, changed, &alice);
        assert_eq!(mine.matches(&theirs.to_scannable()), Ok(false));
        assert_ne!(mine.digits(), theirs.digits());
    };
    for bit in 0..256 {
        let mut key = bob.key.serialize();
        key[1 + bit / 8] ^= 1 << (bit % 8);
        differs(&Person { id: bob.id, key: IdentityKey::deserialize(&key).unwrap() });
    }
    for bit in 0..128 {
        let mut id = bob.id;
        id[bit / 8] ^= 1 << (bit % 8);
        differs(&Person { id, key: bob.key });
    }
}

#[test]
fn n78_one_bit_of_a_code() {
    let [alice, bob] = people(78_05);
    let (mine, theirs) = (number(2, &alice, &bob), number(2, &bob, &alice).to_scannable());
    for bit in 0..theirs.len() * 8 {
        let mut changed = theirs.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(mine.matches(&changed), Ok(true), "bit {bit}");
    }
    for length in 0..theirs.len() {
        assert!(mine.matches(&theirs[..length]).is_err(), "length {length}");
    }
}

#[test]
fn n78_codes_that_lack_something() {
    let [alice, bob] = people(78_06);
    let (mine, theirs) = (number(2, &alice, &bob).to_scannable(), number(2, &bob, &alice).to_scannable());
    let whole = Code::decode(theirs.as_slice()).unwrap();
    let lacking = [
        Code { local: None, ..whole.clone() },
        Code { remote: None, ..whole.clone() },
        Code { local: Some(Half { content: None }), ..whole.clone() },
        Code { remote: Some(Half { content: None }), ..whole.clone() },
    ];
    for code in lacking {
        let code = code.encode_to_vec();
        assert_eq!(compare_scannable(&mine, &code), Err(SafetyNumberError::FingerprintParse));
        assert_eq!(compare_scannable(&code, &theirs), Err(SafetyNumberError::FingerprintParse));
    }
    let mine_without = Code { version: None, ..Code::decode(mine.as_slice()).unwrap() }.encode_to_vec();
    assert_eq!(compare_scannable(&mine_without, &theirs), Err(SafetyNumberError::FingerprintParse));
    // Shorter contents are different contents.
    let short = Code { local: Some(Half { content: Some(vec![]) }), ..whole };
    assert_eq!(compare_scannable(&mine, &short.encode_to_vec()), Ok(false));
}
