//! Incidents as the judge opens and joins them; what people do to them is [`super::casework`].

use std::borrow::Cow;

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::HostId;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::finding::{Finding, Severity};
use vonggac_rules::incident::marks::{HostMark, raised};
use vonggac_rules::incident::{ClosedIncident, Filing, OpenIncident, file, join_key};
use vonggac_rules::profile;
use vonggac_rules::ruleset::Rule;

use super::sending::announce::{News, announce};
use super::{exceptions, findings};
use crate::sending::settings::Event;

/// What filing a finding did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filed {
    /// It had been filed before.
    Known,
    /// It opened this incident.
    Opened(i64),
    /// It joined this incident.
    Joined(i64),
    /// It was put to this closed incident, which stays as it is.
    Added(i64),
    /// It was kept under this exception and troubles nobody.
    Excepted(i64),
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
    // What was filed before an exception was made stays where it is.
    if !known && let Some(exception) = exceptions::answering(tx, finding, now)? {
        exceptions::keep(tx, exception, finding, rule_set, now)?;
        return Ok(Filed::Excepted(exception));
    }
    let open = open_of(tx, &key, finding)?;
    let closed = if known || open.is_some() { None } else { closed_of(tx, &key, finding)? };
    let mark = host_mark(tx, finding.host)?;
    // The finding is kept as the rule says; what the host is makes the incident graver.
    let mut graver = Cow::Borrowed(finding);
    if raised(finding.severity, mark) != finding.severity {
        graver.to_mut().severity = raised(finding.severity, mark);
    }
    let mut raised_to = None;
    let filed = match file(&graver, known, open.map(|(_, open)| open), closed.map(|(_, closed)| closed)) {
        Filing::Known => return Ok(Filed::Known),
        Filing::Open => Filed::Opened(open_new(tx, &graver, finding.severity, &key, rule, rule_set, now)?),
        Filing::Join(joined) => {
            let (id, before) = open.context("an incident that a finding joins is open")?;
            join(tx, id, before, joined, now)?;
            raised_to = (joined.severity > before.severity).then_some(joined.severity);
            Filed::Joined(id)
        }
        Filing::Add => {
            let (id, _) = closed.context("an incident that a finding is put to is closed")?;
            tx.execute("UPDATE incident SET findings = findings + 1 WHERE id = ?1", [id])?;
            add_entry(tx, id, now, &Entry { action: "finding_added", text: &rule.name, ..Entry::default() })?;
            Filed::Added(id)
        }
    };
    let (Filed::Opened(id) | Filed::Joined(id) | Filed::Added(id)) = filed else { return Ok(filed) };
    findings::insert(tx, finding, id, rule_set)?;
    tx.prepare_cached(
        "INSERT INTO incident_host VALUES (?1, ?2, 1) \
         ON CONFLICT (incident, host) DO UPDATE SET findings = findings + 1",
    )?
    .execute(params![id, finding.host.0])?;
    if let Filed::Opened(id) = filed {
        announce(tx, id, News { event: Event::Opened, mark: "", clock: None }, now)?;
    } else if let Some(severity) = raised_to {
        raised_now(tx, id, severity.word(), now)?;
    }

    Ok(filed)
}

/// Tells others that an incident became graver.
pub(super) fn raised_now(
    tx: &Transaction<'_>,
    id: i64,
    severity: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    let version: i64 = tx.query_row("SELECT version FROM incident WHERE id = ?1", [id], |row| row.get(0))?;
    // It may be lowered and raised again.
    let mark = format!("{severity}/{version}");

    announce(tx, id, News { event: Event::Raised, mark: &mark, clock: None }, now)
}

