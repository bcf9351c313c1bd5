//! 53 to 60: envelopes that hide their sender, and the certificates inside.

mod certificates;
mod many;
mod senders;
mod types;
mod versions;

use khaima_signal::sealed_sender::{
    ContentHint, SealedContent, SenderCertificate, SenderCheck, UnsealError, Unsealed, decrypt, v1, v2,
};
use khaima_signal::{
    IdentityKeyPair, LocalIdentity as _, MessageType, ProtocolAddress, ServiceId, Timestamp,
};

use crate::certificates::Authority;
use crate::world::{ALICE, BOB, World, now};

/// Alice, Bob and Carol, and whom all of them trust.
pub struct Scene {
    pub world: World,
    pub authority: Authority,
}

impl Scene {
    pub fn new(seed: u64) -> Self {
        let mut world = World::new(seed);
        let authority = Authority::new(&mut world.rng);
        Self { world, authority }
    }

    pub fn identity(&self, of: usize) -> IdentityKeyPair {
        self.world.people[of].device.identity.clone()
    }

    pub fn certificate(&mut self, of: usize) -> SenderCertificate {
        self.authority.certify(&self.world.people[of].device, &mut self.world.rng)
    }

    /// Content of any kind from somebody, under their certificate.
    pub fn content_of(&mut self, from: usize, message_type: MessageType, content: Vec<u8>) -> SealedContent {
        let certificate = self.certificate(from);
        SealedContent { message_type, certificate, content, hint: ContentHint::Default, group_id: None }
    }

    /// The next message from one to the other, as content.
    pub fn content(&mut self, from: usize, to: usize) -> SealedContent {
        let message = self.world.encrypt(from, to, b"text");
        self.content_of(from, message.message_type(), message.serialize().to_vec())
    }

    /// Sealed in both versions by somebody for somebody.
    pub fn seal(&mut self, content: &SealedContent, from: usize, to: usize) -> [Vec<u8>; 2] {
        let (sender, recipient) = (self.identity(from), self.identity(to).identity_key());
        let (content, rng) = (content.encode(), &mut self.world.rng);
        [
            v1::seal(&content, &sender, &recipient, rng).unwrap(),
            v2::seal_for_one(&content, &sender, &recipient, rng).unwrap(),
        ]
    }

    /// Full decryption, at an address and time, with the phone number that the recipient has.
    pub fn unseal(
        &mut self,
        to: usize,
        at: &ProtocolAddress,
        sealed: &[u8],
        now: Timestamp,
        local_e164: Option<&str>,
    ) -> Result<Unsealed, UnsealError> {
        let roots = self.authority.roots();
        let check = SenderCheck { trust_roots: &roots, now, local_e164 };
        let device = &self.world.people[to].device;
        let local = khaima_signal::Local { address: at, ..device.local() };
        decrypt(sealed, &local, &check, &device.stores, &mut self.world.rng)
    }

    pub fn unsealed(&mut self, to: usize, sealed: &[u8]) -> Unsealed {
        let at = self.world.address(to);
        self.unseal(to, &at, sealed, now(), None).unwrap()
    }

    /// Full decryption that must be refused and leave every store alone.
    pub fn refused(&mut self, to: usize, sealed: &[u8]) -> UnsealError {
        self.refused_with(to, sealed, now(), None)
    }

    pub fn refused_with(
        &mut self,
        to: usize,
        sealed: &[u8],
        now: Timestamp,
        local_e164: Option<&str>,
    ) -> UnsealError {
        let roots = self.authority.roots();
        self.world.refused(to, |person, rng| {
            let check = SenderCheck { trust_roots: &roots, now, local_e164 };
            decrypt(sealed, &person.device.local(), &check, &person.device.stores, rng)
        })
    }
}

/// Alice has a session with Bob; nothing has been sent yet.
pub fn scene(seed: u64) -> Scene {
    let mut scene = Scene::new(seed);
    scene.world.start(ALICE, BOB);
    scene
}

pub fn aci(byte: u8) -> ServiceId {
    ServiceId::aci([byte; 16])
}
