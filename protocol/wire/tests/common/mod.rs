//! Samples of every type, and strategies that make any value of them.

use khaima_wire::*;
use proptest::collection::vec;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// A key that is always the same.
pub fn key() -> MailboxKey {
    MailboxKey::from_seed(&[0x11; 32])
}

pub fn pin() -> RelayPin {
    RelayPin::from_bytes([0x22; 32])
}

pub const EXPORTER: [u8; 32] = [0x33; 32];

pub fn address() -> RelayAddress {
    RelayAddress::new("relay.example", 4433, pin()).unwrap()
}

pub fn permit() -> Permit {
    Permit::from_bytes(&[0x44; 32])
}

pub fn invitation() -> Invitation {
    let secret = LinkSecret::from_bytes(&[0x66; 32]);
    Invitation {
        relay: address(),
        mailbox_key: key().public(),
        statement_hash: secret.statement_hash(b"statement"),
        secret,
        expires: Day::new(20_780),
        flags: InvitationFlags::ONCE,
        permit: None,
    }
}

pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub fn sealed_of(size: usize, fill: u8) -> SealedEnvelope {
    SealedEnvelope::new(vec![fill; size]).unwrap()
}

pub fn sealed_bundle(fill: u8) -> SealedBundle {
    SealedBundle::from_bytes(vec![fill; SealedBundle::SIZE]).unwrap()
}

/// One frame of every kind a client sends.
pub fn client_frames() -> Vec<(&'static str, ClientFrame)> {
    let prove = |purpose| key().prove(&EXPORTER, &pin(), purpose);
    let mailbox = key().id();
    let request = |request| ClientFrame::Request { id: RequestId::new(7), request };
    vec![
        ("Client hello, owner", ClientFrame::Hello { version: PROTOCOL_VERSION, role: Role::Owner }),
        ("Client hello, anonymous", ClientFrame::Hello { version: PROTOCOL_VERSION, role: Role::Anonymous }),
        ("Ping", request(Request::Ping)),
        ("Create", request(Request::Create { proof: prove(Purpose::Create), permit: None })),
        (
            "Create with a permit",
            request(Request::Create { proof: prove(Purpose::Create), permit: Some(permit()) }),
        ),
        ("Subscribe", request(Request::Subscribe { proof: prove(Purpose::Read) })),
        (
            "Publish",
            request(Request::Publish {
                proof: prove(Purpose::Publish),
                one_time: vec![sealed_bundle(0x51), sealed_bundle(0x52)],
                last_resort: Some(sealed_bundle(0x53)),
                replace: true,
            }),
        ),
        (
            "Acknowledge",
            request(Request::Acknowledge {
                mailbox,
                ids: vec![EnvelopeId::new(1, [0xe1; 8]), EnvelopeId::new(2, [0xe2; 8])],
            }),
        ),
        ("Delete", request(Request::Delete { proof: prove(Purpose::Delete) })),
        ("Claim", request(Request::Claim { mailbox })),
        ("Submit", request(Request::Submit(Envelope { mailbox, sealed: sealed_of(3_968, 0x5a) }))),
        (
            "Redeem code",
            request(Request::RedeemCode { code: InviteCode::from_wire(b"0123456789ABCDEFGHJK").unwrap() }),
        ),
        ("Unknown request", request(Request::Unknown(900))),
    ]
}

