//! Exceptions: which findings a person decided not to be troubled by, where, why and until when.
//!
//! An exception is in force from the moment it was made until its end, or until somebody withdraws it. A finding that
//! one in force answers raises no incident; it is kept under the exception. Nothing is ever removed or edited.

use std::collections::BTreeMap;

use anyhow::Context as _;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::HostId;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::finding::Finding;
use vonggac_rules::incident::exception::{CONDITIONS_MAX, VALUE_MAX, fits};

use super::decided::{self, Done, Extent, Kind, Misfit, Stage};
use super::view::page::{Cursor, Rows};
use super::view::{HostColumn, Scope, Sight};
use super::windows::Doer;

const KIND: Kind = Kind { word: "exception", table: "rule_exception" };

/// An exception as the store has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Exception {
    /// Its number.
    pub id: i64,
    /// The rule whose findings it answers.
    pub rule: String,
    /// `host`, `agency` or `province`.
    pub extent: &'static str,
    /// The agency whose hosts it speaks of, or that of the one host; `null`: the whole province.
    pub agency: Option<String>,
    /// The one host.
    #[schema(value_type = Option<String>)]
    pub host: Option<HostId>,
    /// That host's name.
    pub host_name: Option<String>,
    /// Fields of the finding and the values that they must have, with `*` for any characters.
    pub conditions: BTreeMap<String, String>,
    /// Why.
    pub reason: String,
    /// Who made it.
    pub made_by: String,
    /// When; it is in force from then.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// The first moment at which it is not in force any more by itself.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// Who withdrew it before.
    pub withdrawn_by: Option<String>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub withdrawn_at: Option<Timestamp>,
    /// Why.
    pub withdrawn_reason: Option<String>,
    /// How many findings it answered.
    pub kept: u64,
}

impl Exception {
    /// Where it stands.
    #[must_use]
    pub fn stage(&self, now: Timestamp) -> Stage {
        Stage::of(self.ends_at, self.withdrawn_at, now)
    }

    /// The last day on which it is in force, in Vietnam.
    #[must_use]
    pub fn last_day(&self) -> Date {
        decided::last_day(self.ends_at)
    }

    /// Its conditions as one line, `field=value`, in order.
    #[must_use]
    pub fn told_conditions(&self) -> String {
        told(&self.conditions)
    }
}

fn told(conditions: &BTreeMap<String, String>) -> String {
    conditions.iter().map(|(field, value)| format!("{field}={value}")).collect::<Vec<_>>().join(", ")
}

/// What somebody wants to except.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The rule; the caller has looked whether there is one of this name.
    pub rule: String,
    /// Where.
    pub extent: Extent,
    /// Fields and values, with `*` for any characters; none: every finding of the rule there.
    pub conditions: BTreeMap<String, String>,
    /// The last day on which it holds, in Vietnam; `None` if what was given is no day.
    pub last_day: Option<Date>,
    /// Why.
    pub reason: String,
}

/// Makes an exception from now on.
///
/// # Errors
/// If the store fails.
pub fn make(tx: &Transaction<'_>, doer: Doer<'_>, wanted: &Wanted) -> anyhow::Result<Done> {
    let whom = match decided::whom(tx, doer, &wanted.extent, &KIND)? {
        Ok(whom) => whom,
        Err(refusal) => return Ok(refusal),
    };
    let ends_at = match fit(wanted, doer.at) {
        Ok(ends_at) => ends_at,
        Err(misfit) => return Ok(Done::Unfit(misfit)),
    };
    let reason = wanted.reason.trim();
    let (agency, host) = &whom;
    // The agency of one host is the host's: it may move.
    let of_agency = agency.as_deref().filter(|_| host.is_none());
    tx.execute(
        "INSERT INTO rule_exception (rule, agency, host, conditions, reason, made_by, made_at, ends_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            wanted.rule,
            of_agency,
            host.map(|host| host.0),
            serde_json::to_string(&wanted.conditions)?,
            reason,
            doer.person,
            doer.at.0,
            ends_at.0
        ],
    )
    .context("keep an exception")?;
    let id = tx.last_insert_rowid();
    let (place, conditions) = (decided::place(&whom), told(&wanted.conditions));
    let detail = format!("{}, {place}, [{conditions}], until {ends_at}: {reason}", wanted.rule);
    decided::note(tx, doer, &KIND, (id, agency.as_deref()), "made", &detail)?;

    Ok(Done::Kept(id))
}

