//! Tells clients of an earlier run of this relay at once that their connection is gone (stateless reset, RFC 9000 §10.3).
//!
//! Without it a client of a relay that was killed waits for its idle timeout. The key is derived from the relay's own, so
//! that the next run recognises what it had given out; connection ids are random and carry nothing.
//!
//! Not its concern: TLS (`tls`), settings of connections (`settings`).

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use quinn::crypto::{CryptoError, HmacKey};
use quinn::{ConnectionId, ConnectionIdGenerator, EndpointConfig};
use rand::Rng;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Identity;

/// Purpose of the derived key.
const LABEL: khaima_wire::Label = khaima_wire::Label::new("stateless-reset");

/// Endpoint settings of a relay: resets that survive a restart.
pub(crate) fn endpoint_config(identity: &Identity) -> EndpointConfig {
    let seed = Zeroizing::new(LABEL.hash(&[identity.to_pem().as_bytes()]));
    let mut config = EndpointConfig::new(Arc::new(ResetKey(seed)));
    config.cid_generator(|| Box::new(RandomIds));
    config
}

struct ResetKey(Zeroizing<[u8; 32]>);

impl ResetKey {
    fn mac(&self, data: &[u8]) -> Hmac<Sha256> {
        // HMAC takes keys of every length: the error cannot occur, and a default key would only make resets useless.
        let mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice());
        let mut mac = mac.unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()));
        mac.update(data);
        mac
    }
}

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        let tag = self.mac(data).finalize().into_bytes();
        signature_out.iter_mut().zip(tag).for_each(|(out, byte)| *out = byte);
    }

    fn signature_len(&self) -> usize {
        32
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        self.mac(data).verify_slice(signature).map_err(|_| CryptoError)
    }
}

/// Random connection ids. quinn's own default marks its ids with a key of the process, and drops packets of an earlier
/// one in silence.
struct RandomIds;

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut id = [0; 8];
        rand::rng().fill_bytes(&mut id);
        ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        8
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}
