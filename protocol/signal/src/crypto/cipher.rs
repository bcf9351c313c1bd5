//! The symmetric ciphers: AES-256-CBC for messages, AES-256-CTR with a short HMAC for sealed sender 1,
//! AES-256-GCM-SIV for sealed sender 2.
//!
//! Not its concern: where keys come from, and authenticating CBC (the message MAC does, before decryption).

use aes::Aes256;
use aes::cipher::block_padding::{NoPadding, Pkcs7};
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, StreamCipher};
use aes_gcm_siv::aead::Aead;
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce};
use subtle::{ConstantTimeEq, ConstantTimeGreater};
use zeroize::Zeroizing;

use super::kdf;
use crate::secret::Secret;

/// Length of the shortened MAC of sealed sender 1.
pub(crate) const CTR_MAC_LENGTH: usize = 10;
/// Length of the AES-GCM-SIV tag.
pub(crate) const GCM_SIV_TAG_LENGTH: usize = 16;

/// The bytes are not what this key encrypted: bad length, padding, MAC or tag. Deliberately says no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ciphertext does not open")]
pub(crate) struct CipherError;

/// AES-256-CBC with PKCS#7 padding: 1 to 16 bytes longer than the plaintext.
#[must_use]
pub(crate) fn cbc_encrypt(key: &[u8; 32], iv: &[u8; 16], plaintext: &[u8]) -> Vec<u8> {
    cbc::Encryptor::<Aes256>::new(key.into(), iv.into()).encrypt_padded_vec::<Pkcs7>(plaintext)
}

