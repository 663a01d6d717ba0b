//! The queue: put in, taken by the courier, settled. Every step is a transaction, so a kill between two leaves a message
//! that waits or one that is `sending`; the latter goes again under the same id, since nobody knows whether it arrived.

use std::time::Duration;

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use vonggac_protocol::time::Timestamp;

use super::destinations::{self, Destination};
use crate::random;
use crate::sending::letter::Letter;
use crate::sending::outcome::{Failure, Tried, pause};
use crate::sending::settings::Event;
use crate::store::incidents::{Entry, add_entry};

/// Messages that may wait for one destination. Beyond it an incident is written down as held, and one message tells
/// all of it once there is room: nothing is dropped, and a dead server costs no more than this.
pub const WAITING_MAX: u64 = 1_000;

/// A receiver that is there and says "later" is asked for so long; then a person has to look.
const LATER_MOST: Duration = Duration::from_secs(3 * 24 * 3_600);

/// A message to be.
pub(super) struct Draft<'a> {
    pub(super) key: &'a str,
    pub(super) incident: Option<i64>,
    pub(super) event: Event,
    pub(super) is_drill: bool,
    pub(super) report: Option<String>,
}

/// What putting in did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Put {
    /// It waits under this number.
    Queued(i64),
    /// It had been put in before.
    Known,
    /// The queue is full.
    Full,
}

/// Puts a message in, once for each key.
pub(super) fn put(
    tx: &Transaction<'_>,
    to: &Destination,
    draft: &Draft<'_>,
    write: impl FnOnce() -> Letter,
    now: Timestamp,
) -> anyhow::Result<Put> {
    let known = tx
        .prepare_cached("SELECT 1 FROM outgoing WHERE destination = ?1 AND key = ?2")?
        .exists(params![to.id, draft.key])?;
    if known {
        return Ok(Put::Known);
    }
    if to.waiting >= WAITING_MAX {
        return Ok(Put::Full);
    }
    let uid = format!("msg_{}", HEXLOWER.encode(&random::bytes::<16>()?));
    let letter = write();
    tx.prepare_cached(
        "INSERT INTO outgoing (uid, destination, key, incident, event, form, subject, body, is_drill, report, made_at, next_at, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, 'waiting')",
    )?
    .execute(params![
        uid,
        to.id,
        draft.key,
        draft.incident,
        draft.event.word(),
        letter.form,
        letter.subject,
        letter.body,
        draft.is_drill,
        draft.report,
        now.0
    ])
    .context("put a message into the queue")?;

    Ok(Put::Queued(tx.last_insert_rowid()))
}

/// A message that the courier has taken.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its number.
    pub id: i64,
    /// What the receiver knows it by.
    pub uid: String,
    /// Subject.
    pub subject: String,
    /// Body.
    pub body: String,
    /// When it was made.
    pub made_at: Timestamp,
}

/// Puts back what was being sent when the last courier died.
///
/// # Errors
/// If the store fails.
pub fn recover(tx: &Transaction<'_>) -> anyhow::Result<usize> {
    Ok(tx.execute(
        "UPDATE outgoing SET state = 'waiting', error = 'the collector stopped in the middle; sent again under the same id' \
         WHERE state = 'sending'",
        [],
    )?)
}

/// Destinations that have something due.
///
/// # Errors
/// If the store cannot be read.
pub fn due(db: &Connection, now: Timestamp) -> anyhow::Result<Vec<i64>> {
    let mut query = db.prepare_cached(
        "SELECT d.id FROM destination d WHERE d.removed_at IS NULL AND d.not_before <= ?1 AND (EXISTS
           (SELECT 1 FROM outgoing o WHERE o.destination = d.id AND o.state = 'waiting' AND o.next_at <= ?1)
          OR EXISTS (SELECT 1 FROM outgoing_held h WHERE h.destination = d.id)) ORDER BY d.id",
    )?;
    let rows = query.query_map([now.0], |row| row.get(0))?;

    rows.collect::<Result<_, _>>().context("read what is due")
}

