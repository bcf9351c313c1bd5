//! Contents: what one encrypted message says.

use hmac::{Hmac, KeyInit, Mac};
use khaima_signal::IdentityKey;
use khaima_wire::{ProofKey, Timestamp};
use prost::Message;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::proto::{BodyProto, ContactAcceptProto, ContactRequestProto, ContentProto};
use super::{ContentError, StatementHash};
use crate::ids::MessageId;
use crate::labels::INVITATION_REQUEST;

/// Longest name in bytes, so that the largest contact request fits the smallest envelope.
pub(crate) const MAX_NAME: usize = 64;

/// Longest greeting in bytes, for the same reason.
pub(crate) const MAX_GREETING: usize = 500;

/// Most receipts in one content. 1 KiB of the smallest envelope.
pub(crate) const MAX_RECEIPTS: usize = 64;

/// What one message says.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) id: MessageId,
    pub(crate) written: Timestamp,
    /// The sender's own statement.
    pub(crate) statement_number: u32,
    pub(crate) statement_hash: StatementHash,
    /// From 1 within conversation and direction; 0 for what makes no row.
    pub(crate) number: u64,
    pub(crate) receipts: Vec<MessageId>,
    pub(crate) body: ContentBody,
}

/// The matter of a content.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum ContentBody {
    Accept(ContactAccept),
    /// Receipts only, or the body of a later version (then `number` is not 0).
    Nothing,
    Request(ContactRequest),
    Text(String),
}

/// The answer to a contact request.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ContactAccept {
    /// Encoded and signed.
    pub(crate) slip: Vec<u8>,
    pub(crate) name: String,
}

/// The first message to an invitation's mailbox.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ContactRequest {
    /// Encoded and signed.
    pub(crate) statement: Vec<u8>,
    /// Encoded and signed.
    pub(crate) slip: Vec<u8>,
    pub(crate) name: String,
    pub(crate) greeting: String,
    pub(crate) proof: [u8; 32],
}

/// The proof that a requester has the link: HMAC under the link's proof key over their identity key and statement.
pub(crate) fn request_proof(key: &ProofKey, identity: &IdentityKey, statement: &StatementHash) -> [u8; 32] {
    proof_mac(key, identity, statement).finalize().into_bytes().into()
}

/// Whether a proof holds; in constant time.
pub(crate) fn verify_request_proof(
    proof: &[u8; 32],
    key: &ProofKey,
    identity: &IdentityKey,
    statement: &StatementHash,
) -> bool {
    proof_mac(key, identity, statement).verify_slice(proof).is_ok()
}

fn proof_mac(key: &ProofKey, identity: &IdentityKey, statement: &StatementHash) -> Hmac<Sha256> {
    // HMAC fills shorter keys up with zeros to the block of 64 bytes; so filled, there is no error to handle.
    let mut block = Zeroizing::new([0; 64]);
    let (head, _) = block.split_at_mut(ProofKey::LENGTH);
    head.copy_from_slice(key.expose());
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    mac.update(&INVITATION_REQUEST.before(&[&identity.serialize(), statement]));
    mac
}

