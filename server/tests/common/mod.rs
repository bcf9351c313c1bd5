//! A client for these tests: one connection, frames in and out, no decisions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    dead_code,
    reason = "helpers outside of test functions; each test binary uses some"
)]

use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use khaima_relay::transport::{provider, transport_config};
use khaima_wire::{
    ALPN, ClientFrame, Delivery, EXPORTER_LABEL, Envelope, FrameDecoder, MailboxKey, OwnerProof,
    PROTOCOL_VERSION, Purpose, Push, RelayAddress, RelayFrame, RelayPin, Reply, Request, RequestId, Role,
    SealedEnvelope,
};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, ConnectionError, Endpoint, RecvStream, SendStream};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

/// Stops a test that waits for something that never comes.
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(120), future).await.expect("nothing came")
}

/// Accepts the key with this pin and no other.
#[derive(Debug)]
struct Pinned(RelayPin);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (_, certificate) = x509_parser::parse_x509_certificate(end_entity).unwrap();
        if RelayPin::of_public_key(certificate.public_key().raw) == self.0 {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General("another key".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        unreachable!("tls 1.3 only")
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &provider().signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

/// TLS of a client that knows this pin; `change` may spoil it.
pub fn client_config(
    pin: RelayPin,
    crypto: rustls::crypto::CryptoProvider,
    change: impl FnOnce(&mut rustls::ClientConfig),
) -> quinn::ClientConfig {
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(crypto))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned(pin)))
        .with_no_client_auth();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    change(&mut tls);
    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    config.transport_config(Arc::new(transport_config()));
    config
}

pub fn endpoint() -> Endpoint {
    Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap()
}

/// Where a relay on this machine listens.
pub fn socket_addr(relay: &RelayAddress) -> SocketAddr {
    SocketAddr::new(relay.ip().unwrap(), relay.port())
}

/// A QUIC connection, nothing said yet.
pub async fn connect(endpoint: &Endpoint, relay: &RelayAddress) -> Result<Connection, ConnectionError> {
    let config = client_config(*relay.pin(), provider(), |_| {});
    endpoint.connect_with(config, socket_addr(relay), "relay.test").unwrap().await
}

pub struct Client {
    pub endpoint: Endpoint,
    pub connection: Connection,
    pub sender: SendStream,
    pub receiver: RecvStream,
    pub exporter: [u8; 32],
    pub pin: RelayPin,
    decoder: FrameDecoder<RelayFrame>,
    pushed: VecDeque<Delivery>,
    last_id: RequestId,
}

impl Client {
    /// Connected, with a stream, before the hello.
    pub async fn raw(relay: &RelayAddress) -> Self {
        within(async {
            let endpoint = endpoint();
            let connection = connect(&endpoint, relay).await.unwrap();
            let (sender, receiver) = connection.open_bi().await.unwrap();
            let mut exporter = [0; 32];
            connection.export_keying_material(&mut exporter, EXPORTER_LABEL, &[]).unwrap();
            Self {
                endpoint,
                connection,
                sender,
                receiver,
                exporter,
                pin: *relay.pin(),
                decoder: FrameDecoder::new(),
                pushed: VecDeque::new(),
                last_id: RequestId::new(0),
            }
        })
        .await
    }

    pub async fn connect(relay: &RelayAddress, role: Role) -> Self {
        let mut client = Self::raw(relay).await;
        client.send(&ClientFrame::Hello { version: PROTOCOL_VERSION, role }).await;
        match client.frame().await {
            Some(RelayFrame::Hello { version: PROTOCOL_VERSION, .. }) => client,
            other => panic!("{other:?}"),
        }
    }

    pub async fn send(&mut self, frame: &ClientFrame) {
        self.sender.write_all(&frame.encode().unwrap()).await.unwrap();
    }

    /// The next frame; `None` when the relay ends the stream or the connection.
    pub async fn frame(&mut self) -> Option<RelayFrame> {
        within(async {
            loop {
                if let Some(frame) = self.decoder.next().unwrap() {
                    return Some(frame);
                }
                match self.receiver.read_chunk(65_536, true).await {
                    Ok(Some(chunk)) => self.decoder.push(&chunk.bytes),
                    Ok(None) | Err(_) => return None,
                }
            }
        })
        .await
    }

    /// Sends a request without waiting.
    pub async fn begin(&mut self, request: Request) -> RequestId {
        self.last_id = self.last_id.next();
        self.send(&ClientFrame::Request { id: self.last_id, request }).await;
        self.last_id
    }

    /// The reply to a request; pushes that come before are kept.
    pub async fn reply_to(&mut self, asked: RequestId) -> Option<Reply> {
        loop {
            match self.frame().await? {
                RelayFrame::Reply { id, reply } => {
                    assert_eq!(id, asked);
                    return Some(reply);
                }
                RelayFrame::Push(Push::Deliver(delivery)) => self.pushed.push_back(delivery),
                other => panic!("{other:?}"),
            }
        }
    }

    pub async fn ask(&mut self, request: Request) -> Reply {
        let id = self.begin(request).await;
        self.reply_to(id).await.expect("closed")
    }

    /// The next push.
    pub async fn delivery(&mut self) -> Delivery {
        if let Some(delivery) = self.pushed.pop_front() {
            return delivery;
        }
        match self.frame().await {
            Some(RelayFrame::Push(Push::Deliver(delivery))) => delivery,
            other => panic!("{other:?}"),
        }
    }

    pub fn proof(&self, key: &MailboxKey, purpose: Purpose) -> OwnerProof {
        key.prove(&self.exporter, &self.pin, purpose)
    }

    pub async fn create(&mut self, key: &MailboxKey) -> Reply {
        let proof = self.proof(key, Purpose::Create);
        self.ask(Request::Create { proof, permit: None }).await
    }

    pub async fn subscribe(&mut self, key: &MailboxKey) -> Reply {
        let proof = self.proof(key, Purpose::Read);
        self.ask(Request::Subscribe { proof }).await
    }

    pub async fn submit(&mut self, key: &MailboxKey, sealed: SealedEnvelope) -> Reply {
        self.ask(Request::Submit(Envelope { mailbox: key.id(), sealed })).await
    }

    pub async fn acknowledge(&mut self, delivery: &Delivery) -> Reply {
        self.ask(Request::Acknowledge { mailbox: delivery.mailbox, ids: vec![delivery.id] }).await
    }

    /// Why the connection was closed, once it is.
    pub async fn closed(&self) -> ConnectionError {
        within(self.connection.closed()).await
    }

    pub async fn leave(self) {
        self.connection.close(0_u32.into(), b"");
        within(self.endpoint.wait_idle()).await;
    }
}

pub fn key(seed: u8) -> MailboxKey {
    MailboxKey::from_seed(&[seed; 32])
}

/// An envelope of the smallest size that begins with a number.
pub fn envelope(number: u32) -> SealedEnvelope {
    let mut bytes = vec![0x5a; SealedEnvelope::SIZES[0]];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    SealedEnvelope::new(bytes).unwrap()
}

pub fn number(sealed: &SealedEnvelope) -> u32 {
    u32::from_be_bytes(sealed.as_bytes()[..4].try_into().unwrap())
}

/// The code with which the relay closed.
pub fn close_code(error: &ConnectionError) -> Option<u64> {
    match error {
        ConnectionError::ApplicationClosed(close) => Some(close.error_code.into_inner()),
        _ => None,
    }
}