fn fit(wanted: &Wanted, now: Timestamp) -> Result<Timestamp, Misfit> {
    let is_good = |text: &str, most: usize| {
        !text.is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
    };
    if !is_good(&wanted.rule, 128) {
        return Err(Misfit::Rule);
    }
    let all_good =
        wanted.conditions.iter().all(|(field, value)| is_good(field, 64) && is_good(value, VALUE_MAX));
    if wanted.conditions.len() > CONDITIONS_MAX || !all_good {
        return Err(Misfit::Conditions);
    }
    decided::reason(&wanted.reason)?;

    decided::end_of(wanted.last_day, now)
}

/// Takes an exception back before its end.
///
/// # Errors
/// If the store fails.
pub fn withdraw(tx: &Transaction<'_>, doer: Doer<'_>, id: i64, reason: &str) -> anyhow::Result<Done> {
    let Some(it) = find(tx, id)? else { return Ok(Done::Absent) };

    decided::withdraw(tx, doer, &KIND, (id, it.agency.as_deref(), it.stage(doer.at)), reason)
}

const SELECT: &str = "SELECT e.id, e.rule, coalesce(h.agency, e.agency), e.host, h.name, e.conditions, e.reason, \
    e.made_by, e.made_at, e.ends_at, e.withdrawn_by, e.withdrawn_at, e.withdrawn_reason, \
    (SELECT count(*) FROM excepted_finding k WHERE k.exception = e.id) \
    FROM rule_exception e LEFT JOIN host h ON h.id = e.host";

fn exception(row: &Row<'_>) -> rusqlite::Result<Exception> {
    let agency: Option<String> = row.get(2)?;
    let host = row.get::<_, Option<HostColumn>>(3)?.map(|host| host.0);
    let conditions: String = row.get(5)?;
    let conditions = serde_json::from_str(&conditions).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(5, rusqlite::types::Type::Text, Box::new(error))
    })?;

    Ok(Exception {
        id: row.get(0)?,
        rule: row.get(1)?,
        extent: decided::extent_word(agency.as_deref(), host),
        agency,
        host,
        host_name: row.get(4)?,
        conditions,
        reason: row.get(6)?,
        made_by: row.get(7)?,
        made_at: Timestamp(row.get(8)?),
        ends_at: Timestamp(row.get(9)?),
        withdrawn_by: row.get(10)?,
        withdrawn_at: row.get::<_, Option<i64>>(11)?.map(Timestamp),
        withdrawn_reason: row.get(12)?,
        kept: row.get::<_, i64>(13)?.try_into().unwrap_or(0),
    })
}

/// An exception by its number.
///
/// # Errors
/// If the store fails.
pub fn find(db: &Connection, id: i64) -> anyhow::Result<Option<Exception>> {
    let query = format!("{SELECT} WHERE e.id = ?1");

    db.prepare_cached(&query)?.query_row([id], exception).optional().context("read an exception")
}

/// An exception by its number, if it is in view; one of the province counts the findings of agencies in scope alone.
///
/// # Errors
/// If the store fails.
pub fn one(db: &Connection, scope: &Scope, id: i64) -> anyhow::Result<Sight<Exception>> {
    Ok(match find(db, id)? {
        None => Sight::Absent,
        Some(it) if decided::is_in_view(it.agency.as_deref(), scope) => Sight::Seen(counted(db, scope, it)?),
        Some(_) => Sight::Neighbours,
    })
}

/// Counts what was kept for the agencies in scope alone: a number of the province tells of neighbours.
fn counted(db: &Connection, scope: &Scope, mut it: Exception) -> anyhow::Result<Exception> {
    if let Some(own) = scope.agency() {
        let query = "SELECT count(*) FROM excepted_finding WHERE exception = ?1 AND agency = ?2";
        let kept: i64 = db.prepare_cached(query)?.query_row(params![it.id, own], |row| row.get(0))?;
        it.kept = kept.try_into().unwrap_or(0);
    }

    Ok(it)
}

