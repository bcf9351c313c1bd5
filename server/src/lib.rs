//! The relay: mailboxes of opaque envelopes over QUIC.
