//! The keys of one message, and the seed they are derived from.
//!
//! Not its concern: using them; that is the session's.

use crate::{
    Secret,
    crypto::{hmac_key::HmacKey, labels},
};

/// The double ratchet's share of a message's keys, 32 bytes.
#[derive(Clone, Debug)]
pub(crate) struct MessageSeed(Secret<32>);

/// Cipher key (32 bytes), MAC key (32) and IV (16) of one message, in one piece.
pub(crate) struct MessageKeys(Secret<96>);

impl MessageSeed {
    pub(crate) fn new(seed: Secret<32>) -> Self {
        Self(seed)
    }

    pub(crate) fn secret(&self) -> &Secret<32> {
        &self.0
    }

    /// Joins the post-quantum ratchet's share. Takes `self`: a seed serves once.
    ///
    /// Spec: Signal protocol 5.1 Key schedule, message keys; 6.3 Where things go.
    pub(crate) fn keys(self, post_quantum: &Secret<32>) -> MessageKeys {
        let expand = HmacKey::new(post_quantum.expose()).extract(self.0.expose());
        // The specification takes 80 bytes; the last block's other half goes unused.
        MessageKeys(expand.expand(labels::MESSAGE_KEYS))
    }
}

impl MessageKeys {
    pub(crate) fn cipher_key(&self) -> &[u8; 32] {
        self.0.slice::<0, 32>()
    }

    pub(crate) fn mac_key(&self) -> &[u8; 32] {
        self.0.slice::<32, 32>()
    }

    pub(crate) fn iv(&self) -> &[u8; 16] {
        self.0.slice::<64, 16>()
    }
}
