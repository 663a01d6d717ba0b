//! What a person decides for hosts: for which, with what reason, until when, and taking it back.
//!
//! Accepted risks and exceptions hold from the moment they are made until the end of a day, or until somebody withdraws
//! them; change windows share how such a decision is answered. Nothing about one is ever removed or edited.

use anyhow::Context as _;
use jiff::civil::Date;
use rusqlite::{OptionalExtension as _, Transaction, params};
use vonggac_protocol::id::HostId;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::entitlement::day_of;

use super::audit::{self, Action};
use super::casework;
use super::view::Scope;
use super::windows::{Doer, REASON_MAX};

/// The last day of a decision is at most so many days away: what is decided for longer is no decision but a habit.
pub const DAYS_MAX: i32 = 366;

/// Where a decision stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// In force.
    InForce,
    /// It came to its end by itself.
    Ended,
    /// A person took it back.
    Withdrawn,
}

impl Stage {
    /// That of a decision that ends at a moment, or was withdrawn before.
    #[must_use]
    pub fn of(ends_at: Timestamp, withdrawn_at: Option<Timestamp>, now: Timestamp) -> Self {
        match withdrawn_at {
            Some(at) if at <= now => Self::Withdrawn,
            _ if now >= ends_at => Self::Ended,
            _ => Self::InForce,
        }
    }

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

/// The last day on which a decision that ends at a moment is in force, in Vietnam.
#[must_use]
pub fn last_day(ends_at: Timestamp) -> Date {
    day_of(Timestamp(ends_at.0 - 1))
}

/// Where a wanted decision is to hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Extent {
    /// On one host.
    Host(HostId),
    /// On every host of an agency, new ones too.
    Agency(String),
    /// On every host.
    Province,
}

/// How it went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Done {
    /// Done, to the decision of this number.
    Kept(i64),
    /// There is no such agency, host or decision.
    Absent,
    /// It belongs to an agency out of scope; the attempt is in the audit log.
    Neighbours,
    /// It is in view, but decided for more than this person answers for; the attempt is in the audit log.
    TooWide,
    /// It was taken back, or has ended.
    Over,
    /// It cannot be decided like this.
    Unfit(Misfit),
}

/// What is wrong with a wanted decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misfit {
    /// An advisory or CVE is missing, or is none.
    Name,
    /// The package is missing, or is none.
    Package,
    /// There is no such rule.
    Rule,
    /// Too many conditions, or one that is empty or too long.
    Conditions,
    /// The last day is no day, over, or more than [`DAYS_MAX`] days away.
    Until,
    /// It must be 1 to [`HOURS_MAX`](super::windows::HOURS_MAX) hours long.
    Hours,
    /// A path is not absolute, has `..` or is too long; or there are too many.
    Roots,
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
            Self::Rule => "rule",
            Self::Conditions => "conditions",
            Self::Until => "until",
            Self::Hours => "hours",
            Self::Roots => "roots",
            Self::Reason => "reason",
        }
    }
}

/// One kind of decisions.
pub(super) struct Kind {
    /// The word for one in the audit log.
    pub(super) word: &'static str,
    /// The table that they are in.
    pub(super) table: &'static str,
}

/// An agency and a host; neither: the whole province.
pub(super) type Whom = (Option<String>, Option<HostId>);

/// The agency and the host that an extent names, for what a person decides there; an attempt out of scope is noted.
///
/// # Errors
/// If the store fails.
pub(super) fn whom(
    tx: &Transaction<'_>,
    doer: Doer<'_>,
    extent: &Extent,
    kind: &Kind,
) -> anyhow::Result<Result<Whom, Done>> {
    let (agency, host) = match extent {
        Extent::Province => {
            if doer.scope.agency().is_some() {
                refuse(tx, doer, &format!("province/{}", kind.word))?;
                return Ok(Err(Done::TooWide));
            }
            (None, None)
        }
        Extent::Agency(agency) => {
            let query = "SELECT EXISTS (SELECT 1 FROM agency WHERE id = ?1)";
            if !tx.query_row(query, [agency], |row| row.get(0))? {
                return Ok(Err(Done::Absent));
            }
            (Some(agency.clone()), None)
        }
        Extent::Host(host) => {
            let query = "SELECT agency FROM host WHERE id = ?1";
            let Some(agency) = tx.query_row(query, [host.0], |row| row.get(0)).optional()? else {
                return Ok(Err(Done::Absent));
            };
            (Some(agency), Some(*host))
        }
    };
    if let Some(agency) = agency.as_deref().filter(|agency| !doer.scope.covers(agency)) {
        let object = host.map_or_else(|| format!("agency/{agency}"), |host| format!("host/{host}"));
        refuse(tx, doer, &format!("{object}/{}", kind.word))?;
        return Ok(Err(Done::Neighbours));
    }

    Ok(Ok((agency, host)))
}

