//! Commands about certificates.
//!
//! Spec: interop 4 Commands, Certificates.

use khaima_signal::sealed_sender::{SenderCertificate, SenderClaims, ServerCertificate};
use khaima_signal::{ErrorClass, IdentityKey, IdentityKeyPair, PrivateKey, PublicKey, Timestamp};
use serde_json::json;

use super::failure::Failure;
use super::protocol::{Answer, Arguments, Hex, device_id, rng};

pub fn server_certificate(arguments: &Arguments<'_>) -> Answer {
    let id = arguments.get("key_id")?;
    let key = arguments.hex("key")?;
    let trust_root = arguments.hex("trust_root_private")?;

    let key = PublicKey::deserialize(&key)?;
    let trust_root = IdentityKeyPair::from_private(PrivateKey::deserialize(&trust_root)?);
    let certificate = ServerCertificate::issue(id, &key, &trust_root, &mut rng());
    Ok(json!({ "certificate": hex::encode(certificate.encode()) }))
}

pub fn sender_certificate(arguments: &Arguments<'_>) -> Answer {
    let uuid = arguments.get("name")?;
    let e164 = arguments.get("e164")?;
    let device: u64 = arguments.get("device")?;
    let identity_key = arguments.hex("identity_key")?;
    let expires = Timestamp::from_millis(arguments.get("expires_ms")?);
    let server_certificate = arguments.hex("server_certificate")?;
    let server_private = arguments.hex("server_private")?;

    let identity_key = IdentityKey::deserialize(&identity_key)?;
    let server_certificate = ServerCertificate::decode(&server_certificate)?;
    let server_private = PrivateKey::deserialize(&server_private)?;
    // Elsewhere such a device is an invalid address; in a certificate it is a mistake of its issuer.
    let device =
        device_id(device).map_err(|error| Failure::new(ErrorClass::InvalidArgument, error.to_string()))?;
    let claims = SenderClaims { uuid, e164, device, expires, identity_key };
    let certificate = SenderCertificate::issue(claims, server_certificate, &server_private, &mut rng());
    Ok(json!({ "certificate": hex::encode(certificate.encode()) }))
}

pub fn validate_certificate(arguments: &Arguments<'_>) -> Answer {
    let certificate = arguments.hex("certificate")?;
    let roots: Vec<Hex> = arguments.get("trust_roots")?;
    let now = arguments.now()?;

    let certificate = SenderCertificate::decode(&certificate)?;
    let roots = roots.iter().map(|Hex(root)| PublicKey::deserialize(root)).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "valid": certificate.validate(&roots, now)?.is_some() }))
}