/// Undoes [`cbc_encrypt`]. Authenticate the ciphertext first.
///
/// # Errors
/// [`CipherError`] for an empty ciphertext, a length that is no multiple of 16, or bad padding.
pub(crate) fn cbc_decrypt(
    key: &[u8; 32],
    iv: &[u8; 16],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CipherError> {
    // Decrypted in place, so that no unwiped copy of the plaintext is left. A length that is no multiple of 16 is refused
    // here, and an empty ciphertext because it has no last block.
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    cbc::Decryptor::<Aes256>::new(key.into(), iv.into())
        .decrypt_padded::<NoPadding>(&mut buffer)
        .map_err(|_| CipherError)?;
    let padding = buffer.last_chunk().and_then(padding_length).ok_or(CipherError)?;
    let length = buffer.len() - padding;
    buffer.truncate(length);
    Ok(buffer)
}

/// The length of the padding at the end of the last block, 1 to 16, or `None` if it is none.
///
/// Looks at all of the block in any case, so that the time does not tell where padding is wrong. A MAC or a signature
/// stands before it; this is for the day when somebody forgets that.
fn padding_length(block: &[u8; 16]) -> Option<usize> {
    let [.., length] = block;
    let mut wrong = length.ct_eq(&0) | length.ct_gt(&16);
    for (from_end, byte) in (1..=16_u8).zip(block.iter().rev()) {
        let inside = !from_end.ct_gt(length);
        wrong |= inside & !byte.ct_eq(length);
    }
    (!bool::from(wrong)).then_some(usize::from(*length))
}

/// AES-256-CTR from counter block zero, then the first 10 bytes of the ciphertext's HMAC.
///
/// Spec: Signal protocol 10.5 Version 1, `Seal`.
#[must_use]
pub(crate) fn ctr_seal(key: &Secret<32>, mac_key: &Secret<32>, plaintext: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(plaintext.len() + CTR_MAC_LENGTH);
    sealed.extend_from_slice(plaintext);
    apply_ctr(key, &mut sealed);
    let mac = kdf::hmac(mac_key.expose(), &[&sealed]);
    sealed.extend_from_slice(mac.part::<0, CTR_MAC_LENGTH>().expose());
    sealed
}

/// Undoes [`ctr_seal`], after checking the MAC in constant time.
///
/// # Errors
/// [`CipherError`] when it is too short or the MAC differs.
///
/// Spec: Signal protocol 10.5 Version 1, `Open`.
pub(crate) fn ctr_open(
    key: &Secret<32>,
    mac_key: &Secret<32>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CipherError> {
    let (ciphertext, mac) = sealed.split_last_chunk::<CTR_MAC_LENGTH>().ok_or(CipherError)?;
    let expected = kdf::hmac(mac_key.expose(), &[ciphertext]).part::<0, CTR_MAC_LENGTH>();
    if !bool::from(expected.expose().ct_eq(mac)) {
        return Err(CipherError);
    }
    let mut plaintext = Zeroizing::new(ciphertext.to_vec());
    apply_ctr(key, &mut plaintext);
    Ok(plaintext)
}

/// AES-256-GCM-SIV with a zero nonce and no associated data; 16 bytes of tag at the end.
///
/// The nonce is fixed, so a key seals one message only. `None` beyond 64 GiB.
///
/// Spec: Signal protocol 10.6 Version 2.
#[must_use]
pub(crate) fn gcm_siv_seal(key: &Secret<32>, plaintext: &[u8]) -> Option<Vec<u8>> {
    Aes256GcmSiv::new(key.expose().into()).encrypt(&Nonce::default(), plaintext).ok()
}

/// Undoes [`gcm_siv_seal`].
///
/// # Errors
/// [`CipherError`] when the tag does not hold.
pub(crate) fn gcm_siv_open(key: &Secret<32>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CipherError> {
    Aes256GcmSiv::new(key.expose().into())
        .decrypt(&Nonce::default(), sealed)
        .map(Zeroizing::new)
        .map_err(|_| CipherError)
}

fn apply_ctr(key: &Secret<32>, bytes: &mut [u8]) {
    ctr::Ctr128BE::<Aes256>::new(key.expose().into(), &[0; 16].into()).apply_keystream(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Secret<32> {
        Secret::from_bytes([3; 32])
    }

    const KEY: &[u8; 32] = &[3; 32];
    const IV: &[u8; 16] = &[9; 16];

    #[test]
    fn cbc_round_trips_around_the_block_size() {
        for length in [0, 1, 15, 16, 17, 31, 32, 1000] {
            let plaintext = vec![0x5A; length];
            let ciphertext = cbc_encrypt(KEY, IV, &plaintext);
            assert_eq!(ciphertext.len(), length / 16 * 16 + 16);
            assert_eq!(*cbc_decrypt(KEY, IV, &ciphertext).unwrap(), plaintext);
        }
    }

    #[test]
    fn cbc_refuses_empty_ragged_and_badly_padded_input() {
        assert_eq!(cbc_decrypt(KEY, IV, &[]), Err(CipherError));
        let ciphertext = cbc_encrypt(KEY, IV, b"text");
        assert_eq!(cbc_decrypt(KEY, IV, &ciphertext[..15]), Err(CipherError));
        // The last IV byte flips the last padding byte: 12 becomes 12 ^ 0xF0, no padding length.
        let mut other_iv = *IV;
        other_iv[15] ^= 0xF0;
        assert_eq!(cbc_decrypt(KEY, &other_iv, &ciphertext), Err(CipherError));
    }

    #[test]
    fn padding_is_as_many_bytes_as_each_of_them_says() {
        for length in 0..=u8::MAX {
            let block = [length; 16];
            let right = (1..=16).contains(&length).then_some(usize::from(length));
            assert_eq!(padding_length(&block), right, "{length}");
            for at in 0..15 {
                let mut changed = block;
                changed[at] ^= 0x80;
                let right = right.filter(|right| at < 16 - right);
                assert_eq!(padding_length(&changed), right, "{length}, {at} changed");
            }
        }
    }

    // NIST SP 800-38A, F.2.5: the first block, with our padding after it.
    #[test]
    fn cbc_gives_the_published_block() {
        let key = hex::decode("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4").unwrap();
        let iv = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let plaintext = hex::decode("6bc1bee22e409f96e93d7e117393172a").unwrap();
        let ciphertext = cbc_encrypt(&key.try_into().unwrap(), &iv, &plaintext);
        assert_eq!(hex::encode(&ciphertext[..16]), "f58c4c04d6e5f1ba779eabfb5f7bfbd6");
    }

    #[test]
    fn ctr_round_trips_and_notices_every_flipped_bit() {
        let (key, mac_key) = (key(), Secret::from_bytes([4; 32]));
        let sealed = ctr_seal(&key, &mac_key, b"seventeen bytes!!");
        assert_eq!(sealed.len(), 17 + CTR_MAC_LENGTH);
        assert_eq!(**ctr_open(&key, &mac_key, &sealed).unwrap(), *b"seventeen bytes!!");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(ctr_open(&key, &mac_key, &changed), Err(CipherError));
        }
        assert_eq!(ctr_open(&key, &mac_key, &sealed[..9]), Err(CipherError));
    }

    #[test]
    fn gcm_siv_round_trips_and_notices_every_flipped_bit() {
        let sealed = gcm_siv_seal(&key(), b"content").unwrap();
        assert_eq!(sealed.len(), 7 + GCM_SIV_TAG_LENGTH);
        assert_eq!(**gcm_siv_open(&key(), &sealed).unwrap(), *b"content");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(gcm_siv_open(&key(), &changed), Err(CipherError));
        }
        assert_eq!(gcm_siv_open(&key(), &sealed[..15]), Err(CipherError));
    }
}