/// One frame of every kind a relay sends.
pub fn relay_frames() -> Vec<(&'static str, RelayFrame)> {
    let reply = |reply| RelayFrame::Reply { id: RequestId::new(7), reply };
    let mailbox = key().id();
    vec![
        ("Relay hello", RelayFrame::Hello { version: PROTOCOL_VERSION, today: Day::new(20_780) }),
        ("Pong", reply(Reply::Pong)),
        ("Created", reply(Reply::Created)),
        ("Already yours", reply(Reply::AlreadyYours)),
        ("Not permitted", reply(Reply::NotPermitted)),
        ("Subscribed", reply(Reply::Subscribed { one_time_left: 16, claimed: 300, waiting: 2 })),
        ("Published", reply(Reply::Published { one_time_left: 12 })),
        ("Acknowledged", reply(Reply::Acknowledged)),
        ("Deleted", reply(Reply::Deleted { permit: None })),
        ("Deleted with a permit", reply(Reply::Deleted { permit: Some(permit()) })),
        ("Bundle", reply(Reply::Bundle(sealed_bundle(0x54)))),
        ("Accepted", reply(Reply::Accepted)),
        ("Gone", reply(Reply::Gone)),
        ("Full", reply(Reply::Full)),
        ("Busy", reply(Reply::Busy { retry_after_secs: 30 })),
        ("Permits", reply(Reply::Permits(vec![permit(), Permit::from_bytes(&[0x45; 32])]))),
        ("Refused, bad proof", reply(Reply::Refused(Refusal::BadProof))),
        ("Refused, wrong role", reply(Reply::Refused(Refusal::WrongRole))),
        ("Refused, malformed", reply(Reply::Refused(Refusal::Malformed))),
        (
            "Refused, unsupported version",
            RelayFrame::Reply {
                id: RequestId::CONNECTION,
                reply: Reply::Refused(Refusal::UnsupportedVersion),
            },
        ),
        ("Refused, too large", reply(Reply::Refused(Refusal::TooLarge))),
        ("Refused, unknown request", reply(Reply::Refused(Refusal::Unknown(900)))),
        ("Unknown reply", reply(Reply::Unknown(900))),
        (
            "Deliver",
            RelayFrame::Push(Push::Deliver(Delivery {
                mailbox,
                id: EnvelopeId::new(1, [0xe1; 8]),
                stored: Day::new(20_780),
                sealed: sealed_of(3_968, 0x5a),
            })),
        ),
        ("Retiring", RelayFrame::Push(Push::Retiring { last_day: Day::new(20_800) })),
        ("Unknown push", RelayFrame::Push(Push::Unknown(9_000))),
    ]
}

// Strategies.

pub fn any_key() -> impl Strategy<Value = MailboxKey> {
    any::<[u8; 32]>().prop_map(|seed| MailboxKey::from_seed(&seed))
}

pub fn any_mailbox() -> impl Strategy<Value = MailboxId> {
    any::<[u8; 32]>().prop_map(MailboxId::from_bytes)
}

pub fn any_proof() -> impl Strategy<Value = OwnerProof> {
    (any_key(), vec(any::<u8>(), 64)).prop_map(|(key, signature)| OwnerProof {
        public_key: key.public(),
        signature: signature.try_into().unwrap(),
    })
}

pub fn any_permit() -> impl Strategy<Value = Permit> {
    any::<[u8; 32]>().prop_map(|bytes| Permit::from_bytes(&bytes))
}

pub fn any_sealed() -> impl Strategy<Value = SealedEnvelope> {
    (0..5_usize, any::<[u8; 4]>()).prop_map(|(size, pattern)| {
        let size = SealedEnvelope::SIZES[size];
        SealedEnvelope::new(pattern.iter().copied().cycle().take(size).collect()).unwrap()
    })
}

pub fn any_bundle() -> impl Strategy<Value = SealedBundle> {
    any::<[u8; 4]>().prop_map(|pattern| {
        SealedBundle::from_bytes(pattern.iter().copied().cycle().take(SealedBundle::SIZE).collect()).unwrap()
    })
}

pub fn any_envelope_id() -> impl Strategy<Value = EnvelopeId> {
    any::<[u8; 16]>().prop_map(EnvelopeId::from_bytes)
}

pub fn any_code() -> impl Strategy<Value = InviteCode> {
    any::<u64>().prop_map(|seed| InviteCode::generate(&mut rng(seed)))
}

pub fn any_request() -> impl Strategy<Value = Request> {
    prop_oneof![
        (any_proof(), proptest::option::of(any_permit()))
            .prop_map(|(proof, permit)| Request::Create { proof, permit }),
        any_proof().prop_map(|proof| Request::Subscribe { proof }),
        (
            any_proof(),
            vec(any_bundle(), 0..=MAX_PUBLISHED),
            proptest::option::of(any_bundle()),
            any::<bool>()
        )
            .prop_map(|(proof, one_time, last_resort, replace)| Request::Publish {
                proof,
                one_time,
                last_resort,
                replace
            }),
        (any_mailbox(), vec(any_envelope_id(), 0..=MAX_ACKNOWLEDGED))
            .prop_map(|(mailbox, ids)| Request::Acknowledge { mailbox, ids }),
        any_proof().prop_map(|proof| Request::Delete { proof }),
        any_mailbox().prop_map(|mailbox| Request::Claim { mailbox }),
        (any_mailbox(), any_sealed())
            .prop_map(|(mailbox, sealed)| Request::Submit(Envelope { mailbox, sealed })),
        any_code().prop_map(|code| Request::RedeemCode { code }),
        Just(Request::Ping),
        (100..=u32::MAX).prop_map(Request::Unknown),
    ]
}

