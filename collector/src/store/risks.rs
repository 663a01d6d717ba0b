//! Accepted risks: which weakness of which package a person decided to live with, where, why and until when.
//!
//! An acceptance is in force from the moment it was made until its end, or until somebody withdraws it. Nothing about
//! it is ever removed or edited. Which findings it answers is decided in [`crate::vulnerabilities::accepted`].

use anyhow::Context as _;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::id::HostId;
use vonggac_protocol::time::Timestamp;

use super::decided::{self, Done, Extent, Kind, Misfit, Stage, Whom};
use super::view::page::{Cursor, Rows};
use super::view::{HostColumn, Scope, Sight};
use super::windows::Doer;

const KIND: Kind = Kind { word: "risk", table: "accepted_risk" };

/// Characters of an advisory's or a package's name at most.
pub const NAME_MAX: usize = 256;

/// An accepted risk as the store has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Risk {
    /// Its number.
    pub id: i64,
    /// The advisory or CVE.
    pub name: String,
    /// The package as the advisory names it.
    pub package: String,
    /// `host`, `agency` or `province`.
    pub extent: &'static str,
    /// The agency whose hosts it speaks of, or that of the one host; `null`: the whole province.
    pub agency: Option<String>,
    /// The one host.
    #[schema(value_type = Option<String>)]
    pub host: Option<HostId>,
    /// That host's name.
    pub host_name: Option<String>,
    /// Why.
    pub reason: String,
    /// Who accepted it.
    pub accepted_by: String,
    /// When; it is in force from then.
    #[schema(value_type = String, format = DateTime)]
    pub accepted_at: Timestamp,
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
}

impl Risk {
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
}

/// What somebody wants to accept.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The advisory or CVE.
    pub name: String,
    /// The package as the advisory names it.
    pub package: String,
    /// Where.
    pub extent: Extent,
    /// The last day on which it holds, in Vietnam; `None` if what was given is no day.
    pub last_day: Option<Date>,
    /// Why.
    pub reason: String,
}

/// Accepts a risk from now on.
///
/// # Errors
/// If the store fails.
pub fn accept(tx: &Transaction<'_>, doer: Doer<'_>, wanted: &Wanted) -> anyhow::Result<Done> {
    let whom = match decided::whom(tx, doer, &wanted.extent, &KIND)? {
        Ok(whom) => whom,
        Err(refusal) => return Ok(refusal),
    };

    match fit(wanted, doer.at) {
        Ok(ends_at) => insert(tx, doer, wanted, &whom, ends_at).map(Done::Kept),
        Err(misfit) => Ok(Done::Unfit(misfit)),
    }
}

fn fit(wanted: &Wanted, now: Timestamp) -> Result<Timestamp, Misfit> {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.chars().count() <= NAME_MAX
            && !text.chars().any(|letter| letter.is_control() || letter.is_whitespace())
    };
    if !is_name(wanted.name.trim()) {
        return Err(Misfit::Name);
    }
    // Products of Windows have blanks in their names.
    let package = wanted.package.trim();
    if package.is_empty() || package.chars().count() > NAME_MAX || package.chars().any(char::is_control) {
        return Err(Misfit::Package);
    }
    decided::reason(&wanted.reason)?;

    decided::end_of(wanted.last_day, now)
}

fn insert(
    tx: &Transaction<'_>,
    doer: Doer<'_>,
    wanted: &Wanted,
    whom: &Whom,
    ends_at: Timestamp,
) -> anyhow::Result<i64> {
    let (name, package, reason) = (wanted.name.trim(), wanted.package.trim(), wanted.reason.trim());
    let (agency, host) = whom;
    // The agency of one host is the host's: it may move.
    let of_agency = agency.as_deref().filter(|_| host.is_none());
    tx.execute(
        "INSERT INTO accepted_risk (name, package, agency, host, reason, accepted_by, accepted_at, ends_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![name, package, of_agency, host.map(|host| host.0), reason, doer.person, doer.at.0, ends_at.0],
    )
    .context("keep an accepted risk")?;
    let id = tx.last_insert_rowid();
    let detail = format!("{name} in {package}, {}, until {ends_at}: {reason}", decided::place(whom));
    decided::note(tx, doer, &KIND, (id, agency.as_deref()), "accepted", &detail)?;

    Ok(id)
}

/// Takes an acceptance back before its end.
///
/// # Errors
/// If the store fails.
pub fn withdraw(tx: &Transaction<'_>, doer: Doer<'_>, id: i64, reason: &str) -> anyhow::Result<Done> {
    let Some(risk) = find(tx, id)? else { return Ok(Done::Absent) };

    decided::withdraw(tx, doer, &KIND, (id, risk.agency.as_deref(), risk.stage(doer.at)), reason)
}