impl Content {
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let body = match &self.body {
            ContentBody::Accept(accept) => Some(BodyProto::Accept(ContactAcceptProto {
                slip: accept.slip.clone(),
                name: accept.name.clone(),
            })),
            ContentBody::Nothing => None,
            ContentBody::Request(request) => Some(BodyProto::Request(ContactRequestProto {
                statement: request.statement.clone(),
                slip: request.slip.clone(),
                name: request.name.clone(),
                greeting: request.greeting.clone(),
                proof: request.proof.to_vec(),
            })),
            ContentBody::Text(text) => Some(BodyProto::Text(text.clone())),
        };
        let proto = ContentProto {
            id: self.id.as_bytes().to_vec(),
            written: self.written.as_millis(),
            statement_number: self.statement_number,
            statement_hash: self.statement_hash.to_vec(),
            number: self.number,
            receipts: self.receipts.iter().flat_map(|id| *id.as_bytes()).collect(),
            body,
        };
        Zeroizing::new(proto.encode_to_vec())
    }

    /// Reads a content and checks all bounds.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        let proto = ContentProto::decode(bytes).map_err(|_| ContentError)?;
        let (receipts, rest) = proto.receipts.as_chunks::<{ MessageId::LENGTH }>();
        if !rest.is_empty() || receipts.len() > MAX_RECEIPTS {
            return Err(ContentError);
        }
        let name = |name: String| if name.len() <= MAX_NAME { Ok(name) } else { Err(ContentError) };
        let body = match proto.body {
            None => ContentBody::Nothing,
            Some(BodyProto::Text(text)) if text.is_empty() || proto.number == 0 => return Err(ContentError),
            Some(BodyProto::Text(text)) => ContentBody::Text(text),
            Some(BodyProto::Accept(accept)) => {
                ContentBody::Accept(ContactAccept { slip: accept.slip, name: name(accept.name)? })
            }
            Some(BodyProto::Request(request)) => {
                if request.greeting.len() > MAX_GREETING {
                    return Err(ContentError);
                }
                ContentBody::Request(ContactRequest {
                    statement: request.statement,
                    slip: request.slip,
                    name: name(request.name)?,
                    greeting: request.greeting,
                    proof: request.proof.as_slice().try_into().map_err(|_| ContentError)?,
                })
            }
        };
        Ok(Self {
            id: MessageId::from_slice(&proto.id).ok_or(ContentError)?,
            written: Timestamp::from_millis(proto.written),
            statement_number: proto.statement_number,
            statement_hash: proto.statement_hash.as_slice().try_into().map_err(|_| ContentError)?,
            number: proto.number,
            receipts: receipts.iter().map(|id| MessageId::from_bytes(*id)).collect(),
            body,
        })
    }
}

#[cfg(test)]
mod tests {
    use khaima_signal::{IdentityKeyPair, LocalIdentity};
    use proptest::prelude::*;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn content(body: ContentBody, number: u64) -> Content {
        Content {
            id: MessageId::from_bytes([1; 16]),
            written: Timestamp::from_millis(5),
            statement_number: 1,
            statement_hash: [2; 32],
            number,
            receipts: vec![MessageId::from_bytes([3; 16]); 2],
            body,
        }
    }

    #[test]
    fn contents_read_back() {
        let request = ContactRequest {
            statement: vec![1],
            slip: vec![2],
            name: "Amina".into(),
            greeting: "سلام".into(),
            proof: [4; 32],
        };
        for body in [
            ContentBody::Nothing,
            ContentBody::Text("noon".into()),
            ContentBody::Request(request),
            ContentBody::Accept(ContactAccept { slip: vec![9], name: String::new() }),
        ] {
            let content = content(body, 3);
            assert!(Content::decode(&content.encode()) == Ok(content));
        }
    }

    #[test]
    fn bounds_are_kept() {
        let accept =
            |name: String| content(ContentBody::Accept(ContactAccept { slip: vec![], name }), 0).encode();
        assert!(Content::decode(&accept("x".repeat(64))).is_ok());
        assert!(Content::decode(&accept("x".repeat(65))).is_err());
        assert!(Content::decode(&content(ContentBody::Text("t".into()), 0).encode()).is_err());
        let mut many = content(ContentBody::Nothing, 0);
        many.receipts = vec![MessageId::from_bytes([3; 16]); MAX_RECEIPTS + 1];
        assert!(Content::decode(&many.encode()).is_err());
    }

    #[test]
    fn a_proof_holds_for_its_key_identity_and_statement_only() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(4);
        let (one, two) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
        let (key, other) = (ProofKey::generate(&mut rng), ProofKey::generate(&mut rng));
        let proof = request_proof(&key, &one.identity_key(), &[5; 32]);
        assert!(verify_request_proof(&proof, &key, &one.identity_key(), &[5; 32]));
        assert!(!verify_request_proof(&proof, &other, &one.identity_key(), &[5; 32]));
        assert!(!verify_request_proof(&proof, &key, &two.identity_key(), &[5; 32]));
        assert!(!verify_request_proof(&proof, &key, &one.identity_key(), &[6; 32]));
    }

    proptest! {
        #[test]
        fn garbage_is_an_error_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Content::decode(&bytes);
            let _ = super::super::Statement::verify(&bytes);
            let _ = super::super::BundleContent::verify(&bytes);
        }
    }
}
