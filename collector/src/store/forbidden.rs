//! Machines that are never to be enrolled: classified ones, the army's, those of the cipher service.

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::{AgencyId, HostId};
use vonggac_protocol::machine::MachineMarks;
use vonggac_protocol::time::Timestamp;

use super::audit::{self, Action};
use super::{certificates, machines};
use crate::mark_key::MarkKey;

/// By what a machine is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum By {
    /// One of its marks, as `vonggac-agent fingerprint` prints them.
    Mark(Digest),
    /// What it calls itself, in small letters; `*` stands for any characters. A machine can lie about its name.
    Name(String),
}

/// An entry of the list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Entry {
    /// Its number.
    pub id: i64,
    /// The mark; or nothing.
    pub mark: Option<Digest>,
    /// The name; or nothing.
    pub name: Option<String>,
    /// Only in this agency; `None`: everywhere.
    pub agency: Option<String>,
    /// Why.
    pub reason: String,
    /// Who entered it.
    pub person: String,
    /// When.
    pub at: Timestamp,
    /// When it was lifted; `None` while it is in force.
    pub lifted_at: Option<Timestamp>,
    /// The mark as it is kept of a machine if it is of a serial number.
    #[serde(skip)]
    pub sealed: Option<Digest>,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: row.get(0)?,
        mark: row.get::<_, Option<[u8; 32]>>(1)?.map(Digest),
        name: row.get(2)?,
        agency: row.get(3)?,
        reason: row.get(4)?,
        person: row.get(5)?,
        at: Timestamp(row.get(6)?),
        lifted_at: row.get::<_, Option<i64>>(7)?.map(Timestamp),
        sealed: row.get::<_, Option<[u8; 32]>>(8)?.map(Digest),
    })
}

/// The whole list, lifted entries too.
///
/// # Errors
/// If the store cannot be read.
pub fn list(db: &Connection) -> anyhow::Result<Vec<Entry>> {
    let mut query = db.prepare_cached(
        "SELECT id, mark, name, agency, reason, person, at, lifted_at, sealed FROM forbidden ORDER BY id",
    )?;

    Ok(query.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// The entry in force that names this machine, if there is one.
///
/// # Errors
/// If the store cannot be read.
pub fn names(
    db: &Connection,
    agency: &str,
    name: &str,
    marks: Option<&MachineMarks>,
) -> anyhow::Result<Option<i64>> {
    let found = list(db)?.into_iter().find(|entry| {
        entry.lifted_at.is_none()
            && entry.agency.as_ref().is_none_or(|only| only == agency)
            && (marks.is_some_and(|marks| bears(marks, entry))
                || entry.name.as_ref().is_some_and(|pattern| fits(pattern, &name.to_lowercase())))
    });

    Ok(found.map(|entry| entry.id))
}

fn bears(marks: &MachineMarks, entry: &Entry) -> bool {
    let is_named = entry.mark.is_some() && [marks.installation, marks.hardware].contains(&entry.mark);

    is_named || entry.sealed.is_some_and(|sealed| marks.serials.contains(&sealed))
}

/// Makes of every mark what it is kept as.
///
/// # Errors
/// If the store fails.
pub(super) fn seal(tx: &Transaction<'_>, key: &MarkKey) -> anyhow::Result<()> {
    for entry in list(tx)? {
        let sealed = entry.mark.map(|mark| key.sealed(mark).0);
        tx.execute("UPDATE forbidden SET sealed = ?2 WHERE id = ?1", params![entry.id, sealed])?;
    }

    Ok(())
}

/// Whether a name fits a pattern whose `*` stands for any characters.
#[must_use]
pub fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }

    rest.ends_with(last)
}

