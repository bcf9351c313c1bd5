//! The labels that keep key derivations and signatures apart, in one place so that they can be compared.
//!
//! Those of the Signal protocol are fixed by its specification. Ours begin with `khaima/v1/`, which none of Signal's
//! does, so that nothing signed or derived for one purpose can pass for another.
//!
//! Not its concern: the labels of the sparse ratchet, which stand in [`crate::spqr`].
//!
//! Spec: Signal protocol 12.1 Constants and labels.

/// PQXDH key derivation (4.2).
pub(crate) const PQXDH: &[u8] = b"WhisperText_X25519_SHA-256_CRYSTALS-KYBER-1024";
/// Root key step of the double ratchet (5.1).
pub(crate) const ROOT_STEP: &[u8] = b"WhisperRatchet";
/// Message keys of the double ratchet (5.1).
pub(crate) const MESSAGE_KEYS: &[u8] = b"WhisperMessageKeys";
/// Message keys of a sender key (9.2).
pub(crate) const GROUP_MESSAGE_KEYS: &[u8] = b"WhisperGroup";
/// Alternate identity signature, after 32 bytes `FF` (1.6).
pub(crate) const ALTERNATE_IDENTITY: &[u8] = b"Signal_PNI_Signature";
/// Salt prefix of sealed sender 1 (10.5).
pub(crate) const SEALED_SENDER_V1: &[u8] = b"UnidentifiedDelivery";
/// Ephemeral private key of sealed sender 2 (10.6).
pub(crate) const SEALED_SENDER_V2_R: &[u8] = b"Sealed Sender v2: r (2023-08)";
/// Content key of sealed sender 2 (10.6).
pub(crate) const SEALED_SENDER_V2_K: &[u8] = b"Sealed Sender v2: K";
/// Masking of the message secret of sealed sender 2 (10.6).
pub(crate) const SEALED_SENDER_V2_DH: &[u8] = b"Sealed Sender v2: DH";
/// Sender authentication of sealed sender 2 (10.6).
pub(crate) const SEALED_SENDER_V2_DH_SENDER: &[u8] = b"Sealed Sender v2: DH-sender";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_is_the_beginning_of_another_and_none_is_ours() {
        let labels = [
            PQXDH,
            ROOT_STEP,
            MESSAGE_KEYS,
            GROUP_MESSAGE_KEYS,
            ALTERNATE_IDENTITY,
            SEALED_SENDER_V1,
            SEALED_SENDER_V2_R,
            SEALED_SENDER_V2_K,
            SEALED_SENDER_V2_DH_SENDER,
            b"khaima/v1/",
        ];
        for (i, one) in labels.iter().enumerate() {
            for (j, other) in labels.iter().enumerate() {
                assert!(i == j || !other.starts_with(one), "{one:?} {other:?}");
            }
        }
        // The one exception is the specification's; both end an HKDF info, so that they differ as a whole.
        assert!(SEALED_SENDER_V2_DH_SENDER.starts_with(SEALED_SENDER_V2_DH));
        assert_ne!(SEALED_SENDER_V2_DH_SENDER, SEALED_SENDER_V2_DH);
    }
}