/// One page of the exceptions in view, the newest first; with a moment, those in force at it.
///
/// # Errors
/// If the store fails.
pub fn list(
    db: &Connection,
    scope: &Scope,
    in_force_at: Option<Timestamp>,
    after: Option<Cursor>,
    limit: usize,
) -> anyhow::Result<Rows<Exception>> {
    let after = after.unwrap_or(Cursor::START);
    let mut statement = db.prepare_cached(&format!(
        "{SELECT} WHERE (?1 IS NULL OR coalesce(h.agency, e.agency, ?1) = ?1) AND e.id < ?2
         AND (?3 IS NULL OR (e.made_at <= ?3 AND e.ends_at > ?3 AND coalesce(e.withdrawn_at > ?3, 1)))
         ORDER BY e.id DESC LIMIT ?4"
    ))?;
    let most = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
    let at = in_force_at.map(|at| at.0);
    let rows = statement.query_map(params![scope.agency(), after.id, at, most], exception)?;
    let found: Vec<Exception> = rows.collect::<Result<_, _>>().context("read the exceptions")?;
    let found = found.into_iter().map(|it| counted(db, scope, it)).collect::<anyhow::Result<_>>()?;

    Ok(Rows::cut(found, limit, |it: &Exception| Cursor { at: it.made_at.0, id: it.id }))
}

/// The numbers of those in force at a moment, in order: another answer means that findings may be due.
///
/// # Errors
/// If the store fails.
pub fn numbers_in_force(db: &Connection, at: Timestamp) -> anyhow::Result<Vec<i64>> {
    let mut statement = db.prepare_cached(
        "SELECT id FROM rule_exception WHERE made_at <= ?1 AND ends_at > ?1 AND coalesce(withdrawn_at > ?1, 1)
         ORDER BY id",
    )?;
    let rows = statement.query_map([at.0], |row| row.get(0))?;

    Ok(rows.collect::<Result<_, _>>()?)
}

/// The oldest exception in force that answers a finding.
///
/// # Errors
/// If the store fails.
pub fn answering(db: &Connection, finding: &Finding, at: Timestamp) -> anyhow::Result<Option<i64>> {
    let mut statement = db.prepare_cached(
        "SELECT id, conditions FROM rule_exception WHERE rule = ?1 AND (host IS NULL OR host = ?2)
         AND (agency IS NULL OR agency = ?3) AND made_at <= ?4 AND ends_at > ?4
         AND coalesce(withdrawn_at > ?4, 1) ORDER BY id",
    )?;
    let mut rows = statement.query(params![finding.rule, finding.host.0, finding.agency.as_str(), at.0])?;
    while let Some(row) = rows.next()? {
        let conditions: BTreeMap<String, String> =
            serde_json::from_str(&row.get::<_, String>(1)?).context("conditions of an exception")?;
        if fits(&conditions, finding) {
            return Ok(Some(row.get(0)?));
        }
    }

    Ok(None)
}

/// Keeps a finding under an exception; keeping it again changes nothing.
///
/// # Errors
/// If the store fails.
pub fn keep(
    tx: &Transaction<'_>,
    exception: i64,
    finding: &Finding,
    rule_set: Digest,
    now: Timestamp,
) -> anyhow::Result<()> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO excepted_finding (key, exception, rule, rule_set, agency, host, subject, severity, at, \
         kept_at, fields, evidence) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        finding.key,
        exception,
        finding.rule,
        rule_set.0,
        finding.agency.as_str(),
        finding.host.0,
        finding.subject,
        finding.severity.word(),
        finding.at.0,
        now.0,
        serde_json::to_string(&finding.fields)?,
        serde_json::to_string(&finding.evidence)?
    ])
    .context("keep an excepted finding")?;

    Ok(())
}

/// A finding that an exception answered.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct Excepted {
    /// Its key.
    pub key: String,
    /// The host.
    #[schema(value_type = String)]
    pub host: HostId,
    /// Its name.
    pub host_name: String,
    /// What it is about.
    pub subject: String,
    /// As the rule says.
    pub severity: String,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// The newest findings that an exception answered, of agencies in scope, at most so many.
///
/// # Errors
/// If the store fails.
pub fn newest_kept(db: &Connection, scope: &Scope, id: i64, most: u32) -> anyhow::Result<Vec<Excepted>> {
    let mut statement = db.prepare_cached(
        "SELECT k.key, k.host, h.name, k.subject, k.severity, k.at FROM excepted_finding k
         JOIN host h ON h.id = k.host WHERE k.exception = ?1 AND (?2 IS NULL OR k.agency = ?2)
         ORDER BY k.id DESC LIMIT ?3",
    )?;
    let rows = statement.query_map(params![id, scope.agency(), most], |row| {
        Ok(Excepted {
            key: row.get(0)?,
            host: row.get::<_, HostColumn>(1)?.0,
            host_name: row.get(2)?,
            subject: row.get(3)?,
            severity: row.get(4)?,
            at: Timestamp(row.get(5)?),
        })
    })?;

    Ok(rows.collect::<Result<_, _>>()?)
}
