//! Opens one QUIC connection to a relay: TLS 1.3 with X25519MLKEM768 first, the relay's key pinned, nothing resumed.
//!
//! The settings are the client's half of the table in `docs/spec/wire.md`: few streams, small windows, no datagrams, no
//! session tickets, no 0-RTT, no spin bit, no server name sent. Packets are not padded: `docs/decisions/0006-no-padding-to-the-mtu.md`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use khaima_wire::{ALPN, EXPORTER_LABEL, RelayAddress};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, EndpointConfig, IdleTimeout, TransportConfig, VarInt};
use rustls::crypto::CryptoProvider;

use super::pin::PinVerifier;

/// How long a handshake may take, address look-up included.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// Shown to the relay's certificate check, which looks at the key alone, and never sent.
const NO_NAME: &str = "relay.invalid";

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A relay answered with another key than the one pinned: the wrong machine, or somebody in between. Do not retry in
    /// silence: say so.
    #[error("the relay shows another key than its address says")]
    KeyChanged,
    /// The host name has no address, or the network is down.
    #[error("the relay's name cannot be looked up")]
    NoAddress,
    /// Nobody answered, or the handshake failed.
    #[error("the relay does not answer")]
    Unreachable,
    /// This machine refuses to open a socket or to set up TLS.
    #[error("this machine cannot open a connection")]
    Local,
}

/// A connection whose other end has proved the pinned key.
pub struct Connected {
    /// The connection.
    pub connection: quinn::Connection,
    /// The endpoint that carries it; its socket is this connection's own.
    pub endpoint: Endpoint,
    /// TLS exporter of the connection, to which owner proofs are bound.
    pub exporter: [u8; 32],
}

/// Opens connections.
#[derive(Clone)]
pub struct Connector {
    provider: Arc<CryptoProvider>,
}

impl Default for Connector {
    fn default() -> Self {
        Self { provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()) }
    }
}

impl Connector {
    /// Connects to a relay from a socket of its own. Keep-alives are sent every `keep_alive`.
    ///
    /// # Errors
    /// [`ConnectError`]; only `KeyChanged` needs a person.
    pub async fn connect(
        &self,
        address: &RelayAddress,
        keep_alive: Duration,
    ) -> Result<Connected, ConnectError> {
        tokio::time::timeout(HANDSHAKE_TIMEOUT, self.handshake(address, keep_alive))
            .await
            .unwrap_or(Err(ConnectError::Unreachable))
    }

    async fn handshake(
        &self,
        address: &RelayAddress,
        keep_alive: Duration,
    ) -> Result<Connected, ConnectError> {
        let targets = look_up(address).await?;
        let mut last = ConnectError::NoAddress;
        for target in targets {
            match self.handshake_with(address, target, keep_alive).await {
                Ok(connected) => return Ok(connected),
                Err(ConnectError::KeyChanged) => return Err(ConnectError::KeyChanged),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn handshake_with(
        &self,
        address: &RelayAddress,
        target: SocketAddr,
        keep_alive: Duration,
    ) -> Result<Connected, ConnectError> {
        let verifier = Arc::new(PinVerifier::new(*address.pin(), Arc::clone(&self.provider)));
        let config = self.client_config(Arc::clone(&verifier), keep_alive)?;
        let local = match target.ip() {
            IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = std::net::UdpSocket::bind(local).map_err(|_| ConnectError::Local)?;
        let endpoint = Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(quinn::TokioRuntime))
            .map_err(|_| ConnectError::Local)?;
        let connecting =
            endpoint.connect_with(config, target, NO_NAME).map_err(|_| ConnectError::Unreachable)?;
        let connection = match connecting.await {
            Ok(connection) => connection,
            Err(_) if verifier.saw_another_key() => return Err(ConnectError::KeyChanged),
            Err(_) => return Err(ConnectError::Unreachable),
        };
        let mut exporter = [0; 32];
        connection
            .export_keying_material(&mut exporter, EXPORTER_LABEL, &[])
            .map_err(|_| ConnectError::Local)?;
        Ok(Connected { connection, endpoint, exporter })
    }

    fn client_config(
        &self,
        verifier: Arc<PinVerifier>,
        keep_alive: Duration,
    ) -> Result<ClientConfig, ConnectError> {
        let mut tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|_| ConnectError::Local)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        tls.alpn_protocols = vec![ALPN.to_vec()];
        tls.enable_sni = false;
        tls.enable_early_data = false;
        tls.resumption = rustls::client::Resumption::disabled();
        let crypto = QuicClientConfig::try_from(tls).map_err(|_| ConnectError::Local)?;
        let mut config = ClientConfig::new(Arc::new(crypto));
        config.transport_config(Arc::new(transport(keep_alive)));
        // Address tokens would let a relay recognise a client across its addresses.
        config.token_store(Arc::new(quinn::NoneTokenStore));
        Ok(config)
    }
}

/// The client's half of the table of QUIC settings.
fn transport(keep_alive: Duration) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(2))
        .max_concurrent_uni_streams(VarInt::from_u32(2))
        .stream_receive_window(VarInt::from_u32(128 * 1024))
        .receive_window(VarInt::from_u32(512 * 1024))
        .send_window(512 * 1024)
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(90_000))))
        .keep_alive_interval(Some(keep_alive))
        .datagram_receive_buffer_size(None)
        .allow_spin(false)
        .pad_to_mtu(false);
    transport
}

async fn look_up(address: &RelayAddress) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Some(ip) = address.ip() {
        return Ok(vec![SocketAddr::new(ip, address.port())]);
    }
    let found = tokio::net::lookup_host((address.host(), address.port()))
        .await
        .map_err(|_| ConnectError::NoAddress)?;
    Ok(found.collect())
}
