//! What our hashes, signatures and MACs are for. One place, so that a test can hold them apart.

use khaima_wire::Label;

/// SHA-256 of a signed statement.
pub(crate) const STATEMENT: Label = Label::new("statement");
/// Signature of a statement by its identity key.
pub(crate) const STATEMENT_SIGNATURE: Label = Label::new("statement-signature");
/// Signature of a slip by the identity key of who gives it.
pub(crate) const SLIP_SIGNATURE: Label = Label::new("slip-signature");
/// Signature of a link's bytes by the inviter's identity key, inside the sealed bundle.
pub(crate) const INVITATION_IDENTITY: Label = Label::new("invitation-identity");
/// Proof that a requester has the link: HMAC under the link's proof key.
pub(crate) const INVITATION_REQUEST: Label = Label::new("invitation-request");
/// Name of a relay at one address; never leaves the device.
pub(crate) const RELAY_ID: Label = Label::new("relay-id");
/// Name of an envelope that was processed; never leaves the device.
pub(crate) const SEEN_ENVELOPE: Label = Label::new("seen-envelope");
/// Name of a base key that was used; never leaves the device.
pub(crate) const SEEN_BASE_KEY: Label = Label::new("seen-base-key");

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [Label; 8] = [
        STATEMENT,
        STATEMENT_SIGNATURE,
        SLIP_SIGNATURE,
        INVITATION_IDENTITY,
        INVITATION_REQUEST,
        RELAY_ID,
        SEEN_ENVELOPE,
        SEEN_BASE_KEY,
    ];

    /// Labels of the Signal protocol that open a hash, signature or derivation (spec 12.1).
    const SIGNALS: [&[u8]; 9] = [
        b"WhisperText",
        b"WhisperRatchet",
        b"WhisperMessageKeys",
        b"WhisperGroup",
        b"UnidentifiedDelivery",
        b"Sealed Sender v2",
        b"Signal_PNI_Signature",
        &[0xff; 32],
        &[0xfe],
    ];

    #[test]
    fn no_label_begins_another_of_ours_or_of_the_wire() {
        let all: Vec<Vec<u8>> = OURS.into_iter().chain(Label::ALL).map(Label::bytes).collect();
        for (at, one) in all.iter().enumerate() {
            for (other_at, other) in all.iter().enumerate() {
                assert!(at == other_at || !one.starts_with(other));
            }
        }
    }

    #[test]
    fn labels_are_apart_from_the_signal_protocols() {
        for label in OURS {
            let bytes = label.bytes();
            assert!(SIGNALS.iter().all(|signal| !bytes.starts_with(signal) && !signal.starts_with(&bytes)));
            // A serialized key begins with its type.
            assert!(![0x05, 0x08].contains(&bytes[0]));
        }
    }
}
