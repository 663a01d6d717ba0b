//! Incidents as the judge opens and joins them and as people work on them.

use anyhow::{Context as _, bail};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::finding::{Finding, Severity};
use vonggac_rules::incident::{Filing, OpenIncident, file, join_key};
use vonggac_rules::ruleset::Rule;

use super::findings;

/// What filing a finding did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filed {
    /// It had been filed before.
    Known,
    /// It opened this incident.
    Opened(i64),
    /// It joined this incident.
    Joined(i64),
}

/// Files a finding under the incident that it belongs to; filing it again changes nothing.
///
/// # Errors
/// If the store fails.
pub fn file_finding(
    tx: &Transaction<'_>,
    finding: &Finding,
    rule: &Rule,
    rule_set: Digest,
    now: Timestamp,
) -> anyhow::Result<Filed> {
    let key = join_key(finding);
    let known = findings::exists(tx, &finding.key)?;
    let open = open_of(tx, &key)?;
    let filed = match file(finding, known, open.map(|(_, open)| open)) {
        Filing::Known => return Ok(Filed::Known),
        Filing::Open => Filed::Opened(open_new(tx, finding, &key, rule, rule_set, now)?),
        Filing::Join(joined) => {
            let (id, before) = open.context("an incident that a finding joins is open")?;
            join(tx, id, before, joined, now)?;
            Filed::Joined(id)
        }
    };
    let (Filed::Opened(id) | Filed::Joined(id)) = filed else { return Ok(filed) };
    findings::insert(tx, finding, id, rule_set)?;
    tx.prepare_cached(
        "INSERT INTO incident_host VALUES (?1, ?2, 1) \
         ON CONFLICT (incident, host) DO UPDATE SET findings = findings + 1",
    )?
    .execute(params![id, finding.host.0])?;

    Ok(filed)
}

fn open_of(tx: &Transaction<'_>, join_key: &str) -> anyhow::Result<Option<(i64, OpenIncident)>> {
    let found: Option<(i64, String, i64, i64)> = tx
        .prepare_cached(
            "SELECT id, severity, opened_at, last_at FROM incident WHERE join_key = ?1 AND state <> 'closed'",
        )?
        .query_row([join_key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((id, severity, opened_at, last_at)) = found else { return Ok(None) };
    let severity = Severity::of_word(&severity).with_context(|| format!("severity {severity:?}"))?;

    Ok(Some((id, OpenIncident { severity, opened_at: Timestamp(opened_at), last_at: Timestamp(last_at) })))
}

fn open_new(
    tx: &Transaction<'_>,
    finding: &Finding,
    join_key: &str,
    rule: &Rule,
    rule_set: Digest,
    now: Timestamp,
) -> anyhow::Result<i64> {
    tx.prepare_cached(
        "INSERT INTO incident (join_key, rule, rule_set, title_vi, title_en, clauses, owner_role, agency, subject, \
         severity, state, opened_at, raised_at, last_at, findings) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'new', ?11, ?12, ?11, 1)",
    )?
    .execute(params![
        join_key,
        rule.name,
        rule_set.0,
        rule.title.vi,
        rule.title.en,
        serde_json::to_string(&rule.clauses)?,
        rule.owner,
        finding.agency.as_str(),
        finding.subject,
        finding.severity.word(),
        finding.at.0,
        now.0
    ])
    .context("open an incident")?;
    let id = tx.last_insert_rowid();
    add_entry(tx, id, now, &Entry { action: "opened", ..Entry::default() })?;

    Ok(id)
}

fn join(
    tx: &Transaction<'_>,
    id: i64,
    before: OpenIncident,
    after: OpenIncident,
    now: Timestamp,
) -> anyhow::Result<()> {
    tx.prepare_cached(
        "UPDATE incident SET severity = ?2, opened_at = ?3, last_at = ?4, findings = findings + 1, \
         version = version + 1 WHERE id = ?1",
    )?
    .execute(params![id, after.severity.word(), after.opened_at.0, after.last_at.0])?;
    if after.severity != before.severity {
        let entry = Entry {
            action: "severity",
            before: Some(before.severity.word()),
            after: Some(after.severity.word()),
            ..Entry::default()
        };
        add_entry(tx, id, now, &entry)?;
    }

    Ok(())
}

/// What was done to an incident.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entry<'a> {
    /// Who; `None`: the collector itself.
    pub person: Option<&'a str>,
    /// One of the actions that the store knows.
    pub action: &'a str,
    /// A comment.
    pub text: &'a str,
    /// What it was.
    pub before: Option<&'a str>,
    /// What it is.
    pub after: Option<&'a str>,
}

/// Writes an entry under an incident; the caller changes the incident in the same transaction.
///
/// # Errors
/// If the store fails.
pub fn add_entry(
    tx: &Transaction<'_>,
    incident: i64,
    at: Timestamp,
    entry: &Entry<'_>,
) -> anyhow::Result<()> {
    tx.prepare_cached(
        "INSERT INTO incident_entry (incident, at, person, action, text, before, after) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        incident,
        at.0,
        entry.person,
        entry.action,
        entry.text,
        entry.before,
        entry.after
    ])?;

    Ok(())
}

/// How an incident ended, for people and for figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum ClosingOutcome {
    /// It was what the rule says, and did harm.
    TrueImpact,
    /// It was what the rule says, and did no harm.
    TrueNoImpact,
    /// It was not what the rule says.
    FalseAlarm,
    /// Somebody had planned it.
    PlannedChange,
    /// Another incident is about the same.
    Duplicate,
    /// It could not be found out.
    Unknown,
}

