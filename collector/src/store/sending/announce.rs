//! Which destinations hear of what, and what a receipt is good for.

use anyhow::Context as _;
use rusqlite::{Transaction, params};
use vonggac_protocol::time::Timestamp;

use super::destinations::{self, Destination};
use super::outgoing::{self, Draft, Put, WAITING_MAX, tell_incident};
use crate::sending::letter::{self, ClockTold, Notice};
use crate::sending::settings::Event;
use crate::store::view::incident::newest_entry;
use crate::store::view::incidents::{IncidentLine, bare};

/// Messages that tell what was held, written at once.
const CATCH_UP_MOST: usize = 50;

/// Something of an incident that others may want to hear.
#[derive(Clone, Copy, Debug)]
pub struct News<'a> {
    /// What.
    pub event: Event,
    /// What tells it from others of its incident and kind.
    pub mark: &'a str,
    /// The clock, of a warning.
    pub clock: Option<&'a ClockTold>,
}

/// Queues a message for every destination that wants to hear of it, in the transaction of what happened.
///
/// # Errors
/// If the store fails.
pub fn announce(tx: &Transaction<'_>, incident: i64, news: News<'_>, now: Timestamp) -> anyhow::Result<()> {
    let any: bool = tx.prepare_cached("SELECT 1 FROM destination WHERE removed_at IS NULL")?.exists([])?;
    if !any {
        return Ok(());
    }
    let line = bare(tx, incident)?.context("the incident is there")?;
    let key = format!("incident/{incident}/{}/{}", news.event.word(), news.mark);
    let entry = newest_entry(tx, incident, news.event.actions())?.context("the incident has a history")?;
    for to in destinations::hearing(tx, &line.agency, line.severity, news.event, line.is_drill)? {
        let notice = Notice { event: news.event, line: &line, clock: news.clock, entry: &entry, held: 0 };
        if tell(tx, &to, &key, &notice, now)? == Put::Full {
            hold(tx, &to, incident, now)?;
        }
    }

    Ok(())
}

fn tell(
    tx: &Transaction<'_>,
    to: &Destination,
    key: &str,
    notice: &Notice<'_>,
    now: Timestamp,
) -> anyhow::Result<Put> {
    let line: &IncidentLine = notice.line;
    let draft =
        Draft { key, incident: Some(line.id), event: notice.event, is_drill: line.is_drill, report: None };

    outgoing::put(tx, to, &draft, || letter::write(&to.settings, notice, now), now)
}

fn hold(tx: &Transaction<'_>, to: &Destination, incident: i64, now: Timestamp) -> anyhow::Result<()> {
    let is_new = tx
        .prepare_cached("INSERT OR IGNORE INTO outgoing_held VALUES (?1, ?2, 0, ?3)")?
        .execute(params![to.id, incident, now.0])?
        == 1;
    tx.prepare_cached(
        "UPDATE outgoing_held SET events = events + 1 WHERE destination = ?1 AND incident = ?2",
    )?
    .execute([to.id, incident])?;
    if is_new {
        tell_incident(tx, Some(incident), "send_held", "", &to.name, now)?;
    }

    Ok(())
}

/// Tells a destination whose queue has room again what it was not told: one message for each incident, as it stands.
///
/// # Errors
/// If the store fails.
pub fn catch_up(tx: &Transaction<'_>, destination: i64, now: Timestamp) -> anyhow::Result<()> {
    let Some(to) = destinations::find(tx, destination)? else { return Ok(()) };
    if to.held == 0 || to.waiting > WAITING_MAX / 2 {
        return Ok(());
    }
    let mut query = tx.prepare_cached(
        "SELECT incident, events, since FROM outgoing_held WHERE destination = ?1 ORDER BY since, incident LIMIT ?2",
    )?;
    let held = query
        .query_map(params![destination, CATCH_UP_MOST], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, u64>(1)?, row.get::<_, i64>(2)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    for (incident, events, since) in held {
        let line = bare(tx, incident)?.context("the incident is there")?;
        if line.is_drill && !to.drills {
            tell_incident(tx, Some(incident), "send_withdrawn", "", &to.name, now)?;
        } else {
            let entry = newest_entry(tx, incident, &[])?.context("the incident has a history")?;
            let notice =
                Notice { event: Event::CaughtUp, line: &line, clock: None, entry: &entry, held: events };
            tell(tx, &to, &format!("incident/{incident}/caught_up/{since}"), &notice, now)?;
        }
        tx.execute(
            "DELETE FROM outgoing_held WHERE destination = ?1 AND incident = ?2",
            params![destination, incident],
        )?;
    }

    Ok(())
}

/// Queues a try of a destination and gives the message's number; `None`: there is no such destination, or no room.
///
/// # Errors
/// If the store fails.
pub fn test(tx: &Transaction<'_>, destination: i64, by: &str, now: Timestamp) -> anyhow::Result<Option<i64>> {
    let Some(to) = destinations::find(tx, destination)? else { return Ok(None) };
    let key = format!("test/{}", now.0);
    let draft = Draft { key: &key, incident: None, event: Event::Test, is_drill: false, report: None };
    // A person who tries it wants to know now.
    tx.execute("UPDATE destination SET not_before = 0 WHERE id = ?1", [destination])?;

    Ok(match outgoing::put(tx, &to, &draft, || letter::test(&to.settings, by, now), now)? {
        Put::Queued(id) => Some(id),
        Put::Known | Put::Full => None,
    })
}
