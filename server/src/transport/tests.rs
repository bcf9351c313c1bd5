//! Sessions over a stream in memory, with time that a test moves: deadlines, and that the transport is a trait.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use khaima_wire::{
    ClientFrame, Envelope, FrameDecoder, MailboxKey, PROTOCOL_VERSION, Purpose, RelayFrame, RelayPin, Reply,
    Request, RequestId, Role, SealedEnvelope,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Hub, Link, session};
use crate::clock::Clock;
use crate::core::{AddressPrefix, CloseReason, Creation, Policy, Relay};
use crate::store::MemoryStore;

const PIN: RelayPin = RelayPin::from_bytes([9; 32]);
const EXPORTER: [u8; 32] = [4; 32];

/// A link in memory that remembers how it was closed.
#[derive(Clone, Default)]
struct MemoryLink(Arc<Mutex<Option<CloseReason>>>);

impl Link for MemoryLink {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = WriteHalf<DuplexStream>;

    fn exporter(&self) -> [u8; 32] {
        EXPORTER
    }
    fn prefix(&self) -> AddressPrefix {
        AddressPrefix::NONE
    }
    async fn finish(mut writer: Self::Writer) {
        let _ = writer.shutdown().await;
    }
    fn close(&self, reason: CloseReason) {
        *self.0.lock().unwrap() = Some(reason);
    }
}

fn hub() -> Arc<Hub<MemoryStore>> {
    let policy = Policy { creation: Creation::Open, ..Policy::default() };
    Arc::new(Hub::new(Relay::new(PIN, policy), MemoryStore::new(), Clock::system()))
}

/// A client's end of a session.
struct Client {
    stream: DuplexStream,
    decoder: FrameDecoder<RelayFrame>,
    link: MemoryLink,
    session: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Client {
    fn connect(hub: &Arc<Hub<MemoryStore>>, buffer: usize) -> Self {
        let (stream, theirs) = tokio::io::duplex(buffer);
        let (reader, writer) = tokio::io::split(theirs);
        let (stop, stopped) = watch::channel(false);
        let (hub, link) = (Arc::clone(hub), MemoryLink::default());
        let theirs = link.clone();
        let session =
            tokio::spawn(async move { session::serve(hub, &theirs, reader, writer, stopped).await });
        Self { stream, decoder: FrameDecoder::new(), link, session, stop }
    }

    async fn greeted(hub: &Arc<Hub<MemoryStore>>, role: Role) -> Self {
        let mut client = Self::connect(hub, 16_384);
        client.send(&ClientFrame::Hello { version: PROTOCOL_VERSION, role }).await;
        assert!(matches!(client.frame().await, Some(RelayFrame::Hello { .. })));
        client
    }

    async fn send(&mut self, frame: &ClientFrame) {
        self.stream.write_all(&frame.encode().unwrap()).await.unwrap();
    }

    async fn frame(&mut self) -> Option<RelayFrame> {
        loop {
            if let Some(frame) = self.decoder.next().unwrap() {
                return Some(frame);
            }
            let mut buffer = [0; 4_096];
            match self.stream.read(&mut buffer).await.unwrap() {
                0 => return None,
                count => self.decoder.push(&buffer[..count]),
            }
        }
    }

    async fn ask(&mut self, request: Request) -> Reply {
        self.send(&ClientFrame::Request { id: RequestId::new(1), request }).await;
        match self.frame().await {
            Some(RelayFrame::Reply { reply, .. }) => reply,
            other => panic!("{other:?}"),
        }
    }

    /// How the session was closed, once it has ended.
    async fn closed(self) -> Option<CloseReason> {
        let Self { stream: _stream, link, session, stop: _stop, .. } = self;
        session.await.unwrap();
        *link.0.lock().unwrap()
    }
}

async fn owner(hub: &Arc<Hub<MemoryStore>>) -> (Client, MailboxKey) {
    let mut owner = Client::greeted(hub, Role::Owner).await;
    let key = MailboxKey::from_seed(&[1; 32]);
    let proof = |purpose| key.prove(&EXPORTER, &PIN, purpose);
    let create = Request::Create { proof: proof(Purpose::Create), permit: None };
    assert_eq!(owner.ask(create).await, Reply::Created);
    let subscribed = owner.ask(Request::Subscribe { proof: proof(Purpose::Read) }).await;
    assert!(matches!(subscribed, Reply::Subscribed { .. }));
    (owner, key)
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_closed() {
    let began = tokio::time::Instant::now();
    let client = Client::connect(&hub(), 1_024);
    assert_eq!(client.closed().await, Some(CloseReason::TooSlow));
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn who_says_hello_may_be_silent_but_not_stop_in_a_frame() {
    let mut client = Client::greeted(&hub(), Role::Anonymous).await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(client.ask(Request::Ping).await, Reply::Pong);
    let began = tokio::time::Instant::now();
    client.stream.write_all(&[0, 0, 1]).await.unwrap();
    assert_eq!(client.closed().await, Some(CloseReason::TooSlow));
    assert_eq!(began.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn each_frame_of_a_slow_client_has_its_own_time() {
    let mut client = Client::greeted(&hub(), Role::Anonymous).await;
    let ping = ClientFrame::Request { id: RequestId::new(1), request: Request::Ping }.encode().unwrap();
    // Never at rest between frames: each write ends one and begins the next.
    client.stream.write_all(&ping[..3]).await.unwrap();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(50)).await;
        client.stream.write_all(&[&ping[3..], &ping[..3]].concat()).await.unwrap();
        assert!(matches!(client.frame().await, Some(RelayFrame::Reply { reply: Reply::Pong, .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_take_what_is_pushed_is_closed_and_loses_nothing() {
    let hub = hub();
    let (deaf, key) = owner(&hub).await;
    let mut sender = Client::greeted(&hub, Role::Anonymous).await;
    let sealed = SealedEnvelope::new(vec![1; 65_408]).unwrap();
    let submit = Request::Submit(Envelope { mailbox: key.id(), sealed });
    for _ in 0..20 {
        assert_eq!(sender.ask(submit.clone()).await, Reply::Accepted);
    }
    assert_eq!(deaf.closed().await, Some(CloseReason::TooSlow));
    assert_eq!(hub.store().waiting(), 20);
    assert_eq!(sender.ask(submit).await, Reply::Accepted, "nobody else is harmed");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_ends_its_stream_ends_the_session() {
    let hub = hub();
    let (owner, key) = owner(&hub).await;
    let Client { stream, session, .. } = owner;
    drop(stream);
    session.await.unwrap();
    let mut sender = Client::greeted(&hub, Role::Anonymous).await;
    let sealed = SealedEnvelope::new(vec![1; 3_968]).unwrap();
    assert_eq!(sender.ask(Request::Submit(Envelope { mailbox: key.id(), sealed })).await, Reply::Accepted);
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_a_session_in_order() {
    let client = Client::greeted(&hub(), Role::Anonymous).await;
    client.stop.send_replace(true);
    assert_eq!(client.closed().await, Some(CloseReason::Stopping));
}