impl ClosingOutcome {
    /// The word in the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::TrueImpact => "true_impact",
            Self::TrueNoImpact => "true_no_impact",
            Self::FalseAlarm => "false_alarm",
            Self::PlannedChange => "planned_change",
            Self::Duplicate => "duplicate",
            Self::Unknown => "unknown",
        }
    }
}

/// Notes that a person has seen an incident and takes it.
///
/// # Errors
/// If there is no such incident, it is not new, or the store fails.
pub fn acknowledge(tx: &Transaction<'_>, id: i64, person: &str, now: Timestamp) -> anyhow::Result<()> {
    let state = state_of(tx, id)?;
    if state != "new" {
        bail!("incident {id} is {state}, only a new one can be acknowledged");
    }
    tx.execute(
        "UPDATE incident SET state = 'acknowledged', acknowledged_at = ?2, owner = coalesce(owner, ?3), \
         version = version + 1 WHERE id = ?1",
        params![id, now.0, person],
    )?;
    let entry = Entry {
        person: Some(person),
        action: "acknowledged",
        before: Some("new"),
        after: Some("acknowledged"),
        ..Entry::default()
    };

    add_entry(tx, id, now, &entry)
}

/// Closes an incident with its outcome.
///
/// # Errors
/// If there is no such incident, it is closed already, or the store fails.
pub fn close(
    tx: &Transaction<'_>,
    id: i64,
    person: &str,
    outcome: ClosingOutcome,
    text: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    let state = state_of(tx, id)?;
    if state == "closed" {
        bail!("incident {id} is closed already");
    }
    tx.execute(
        "UPDATE incident SET state = 'closed', outcome = ?2, closed_at = ?3, version = version + 1 WHERE id = ?1",
        params![id, outcome.word(), now.0],
    )?;
    let entry = Entry {
        person: Some(person),
        action: "closed",
        text,
        before: Some(&state),
        after: Some(outcome.word()),
    };

    add_entry(tx, id, now, &entry)
}

fn state_of(tx: &Transaction<'_>, id: i64) -> anyhow::Result<String> {
    tx.query_row("SELECT state FROM incident WHERE id = ?1", [id], |row| row.get(0))
        .optional()?
        .with_context(|| format!("there is no incident {id}"))
}

/// An incident in a few words.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Its number.
    pub id: i64,
    /// The rule that opened it.
    pub rule: String,
    /// How grave it is.
    pub severity: String,
    /// `new`, `acknowledged` or `closed`.
    pub state: String,
    /// How it ended.
    pub outcome: Option<String>,
    /// Title in Vietnamese.
    pub title_vi: String,
    /// Title in English.
    pub title_en: String,
    /// Whose hosts.
    pub agency: String,
    /// The first host concerned, by id.
    pub host: String,
    /// Its name.
    pub host_name: String,
    /// What it is about.
    pub subject: String,
    /// Clauses that oblige what the rule watches.
    pub clauses: Vec<String>,
    /// The role that answers for it.
    pub owner_role: String,
    /// Moment of the first evidence.
    pub opened_at: Timestamp,
    /// When the collector opened it.
    pub raised_at: Timestamp,
    /// Moment of the newest evidence.
    pub last_at: Timestamp,
    /// How many findings.
    pub findings: i64,
}

const SUMMARY: &str = "SELECT i.id, i.rule, i.severity, i.state, i.outcome, i.title_vi, i.title_en, i.agency, \
     lower(hex(h.host)), host.name, i.subject, i.clauses, i.owner_role, i.opened_at, i.raised_at, i.last_at, \
     i.findings FROM incident i \
     JOIN incident_host h ON h.incident = i.id AND h.host = \
     (SELECT f.host FROM finding f WHERE f.incident = i.id ORDER BY f.id LIMIT 1) \
     JOIN host ON host.id = h.host";

fn read_summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    let clauses: String = row.get(11)?;

    Ok(Summary {
        id: row.get(0)?,
        rule: row.get(1)?,
        severity: row.get(2)?,
        state: row.get(3)?,
        outcome: row.get(4)?,
        title_vi: row.get(5)?,
        title_en: row.get(6)?,
        agency: row.get(7)?,
        host: row.get(8)?,
        host_name: row.get(9)?,
        subject: row.get(10)?,
        clauses: serde_json::from_str(&clauses).unwrap_or_default(),
        owner_role: row.get(12)?,
        opened_at: Timestamp(row.get(13)?),
        raised_at: Timestamp(row.get(14)?),
        last_at: Timestamp(row.get(15)?),
        findings: row.get(16)?,
    })
}

/// Incidents, the newest evidence first; closed ones only if asked for.
///
/// # Errors
/// If the store fails.
pub fn list(connection: &Connection, closed_too: bool) -> anyhow::Result<Vec<Summary>> {
    let query = format!("{SUMMARY} WHERE ?1 OR i.state <> 'closed' ORDER BY i.last_at DESC, i.id DESC");

    Ok(connection.prepare(&query)?.query_map([closed_too], read_summary)?.collect::<Result<_, _>>()?)
}

/// One incident.
///
/// # Errors
/// If the store fails.
pub fn find(connection: &Connection, id: i64) -> anyhow::Result<Option<Summary>> {
    let query = format!("{SUMMARY} WHERE i.id = ?1");

    Ok(connection.prepare(&query)?.query_row([id], read_summary).optional()?)
}
