//! From a request to a store operation, and from the store's answer to a reply.
//!
//! ```text
//!   Request ── plan(caller, now) ──► StoreOp ── store ──► StoreReply ── conclude ──► Outcome { reply, wake }
//!                  └──► Reply at once: refused, too often, Pong
//! ```
//!
//! Pure: no file, socket, clock or randomness of its own. What a reply promises, the store has made durable:
//! [`Reply::Accepted`] is made in [`Relay::conclude`] and nowhere else.
//!
//! Not its concern: the order of frames on a connection and pushes (`connection`), storing (`store`).

use khaima_wire::{
    Envelope, EnvelopeId, InviteCode, MAX_PERMITS, MailboxId, OwnerProof, Permit, Purpose, Refusal, RelayPin,
    Reply, Request, Role, SealedBundle, Timestamp,
};
use rand_core::CryptoRng;

use super::{
    AddressPrefix, Calendar, CreationRight, Limits, MailboxOwner, Quota, Rates, StoreError, StoreOp,
    StoreReply, auth,
};

/// Who may make mailboxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// Whoever has a permit, which the operator's invite codes are exchanged for.
    Invite,
    /// Everybody, within [`Rates::creations_per_prefix_and_day`].
    Open,
}

/// What the operator decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who may make mailboxes.
    pub creation: Creation,
    /// Permits for one use of an invite code; at most [`MAX_PERMITS`].
    pub permits_per_code: u32,
    /// Most mailboxes on this relay.
    pub most_mailboxes: u64,
    /// How much may wait in one mailbox.
    pub quota: Quota,
    /// Most one-time bundles in one mailbox.
    pub most_bundles: u32,
    /// Days an envelope waits.
    pub envelope_days: u32,
    /// Days a mailbox lives without its owner.
    pub idle_days: u32,
    /// How often things may be asked for.
    pub rates: Rates,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            creation: Creation::Invite,
            permits_per_code: 200,
            most_mailboxes: 200_000,
            quota: Quota { envelopes: 1_024, bytes: 16 << 20 },
            most_bundles: 48,
            envelope_days: 30,
            idle_days: 180,
            rates: Rates::default(),
        }
    }
}

/// The one who asks, as far as a relay knows them: a kind of connection, its TLS exporter, an address prefix that is
/// counted and forgotten, and the mailboxes proven on this connection.
#[derive(Debug)]
pub struct Caller {
    role: Role,
    exporter: [u8; 32],
    prefix: AddressPrefix,
    owned: std::collections::BTreeMap<MailboxId, MailboxOwner>,
}

impl Caller {
    /// A caller who has proven nothing yet.
    #[must_use]
    pub const fn new(role: Role, exporter: [u8; 32], prefix: AddressPrefix) -> Self {
        Self { role, exporter, prefix, owned: std::collections::BTreeMap::new() }
    }

    /// The proven right to read `mailbox`, if it was proven on this connection.
    #[must_use]
    pub fn owner_of(&self, mailbox: &MailboxId) -> Option<MailboxOwner> {
        self.owned.get(mailbox).copied()
    }

    /// Everything proven on this connection.
    pub fn owners(&self) -> impl Iterator<Item = MailboxOwner> + '_ {
        self.owned.values().copied()
    }

    /// Remembers a proven right.
    pub(super) fn remember(&mut self, owner: MailboxOwner) {
        self.owned.insert(owner.mailbox(), owner);
    }

    /// Forgets a mailbox that is gone.
    pub(super) fn forget(&mut self, mailbox: &MailboxId) {
        self.owned.remove(mailbox);
    }
}

/// What to do about a request.
#[derive(Debug)]
pub enum Plan {
    /// Nothing to store: answer this.
    Answer(Reply),
    /// Apply the operation, then hand its answer to [`Relay::conclude`] with what is pending.
    Apply(StoreOp, Pending),
}