/// The open incident that takes the finding: where it was routed to by splitting or merging, or the one of its key. A
/// drill takes what happened until its end and nothing after it.
fn open_of(
    tx: &Transaction<'_>,
    join_key: &str,
    finding: &Finding,
) -> anyhow::Result<Option<(i64, OpenIncident)>> {
    let found: Option<(i64, String, i64, i64)> = tx
        .prepare_cached(
            "SELECT i.id, i.severity, i.opened_at, i.last_at FROM
                (SELECT incident AS id, 0 AS rank FROM incident_route WHERE join_key = ?1 AND host = ?2
                 UNION ALL SELECT incident, 1 FROM incident_route WHERE join_key = ?1 AND host = x''
                 UNION ALL SELECT id, 2 FROM incident WHERE join_key = ?1) r JOIN incident i ON i.id = r.id
             WHERE i.state <> 'closed' AND (i.drill_until IS NULL OR i.drill_until >= ?3)
             ORDER BY i.drill_until IS NULL, r.rank, i.id DESC LIMIT 1",
        )?
        .query_row(params![join_key, finding.host.0, finding.at.0], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((id, severity, opened_at, last_at)) = found else { return Ok(None) };

    Ok(Some((
        id,
        OpenIncident {
            severity: severity_of(&severity)?,
            opened_at: Timestamp(opened_at),
            last_at: Timestamp(last_at),
        },
    )))
}

fn severity_of(word: &str) -> anyhow::Result<Severity> {
    Severity::of_word(word).with_context(|| format!("severity {word:?}"))
}

/// The newest closed incident of the key, and whether the judge had seen all of the finding's evidence by then.
fn closed_of(
    tx: &Transaction<'_>,
    join_key: &str,
    finding: &Finding,
) -> anyhow::Result<Option<(i64, ClosedIncident)>> {
    let found: Option<(i64, String, Option<i64>)> = tx
        .prepare_cached(
            "SELECT id, severity, judged_to FROM incident WHERE join_key = ?1 AND state = 'closed' \
             AND drill_until IS NULL ORDER BY id DESC LIMIT 1",
        )?
        .query_row([join_key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((id, severity, judged_to)) = found else { return Ok(None) };
    let mut had_judged = judged_to.is_some() && !finding.evidence.is_empty();
    let mut query = tx.prepare_cached(
        "SELECT count(*) FROM observation WHERE host = ?1 AND epoch = ?2 AND lane = ?3 AND seq = ?4 AND id <= ?5",
    )?;
    for seen in &finding.evidence {
        let (epoch, seq) = (seen.epoch.0.cast_signed(), seen.seq.0.cast_signed());
        let count: i64 = query
            .query_row(params![seen.host.0, epoch, seen.lane.code(), seq, judged_to], |row| row.get(0))?;
        had_judged &= count == 1;
    }

    Ok(Some((id, ClosedIncident { severity: severity_of(&severity)?, had_judged })))
}

/// What a person said of a host.
///
/// # Errors
/// If the store fails.
pub fn host_mark(connection: &Connection, host: HostId) -> anyhow::Result<HostMark> {
    let found = connection
        .prepare_cached("SELECT critical, level FROM host_mark WHERE host = ?1")?
        .query_row([host.0], |row| Ok(HostMark { critical: row.get(0)?, level: row.get(1)? }))
        .optional()?;

    Ok(found.unwrap_or_default())
}

/// Says it; the caller writes the audit log.
///
/// # Errors
/// If the store fails.
pub fn set_host_mark(tx: &Transaction<'_>, host: HostId, mark: HostMark) -> anyhow::Result<()> {
    tx.execute(
        "INSERT INTO host_mark VALUES (?1, ?2, ?3) \
         ON CONFLICT (host) DO UPDATE SET critical = excluded.critical, level = excluded.level",
        params![host.0, mark.critical, mark.level],
    )?;

    Ok(())
}

fn open_new(
    tx: &Transaction<'_>,
    finding: &Finding,
    ruled: Severity,
    join_key: &str,
    rule: &Rule,
    rule_set: Digest,
    now: Timestamp,
) -> anyhow::Result<i64> {
    tx.prepare_cached(
        "INSERT INTO incident (join_key, rule, rule_set, title_vi, title_en, clauses, owner_role, agency, subject, \
         severity, state, opened_at, raised_at, last_at, findings, detected_at, profile) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'new', ?11, ?12, ?11, 1, ?13, ?14)",
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
        now.0,
        profile::to_the_minute(now).0,
        profile::born_under(now).id
    ])
    .context("open an incident")?;
    let id = tx.last_insert_rowid();
    add_entry(tx, id, now, &Entry { action: "opened", ..Entry::default() })?;
    if ruled != finding.severity {
        let entry = Entry {
            action: "severity",
            before: Some(ruled.word()),
            after: Some(finding.severity.word()),
            ..Entry::default()
        };
        add_entry(tx, id, now, &entry)?;
    }

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

/// An incident in a few words.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Its number.
    pub id: i64,
    /// The rule that opened it.
    pub rule: String,
    /// How grave it is.
    pub severity: String,
    /// Where it stands.
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
     (SELECT f.host FROM finding_of o JOIN finding f ON f.id = o.finding \
      JOIN incident_host kept ON kept.incident = o.incident AND kept.host = f.host \
      WHERE o.incident = i.id ORDER BY f.id LIMIT 1) \
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
