//! How rows are sealed: names of mailboxes under the store key, envelopes under keys of their own, those keys under
//! the hour's key.
//!
//! ```text
//!   mailbox row   HMAC-SHA256(store key, "khaima/v1/store-mailbox" || 0x00 || mailbox id)               32
//!   envelope row  mailbox row || envelope id                                                            48
//!   envelope      ChaCha20-Poly1305(envelope key, nonce 0, sealed bytes), AD: label || envelope row     size + 16
//!   envelope key  generation (4) || stored day (4) || expiry day (4) || nonce (24)
//!                 || XChaCha20-Poly1305(hour key, nonce, envelope key), AD: label || envelope row || days
//! ```
//!
//! An envelope key is random and used once, hence the zero nonce. Renewing hour keys rewrites the 84 bytes of the
//! wrapped key and not the envelope.
//!
//! Not its concern: where hour keys are kept (`hour_keys`), transactions (`apply`).

use std::fmt;

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Nonce, Tag, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use khaima_wire::{Day, EnvelopeId, Label, MailboxId, SealedEnvelope};
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Row of a mailbox: 32 bytes that only the store key connects with its id.
pub(super) type MailboxRow = [u8; 32];
/// Row of an envelope: its mailbox's row and its id.
pub(super) type EnvelopeRow = [u8; 48];

const NAME: Label = Label::new("store-mailbox");
const ENVELOPE: Label = Label::new("store-envelope");
const ENVELOPE_KEY: Label = Label::new("store-envelope-key");

/// Bytes an envelope grows by when it is sealed.
pub(super) const TAG_LENGTH: usize = 16;

/// The key that names rows: 32 bytes, made once for a relay and kept beside its database.
///
/// Without it nobody can tell which row a known mailbox id belongs to; with it nobody can tell the id of a row.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StoreKey(Box<[u8; 32]>);

impl StoreKey {
    /// Length in bytes.
    pub const LENGTH: usize = 32;

    /// A fresh key.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut key = Self(Box::new([0; 32]));
        rng.fill_bytes(key.0.as_mut_slice());
        key
    }

    /// Takes over known bytes. The caller wipes its own copy.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut key = Self(Box::new([0; 32]));
        key.0.copy_from_slice(bytes);
        key
    }

    /// The key's bytes, for its file. Secret.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The row of a mailbox.
    pub(super) fn mailbox_row(&self, mailbox: &MailboxId) -> MailboxRow {
        // HMAC takes keys of any length; the fallback cannot come.
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(self.0.as_slice()) else { return [0; 32] };
        mac.chain_update(NAME.before(&[mailbox.as_bytes()])).finalize().into_bytes().into()
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(..)")
    }
}

/// The key under which the keys of the envelopes of about an hour are wrapped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct HourKey(Box<[u8; 32]>);

impl HourKey {
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut key = Self(Box::new([0; 32]));
        rng.fill_bytes(key.0.as_mut_slice());
        key
    }

    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut key = Self(Box::new([0; 32]));
        key.0.copy_from_slice(bytes);
        key
    }

    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for HourKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HourKey(..)")
    }
}

/// The row of an envelope.
pub(super) fn envelope_row(mailbox: &MailboxRow, id: &EnvelopeId) -> EnvelopeRow {
    let mut row = [0; 48];
    let (head, tail) = row.split_at_mut(32);
    head.copy_from_slice(mailbox);
    tail.copy_from_slice(id.as_bytes());
    row
}

/// The envelope id in a row.
pub(super) fn envelope_id(row: &EnvelopeRow) -> EnvelopeId {
    row.last_chunk().map_or(EnvelopeId::from_bytes([0; 16]), |id| EnvelopeId::from_bytes(*id))
}

/// The wrapped key of one envelope and the days that are read without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WrappedKey {
    /// Which hour key opens it.
    pub generation: u32,
    /// Day the envelope came.
    pub stored: Day,
    /// First day on which it is no longer delivered.
    pub expires: Day,
    nonce: [u8; 24],
    wrapped: [u8; 48],
}

