//! What people do to incidents: take them, write notes, close them, open them again.
//!
//! Every act is one transaction: the incident, its entry and the audit log move together or not at all.

use anyhow::Context as _;
use rusqlite::{OptionalExtension as _, Transaction, params};
use vonggac_protocol::time::Timestamp;

use super::audit;
use super::view::Scope;
use super::view::words::{Outcome, State};

/// Characters of a note at most.
pub const NOTE_MAX: usize = 4_000;

/// What somebody does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Takes it.
    Acknowledge,
    /// Writes a note.
    Comment(String),
    /// Says what it was, in a word and in own words.
    Close(Outcome, String),
    /// Opens it again and says why.
    Reopen(String),
}

/// Who does what to which incident.
#[derive(Clone, Debug)]
pub struct Deed<'a> {
    /// The incident's number.
    pub incident: i64,
    /// Who.
    pub person: &'a str,
    /// What that person sees.
    pub scope: &'a Scope,
    /// When.
    pub at: Timestamp,
    /// The version that the person looked at; `None`: whichever it is.
    pub seen: Option<i64>,
    /// What.
    pub act: Act,
}

/// How it went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Done {
    /// Done; the incident has this version now and belongs to this agency.
    Kept(i64, String),
    /// There is no such incident.
    Absent,
    /// It belongs to an agency out of scope; the attempt is in the audit log.
    Neighbours,
    /// Somebody changed it since it was looked at; it has this version now.
    Changed(i64),
    /// It stands where this cannot be done to it.
    Unfit(State),
    /// It cannot be opened again: a newer incident about the same matter is open.
    AnotherOpen(i64),
    /// A note is missing or too long.
    BadNote,
}

struct Standing {
    state: State,
    version: i64,
    agency: String,
    join_key: String,
}

/// Does it.
///
/// # Errors
/// If the store fails.
pub fn act(tx: &Transaction<'_>, deed: &Deed<'_>) -> anyhow::Result<Done> {
    let standing = tx
        .prepare_cached("SELECT state, version, agency, join_key FROM incident WHERE id = ?1")?
        .query_row([deed.incident], |row| {
            Ok(Standing {
                state: row.get(0)?,
                version: row.get(1)?,
                agency: row.get(2)?,
                join_key: row.get(3)?,
            })
        })
        .optional()
        .context("find an incident")?;
    let Some(standing) = standing else { return Ok(Done::Absent) };
    if !deed.scope.covers(&standing.agency) {
        note_refusal(tx, deed.person, deed.scope, &format!("incident/{}", deed.incident), deed.at)?;
        return Ok(Done::Neighbours);
    }
    if deed.seen.is_some_and(|seen| seen != standing.version) {
        return Ok(Done::Changed(standing.version));
    }
    if let Some(refusal) = unfit(tx, deed, &standing)? {
        return Ok(refusal);
    }
    keep(tx, deed, &standing)?;

    Ok(Done::Kept(standing.version + 1, standing.agency))
}

fn unfit(tx: &Transaction<'_>, deed: &Deed<'_>, standing: &Standing) -> anyhow::Result<Option<Done>> {
    let note_fits = |text: &str| !text.trim().is_empty() && text.chars().count() <= NOTE_MAX;
    Ok(match &deed.act {
        Act::Acknowledge if standing.state != State::New => Some(Done::Unfit(standing.state)),
        Act::Close(..) if standing.state == State::Closed => Some(Done::Unfit(standing.state)),
        Act::Reopen(_) if standing.state != State::Closed => Some(Done::Unfit(standing.state)),
        Act::Comment(text) | Act::Close(_, text) | Act::Reopen(text) if !note_fits(text) => {
            Some(Done::BadNote)
        }
        Act::Reopen(_) => tx
            .query_row(
                "SELECT id FROM incident WHERE join_key = ?1 AND state <> 'closed'",
                [&standing.join_key],
                |row| row.get(0),
            )
            .optional()?
            .map(Done::AnotherOpen),
        Act::Acknowledge | Act::Comment(_) | Act::Close(..) => None,
    })
}

fn keep(tx: &Transaction<'_>, deed: &Deed<'_>, standing: &Standing) -> anyhow::Result<()> {
    let (id, at, person) = (deed.incident, deed.at.0, deed.person);
    let (action, text, after) = match &deed.act {
        Act::Acknowledge => {
            tx.execute(
                "UPDATE incident SET state = 'acknowledged', owner = ?2, acknowledged_at = ?3 WHERE id = ?1",
                params![id, person, at],
            )?;
            ("acknowledged", "", Some(person))
        }
        Act::Comment(text) => ("commented", text.trim(), None),
        Act::Close(outcome, text) => {
            tx.execute(
                "UPDATE incident SET state = 'closed', outcome = ?2, closed_at = ?3 WHERE id = ?1",
                params![id, outcome.word(), at],
            )?;
            ("closed", text.trim(), Some(outcome.word()))
        }
        Act::Reopen(text) => {
            tx.execute(
                "UPDATE incident SET state = 'acknowledged', outcome = NULL, closed_at = NULL, owner = ?2,
                     acknowledged_at = coalesce(acknowledged_at, ?3) WHERE id = ?1",
                params![id, person, at],
            )?;
            ("reopened", text.trim(), Some("acknowledged"))
        }
    };
    tx.execute("UPDATE incident SET version = version + 1 WHERE id = ?1", [id])?;
    tx.execute(
        "INSERT INTO incident_entry (incident, at, person, action, text, before, after) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![id, at, person, action, text, standing.state.word(), after],
    )?;

    audit::append(
        tx,
        &audit::Action {
            at: deed.at,
            person,
            agency: Some(&standing.agency),
            action: &format!("incident.{action}"),
            object: &format!("incident/{id}"),
            detail: after.unwrap_or_default(),
        },
    )
}

/// Writes down that somebody asked for a thing of an agency they may not see.
///
/// # Errors
/// If the store fails.
pub fn note_refusal(
    tx: &Transaction<'_>,
    person: &str,
    scope: &Scope,
    object: &str,
    at: Timestamp,
) -> anyhow::Result<()> {
    audit::append(
        tx,
        &audit::Action { at, person, agency: scope.agency(), action: "scope.refused", object, detail: "" },
    )
}
