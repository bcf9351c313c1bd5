//! The relay over real QUIC on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "a test; helpers outside of test functions"
)]

mod common;

use common::{
    Client, client_config, close_code, connect, endpoint, envelope, key, number, socket_addr, within,
};
use khaima_relay::transport::{ConnectionLimits, provider};
use khaima_relay::{Config, Home, RunningServer, Server};
use khaima_wire::{
    ClientFrame, MAX_FRAME, PROTOCOL_VERSION, Purpose, Refusal, RelayAddress, RelayFrame, RelayPin, Reply,
    Request, RequestId, Role, SealedBundle, SealedEnvelope,
};
use rustls::crypto::aws_lc_rs::kx_group;

fn start() -> (tempfile::TempDir, RunningServer) {
    let dir = tempfile::tempdir().unwrap();
    let relay = Server::start_on_loopback(dir.path()).unwrap();
    (dir, relay)
}

fn bundle(number: u8) -> SealedBundle {
    SealedBundle::from_bytes(vec![number; SealedBundle::SIZE]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_lives_from_creation_to_deletion() {
    let (_dir, relay) = start();
    let mut owner = Client::connect(relay.address(), Role::Owner).await;
    let mut sender = Client::connect(relay.address(), Role::Anonymous).await;
    assert_eq!(owner.create(&key(1)).await, Reply::Created);
    assert_eq!(owner.create(&key(1)).await, Reply::AlreadyYours);
    let proof = owner.proof(&key(1), Purpose::Publish);
    let (one_time, last_resort) = (vec![bundle(1), bundle(2)], Some(bundle(9)));
    let published = owner.ask(Request::Publish { proof, one_time, last_resort, replace: false }).await;
    assert_eq!(published, Reply::Published { one_time_left: 2 });
    for expected in [1, 2, 9, 9] {
        assert_eq!(
            sender.ask(Request::Claim { mailbox: key(1).id() }).await,
            Reply::Bundle(bundle(expected))
        );
    }
    assert_eq!(sender.submit(&key(1), envelope(1)).await, Reply::Accepted);
    let subscribed = Reply::Subscribed { one_time_left: 0, claimed: 4, waiting: 1 };
    assert_eq!(owner.subscribe(&key(1)).await, subscribed);
    let first = owner.delivery().await;
    assert_eq!((number(&first.sealed), first.mailbox == key(1).id()), (1, true));
    // While connected, and of every size.
    for (n, size) in (2..).zip(SealedEnvelope::SIZES) {
        let sealed = SealedEnvelope::new(vec![n; size]).unwrap();
        assert_eq!(sender.submit(&key(1), sealed.clone()).await, Reply::Accepted);
        let delivery = owner.delivery().await;
        assert!(delivery.sealed == sealed);
        assert_eq!(owner.acknowledge(&delivery).await, Reply::Acknowledged);
    }
    // What was not acknowledged comes again on another connection, and only that.
    let mut again = Client::connect(relay.address(), Role::Owner).await;
    let subscribed = Reply::Subscribed { one_time_left: 0, claimed: 4, waiting: 1 };
    assert_eq!(again.subscribe(&key(1)).await, subscribed);
    assert!(again.delivery().await == first);
    assert_eq!(again.acknowledge(&first).await, Reply::Acknowledged);
    let proof = owner.proof(&key(1), Purpose::Delete);
    assert_eq!(owner.ask(Request::Delete { proof }).await, Reply::Deleted { permit: None });
    assert_eq!(sender.submit(&key(1), envelope(1)).await, Reply::Gone);
    assert_eq!(again.subscribe(&key(1)).await, Reply::Gone);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_with_another_key_is_refused_by_the_client() {
    let (_dir, relay) = start();
    let address = relay.address();
    let wrong = RelayAddress::new(address.host(), address.port(), RelayPin::from_bytes([7; 32])).unwrap();
    assert!(within(connect(&endpoint(), &wrong)).await.is_err());
    assert!(within(connect(&endpoint(), address)).await.is_ok());
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_replayed_on_another_connection_is_refused_and_closes_it() {
    let (_dir, relay) = start();
    let mut owner = Client::connect(relay.address(), Role::Owner).await;
    owner.create(&key(1)).await;
    let stolen = owner.proof(&key(1), Purpose::Read);
    let mut thief = Client::connect(relay.address(), Role::Owner).await;
    let refused = thief.ask(Request::Subscribe { proof: stolen.clone() }).await;
    assert_eq!(refused, Reply::Refused(Refusal::BadProof));
    assert_eq!(thief.frame().await, None);
    assert_eq!(close_code(&thief.closed().await), Some(2));
    assert!(matches!(owner.ask(Request::Subscribe { proof: stolen }).await, Reply::Subscribed { .. }));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_closes_its_connection_and_no_other() {
    let (_dir, relay) = start();
    let mut owner = Client::connect(relay.address(), Role::Owner).await;
    owner.create(&key(1)).await;
    let too_large = u32::try_from(MAX_FRAME + 1).unwrap().to_be_bytes();
    let noise: Vec<u8> = (0..40_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let cases: [(&[u8], Refusal); 3] = [
        (&too_large, Refusal::TooLarge),
        (&noise, Refusal::TooLarge),
        (&[0, 0, 0, 3, 0xff, 0xff, 0xff], Refusal::Malformed),
    ];
    for greeted in [false, true] {
        for (bytes, refusal) in cases {
            let mut client = if greeted {
                Client::connect(relay.address(), Role::Anonymous).await
            } else {
                Client::raw(relay.address()).await
            };
            // The relay may have closed before all was written.
            let _ = client.sender.write_all(bytes).await;
            let reply = Reply::Refused(refusal);
            assert_eq!(client.frame().await, Some(RelayFrame::Reply { id: RequestId::CONNECTION, reply }));
            assert_eq!(client.frame().await, None);
            assert_eq!(close_code(&client.closed().await), Some(1));
        }
    }
    assert_eq!(owner.ask(Request::Ping).await, Reply::Pong);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown_or_malformed_with_an_id_is_answered_and_the_connection_goes_on() {
    let (_dir, relay) = start();
    let mut client = Client::connect(relay.address(), Role::Anonymous).await;
    assert_eq!(client.ask(Request::Unknown(4_711)).await, Reply::Refused(Refusal::Unknown(4_711)));
    // A claim (code 7) for a mailbox whose id has one byte: code, request id, body.
    client.sender.write_all(&[0, 0, 0, 9, 0x08, 7, 0x10, 55, 0x1a, 3, 0x0a, 1, 9]).await.unwrap();
    let reply = Reply::Refused(Refusal::Malformed);
    assert_eq!(client.frame().await, Some(RelayFrame::Reply { id: RequestId::new(55), reply }));
    assert_eq!(client.ask(Request::Ping).await, Reply::Pong);
    let proof = client.proof(&key(1), Purpose::Create);
    let refused = client.ask(Request::Create { proof, permit: None }).await;
    assert_eq!(refused, Reply::Refused(Refusal::WrongRole));
    let hello = ClientFrame::Hello { version: PROTOCOL_VERSION, role: Role::Owner };
    client.send(&hello).await;
    assert!(matches!(client.frame().await, Some(RelayFrame::Reply { .. })));
    assert_eq!(client.frame().await, None, "a second hello ends it");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_answers_what_was_asked_and_keeps_it() {
    let (dir, relay) = start();
    let mut owner = Client::connect(relay.address(), Role::Owner).await;
    owner.create(&key(1)).await;
    let mut sender = Client::connect(relay.address(), Role::Anonymous).await;
    for number in 0..20 {
        let sealed = envelope(number);
        sender.begin(Request::Submit(khaima_wire::Envelope { mailbox: key(1).id(), sealed })).await;
    }
    let first = sender.reply_to(RequestId::new(1)).await;
    assert_eq!(first, Some(Reply::Accepted));
    let stopping = tokio::spawn(relay.stop());
    let mut accepted = 1;
    while let Some(RelayFrame::Reply { reply: Reply::Accepted, .. }) = sender.frame().await {
        accepted += 1;
    }
    assert_eq!(close_code(&sender.closed().await), Some(0), "an end, not a fault");
    within(stopping).await.unwrap();
    let relay = Server::start_on_loopback(dir.path()).unwrap();
    let mut owner = Client::connect(relay.address(), Role::Owner).await;
    let Reply::Subscribed { waiting, .. } = owner.subscribe(&key(1)).await else { panic!() };
    assert!(waiting >= accepted, "{waiting} of {accepted}");
    for expected in 0..accepted {
        assert_eq!(number(&owner.delivery().await.sealed), expected);
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_harms_nobody() {
    let (_dir, relay) = start();
    let mut deaf = Client::connect(relay.address(), Role::Owner).await;
    deaf.create(&key(1)).await;
    deaf.subscribe(&key(1)).await;
    let mut sender = Client::connect(relay.address(), Role::Anonymous).await;
    let large = SealedEnvelope::new(vec![1; SealedEnvelope::MAX_SIZE]).unwrap();
    for _ in 0..40 {
        assert_eq!(sender.submit(&key(1), large.clone()).await, Reply::Accepted);
    }
    let mut owner = Client::connect(relay.address(), Role::Owner).await;
    owner.create(&key(2)).await;
    owner.subscribe(&key(2)).await;
    for n in 0..200 {
        assert_eq!(sender.submit(&key(2), envelope(n)).await, Reply::Accepted);
        let delivery = owner.delivery().await;
        assert_eq!(number(&delivery.sealed), n);
        owner.acknowledge(&delivery).await;
    }
    // It gets everything in the end, within its window.
    for _ in 0..40 {
        let delivery = deaf.delivery().await;
        assert!(delivery.sealed == large);
        deaf.acknowledge(&delivery).await;
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_late_gets_everything() {
    let (_dir, relay) = start();
    let mut sender = Client::connect(relay.address(), Role::Anonymous).await;
    for round in 1..=20 {
        let mut owner = Client::connect(relay.address(), Role::Owner).await;
        owner.create(&key(round)).await;
        owner.subscribe(&key(round)).await;
        // More than the stream's window, in many small pieces, while nobody reads.
        for n in 0..50 {
            assert_eq!(sender.submit(&key(round), envelope(n)).await, Reply::Accepted);
        }
        for n in 0..50 {
            let delivery = owner.delivery().await;
            assert_eq!(number(&delivery.sealed), n);
            assert_eq!(owner.acknowledge(&delivery).await, Reply::Acknowledged);
        }
        owner.leave().await;
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_at_once_are_all_answered() {
    let (_dir, relay) = start();
    let mut owner = Client::connect(relay.address(), Role::Owner).await;
    owner.create(&key(1)).await;
    let mut sender = Client::connect(relay.address(), Role::Anonymous).await;
    // More than the relay takes in at a time: flow control holds the rest back.
    const MANY: u32 = 500;
    let mut writer = sender.sender;
    let writing = tokio::spawn(async move {
        for number in 1..=MANY {
            let envelope = khaima_wire::Envelope { mailbox: key(1).id(), sealed: envelope(number) };
            let frame = ClientFrame::Request {
                id: RequestId::new(number.into()),
                request: Request::Submit(envelope),
            };
            writer.write_all(&frame.encode().unwrap()).await.unwrap();
        }
        writer
    });
    let mut decoder = khaima_wire::FrameDecoder::<RelayFrame>::new();
    let mut answered = std::collections::BTreeSet::new();
    while answered.len() < MANY as usize {
        let chunk = within(sender.receiver.read_chunk(65_536, true)).await.unwrap().unwrap();
        decoder.push(&chunk.bytes);
        while let Some(frame) = decoder.next().unwrap() {
            match frame {
                RelayFrame::Reply { id, reply: Reply::Accepted } => assert!(answered.insert(id)),
                other => panic!("{other:?}"),
            }
        }
    }
    let _writer = within(writing).await.unwrap();
    owner.subscribe(&key(1)).await;
    for expected in 1..=MANY {
        let delivery = owner.delivery().await;
        assert_eq!(number(&delivery.sealed), expected, "in the order of submission");
        owner.acknowledge(&delivery).await;
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn further_streams_are_turned_away() {
    let (_dir, relay) = start();
    let mut client = Client::connect(relay.address(), Role::Anonymous).await;
    let (mut writer, mut reader) = client.connection.open_bi().await.unwrap();
    writer.write_all(b"anybody there?").await.unwrap();
    assert!(within(reader.read(&mut [0; 8])).await.is_err(), "reset");
    let mut uni = client.connection.open_uni().await.unwrap();
    uni.write_all(b"anybody there?").await.unwrap();
    assert_eq!(within(uni.stopped()).await.unwrap().map(|code| code.into_inner()), Some(1));
    assert_eq!(client.ask(Request::Ping).await, Reply::Pong);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handshake_is_post_quantum_without_resumption_or_datagrams() {
    let (_dir, relay) = start();
    let pin = *relay.address().pin();
    let hybrid = rustls::crypto::CryptoProvider { kx_groups: vec![kx_group::X25519MLKEM768], ..provider() };
    let config = client_config(pin, hybrid, |_| {});
    let (endpoint, to) = (endpoint(), socket_addr(relay.address()));
    let connect = || endpoint.connect_with(config.clone(), to, "relay.test").unwrap();
    let connection = within(connect()).await.unwrap();
    assert_eq!(connection.max_datagram_size(), None);
    // A ticket would have come by the time a request is answered.
    let (mut writer, mut reader) = connection.open_bi().await.unwrap();
    let hello = ClientFrame::Hello { version: PROTOCOL_VERSION, role: Role::Anonymous };
    writer.write_all(&hello.encode().unwrap()).await.unwrap();
    within(reader.read_chunk(64, true)).await.unwrap().unwrap();
    assert!(connect().into_0rtt().is_err(), "nothing to resume with");
    let other = client_config(pin, provider(), |tls| tls.alpn_protocols = vec![b"khaima".to_vec()]);
    assert!(
        within(endpoint.connect_with(other, to, "relay.test").unwrap()).await.is_err(),
        "another protocol"
    );
    relay.stop().await;
}

fn start_with(limits: ConnectionLimits) -> (tempfile::TempDir, RunningServer) {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { connections: limits, ..Config::loopback(dir.path()) };
    Home::init(dir.path(), config.listen, &config.host).unwrap();
    (dir, Server::start(config).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_over_the_limits_are_refused_until_others_leave() {
    let limits = ConnectionLimits::default();
    for limits in [ConnectionLimits { total: 1, ..limits }, ConnectionLimits { per_prefix: 1, ..limits }] {
        let (_dir, relay) = start_with(limits);
        let first = Client::connect(relay.address(), Role::Anonymous).await;
        assert!(within(connect(&endpoint(), relay.address())).await.is_err());
        assert_eq!(relay.metrics().refused.get(), 1);
        first.leave().await;
        // The place is free once the relay has noticed; there is nothing to wait for but that.
        while within(connect(&endpoint(), relay.address())).await.is_err() {}
        relay.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_flood_of_handshakes_an_address_has_to_prove_itself() {
    let (_dir, relay) = start_with(ConnectionLimits { retry_from: 0, ..ConnectionLimits::default() });
    let mut client = Client::connect(relay.address(), Role::Anonymous).await;
    assert_eq!(client.ask(Request::Ping).await, Reply::Pong);
    assert_eq!(relay.metrics().retried.get(), 1, "one round trip more, then let in");
    relay.stop().await;
    let (_dir, relay) = start();
    Client::connect(relay.address(), Role::Anonymous).await;
    assert_eq!(relay.metrics().retried.get(), 0, "not on a quiet day");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_relay_in_the_same_directory_or_on_the_same_port_does_not_start() {
    let (dir, relay) = start();
    let error = Server::start_on_loopback(dir.path()).unwrap_err();
    assert_eq!(error.to_string(), "the store is in use by another process");
    let other = tempfile::tempdir().unwrap();
    Home::init(other.path(), relay.local_addr(), "127.0.0.1").unwrap();
    let config = Config { listen: relay.local_addr(), ..Config::loopback(other.path()) };
    assert_eq!(Server::start(config).unwrap_err().to_string(), "the port is in use");
    relay.stop().await;
    Server::start_on_loopback(dir.path()).unwrap().stop().await;
}