impl WrappedKey {
    /// Length in bytes.
    pub const LENGTH: usize = 84;

    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        let fields = [
            &self.generation.to_be_bytes()[..],
            &self.stored.number().to_be_bytes(),
            &self.expires.number().to_be_bytes(),
            &self.nonce,
            &self.wrapped,
        ];
        for (slot, byte) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *slot = *byte;
        }
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (generation, rest) = bytes.split_first_chunk()?;
        let (stored, rest) = rest.split_first_chunk()?;
        let (expires, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        Some(Self {
            generation: u32::from_be_bytes(*generation),
            stored: Day::new(u32::from_be_bytes(*stored)),
            expires: Day::new(u32::from_be_bytes(*expires)),
            nonce: *nonce,
            wrapped: rest.try_into().ok()?,
        })
    }

    fn wrap<R: CryptoRng + ?Sized>(
        key: &[u8; 32],
        (generation, hour_key): (u32, &HourKey),
        (stored, expires): (Day, Day),
        row: &EnvelopeRow,
        rng: &mut R,
    ) -> Option<Self> {
        let mut sealed = Self { generation, stored, expires, nonce: [0; 24], wrapped: [0; 48] };
        rng.fill_bytes(&mut sealed.nonce);
        let mut body = Zeroizing::new(*key);
        let tag = XChaCha20Poly1305::new(hour_key.expose().into())
            .encrypt_inout_detached(
                &XNonce::from(sealed.nonce),
                &sealed.associated_data(row),
                body.as_mut_slice().into(),
            )
            .ok()?;
        let (head, tail) = sealed.wrapped.split_at_mut(32);
        head.copy_from_slice(body.as_slice());
        tail.copy_from_slice(&tag);
        Some(sealed)
    }

    fn unwrap(&self, hour_key: &HourKey, row: &EnvelopeRow) -> Option<Zeroizing<[u8; 32]>> {
        let (body, tag) = self.wrapped.split_first_chunk::<32>()?;
        let tag: [u8; TAG_LENGTH] = tag.try_into().ok()?;
        let mut key = Zeroizing::new(*body);
        XChaCha20Poly1305::new(hour_key.expose().into())
            .decrypt_inout_detached(
                &XNonce::from(self.nonce),
                &self.associated_data(row),
                key.as_mut_slice().into(),
                &Tag::from(tag),
            )
            .ok()?;
        Some(key)
    }

    /// The same key under another hour key. `None` if this one does not open it.
    pub fn rewrap<R: CryptoRng + ?Sized>(
        &self,
        old: &HourKey,
        new: (u32, &HourKey),
        row: &EnvelopeRow,
        rng: &mut R,
    ) -> Option<Self> {
        Self::wrap(&*self.unwrap(old, row)?, new, (self.stored, self.expires), row, rng)
    }

    fn associated_data(&self, row: &EnvelopeRow) -> Vec<u8> {
        let (stored, expires) = (self.stored.number().to_be_bytes(), self.expires.number().to_be_bytes());
        ENVELOPE_KEY.before(&[row, &stored, &expires])
    }
}

/// An envelope as it lies in the database: its wrapped key and its ciphertext.
pub(super) struct SealedRow {
    pub key: WrappedKey,
    pub ciphertext: Vec<u8>,
}

/// Seals an envelope under a fresh key. `None` only if a cipher refuses its input, which it cannot at these sizes.
pub(super) fn seal<R: CryptoRng + ?Sized>(
    sealed: SealedEnvelope,
    hour_key: (u32, &HourKey),
    days: (Day, Day),
    row: &EnvelopeRow,
    rng: &mut R,
) -> Option<SealedRow> {
    let mut key = Zeroizing::new([0; 32]);
    rng.fill_bytes(key.as_mut_slice());
    let mut ciphertext = sealed.into_bytes();
    let tag = ChaCha20Poly1305::new((&*key).into())
        .encrypt_inout_detached(&Nonce::default(), &ENVELOPE.before(&[row]), ciphertext.as_mut_slice().into())
        .ok()?;
    ciphertext.extend_from_slice(&tag);
    Some(SealedRow { key: WrappedKey::wrap(&key, hour_key, days, row, rng)?, ciphertext })
}