pub fn any_client_frame() -> impl Strategy<Value = ClientFrame> {
    let role = prop_oneof![Just(Role::Owner), Just(Role::Anonymous), (3..=u32::MAX).prop_map(Role::Unknown)];
    prop_oneof![
        1 => (any::<u32>(), role).prop_map(|(version, role)| ClientFrame::Hello { version, role }),
        9 => (1..=u64::MAX, any_request())
            .prop_map(|(id, request)| ClientFrame::Request { id: RequestId::new(id), request }),
    ]
}

pub fn any_refusal() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        Just(Refusal::BadProof),
        Just(Refusal::WrongRole),
        Just(Refusal::Malformed),
        Just(Refusal::UnsupportedVersion),
        Just(Refusal::TooLarge),
        (6..=u32::MAX).prop_map(Refusal::Unknown),
    ]
}

pub fn any_reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        Just(Reply::Created),
        Just(Reply::AlreadyYours),
        Just(Reply::NotPermitted),
        (any::<u32>(), any::<u64>(), any::<u32>()).prop_map(|(one_time_left, claimed, waiting)| {
            Reply::Subscribed { one_time_left, claimed, waiting }
        }),
        any::<u32>().prop_map(|one_time_left| Reply::Published { one_time_left }),
        Just(Reply::Acknowledged),
        proptest::option::of(any_permit()).prop_map(|permit| Reply::Deleted { permit }),
        any_bundle().prop_map(Reply::Bundle),
        Just(Reply::Accepted),
        Just(Reply::Gone),
        Just(Reply::Full),
        any::<u32>().prop_map(|retry_after_secs| Reply::Busy { retry_after_secs }),
        vec(any_permit(), 0..40).prop_map(Reply::Permits),
        Just(Reply::Pong),
        any_refusal().prop_map(Reply::Refused),
        (100..1_024_u32).prop_map(Reply::Unknown),
    ]
}

pub fn any_relay_frame() -> impl Strategy<Value = RelayFrame> {
    let push = prop_oneof![
        (any_mailbox(), any_envelope_id(), any::<u32>(), any_sealed()).prop_map(
            |(mailbox, id, stored, sealed)| Push::Deliver(Delivery {
                mailbox,
                id,
                stored: Day::new(stored),
                sealed
            })
        ),
        any::<u32>().prop_map(|day| Push::Retiring { last_day: Day::new(day) }),
        (1_100..=u32::MAX).prop_map(Push::Unknown),
    ];
    prop_oneof![
        1 => (any::<u32>(), any::<u32>())
            .prop_map(|(version, today)| RelayFrame::Hello { version, today: Day::new(today) }),
        6 => (any::<u64>(), any_reply())
            .prop_map(|(id, reply)| RelayFrame::Reply { id: RequestId::new(id), reply }),
        3 => push.prop_map(RelayFrame::Push),
    ]
}

pub fn any_host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,20}[a-z0-9]\\.[a-z]{2,8}",
        any::<[u8; 4]>().prop_map(|ip| std::net::Ipv4Addr::from(ip).to_string()),
        any::<[u8; 16]>().prop_map(|ip| std::net::Ipv6Addr::from(ip).to_string()),
    ]
}

pub fn any_address() -> impl Strategy<Value = RelayAddress> {
    (any_host(), 1..=u16::MAX, any::<[u8; 32]>())
        .prop_map(|(host, port, pin)| RelayAddress::new(&host, port, RelayPin::from_bytes(pin)).unwrap())
}

pub fn any_signed_invitation() -> impl Strategy<Value = SignedInvitation> {
    (
        any_address(),
        any_key(),
        any::<[u8; 32]>(),
        any::<[u8; 32]>(),
        any::<u32>(),
        any::<bool>(),
        proptest::option::of(any_permit()),
    )
        .prop_map(|(relay, key, secret, statement_hash, expires, many, permit)| {
            Invitation {
                relay,
                mailbox_key: key.public(),
                secret: LinkSecret::from_bytes(&secret),
                statement_hash,
                expires: Day::new(expires),
                flags: if many { InvitationFlags::MANY_USES } else { InvitationFlags::ONCE },
                permit,
            }
            .sign(&key)
            .unwrap()
        })
}
