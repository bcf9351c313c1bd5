//! Who may do what to a mailbox: the proof of ownership as a value.
//!
//! A [`MailboxOwner`] exists only where an [`OwnerProof`] was verified against the TLS exporter of the very
//! connection it came on and this relay's pin. Whatever reads, publishes to or deletes a mailbox takes one.
//!
//! Not its concern: the signature itself (`khaima-wire`), which requests need an owner (`relay`).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use khaima_wire::{MailboxId, OwnerProof, ProofError, Purpose, RelayPin};

/// The proven right to read, publish to and delete one mailbox, on the connection that proved it.
///
/// Only [`prove`] makes one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailboxOwner(MailboxId);

impl MailboxOwner {
    /// The mailbox that is owned.
    #[must_use]
    pub const fn mailbox(&self) -> MailboxId {
        self.0
    }

    /// An owner without a proof, for tests of stores. Not compiled into the program.
    #[cfg(test)]
    pub(crate) const fn for_tests(mailbox: MailboxId) -> Self {
        Self(mailbox)
    }
}

impl fmt::Debug for MailboxOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailboxOwner(..)")
    }
}

/// Verifies `proof` for `purpose` on the connection with this `exporter` (32 bytes, secret to its two ends).
///
/// # Errors
///
/// [`ProofError`] if the signature is another key's, or was made for another connection, relay, purpose or
/// mailbox. Refuse and close the connection.
///
/// Spec: wire.md, Owner proof.
pub fn prove(
    proof: &OwnerProof,
    exporter: &[u8; 32],
    relay: &RelayPin,
    purpose: Purpose,
) -> Result<MailboxOwner, ProofError> {
    proof.verify(exporter, relay, purpose).map(MailboxOwner)
}

/// The part of a network address that limits are counted by: 24 bits of IPv4, 48 of IPv6.
///
/// Lives in memory while it is counted and is never written anywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressPrefix([u8; 7]);

impl AddressPrefix {
    /// The prefix of `address`. An IPv4 address in IPv6 form counts as IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let [a, b, c, d, e, f] = match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                return Self([4, a, b, c, 0, 0, 0]);
            }
            IpAddr::V6(v6) => first_six(v6),
        };
        Self([6, a, b, c, d, e, f])
    }

    /// For connections that have no network address (simulations).
    pub const NONE: Self = Self([0; 7]);
}

impl fmt::Debug for AddressPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressPrefix(..)")
    }
}

fn first_six(address: Ipv6Addr) -> [u8; 6] {
    let [a, b, c, d, e, f, ..] = address.octets();
    [a, b, c, d, e, f]
}

#[cfg(test)]
mod tests {
    use khaima_wire::MailboxKey;

    use super::*;

    const PIN: RelayPin = RelayPin::from_bytes([9; 32]);

    #[test]
    fn a_proof_holds_on_its_connection_relay_and_purpose_only() {
        let key = MailboxKey::from_seed(&[1; 32]);
        let proof = key.prove(&[2; 32], &PIN, Purpose::Read);
        assert_eq!(prove(&proof, &[2; 32], &PIN, Purpose::Read).unwrap().mailbox(), key.id());
        assert!(prove(&proof, &[3; 32], &PIN, Purpose::Read).is_err());
        assert!(prove(&proof, &[2; 32], &RelayPin::from_bytes([8; 32]), Purpose::Read).is_err());
        for other in [Purpose::Create, Purpose::Publish, Purpose::Delete] {
            assert!(prove(&proof, &[2; 32], &PIN, other).is_err());
        }
    }

    #[test]
    fn neighbours_share_a_prefix_and_strangers_do_not() {
        let of = |text: &str| AddressPrefix::of(text.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("192.0.2.254"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.9"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("2001:db8:7::1"), of("2001:db8:7:ffff::9"));
        assert_ne!(of("2001:db8:7::1"), of("2001:db8:8::1"));
    }

    #[test]
    fn debug_shows_neither_id_nor_address() {
        let owner = MailboxOwner::for_tests(MailboxId::from_bytes([0xab; 32]));
        assert_eq!(format!("{owner:?}"), "MailboxOwner(..)");
        assert_eq!(format!("{:?}", AddressPrefix::of("192.0.2.1".parse().unwrap())), "AddressPrefix(..)");
    }
}
