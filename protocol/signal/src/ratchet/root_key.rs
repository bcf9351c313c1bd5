//! The root key: what each key agreement between ratchet keys is mixed into.
//!
//! Not its concern: which keys are agreed on.

use super::ChainKey;
use crate::{
    Secret,
    crypto::{kdf, labels},
};

/// Root key of a session, 32 bytes.
#[derive(Clone, Debug)]
pub(crate) struct RootKey(Secret<32>);

/// What one agreement turns a root key into.
pub(crate) struct RootStep {
    pub(crate) root: RootKey,
    pub(crate) chain: ChainKey,
}

impl RootKey {
    pub(crate) fn new(key: Secret<32>) -> Self {
        Self(key)
    }

    pub(crate) fn secret(&self) -> &Secret<32> {
        &self.0
    }

    /// Mixes in the result of an agreement; gives the next root key and a new chain, at index 0.
    ///
    /// Spec: Signal protocol 5.1 Key schedule, `RootStep`.
    pub(crate) fn step(&self, agreed: &Secret<32>) -> RootStep {
        let okm = kdf::hkdf::<64>(Some(self.0.expose()), agreed.expose(), labels::ROOT_STEP);
        RootStep { root: Self(okm.part::<0, 32>()), chain: ChainKey::new(okm.part::<32, 32>(), 0) }
    }
}
