//! A sender with a certificate, for the unit tests of this module.

use super::{ContentHint, SealedContent, SenderCertificate, SenderClaims, ServerCertificate};
use crate::crypto::{KeyPair, PublicKey};
use crate::keys::{IdentityKeyPair, LocalIdentity};
use crate::{DeviceId, MessageType, Timestamp, test_rng};

pub(super) struct Sender {
    pub(super) identity: IdentityKeyPair,
    pub(super) root: PublicKey,
    pub(super) certificate: SenderCertificate,
}

impl Sender {
    pub(super) fn new(seed: u64) -> Self {
        // Apart from the seeds of the tests themselves, or "another" identity would be the same one.
        let mut rng = test_rng(1_000_000 + seed);
        let (identity, root) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
        let server_key = KeyPair::generate(&mut rng);
        let server = ServerCertificate::issue(17, server_key.public(), &root, &mut rng);
        let claims = SenderClaims {
            uuid: "9d0652a3-dcc3-4d11-975f-74d61598733f".to_owned(),
            e164: None,
            device: DeviceId::new(1).unwrap(),
            expires: Timestamp::from_millis(1_000_000),
            identity_key: identity.identity_key(),
        };
        let certificate = SenderCertificate::issue(claims, server, server_key.private(), &mut rng);
        Self { identity, root: *root.identity_key().public_key(), certificate }
    }

    pub(super) fn content(&self, content: &[u8]) -> SealedContent {
        SealedContent {
            message_type: MessageType::Whisper,
            certificate: self.certificate.clone(),
            content: content.to_vec(),
            hint: ContentHint::Default,
            group_id: None,
        }
    }
}
