//! What the core asks of a store and what a store answers.
//!
//! One [`StoreOp`] is one transaction: it happens wholly or not at all, and a store answers when it is durable.
//! Every decision that needs no stored state was made before; what a store decides (is there room, is there a
//! bundle left) it decides by the rules of [`MailboxRecord`](super::MailboxRecord).
//!
//! Not its concern: replies to clients (`relay`), files (`store`).

use khaima_wire::{Day, Delivery, EnvelopeId, MailboxId, SealedBundle, SealedEnvelope, Timestamp};

use super::{Calendar, MailboxOwner, Quota};

/// One transaction of a store.
#[derive(Clone, Debug)]
pub enum StoreOp {
    /// Keep the hash of an invite code, unless it is kept already.
    ///
    /// Answers [`StoreReply::Added`].
    AddInvite {
        /// Hash of the code.
        code: [u8; 32],
        /// What it is good for.
        invite: Invite,
    },
    /// Remove envelopes. Ids that are not there are passed over; the owner has been here today.
    ///
    /// Answers [`StoreReply::Acknowledged`] or [`StoreReply::Gone`].
    Acknowledge {
        /// Whose envelopes.
        owner: MailboxOwner,
        /// Which.
        ids: Vec<EnvelopeId>,
        /// Today.
        calendar: Calendar,
    },
    /// Append an envelope, if the mailbox is there and has room.
    ///
    /// Answers [`StoreReply::Appended`], [`StoreReply::Full`] or [`StoreReply::Gone`].
    Append {
        /// Where to.
        mailbox: MailboxId,
        /// What.
        sealed: SealedEnvelope,
        /// Random half of its id.
        random: [u8; 8],
        /// First day on which it is no longer delivered.
        expires: Day,
        /// Today.
        calendar: Calendar,
        /// How much may wait.
        quota: Quota,
    },
    /// Take a bundle out: a one-time one while there is one, else a copy of the last resort. No bundle is given out
    /// twice except the last resort.
    ///
    /// Answers [`StoreReply::Bundle`] or [`StoreReply::Gone`].
    Claim {
        /// Of which mailbox.
        mailbox: MailboxId,
        /// Today.
        calendar: Calendar,
    },
    /// Make a mailbox. If it is there already nothing changes and no permit is spent.
    ///
    /// Answers [`StoreReply::Created`], [`StoreReply::AlreadyYours`], [`StoreReply::NotPermitted`] or
    /// [`StoreReply::Full`] (the relay has as many mailboxes as it may).
    Create {
        /// Proven owner of the mailbox to be.
        owner: MailboxOwner,
        /// What allows it.
        right: CreationRight,
        /// Today.
        calendar: Calendar,
        /// Most mailboxes in the store.
        most_mailboxes: u64,
    },
    /// Delete a mailbox with everything in it.
    ///
    /// Answers [`StoreReply::Deleted`] or [`StoreReply::Gone`].
    Delete {
        /// Whose.
        owner: MailboxOwner,
        /// Hash of the permit to give back, where creation needs one.
        refund: Option<[u8; 32]>,
        /// Today.
        calendar: Calendar,
    },
    /// Read envelopes in the order of their arrival. Changes nothing.
    ///
    /// Answers [`StoreReply::Fetched`] or [`StoreReply::Gone`].
    Fetch {
        /// Whose.
        owner: MailboxOwner,
        /// Envelopes to leave out: already pushed and not yet acknowledged.
        except: Vec<EnvelopeId>,
        /// Most envelopes to read.
        most: usize,
        /// Stop after as many bytes, but read at least one envelope.
        most_bytes: usize,
        /// Today.
        calendar: Calendar,
    },
    /// Put prekey bundles in.
    ///
    /// Answers [`StoreReply::Published`], [`StoreReply::Full`] or [`StoreReply::Gone`].
    Publish {
        /// Whose pool.
        owner: MailboxOwner,
        /// One-time bundles to add.
        one_time: Vec<SealedBundle>,
        /// Replaces the last resort, if given.
        last_resort: Option<SealedBundle>,
        /// Whether the one-time bundles there are removed first.
        replace: bool,
        /// Most one-time bundles in the pool.
        most: u32,
        /// Today.
        calendar: Calendar,
    },
    /// Spend one use of an invite code and keep the permits' hashes.
    ///
    /// Answers [`StoreReply::Redeemed`] or [`StoreReply::NotPermitted`].
    Redeem {
        /// Hash of the code.
        code: [u8; 32],
        /// Hashes of the permits that the caller is to get.
        permits: Vec<[u8; 32]>,
        /// Today.
        today: Day,
    },
    /// Say how a mailbox stands. Its owner has been here today.
    ///
    /// Answers [`StoreReply::Subscribed`] or [`StoreReply::Gone`].
    Subscribe {
        /// Whose.
        owner: MailboxOwner,
        /// Today.
        calendar: Calendar,
    },
    /// Note that the owners of these mailboxes have been here today. Those that are gone are passed over.
    ///
    /// Answers [`StoreReply::Touched`].
    Touch {
        /// Whose.
        owners: Vec<MailboxOwner>,
        /// Today.
        calendar: Calendar,
    },
    /// Do a bounded piece of upkeep: remove what has expired, renew the keys at rest.
    ///
    /// Answers [`StoreReply::Upkept`]; call again at once while there is more.
    Upkeep {
        /// The moment it is.
        now: Timestamp,
        /// Today, by the same clock.
        calendar: Calendar,
    },
}

