//! Requests and time by hand, over the store in memory.

use khaima_wire::{
    ClientFrame, Delivery, Envelope, EnvelopeId, FrameError, InviteCode, MailboxId, MailboxKey, OwnerProof,
    PROTOCOL_VERSION, Permit, Purpose, Push, Refusal, RelayFrame, RelayPin, Reply, Request, RequestId, Role,
    SealedBundle, SealedEnvelope, Timestamp,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::store::conformance::{bundle, envelope};
use crate::store::{MailboxStore, MemoryStore};

const PIN: RelayPin = RelayPin::from_bytes([9; 32]);
const NOON: Timestamp = Timestamp::from_secs(20_000 * 86_400 + 43_200);
const OWNER: ConnId = ConnId(1);
const SENDER: ConnId = ConnId(2);

/// A relay with an owner connection and an anonymous one.
struct World {
    relay: LocalRelay<MemoryStore, ChaCha20Rng>,
    now: Timestamp,
    last_id: u64,
    pushed: Vec<(ConnId, Delivery)>,
    closed: Vec<ConnId>,
}

fn exporter(conn: ConnId) -> [u8; 32] {
    [u8::try_from(conn.0).unwrap(); 32]
}

fn key(seed: u8) -> MailboxKey {
    MailboxKey::from_seed(&[seed; 32])
}

impl World {
    fn open() -> Self {
        Self::with(Policy { creation: Creation::Open, ..Policy::default() })
    }

    fn with(policy: Policy) -> Self {
        let rng = ChaCha20Rng::seed_from_u64(7);
        let relay = LocalRelay::new(PIN, policy, MemoryStore::new(), rng);
        let mut world = Self { relay, now: NOON, last_id: 0, pushed: Vec::new(), closed: Vec::new() };
        world.greet(OWNER, Role::Owner);
        world.greet(SENDER, Role::Anonymous);
        world
    }

    fn greet(&mut self, conn: ConnId, role: Role) {
        self.relay.connect(conn, exporter(conn));
        let sent = self.relay.handle(conn, ClientFrame::Hello { version: PROTOCOL_VERSION, role }, self.now);
        let hello = RelayFrame::Hello { version: PROTOCOL_VERSION, today: self.now.day() };
        assert_eq!(sent, [(conn, Sent::Frame(hello))]);
    }

    /// Asks and returns the reply; pushes and closings are collected.
    fn ask(&mut self, conn: ConnId, request: Request) -> Reply {
        self.last_id += 1;
        let id = RequestId::new(self.last_id);
        let sent = self.relay.handle(conn, ClientFrame::Request { id, request }, self.now);
        self.sort(sent, conn, id).expect("one reply")
    }

    fn sort(&mut self, sent: Vec<(ConnId, Sent)>, asker: ConnId, asked: RequestId) -> Option<Reply> {
        let mut answer = None;
        for (conn, sent) in sent {
            match sent {
                Sent::Frame(RelayFrame::Reply { id, reply }) if id == asked && conn == asker => {
                    assert!(answer.replace(reply).is_none(), "two replies to one request");
                }
                Sent::Frame(RelayFrame::Push(Push::Deliver(delivery))) => self.pushed.push((conn, delivery)),
                Sent::Closed => self.closed.push(conn),
                other => panic!("{other:?}"),
            }
        }
        answer
    }

    fn tick(&mut self) {
        let sent = self.relay.tick(self.now);
        assert_eq!(self.sort(sent, ConnId(0), RequestId::CONNECTION), None);
    }

    fn proof(conn: ConnId, seed: u8, purpose: Purpose) -> OwnerProof {
        key(seed).prove(&exporter(conn), &PIN, purpose)
    }

    fn create(&mut self, seed: u8) -> Reply {
        let proof = Self::proof(OWNER, seed, Purpose::Create);
        self.ask(OWNER, Request::Create { proof, permit: None })
    }

    fn subscribe(&mut self, conn: ConnId, seed: u8) -> Reply {
        self.ask(conn, Request::Subscribe { proof: Self::proof(conn, seed, Purpose::Read) })
    }

    fn submit(&mut self, seed: u8, number: u32) -> Reply {
        let envelope = Envelope { mailbox: key(seed).id(), sealed: envelope(number) };
        self.ask(SENDER, Request::Submit(envelope))
    }

    fn acknowledge(&mut self, conn: ConnId, seed: u8, ids: Vec<EnvelopeId>) -> Reply {
        self.ask(conn, Request::Acknowledge { mailbox: key(seed).id(), ids })
    }

    /// Numbers of what has been pushed to a connection since the last look.
    fn take_pushed(&mut self, conn: ConnId) -> Vec<(u32, EnvelopeId)> {
        let taken = std::mem::take(&mut self.pushed);
        let number =
            |delivery: &Delivery| u32::from_be_bytes(delivery.sealed.as_bytes()[..4].try_into().unwrap());
        taken
            .iter()
            .filter(|(to, _)| *to == conn)
            .map(|(_, delivery)| (number(delivery), delivery.id))
            .collect()
    }
}

fn pushed_numbers(pushed: &[(u32, EnvelopeId)]) -> Vec<u32> {
    pushed.iter().map(|(number, _)| *number).collect()
}

#[test]
fn what_is_submitted_is_pushed_and_stays_until_acknowledged() {
    let mut world = World::open();
    assert_eq!(world.create(1), Reply::Created);
    let fresh = Reply::Subscribed { one_time_left: 0, claimed: 0, waiting: 0 };
    assert_eq!(world.subscribe(OWNER, 1), fresh);
    assert_eq!(world.submit(1, 42), Reply::Accepted);
    let pushed = world.take_pushed(OWNER);
    assert_eq!(pushed_numbers(&pushed), [42]);
    // Another connection of the same owner is pushed it too; nothing was acknowledged.
    world.greet(ConnId(3), Role::Owner);
    world.subscribe(ConnId(3), 1);
    assert_eq!(pushed_numbers(&world.take_pushed(ConnId(3))), [42]);
    assert_eq!(world.acknowledge(OWNER, 1, vec![pushed[0].1]), Reply::Acknowledged);
    assert_eq!(world.relay.store().waiting(), 0);
    world.greet(ConnId(4), Role::Owner);
    world.subscribe(ConnId(4), 1);
    assert_eq!(world.take_pushed(ConnId(4)), []);
}

#[test]
fn what_waited_for_an_offline_owner_is_pushed_in_order_on_subscribing() {
    let mut world = World::open();
    world.create(1);
    (0..20).for_each(|number| assert_eq!(world.submit(1, number), Reply::Accepted));
    assert_eq!(world.take_pushed(OWNER), [], "nobody subscribed");
    assert_eq!(world.subscribe(OWNER, 1), Reply::Subscribed { one_time_left: 0, claimed: 0, waiting: 20 });
    assert_eq!(pushed_numbers(&world.take_pushed(OWNER)), (0..20).collect::<Vec<_>>());
}

#[test]
fn at_most_64_are_out_and_each_is_pushed_once() {
    let mut world = World::open();
    world.create(1);
    world.subscribe(OWNER, 1);
    (0..150).for_each(|number| assert_eq!(world.submit(1, number), Reply::Accepted));
    let mut seen = Vec::new();
    loop {
        let pushed = world.take_pushed(OWNER);
        if pushed.is_empty() {
            break;
        }
        assert!(pushed.len() <= MOST_UNACKNOWLEDGED);
        seen.extend(pushed_numbers(&pushed));
        assert!(seen.len() <= 150, "pushed again");
        let ids = pushed.iter().map(|(_, id)| *id).collect();
        assert_eq!(world.acknowledge(OWNER, 1, ids), Reply::Acknowledged);
    }
    assert_eq!(seen, (0..150).collect::<Vec<_>>());
}

#[test]
fn positions_that_start_again_hide_nothing() {
    // Each envelope is alone in its mailbox, so every one gets position 1.
    let mut world = World::open();
    world.create(1);
    world.subscribe(OWNER, 1);
    for number in 0..10 {
        world.submit(1, number);
        let pushed = world.take_pushed(OWNER);
        assert_eq!(pushed_numbers(&pushed), [number]);
        assert_eq!(pushed[0].1.position(), 1);
        world.acknowledge(OWNER, 1, vec![pushed[0].1]);
    }
}

#[test]
fn unknown_deleted_and_expired_mailboxes_answer_with_the_same_bytes() {
    let mut world = World::open();
    world.create(1);
    world.create(2);
    let deleted = world.ask(OWNER, Request::Delete { proof: World::proof(OWNER, 1, Purpose::Delete) });
    assert_eq!(deleted, Reply::Deleted { permit: None });
    world.now = NOON.plus_millis(181 * 86_400_000);
    let mut bytes = Vec::new();
    for upkeep in [false, true] {
        if upkeep {
            world.tick();
        }
        for (seed, what) in [(1, "deleted"), (2, "expired"), (3, "unknown")] {
            let mailbox = key(seed).id();
            let submit = Request::Submit(Envelope { mailbox, sealed: envelope(1) });
            for request in [submit, Request::Claim { mailbox }] {
                let frame = ClientFrame::Request { id: RequestId::new(77), request };
                let sent = world.relay.handle(SENDER, frame, world.now);
                let [(_, Sent::Frame(frame))] = sent.as_slice() else { panic!("{what}: {sent:?}") };
                bytes.push(frame.encode().unwrap());
            }
        }
    }
    let gone = RelayFrame::Reply { id: RequestId::new(77), reply: Reply::Gone }.encode().unwrap();
    assert_eq!(bytes.len(), 12);
    assert!(bytes.iter().all(|bytes| *bytes == gone));
}

#[test]
fn a_proof_from_another_connection_is_refused_and_closes() {
    let mut world = World::open();
    world.create(1);
    let stolen = World::proof(OWNER, 1, Purpose::Read);
    world.greet(ConnId(3), Role::Owner);
    let reply = world.ask(ConnId(3), Request::Subscribe { proof: stolen.clone() });
    assert_eq!(reply, Reply::Refused(Refusal::BadProof));
    assert_eq!(world.closed, [ConnId(3)]);
    assert_eq!(
        world.ask(OWNER, Request::Subscribe { proof: stolen.clone() }),
        Reply::Subscribed { one_time_left: 0, claimed: 0, waiting: 0 }
    );
    assert_eq!(world.ask(OWNER, Request::Delete { proof: stolen }), Reply::Refused(Refusal::BadProof));
    assert_eq!(world.relay.store().mailboxes(), 1);
}

#[test]
fn each_purpose_needs_its_own_proof() {
    for wrong in Purpose::ALL {
        type Make = fn(OwnerProof) -> Request;
        let requests: [(Purpose, Make); 4] = [
            (Purpose::Create, |proof| Request::Create { proof, permit: None }),
            (Purpose::Read, |proof| Request::Subscribe { proof }),
            (Purpose::Publish, |proof| Request::Publish {
                proof,
                one_time: vec![],
                last_resort: None,
                replace: false,
            }),
            (Purpose::Delete, |proof| Request::Delete { proof }),
        ];
        for (right, request) in requests {
            let mut world = World::open();
            world.create(1);
            let reply = world.ask(OWNER, request(World::proof(OWNER, 1, wrong)));
            assert_eq!(reply == Reply::Refused(Refusal::BadProof), right != wrong, "{right:?} {wrong:?}");
        }
    }
}

#[test]
fn owner_and_anonymous_requests_never_share_a_connection() {
    let mut world = World::open();
    world.create(1);
    let mailbox = key(1).id();
    let proof = |conn, purpose| World::proof(conn, 1, purpose);
    let owner_requests = [
        Request::Create { proof: proof(SENDER, Purpose::Create), permit: None },
        Request::Subscribe { proof: proof(SENDER, Purpose::Read) },
        Request::Publish {
            proof: proof(SENDER, Purpose::Publish),
            one_time: vec![],
            last_resort: None,
            replace: true,
        },
        Request::Acknowledge { mailbox, ids: vec![] },
        Request::Delete { proof: proof(SENDER, Purpose::Delete) },
    ];
    for request in owner_requests {
        assert_eq!(world.ask(SENDER, request), Reply::Refused(Refusal::WrongRole));
    }
    let code = InviteCode::from_wire(b"0123456789ABCDEFGHJK").unwrap();
    let anonymous_requests = [
        Request::Claim { mailbox },
        Request::Submit(Envelope { mailbox, sealed: envelope(1) }),
        Request::RedeemCode { code },
    ];
    for request in anonymous_requests {
        assert_eq!(world.ask(OWNER, request), Reply::Refused(Refusal::WrongRole));
    }
    for conn in [OWNER, SENDER] {
        assert_eq!(world.ask(conn, Request::Ping), Reply::Pong);
    }
}

#[test]
fn acknowledging_needs_a_proof_on_the_same_connection() {
    let mut world = World::open();
    world.create(1);
    world.subscribe(OWNER, 1);
    world.submit(1, 1);
    let id = world.take_pushed(OWNER)[0].1;
    world.greet(ConnId(3), Role::Owner);
    assert_eq!(world.acknowledge(ConnId(3), 1, vec![id]), Reply::Refused(Refusal::WrongRole));
    // Proving another mailbox gives no right to this one.
    world.create(2);
    world.subscribe(ConnId(3), 2);
    assert_eq!(world.acknowledge(ConnId(3), 1, vec![id]), Reply::Refused(Refusal::WrongRole));
    assert_eq!(world.acknowledge(ConnId(3), 2, vec![id]), Reply::Acknowledged);
    assert_eq!(world.relay.store().waiting(), 1, "an id counts in its own mailbox only");
}

#[test]
fn a_full_mailbox_says_so_and_takes_more_when_emptied() {
    let quota = Quota { envelopes: 3, bytes: 1 << 20 };
    let mut world = World::with(Policy { creation: Creation::Open, quota, ..Policy::default() });
    world.create(1);
    world.subscribe(OWNER, 1);
    (0..3).for_each(|number| assert_eq!(world.submit(1, number), Reply::Accepted));
    assert_eq!(world.submit(1, 3), Reply::Full);
    let first = world.take_pushed(OWNER)[0].1;
    world.acknowledge(OWNER, 1, vec![first]);
    assert_eq!(world.submit(1, 4), Reply::Accepted);
}

#[test]
fn an_envelope_is_not_pushed_after_its_days() {
    let mut world = World::open();
    world.create(1);
    world.submit(1, 1);
    world.now = NOON.plus_millis(30 * 86_400_000);
    world.submit(1, 2);
    world.subscribe(OWNER, 1);
    assert_eq!(pushed_numbers(&world.take_pushed(OWNER)), [2]);
    world.tick();
    assert_eq!(world.relay.store().waiting(), 1);
}

#[test]
fn a_connection_that_stays_keeps_its_mailboxes_alive() {
    let mut world = World::open();
    world.create(1);
    world.create(2);
    world.subscribe(OWNER, 1);
    for day in 1..=400 {
        world.now = NOON.plus_millis(day * 86_400_000);
        world.tick();
    }
    assert_eq!(world.relay.store().mailboxes(), 1);
    assert_eq!(world.submit(1, 1), Reply::Accepted);
    assert_eq!(world.submit(2, 1), Reply::Gone);
}

#[test]
fn invited_people_need_a_permit_and_get_one_back() {
    let mut world = World::with(Policy { permits_per_code: 2, ..Policy::default() });
    assert_eq!(world.create(1), Reply::NotPermitted);
    let code = InviteCode::from_wire(b"0123456789ABCDEFGHJK").unwrap();
    let redeem = |world: &mut World| world.ask(SENDER, Request::RedeemCode { code: code.clone() });
    assert_eq!(redeem(&mut world), Reply::NotPermitted, "not known yet");
    let invite = Invite { uses: 1, expires: NOON.day().plus(1) };
    let added =
        crate::store::conformance::ask(world.relay.store(), StoreOp::AddInvite { code: code.hash(), invite });
    assert_eq!(added, StoreReply::Added);
    let Reply::Permits(permits) = redeem(&mut world) else { panic!() };
    assert_eq!(permits.len(), 2);
    assert_eq!(redeem(&mut world), Reply::NotPermitted, "one use");
    let create = |world: &mut World, seed, permit: &Permit| {
        let proof = World::proof(OWNER, seed, Purpose::Create);
        world.ask(OWNER, Request::Create { proof, permit: Some(permit.clone()) })
    };
    assert_eq!(create(&mut world, 1, &permits[0]), Reply::Created);
    assert_eq!(create(&mut world, 1, &permits[0]), Reply::AlreadyYours, "the answer may have been lost");
    assert_eq!(world.create(1), Reply::AlreadyYours);
    assert_eq!(create(&mut world, 2, &permits[0]), Reply::NotPermitted);
    assert_eq!(create(&mut world, 2, &permits[1]), Reply::Created);
    let delete = |world: &mut World| {
        world.ask(OWNER, Request::Delete { proof: World::proof(OWNER, 1, Purpose::Delete) })
    };
    let Reply::Deleted { permit: Some(back) } = delete(&mut world) else { panic!() };
    assert_eq!(delete(&mut world), Reply::Deleted { permit: None }, "once");
    assert_eq!(create(&mut world, 3, &back), Reply::Created);
}

#[test]
fn an_open_relay_limits_mailboxes_by_neighbourhood_and_in_all() {
    let rates = Rates { creations_per_prefix_and_day: 2, ..Rates::default() };
    let policy = Policy { creation: Creation::Open, rates, most_mailboxes: 3, ..Policy::default() };
    let mut world = World::with(policy);
    assert_eq!((world.create(1), world.create(2)), (Reply::Created, Reply::Created));
    let Reply::Busy { retry_after_secs } = world.create(3) else { panic!() };
    assert_eq!(retry_after_secs, 86_400);
    world.now = NOON.plus_millis(86_400_000);
    assert_eq!((world.create(3), world.create(4)), (Reply::Created, Reply::NotPermitted));
}

#[test]
fn a_pool_gives_each_bundle_once_counts_claims_and_limits_their_rate() {
    let rates = Rates { claims_per_mailbox_and_hour: 4, ..Rates::default() };
    let mut world = World::with(Policy { creation: Creation::Open, rates, ..Policy::default() });
    world.create(1);
    let publish = |world: &mut World, one_time: Vec<SealedBundle>| {
        let proof = World::proof(OWNER, 1, Purpose::Publish);
        let (last_resort, replace) = (Some(bundle(99)), false);
        world.ask(OWNER, Request::Publish { proof, one_time, last_resort, replace })
    };
    assert_eq!(publish(&mut world, vec![bundle(1), bundle(2)]), Reply::Published { one_time_left: 2 });
    let claim = |world: &mut World| world.ask(SENDER, Request::Claim { mailbox: key(1).id() });
    assert_eq!(claim(&mut world), Reply::Bundle(bundle(1)));
    assert_eq!(claim(&mut world), Reply::Bundle(bundle(2)));
    assert_eq!(claim(&mut world), Reply::Bundle(bundle(99)));
    assert_eq!(claim(&mut world), Reply::Bundle(bundle(99)));
    assert!(matches!(claim(&mut world), Reply::Busy { .. }), "five in an hour");
    assert_eq!(world.subscribe(OWNER, 1), Reply::Subscribed { one_time_left: 0, claimed: 4, waiting: 0 });
    let too_many: Vec<_> = (0..12).map(bundle).collect();
    for _ in 0..4 {
        assert!(matches!(publish(&mut world, too_many.clone()), Reply::Published { .. }));
    }
    assert_eq!(publish(&mut world, vec![bundle(1)]), Reply::Refused(Refusal::TooLarge));
}

#[test]
fn the_first_frame_is_a_hello_we_speak_and_there_is_only_one() {
    let hello = |version, role| ClientFrame::Hello { version, role };
    let refused = |refusal| {
        let reply = Reply::Refused(refusal);
        [Sent::Frame(RelayFrame::Reply { id: RequestId::CONNECTION, reply }), Sent::Closed]
    };
    let mut world = World::open();
    let conn = ConnId(5);
    let mut first = |frame| -> Vec<Sent> {
        world.relay.connect(conn, exporter(conn));
        world.relay.handle(conn, frame, NOON).into_iter().map(|(_, sent)| sent).collect()
    };
    assert_eq!(first(hello(PROTOCOL_VERSION + 1, Role::Owner)), refused(Refusal::UnsupportedVersion));
    assert_eq!(first(hello(PROTOCOL_VERSION, Role::Unknown(9))), refused(Refusal::WrongRole));
    let ping = ClientFrame::Request { id: RequestId::new(1), request: Request::Ping };
    assert_eq!(first(ping), refused(Refusal::Malformed));
    let again = world.relay.handle(OWNER, hello(PROTOCOL_VERSION, Role::Owner), NOON);
    assert_eq!(again.into_iter().map(|(_, sent)| sent).collect::<Vec<_>>(), refused(Refusal::Malformed));
}

#[test]
fn unknown_requests_are_named_and_unreadable_frames_refused() {
    let mut world = World::open();
    assert_eq!(world.ask(OWNER, Request::Unknown(321)), Reply::Refused(Refusal::Unknown(321)));
    let mut state = ConnectionState::new([0; 32], AddressPrefix::NONE);
    let mut relay = Relay::new(PIN, Policy::default());
    let hello = ClientFrame::Hello { version: PROTOCOL_VERSION, role: Role::Owner };
    state.on_frame(&mut relay, hello, NOON, &mut ChaCha20Rng::seed_from_u64(1));
    let id = RequestId::new(4);
    let actions = state.on_unreadable(FrameError::Malformed { id: Some(id) });
    assert!(matches!(
        actions.as_slice(),
        [Action::Send(RelayFrame::Reply { id: RequestId { .. }, reply: Reply::Refused(Refusal::Malformed) })]
    ));
    let actions = state.on_unreadable(FrameError::TooLarge);
    assert!(matches!(actions.as_slice(), [Action::Send(_), Action::Close(CloseReason::Protocol)]));
    assert!(state.on_unreadable(FrameError::TooLarge).is_empty(), "closed");
}

/// A store that cannot.
#[derive(Debug)]
struct Failing(StoreError);

impl MailboxStore for Failing {
    fn apply(&self, _: StoreOp) -> impl Future<Output = Result<StoreReply, StoreError>> + Send + use<> {
        std::future::ready(Err(self.0))
    }
}

#[test]
fn nothing_is_accepted_that_the_store_did_not_take() {
    for error in [StoreError::Overloaded, StoreError::Unavailable, StoreError::Closed] {
        let policy = Policy { creation: Creation::Open, ..Policy::default() };
        let mut relay = LocalRelay::new(PIN, policy, Failing(error), ChaCha20Rng::seed_from_u64(1));
        relay.connect(SENDER, [1; 32]);
        relay.handle(SENDER, ClientFrame::Hello { version: PROTOCOL_VERSION, role: Role::Anonymous }, NOON);
        let request = Request::Submit(Envelope { mailbox: key(1).id(), sealed: envelope(1) });
        let sent = relay.handle(SENDER, ClientFrame::Request { id: RequestId::new(1), request }, NOON);
        let [(_, Sent::Frame(RelayFrame::Reply { reply: Reply::Busy { retry_after_secs }, .. }))] =
            sent.as_slice()
        else {
            panic!("{sent:?}")
        };
        assert!(*retry_after_secs > 0);
    }
}

#[test]
fn accepted_is_said_of_appended_envelopes_only() {
    let relay = Relay::new(PIN, Policy::default());
    let mailbox = MailboxId::from_bytes([1; 32]);
    let answers = [
        StoreReply::Acknowledged,
        StoreReply::Added,
        StoreReply::AlreadyYours,
        StoreReply::Appended,
        StoreReply::Created,
        StoreReply::Deleted,
        StoreReply::Fetched { deliveries: vec![], more: false },
        StoreReply::Full,
        StoreReply::Gone,
        StoreReply::NotPermitted,
        StoreReply::Published { one_time_left: 1 },
        StoreReply::Redeemed,
        StoreReply::Subscribed { one_time_left: 1, claimed: 1, waiting: 1 },
        StoreReply::Touched,
        StoreReply::Upkept(Upkept::default()),
    ];
    for answer in answers {
        let appended = answer == StoreReply::Appended;
        let outcome = relay.conclude(Pending::Submit { mailbox }, Ok(answer.clone()));
        assert_eq!(outcome.reply == Reply::Accepted, appended);
        assert_eq!(outcome.wake, appended.then_some(mailbox));
        for other in [Pending::Claim, Pending::Create, Pending::Publish] {
            assert_ne!(relay.conclude(other, Ok(answer.clone())).reply, Reply::Accepted);
        }
    }
}

#[test]
fn a_client_that_left_before_the_answer_still_wakes_the_owner() {
    let mut relay = Relay::new(PIN, Policy::default());
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut state = ConnectionState::new([0; 32], AddressPrefix::NONE);
    let hello = ClientFrame::Hello { version: PROTOCOL_VERSION, role: Role::Anonymous };
    state.on_frame(&mut relay, hello, NOON, &mut rng);
    let mailbox = MailboxId::from_bytes([1; 32]);
    let request = Request::Submit(Envelope { mailbox, sealed: envelope(1) });
    let frame = ClientFrame::Request { id: RequestId::new(1), request };
    let actions = state.on_frame(&mut relay, frame, NOON, &mut rng);
    let [Action::Apply(ticket, _)] = actions.as_slice() else { panic!("{actions:?}") };
    state.on_disconnected();
    let actions = state.on_stored(&relay, *ticket, Ok(StoreReply::Appended), NOON);
    assert!(matches!(actions.as_slice(), [Action::Wake(woken)] if *woken == mailbox), "{actions:?}");
}

#[test]
fn subscriptions_of_one_connection_are_bounded() {
    let mut relay = Relay::new(PIN, Policy::default());
    let mut caller = Caller::new(Role::Owner, [1; 32], AddressPrefix::NONE);
    for number in 0..MOST_SUBSCRIPTIONS {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        caller.remember(MailboxOwner::for_tests(MailboxId::from_bytes(id)));
    }
    let proof = key(1).prove(&[1; 32], &PIN, Purpose::Read);
    let plan = relay.plan(&caller, Request::Subscribe { proof }, NOON, &mut ChaCha20Rng::seed_from_u64(1));
    assert!(matches!(plan, Plan::Answer(Reply::Refused(Refusal::TooLarge))));
}

#[test]
fn envelopes_of_every_size_pass() {
    let mut world = World::open();
    world.create(1);
    world.subscribe(OWNER, 1);
    for size in SealedEnvelope::SIZES {
        let sealed = SealedEnvelope::new(vec![7; size]).unwrap();
        let submit = Request::Submit(Envelope { mailbox: key(1).id(), sealed: sealed.clone() });
        assert_eq!(world.ask(SENDER, submit), Reply::Accepted);
        let (_, delivery) = world.pushed.pop().unwrap();
        assert!(delivery.sealed == sealed);
    }
}
