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
use vonggac_rules::entitlement::day_of;

use super::audit::{self, Action};
use super::casework;
use super::view::page::{Cursor, Rows};
use super::view::{HostColumn, Scope, Sight};
use super::windows::{Doer, REASON_MAX};

/// The last day of an acceptance is at most so many days away: what is accepted for longer is no decision but a habit.
pub const DAYS_MAX: i32 = 366;

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

/// Where an acceptance stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// In force.
    InForce,
    /// It came to its end by itself: its findings are open again.
    Ended,
    /// A person took it back.
    Withdrawn,
}

impl Stage {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::Ended => "ended",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl Risk {
    /// Where it stands.
    #[must_use]
    pub fn stage(&self, now: Timestamp) -> Stage {
        match self.withdrawn_at {
            Some(at) if at <= now => Stage::Withdrawn,
            _ if now >= self.ends_at => Stage::Ended,
            _ => Stage::InForce,
        }
    }

    /// The last day on which it is in force, in Vietnam.
    #[must_use]
    pub fn last_day(&self) -> Date {
        day_of(Timestamp(self.ends_at.0 - 1))
    }
}

/// Where a wanted acceptance is to hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Extent {
    /// On one host.
    Host(HostId),
    /// On every host of an agency, new ones too.
    Agency(String),
    /// On every host.
    Province,
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

/// How it went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Done {
    /// Done, to the acceptance of this number.
    Kept(i64),
    /// There is no such agency, host or acceptance.
    Absent,
    /// It belongs to an agency out of scope; the attempt is in the audit log.
    Neighbours,
    /// It is in view, but decided for more than this person answers for; the attempt is in the audit log.
    TooWide,
    /// It was withdrawn, or has ended.
    Over,
    /// It cannot be accepted like this.
    Unfit(Misfit),
}

/// What is wrong with a wanted acceptance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misfit {
    /// An advisory or CVE is missing, or is none.
    Name,
    /// The package is missing, or is none.
    Package,
    /// The last day is no day, over, or more than [`DAYS_MAX`] days away.
    Until,
    /// A reason is missing or too long.
    Reason,
}

impl Misfit {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Package => "package",
            Self::Until => "until",
            Self::Reason => "reason",
        }
    }
}

/// Accepts a risk from now on.
///
/// # Errors
/// If the store fails.
pub fn accept(tx: &Transaction<'_>, doer: Doer<'_>, wanted: &Wanted) -> anyhow::Result<Done> {
    let (agency, host) = match &wanted.extent {
        Extent::Province => {
            if doer.scope.agency().is_some() {
                casework::note_refusal(tx, doer.audited, doer.scope, "province/risk", doer.at)?;
                return Ok(Done::TooWide);
            }
            (None, None)
        }
        Extent::Agency(agency) => {
            let query = "SELECT EXISTS (SELECT 1 FROM agency WHERE id = ?1)";
            if !tx.query_row(query, [agency], |row| row.get(0))? {
                return Ok(Done::Absent);
            }
            (Some(agency.clone()), None)
        }
        Extent::Host(host) => {
            let query = "SELECT agency FROM host WHERE id = ?1";
            let Some(agency) = tx.query_row(query, [host.0], |row| row.get(0)).optional()? else {
                return Ok(Done::Absent);
            };
            (Some(agency), Some(*host))
        }
    };
    if let Some(agency) = agency.as_deref().filter(|agency| !doer.scope.covers(agency)) {
        let object = host.map_or_else(|| format!("agency/{agency}"), |host| format!("host/{host}"));
        casework::note_refusal(tx, doer.audited, doer.scope, &format!("{object}/risk"), doer.at)?;
        return Ok(Done::Neighbours);
    }
    let ends_at = match fit(wanted, doer.at) {
        Ok(ends_at) => ends_at,
        Err(misfit) => return Ok(Done::Unfit(misfit)),
    };

    insert(tx, doer, wanted, agency.as_deref(), host, ends_at).map(Done::Kept)
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
    let reason = wanted.reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_MAX {
        return Err(Misfit::Reason);
    }
    let today = day_of(now);
    let days = |day: Date| today.until(day).map(|span| span.get_days());
    let last = wanted.last_day.filter(|day| days(*day).is_ok_and(|days| (0..=DAYS_MAX).contains(&days)));

    last.and_then(end_of).ok_or(Misfit::Until)
}