const SELECT: &str = "SELECT r.id, r.name, r.package, coalesce(h.agency, r.agency), r.host, h.name, r.reason, \
    r.accepted_by, r.accepted_at, r.ends_at, r.withdrawn_by, r.withdrawn_at, r.withdrawn_reason \
    FROM accepted_risk r LEFT JOIN host h ON h.id = r.host";

fn risk(row: &Row<'_>) -> rusqlite::Result<Risk> {
    let agency: Option<String> = row.get(3)?;
    let host = row.get::<_, Option<HostColumn>>(4)?.map(|host| host.0);

    Ok(Risk {
        id: row.get(0)?,
        name: row.get(1)?,
        package: row.get(2)?,
        extent: decided::extent_word(agency.as_deref(), host),
        agency,
        host,
        host_name: row.get(5)?,
        reason: row.get(6)?,
        accepted_by: row.get(7)?,
        accepted_at: Timestamp(row.get(8)?),
        ends_at: Timestamp(row.get(9)?),
        withdrawn_by: row.get(10)?,
        withdrawn_at: row.get::<_, Option<i64>>(11)?.map(Timestamp),
        withdrawn_reason: row.get(12)?,
    })
}

/// An acceptance by its number.
///
/// # Errors
/// If the store fails.
pub fn find(db: &Connection, id: i64) -> anyhow::Result<Option<Risk>> {
    let query = format!("{SELECT} WHERE r.id = ?1");

    db.prepare_cached(&query)?.query_row([id], risk).optional().context("read an accepted risk")
}

/// An acceptance by its number, if it is in view.
///
/// # Errors
/// If the store fails.
pub fn one(db: &Connection, scope: &Scope, id: i64) -> anyhow::Result<Sight<Risk>> {
    Ok(match find(db, id)? {
        None => Sight::Absent,
        Some(risk) if decided::is_in_view(risk.agency.as_deref(), scope) => Sight::Seen(risk),
        Some(_) => Sight::Neighbours,
    })
}

/// Which acceptances a list is to show.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// Only those in force at this moment.
    pub in_force_at: Option<Timestamp>,
    /// Only those whose end comes before this moment.
    pub ends_before: Option<Timestamp>,
}

/// One page of the acceptances in view, the newest first: those in force, ended and withdrawn.
///
/// # Errors
/// If the store fails.
pub fn list(
    db: &Connection,
    scope: &Scope,
    filter: Filter,
    after: Option<Cursor>,
    limit: usize,
) -> anyhow::Result<Rows<Risk>> {
    let after = after.unwrap_or(Cursor::START);
    let mut statement = db.prepare_cached(&format!(
        "{SELECT} WHERE (?1 IS NULL OR coalesce(h.agency, r.agency, ?1) = ?1) AND r.id < ?2
         AND (?3 IS NULL OR (r.accepted_at <= ?3 AND r.ends_at > ?3 AND coalesce(r.withdrawn_at > ?3, 1)))
         AND (?4 IS NULL OR r.ends_at <= ?4) ORDER BY r.id DESC LIMIT ?5"
    ))?;
    let most = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let moment = |at: Option<Timestamp>| at.map(|at| at.0);
    let rows = statement.query_map(
        params![scope.agency(), after.id, moment(filter.in_force_at), moment(filter.ends_before), most],
        risk,
    )?;
    let risks = rows.collect::<Result<_, _>>().context("read the accepted risks")?;

    Ok(Rows::cut(risks, limit, |risk: &Risk| Cursor { at: risk.accepted_at.0, id: risk.id }))
}

/// Every acceptance in view that was in force at a moment, the oldest first.
///
/// # Errors
/// If the store fails.
pub fn in_force(db: &Connection, scope: &Scope, at: Timestamp) -> anyhow::Result<Vec<Risk>> {
    let filter = Filter { in_force_at: Some(at), ends_before: None };
    let mut risks = list(db, scope, filter, None, usize::MAX - 1)?.items;
    risks.reverse();

    Ok(risks)
}

/// The acceptances in force that hold for a host, the oldest first. The caller has the right to the host.
///
/// # Errors
/// If the store fails.
pub fn of_host(db: &Connection, host: HostId, at: Timestamp) -> anyhow::Result<Vec<Risk>> {
    let mut statement = db.prepare_cached(&format!(
        "{SELECT} WHERE (r.host = ?1 OR (r.host IS NULL
            AND (r.agency IS NULL OR r.agency = (SELECT agency FROM host WHERE id = ?1))))
         AND r.accepted_at <= ?2 AND r.ends_at > ?2 AND coalesce(r.withdrawn_at > ?2, 1) ORDER BY r.id"
    ))?;
    let rows = statement.query_map(params![host.0, at.0], risk)?;

    rows.collect::<Result<_, _>>().context("read the accepted risks of a host")
}