/// What has to be remembered of a request while the store is at work.
#[derive(Debug)]
pub enum Pending {
    /// An acknowledgement.
    Acknowledge {
        /// Whose envelopes.
        mailbox: MailboxId,
        /// Which.
        ids: Vec<EnvelopeId>,
    },
    /// A claim.
    Claim,
    /// A creation.
    Create,
    /// A deletion.
    Delete {
        /// Which mailbox.
        mailbox: MailboxId,
        /// The permit that comes back if the store has done it.
        permit: Option<Permit>,
    },
    /// A publication.
    Publish,
    /// An exchange of a code.
    Redeem {
        /// The permits that are good if the store has done it.
        permits: Vec<Permit>,
    },
    /// A subscription.
    Subscribe {
        /// Who proved it.
        owner: MailboxOwner,
    },
    /// A submission.
    Submit {
        /// Where to.
        mailbox: MailboxId,
    },
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The reply.
    pub reply: Reply,
    /// The mailbox that has something new, if one has.
    pub wake: Option<MailboxId>,
}

/// The relay's decisions. Holds limits and settings, no mailbox.
#[derive(Debug)]
pub struct Relay {
    pin: RelayPin,
    policy: Policy,
    limits: Limits,
}

impl Relay {
    /// A relay whose key has this pin.
    #[must_use]
    pub fn new(pin: RelayPin, policy: Policy) -> Self {
        Self { pin, policy, limits: Limits::new(policy.rates) }
    }

    /// The pin of this relay's key.
    #[must_use]
    pub const fn pin(&self) -> &RelayPin {
        &self.pin
    }

    /// What the operator decided.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Today by this relay's settings.
    #[must_use]
    pub fn calendar(&self, now: Timestamp) -> Calendar {
        Calendar::new(now.day(), self.policy.idle_days)
    }

    /// What the store has to do for this request. Charges the caller's limits.
    pub fn plan<R: CryptoRng + ?Sized>(
        &mut self,
        caller: &Caller,
        request: Request,
        now: Timestamp,
        rng: &mut R,
    ) -> Plan {
        if let Some(role) = role_of(&request)
            && role != caller.role
        {
            return refuse(Refusal::WrongRole);
        }
        match request {
            Request::Acknowledge { mailbox, ids } => self.plan_acknowledge(caller, mailbox, ids, now),
            Request::Claim { mailbox } => self.plan_claim(mailbox, now),
            Request::Create { proof, permit } => self.plan_create(caller, &proof, permit.as_ref(), now),
            Request::Delete { proof } => self.plan_delete(caller, &proof, now, rng),
            Request::Ping => Plan::Answer(Reply::Pong),
            Request::Publish { proof, one_time, last_resort, replace } => {
                self.plan_publish(caller, &proof, one_time, last_resort, replace, now)
            }
            Request::RedeemCode { code } => self.plan_redeem(caller, &code, now, rng),
            Request::Submit(envelope) => self.plan_submit(envelope, now, rng),
            Request::Subscribe { proof } => self.plan_subscribe(caller, &proof, now),
            Request::Unknown(code) => refuse(Refusal::Unknown(code)),
        }
    }

    fn plan_acknowledge(
        &self,
        caller: &Caller,
        mailbox: MailboxId,
        ids: Vec<EnvelopeId>,
        now: Timestamp,
    ) -> Plan {
        let Some(owner) = caller.owner_of(&mailbox) else { return refuse(Refusal::WrongRole) };
        let op = StoreOp::Acknowledge { owner, ids: ids.clone(), calendar: self.calendar(now) };
        Plan::Apply(op, Pending::Acknowledge { mailbox, ids })
    }

    fn plan_claim(&mut self, mailbox: MailboxId, now: Timestamp) -> Plan {
        match self.limits.charge_claim(mailbox, now) {
            Err(refused) => busy(refused.retry_after_secs),
            Ok(()) => Plan::Apply(StoreOp::Claim { mailbox, calendar: self.calendar(now) }, Pending::Claim),
        }
    }

