//! PQXDH: the key agreement that starts a session while its recipient is offline.
//!
//! ```text
//! Alice (initiate)                          Bob (accept)
//! IKa ── DH ── SPKb                         SPKb ── DH ── IKa
//! EKa ── DH ── IKb                          IKb ─── DH ── EKa
//! EKa ── DH ── SPKb                         SPKb ── DH ── EKa
//! EKa ── DH ── OPKb   (if there is one)     OPKb ── DH ── EKa
//! encapsulate(KEM key) ── ciphertext ─────> decapsulate
//!                  └──────── HKDF ────────────┘
//!            root key, chain key, post-quantum ratchet key
//! ```
//!
//! Not its concern: verifying the bundle, finding the prekeys, and what becomes of the three keys.
//!
//! Spec: Signal protocol 4.2 Shared secret.

use rand_core::CryptoRng;

use crate::{
    Secret,
    crypto::{KemCiphertext, KemSecretKey, KeyError, KeyPair, PublicKey, kdf, labels},
    keys::{IdentityKey, LocalIdentity, PreKeyBundle},
};

/// Begins the input of the key derivation, so that it is never that of another protocol on the same curve.
const DISCONTINUITY: [u8; 32] = [0xFF; 32];

/// What both sides have after the agreement.
#[derive(Debug)]
pub(crate) struct HandshakeKeys {
    /// First root key of the double ratchet.
    pub(crate) root: Secret<32>,
    /// First chain key of the double ratchet.
    pub(crate) chain: Secret<32>,
    /// Starts the post-quantum ratchet.
    pub(crate) pq_auth: Secret<32>,
}

/// Alice's result: the keys, and what Bob needs to come to the same.
pub(crate) struct Initiated {
    pub(crate) keys: HandshakeKeys,
    pub(crate) kem_ciphertext: KemCiphertext,
}

/// Bob's private halves.
pub(crate) struct RecipientKeys<'a, I: ?Sized> {
    pub(crate) identity: &'a I,
    pub(crate) signed: &'a KeyPair,
    pub(crate) one_time: Option<&'a KeyPair>,
    pub(crate) kyber: &'a KemSecretKey,
}

/// Alice's half of the agreement, with a fresh base key.
///
/// # Errors
///
/// A key of the bundle contributes nothing to an agreement.
pub(crate) fn initiate<I, R>(
    identity: &I,
    base: &KeyPair,
    bundle: &PreKeyBundle,
    rng: &mut R,
) -> Result<Initiated, KeyError>
where
    I: LocalIdentity + ?Sized,
    R: CryptoRng + ?Sized,
{
    let bundle = bundle.fields();
    let base = base.private();
    let mut agreements = vec![
        identity.agree(&bundle.signed_key)?,
        base.agree(bundle.identity_key.public_key())?,
        base.agree(&bundle.signed_key)?,
    ];
    if let Some((_, one_time)) = &bundle.one_time {
        agreements.push(base.agree(one_time)?);
    }
    let encapsulated = bundle.kyber_key.encapsulate(rng);
    Ok(Initiated {
        keys: derive(&agreements, &encapsulated.shared_secret),
        kem_ciphertext: encapsulated.ciphertext,
    })
}

/// Bob's half of the agreement.
///
/// # Errors
///
/// A key of the message contributes nothing, or the KEM ciphertext is not one for this key. A ciphertext of the right
/// form that was made for another key gives other keys, and no error.
pub(crate) fn accept<I: LocalIdentity + ?Sized>(
    ours: &RecipientKeys<'_, I>,
    their_identity: &IdentityKey,
    their_base: &PublicKey,
    kem_ciphertext: &[u8],
) -> Result<HandshakeKeys, KeyError> {
    let agreements = accept_agreements(ours, their_identity, their_base)?;
    let shared_secret = ours.kyber.decapsulate(kem_ciphertext)?;
    Ok(derive(&agreements, &shared_secret))
}

/// Bob's agreements, in the order in which they are derived from.
fn accept_agreements<I: LocalIdentity + ?Sized>(
    ours: &RecipientKeys<'_, I>,
    their_identity: &IdentityKey,
    their_base: &PublicKey,
) -> Result<Vec<Secret<32>>, KeyError> {
    let mut agreements = vec![
        ours.signed.private().agree(their_identity.public_key())?,
        ours.identity.agree(their_base)?,
        ours.signed.private().agree(their_base)?,
    ];
    if let Some(one_time) = ours.one_time {
        agreements.push(one_time.private().agree(their_base)?);
    }
    Ok(agreements)
}

