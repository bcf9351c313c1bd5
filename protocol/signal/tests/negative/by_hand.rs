//! An initiator that no device plays: every field of its messages can be changed before they get a valid MAC.
//!
//! The handshake and the ratchet are computed here again from the primitives, so that what is refused is refused for the one
//! thing that was changed. It never receives: all of its messages lie on its first sending chain.

#![allow(dead_code, reason = "each file of tests uses its share")]

use aes::{
    Aes256,
    cipher::{BlockModeEncrypt as _, KeyIvInit as _, block_padding::NoPadding},
};
use curve25519_dalek::MontgomeryPoint;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use khaima_signal::{
    PreKeyBundleIn, PrivateKey, ProtocolAddress, PublicKey,
    hazmat::spqr::{ChainParams, Direction, Spqr},
};
use prost::Message as _;
use rand_chacha::ChaCha20Rng;
use sha2::Sha256;

/// The private side of a key that is written as some 32 bytes.
#[derive(Clone)]
pub enum Private {
    Key(PrivateKey),
    /// Of the base point: whatever it agrees with is the agreement. Clamping never gives this one.
    One,
    /// Of a point of small order: every agreement is zero.
    Zero,
}

/// A key of the stranger: its private side and how its public one is written.
#[derive(Clone)]
pub struct Half {
    pub private: Private,
    pub public: [u8; 32],
}

impl Half {
    pub fn random(rng: &mut ChaCha20Rng) -> Self {
        Self::of(&PrivateKey::generate(rng))
    }

    pub fn of(private: &PrivateKey) -> Self {
        Self { private: Private::Key(private.clone()), public: *private.public_key().as_bytes() }
    }

    /// The same key written differently.
    pub fn written(mut self, change: impl FnOnce(&mut [u8; 32])) -> Self {
        change(&mut self.public);
        self
    }

    /// Of these 32 bytes, which stand for a point of small order.
    pub fn of_small_order(public: [u8; 32]) -> Self {
        Self { private: Private::Zero, public }
    }

    /// The base point, written as 9 + p.
    pub fn nine_plus_p() -> Self {
        Self { private: Private::One, public: plus_p(9) }
    }

    /// The base point as it should be written.
    pub fn nine() -> Self {
        Self { private: Private::One, public: std::array::from_fn(|at| if at == 0 { 9 } else { 0 }) }
    }

    pub fn serialize(&self) -> [u8; 33] {
        PublicKey::from_bytes(self.public).serialize()
    }

    pub fn agree(&self, their: &PublicKey) -> [u8; 32] {
        match &self.private {
            Private::Key(key) => {
                MontgomeryPoint(*their.as_bytes()).mul_clamped(*key.serialize().expose()).to_bytes()
            }
            Private::One => *their.as_bytes(),
            Private::Zero => [0; 32],
        }
    }
}

/// A small number written as itself plus 2^255 - 19.
pub fn plus_p(number: u8) -> [u8; 32] {
    let mut bytes = [0xFF; 32];
    (bytes[0], bytes[31]) = (0xED + number, 0x7F);
    bytes
}

/// The stranger's keys. Random ones are as good as anybody's.
#[derive(Clone)]
pub struct Keys {
    pub identity: Half,
    pub base: Half,
    pub ratchet: Half,
}

impl Keys {
    pub fn random(rng: &mut ChaCha20Rng) -> Self {
        Self { identity: Half::random(rng), base: Half::random(rng), ratchet: Half::random(rng) }
    }
}

/// What a first message carries around the message itself.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Outer {
    #[prost(uint32, optional, tag = "1")]
    pub one_time_id: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub base_key: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub identity_key: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub message: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "5")]
    pub registration_id: Option<u32>,
    #[prost(uint32, optional, tag = "6")]
    pub signed_id: Option<u32>,
    #[prost(uint32, optional, tag = "7")]
    pub kyber_id: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "8")]
    pub kyber_ciphertext: Option<Vec<u8>>,
}

impl Outer {
    /// Around a message, with any version byte.
    pub fn around(&self, version: u8, message: Vec<u8>) -> Vec<u8> {
        let outer = Self { message: Some(message), ..self.clone() };
        [&[version], outer.encode_to_vec().as_slice()].concat()
    }
}

/// The fields of a message, as the MAC will cover them.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Inner {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub ratchet_key: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "2")]
    pub counter: Option<u32>,
    #[prost(uint32, optional, tag = "3")]
    pub previous_counter: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub ciphertext: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    pub pq_ratchet: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "6")]
    pub addresses: Option<Vec<u8>>,
}

/// A message before it is encrypted and authenticated.
#[derive(Clone)]
pub struct Draft {
    pub version: u8,
    /// Its ciphertext is filled in by [`Draft::seal`], unless there is one.
    pub fields: Inner,
    /// The plaintext with its padding.
    pub padded: Vec<u8>,
    pub post_quantum: Option<[u8; 32]>,
    /// Whose identity keys the MAC covers, in this order.
    pub identities: [[u8; 33]; 2],
    seed: [u8; 32],
}

