//! What people do to incidents, from a page, through the API or on the command line: one piece of code for each act.
//!
//! Every act is one transaction: the incident, its entry and the audit log move together or not at all.
//!
//! | file | subject |
//! |---|---|
//! | [`mod@act`] | the acts, and how one goes |
//! | `steps` | taking it, moving it on and back, closing, opening again |
//! | `says` | what people say of it: notes, who has it, labels, marks, pauses, links |
//! | `tasks` | tasks for the agency and their answers |
//! | `joins` | merging two, splitting hosts off |
//! | `reports` | fields of forms, reports that were sent |

use anyhow::Context as _;
use rusqlite::{OptionalExtension as _, Transaction};
use vonggac_protocol::time::Timestamp;
use vonggac_rules::incident::life::Milestones;

use super::audit;
use super::incidents::{Entry, add_entry, raised_now};
use super::sending::announce::{News, announce};
use super::view::Scope;
use super::view::words::{Role, Severity, State};
use crate::sending::settings::Event;

pub mod act;
mod joins;
mod reports;
mod says;
mod steps;
mod tasks;

pub use act::{Act, Deed, Done, NOTE_MAX, Refusal};

/// How the incident stands before an act.
struct Standing {
    state: State,
    severity: Severity,
    version: i64,
    agency: String,
    join_key: String,
    owner: Option<String>,
    reviewer: Option<String>,
    detected_at: Timestamp,
    profile: String,
    reached: Milestones,
    tlp: String,
    pap: String,
    marks: String,
    drill_until: Option<i64>,
    merged_into: Option<i64>,
}

/// What an act leaves in the timeline.
struct Kept {
    action: &'static str,
    text: String,
    before: Option<String>,
    after: Option<String>,
}

impl Kept {
    fn new(action: &'static str, text: &str) -> Self {
        Self { action, text: text.trim().to_owned(), before: None, after: None }
    }

    fn from(mut self, before: impl Into<String>) -> Self {
        self.before = Some(before.into());
        self
    }

    fn to(mut self, after: impl Into<String>) -> Self {
        self.after = Some(after.into());
        self
    }
}

/// How an act went: kept, or refused with nothing changed.
type Went = anyhow::Result<Result<Kept, Done>>;

fn refused(refusal: Refusal) -> Went {
    Ok(Err(Done::Refused(refusal)))
}

fn note_fits(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= NOTE_MAX
}

/// Does it.
///
/// # Errors
/// If the store fails.
pub fn act(tx: &Transaction<'_>, deed: &Deed<'_>) -> anyhow::Result<Done> {
    let Some(standing) = standing(tx, deed.incident)? else { return Ok(Done::Absent) };
    if !deed.scope.covers(&standing.agency) {
        note_refusal(tx, deed.person, deed.scope, &format!("incident/{}", deed.incident), deed.at)?;
        return Ok(Done::Neighbours);
    }
    if deed.seen.is_some_and(|seen| seen != standing.version) {
        return Ok(Done::Changed(standing.version));
    }
    let kept = match dispatch(tx, deed, &standing)? {
        Ok(kept) => kept,
        Err(refusal) => return Ok(refusal),
    };
    tx.execute("UPDATE incident SET version = version + 1 WHERE id = ?1", [deed.incident])?;
    put(tx, deed, deed.incident, &standing.agency, &kept)?;
    tell_others(tx, deed, &standing)?;

    Ok(Done::Kept(standing.version + 1, standing.agency))
}

/// What of an act others hear by themselves: that it is graver, and that a drill was real after all.
#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is told")]
fn tell_others(tx: &Transaction<'_>, deed: &Deed<'_>, standing: &Standing) -> anyhow::Result<()> {
    match &deed.act {
        Act::Grade { severity, .. } if *severity > standing.severity => {
            raised_now(tx, deed.incident, severity.word(), deed.at)
        }
        Act::Drill { hours: 0, .. } => {
            let mark = format!("real/{}", standing.version);
            announce(tx, deed.incident, News { event: Event::Opened, mark: &mark, clock: None }, deed.at)
        }
        _ => Ok(()),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "everything else is said, not done")]
