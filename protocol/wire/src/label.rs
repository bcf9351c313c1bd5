//! Domain separation: `"khaima/v1/<purpose>" || 0x00`, in front of whatever is hashed, signed or derived.
//!
//! The one place where such a label is put together. Other crates of ours make theirs with [`Label::new`] too,
//! so that no two places disagree on the form.
//!
//! Not its concern: what is hashed, signed or derived.

use sha2::{Digest, Sha256};

/// The purpose of a hash, signature or derived key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(&'static str);

impl Label {
    /// What every label of ours begins with.
    pub const PREFIX: &'static str = "khaima/v1/";

    /// Mailbox id from its public key.
    pub const MAILBOX: Self = Self::new("mailbox");
    /// What a mailbox key signs to prove ownership.
    pub const OWNER: Self = Self::new("owner");
    /// Associated data of a sealed prekey bundle.
    pub const BUNDLE: Self = Self::new("bundle");
    /// What an invitation's mailbox key signs.
    pub const INVITATION: Self = Self::new("invitation");
    /// Bundle key derived from a link secret.
    pub const INVITATION_BUNDLE: Self = Self::new("invitation-bundle");
    /// Proof key derived from a link secret.
    pub const INVITATION_PROOF: Self = Self::new("invitation-proof");
    /// Salted hash of the inviter's statement.
    pub const INVITATION_STATEMENT: Self = Self::new("invitation-statement");
    /// Hash under which a relay keeps a permit.
    pub const PERMIT: Self = Self::new("permit");
    /// Hash under which a relay keeps an invite code.
    pub const INVITE_CODE: Self = Self::new("invite-code");

    /// Every label of this crate, for the test that keeps labels apart.
    pub const ALL: [Self; 9] = [
        Self::MAILBOX,
        Self::OWNER,
        Self::BUNDLE,
        Self::INVITATION,
        Self::INVITATION_BUNDLE,
        Self::INVITATION_PROOF,
        Self::INVITATION_STATEMENT,
        Self::PERMIT,
        Self::INVITE_CODE,
    ];

    /// A label for `purpose`: lower case letters, digits and hyphens.
    ///
    /// The closing zero byte keeps one purpose from being the beginning of another.
    #[must_use]
    pub const fn new(purpose: &'static str) -> Self {
        Self(purpose)
    }

    /// The purpose alone.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        self.0
    }

    /// The label's bytes, zero byte included.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        self.before(&[])
    }

    /// The label followed by `parts`, in order and without separators: give parts of fixed size.
    #[must_use]
    pub fn before(self, parts: &[&[u8]]) -> Vec<u8> {
        let len = Self::PREFIX.len() + self.0.len() + 1 + parts.iter().map(|part| part.len()).sum::<usize>();
        let mut bytes = Vec::with_capacity(len);
        bytes.extend_from_slice(Self::PREFIX.as_bytes());
        bytes.extend_from_slice(self.0.as_bytes());
        bytes.push(0);
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        bytes
    }

    /// SHA-256 of the label followed by `parts`.
    #[must_use]
    pub fn hash(self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(Self::PREFIX.as_bytes());
        hash.update(self.0.as_bytes());
        hash.update([0]);
        parts.iter().for_each(|part| hash.update(part));
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_prefix_purpose_and_zero() {
        assert_eq!(Label::OWNER.bytes(), b"khaima/v1/owner\0");
    }

    #[test]
    fn hashing_equals_hashing_the_joined_bytes() {
        let joined: [u8; 32] = Sha256::digest(Label::MAILBOX.before(&[b"ab", b"c"])).into();
        assert_eq!(Label::MAILBOX.hash(&[b"ab", b"c"]), joined);
    }

    #[test]
    fn no_label_begins_another() {
        for (i, one) in Label::ALL.iter().enumerate() {
            for other in &Label::ALL[i + 1..] {
                assert!(!one.bytes().starts_with(&other.bytes()), "{one:?} {other:?}");
                assert!(!other.bytes().starts_with(&one.bytes()), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn purposes_are_lower_case_words() {
        for label in Label::ALL {
            assert!(label.purpose().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{label:?}");
        }
    }
}