/// Enters machines into the list and cuts off those that are enrolled; gives the entry's number and their names.
///
/// # Errors
/// If the store fails.
pub fn forbid(
    tx: &Transaction<'_>,
    key: &MarkKey,
    by: &By,
    agency: Option<&AgencyId>,
    person: &str,
    reason: &str,
    now: Timestamp,
) -> anyhow::Result<(i64, Vec<String>)> {
    let (mark, name) = match by {
        By::Mark(mark) => (Some(mark.0), None),
        By::Name(name) => (None, Some(name.to_lowercase())),
    };
    let sealed = mark.map(|mark| key.sealed(Digest(mark)).0);
    tx.execute(
        "INSERT INTO forbidden (mark, name, agency, reason, person, at, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![mark, name, agency.map(AgencyId::as_str), reason, person, now.0, sealed],
    )
    .context("keep an entry")?;
    let id = tx.last_insert_rowid();
    let what = match by {
        By::Mark(mark) => mark.to_string(),
        By::Name(name) => name.clone(),
    };
    note(tx, agency.map(AgencyId::as_str), "host.forbidden", &what, person, reason, now)?;
    let enrolled: Vec<(HostId, String, String)> = tx
        .prepare("SELECT id, agency, name FROM host WHERE forbidden IS NULL ORDER BY name, id")?
        .query_map([], |row| Ok((HostId(row.get(0)?), row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut cut_off = Vec::new();
    for (host, agency, name) in enrolled {
        let marks = machines::known(tx, host)?.marks;
        if names(tx, &agency, &name, marks.as_ref())? == Some(id) {
            cut(tx, host, &agency, &name, id, now)?;
            cut_off.push(name);
        }
    }

    Ok((id, cut_off))
}

/// Cuts off a host that is on the list.
///
/// # Errors
/// If the store fails.
pub fn cut(
    tx: &Transaction<'_>,
    host: HostId,
    agency: &str,
    name: &str,
    entry: i64,
    now: Timestamp,
) -> anyhow::Result<()> {
    tx.execute("UPDATE host SET state = 'revoked', forbidden = ?2 WHERE id = ?1", params![host.0, entry])?;
    certificates::revoke_all(tx, host, now)?;
    let detail = format!("{name} is on the list of machines never to be enrolled, entry {entry}");

    note(tx, Some(agency), "host.revoked", &host.to_string(), audit::COLLECTOR, &detail, now)
}

/// Lifts an entry; hosts that it cut off stay revoked and must enrol anew. Gives whether there was one in force.
///
/// # Errors
/// If the store fails.
pub fn lift(
    tx: &Transaction<'_>,
    id: i64,
    person: &str,
    reason: &str,
    now: Timestamp,
) -> anyhow::Result<bool> {
    let agency: Option<Option<String>> = tx
        .query_row("SELECT agency FROM forbidden WHERE id = ?1 AND lifted_at IS NULL", [id], |row| row.get(0))
        .optional()?;
    let Some(agency) = agency else { return Ok(false) };
    tx.execute(
        "UPDATE forbidden SET lifted_by = ?2, lifted_at = ?3, lifted_reason = ?4 WHERE id = ?1",
        params![id, person, now.0, reason],
    )?;
    tx.execute("UPDATE host SET forbidden = NULL WHERE forbidden = ?1", [id])?;
    note(tx, agency.as_deref(), "host.unforbidden", &id.to_string(), person, reason, now)?;

    Ok(true)
}

fn note(
    tx: &Transaction<'_>,
    agency: Option<&str>,
    action: &str,
    object: &str,
    person: &str,
    detail: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    let is_ours = person == audit::COLLECTOR;
    let by = if is_ours { String::new() } else { format!("by {person}: ") };
    let person = if is_ours { audit::COLLECTOR } else { audit::OPERATOR };
    let detail = format!("{by}{detail}");

    audit::append(tx, &Action { at: now, person, agency, action, object, detail: &detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters_and_nothing_else_does() {
        assert!(fits("co-yeu-*", "co-yeu-01") && fits("*", "") && fits("*mat*", "may-mat-3"));
        assert!(fits("a*b*c", "axxbyyc") && fits("may-1", "may-1"));
        assert!(!fits("co-yeu-*", "may-co-yeu-1") && !fits("a*b*c", "acb") && !fits("may-1", "may-10"));
        assert!(!fits("ab*ba", "aba"), "no character counts twice");
    }
}