impl StoreOp {
    /// Whether the operation brings in something new, so that it is the first to be turned away when a store has
    /// more waiting than it can do. What frees room or was promised goes on.
    #[must_use]
    pub const fn may_be_put_off(&self) -> bool {
        matches!(
            self,
            Self::Append { .. }
                | Self::Claim { .. }
                | Self::Create { .. }
                | Self::Publish { .. }
                | Self::Redeem { .. }
        )
    }

    /// About how many bytes it carries.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        const SMALL: usize = 128;
        SMALL
            + match self {
                Self::Append { sealed, .. } => sealed.size(),
                Self::Publish { one_time, .. } => (one_time.len() + 1) * SealedBundle::SIZE,
                Self::Acknowledge { ids, .. } => ids.len() * EnvelopeId::LENGTH,
                Self::Redeem { permits, .. } => permits.len() * 32,
                _ => 0,
            }
    }
}

/// What allows a mailbox to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreationRight {
    /// The relay is open.
    Free,
    /// A permit was needed and none was shown. Good only for a mailbox that is there already.
    Missing,
    /// A permit with this hash is to be spent.
    Permit([u8; 32]),
}

/// What an invite code is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invite {
    /// How many times it can still be exchanged.
    pub uses: u32,
    /// First day on which it is no longer good.
    pub expires: Day,
}

/// A store's answer. What it says has happened is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreReply {
    /// The envelopes are not there any more.
    Acknowledged,
    /// The invite code is kept.
    Added,
    /// The mailbox was there already; its key is the caller's, since the id is the key's hash.
    AlreadyYours,
    /// The envelope is stored.
    Appended,
    /// One bundle.
    Bundle(SealedBundle),
    /// The mailbox is made.
    Created,
    /// The mailbox is gone with everything in it.
    Deleted,
    /// Envelopes, oldest first.
    Fetched {
        /// The envelopes.
        deliveries: Vec<Delivery>,
        /// Whether more wait than were read.
        more: bool,
    },
    /// No room.
    Full,
    /// There is no such mailbox: never made, deleted or expired.
    Gone,
    /// The permit or invite code is not good.
    NotPermitted,
    /// The pool has been filled.
    Published {
        /// One-time bundles in it now.
        one_time_left: u32,
    },
    /// The code was exchanged; the permits are good.
    Redeemed,
    /// How the mailbox stands.
    Subscribed {
        /// One-time bundles left.
        one_time_left: u32,
        /// Bundles ever claimed.
        claimed: u64,
        /// Envelopes waiting.
        waiting: u32,
    },
    /// Noted.
    Touched,
    /// What upkeep did.
    Upkept(Upkept),
}

/// What a piece of upkeep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upkept {
    /// Envelopes removed because they had expired.
    pub envelopes: u64,
    /// Mailboxes removed because they had not been used.
    pub mailboxes: u64,
    /// Envelopes removed because their key at rest is lost: a database and a key file that do not belong together.
    pub unreadable: u64,
    /// Whether more is due at once.
    pub more: bool,
}

/// Why a store did not do what it was asked. Nothing of the operation counts as done; the caller may ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Too much waits already. Ask again in a few seconds.
    #[error("the store has too much waiting")]
    Overloaded,
    /// The disk does not take or give data (full, failing). The store tries to recover by itself.
    #[error("the store cannot be read or written at the moment")]
    Unavailable,
    /// The store is being closed.
    #[error("the store is closed")]
    Closed,
}
