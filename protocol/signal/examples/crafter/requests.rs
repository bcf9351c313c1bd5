//! What the crafter is asked for.
//!
//! Not its concern: the line protocol, and how messages are put together.

use std::collections::BTreeMap;

use curve25519_dalek::{MontgomeryPoint, Scalar, constants::EIGHT_TORSION};
use khaima_signal::{
    DeviceId, IdentityKey, IdentityKeyPair, KemPublicKey, KeyPair, KyberPreKeyId, PreKeyBundleIn, PreKeyId,
    PrivateKey, ProtocolAddress, PublicKey, SignedPreKeyId,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use serde_json::{Value, json};

use crate::{
    by_hand::{Draft, Half, Keys, Outer, Session},
    sealing,
    sealing_v2::ManyByHand,
    signing,
};

/// Strangers by the names that the driver gives them. Their randomness is the same in every run; the other side's is not.
pub struct Crafter {
    strangers: BTreeMap<String, Stranger>,
    rng: ChaCha20Rng,
}

struct Stranger {
    /// As it was at first, to go back to.
    start: Session,
    session: Session,
}

impl Crafter {
    pub fn new() -> Self {
        Self { strangers: BTreeMap::new(), rng: ChaCha20Rng::seed_from_u64(3) }
    }

    pub fn answer(&mut self, request: &Value) -> Value {
        match text(&request["cmd"]) {
            "start" => self.start(request),
            "message" => self.message(request),
            "seal" => self.seal(request),
            "seal_many" => self.seal_many(request),
            "sign" => self.sign(request),
            other => panic!("no such command: {other}"),
        }
    }

    fn start(&mut self, request: &Value) -> Value {
        let honest = Keys::random(&mut self.rng);
        let base = key(&request["keys"]["base"], honest.base);
        let identity = match request["keys"]["identity"].as_str() {
            Some("base") => base.clone(),
            _ => key(&request["keys"]["identity"], honest.identity),
        };
        let keys = Keys { identity, base, ratchet: key(&request["keys"]["ratchet"], honest.ratchet) };
        let (from, to) = (address(&request["from"]), address(&request["to"]));
        let session = Session::start(&keys, &bundle(&request["bundle"]), &from, &to, &mut self.rng);
        let stranger = Stranger { start: session.clone(), session };
        self.strangers.insert(text(&request["stranger"]).to_owned(), stranger);
        json!({ "identity_key": hex::encode(keys.identity.serialize()) })
    }

    /// `skip` leaves out messages of the double ratchet, `counter` chooses one; the post-quantum ratchet always does its next step.
    fn message(&mut self, request: &Value) -> Value {
        let stranger = self.strangers.get_mut(text(&request["stranger"])).unwrap();
        let mut session = stranger.session.clone();
        if let Some(counter) = request["counter"].as_u64() {
            session = session.back_at(&stranger.start);
            session.skip(counter as u32);
        }
        session.skip(request["skip"].as_u64().unwrap_or(0) as u32);
        let plaintext = bytes(&request["plaintext"]).unwrap_or_default();
        let mut draft = session.draft(&plaintext, &mut self.rng);
        change_draft(&mut draft, request);
        let mut outer = session.outer.clone();
        change_outer(&mut outer, &request["outer"]);
        if request["commit"] == true {
            stranger.session = session;
        }
        let mut message = draft.seal();
        if let Some(length) = request["mac_length"].as_u64() {
            let mac = message.split_off(message.len() - 8);
            message.extend(mac.iter().cycle().take(length as usize));
        }
        if let Some(bit) = request["flip_from_end"].as_u64() {
            let at = message.len() - 1 - bit as usize / 8;
            message[at] ^= 1 << (bit % 8);
        }
        if request["first"] == true {
            let version = request["outer_version"].as_u64().unwrap_or(0x44) as u8;
            return json!({ "type": 3, "message": hex::encode(outer.around(version, message)) });
        }
        json!({ "type": 2, "message": hex::encode(message) })
    }

    /// `ephemeral_written` replaces the ephemeral key in the envelope, whatever it was sealed with.
    fn seal(&mut self, request: &Value) -> Value {
        let private = PrivateKey::deserialize(&bytes(&request["sender_private"]).unwrap()).unwrap();
        let sender = IdentityKeyPair::from_private(private);
        let recipient = IdentityKey::deserialize(&bytes(&request["recipient"]).unwrap()).unwrap();
        let ephemeral = key(&request["ephemeral"], Half::random(&mut self.rng));
        let content = bytes(&request["content"]).unwrap();
        let mut envelope = sealing::seal(&content, &sender, &recipient, &ephemeral);
        replace_bytes(request, "ephemeral_written", &mut envelope.ephemeral);
        json!({ "message": hex::encode(envelope.bytes()) })
    }

    /// Each entry has a recipient, the bytes that name it, and those that stand for its devices; `excluded` leaves out its share.
    /// `other_ephemeral` takes an ephemeral key that the message secret does not give.
    fn seal_many(&mut self, request: &Value) -> Value {
        let private = PrivateKey::deserialize(&bytes(&request["sender_private"]).unwrap()).unwrap();
        let sender = IdentityKeyPair::from_private(private);
        let mut message = ManyByHand::new(&bytes(&request["content"]).unwrap(), &mut self.rng);
        if request["other_ephemeral"] == true {
            message.ephemeral = KeyPair::generate(&mut self.rng);
        }
        let recipient =
            |entry: &Value| IdentityKey::deserialize(&bytes(&entry["recipient"]).unwrap()).unwrap();
        let entry = |entry: &Value| {
            let (id, devices) = (bytes(&entry["id"]).unwrap(), bytes(&entry["devices"]).unwrap());
            match entry["excluded"] == true {
                true => [id, devices].concat(),
                false => message.entry(&sender, &recipient(entry), &id, &devices),
            }
        };
        let entries = request["entries"].as_array().unwrap();
        let sent =
            message.sent(&bytes(&request["count"]).unwrap(), &entries.iter().map(entry).collect::<Vec<_>>());
        let received: Vec<_> =
            entries.iter().map(|entry| hex::encode(message.received(&sender, &recipient(entry)))).collect();
        json!({ "sent": hex::encode(sent), "received": received })
    }

    /// Under a key of small order (null if there is no such signature), under the base point, or with the nonce zero whose point is
    /// written in any way.
    fn sign(&mut self, request: &Value) -> Value {
        let message = bytes(&request["message"]).unwrap();
        let (kind, rest) = text(&request["key"]).split_once(' ').unwrap_or((text(&request["key"]), ""));
        let signature = match kind {
            "order" => signing::sign_with_small_order(&array(rest), &message, &mut self.rng),
            "nine" => Some(signing::sign_honestly(&Scalar::ONE, &message, &mut self.rng)),
            "private" => {
                let a = signing::scalar(&PrivateKey::deserialize(&hex::decode(rest).unwrap()).unwrap());
                let written = array(text(&request["zero_nonce_written"]));
                Some(signing::sign(&a, &Scalar::ZERO, &written, &message))
            }
            other => panic!("no such key to sign with: {other}"),
        };
        json!({ "signature": signature.map(hex::encode) })
    }
}

/// A key as it is asked for, made from an honest one.
fn key(wanted: &Value, honest: Half) -> Half {
    let Some(wanted) = wanted.as_str() else {
        return honest;
    };
    match wanted.split_once(' ').unwrap_or((wanted, "")) {
        ("top_bit", _) => honest.written(|bytes| bytes[31] |= 0x80),
        ("nine", _) => Half::nine(),
        ("nine_plus_p", _) => Half::nine_plus_p(),
        ("order", public) => Half::of_small_order(array(public)),
        ("private", key) => Half::of(&PrivateKey::deserialize(&hex::decode(key).unwrap()).unwrap()),
        ("torsion", which) => honest.written(|bytes| {
            let point = MontgomeryPoint(*bytes).to_edwards(0).unwrap();
            let torsion = EIGHT_TORSION[which.parse::<usize>().unwrap()];
            *bytes = (point + torsion).to_montgomery().to_bytes();
        }),
        (other, _) => panic!("no such key: {other}"),
    }
}

/// Fields that are named are replaced; null leaves one out.
fn change_draft(draft: &mut Draft, request: &Value) {
    let fields = &request["fields"];
    replace_bytes(fields, "ratchet_key", &mut draft.fields.ratchet_key);
    replace_bytes(fields, "ciphertext", &mut draft.fields.ciphertext);
    replace_bytes(fields, "pq_ratchet", &mut draft.fields.pq_ratchet);
    replace_bytes(fields, "addresses", &mut draft.fields.addresses);
    replace_number(fields, "counter", &mut draft.fields.counter);
    replace_number(fields, "previous_counter", &mut draft.fields.previous_counter);
    if let Some(padded) = bytes(&request["padded"]) {
        draft.padded = padded;
    }
    if let Some(version) = request["version"].as_u64() {
        draft.version = version as u8;
    }
    if request["without_post_quantum_key"] == true {
        draft.post_quantum = None;
    }
    match request["mac_identities"].as_str() {
        None => {}
        Some("swapped") => draft.identities.swap(0, 1),
        Some("sender twice") => draft.identities[1] = draft.identities[0],
        Some("recipient twice") => draft.identities[0] = draft.identities[1],
        Some(other) => panic!("no such identities: {other}"),
    }
}

fn change_outer(outer: &mut Outer, changes: &Value) {
    replace_number(changes, "one_time_id", &mut outer.one_time_id);
    replace_bytes(changes, "base_key", &mut outer.base_key);
    replace_bytes(changes, "identity_key", &mut outer.identity_key);
    replace_number(changes, "registration_id", &mut outer.registration_id);
    replace_number(changes, "signed_id", &mut outer.signed_id);
    replace_number(changes, "kyber_id", &mut outer.kyber_id);
    replace_bytes(changes, "kyber_ciphertext", &mut outer.kyber_ciphertext);
}

fn replace_bytes(changes: &Value, name: &str, field: &mut Option<Vec<u8>>) {
    if let Some(value) = changes.get(name) {
        *field = bytes(value);
    }
}

fn replace_number(changes: &Value, name: &str, field: &mut Option<u32>) {
    if let Some(value) = changes.get(name) {
        *field = value.as_u64().map(|number| number as u32);
    }
}

fn bundle(value: &Value) -> PreKeyBundleIn {
    let number = |name: &str| value[name].as_u64().unwrap() as u32;
    let public = |name: &str| bytes(&value[name]).map(|key| PublicKey::deserialize(&key).unwrap());
    let one_time = public("prekey").map(|key| (PreKeyId::new(number("prekey_id")), key));
    PreKeyBundleIn {
        registration_id: number("registration_id"),
        device_id: number("device"),
        one_time,
        signed_id: SignedPreKeyId::new(number("signed_prekey_id")),
        signed_key: public("signed_prekey").unwrap(),
        signed_signature: bytes(&value["signed_prekey_signature"]).unwrap(),
        identity_key: IdentityKey::new(public("identity_key").unwrap()),
        kyber_id: KyberPreKeyId::new(number("kyber_prekey_id")),
        kyber_key: KemPublicKey::deserialize(&bytes(&value["kyber_prekey"]).unwrap()).unwrap(),
        kyber_signature: bytes(&value["kyber_prekey_signature"]).unwrap(),
    }
}

fn address(value: &Value) -> ProtocolAddress {
    let device = DeviceId::new(value["device"].as_u64().unwrap() as u8).unwrap();
    ProtocolAddress::new(text(&value["name"]), device)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    value.as_str().map(|text| hex::decode(text).unwrap())
}

fn array(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}