    fn plan_create(
        &mut self,
        caller: &Caller,
        proof: &OwnerProof,
        permit: Option<&Permit>,
        now: Timestamp,
    ) -> Plan {
        let Ok(owner) = auth::prove(proof, &caller.exporter, &self.pin, Purpose::Create) else {
            return refuse(Refusal::BadProof);
        };
        let right = match (self.policy.creation, permit) {
            (Creation::Open, _) => match self.limits.charge_creation(caller.prefix, now) {
                Err(refused) => return busy(refused.retry_after_secs),
                Ok(()) => CreationRight::Free,
            },
            // Asked all the same: who repeats a creation whose answer was lost may have no permit any more.
            (Creation::Invite, None) => CreationRight::Missing,
            (Creation::Invite, Some(permit)) => CreationRight::Permit(permit.hash()),
        };
        let most_mailboxes = self.policy.most_mailboxes;
        let op = StoreOp::Create { owner, right, calendar: self.calendar(now), most_mailboxes };
        Plan::Apply(op, Pending::Create)
    }

    fn plan_delete<R: CryptoRng + ?Sized>(
        &self,
        caller: &Caller,
        proof: &OwnerProof,
        now: Timestamp,
        rng: &mut R,
    ) -> Plan {
        let Ok(owner) = auth::prove(proof, &caller.exporter, &self.pin, Purpose::Delete) else {
            return refuse(Refusal::BadProof);
        };
        let permit = match self.policy.creation {
            Creation::Invite => Some(Permit::generate(rng)),
            Creation::Open => None,
        };
        let refund = permit.as_ref().map(Permit::hash);
        let op = StoreOp::Delete { owner, refund, calendar: self.calendar(now) };
        Plan::Apply(op, Pending::Delete { mailbox: owner.mailbox(), permit })
    }

    fn plan_publish(
        &self,
        caller: &Caller,
        proof: &OwnerProof,
        one_time: Vec<SealedBundle>,
        last_resort: Option<SealedBundle>,
        replace: bool,
        now: Timestamp,
    ) -> Plan {
        let Ok(owner) = auth::prove(proof, &caller.exporter, &self.pin, Purpose::Publish) else {
            return refuse(Refusal::BadProof);
        };
        let (most, calendar) = (self.policy.most_bundles, self.calendar(now));
        let op = StoreOp::Publish { owner, one_time, last_resort, replace, most, calendar };
        Plan::Apply(op, Pending::Publish)
    }

    fn plan_redeem<R: CryptoRng + ?Sized>(
        &mut self,
        caller: &Caller,
        code: &InviteCode,
        now: Timestamp,
        rng: &mut R,
    ) -> Plan {
        if self.policy.creation == Creation::Open {
            return Plan::Answer(Reply::NotPermitted);
        }
        if let Err(refused) = self.limits.charge_redemption(caller.prefix, now) {
            return busy(refused.retry_after_secs);
        }
        let count = usize::try_from(self.policy.permits_per_code).unwrap_or(MAX_PERMITS).min(MAX_PERMITS);
        let permits: Vec<Permit> = (0..count).map(|_| Permit::generate(rng)).collect();
        let hashes = permits.iter().map(Permit::hash).collect();
        let op = StoreOp::Redeem { code: code.hash(), permits: hashes, today: now.day() };
        Plan::Apply(op, Pending::Redeem { permits })
    }

    fn plan_submit<R: CryptoRng + ?Sized>(&self, envelope: Envelope, now: Timestamp, rng: &mut R) -> Plan {
        let Envelope { mailbox, sealed } = envelope;
        let mut random = [0; 8];
        rng.fill_bytes(&mut random);
        let calendar = self.calendar(now);
        let expires = calendar.today.plus(self.policy.envelope_days);
        let op = StoreOp::Append { mailbox, sealed, random, expires, calendar, quota: self.policy.quota };
        Plan::Apply(op, Pending::Submit { mailbox })
    }

