//! Invitation links: how two people meet.
//!
//! A link says where the inviter's invitation mailbox is and holds a secret. Bundle key and proof key derive from
//! the secret; who the inviter is stands inside the sealed bundle, checked against [`Invitation::statement_hash`].
//! So two links of one person share nothing, and a watched channel ties none together.
//!
//! ```text
//!   version (1) || flags (1) || expires (4) || host length (1) || host || port (2) || pin (32)
//!     || mailbox public key (32) || link secret (32) || statement hash (32) [ || permit (32) ] || signature (64)
//! ```
//!
//! As text that is `khaima:` and base64url; in a QR code `KHAIMA:` and base32, whose characters take less room there.
//! [`SignedInvitation::parse`] gives out only what its mailbox key has signed: a link that is damaged anywhere is
//! no invitation.
//!
//! Not its concern: what is in the bundle, the contact request, drawing QR codes.

use std::fmt;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::secret::secret_32;
use crate::{BundleKey, Day, Label, MailboxId, MailboxKey, MailboxPublicKey, Permit, RelayAddress, RelayPin};

secret_32!(
    /// The secret in an invitation link. Who has it can claim, open the bundle and send the first request.
    LinkSecret
);

secret_32!(
    /// The key with which the first request proves that its sender had the link.
    ProofKey
);

impl LinkSecret {
    /// Salted hash of the inviter's statement: SHA-256("khaima/v1/invitation-statement" || 0x00 || secret || statement).
    #[must_use]
    pub fn statement_hash(&self, statement: &[u8]) -> [u8; 32] {
        Label::INVITATION_STATEMENT.hash(&[self.expose(), statement])
    }

    /// HKDF-SHA256 without salt; the label is the info.
    fn derive(&self, label: Label) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        let derived = Hkdf::<Sha256>::new(None, self.expose()).expand(&label.bytes(), key.as_mut_slice());
        debug_assert!(derived.is_ok(), "32 bytes are one block of the hash");
        key
    }
}

/// What is special about an invitation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InvitationFlags(u8);

impl InvitationFlags {
    /// Nothing: for one person, once.
    pub const ONCE: Self = Self(0);
    /// Bit 0: for many people. Its mailbox has a last-resort bundle only and stays until it expires.
    pub const MANY_USES: Self = Self(1);

    /// Whether many people may use it.
    #[must_use]
    pub const fn many_uses(self) -> bool {
        self.0 & Self::MANY_USES.0 != 0
    }
}

/// An invitation, not yet signed or taken from a signed one.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The relay that has the invitation's mailbox.
    pub relay: RelayAddress,
    /// Public key of that mailbox. Its hash is the mailbox id.
    pub mailbox_key: MailboxPublicKey,
    /// From which bundle key and proof key derive.
    pub secret: LinkSecret,
    /// [`LinkSecret::statement_hash`] of the inviter's statement.
    pub statement_hash: [u8; 32],
    /// The last day on which it can be used.
    pub expires: Day,
    /// For one or for many.
    pub flags: InvitationFlags,
    /// Lets somebody without a relay of their own make mailboxes at this one.
    pub permit: Option<Permit>,
}

/// The key does not belong to the invitation's mailbox. A bug of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the key of the invitation's mailbox")]
pub struct SignError;

impl Invitation {
    /// Signs it with the key of its mailbox.
    ///
    /// # Errors
    ///
    /// [`SignError`] if `key` is another mailbox's.
    pub fn sign(self, key: &MailboxKey) -> Result<SignedInvitation, SignError> {
        if key.public() != self.mailbox_key {
            return Err(SignError);
        }
        let signature = key.sign(&self.signed_bytes());
        Ok(SignedInvitation { invitation: self, signature })
    }

    /// The mailbox the first request goes to.
    #[must_use]
    pub fn mailbox(&self) -> MailboxId {
        MailboxId::of_key(&self.mailbox_key)
    }

    /// The key under which the mailbox's bundles are sealed.
    #[must_use]
    pub fn bundle_key(&self) -> BundleKey {
        BundleKey::from_bytes(&self.secret.derive(Label::INVITATION_BUNDLE))
    }

    /// The key with which the first request proves the link.
    #[must_use]
    pub fn proof_key(&self) -> ProofKey {
        ProofKey::from_bytes(&self.secret.derive(Label::INVITATION_PROOF))
    }