fn refuse(tx: &Transaction<'_>, doer: Doer<'_>, object: &str) -> anyhow::Result<()> {
    casework::note_refusal(tx, doer.audited, doer.scope, object, doer.at)
}

/// What the audit log calls that place.
pub(super) fn place((agency, host): &Whom) -> String {
    match (host, agency) {
        (Some(host), _) => format!("host {host}"),
        (None, Some(agency)) => format!("agency {agency}"),
        (None, None) => "province".to_owned(),
    }
}

/// The word for how far a decision that is kept reaches.
pub(super) fn extent_word(agency: Option<&str>, host: Option<HostId>) -> &'static str {
    match (host, agency) {
        (Some(_), _) => "host",
        (None, Some(_)) => "agency",
        (None, None) => "province",
    }
}

/// A reason as it is kept.
///
/// # Errors
/// If it is missing or too long.
pub(super) fn reason(text: &str) -> Result<&str, Misfit> {
    let text = text.trim();

    if text.is_empty() || text.chars().count() > REASON_MAX { Err(Misfit::Reason) } else { Ok(text) }
}

/// The first moment after a day in Vietnam that is today or later, and at most [`DAYS_MAX`] days away.
///
/// # Errors
/// If it is no such day.
pub(super) fn end_of(day: Option<Date>, now: Timestamp) -> Result<Timestamp, Misfit> {
    let end = || {
        let days = day_of(now).until(day?).ok()?.get_days();
        let day = day.filter(|_| (0..=DAYS_MAX).contains(&days))?;
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(7));
        let after = day.tomorrow().ok()?.to_zoned(zone).ok()?;

        Some(Timestamp(after.timestamp().as_millisecond()))
    };

    end().ok_or(Misfit::Until)
}

/// What holds for the whole province holds for everybody's hosts, so everybody sees it.
pub(super) fn is_in_view(agency: Option<&str>, scope: &Scope) -> bool {
    agency.is_none_or(|agency| scope.covers(agency))
}

/// Takes the decision of this number, which stands at this agency, or for the province, back before its end.
///
/// # Errors
/// If the store fails.
pub(super) fn withdraw(
    tx: &Transaction<'_>,
    doer: Doer<'_>,
    kind: &Kind,
    (id, agency, stage): (i64, Option<&str>, Stage),
    text: &str,
) -> anyhow::Result<Done> {
    let Kind { word, table } = kind;
    if !is_in_view(agency, doer.scope) {
        refuse(tx, doer, &format!("{word}/{id}"))?;
        return Ok(Done::Neighbours);
    }
    if doer.scope.agency().is_some_and(|own| agency != Some(own)) {
        refuse(tx, doer, &format!("{word}/{id}"))?;
        return Ok(Done::TooWide);
    }
    if stage != Stage::InForce {
        return Ok(Done::Over);
    }
    let text = match reason(text) {
        Ok(text) => text,
        Err(misfit) => return Ok(Done::Unfit(misfit)),
    };
    tx.execute(
        &format!(
            "UPDATE {table} SET withdrawn_by = ?2, withdrawn_at = ?3, withdrawn_reason = ?4 WHERE id = ?1"
        ),
        params![id, doer.person, doer.at.0, text],
    )
    .with_context(|| format!("withdraw from {table}"))?;
    note(tx, doer, kind, (id, agency), "withdrawn", text)?;

    Ok(Done::Kept(id))
}

/// Writes down what became of a decision; on the command line, who decided is told beside who is audited.
///
/// # Errors
/// If the store fails.
pub(super) fn note(
    tx: &Transaction<'_>,
    doer: Doer<'_>,
    kind: &Kind,
    (id, agency): (i64, Option<&str>),
    what: &str,
    detail: &str,
) -> anyhow::Result<()> {
    let by = if doer.person == doer.audited { String::new() } else { format!("by {}: ", doer.person) };
    let (action, object) = (format!("{}.{what}", kind.word), format!("{}/{id}", kind.word));
    let detail = format!("{by}{detail}");
    let action = Action {
        at: doer.at,
        person: doer.audited,
        agency,
        action: &action,
        object: &object,
        detail: &detail,
    };

    audit::append(tx, &action)
}
