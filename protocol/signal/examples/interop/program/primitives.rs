//! Commands about keys, signatures and safety numbers. They use no party.
//!
//! Spec: interop 4 Commands, Primitives.

use khaima_signal::{
    IdentityKey, IdentityKeyPair, LocalIdentity as _, PrivateKey, PublicKey, SafetyNumber, SafetyNumberSide,
    compare_scannable,
};
use serde_json::json;

use super::protocol::{Answer, Arguments, rng};

pub fn agree(arguments: &Arguments<'_>) -> Answer {
    let private = arguments.hex("private_key")?;
    let public = arguments.hex("public_key")?;
    let (private, public) = (PrivateKey::deserialize(&private)?, PublicKey::deserialize(&public)?);
    Ok(json!({ "shared": hex::encode(private.agree(&public)?.expose()) }))
}

pub fn sign(arguments: &Arguments<'_>) -> Answer {
    let private = arguments.hex("private_key")?;
    let message = arguments.hex("message")?;
    let signature = PrivateKey::deserialize(&private)?.sign(&[&message], &mut rng());
    Ok(json!({ "signature": hex::encode(signature.as_bytes()) }))
}

pub fn verify(arguments: &Arguments<'_>) -> Answer {
    let public = arguments.hex("public_key")?;
    let message = arguments.hex("message")?;
    let signature = arguments.hex("signature")?;
    Ok(json!({ "valid": PublicKey::deserialize(&public)?.verify(&[&message], &signature) }))
}

pub fn public_key(arguments: &Arguments<'_>) -> Answer {
    let private = arguments.hex("private_key")?;
    let public = PrivateKey::deserialize(&private)?.public_key();
    Ok(json!({ "public_key": hex::encode(public.serialize()) }))
}

pub fn sign_alternate_identity(arguments: &Arguments<'_>) -> Answer {
    let private = arguments.hex("private_key")?;
    let other = arguments.hex("other")?;
    let identity = IdentityKeyPair::from_private(PrivateKey::deserialize(&private)?);
    let signature = identity.sign_alternate_identity(&IdentityKey::deserialize(&other)?, &mut rng());
    Ok(json!({ "signature": hex::encode(signature.as_bytes()) }))
}

pub fn verify_alternate_identity(arguments: &Arguments<'_>) -> Answer {
    let public = arguments.hex("public_key")?;
    let other = arguments.hex("other")?;
    let signature = arguments.hex("signature")?;
    let (public, other) = (IdentityKey::deserialize(&public)?, IdentityKey::deserialize(&other)?);
    Ok(json!({ "valid": public.verify_alternate_identity(&other, &signature) }))
}

pub fn fingerprint(arguments: &Arguments<'_>) -> Answer {
    let version = arguments.get("version")?;
    let iterations: u64 = arguments.get("iterations")?;
    let local_id = arguments.hex("local_id")?;
    let local_key = arguments.hex("local_key")?;
    let remote_id = arguments.hex("remote_id")?;
    let remote_key = arguments.hex("remote_key")?;

    let (local_key, remote_key) =
        (IdentityKey::deserialize(&local_key)?, IdentityKey::deserialize(&remote_key)?);
    let number = SafetyNumber::with_parameters(
        version,
        // Whatever does not fit is refused as what it is: too many.
        u32::try_from(iterations).unwrap_or(u32::MAX),
        SafetyNumberSide { identifier: &local_id, key: &local_key },
        SafetyNumberSide { identifier: &remote_id, key: &remote_key },
    )?;
    Ok(json!({ "display": number.digits(), "scannable": hex::encode(number.to_scannable()) }))
}

pub fn fingerprint_compare(arguments: &Arguments<'_>) -> Answer {
    let mine = arguments.hex("mine")?;
    let theirs = arguments.hex("theirs")?;
    Ok(json!({ "match": compare_scannable(&mine, &theirs)? }))
}
