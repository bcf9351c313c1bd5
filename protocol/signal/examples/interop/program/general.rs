//! Commands about the program and its parties.
//!
//! Spec: interop 4 Commands, General.

use khaima_signal::{ErrorClass, IdentityKeyPair, LocalIdentity as _, PrivateKey};
use serde_json::{Value, json};

use super::failure::Failure;
use super::party::{Parties, Party};
use super::protocol::{Answer, Arguments, Hex, rng};
use super::saved;

pub fn hello() -> Answer {
    Ok(json!({ "name": "khaima-signal", "protocol": 1 }))
}

pub fn new_party(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let handle: String = arguments.get("party")?;
    let address = arguments.address()?;
    let registration_id = arguments.get("registration_id")?;
    let private: Option<Hex> = arguments.optional("identity_private")?;

    let address = address.checked()?;
    let identity = match private {
        Some(Hex(private)) => IdentityKeyPair::from_private(PrivateKey::deserialize(&private)?),
        None => IdentityKeyPair::generate(&mut rng()),
    };
    let results = json!({
        "identity_key": hex::encode(identity.identity_key().serialize()),
        "identity_private": hex::encode(identity.private().serialize().expose()),
    });
    parties.put(handle, Party::new(identity, address, registration_id));
    Ok(results)
}

pub fn drop_party(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let handle: String = arguments.get("party")?;
    parties.remove(&handle).ok_or_else(|| Failure::bad_request("there is no such party"))?;
    Ok(Value::Null)
}

pub fn save(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let party = parties.named(arguments)?;
    Ok(json!({ "state": hex::encode(saved::encode(party)) }))
}

pub fn load(parties: &mut Parties, arguments: &Arguments<'_>) -> Answer {
    let handle: String = arguments.get("party")?;
    let state = arguments.hex("state")?;
    let party = saved::decode(&state)
        .ok_or_else(|| Failure::new(ErrorClass::InvalidArgument, "not a saved party"))?;
    parties.put(handle, party);
    Ok(Value::Null)
}
