//! The list of incidents: filtered, newest evidence first, in pages.

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::id::HostId;
use vonggac_protocol::time::Timestamp;

use super::casefile::ClockLine;
use super::fold::{fold, holds};
use super::page::{Cursor, Rows};
use super::scope::Scope;
use super::words::{Outcome, Severity, State};

/// Which incidents; an empty filter means all open ones.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IncidentFilter {
    /// One state; `None` with `closed_too` false means everything that is not closed.
    pub state: Option<State>,
    /// Whether `None` above means truly all.
    pub closed_too: bool,
    /// One severity.
    pub severity: Option<Severity>,
    /// One agency, by id.
    pub agency: Option<String>,
    /// One host.
    pub host: Option<HostId>,
    /// Drills alone, or real ones alone; `None`: both.
    pub drill: Option<bool>,
    /// Whose.
    pub owner: Option<String>,
    /// One rule.
    pub rule: Option<String>,
    /// One clause, by id.
    pub clause: Option<String>,
    /// Words in the title, the subject, the agency's or a host's name, the rule or the number.
    pub text: Option<String>,
}

/// One incident of a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct IncidentLine {
    /// Its number.
    pub id: i64,
    /// Rule that found it.
    pub rule: String,
    /// The rule's title in Vietnamese, as it was when the incident was opened.
    pub title_vi: String,
    /// Likewise in English.
    pub title_en: String,
    /// Clauses that the rule cited.
    pub clauses: Vec<String>,
    /// Role that the rule says it is for.
    pub owner_role: String,
    /// Agency.
    pub agency: String,
    /// The agency's name.
    pub agency_name: String,
    /// What it is about, such as a path.
    pub subject: String,
    /// How bad.
    pub severity: Severity,
    /// Where it stands.
    pub state: State,
    /// What it turned out to be, once closed.
    pub outcome: Option<Outcome>,
    /// Who has it.
    pub owner: Option<String>,
    /// Moment of the first evidence.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Timestamp,
    /// Moment the collector opened it.
    #[schema(value_type = String, format = DateTime)]
    pub raised_at: Timestamp,
    /// Moment of the newest evidence.
    #[schema(value_type = String, format = DateTime)]
    pub last_at: Timestamp,
    /// When it was taken.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub acknowledged_at: Option<Timestamp>,
    /// When it was closed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closed_at: Option<Timestamp>,
    /// Findings it is made of.
    pub findings: u64,
    /// Its hosts' names, first ten.
    pub hosts: Vec<String>,
    /// How many hosts in all.
    pub host_count: u64,
    /// Grows with every change; what `If-Match` must name.
    pub version: i64,
    /// Who, if set, alone closes it.
    pub reviewer: Option<String>,
    /// T0: its detection, to the minute; never changes.
    #[schema(value_type = String, format = DateTime)]
    pub detected_at: Timestamp,
    /// The regime of law that it was born under.
    pub profile: String,
    /// When it was said what it is about.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub triaged_at: Option<Timestamp>,
    /// When it did not spread any more.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub contained_at: Option<Timestamp>,
    /// When what it touched worked again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resolved_at: Option<Timestamp>,
    /// Who may read of it.
    pub tlp: String,
    /// What may be done with what is known of it.
    pub pap: String,
    /// What it touches.
    pub marks: Vec<String>,
    /// Whether it is a drill: no figure counts it.
    pub is_drill: bool,
    /// The incident that it is a part of now.
    pub merged_into: Option<i64>,
    /// The clock that presses most; `null` if none is left, or where it was not asked for.
    pub clock: Option<ClockLine>,
}

/// The columns of [`IncidentLine`], from `incident i JOIN agency a`.
pub(super) const COLUMNS: &str = "i.id, i.rule, i.title_vi, i.title_en, i.clauses, i.owner_role, i.agency, a.name,
    i.subject, i.severity, i.state, i.outcome, i.owner, i.opened_at, i.raised_at, i.last_at, i.acknowledged_at,
    i.closed_at, i.findings, i.version,
    (SELECT json_group_array(name) FROM (SELECT h.name FROM incident_host ih JOIN host h ON h.id = ih.host
        WHERE ih.incident = i.id ORDER BY h.name LIMIT 10)),
    (SELECT count(*) FROM incident_host ih WHERE ih.incident = i.id), i.reviewer, i.detected_at, i.profile,
    i.triaged_at, i.contained_at, i.resolved_at, i.tlp, i.pap, i.marks, i.drill_until, i.merged_into";

/// One incident by its number, whoever asks: for what the collector does by itself.
///
/// # Errors
/// If the store cannot be read.
pub fn bare(db: &Connection, id: i64) -> anyhow::Result<Option<IncidentLine>> {
    let query = format!("SELECT {COLUMNS} FROM incident i JOIN agency a ON a.id = i.agency WHERE i.id = ?1");

    Ok(db.prepare_cached(&query)?.query_row([id], line).optional()?)
}

/// Incidents some clock of which may still run: open ones, and those closed since a moment; merged ones are parts of
/// others.
///
/// # Errors
/// If the store cannot be read.
pub fn running(db: &Connection, scope: &Scope, since: Timestamp) -> anyhow::Result<Vec<IncidentLine>> {
    let mut query = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM incident i JOIN agency a ON a.id = i.agency
         WHERE (?1 IS NULL OR i.agency = ?1) AND i.merged_into IS NULL AND (i.state <> 'closed' OR i.closed_at >= ?2)
         ORDER BY i.id"
    ))?;
    let rows = query.query_map(rusqlite::params![scope.agency(), since.0], line)?;

    rows.collect::<Result<_, _>>().context("read incidents whose clocks may run")
}

