//! Relays' answers: what means "later" stays here, the rest becomes an input for the engine.

use khaima_wire::{MailboxId, Reply, Timestamp};
use rand_core::CryptoRng;

use super::{Dispatcher, RESUBSCRIBE_MILLIS, Ticket, UnderWay, What, schedule};
use crate::ids::JobId;
use crate::input::{Input, JobReply};

impl Dispatcher {
    /// A relay's answer. What has to be decided becomes an input for the engine; the rest is dealt with here.
    ///
    /// Answers to tickets that are unknown (late, invented) are ignored.
    pub fn on_reply<R: CryptoRng + ?Sized>(
        &mut self,
        ticket: Ticket,
        reply: Reply,
        now: Timestamp,
        rng: &mut R,
    ) -> Option<Input> {
        let sent = self.release(ticket)?;
        if let Reply::Busy { retry_after_secs } = reply {
            let wait = u64::from(retry_after_secs).saturating_mul(1_000).min(schedule::MAX_BUSY_MILLIS);
            if let Some(link) = self.links.get_mut(&(sent.relay, sent.role)) {
                link.not_before = Some(now.plus_millis(wait));
            }
            self.pause(&sent.what, wait, now, rng);
            return None;
        }
        match sent.what.clone() {
            What::Acknowledge(..) => None,
            What::Subscribe(mailbox) => self.on_subscribe_reply(&sent, mailbox, reply, now, rng),
            What::Job(job) => self.on_job_reply(&sent, job, reply, now, rng),
        }
    }

    fn on_subscribe_reply<R: CryptoRng + ?Sized>(
        &mut self,
        sent: &UnderWay,
        mailbox: MailboxId,
        reply: Reply,
        now: Timestamp,
        rng: &mut R,
    ) -> Option<Input> {
        let relay = sent.relay;
        match reply {
            Reply::Subscribed { one_time_left, claimed, waiting } => {
                if let Some(known) = self.mailboxes.get_mut(&mailbox) {
                    known.subscribed = true;
                    known.again = Some(now.plus_millis(RESUBSCRIBE_MILLIS));
                    known.pause.clear();
                }
                Some(Input::MailboxState { relay, mailbox, one_time_left, claimed, waiting })
            }
            Reply::Gone => {
                // The engine decides; until then it would only be asked again.
                self.pause(&sent.what, schedule::MAX_PAUSE_MILLIS, now, rng);
                Some(Input::MailboxGone { relay, mailbox })
            }
            _ => {
                self.pause(&sent.what, 0, now, rng);
                None
            }
        }
    }

    fn on_job_reply<R: CryptoRng + ?Sized>(
        &mut self,
        sent: &UnderWay,
        job: JobId,
        reply: Reply,
        now: Timestamp,
        rng: &mut R,
    ) -> Option<Input> {
        // Forgotten meanwhile.
        self.jobs.get(&job)?;
        // Most answers end the job in the engine's next step. Should the job stay (or the step fail), it pauses first.
        let reply = match reply {
            Reply::Created | Reply::AlreadyYours => JobReply::Created,
            Reply::Deleted { permit } => JobReply::Deleted(permit),
            Reply::Published { .. } => JobReply::Published,
            Reply::Accepted => JobReply::Accepted,
            Reply::Bundle(bundle) => JobReply::Bundle(bundle),
            Reply::Gone => JobReply::Gone,
            Reply::Permits(permits) => JobReply::Permits(permits),
            Reply::NotPermitted => JobReply::NotPermitted,
            Reply::Refused(refusal) => JobReply::Refused(refusal),
            Reply::Full => JobReply::Full,
            // Answers to other questions, and those of later versions.
            _ => {
                self.pause(&sent.what, 0, now, rng);
                return None;
            }
        };
        let at_least = match reply {
            JobReply::Full | JobReply::NotPermitted | JobReply::Refused(_) => schedule::MAX_PAUSE_MILLIS,
            _ => 0,
        };
        self.pause(&sent.what, at_least, now, rng);
        Some(Input::Reply { job, reply })
    }
}