/// Takes the oldest message due at a destination; it counts as tried from here on. One whose incident has become a
/// drill, or real, since it was written is withdrawn instead: the two never mix.
///
/// # Errors
/// If the store fails.
pub fn take(
    tx: &Transaction<'_>,
    destination: i64,
    now: Timestamp,
) -> anyhow::Result<Option<(Destination, Message)>> {
    let Some(to) = destinations::find(tx, destination)? else { return Ok(None) };
    loop {
        let found: Option<(Message, Option<i64>, bool)> = tx
            .prepare_cached(
                "SELECT o.id, o.uid, o.subject, o.body, o.made_at, o.incident,
                    i.id IS NOT NULL AND o.is_drill <> (i.drill_until IS NOT NULL)
                 FROM outgoing o LEFT JOIN incident i ON i.id = o.incident
                 WHERE o.destination = ?1 AND o.state = 'waiting' AND o.next_at <= ?2 ORDER BY o.id LIMIT 1",
            )?
            .query_row(params![destination, now.0], |row: &Row<'_>| {
                let message = Message {
                    id: row.get(0)?,
                    uid: row.get(1)?,
                    subject: row.get(2)?,
                    body: row.get(3)?,
                    made_at: Timestamp(row.get(4)?),
                };
                Ok((message, row.get(5)?, row.get(6)?))
            })
            .optional()?;
        let Some((message, incident, is_other)) = found else { return Ok(None) };
        if is_other {
            end(
                tx,
                message.id,
                "withdrawn",
                "the incident became a drill, or real, before it was sent",
                now,
            )?;
            tell_incident(tx, incident, "send_withdrawn", "", &to.name, now)?;
            continue;
        }
        tx.prepare_cached("UPDATE outgoing SET state = 'sending', tries = tries + 1 WHERE id = ?1")?
            .execute([message.id])?;

        return Ok(Some((to, message)));
    }
}

/// Writes down how a try ended.
///
/// # Errors
/// If the store fails.
pub fn settle(tx: &Transaction<'_>, id: i64, tried: &Tried, now: Timestamp) -> anyhow::Result<()> {
    let found: Option<(i64, Option<i64>, u32, i64, u32, String)> = tx
        .prepare_cached(
            "SELECT o.destination, o.incident, o.tries, o.made_at, d.failures, d.name
             FROM outgoing o JOIN destination d ON d.id = o.destination WHERE o.id = ?1 AND o.state = 'sending'",
        )?
        .query_row([id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })
        .optional()?;
    // Its destination was removed meanwhile: it is withdrawn already.
    let Some((destination, incident, tries, made_at, failures, name)) = found else { return Ok(()) };
    let rest = |failures: u32, until: i64| {
        tx.prepare_cached("UPDATE destination SET failures = ?2, not_before = ?3 WHERE id = ?1")?
            .execute(params![destination, failures, until])
    };
    match tried {
        Ok(receipt) => {
            tx.prepare_cached(
                "UPDATE outgoing SET state = 'sent', ended_at = ?2, receipt = ?3, error = '' WHERE id = ?1",
            )?
            .execute(params![id, now.0, receipt])?;
            rest(0, 0)?;
            super::reports::confirmed(tx, id, now)?;
        }
        Err(Failure::Unreachable(error)) => {
            let until = now.plus(pause(failures + 1));
            wait(tx, id, error, now)?;
            rest(failures + 1, until.0)?;
        }
        Err(Failure::Later(error)) if now.since(Timestamp(made_at)) < LATER_MOST => {
            wait(tx, id, error, now.plus(pause(tries)))?;
            rest(0, 0)?;
        }
        Err(Failure::Later(error) | Failure::Refused(error)) => {
            end(tx, id, "failed", error, now)?;
            rest(0, 0)?;
            tell_incident(tx, incident, "send_failed", error, &name, now)?;
        }
    }

    Ok(())
}

fn wait(tx: &Transaction<'_>, id: i64, error: &str, until: Timestamp) -> anyhow::Result<()> {
    tx.prepare_cached("UPDATE outgoing SET state = 'waiting', next_at = ?2, error = ?3 WHERE id = ?1")?
        .execute(params![id, until.0, error])?;

    Ok(())
}

fn end(tx: &Transaction<'_>, id: i64, state: &str, error: &str, now: Timestamp) -> anyhow::Result<()> {
    tx.prepare_cached("UPDATE outgoing SET state = ?2, error = ?3, ended_at = ?4 WHERE id = ?1")?
        .execute(params![id, state, error, now.0])?;

    Ok(())
}

pub(super) fn tell_incident(
    tx: &Transaction<'_>,
    incident: Option<i64>,
    action: &str,
    text: &str,
    destination: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    let Some(incident) = incident else { return Ok(()) };

    add_entry(tx, incident, now, &Entry { action, text, after: Some(destination), ..Entry::default() })
}

/// Has messages that were given up sent again: one, or all. Says how many.
///
/// # Errors
/// If the store fails.
pub fn retry(tx: &Transaction<'_>, id: Option<i64>, now: Timestamp) -> anyhow::Result<usize> {
    let count = tx.execute(
        "UPDATE outgoing SET state = 'waiting', next_at = ?2, made_at = ?2, ended_at = NULL \
         WHERE state = 'failed' AND (?1 IS NULL OR id = ?1)",
        params![id, now.0],
    )?;
    tx.execute("UPDATE destination SET failures = 0, not_before = 0", [])?;

    Ok(count)
}
