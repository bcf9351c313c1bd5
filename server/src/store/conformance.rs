//! The suite that every store passes. Each function takes an empty store and panics where it does not behave.
//!
//! [`every_fact`] runs all of them on stores from one maker; a backend's tests call that and nothing else. A new rule
//! of stores begins with a function here.
//!
//! Not its concern: durability across a crash and what lies on a disk, which each backend proves for itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test suite that other crates' tests can call; it is reached by no program"
)]

use std::future::Future;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use khaima_wire::{
    Day, Delivery, EnvelopeId, MailboxId, MailboxKey, Purpose, RelayPin, SealedBundle, SealedEnvelope,
    Timestamp,
};

use super::MailboxStore;
use crate::core::{Calendar, CreationRight, Invite, MailboxOwner, Quota, StoreOp, StoreReply, Upkept, prove};

/// Runs every function of the suite, each on a fresh store.
pub fn every_fact<S: MailboxStore>(mut fresh: impl FnMut() -> S) {
    a_mailbox_is_created_once_and_repeating_it_is_success(&fresh());
    what_was_never_created_is_gone_for_every_operation(&fresh());
    a_deleted_mailbox_is_gone_and_can_be_made_again_empty(&fresh());
    a_permit_is_spent_once_and_only_for_a_new_mailbox(&fresh());
    a_code_gives_permits_as_often_as_it_says_until_its_day(&fresh());
    deleting_gives_a_permit_back_once(&fresh());
    the_number_of_mailboxes_is_limited(&fresh());
    envelopes_come_in_order_until_acknowledged(&fresh());
    envelopes_of_every_size_come_back_unchanged(&fresh());
    fetching_leaves_out_what_is_out_and_stops_at_the_limits(&fresh());
    the_quota_counts_envelopes_and_bytes_and_acknowledging_makes_room(&fresh());
    an_envelope_expires_on_its_day(&fresh());
    a_mailbox_expires_when_its_owner_stays_away(&fresh());
    a_visit_keeps_a_mailbox_alive(&fresh());
    one_time_bundles_are_given_out_once_and_the_last_resort_for_ever(&fresh());
    publishing_replaces_and_respects_the_size_of_the_pool(&fresh());
    concurrent_claims_never_give_one_bundle_twice(&Arc::new(fresh()));
    concurrent_appends_all_arrive(&Arc::new(fresh()));
    upkeep_changes_nothing_that_is_alive(&fresh());
}

const TODAY: Day = Day::new(20_000);
const QUOTA: Quota = Quota { envelopes: 100, bytes: 1 << 20 };

fn calendar(today: Day) -> Calendar {
    Calendar::new(today, 180)
}

/// A proven owner; the proof is real.
#[must_use]
pub fn owner(seed: u8) -> MailboxOwner {
    let (exporter, pin) = ([7; 32], RelayPin::from_bytes([9; 32]));
    let proof = MailboxKey::from_seed(&[seed; 32]).prove(&exporter, &pin, Purpose::Read);
    prove(&proof, &exporter, &pin, Purpose::Read).unwrap()
}

/// An envelope of the smallest size that begins with a number.
#[must_use]
pub fn envelope(number: u32) -> SealedEnvelope {
    envelope_of(number, SealedEnvelope::SIZES[0])
}

fn envelope_of(number: u32, size: usize) -> SealedEnvelope {
    let mut bytes = vec![0x5a; size];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    SealedEnvelope::new(bytes).unwrap()
}

/// A bundle that begins with a number.
#[must_use]
pub fn bundle(number: u32) -> SealedBundle {
    let mut bytes = vec![0xa5; SealedBundle::SIZE];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    SealedBundle::from_bytes(bytes).unwrap()
}

fn number_of(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().unwrap())
}

/// Waits for a store's answer, whatever runs the store.
pub fn wait<F: Future>(future: F) -> F::Output {
    #[derive(Default)]
    struct Signal(Mutex<bool>, Condvar);
    impl Wake for Signal {
        fn wake(self: Arc<Self>) {
            *self.0.lock().unwrap() = true;
            self.1.notify_one();
        }
    }
    let signal = Arc::new(Signal::default());
    let waker = Waker::from(Arc::clone(&signal));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let woken = signal.0.lock().unwrap();
        *signal.1.wait_while(woken, |woken| !*woken).unwrap() = false;
    }
}

/// Applies an operation and waits for its answer.
pub fn ask<S: MailboxStore>(store: &S, op: StoreOp) -> StoreReply {
    wait(store.apply(op)).unwrap()
}