    fn plan_subscribe(&self, caller: &Caller, proof: &OwnerProof, now: Timestamp) -> Plan {
        let Ok(owner) = auth::prove(proof, &caller.exporter, &self.pin, Purpose::Read) else {
            return refuse(Refusal::BadProof);
        };
        if caller.owned.len() >= MOST_SUBSCRIPTIONS && caller.owner_of(&owner.mailbox()).is_none() {
            return refuse(Refusal::TooLarge);
        }
        let op = StoreOp::Subscribe { owner, calendar: self.calendar(now) };
        Plan::Apply(op, Pending::Subscribe { owner })
    }

    /// The reply and whom to wake, now that the store has answered.
    #[must_use]
    pub fn conclude(&self, pending: Pending, answer: Result<StoreReply, StoreError>) -> Outcome {
        let stored = match answer {
            Ok(stored) => stored,
            Err(error) => {
                let retry_after_secs = retry_after(error);
                return Outcome { reply: Reply::Busy { retry_after_secs }, wake: None };
            }
        };
        let mut wake = None;
        let reply = match (pending, stored) {
            (Pending::Submit { mailbox }, StoreReply::Appended) => {
                wake = Some(mailbox);
                Reply::Accepted
            }
            (Pending::Submit { .. }, StoreReply::Full) => Reply::Full,
            (Pending::Claim, StoreReply::Bundle(bundle)) => Reply::Bundle(bundle),
            (Pending::Acknowledge { .. }, StoreReply::Acknowledged) => Reply::Acknowledged,
            (Pending::Subscribe { .. }, StoreReply::Subscribed { one_time_left, claimed, waiting }) => {
                Reply::Subscribed { one_time_left, claimed, waiting }
            }
            (Pending::Publish, StoreReply::Published { one_time_left }) => Reply::Published { one_time_left },
            (Pending::Publish, StoreReply::Full) => Reply::Refused(Refusal::TooLarge),
            (Pending::Create, StoreReply::Created) => Reply::Created,
            (Pending::Create, StoreReply::AlreadyYours) => Reply::AlreadyYours,
            (Pending::Create, StoreReply::NotPermitted | StoreReply::Full) => Reply::NotPermitted,
            (Pending::Delete { permit, .. }, StoreReply::Deleted) => Reply::Deleted { permit },
            // Gone already; a permit came back then, and only then.
            (Pending::Delete { .. }, StoreReply::Gone) => Reply::Deleted { permit: None },
            (Pending::Redeem { permits }, StoreReply::Redeemed) => Reply::Permits(permits),
            (Pending::Redeem { .. }, StoreReply::NotPermitted) => Reply::NotPermitted,
            (_, StoreReply::Gone) => Reply::Gone,
            // A store that answers another question than it was asked has a bug; nothing is promised then.
            (_, _) => Reply::Busy { retry_after_secs: retry_after(StoreError::Unavailable) },
        };
        Outcome { reply, wake }
    }
}

/// Most mailboxes proven on one connection. A device has one for each relationship; more than this is not a person.
pub const MOST_SUBSCRIPTIONS: usize = 4_096;

/// The kind of connection a request belongs on; `None` for either.
const fn role_of(request: &Request) -> Option<Role> {
    match request {
        Request::Acknowledge { .. }
        | Request::Create { .. }
        | Request::Delete { .. }
        | Request::Publish { .. }
        | Request::Subscribe { .. } => Some(Role::Owner),
        Request::Claim { .. } | Request::RedeemCode { .. } | Request::Submit(_) => Some(Role::Anonymous),
        Request::Ping | Request::Unknown(_) => None,
    }
}

const fn refuse(refusal: Refusal) -> Plan {
    Plan::Answer(Reply::Refused(refusal))
}

const fn busy(retry_after_secs: u32) -> Plan {
    Plan::Answer(Reply::Busy { retry_after_secs })
}

/// How long to stay away: a deep queue drains in seconds, a full disk needs a person.
const fn retry_after(error: StoreError) -> u32 {
    match error {
        StoreError::Overloaded => 5,
        StoreError::Closed => 15,
        StoreError::Unavailable => 30,
    }
}