impl Draft {
    /// The message with the MAC that these fields need.
    pub fn seal(&self) -> Vec<u8> {
        let keys: [u8; 80] =
            hkdf(self.post_quantum.as_ref().map(<[u8; 32]>::as_slice), &self.seed, b"WhisperMessageKeys");
        let mut fields = self.fields.clone();
        if fields.ciphertext.is_none() {
            let encryptor = cbc::Encryptor::<Aes256>::new_from_slices(&keys[..32], &keys[64..]).unwrap();
            fields.ciphertext = Some(encryptor.encrypt_padded_vec::<NoPadding>(&self.padded));
        }
        let mut message = vec![self.version];
        fields.encode(&mut message).unwrap();
        let [sender, recipient] = &self.identities;
        let mac = hmac(&keys[32..64], &[sender, recipient, &message]);
        message.extend_from_slice(&mac[..8]);
        message
    }
}

/// The stranger's side of one session.
#[derive(Clone)]
pub struct Session {
    pub outer: Outer,
    /// None where a name is no service id.
    addresses: Option<Vec<u8>>,
    identities: [[u8; 33]; 2],
    ratchet_key: [u8; 33],
    chain: [u8; 32],
    counter: u32,
    spqr: Spqr,
}

impl Session {
    /// Starts a session from a bundle.
    ///
    /// Spec: Signal protocol 4.2, 4.3.
    pub fn start(
        keys: &Keys,
        bundle: &PreKeyBundleIn,
        from: &ProtocolAddress,
        to: &ProtocolAddress,
        rng: &mut ChaCha20Rng,
    ) -> Self {
        let encapsulated = bundle.kyber_key.encapsulate(rng);
        let mut secret = vec![0xFF; 32];
        secret.extend_from_slice(&keys.identity.agree(&bundle.signed_key));
        secret.extend_from_slice(&keys.base.agree(bundle.identity_key.public_key()));
        secret.extend_from_slice(&keys.base.agree(&bundle.signed_key));
        if let Some((_, one_time)) = &bundle.one_time {
            secret.extend_from_slice(&keys.base.agree(one_time));
        }
        secret.extend_from_slice(encapsulated.shared_secret.expose());
        let okm: [u8; 96] = hkdf(None, &secret, b"WhisperText_X25519_SHA-256_CRYSTALS-KYBER-1024");
        let agreed = keys.ratchet.agree(&bundle.signed_key);
        let step: [u8; 64] = hkdf(Some(&okm[..32]), &agreed, b"WhisperRatchet");
        Self {
            outer: Outer {
                one_time_id: bundle.one_time.map(|(id, _)| id.value()),
                base_key: Some(keys.base.serialize().to_vec()),
                identity_key: Some(keys.identity.serialize().to_vec()),
                message: None,
                registration_id: Some(77),
                signed_id: Some(bundle.signed_id.value()),
                kyber_id: Some(bundle.kyber_id.value()),
                kyber_ciphertext: Some(encapsulated.ciphertext.serialize()),
            },
            addresses: from.service_id().and(to.service_id()).map(|_| bound(from, to)),
            identities: [keys.identity.serialize(), bundle.identity_key.serialize()],
            ratchet_key: keys.ratchet.serialize(),
            chain: step[32..].try_into().unwrap(),
            counter: 0,
            spqr: Spqr::new(Direction::A2B, 1, 1, &okm[64..], ChainParams::default()),
        }
    }

    /// The next message, ready to be changed.
    pub fn draft(&mut self, plaintext: &[u8], rng: &mut ChaCha20Rng) -> Draft {
        let sent = self.spqr.send(rng).unwrap();
        self.spqr = sent.state;
        let padding = 16 - plaintext.len() % 16;
        let draft = Draft {
            version: 0x44,
            fields: Inner {
                ratchet_key: Some(self.ratchet_key.to_vec()),
                counter: Some(self.counter),
                previous_counter: Some(0),
                ciphertext: None,
                pq_ratchet: Some(sent.message),
                addresses: self.addresses.clone(),
            },
            padded: [plaintext, &vec![padding as u8; padding]].concat(),
            post_quantum: sent.key.map(|key| *key.expose()),
            identities: self.identities,
            seed: hmac(&self.chain, &[&[1]]),
        };
        self.skip(1);
        draft
    }

    /// Moves the double ratchet on as if messages had been sent; the post-quantum one stays.
    pub fn skip(&mut self, messages: u32) {
        for _ in 0..messages {
            self.chain = hmac(&self.chain, &[&[2]]);
        }
        self.counter += messages;
    }

    /// This session with the double ratchet where it was in an earlier one; the post-quantum one stays. So the two can be tried apart.
    pub fn back_at(&self, earlier: &Self) -> Self {
        Self { chain: earlier.chain, counter: earlier.counter, ..self.clone() }
    }

    /// A first message as an honest sender would write it.
    pub fn first(&mut self, plaintext: &[u8], rng: &mut ChaCha20Rng) -> Vec<u8> {
        let message = self.draft(plaintext, rng).seal();
        self.outer.around(0x44, message)
    }
}

/// The 36 bytes that bind a message to its two ends.
pub fn bound(from: &ProtocolAddress, to: &ProtocolAddress) -> Vec<u8> {
    let end = |address: &ProtocolAddress| {
        let id = address.service_id().map_or([0; 17], |id| id.to_fixed_width());
        [id.as_slice(), &[address.device().value()]].concat()
    };
    [end(from), end(to)].concat()
}

pub fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

pub fn hkdf<const N: usize>(salt: Option<&[u8]>, input: &[u8], info: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    Hkdf::<Sha256>::new(salt, input).expand(info, &mut out).unwrap();
    out
}
