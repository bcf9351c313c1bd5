//! What both ends have to agree on before the first frame, and the version that frame names.
//!
//! Not its concern: QUIC and TLS settings (`khaima-relay`, `khaima-runtime`).

/// The version of the frames this crate speaks, sent in each side's hello.
pub const PROTOCOL_VERSION: u32 = 1;

/// ALPN of a connection. An own name would mark every user of Khaima to whoever watches the line.
pub const ALPN: &[u8] = b"h3";

/// TLS exporter label (RFC 8446 §7.5) of the 32 bytes that owner proofs are bound to; the context is empty.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-khaima/v1/owner";

/// Whether this crate speaks `version`.
#[must_use]
pub const fn is_supported(version: u32) -> bool {
    version == PROTOCOL_VERSION
}