/// A row of [`COLUMNS`].
pub(super) fn line(row: &Row<'_>) -> rusqlite::Result<IncidentLine> {
    let list = |column: usize| -> rusqlite::Result<Vec<String>> {
        let text = row.get_ref(column)?.as_str()?;
        serde_json::from_str(text).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
        })
    };

    Ok(IncidentLine {
        id: row.get(0)?,
        rule: row.get(1)?,
        title_vi: row.get(2)?,
        title_en: row.get(3)?,
        clauses: list(4)?,
        owner_role: row.get(5)?,
        agency: row.get(6)?,
        agency_name: row.get(7)?,
        subject: row.get(8)?,
        severity: row.get(9)?,
        state: row.get(10)?,
        outcome: row.get(11)?,
        owner: row.get(12)?,
        opened_at: Timestamp(row.get(13)?),
        raised_at: Timestamp(row.get(14)?),
        last_at: Timestamp(row.get(15)?),
        acknowledged_at: row.get::<_, Option<i64>>(16)?.map(Timestamp),
        closed_at: row.get::<_, Option<i64>>(17)?.map(Timestamp),
        findings: row.get(18)?,
        version: row.get(19)?,
        hosts: list(20)?,
        host_count: row.get(21)?,
        reviewer: row.get(22)?,
        detected_at: Timestamp(row.get(23)?),
        profile: row.get(24)?,
        triaged_at: row.get::<_, Option<i64>>(25)?.map(Timestamp),
        contained_at: row.get::<_, Option<i64>>(26)?.map(Timestamp),
        resolved_at: row.get::<_, Option<i64>>(27)?.map(Timestamp),
        tlp: row.get(28)?,
        pap: row.get(29)?,
        marks: list(30)?,
        is_drill: row.get::<_, Option<i64>>(31)?.is_some(),
        merged_into: row.get(32)?,
        clock: None,
    })
}

/// One page of the incidents in view that pass the filter, newest evidence first.
///
/// # Errors
/// If the store cannot be read.
pub fn list(
    db: &Connection,
    scope: &Scope,
    filter: &IncidentFilter,
    after: Option<Cursor>,
    limit: usize,
) -> anyhow::Result<Rows<IncidentLine>> {
    let after = after.unwrap_or(Cursor::START);
    let state = match (filter.state, filter.closed_too) {
        (Some(state), _) => state.word(),
        (None, false) => "open",
        (None, true) => "all",
    };
    let needle = filter.text.as_deref().map(fold).filter(|needle| !needle.is_empty());
    let mut query = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM incident i JOIN agency a ON a.id = i.agency
         WHERE (?1 IS NULL OR i.agency = ?1)
           AND (?2 = 'all' OR i.state = ?2 OR (?2 = 'open' AND i.state <> 'closed'))
           AND (?3 IS NULL OR i.severity = ?3)
           AND (?4 IS NULL OR i.agency = ?4)
           AND (?5 IS NULL OR EXISTS (SELECT 1 FROM incident_host ih WHERE ih.incident = i.id AND ih.host = ?5))
           AND (?6 IS NULL OR i.rule = ?6)
           AND (?7 IS NULL OR EXISTS (SELECT 1 FROM json_each(i.clauses) c WHERE c.value = ?7))
           AND (?10 IS NULL OR (i.drill_until IS NOT NULL) = ?10)
           AND (?11 IS NULL OR i.owner = ?11)
           AND (i.last_at, i.id) < (?8, ?9)
         ORDER BY i.last_at DESC, i.id DESC"
    ))?;
    let mut rows = query.query(rusqlite::params![
        scope.agency(),
        state,
        filter.severity.map(Severity::word),
        filter.agency,
        filter.host.map(|host| host.0),
        filter.rule,
        filter.clause,
        after.at,
        after.id,
        filter.drill,
        filter.owner,
    ])?;
    let mut found = Vec::new();
    while found.len() <= limit {
        let Some(row) = rows.next().context("read the incidents")? else { break };
        let line = line(row)?;
        if needle.as_deref().is_none_or(|needle| speaks_of(&line, needle)) {
            found.push(line);
        }
    }

    Ok(Rows::cut(found, limit, |line| Cursor { at: line.last_at.0, id: line.id }))
}

fn speaks_of(line: &IncidentLine, needle: &str) -> bool {
    let told = format!(
        "#{} {} {} {} {} {} {} {}",
        line.id,
        line.title_vi,
        line.title_en,
        line.subject,
        line.agency_name,
        line.agency,
        line.rule,
        line.hosts.join(" ")
    );

    holds(&told, needle)
}

/// How many incidents in view have evidence newer than `since`; for the note "n new – press to load".
///
/// # Errors
/// If the store cannot be read.
pub fn newer(db: &Connection, scope: &Scope, since: i64) -> anyhow::Result<u64> {
    db.query_row(
        "SELECT count(*) FROM incident WHERE (?1 IS NULL OR agency = ?1) AND last_at > ?2",
        rusqlite::params![scope.agency(), since],
        |row| row.get(0),
    )
    .context("count the newer incidents")
}
