//! One incident with everything about it.

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::{HostId, ObservationId};
use vonggac_protocol::time::Timestamp;

use super::incidents::{self, IncidentLine};
use super::observations::{self, Evidence};
use super::scope::{Scope, Sight};
use super::words::{Action, Severity};
use super::{DigestColumn, HostColumn};

/// Findings shown of one incident, the newest first: beyond it the count tells, and the list pages by host.
const FINDINGS_SHOWN: usize = 100;

/// Observations shown whole on one page.
const EVIDENCE_SHOWN: usize = 40;

/// One incident and what belongs to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Incident {
    /// As in the list.
    #[serde(flatten)]
    pub line: IncidentLine,
    /// Digest of the rule set in force when it was opened.
    #[schema(value_type = String)]
    pub rule_set: Digest,
    /// What people call that rule set: a pack and its version; empty for rules of a folder or of the program.
    pub rules_label: String,
    /// Its hosts.
    pub on: Vec<IncidentHost>,
    /// Its newest findings, newest first.
    pub newest: Vec<FindingLine>,
    /// The observations that the newest findings rest on.
    pub evidence: Vec<Evidence>,
    /// What people and the collector did, oldest first.
    pub entries: Vec<Entry>,
}

/// A host of an incident.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct IncidentHost {
    /// Its id.
    #[schema(value_type = String)]
    pub id: HostId,
    /// Its name.
    pub name: String,
    /// Findings on it.
    pub findings: u64,
}

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct FindingLine {
    /// Its number.
    pub id: i64,
    /// Host.
    #[schema(value_type = String)]
    pub host: HostId,
    /// The host's name.
    pub host_name: String,
    /// The rule that concluded it; several rules may share an incident.
    pub rule: String,
    /// What it is about.
    pub subject: String,
    /// How bad.
    pub severity: Severity,
    /// Moment of the evidence.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What the rule read, for the sentence.
    #[schema(value_type = Object)]
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// Ids of the observations it rests on.
    #[schema(value_type = Vec<String>)]
    pub evidence: Vec<ObservationId>,
}

/// One entry of the timeline.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Entry {
    /// Its number.
    pub id: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who; `null` is the collector.
    pub person: Option<String>,
    /// What.
    pub action: Action,
    /// In whose words.
    pub text: String,
    /// The value before, where one changed.
    pub before: Option<String>,
    /// The value after.
    pub after: Option<String>,
}

/// One incident by its number.
///
/// # Errors
/// If the store cannot be read.
pub fn one(db: &Connection, scope: &Scope, id: i64) -> anyhow::Result<Sight<Incident>> {
    let columns = incidents::COLUMNS;
    let found = db
        .prepare_cached(&format!(
            "SELECT {columns}, i.rule_set FROM incident i JOIN agency a ON a.id = i.agency WHERE i.id = ?1"
        ))?
        .query_row([id], |row| Ok((incidents::line(row)?, row.get::<_, DigestColumn>("rule_set")?.0)))
        .optional()
        .context("read an incident")?;
    let Some((line, rule_set)) = found else { return Ok(Sight::Absent) };
    if !scope.covers(&line.agency) {
        return Ok(Sight::Neighbours);
    }
    let newest = findings(db, id)?;
    let mut evidence = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for observation in newest.iter().flat_map(|finding| &finding.evidence) {
        if evidence.len() < EVIDENCE_SHOWN
            && seen.insert(*observation)
            && let Sight::Seen(found) = observations::one(db, scope, *observation)?
        {
            evidence.push(found);
        }
    }
    let (on, entries) = (hosts(db, id)?, entries(db, id)?);

    Ok(Sight::Seen(Incident {
        line,
        rules_label: crate::store::rule_packs::label(db, rule_set)?,
        rule_set,
        on,
        newest,
        evidence,
        entries,
    }))
}

fn hosts(db: &Connection, incident: i64) -> anyhow::Result<Vec<IncidentHost>> {
    let mut query = db.prepare_cached(
        "SELECT h.id, h.name, ih.findings FROM incident_host ih JOIN host h ON h.id = ih.host
         WHERE ih.incident = ?1 ORDER BY ih.findings DESC, h.name LIMIT 200",
    )?;
    let rows = query.query_map([incident], |row| {
        Ok(IncidentHost { id: row.get::<_, HostColumn>(0)?.0, name: row.get(1)?, findings: row.get(2)? })
    })?;

    rows.collect::<Result<_, _>>().context("read the hosts of an incident")
}

fn findings(db: &Connection, incident: i64) -> anyhow::Result<Vec<FindingLine>> {
    let mut query = db.prepare_cached(
        "SELECT f.id, f.host, h.name, f.subject, f.severity, f.at, f.fields, f.evidence, f.rule
         FROM finding_of o JOIN finding f ON f.id = o.finding JOIN host h ON h.id = f.host
         JOIN incident_host ih ON ih.incident = o.incident AND ih.host = f.host
         WHERE o.incident = ?1 GROUP BY f.id ORDER BY f.id DESC LIMIT ?2",
    )?;
    let limit = i64::try_from(FINDINGS_SHOWN).unwrap_or(i64::MAX);
    let mut rows = query.query([incident, limit])?;
    let mut findings = Vec::new();
    while let Some(row) = rows.next().context("read the findings of an incident")? {
        findings.push(FindingLine {
            id: row.get(0)?,
            host: row.get::<_, HostColumn>(1)?.0,
            host_name: row.get(2)?,
            rule: row.get(8)?,
            subject: row.get(3)?,
            severity: row.get(4)?,
            at: Timestamp(row.get(5)?),
            fields: serde_json::from_str(row.get_ref(6)?.as_str()?).context("read a finding's fields")?,
            evidence: serde_json::from_str(row.get_ref(7)?.as_str()?).context("read a finding's evidence")?,
        });
    }

    Ok(findings)
}

/// The newest entry that says one of these things, or else the newest of all.
///
/// # Errors
/// If the store cannot be read.
pub fn newest_entry(db: &Connection, incident: i64, saying: &[Action]) -> anyhow::Result<Option<Entry>> {
    let mut all = entries(db, incident)?;
    let at = all.iter().rposition(|entry| saying.contains(&entry.action));

    Ok(match at {
        Some(at) => Some(all.swap_remove(at)),
        None => all.pop(),
    })
}

fn entries(db: &Connection, incident: i64) -> anyhow::Result<Vec<Entry>> {
    let mut query = db.prepare_cached(
        "SELECT id, at, person, action, text, before, after FROM incident_entry WHERE incident = ?1 ORDER BY id",
    )?;
    let rows = query.query_map([incident], |row| {
        Ok(Entry {
            id: row.get(0)?,
            at: Timestamp(row.get(1)?),
            person: row.get(2)?,
            action: row.get(3)?,
            text: row.get(4)?,
            before: row.get(5)?,
            after: row.get(6)?,
        })
    })?;

    rows.collect::<Result<_, _>>().context("read the entries of an incident")
}