/// Makes a mailbox without a permit.
pub fn create<S: MailboxStore>(store: &S, owner: MailboxOwner) -> StoreReply {
    create_with(store, owner, CreationRight::Free, TODAY)
}

fn create_with<S: MailboxStore>(
    store: &S,
    owner: MailboxOwner,
    right: CreationRight,
    today: Day,
) -> StoreReply {
    ask(store, StoreOp::Create { owner, right, calendar: calendar(today), most_mailboxes: 1_000 })
}

/// Appends envelope `number`, to live thirty days.
pub fn append<S: MailboxStore>(store: &S, mailbox: MailboxId, number: u32) -> StoreReply {
    append_sealed(store, mailbox, envelope(number), TODAY)
}

fn append_sealed<S: MailboxStore>(
    store: &S,
    mailbox: MailboxId,
    sealed: SealedEnvelope,
    today: Day,
) -> StoreReply {
    let random = [number_of(sealed.as_bytes()).to_be_bytes(), [1; 4]].concat().try_into().unwrap();
    let (expires, calendar) = (today.plus(30), calendar(today));
    ask(store, StoreOp::Append { mailbox, sealed, random, expires, calendar, quota: QUOTA })
}

/// What waits in a mailbox, at most 64.
pub fn waiting<S: MailboxStore>(store: &S, owner: MailboxOwner) -> Vec<Delivery> {
    match fetch(store, owner, &[], 64, usize::MAX, TODAY) {
        StoreReply::Fetched { deliveries, .. } => deliveries,
        other => panic!("{other:?}"),
    }
}

fn fetch<S: MailboxStore>(
    store: &S,
    owner: MailboxOwner,
    except: &[EnvelopeId],
    most: usize,
    most_bytes: usize,
    today: Day,
) -> StoreReply {
    let (except, calendar) = (except.to_vec(), calendar(today));
    ask(store, StoreOp::Fetch { owner, except, most, most_bytes, calendar })
}

/// The numbers of what waits in a mailbox.
pub fn numbers<S: MailboxStore>(store: &S, owner: MailboxOwner) -> Vec<u32> {
    waiting(store, owner).iter().map(|delivery| number_of(delivery.sealed.as_bytes())).collect()
}

/// Acknowledges envelopes.
pub fn acknowledge<S: MailboxStore>(store: &S, owner: MailboxOwner, ids: Vec<EnvelopeId>) -> StoreReply {
    ask(store, StoreOp::Acknowledge { owner, ids, calendar: calendar(TODAY) })
}

fn subscribe<S: MailboxStore>(store: &S, owner: MailboxOwner, today: Day) -> StoreReply {
    ask(store, StoreOp::Subscribe { owner, calendar: calendar(today) })
}

fn publish<S: MailboxStore>(
    store: &S,
    owner: MailboxOwner,
    one_time: &[u32],
    last_resort: Option<u32>,
    replace: bool,
) -> StoreReply {
    let one_time = one_time.iter().copied().map(bundle).collect();
    let last_resort = last_resort.map(bundle);
    ask(
        store,
        StoreOp::Publish { owner, one_time, last_resort, replace, most: 16, calendar: calendar(TODAY) },
    )
}

fn claim<S: MailboxStore>(store: &S, mailbox: MailboxId) -> StoreReply {
    ask(store, StoreOp::Claim { mailbox, calendar: calendar(TODAY) })
}

fn claimed_number(reply: &StoreReply) -> u32 {
    match reply {
        StoreReply::Bundle(bundle) => number_of(bundle.as_bytes()),
        other => panic!("{other:?}"),
    }
}