    /// Everything in the link before its signature. The inviter's identity signs these bytes inside the bundle.
    /// They hold the link secret.
    #[must_use]
    pub fn body_bytes(&self) -> Zeroizing<Vec<u8>> {
        // Reserved at once, signature included: growing would leave copies of the secret behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BODY + SIGNATURE_LENGTH));
        let permit_bit = if self.permit.is_some() { HAS_PERMIT } else { 0 };
        bytes.extend_from_slice(&[VERSION, self.flags.0 | permit_bit]);
        bytes.extend_from_slice(&self.expires.number().to_be_bytes());
        let host = self.relay.host().as_bytes();
        bytes.push(u8::try_from(host.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(host);
        bytes.extend_from_slice(&self.relay.port().to_be_bytes());
        bytes.extend_from_slice(self.relay.pin().as_bytes());
        bytes.extend_from_slice(self.mailbox_key.as_bytes());
        bytes.extend_from_slice(self.secret.expose());
        bytes.extend_from_slice(&self.statement_hash);
        if let Some(permit) = &self.permit {
            bytes.extend_from_slice(permit.expose());
        }
        bytes
    }

    fn signed_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(Label::INVITATION.before(&[&self.body_bytes()]))
    }

    /// Reads a body of version 1 to its last byte.
    fn decode(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let [_version, flags] = reader.array()?;
        let expires = Day::new(u32::from_be_bytes(reader.array()?));
        let [host_length] = reader.array()?;
        let host = std::str::from_utf8(reader.slice(host_length.into())?).ok()?;
        let port = u16::from_be_bytes(reader.array()?);
        let relay = RelayAddress::new(host, port, RelayPin::from_bytes(reader.array()?)).ok()?;
        // One spelling of a host, so that decoding and encoding give back the bytes that were signed.
        if relay.host() != host {
            return None;
        }
        let mailbox_key = MailboxPublicKey::from_bytes(reader.array()?).ok()?;
        let secret = LinkSecret::from_slice(reader.slice(LinkSecret::LENGTH)?).ok()?;
        let statement_hash = reader.array()?;
        let permit = if flags & HAS_PERMIT == 0 {
            None
        } else {
            Some(Permit::from_slice(reader.slice(Permit::LENGTH)?).ok()?)
        };
        let flags = InvitationFlags(flags & InvitationFlags::MANY_USES.0);
        let whole = reader.0.is_empty();
        whole.then_some(Self { relay, mailbox_key, secret, statement_hash, expires, flags, permit })
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invitation(..)")
    }
}

/// Why a text is no invitation that can be used. Each has its own words in the user interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvitationError {
    /// It does not begin with `khaima:`. Perhaps something else was pasted.
    #[error("not an invitation link")]
    NotALink,
    /// A newer version made it. This program has to be brought up to date.
    #[error("invitation link of a newer version")]
    NewerVersion,
    /// Cut off, mistyped or changed on its way. Ask for it again.
    #[error("invitation link is damaged")]
    Damaged,
    /// It was good until and including this day. Ask for a new one.
    #[error("invitation has expired")]
    Expired {
        /// The last day on which it could be used.
        since: Day,
    },
}

/// An invitation with its mailbox key's signature, which holds: there is no other way to have one.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedInvitation {
    invitation: Invitation,
    signature: [u8; SIGNATURE_LENGTH],
}

impl SignedInvitation {
    /// What the links begin with.
    pub const SCHEME: &'static str = "khaima:";

    /// The longest text that is looked at, in bytes. A link has about 330 characters.
    pub const MAX_TEXT: usize = 4_096;

    /// The invitation.
    #[must_use]
    pub const fn invitation(&self) -> &Invitation {
        &self.invitation
    }

    /// The invitation, taken out.
    #[must_use]
    pub fn into_invitation(self) -> Invitation {
        self.invitation
    }

