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
    let mut agreements = vec![
        ours.signed.private().agree(their_identity.public_key())?,
        ours.identity.agree(their_base)?,
        ours.signed.private().agree(their_base)?,
    ];
    if let Some(one_time) = ours.one_time {
        agreements.push(one_time.private().agree(their_base)?);
    }
    let shared_secret = ours.kyber.decapsulate(kem_ciphertext)?;
    Ok(derive(&agreements, &shared_secret))
}

fn derive(agreements: &[Secret<32>], shared_secret: &Secret<32>) -> HandshakeKeys {
    let mut input: Vec<&[u8]> = vec![&DISCONTINUITY];
    input.extend(agreements.iter().map(|agreed| agreed.expose().as_slice()));
    input.push(shared_secret.expose());
    let okm = kdf::hkdf_parts::<96>(None, &input, labels::PQXDH);
    HandshakeKeys { root: okm.part::<0, 32>(), chain: okm.part::<32, 32>(), pq_auth: okm.part::<64, 32>() }
}
