//! What the relay needs of a connection: two byte streams, an exporter, a prefix of the address.
//!
//! QUIC is one such link (`quic`). TCP with TLS can be another and carry the same frames.
//!
//! Not its concern: frames (`session`).

use std::future::Future;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::core::{AddressPrefix, CloseReason};

/// A connection to one client, secured, with one byte stream each way.
pub trait Link: Send + Sync + 'static {
    /// Bytes from the client. Reading must be cancel safe.
    type Reader: AsyncRead + Unpin + Send + 'static;
    /// Bytes to the client.
    type Writer: AsyncWrite + Unpin + Send + 'static;

    /// 32 bytes that only the two ends of this connection have (TLS exporter).
    fn exporter(&self) -> [u8; 32];

    /// The part of the client's address that limits are counted by.
    fn prefix(&self) -> AddressPrefix;

    /// Ends the stream to the client and waits until what was written has arrived, or somebody loses patience.
    fn finish(writer: Self::Writer) -> impl Future<Output = ()> + Send;

    /// Closes the connection at once. What has not arrived is lost.
    fn close(&self, reason: CloseReason);
}