    /// The bytes of the link: body and signature. They hold the link secret.
    #[must_use]
    pub fn bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = self.invitation.body_bytes();
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    /// The link: `khaima:` and base64url without padding. Whoever reads it can use it.
    #[must_use]
    pub fn to_uri(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(MAX_LINK));
        text.push_str(Self::SCHEME);
        BASE64URL_NOPAD.encode_append(&self.bytes(), &mut text);
        text
    }

    /// The same for a QR code: `KHAIMA:` and base32 without padding, all of it in QR's alphanumeric set.
    #[must_use]
    pub fn to_qr_payload(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(MAX_LINK));
        text.push_str("KHAIMA:");
        BASE32_NOPAD.encode_append(&self.bytes(), &mut text);
        text
    }

    /// Reads a link or the text of a QR code that a person pasted, typed or scanned on day `today`.
    ///
    /// White space and the invisible direction marks that writing systems put around a link are left out, wherever
    /// they are: neither form has any of its own. Case counts only where it carries meaning.
    ///
    /// # Errors
    ///
    /// One of [`InvitationError`]; expiry is judged only once the signature holds.
    pub fn parse(text: &str, today: Day) -> Result<Self, InvitationError> {
        let payload = payload(text)?;
        let bytes = decode_payload(&payload).ok_or(InvitationError::Damaged)?;
        let signed = Self::from_bytes(&bytes)?;
        if today > signed.invitation.expires {
            return Err(InvitationError::Expired { since: signed.invitation.expires });
        }
        Ok(signed)
    }

    /// Reads the bytes of a link and checks its signature. Does not judge expiry: for one's own stored links.
    ///
    /// # Errors
    ///
    /// [`InvitationError::NewerVersion`] or [`InvitationError::Damaged`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvitationError> {
        match bytes {
            // So short a rest says nothing about its version.
            _ if bytes.len() < MIN_BYTES => return Err(InvitationError::Damaged),
            [0, ..] => return Err(InvitationError::Damaged),
            [version, ..] if *version > VERSION => return Err(InvitationError::NewerVersion),
            [_, flags, ..] if flags & !KNOWN_FLAGS != 0 => return Err(InvitationError::NewerVersion),
            _ => {}
        }
        let (body, signature) =
            bytes.split_last_chunk::<SIGNATURE_LENGTH>().ok_or(InvitationError::Damaged)?;
        let invitation = Invitation::decode(body).ok_or(InvitationError::Damaged)?;
        let signed = Zeroizing::new(Label::INVITATION.before(&[body]));
        if !invitation.mailbox_key.verify(&signed, signature) {
            return Err(InvitationError::Damaged);
        }
        Ok(Self { invitation, signature: *signature })
    }
}

impl fmt::Debug for SignedInvitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedInvitation(..)")
    }
}

/// What follows the scheme, without white space and direction marks.
fn payload(text: &str) -> Result<Zeroizing<String>, InvitationError> {
    if text.len() > SignedInvitation::MAX_TEXT {
        return Err(InvitationError::NotALink);
    }
    let mut kept = Zeroizing::new(String::with_capacity(text.len()));
    kept.extend(text.chars().filter(|c| !c.is_whitespace() && !is_invisible(*c)));
    let (scheme, rest) = match kept.split_at_checked("khaima".len()) {
        Some((name, rest)) => (name, rest.strip_prefix(':').or_else(|| strip_escaped_colon(rest))),
        None => return Err(InvitationError::NotALink),
    };
    match rest {
        Some(rest) if scheme.eq_ignore_ascii_case("khaima") => Ok(Zeroizing::new(rest.to_owned())),
        _ => Err(InvitationError::NotALink),
    }
}

/// Some programs escape the colon when they share a link. Nothing else in it has an escaped form.
fn strip_escaped_colon(rest: &str) -> Option<&str> {
    rest.strip_prefix("%3A").or_else(|| rest.strip_prefix("%3a"))
}

/// Marks without width: byte order, joiners, direction.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Base32 if it can be (either case), else base64url.
///
/// No link is both: base64url of some 240 bytes, most of them random, without digits 0, 1, 8, 9 and with one case
/// only does not happen, and the signature has the last word anyway.
fn decode_payload(payload: &str) -> Option<Zeroizing<Vec<u8>>> {
    let has = |range: fn(&u8) -> bool| payload.as_bytes().iter().any(range);
    let one_case = !(has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase));
    let in_base32 = payload.bytes().all(|byte| byte.is_ascii_alphabetic() || (b'2'..=b'7').contains(&byte));
    let decoded = if one_case && in_base32 {
        let mut upper = Zeroizing::new(payload.to_owned());
        upper.make_ascii_uppercase();
        BASE32_NOPAD.decode(upper.as_bytes())
    } else {
        BASE64URL_NOPAD.decode(payload.as_bytes())
    };
    decoded.ok().map(Zeroizing::new)
}

/// Takes bytes from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }
}

/// Version of the link's bytes.
const VERSION: u8 = 1;
/// Bit 1 of the flags: a permit follows.
const HAS_PERMIT: u8 = 2;
/// The flags of this version. One of a later version may change what the rest means.
const KNOWN_FLAGS: u8 = InvitationFlags::MANY_USES.0 | HAS_PERMIT;
/// The longest body: fixed parts, the longest host, a permit.
const MAX_BODY: usize = 1 + 1 + 4 + 1 + RelayAddress::MAX_HOST + 2 + 32 * 5;
/// Length of the signature behind the body.
const SIGNATURE_LENGTH: usize = 64;
/// Fewer bytes than a link of any version has: keys, secret, pin and signature alone take more.
const MIN_BYTES: usize = 128;
/// Room for the longest text form: base32 takes 8 characters for 5 bytes.
const MAX_LINK: usize = 8 + (MAX_BODY + SIGNATURE_LENGTH) * 8 / 5;