/// The first moment after a day in Vietnam.
fn end_of(day: Date) -> Option<Timestamp> {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(7));
    let after = day.tomorrow().ok()?.to_zoned(zone).ok()?;

    Some(Timestamp(after.timestamp().as_millisecond()))
}

fn insert(
    tx: &Transaction<'_>,
    doer: Doer<'_>,
    wanted: &Wanted,
    agency: Option<&str>,
    host: Option<HostId>,
    ends_at: Timestamp,
) -> anyhow::Result<i64> {
    let (name, package, reason) = (wanted.name.trim(), wanted.package.trim(), wanted.reason.trim());
    // The agency of one host is the host's: it may move.
    let of_agency = agency.filter(|_| host.is_none());
    tx.execute(
        "INSERT INTO accepted_risk (name, package, agency, host, reason, accepted_by, accepted_at, ends_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![name, package, of_agency, host.map(|host| host.0), reason, doer.person, doer.at.0, ends_at.0],
    )
    .context("keep an accepted risk")?;
    let id = tx.last_insert_rowid();
    let place = match (host, agency) {
        (Some(host), _) => format!("host {host}"),
        (None, Some(agency)) => format!("agency {agency}"),
        (None, None) => "province".to_owned(),
    };
    let by = if doer.person == doer.audited { String::new() } else { format!("by {}, ", doer.person) };
    let detail = format!("{by}{name} in {package}, {place}, until {ends_at}: {reason}");
    note(tx, doer, agency, "risk.accepted", id, &detail)?;

    Ok(id)
}

/// Takes an acceptance back before its end.
///
/// # Errors
/// If the store fails.
pub fn withdraw(tx: &Transaction<'_>, doer: Doer<'_>, id: i64, reason: &str) -> anyhow::Result<Done> {
    let Some(risk) = find(tx, id)? else { return Ok(Done::Absent) };
    if !is_in_view(&risk, doer.scope) {
        casework::note_refusal(tx, doer.audited, doer.scope, &format!("risk/{id}"), doer.at)?;
        return Ok(Done::Neighbours);
    }
    if doer.scope.agency().is_some_and(|own| risk.agency.as_deref() != Some(own)) {
        casework::note_refusal(tx, doer.audited, doer.scope, &format!("risk/{id}"), doer.at)?;
        return Ok(Done::TooWide);
    }
    if risk.stage(doer.at) != Stage::InForce {
        return Ok(Done::Over);
    }
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_MAX {
        return Ok(Done::Unfit(Misfit::Reason));
    }
    tx.execute(
        "UPDATE accepted_risk SET withdrawn_by = ?2, withdrawn_at = ?3, withdrawn_reason = ?4 WHERE id = ?1",
        params![id, doer.person, doer.at.0, reason],
    )
    .context("withdraw an accepted risk")?;
    let by = if doer.person == doer.audited { String::new() } else { format!("by {}: ", doer.person) };
    note(tx, doer, risk.agency.as_deref(), "risk.withdrawn", id, &format!("{by}{reason}"))?;

    Ok(Done::Kept(id))
}

fn note(
    tx: &Transaction<'_>,
    doer: Doer<'_>,
    agency: Option<&str>,
    action: &str,
    id: i64,
    detail: &str,
) -> anyhow::Result<()> {
    let object = format!("risk/{id}");

    audit::append(tx, &Action { at: doer.at, person: doer.audited, agency, action, object: &object, detail })
}

const SELECT: &str = "SELECT r.id, r.name, r.package, coalesce(h.agency, r.agency), r.host, h.name, r.reason, \
    r.accepted_by, r.accepted_at, r.ends_at, r.withdrawn_by, r.withdrawn_at, r.withdrawn_reason \
    FROM accepted_risk r LEFT JOIN host h ON h.id = r.host";

fn risk(row: &Row<'_>) -> rusqlite::Result<Risk> {
    let agency: Option<String> = row.get(3)?;
    let host = row.get::<_, Option<HostColumn>>(4)?.map(|host| host.0);
    let extent = match (host, &agency) {
        (Some(_), _) => "host",
        (None, Some(_)) => "agency",
        (None, None) => "province",
    };

    Ok(Risk {
        id: row.get(0)?,
        name: row.get(1)?,
        package: row.get(2)?,
        extent,
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

/// What holds for the whole province holds for everybody's hosts, so everybody sees it.
fn is_in_view(risk: &Risk, scope: &Scope) -> bool {
    risk.agency.as_deref().is_none_or(|agency| scope.covers(agency))
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
        Some(risk) if is_in_view(&risk, scope) => Sight::Seen(risk),
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