/// Upkeep until nothing is left to do; what was done in all.
pub fn upkeep<S: MailboxStore>(store: &S, now: Timestamp) -> Upkept {
    let mut total = Upkept::default();
    loop {
        match ask(store, StoreOp::Upkeep { now, calendar: calendar(now.day()) }) {
            StoreReply::Upkept(done) => {
                total.envelopes += done.envelopes;
                total.mailboxes += done.mailboxes;
                total.unreadable += done.unreadable;
                if !done.more {
                    return total;
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

fn a_mailbox_is_created_once_and_repeating_it_is_success<S: MailboxStore>(store: &S) {
    assert_eq!(create(store, owner(1)), StoreReply::Created);
    append(store, owner(1).mailbox(), 1);
    assert_eq!(create(store, owner(1)), StoreReply::AlreadyYours);
    assert_eq!(numbers(store, owner(1)), [1], "repeating empties nothing");
}

fn what_was_never_created_is_gone_for_every_operation<S: MailboxStore>(store: &S) {
    let nobody = owner(1);
    assert_eq!(append(store, nobody.mailbox(), 1), StoreReply::Gone);
    assert_eq!(claim(store, nobody.mailbox()), StoreReply::Gone);
    assert_eq!(subscribe(store, nobody, TODAY), StoreReply::Gone);
    assert_eq!(publish(store, nobody, &[1], None, false), StoreReply::Gone);
    assert_eq!(acknowledge(store, nobody, vec![EnvelopeId::new(1, [0; 8])]), StoreReply::Gone);
    assert_eq!(fetch(store, nobody, &[], 1, 1, TODAY), StoreReply::Gone);
    let op = StoreOp::Delete { owner: nobody, refund: None, calendar: calendar(TODAY) };
    assert_eq!(ask(store, op), StoreReply::Gone);
}

fn a_deleted_mailbox_is_gone_and_can_be_made_again_empty<S: MailboxStore>(store: &S) {
    create(store, owner(1));
    create(store, owner(2));
    publish(store, owner(1), &[1], Some(2), false);
    append(store, owner(1).mailbox(), 1);
    append(store, owner(2).mailbox(), 2);
    let delete = StoreOp::Delete { owner: owner(1), refund: None, calendar: calendar(TODAY) };
    assert_eq!(ask(store, delete.clone()), StoreReply::Deleted);
    assert_eq!(ask(store, delete), StoreReply::Gone);
    assert_eq!(append(store, owner(1).mailbox(), 3), StoreReply::Gone);
    assert_eq!(claim(store, owner(1).mailbox()), StoreReply::Gone);
    assert_eq!(create(store, owner(1)), StoreReply::Created);
    assert_eq!(numbers(store, owner(1)), [0_u32; 0]);
    assert_eq!(claim(store, owner(1).mailbox()), StoreReply::Gone, "its bundles went too");
    assert_eq!(numbers(store, owner(2)), [2], "another mailbox is untouched");
}

fn add_invite<S: MailboxStore>(store: &S, code: [u8; 32], uses: u32, expires: Day) {
    let op = StoreOp::AddInvite { code, invite: Invite { uses, expires } };
    assert_eq!(ask(store, op), StoreReply::Added);
}

fn redeem<S: MailboxStore>(store: &S, code: [u8; 32], permits: &[[u8; 32]], today: Day) -> StoreReply {
    ask(store, StoreOp::Redeem { code, permits: permits.to_vec(), today })
}

fn a_permit_is_spent_once_and_only_for_a_new_mailbox<S: MailboxStore>(store: &S) {
    add_invite(store, [1; 32], 1, TODAY.plus(1));
    redeem(store, [1; 32], &[[10; 32], [11; 32]], TODAY);
    let with = |seed, right| create_with(store, owner(seed), right, TODAY);
    assert_eq!(with(1, CreationRight::Missing), StoreReply::NotPermitted);
    assert_eq!(with(1, CreationRight::Permit([12; 32])), StoreReply::NotPermitted);
    assert_eq!(with(1, CreationRight::Permit([10; 32])), StoreReply::Created);
    assert_eq!(with(1, CreationRight::Permit([11; 32])), StoreReply::AlreadyYours);
    assert_eq!(with(1, CreationRight::Missing), StoreReply::AlreadyYours);
    assert_eq!(with(2, CreationRight::Permit([10; 32])), StoreReply::NotPermitted, "spent");
    assert_eq!(with(2, CreationRight::Permit([11; 32])), StoreReply::Created, "not spent by the repetition");
}

fn a_code_gives_permits_as_often_as_it_says_until_its_day<S: MailboxStore>(store: &S) {
    add_invite(store, [1; 32], 2, TODAY.plus(3));
    assert_eq!(redeem(store, [2; 32], &[[20; 32]], TODAY), StoreReply::NotPermitted);
    assert_eq!(redeem(store, [1; 32], &[[20; 32]], TODAY), StoreReply::Redeemed);
    assert_eq!(redeem(store, [1; 32], &[[21; 32]], TODAY.plus(3)), StoreReply::NotPermitted, "too late");
    assert_eq!(redeem(store, [1; 32], &[[21; 32]], TODAY.plus(2)), StoreReply::Redeemed);
    assert_eq!(redeem(store, [1; 32], &[[22; 32]], TODAY), StoreReply::NotPermitted, "used up");
    add_invite(store, [1; 32], 2, TODAY.plus(3));
    assert_eq!(redeem(store, [1; 32], &[[22; 32]], TODAY), StoreReply::NotPermitted, "handed over twice");
    for (seed, permit, expected) in [(1, 20, StoreReply::Created), (2, 22, StoreReply::NotPermitted)] {
        let right = CreationRight::Permit([permit; 32]);
        assert_eq!(create_with(store, owner(seed), right, TODAY), expected);
    }
}

fn deleting_gives_a_permit_back_once<S: MailboxStore>(store: &S) {
    create(store, owner(1));
    let delete = |refund| StoreOp::Delete { owner: owner(1), refund, calendar: calendar(TODAY) };
    assert_eq!(ask(store, delete(Some([30; 32]))), StoreReply::Deleted);
    assert_eq!(ask(store, delete(Some([31; 32]))), StoreReply::Gone);
    let with = |seed, permit| create_with(store, owner(seed), CreationRight::Permit([permit; 32]), TODAY);
    assert_eq!(with(2, 31), StoreReply::NotPermitted);
    assert_eq!(with(2, 30), StoreReply::Created);
}

fn the_number_of_mailboxes_is_limited<S: MailboxStore>(store: &S) {
    let create = |seed, most_mailboxes| {
        let (right, calendar) = (CreationRight::Free, calendar(TODAY));
        ask(store, StoreOp::Create { owner: owner(seed), right, calendar, most_mailboxes })
    };
    assert_eq!(create(1, 2), StoreReply::Created);
    assert_eq!(create(2, 2), StoreReply::Created);
    assert_eq!(create(3, 2), StoreReply::Full);
    assert_eq!(create(2, 2), StoreReply::AlreadyYours);
    assert_eq!(create(3, 3), StoreReply::Created);
}

fn envelopes_come_in_order_until_acknowledged<S: MailboxStore>(store: &S) {
    create(store, owner(1));
    let mailbox = owner(1).mailbox();
    for number in 0..20 {
        assert_eq!(append(store, mailbox, number), StoreReply::Appended);
    }
    assert_eq!(numbers(store, owner(1)), (0..20).collect::<Vec<_>>());
    let all = waiting(store, owner(1));
    assert!(all.iter().all(|delivery| delivery.mailbox == mailbox && delivery.stored == TODAY));
    let some = vec![all[0].id, all[7].id, all[19].id, EnvelopeId::new(999, [0; 8])];
    assert_eq!(acknowledge(store, owner(1), some.clone()), StoreReply::Acknowledged);
    assert_eq!(acknowledge(store, owner(1), some), StoreReply::Acknowledged, "again is as good as once");
    let left: Vec<u32> = (1..19).filter(|number| *number != 7).collect();
    assert_eq!(numbers(store, owner(1)), left);
    append(store, mailbox, 77);
    assert_eq!(numbers(store, owner(1)).last(), Some(&77), "a new one comes after those that wait");
    let StoreReply::Subscribed { waiting: count, .. } = subscribe(store, owner(1), TODAY) else { panic!() };
    assert_eq!(count, 18);
}

fn envelopes_of_every_size_come_back_unchanged<S: MailboxStore>(store: &S) {
    create(store, owner(1));
    let sent: Vec<_> = (1..).zip(SealedEnvelope::SIZES).map(|(n, size)| envelope_of(n, size)).collect();
    for sealed in &sent {
        assert_eq!(append_sealed(store, owner(1).mailbox(), sealed.clone(), TODAY), StoreReply::Appended);
    }
    let read: Vec<_> = waiting(store, owner(1)).into_iter().map(|delivery| delivery.sealed).collect();
    assert!(read == sent);
}

fn fetching_leaves_out_what_is_out_and_stops_at_the_limits<S: MailboxStore>(store: &S) {
    create(store, owner(1));
    (0..10).for_each(|number| drop(append(store, owner(1).mailbox(), number)));
    let ids: Vec<_> = waiting(store, owner(1)).into_iter().map(|delivery| delivery.id).collect();
    let read = |except: &[EnvelopeId], most, most_bytes| match fetch(
        store,
        owner(1),
        except,
        most,
        most_bytes,
        TODAY,
    ) {
        StoreReply::Fetched { deliveries, more } => {
            (deliveries.iter().map(|d| number_of(d.sealed.as_bytes())).collect::<Vec<_>>(), more)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(read(&[], 3, usize::MAX), (vec![0, 1, 2], true));
    assert_eq!(read(&[ids[0], ids[2]], 3, usize::MAX), (vec![1, 3, 4], true));
    assert_eq!(read(&ids[..8], 2, usize::MAX), (vec![8, 9], false));
    assert_eq!(read(&[], 64, 2 * 3_968), (vec![0, 1], true));
    assert_eq!(read(&[], 64, 1), (vec![0], true), "at least one");
    assert_eq!(read(&ids, 64, usize::MAX), (vec![], false));
}

fn the_quota_counts_envelopes_and_bytes_and_acknowledging_makes_room<S: MailboxStore>(store: &S) {
    create(store, owner(1));
    create(store, owner(2));
    let append = |seed, number, quota| {
        let (expires, calendar) = (TODAY.plus(30), calendar(TODAY));
        let (mailbox, sealed, random) = (owner(seed).mailbox(), envelope(number), [9; 8]);
        ask(store, StoreOp::Append { mailbox, sealed, random, expires, calendar, quota })
    };
    let two = Quota { envelopes: 2, bytes: 1 << 20 };
    assert_eq!(append(1, 1, two), StoreReply::Appended);
    assert_eq!(append(1, 2, two), StoreReply::Appended);
    assert_eq!(append(1, 3, two), StoreReply::Full);
    assert_eq!(append(2, 3, two), StoreReply::Appended, "each mailbox has its own");
    acknowledge(store, owner(1), vec![waiting(store, owner(1))[0].id]);
    assert_eq!(append(1, 4, two), StoreReply::Appended);
    let bytes = Quota { envelopes: 100, bytes: 2 * 3_968 };
    assert_eq!(append(1, 5, bytes), StoreReply::Full);
    assert_eq!(numbers(store, owner(1)), [2, 4]);
}

fn an_envelope_expires_on_its_day<S: MailboxStore>(store: &S) {
    create(store, owner(1));
    append(store, owner(1).mailbox(), 1);
    append_sealed(store, owner(1).mailbox(), envelope(2), TODAY.plus(1));
    let read = |today| match fetch(store, owner(1), &[], 64, usize::MAX, today) {
        StoreReply::Fetched { deliveries, .. } => deliveries.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!((read(TODAY.plus(29)), read(TODAY.plus(30)), read(TODAY.plus(31))), (2, 1, 0));
    assert_eq!(upkeep(store, TODAY.plus(30).start()).envelopes, 1);
    assert_eq!(numbers(store, owner(1)), [2]);
    let StoreReply::Subscribed { waiting, .. } = subscribe(store, owner(1), TODAY) else { panic!() };
    assert_eq!(waiting, 1, "what expired no longer counts");
}

fn a_mailbox_expires_when_its_owner_stays_away<S: MailboxStore>(store: &S) {
    create(store, owner(1));
    publish(store, owner(1), &[1], Some(2), false);
    append_sealed(store, owner(1).mailbox(), envelope(1), TODAY);
    assert_ne!(subscribe(store, owner(2), TODAY.plus(181)), StoreReply::Created);
    let late = TODAY.plus(181);
    assert_eq!(append_sealed(store, owner(1).mailbox(), envelope(2), late), StoreReply::Gone);
    assert_eq!(subscribe(store, owner(1), late), StoreReply::Gone, "before upkeep as after it");
    create_with(store, owner(3), CreationRight::Free, late);
    assert_eq!(upkeep(store, late.start()).mailboxes, 1);
    assert_eq!(subscribe(store, owner(1), TODAY), StoreReply::Gone);
    assert_ne!(subscribe(store, owner(3), late), StoreReply::Gone, "another lives on");
    assert_eq!(create(store, owner(1)), StoreReply::Created);
    assert_eq!(numbers(store, owner(1)), [0_u32; 0]);
    assert_eq!(claim(store, owner(1).mailbox()), StoreReply::Gone);
}

fn a_visit_keeps_a_mailbox_alive<S: MailboxStore>(store: &S) {
    for seed in 1..=4 {
        create(store, owner(seed));
    }
    let visit = TODAY.plus(100);
    subscribe(store, owner(1), visit);
    ask(store, StoreOp::Touch { owners: vec![owner(2), owner(9)], calendar: calendar(visit) });
    ask(store, StoreOp::Acknowledge { owner: owner(3), ids: vec![], calendar: calendar(visit) });
    let late = TODAY.plus(280);
    assert_eq!(upkeep(store, late.start()).mailboxes, 1, "the one that nobody visited");
    for seed in 1..=3 {
        assert_ne!(subscribe(store, owner(seed), late), StoreReply::Gone, "{seed}");
    }
    assert_eq!(subscribe(store, owner(4), late), StoreReply::Gone);
}

fn one_time_bundles_are_given_out_once_and_the_last_resort_for_ever<S: MailboxStore>(store: &S) {
    create(store, owner(1));
    let mailbox = owner(1).mailbox();
    assert_eq!(claim(store, mailbox), StoreReply::Gone, "nothing published yet");
    let published = publish(store, owner(1), &[1, 2], Some(99), false);
    assert_eq!(published, StoreReply::Published { one_time_left: 2 });
    let claimed: Vec<_> = (0..4).map(|_| claimed_number(&claim(store, mailbox))).collect();
    assert_eq!(claimed, [1, 2, 99, 99]);
    let subscribed = StoreReply::Subscribed { one_time_left: 0, claimed: 4, waiting: 0 };
    assert_eq!(subscribe(store, owner(1), TODAY), subscribed);
    publish(store, owner(1), &[3], None, false);
    let claimed: Vec<_> = (0..2).map(|_| claimed_number(&claim(store, mailbox))).collect();
    assert_eq!(claimed, [3, 99], "a last resort stays until replaced");
}

fn publishing_replaces_and_respects_the_size_of_the_pool<S: MailboxStore>(store: &S) {
    create(store, owner(1));
    let ten: Vec<u32> = (0..10).collect();
    assert_eq!(publish(store, owner(1), &ten, None, false), StoreReply::Published { one_time_left: 10 });
    assert_eq!(publish(store, owner(1), &ten, None, false), StoreReply::Full, "at most 16 here");
    let replaced = publish(store, owner(1), &[20, 21], Some(99), true);
    assert_eq!(replaced, StoreReply::Published { one_time_left: 2 });
    publish(store, owner(1), &[], Some(98), false);
    let claimed: Vec<_> = (0..3).map(|_| claimed_number(&claim(store, owner(1).mailbox()))).collect();
    assert_eq!(claimed, [20, 21, 98]);
}

fn concurrent_claims_never_give_one_bundle_twice<S: MailboxStore>(store: &Arc<S>) {
    const POOL: u32 = 16;
    create(&**store, owner(1));
    for round in 0..8 {
        let pool: Vec<u32> = (round * POOL..(round + 1) * POOL).collect();
        publish(&**store, owner(1), &pool, Some(9_999), false);
        let claimed = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    for _ in 0..4 {
                        let number = claimed_number(&claim(&**store, owner(1).mailbox()));
                        claimed.lock().unwrap().push(number);
                    }
                });
            }
        });
        let mut claimed = claimed.into_inner().unwrap();
        claimed.sort_unstable();
        let expected: Vec<u32> = pool.into_iter().chain([9_999; 8]).collect();
        assert_eq!(claimed, expected, "each once, then the last resort");
    }
}

fn concurrent_appends_all_arrive<S: MailboxStore>(store: &Arc<S>) {
    create(&**store, owner(1));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                for number in 0..8 {
                    assert_eq!(
                        append(&**store, owner(1).mailbox(), thread * 100 + number),
                        StoreReply::Appended
                    );
                }
            });
        }
    });
    let arrived = numbers(&**store, owner(1));
    assert_eq!(arrived.len(), 64);
    for thread in 0..8 {
        let own: Vec<u32> = arrived.iter().copied().filter(|number| number / 100 == thread).collect();
        assert_eq!(
            own,
            (0..8).map(|number| thread * 100 + number).collect::<Vec<_>>(),
            "in each one's order"
        );
    }
}

fn upkeep_changes_nothing_that_is_alive<S: MailboxStore>(store: &S) {
    create(store, owner(1));
    publish(store, owner(1), &[1], Some(2), false);
    (0..30).for_each(|number| drop(append(store, owner(1).mailbox(), number)));
    let before = waiting(store, owner(1));
    for hour in 0..5 {
        let done = upkeep(store, TODAY.start().plus_millis(hour * 3_600_000));
        assert_eq!(done, Upkept::default());
        assert!(waiting(store, owner(1)) == before);
    }
    let subscribed = StoreReply::Subscribed { one_time_left: 1, claimed: 0, waiting: 30 };
    assert_eq!(subscribe(store, owner(1), TODAY), subscribed);
}
