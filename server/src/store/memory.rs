//! A store in memory: forgets everything when it ends. For simulations, tests, and relays that want just that.
//!
//! Not its concern: durability; encryption (there is no disk to be seized).

use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, PoisonError};

use khaima_wire::{Day, Delivery, EnvelopeId, MailboxId, SealedBundle, SealedEnvelope};

use super::MailboxStore;
use crate::core::{
    Calendar, CreationRight, Invite, MailboxRecord, Quota, StoreError, StoreOp, StoreReply, Upkept,
};

/// Mailboxes in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Tables>>);

impl MemoryStore {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many envelopes wait in all mailboxes together.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().mailboxes.values().map(|mailbox| mailbox.envelopes.len()).sum()
    }

    /// How many mailboxes there are.
    #[must_use]
    pub fn mailboxes(&self) -> usize {
        self.lock().mailboxes.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Tables> {
        // Nothing here panics while holding the lock; if a test did, its tables are still consistent per operation.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MailboxStore for MemoryStore {
    fn apply(&self, op: StoreOp) -> impl Future<Output = Result<StoreReply, StoreError>> + Send + use<> {
        ready(Ok(self.lock().apply(op)))
    }
}

#[derive(Debug, Default)]
struct Tables {
    mailboxes: BTreeMap<MailboxId, Mailbox>,
    permits: BTreeMap<[u8; 32], ()>,
    invites: BTreeMap<[u8; 32], Invite>,
}

#[derive(Debug)]
struct Mailbox {
    record: MailboxRecord,
    one_time: std::collections::VecDeque<SealedBundle>,
    last_resort: Option<SealedBundle>,
    envelopes: BTreeMap<EnvelopeId, Stored>,
}

#[derive(Debug)]
struct Stored {
    day: Day,
    expires: Day,
    sealed: SealedEnvelope,
}

impl Tables {
    fn apply(&mut self, op: StoreOp) -> StoreReply {
        match op {
            StoreOp::AddInvite { code, invite } => {
                self.invites.entry(code).or_insert(invite);
                StoreReply::Added
            }
            StoreOp::Acknowledge { owner, ids, calendar } => {
                self.with(&owner.mailbox(), calendar, |mailbox| {
                    let _ = mailbox.record.touch(calendar.today);
                    for stored in ids.iter().filter_map(|id| mailbox.envelopes.remove(id)) {
                        mailbox.record.release(stored.sealed.size());
                    }
                    StoreReply::Acknowledged
                })
            }
            StoreOp::Append { mailbox, sealed, random, expires, calendar, quota } => {
                self.with(&mailbox, calendar, |mailbox| {
                    mailbox.append(sealed, random, expires, calendar, quota)
                })
            }
            StoreOp::Claim { mailbox, calendar } => self.with(&mailbox, calendar, Mailbox::claim),
            StoreOp::Create { owner, right, calendar, most_mailboxes } => {
                self.create(owner.mailbox(), right, calendar, most_mailboxes)
            }
            StoreOp::Delete { owner, refund, calendar } => {
                let reply = self.with(&owner.mailbox(), calendar, |_| StoreReply::Deleted);
                self.mailboxes.remove(&owner.mailbox());
                if reply == StoreReply::Deleted {
                    self.permits.extend(refund.map(|hash| (hash, ())));
                }
                reply
            }
            StoreOp::Fetch { owner, except, most, most_bytes, calendar } => {
                let id = owner.mailbox();
                self.with(&id, calendar, |mailbox| mailbox.fetch(id, &except, most, most_bytes, calendar))
            }
            StoreOp::Publish { owner, one_time, last_resort, replace, most, calendar } => {
                self.with(&owner.mailbox(), calendar, |mailbox| {
                    let kept = if replace { 0 } else { mailbox.one_time.len() };
                    if u32::try_from(kept + one_time.len()).is_ok_and(|count| count <= most) {
                        mailbox.one_time.truncate(kept);
                        mailbox.one_time.extend(one_time);
                        mailbox.last_resort = last_resort.or(mailbox.last_resort.take());
                        let _ = mailbox.record.touch(calendar.today);
                        StoreReply::Published { one_time_left: mailbox.one_time_left() }
                    } else {
                        StoreReply::Full
                    }
                })
            }
            StoreOp::Redeem { code, permits, today } => match self.invites.get_mut(&code) {
                Some(invite) if invite.uses > 0 && today < invite.expires => {
                    invite.uses -= 1;
                    self.permits.extend(permits.into_iter().map(|hash| (hash, ())));
                    StoreReply::Redeemed
                }
                _ => StoreReply::NotPermitted,
            },
            StoreOp::Subscribe { owner, calendar } => self.with(&owner.mailbox(), calendar, |mailbox| {
                let _ = mailbox.record.touch(calendar.today);
                StoreReply::Subscribed {
                    one_time_left: mailbox.one_time_left(),
                    claimed: mailbox.record.claimed,
                    waiting: mailbox.record.envelopes,
                }
            }),
            StoreOp::Touch { owners, calendar } => {
                for owner in owners {
                    self.with(&owner.mailbox(), calendar, |mailbox| {
                        let _ = mailbox.record.touch(calendar.today);
                        StoreReply::Touched
                    });
                }
                StoreReply::Touched
            }
            StoreOp::Upkeep { now: _, calendar } => StoreReply::Upkept(self.upkeep(calendar)),
        }
    }

    /// Runs `act` on a mailbox that is there and alive.
    fn with(
        &mut self,
        id: &MailboxId,
        calendar: Calendar,
        act: impl FnOnce(&mut Mailbox) -> StoreReply,
    ) -> StoreReply {
        match self.mailboxes.get_mut(id) {
            Some(mailbox) if mailbox.record.is_alive(calendar) => act(mailbox),
            _ => StoreReply::Gone,
        }
    }

    fn create(&mut self, id: MailboxId, right: CreationRight, calendar: Calendar, most: u64) -> StoreReply {
        if self.mailboxes.get(&id).is_some_and(|mailbox| mailbox.record.is_alive(calendar)) {
            return StoreReply::AlreadyYours;
        }
        if crate::core::size_as_u64(self.mailboxes.len()) >= most {
            return StoreReply::Full;
        }
        let permitted = match right {
            CreationRight::Free => true,
            CreationRight::Missing => false,
            CreationRight::Permit(hash) => self.permits.remove(&hash).is_some(),
        };
        if !permitted {
            return StoreReply::NotPermitted;
        }
        self.mailboxes.insert(id, Mailbox::new(calendar.today));
        StoreReply::Created
    }

    fn upkeep(&mut self, calendar: Calendar) -> Upkept {
        let mut done = Upkept::default();
        let before = self.mailboxes.len();
        self.mailboxes.retain(|_, mailbox| mailbox.record.is_alive(calendar));
        done.mailboxes = crate::core::size_as_u64(before - self.mailboxes.len());
        for mailbox in self.mailboxes.values_mut() {
            let record = &mut mailbox.record;
            mailbox.envelopes.retain(|_, stored| {
                let keep = calendar.today < stored.expires;
                if !keep {
                    record.release(stored.sealed.size());
                    done.envelopes += 1;
                }
                keep
            });
        }
        self.invites.retain(|_, invite| calendar.today < invite.expires);
        done
    }
}

impl Mailbox {
    fn new(today: Day) -> Self {
        Self {
            record: MailboxRecord::new(today),
            one_time: std::collections::VecDeque::new(),
            last_resort: None,
            envelopes: BTreeMap::new(),
        }
    }

    fn one_time_left(&self) -> u32 {
        u32::try_from(self.one_time.len()).unwrap_or(u32::MAX)
    }

    fn append(
        &mut self,
        sealed: SealedEnvelope,
        random: [u8; 8],
        expires: Day,
        calendar: Calendar,
        quota: Quota,
    ) -> StoreReply {
        if !self.record.admit(sealed.size(), quota) {
            return StoreReply::Full;
        }
        let position = self.envelopes.last_key_value().map_or(0, |(id, _)| id.position()).saturating_add(1);
        let stored = Stored { day: calendar.today, expires, sealed };
        self.envelopes.insert(EnvelopeId::new(position, random), stored);
        StoreReply::Appended
    }

    fn claim(&mut self) -> StoreReply {
        match self.one_time.pop_front().or_else(|| self.last_resort.clone()) {
            None => StoreReply::Gone,
            Some(bundle) => {
                self.record.claimed = self.record.claimed.saturating_add(1);
                StoreReply::Bundle(bundle)
            }
        }
    }

    fn fetch(
        &self,
        id: MailboxId,
        except: &[EnvelopeId],
        most: usize,
        most_bytes: usize,
        calendar: Calendar,
    ) -> StoreReply {
        let mut deliveries = Vec::new();
        let mut bytes = 0;
        for (envelope, stored) in &self.envelopes {
            if calendar.today >= stored.expires || except.contains(envelope) {
                continue;
            }
            if deliveries.len() >= most || (bytes > 0 && bytes + stored.sealed.size() > most_bytes) {
                return StoreReply::Fetched { deliveries, more: true };
            }
            bytes += stored.sealed.size();
            deliveries.push(Delivery {
                mailbox: id,
                id: *envelope,
                stored: stored.day,
                sealed: stored.sealed.clone(),
            });
        }
        StoreReply::Fetched { deliveries, more: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_in_memory_keeps_every_rule() {
        crate::store::conformance::every_fact(MemoryStore::new);
    }
}
