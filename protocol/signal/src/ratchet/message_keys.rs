//! The keys of one message, and the seed they are derived from.
//!
//! Not its concern: using them; that is the session's.

use crate::{
    Secret,
    crypto::{kdf, labels},
};

/// The double ratchet's share of a message's keys, 32 bytes.
#[derive(Clone, Debug)]
pub(crate) struct MessageSeed(Secret<32>);

/// Cipher key (32 bytes), MAC key (32) and IV (16) of one message.
pub(crate) struct MessageKeys {
    pub(crate) cipher_key: Secret<32>,
    pub(crate) mac_key: Secret<32>,
    pub(crate) iv: Secret<16>,
}

impl MessageSeed {
    pub(crate) fn new(seed: Secret<32>) -> Self {
        Self(seed)
    }

    pub(crate) fn secret(&self) -> &Secret<32> {
        &self.0
    }

    /// Joins the post-quantum ratchet's share, if there is one. Takes `self`: a seed serves once.
    ///
    /// Spec: Signal protocol 5.1 Key schedule, message keys; 6.3 Where things go.
    pub(crate) fn keys(self, post_quantum: Option<&Secret<32>>) -> MessageKeys {
        let salt = post_quantum.map(|key| key.expose().as_slice());
        let okm = kdf::hkdf::<80>(salt, self.0.expose(), labels::MESSAGE_KEYS);
        MessageKeys {
            cipher_key: okm.part::<0, 32>(),
            mac_key: okm.part::<32, 32>(),
            iv: okm.part::<64, 16>(),
        }
    }
}
