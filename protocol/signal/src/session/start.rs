//! Starting a session from a bundle: the initiator's side.
//!
//! Not its concern: fetching the bundle, and remembering the identity key it names.

use rand_core::CryptoRng;

use super::{
    Direction, Local, SessionRecord, StartError, Trust,
    state::{Pending, SessionState, jump_limit},
};
use crate::{
    KeyPair, LocalIdentity, PreKeyBundle, PreKeyBundleIn, ProtocolAddress, Timestamp, pqxdh,
    ratchet::DoubleRatchet, spqr, triple_ratchet::TripleRatchet,
};

impl SessionRecord {
    /// Starts a session from a bundle just received: asks for trust, then verifies the bundle, then starts.
    ///
    /// Gives the record to store; store the bundle's identity key for `remote` with it. The old current session is
    /// archived. Messages are PreKey messages until the other side has answered.
    ///
    /// # Errors
    ///
    /// See [`StartError`]; in the order of the specification.
    ///
    /// Spec: Signal protocol 4.1 Alice: processing a bundle.
    pub fn verify_and_start<I, T, R>(
        &self,
        local: &Local<'_, I>,
        remote: &ProtocolAddress,
        bundle: PreKeyBundleIn,
        trust: &T,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Self, StartError>
    where
        I: LocalIdentity + ?Sized,
        T: Trust + ?Sized,
        R: CryptoRng + ?Sized,
    {
        bundle.check_form()?;
        if !trust.is_trusted(remote, &bundle.identity_key, Direction::Sending)? {
            return Err(StartError::UntrustedIdentity);
        }
        self.start_trusted(local, remote, &bundle.verify_signatures()?, now, rng)
    }

    /// Starts a session from a bundle that was verified before. Otherwise as [`SessionRecord::verify_and_start`].
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    ///
    /// Spec: Signal protocol 4.1 Alice: processing a bundle.
    pub fn start<I, T, R>(
        &self,
        local: &Local<'_, I>,
        remote: &ProtocolAddress,
        bundle: &PreKeyBundle,
        trust: &T,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Self, StartError>
    where
        I: LocalIdentity + ?Sized,
        T: Trust + ?Sized,
        R: CryptoRng + ?Sized,
    {
        if !trust.is_trusted(remote, bundle.identity_key(), Direction::Sending)? {
            return Err(StartError::UntrustedIdentity);
        }
        self.start_trusted(local, remote, bundle, now, rng)
    }

    fn start_trusted<I, R>(
        &self,
        local: &Local<'_, I>,
        remote: &ProtocolAddress,
        bundle: &PreKeyBundle,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Self, StartError>
    where
        I: LocalIdentity + ?Sized,
        R: CryptoRng + ?Sized,
    {
        let local_identity = local.identity.identity_key();
        let base = KeyPair::generate(rng);
        let initiated = pqxdh::initiate(local.identity, &base, bundle, rng)?;
        let bundle = bundle.fields();
        let limit = jump_limit(&local_identity, local.address, &bundle.identity_key, remote);
        let keys = initiated.keys;
        let double = DoubleRatchet::initiator(keys.root, keys.chain, bundle.signed_key, rng)?;
        let state = SessionState {
            local_identity,
            remote_identity: bundle.identity_key,
            base_key: *base.public(),
            local_registration_id: local.registration_id,
            remote_registration_id: bundle.registration_id,
            ratchet: TripleRatchet::new(double, spqr::Direction::A2B, &keys.pq_auth, limit),
            pending: Some(Pending {
                created_secs: now.as_secs(),
                one_time_id: bundle.one_time.as_ref().map(|(id, _)| *id),
                signed_id: bundle.signed_id,
                kyber_id: bundle.kyber_id,
                kem_ciphertext: initiated.kem_ciphertext.serialize(),
            }),
        };
        let mut record = self.clone();
        record.make_current(state);
        Ok(record)
    }
}