/// Opens an envelope. `None` if a bit of it has changed or the hour key is another.
pub(super) fn open(
    key: &WrappedKey,
    hour_key: &HourKey,
    ciphertext: &[u8],
    row: &EnvelopeRow,
) -> Option<SealedEnvelope> {
    let (body, tag) = ciphertext.split_last_chunk::<TAG_LENGTH>()?;
    let envelope_key = key.unwrap(hour_key, row)?;
    let mut plain = body.to_vec();
    ChaCha20Poly1305::new((&*envelope_key).into())
        .decrypt_inout_detached(
            &Nonce::default(),
            &ENVELOPE.before(&[row]),
            plain.as_mut_slice().into(),
            &Tag::from(*tag),
        )
        .ok()?;
    SealedEnvelope::new(plain).ok()
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    fn row() -> EnvelopeRow {
        envelope_row(&[7; 32], &EnvelopeId::new(1, [2; 8]))
    }

    fn envelope() -> SealedEnvelope {
        SealedEnvelope::new(vec![0x5a; 3_968]).unwrap()
    }

    #[test]
    fn a_sealed_envelope_opens_under_its_hour_key_at_its_row_only() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (one, other) = (HourKey::generate(&mut rng), HourKey::generate(&mut rng));
        let days = (Day::new(100), Day::new(130));
        let sealed = seal(envelope(), (1, &one), days, &row(), &mut rng).unwrap();
        assert_eq!(sealed.ciphertext.len(), 3_968 + TAG_LENGTH);
        assert_eq!(open(&sealed.key, &one, &sealed.ciphertext, &row()), Some(envelope()));
        assert_eq!(open(&sealed.key, &other, &sealed.ciphertext, &row()), None);
        assert_eq!(open(&sealed.key, &one, &sealed.ciphertext, &[0; 48]), None);
        let renewed = sealed.key.rewrap(&one, (2, &other), &row(), &mut rng).unwrap();
        assert_eq!(open(&renewed, &other, &sealed.ciphertext, &row()), Some(envelope()));
        assert_eq!(open(&renewed, &one, &sealed.ciphertext, &row()), None);
        assert_eq!((renewed.generation, renewed.stored, renewed.expires), (2, days.0, days.1));
    }

    #[test]
    fn days_cannot_be_changed_unnoticed() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let key = HourKey::generate(&mut rng);
        let mut sealed =
            seal(envelope(), (1, &key), (Day::new(100), Day::new(130)), &row(), &mut rng).unwrap();
        sealed.key.stored = Day::new(99);
        assert_eq!(open(&sealed.key, &key, &sealed.ciphertext, &row()), None);
    }

    #[test]
    fn wrapped_keys_have_one_length_and_survive_encoding() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let key = HourKey::generate(&mut rng);
        let sealed = seal(envelope(), (1, &key), (Day::new(1), Day::new(2)), &row(), &mut rng).unwrap();
        let bytes = sealed.key.encode();
        assert_eq!(WrappedKey::decode(&bytes), Some(sealed.key));
        assert_eq!(WrappedKey::decode(&bytes[..83]), None);
        assert_eq!(WrappedKey::decode(&[&bytes[..], &[0]].concat()), None);
    }

    #[test]
    fn every_stored_record_fits_below_its_power_of_two() {
        // redb takes page runs of powers of two; beside key and value a page needs a few bytes of its own.
        for (i, size) in SealedEnvelope::SIZES.into_iter().enumerate() {
            let record = size + TAG_LENGTH + size_of::<EnvelopeRow>();
            assert!(record <= (4_096 << i) - 64, "{record}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", StoreKey::from_bytes(&[7; 32])), "StoreKey(..)");
        assert_eq!(format!("{:?}", HourKey::from_bytes(&[7; 32])), "HourKey(..)");
    }

    #[test]
    fn the_row_of_a_mailbox_is_frozen() {
        let row = StoreKey::from_bytes(&[1; 32]).mailbox_row(&MailboxId::from_bytes([2; 32]));
        assert_eq!(hex::encode(row), FROZEN_ROW);
        assert_ne!(row, StoreKey::from_bytes(&[3; 32]).mailbox_row(&MailboxId::from_bytes([2; 32])));
    }

    const FROZEN_ROW: &str = "de09f74b4e566f14dcde7a0ad874a3c621718397348e72162c6dc3ae24e4a17e";
}
