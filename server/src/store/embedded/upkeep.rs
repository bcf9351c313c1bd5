//! Upkeep in small steps: what has expired goes, and about once an hour every key at rest is renewed.
//!
//! ```text
//!   due ──► fresh hour key in the file ──► every wrapped key, in steps: expired? remove : re-wrap
//!                                          └► every mailbox, in steps: unused too long? remove
//!                                             └► invites past their day
//!                                                └► committed: the older hour key leaves the file
//! ```
//!
//! So a row is under a key for at most two rounds. What was acknowledged was removed from the tables but may lie on
//! free pages of the file, wrapped under a key that is gone by the end of the next round.
//!
//! Not its concern: committing, and calling it (`writer`, the server's tick).

use khaima_wire::Timestamp;
use rand_core::CryptoRng;
use redb::ReadableTable;

use super::apply::{decode_invite, remove_envelope, remove_mailbox};
use super::hour_keys::Ring;
use super::seal::{EnvelopeRow, MailboxRow, WrappedKey};
use super::tables::{Fault, Tables};
use crate::core::{Calendar, MailboxRecord, Upkept};

/// Time between rounds. Twice this is the longest that something acknowledged can be opened with all files in hand.
const ROUND_MS: u64 = 55 * 60 * 1_000;

/// Rows looked at in one step: some tens of milliseconds, so that nobody waits long behind it.
const ROWS_PER_STEP: usize = 2_000;

/// Mailboxes removed in one step; each may hold a thousand envelopes.
const REMOVALS_PER_STEP: usize = 16;

/// Where a round stands.
#[derive(Clone, Debug)]
pub(super) enum Round {
    /// Entered at the start; left when the last wrapped key was looked at. Holds the last one looked at.
    Envelopes(Option<EnvelopeRow>),
    /// Entered then; left when the last mailbox was looked at.
    Mailboxes(Option<MailboxRow>),
    /// Entered then; done in one step.
    Invites,
    /// Everything is re-wrapped. Left when that is durable and the older key is gone.
    DropKey,
}

/// When rounds are due.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    last_start: Option<Timestamp>,
    pub round: Option<Round>,
}

impl Schedule {
    /// Whether a new round is to begin. The first is due at once: nobody knows how long the relay was off.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.round.is_none()
            && self.last_start.is_none_or(|last| now < last || now.millis_since(last) >= ROUND_MS)
    }

    /// Begins a round.
    pub fn begin(&mut self, now: Timestamp) {
        self.last_start = Some(now);
        self.round = Some(Round::Envelopes(None));
    }

    /// A commit failed: what this round had done may not have happened.
    pub fn start_over(&mut self) {
        if self.round.is_some() {
            self.round = Some(Round::Envelopes(None));
        }
    }
}

/// Does a step and says where the round stands after it.
pub(super) fn step<R: CryptoRng + ?Sized>(
    tables: &mut Tables<'_>,
    ring: &Ring,
    round: Round,
    calendar: Calendar,
    done: &mut Upkept,
    rng: &mut R,
) -> Result<Round, Fault> {
    match round {
        Round::Envelopes(after) => envelopes(tables, ring, after, calendar, done, rng),
        Round::Mailboxes(after) => mailboxes(tables, after, calendar, done),
        Round::Invites => invites(tables, calendar),
        Round::DropKey => Ok(Round::DropKey),
    }
}

fn envelopes<R: CryptoRng + ?Sized>(
    tables: &mut Tables<'_>,
    ring: &Ring,
    after: Option<EnvelopeRow>,
    calendar: Calendar,
    done: &mut Upkept,
    rng: &mut R,
) -> Result<Round, Fault> {
    let from = after.unwrap_or([0; 48]);
    let rows: Vec<(EnvelopeRow, Option<WrappedKey>)> = tables
        .envelope_keys
        .range::<&[u8; 48]>(&from..)?
        .take(ROWS_PER_STEP + 1)
        .map(|entry| {
            let (row, key) = entry?;
            Ok((*row.value(), WrappedKey::decode(key.value())))
        })
        .collect::<Result<_, Fault>>()?;
    let last = rows.last().map(|(row, _)| *row);
    // A full step ends with the row that the next one begins with; looking at it twice does no harm.
    let is_last_step = rows.len() <= ROWS_PER_STEP;
    for (row, key) in rows {
        let (generation, current) = ring.current();
        match key {
            Some(key) if calendar.today >= key.expires => {
                remove_counted(tables, &row)?;
                done.envelopes += 1;
            }
            Some(key) if key.generation == generation => {}
            Some(key) => match ring
                .get(key.generation)
                .and_then(|old| key.rewrap(old, (generation, current), &row, rng))
            {
                Some(renewed) => {
                    tables.envelope_keys.insert(&row, renewed.encode().as_slice())?;
                    tables.changed = true;
                }
                None => {
                    remove_counted(tables, &row)?;
                    done.unreadable += 1;
                }
            },
            None => {
                remove_counted(tables, &row)?;
                done.unreadable += 1;
            }
        }
    }
    Ok(if is_last_step { Round::Mailboxes(None) } else { Round::Envelopes(last) })
}

/// Removes an envelope and keeps its mailbox's count right.
fn remove_counted(tables: &mut Tables<'_>, row: &EnvelopeRow) -> Result<(), Fault> {
    let Some(mailbox) = row.first_chunk::<32>() else { return Ok(()) };
    let record = tables.mailboxes.get(mailbox)?.and_then(|bytes| MailboxRecord::decode(bytes.value()));
    // Without a record there is no count to keep.
    let mut counted = record.unwrap_or(MailboxRecord::new(khaima_wire::Day::new(0)));
    remove_envelope(tables, &mut counted, row)?;
    if record.is_some() {
        tables.put_mailbox(mailbox, &counted)?;
    }
    Ok(())
}

fn mailboxes(
    tables: &mut Tables<'_>,
    after: Option<MailboxRow>,
    calendar: Calendar,
    done: &mut Upkept,
) -> Result<Round, Fault> {
    let from = after.unwrap_or([0; 32]);
    let mut dead = Vec::new();
    let mut last = None;
    let mut is_last_step = true;
    for (looked_at, entry) in tables.mailboxes.range::<&[u8; 32]>(&from..)?.enumerate() {
        if looked_at > ROWS_PER_STEP || dead.len() >= REMOVALS_PER_STEP {
            is_last_step = false;
            break;
        }
        let (row, record) = entry?;
        last = Some(*row.value());
        // A record that cannot be read is left for a person to look at: nothing can reach it.
        if MailboxRecord::decode(record.value()).is_some_and(|record| !record.is_alive(calendar)) {
            dead.push(*row.value());
        }
    }
    for row in &dead {
        remove_mailbox(tables, row)?;
        done.mailboxes += 1;
    }
    Ok(if is_last_step { Round::Invites } else { Round::Mailboxes(last) })
}

fn invites(tables: &mut Tables<'_>, calendar: Calendar) -> Result<Round, Fault> {
    let mut past = Vec::new();
    for entry in tables.invites.iter()? {
        let (code, invite) = entry?;
        if decode_invite(invite.value()).is_none_or(|invite| calendar.today >= invite.expires) {
            past.push(*code.value());
        }
    }
    for code in &past {
        tables.invites.remove(code)?;
        tables.changed = true;
    }
    Ok(Round::DropKey)
}