fn dispatch(tx: &Transaction<'_>, deed: &Deed<'_>, standing: &Standing) -> Went {
    match &deed.act {
        Act::Acknowledge | Act::Move { .. } | Act::Close { .. } | Act::Reopen { .. } => {
            steps::step(tx, deed, standing)
        }
        Act::AddTask { .. }
        | Act::AnswerTask { .. }
        | Act::AcceptTask { .. }
        | Act::ReturnTask { .. }
        | Act::WithdrawTask { .. } => tasks::task(tx, deed, standing),
        Act::Merge { into, text } => joins::merge(tx, deed, standing, *into, text),
        Act::Split { hosts, text } => joins::split(tx, deed, standing, hosts, text),
        Act::Fill { field, value } => reports::fill(tx, deed, standing, field, value),
        Act::SendReport { duty, number, to } => reports::send(tx, deed, standing, (duty, number), to),
        Act::Report { duty, number, sent_at } => reports::report(tx, deed, standing, duty, number, *sent_at),
        _ => says::say(tx, deed, standing),
    }
}

/// Writes an entry and a line of the audit log.
fn put(
    tx: &Transaction<'_>,
    deed: &Deed<'_>,
    incident: i64,
    agency: &str,
    kept: &Kept,
) -> anyhow::Result<()> {
    let entry = Entry {
        person: Some(deed.person),
        action: kept.action,
        text: &kept.text,
        before: kept.before.as_deref(),
        after: kept.after.as_deref(),
    };
    add_entry(tx, incident, deed.at, &entry)?;

    audit::append(
        tx,
        &audit::Action {
            at: deed.at,
            person: deed.person,
            agency: Some(agency),
            action: &format!("incident.{}", kept.action),
            object: &format!("incident/{incident}"),
            detail: kept.after.as_deref().unwrap_or_default(),
        },
    )
}

fn standing(tx: &Transaction<'_>, incident: i64) -> anyhow::Result<Option<Standing>> {
    let moment = |row: &rusqlite::Row<'_>, column: usize| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp))
    };

    tx.prepare_cached(
        "SELECT state, version, agency, join_key, severity, owner, reviewer, detected_at, profile, acknowledged_at,
            triaged_at, contained_at, resolved_at, closed_at, tlp, pap, marks, drill_until, merged_into
         FROM incident WHERE id = ?1",
    )?
    .query_row([incident], |row| {
        Ok(Standing {
            state: row.get(0)?,
            version: row.get(1)?,
            agency: row.get(2)?,
            join_key: row.get(3)?,
            severity: row.get(4)?,
            owner: row.get(5)?,
            reviewer: row.get(6)?,
            detected_at: Timestamp(row.get(7)?),
            profile: row.get(8)?,
            reached: Milestones {
                acknowledged: moment(row, 9)?,
                triaged: moment(row, 10)?,
                contained: moment(row, 11)?,
                resolved: moment(row, 12)?,
                closed: moment(row, 13)?,
            },
            tlp: row.get(14)?,
            pap: row.get(15)?,
            marks: row.get(16)?,
            drill_until: row.get(17)?,
            merged_into: row.get(18)?,
        })
    })
    .optional()
    .context("find an incident")
}

/// Whether there is a person of this name who may work on incidents of this agency.
fn works_on(tx: &Transaction<'_>, name: &str, agency: &str) -> anyhow::Result<bool> {
    let role: Option<Role> = tx
        .query_row(
            "SELECT role FROM person WHERE name = ?1 AND disabled_at IS NULL AND (agency IS NULL OR agency = ?2)",
            [name, agency],
            |row| row.get(0),
        )
        .optional()?;

    Ok(role.is_some_and(Role::may_act))
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