fn derive(agreements: &[Secret<32>], shared_secret: &Secret<32>) -> HandshakeKeys {
    let mut input: Vec<&[u8]> = vec![&DISCONTINUITY];
    input.extend(agreements.iter().map(|agreed| agreed.expose().as_slice()));
    input.push(shared_secret.expose());
    let okm = kdf::hkdf_parts::<96>(None, &input, labels::PQXDH);
    HandshakeKeys { root: okm.part::<0, 32>(), chain: okm.part::<32, 32>(), pq_auth: okm.part::<64, 32>() }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::Value;

    use super::*;
    use crate::{
        DeviceId, IdentityKeyPair, KemKeyPair, KemPublicKey, PreKeySignalMessage, PrivateKey,
        ProtocolAddress,
        crypto::cipher,
        message::SESSION_VERSION,
        ratchet::{DoubleRatchet, JumpLimit},
        spqr, test_rng,
        triple_ratchet::TripleRatchet,
    };

    fn handshakes() -> Vec<Value> {
        let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");
        let directory = std::env::var_os("KHAIMA_VECTORS").map_or_else(|| PathBuf::from(ours), PathBuf::from);
        let text = std::fs::read_to_string(directory.join("pqxdh.json")).unwrap();
        let all: Value = serde_json::from_str(&text).unwrap();
        all["handshakes"].as_array().unwrap().clone()
    }

    fn bytes(value: &Value) -> Vec<u8> {
        hex::decode(value.as_str().unwrap()).unwrap()
    }

    fn with_id(list: &Value, id: u32) -> &Value {
        list.as_array().unwrap().iter().find(|one| one["id"].as_u64() == Some(id.into())).unwrap()
    }

    fn key_pair(value: &Value) -> KeyPair {
        let pair = KeyPair::from_private(PrivateKey::deserialize(&bytes(&value["private_key"])).unwrap());
        assert_eq!(pair.public().serialize().as_slice(), bytes(&value["public_key"]));
        pair
    }

    fn address(value: &Value) -> ProtocolAddress {
        let device = u8::try_from(value["device"].as_u64().unwrap()).unwrap();
        ProtocolAddress::new(value["name"].as_str().unwrap(), DeviceId::new(device).unwrap())
    }

    #[test]
    fn every_value_of_a_recorded_handshake_is_derived_as_recorded() {
        let handshakes = handshakes();
        assert!(!handshakes.is_empty());
        handshakes.iter().for_each(check_handshake);
    }

    fn check_handshake(case: &Value) {
        let (bob, steps) = (&case["bob"], &case["steps"]);
        let step = |name: &str, found: &[u8]| {
            assert_eq!(hex::encode(found), steps[name].as_str().unwrap(), "{name}")
        };
        let message = PreKeySignalMessage::decode(&bytes(&case["message"])).unwrap();
        assert_eq!(message.version(), SESSION_VERSION);
        let identity =
            IdentityKeyPair::from_private(PrivateKey::deserialize(&bytes(&bob["identity_private"])).unwrap());
        let signed = key_pair(with_id(&bob["signed_prekeys"], message.signed_id().value()));
        let one_time = message.one_time_id().map(|id| key_pair(with_id(&bob["prekeys"], id.value())));
        let (kyber_id, kem_ciphertext) = message.kyber().unwrap();
        let kyber = with_id(&bob["kyber_prekeys"], kyber_id.value());
        let kyber = KemKeyPair::from_parts(
            KemPublicKey::deserialize(&bytes(&kyber["public_key"])).unwrap(),
            KemSecretKey::deserialize(&bytes(&kyber["secret_key"])).unwrap(),
        );
        step("base_key", &message.base_key().serialize());
        assert!(message.base_key().is_canonical());
        step("kem_ciphertext", kem_ciphertext);
        step("kem_shared_secret", kyber.secret().decapsulate(kem_ciphertext).unwrap().expose());

        let ours = RecipientKeys {
            identity: &identity,
            signed: &signed,
            one_time: one_time.as_ref(),
            kyber: kyber.secret(),
        };
        let agreed = accept_agreements(&ours, message.identity_key(), message.base_key()).unwrap();
        let agreed: Vec<_> = agreed.iter().map(|agreed| Value::from(hex::encode(agreed.expose()))).collect();
        assert_eq!(agreed.as_slice(), steps["dh"].as_array().unwrap().as_slice());
        let keys = accept(&ours, message.identity_key(), message.base_key(), kem_ciphertext).unwrap();
        step("root_key", keys.root.expose());
        step("chain_key", keys.chain.expose());
        step("pqr_auth_key", keys.pq_auth.expose());

        let inner = message.message();
        step("ratchet_key", &inner.ratchet_key().serialize());
        let double = DoubleRatchet::recipient(keys.root, keys.chain, signed);
        let half = double.receive_half(inner.ratchet_key()).unwrap();
        step("root_key_after_receive_step", half.root.secret().expose());
        step("receive_chain_key", half.chain.secret().expose());
        step("message_seed", half.chain.advance().unwrap().seed.secret().expose());
        assert_eq!(inner.counter(), 0);

        let rng = &mut test_rng(0);
        let ratchet = TripleRatchet::new(double, spqr::Direction::B2A, &keys.pq_auth, JumpLimit::Ordinary);
        let post_quantum = ratchet.post_quantum.working().unwrap().recv(inner.pq_ratchet()).unwrap();
        step("spqr_message_key", post_quantum.key.unwrap().expose());
        let keys = ratchet.receive(inner, JumpLimit::Ordinary, rng).ok().unwrap().keys;
        step("cipher_key", keys.cipher_key());
        step("mac_key", keys.mac_key());
        step("iv", keys.iv());
        step("mac", inner.serialize().last_chunk::<8>().unwrap());
        assert!(inner.verify_mac(keys.mac_key(), message.identity_key(), &identity.identity_key()));
        assert!(!inner.verify_mac(keys.mac_key(), &identity.identity_key(), message.identity_key()));
        match steps["addresses"].as_str() {
            Some(_) => step("addresses", inner.addresses().unwrap()),
            None => assert!(inner.addresses().is_none()),
        }
        let expected = crate::session::bound_addresses(&address(&case["alice"]), &address(bob));
        assert_eq!(inner.addresses(), expected.as_ref().map(|bytes| bytes.as_slice()));
        let plaintext = cipher::cbc_decrypt(keys.cipher_key(), keys.iv(), inner.ciphertext()).unwrap();
        assert_eq!(plaintext.as_slice(), bytes(&case["plaintext"]));
    }
}
