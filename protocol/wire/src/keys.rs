//! The key of a mailbox and the proof that one holds it.
//!
//! An owner signs, per connection and per act, the TLS exporter of that connection together with the relay's
//! pin: a proof is worth nothing on another connection, at another relay or for another act.
//!
//! [`OwnerProof`] is what was received; only [`OwnerProof::verify`] turns it into a [`MailboxId`] to act on.
//!
//! Not its concern: obtaining the exporter; what a proven owner may do.

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Label, MailboxId, RelayPin};

/// A public key that cannot belong to a mailbox: not a point, not in its one encoding, or of small order.
///
/// Under a small-order key almost any signature holds, so a mailbox with one would be everybody's. Refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unusable mailbox key")]
pub struct WeakKey;

/// The public half of a mailbox key: 32 bytes, Ed25519, canonical and not of small order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxPublicKey([u8; 32]);

impl MailboxPublicKey {
    /// Length in bytes.
    pub const LENGTH: usize = 32;

    /// From its 32 bytes.
    ///
    /// # Errors
    ///
    /// [`WeakKey`] if they are no point of the curve, not the canonical encoding, or of small order.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, WeakKey> {
        verifying_key(&bytes).map(|_| Self(bytes))
    }

    /// From a slice.
    ///
    /// # Errors
    ///
    /// [`WeakKey`] as for [`Self::from_bytes`], and if it does not have 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, WeakKey> {
        Self::from_bytes(bytes.try_into().map_err(|_| WeakKey)?)
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `signature` over `message` was made with this key. Strict: one signature per message and nonce.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        verifying_key(&self.0)
            .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
    }
}

impl fmt::Debug for MailboxPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailboxPublicKey(..)")
    }
}

/// Decompresses and checks a public key.
fn verifying_key(bytes: &[u8; 32]) -> Result<VerifyingKey, WeakKey> {
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| WeakKey)?;
    // Decompression reduces y modulo p and forgives a sign bit on x = 0. The latter are of small order.
    if !is_reduced(bytes) || key.is_weak() { Err(WeakKey) } else { Ok(key) }
}

/// Whether the y coordinate is below p = 2^255 - 19. The top bit is the sign of x and does not count.
fn is_reduced(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    !(high & 0x7f == 0x7f && middle.iter().all(|&byte| byte == 0xff) && *low >= 0xed)
}

/// The secret half of a mailbox key: whoever holds it may read, publish to and delete the mailbox.
///
/// Made fresh for every mailbox, so that two mailboxes of one person share nothing.
#[derive(Clone)]
pub struct MailboxKey(Box<SigningKey>);

impl MailboxKey {
    /// Length of the seed in bytes.
    pub const SEED_LENGTH: usize = 32;

    /// A fresh key.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        Self::from_seed(&seed)
    }

    /// The key that `seed` (32 bytes, secret) stands for. The caller wipes its own copy.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(Box::new(SigningKey::from_bytes(seed)))
    }

    /// The seed, for the vault. Secret.
    #[must_use]
    pub fn expose_seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> MailboxPublicKey {
        MailboxPublicKey(self.0.verifying_key().to_bytes())
    }

    /// The id of its mailbox.
    #[must_use]
    pub fn id(&self) -> MailboxId {
        MailboxId::of_key(&self.public())
    }

    /// Proves ownership for one `purpose`, on the connection with this TLS `exporter`, to the relay with this pin.
    ///
    /// The exporter is that of [`EXPORTER_LABEL`](crate::EXPORTER_LABEL). A proof may be sent again on the same
    /// connection; elsewhere it is worth nothing.
    #[must_use]
    pub fn prove(&self, exporter: &[u8; 32], relay: &RelayPin, purpose: Purpose) -> OwnerProof {
        let signature = self.sign(&signed_bytes(exporter, relay, purpose, &self.id()));
        OwnerProof { public_key: self.public(), signature }
    }

    /// Signs `message`, which begins with a label.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for MailboxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailboxKey(..)")
    }
}

impl PartialEq for MailboxKey {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq;
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for MailboxKey {}

impl Zeroize for MailboxKey {
    /// Drops the key (which wipes it) and leaves that of the all-zero seed.
    fn zeroize(&mut self) {
        *self.0 = SigningKey::from_bytes(&[0; 32]);
    }
}

/// The signing key inside wipes itself.
impl ZeroizeOnDrop for MailboxKey {}

/// What an owner proof is for. One byte of what is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Purpose {
    /// Make the mailbox.
    Create = 1,
    /// Receive its envelopes and acknowledge them.
    Read = 2,
    /// Put prekey bundles in.
    Publish = 3,
    /// Delete it with everything in it.
    Delete = 4,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [Self::Create, Self::Read, Self::Publish, Self::Delete];

    /// Its byte in what is signed.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }
}

/// Why an owner proof does not count. Refuse the request; nothing may be done for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The signature is not this key's over this connection, relay and purpose.
    #[error("owner proof does not hold")]
    BadSignature,
}

/// A claim to own a mailbox, as received. Not to be trusted before [`Self::verify`].
#[derive(Clone, PartialEq, Eq)]
pub struct OwnerProof {
    /// Key of the mailbox.
    pub public_key: MailboxPublicKey,
    /// Ed25519 signature, 64 bytes.
    pub signature: [u8; 64],
}

impl OwnerProof {
    /// Length of the signature in bytes.
    pub const SIGNATURE_LENGTH: usize = 64;

    /// The mailbox this proof owns, if it was made on the connection with this TLS `exporter`, to the relay with
    /// this pin, for this `purpose`.
    ///
    /// # Errors
    ///
    /// [`ProofError::BadSignature`] otherwise. Spec: wire.md, Owner proof.
    pub fn verify(
        &self,
        exporter: &[u8; 32],
        relay: &RelayPin,
        purpose: Purpose,
    ) -> Result<MailboxId, ProofError> {
        let id = MailboxId::of_key(&self.public_key);
        if self.public_key.verify(&signed_bytes(exporter, relay, purpose, &id), &self.signature) {
            Ok(id)
        } else {
            Err(ProofError::BadSignature)
        }
    }
}

impl fmt::Debug for OwnerProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnerProof(..)")
    }
}

/// What an owner signs: label || exporter (32) || relay pin (32) || purpose (1) || mailbox id (32).
fn signed_bytes(exporter: &[u8; 32], relay: &RelayPin, purpose: Purpose, id: &MailboxId) -> Vec<u8> {
    Label::OWNER.before(&[exporter, relay.as_bytes(), &[purpose.byte()], id.as_bytes()])
}
