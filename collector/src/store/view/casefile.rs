//! What belongs to an incident besides its evidence: clocks, tasks, links, the fields of its forms, reports sent.

use std::collections::BTreeMap;

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::incident::life::Milestones;
use vonggac_rules::incident::marks::Mark;
use vonggac_rules::profile::clocks::{Clock, Facts, Status, clocks, pressing};
use vonggac_rules::profile::{self, Filled, Profile};

use super::incidents::IncidentLine;
use super::words::{Outcome, State};

/// Whom to tell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Addressee {
    /// The role's word.
    pub id: String,
    /// Its name in Vietnamese.
    pub vi: String,
    /// In English.
    pub en: String,
}

/// One clock of an incident.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ClockLine {
    /// The stretch's or the duty's word.
    pub id: String,
    /// The duty in Vietnamese; empty for a stretch, whose name is its word.
    pub name_vi: String,
    /// In English.
    pub name_en: String,
    /// Whether it is a duty to tell somebody.
    pub is_duty: bool,
    /// `over`, `near`, `running`, `paused`, `untimed`, `waiting`, `late`, `met` or `void`.
    pub status: String,
    /// Until when.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due: Option<Timestamp>,
    /// When the warning comes.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub warn: Option<Timestamp>,
    /// When it was done.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub done: Option<Timestamp>,
    /// Seconds left.
    pub left_secs: Option<u64>,
    /// Seconds over.
    pub over_secs: Option<u64>,
    /// Whom to tell.
    pub to: Vec<Addressee>,
    /// The form to tell it on.
    pub form: Option<String>,
    /// The source in Vietnamese.
    pub source_vi: String,
    /// In English.
    pub source_en: String,
    /// How the source is known: `read`, `second_hand`, `unverified`, or `own` for no law at all.
    pub seen: String,
    /// Who confirmed it; `null`: nobody.
    pub confirmed_by: Option<String>,
}

impl ClockLine {
    pub(in crate::store) fn of(profile: &Profile, clock: &Clock, now: Timestamp) -> Self {
        let name = clock.name.clone().unwrap_or_default();
        let source = profile.sources.get(&clock.source);
        let to = clock.to.iter().filter_map(|id| {
            let role = profile.roles.get(id)?;
            Some(Addressee { id: id.clone(), vi: role.vi.clone(), en: role.en.clone() })
        });
        let open = matches!(clock.status, Status::Over | Status::Near | Status::Running | Status::Paused);

        Self {
            id: clock.id.clone(),
            name_vi: name.vi,
            name_en: name.en,
            is_duty: clock.is_duty,
            status: clock.status.word().to_owned(),
            due: clock.due,
            warn: clock.warn,
            done: clock.done,
            left_secs: clock.left(now).filter(|_| open).map(|left| left.as_secs()),
            over_secs: clock.over(now).filter(|_| clock.status.is_late()).map(|over| over.as_secs()),
            to: to.collect(),
            form: clock.form.clone(),
            source_vi: source.map(|source| source.name.vi.clone()).unwrap_or_default(),
            source_en: source.map(|source| source.name.en.clone()).unwrap_or_default(),
            seen: source.map(|source| source.seen.word().to_owned()).unwrap_or_default(),
            confirmed_by: source.and_then(|source| source.confirmed_by.clone()),
        }
    }
}

/// A task for the agency.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct TaskLine {
    /// Its number.
    pub id: i64,
    /// What is to be done.
    pub text: String,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
    /// `open`, `answered`, `accepted` or `withdrawn`.
    pub state: String,
    /// Who gave it.
    pub made_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// The newest answer.
    pub answer: String,
    /// What the answer rests on.
    pub evidence: Vec<String>,
    /// Who answered.
    pub answered_by: Option<String>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered_at: Option<Timestamp>,
    /// Whether its time is over and nobody has answered.
    pub is_late: bool,
}

/// Something linked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct LinkLine {
    /// `host`, `file` or `package`.
    pub kind: String,
    /// The host's id, the path, the package's name.
    pub value: String,
    /// What to show.
    pub name: String,
}

/// A report that was sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ReportLine {
    /// The duty.
    pub duty: String,
    /// The letter's own number.
    pub number: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub sent_at: Timestamp,
    /// Who said so, or who had it sent.
    pub person: String,
    /// What the receivers answered, as JSON, where the collector sent it; `null`: a person's word.
    pub receipt: Option<String>,
}

/// All of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct Casefile {
    /// Clocks: the stretches in order, then the duties.
    pub clocks: Vec<ClockLine>,
    /// Tasks, oldest first.
    pub tasks: Vec<TaskLine>,
    /// Links.
    pub links: Vec<LinkLine>,
    /// Reports, oldest first.
    pub reports: Vec<ReportLine>,
    /// What fills the fields of its forms.
    #[schema(value_type = Object)]
    pub fields: BTreeMap<String, String>,
    /// Whether its own times rest.
    pub rests: bool,
}

/// All that belongs to the incident.
///
/// # Errors
/// If the store cannot be read.
pub fn of(db: &Connection, line: &IncidentLine, now: Timestamp) -> anyhow::Result<Casefile> {
    let facts = facts(db, line)?;

    Ok(Casefile {
        clocks: clocks_of(line, &facts, now),
        tasks: tasks(db, line.id, now)?,
        links: links(db, line.id)?,
        reports: reports(db, line.id)?,
        fields: filled(db, line.id)?,
        rests: facts.pauses.iter().any(|(_, until)| until.is_none()),
    })
}

fn clocks_of(line: &IncidentLine, facts: &Facts, now: Timestamp) -> Vec<ClockLine> {
    let Some(profile) = profile::of(&line.profile) else { return Vec::new() };

    clocks(profile, facts, now).iter().map(|clock| ClockLine::of(profile, clock, now)).collect()
}

/// Adds to each line the clock that presses most.
///
/// # Errors
/// If the store cannot be read.
pub fn add_clocks(db: &Connection, lines: &mut [IncidentLine], now: Timestamp) -> anyhow::Result<()> {
    for line in lines {
        let Some(profile) = profile::of(&line.profile) else { continue };
        let facts = facts(db, line)?;
        line.clock = pressing(&clocks(profile, &facts, now)).map(|clock| ClockLine::of(profile, clock, now));
    }

    Ok(())
}

/// What the clocks of an incident are told by.
///
/// # Errors
/// If the store cannot be read.
pub fn facts(db: &Connection, line: &IncidentLine) -> anyhow::Result<Facts> {
    let reported = reports(db, line.id)?.into_iter().rev().map(|report| (report.duty, report.sent_at));

    Ok(Facts {
        detected: line.detected_at,
        severity: line.severity.ruled(),
        marks: line.marks.iter().filter_map(|mark| Mark::of_word(mark)).collect(),
        reached: Milestones {
            acknowledged: line.acknowledged_at,
            triaged: line.triaged_at,
            contained: line.contained_at,
            resolved: line.resolved_at,
            closed: line.closed_at,
        },
        // Oldest last: the first report of a duty is the one that counts.
        reported: reported.collect(),
        pauses: pauses(db, line.id)?,
        is_void: line.outcome.is_some_and(Outcome::is_void),
    })
}

fn pauses(db: &Connection, incident: i64) -> anyhow::Result<Vec<(Timestamp, Option<Timestamp>)>> {
    let mut query = db.prepare_cached(
        "SELECT action, at FROM incident_entry WHERE incident = ?1 AND action IN ('paused', 'resumed') ORDER BY id",
    )?;
    let mut rows = query.query([incident])?;
    let mut pauses: Vec<(Timestamp, Option<Timestamp>)> = Vec::new();
    while let Some(row) = rows.next()? {
        let at = Timestamp(row.get(1)?);
        match (row.get_ref(0)?.as_str()?, pauses.last_mut()) {
            ("resumed", Some((_, until))) => *until = Some(at),
            _ => pauses.push((at, None)),
        }
    }

    Ok(pauses)
}

fn tasks(db: &Connection, incident: i64, now: Timestamp) -> anyhow::Result<Vec<TaskLine>> {
    let mut query = db.prepare_cached(
        "SELECT id, text, due_at, state, made_by, made_at, answer, evidence, answered_by, answered_at
         FROM incident_task WHERE incident = ?1 ORDER BY id",
    )?;
    let mut rows = query.query([incident])?;
    let mut tasks = Vec::new();
    while let Some(row) = rows.next().context("read the tasks of an incident")? {
        let (due_at, state): (i64, String) = (row.get(2)?, row.get(3)?);
        tasks.push(TaskLine {
            id: row.get(0)?,
            text: row.get(1)?,
            due_at: Timestamp(due_at),
            is_late: state == "open" && Timestamp(due_at) < now,
            state,
            made_by: row.get(4)?,
            made_at: Timestamp(row.get(5)?),
            answer: row.get(6)?,
            evidence: serde_json::from_str(row.get_ref(7)?.as_str()?).context("evidence of an answer")?,
            answered_by: row.get(8)?,
            answered_at: row.get::<_, Option<i64>>(9)?.map(Timestamp),
        });
    }

    Ok(tasks)
}

fn links(db: &Connection, incident: i64) -> anyhow::Result<Vec<LinkLine>> {
    let mut query = db.prepare_cached(
        "SELECT l.kind, l.value, coalesce(h.name, l.value) FROM incident_link l
         LEFT JOIN host h ON l.kind = 'host' AND lower(hex(h.id)) = l.value
         WHERE l.incident = ?1 ORDER BY l.kind, l.value",
    )?;
    let rows = query.query_map([incident], |row| {
        Ok(LinkLine { kind: row.get(0)?, value: row.get(1)?, name: row.get(2)? })
    })?;

    rows.collect::<Result<_, _>>().context("read the links of an incident")
}

fn reports(db: &Connection, incident: i64) -> anyhow::Result<Vec<ReportLine>> {
    let mut query = db.prepare_cached(
        "SELECT duty, number, sent_at, person, receipt FROM incident_report WHERE incident = ?1 ORDER BY sent_at, id",
    )?;
    let rows = query.query_map([incident], |row| {
        Ok(ReportLine {
            duty: row.get(0)?,
            number: row.get(1)?,
            sent_at: Timestamp(row.get(2)?),
            person: row.get(3)?,
            receipt: row.get(4)?,
        })
    })?;

    rows.collect::<Result<_, _>>().context("read the reports of an incident")
}

/// What people filled into the fields of an incident's forms.
///
/// # Errors
/// If the store cannot be read.
pub fn values(db: &Connection, incident: i64) -> anyhow::Result<BTreeMap<String, String>> {
    let mut query = db.prepare_cached("SELECT field, value FROM incident_value WHERE incident = ?1")?;
    let rows = query.query_map([incident], |row| Ok((row.get(0)?, row.get(1)?)))?;

    rows.collect::<Result<_, _>>().context("read the fields of an incident")
}

/// The same, with what the store itself fills where nobody did.
///
/// # Errors
/// If the store cannot be read, or there is no such incident.
pub fn filled(db: &Connection, incident: i64) -> anyhow::Result<BTreeMap<String, String>> {
    let mut values = values(db, incident)?;
    values.retain(|_, value| !value.is_empty());
    let known = db
        .query_row(
            "SELECT i.profile, a.name, i.title_vi, i.subject, i.detected_at, i.state,
                (SELECT max(m.level) FROM incident_host ih JOIN host_mark m ON m.host = ih.host
                    WHERE ih.incident = i.id)
             FROM incident i JOIN agency a ON a.id = i.agency WHERE i.id = ?1",
            [incident],
            |row| {
                let told = Told {
                    agency: row.get(1)?,
                    summary: format!("{}: {}", row.get::<_, String>(2)?, row.get::<_, String>(3)?),
                    detected_at: Timestamp(row.get(4)?),
                    state: row.get(5)?,
                    level: row.get(6)?,
                };
                Ok((row.get::<_, String>(0)?, told))
            },
        )
        .optional()?;
    let (profile, told) = known.context("the incident is there")?;
    let first = reports(db, incident)?.into_iter().next();
    let Some(profile) = profile::of(&profile) else { return Ok(values) };
    for field in profile.fields.values() {
        let Some(filled) = field.filled else { continue };
        let value = told.value(filled, first.as_ref());
        if filled == Filled::DetectedAt || !values.contains_key(&field.id) {
            values.extend(value.map(|value| (field.id.clone(), value)));
        }
    }

    Ok(values)
}

/// What the store knows for forms.
struct Told {
    agency: String,
    summary: String,
    detected_at: Timestamp,
    state: State,
    level: Option<u8>,
}

impl Told {
    fn value(&self, filled: Filled, first: Option<&ReportLine>) -> Option<String> {
        // Official papers are in Vietnamese.
        let vi = crate::desk::words::Language::Vi;
        match filled {
            Filled::Agency => Some(self.agency.clone()),
            Filled::Level => self.level.map(|level| level.to_string()),
            Filled::Summary => Some(self.summary.clone()),
            Filled::DetectedAt => Some(vi.moment(self.detected_at)),
            Filled::State => Some(vi.of_list("state", self.state.word())),
            Filled::InitialReport => {
                first.map(|first| format!("{}, {}", first.number, vi.day_or(Some(first.sent_at))))
            }
        }
    }
}

/// Figures of the incidents in view that were detected in a stretch of time; drills are left out and counted apart.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct IncidentFigures {
    /// Incidents, drills left out.
    pub incidents: u64,
    /// Of these, acknowledged.
    pub acknowledged: u64,
    /// Of these, resolved.
    pub resolved: u64,
    /// Mean seconds from detection to acknowledgement (MTTA), of those acknowledged.
    pub mtta_secs: Option<u64>,
    /// Mean seconds from detection to resolution (MTTR), of those resolved.
    pub mttr_secs: Option<u64>,
    /// Numbers of those that missed a time of the province's own.
    pub late: Vec<i64>,
    /// Numbers of those that missed a duty's time.
    pub duties_late: Vec<i64>,
    /// Numbers of those with a clock of which little is left.
    pub near: Vec<i64>,
    /// A finding for every time that was or is missed.
    pub findings: Vec<LateFinding>,
    /// Drills.
    pub drills: u64,
    /// Rules of which a drill was closed: their plans were exercised.
    pub exercised: Vec<String>,
}

/// The finding that a clock of an incident was or is not done in its time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct LateFinding {
    /// `R.SLA.LATE`.
    pub rule: &'static str,
    /// The incident.
    pub incident: i64,
    /// The stretch's or the duty's word.
    pub clock: String,
    /// Whether it is a duty to tell somebody.
    pub is_duty: bool,
    /// Until when it was to be done.
    #[schema(value_type = String, format = DateTime)]
    pub due: Timestamp,
    /// Seconds by which it is over, or was when it was done.
    pub over_secs: u64,
}

impl From<profile::figures::Breach> for LateFinding {
    fn from(breach: profile::figures::Breach) -> Self {
        let profile::figures::Breach { incident, clock, is_duty, due, over } = breach;

        Self { rule: profile::figures::LATE, incident, clock, is_duty, due, over_secs: over.as_secs() }
    }
}

/// The figures of incidents.
///
/// # Errors
/// If the store cannot be read.
pub fn figures(
    db: &Connection,
    scope: &super::Scope,
    from: Timestamp,
    until: Timestamp,
    now: Timestamp,
) -> anyhow::Result<IncidentFigures> {
    let columns = super::incidents::COLUMNS;
    let mut query = db.prepare_cached(&format!(
        "SELECT {columns} FROM incident i JOIN agency a ON a.id = i.agency
         WHERE (?1 IS NULL OR i.agency = ?1) AND i.detected_at >= ?2 AND i.detected_at < ?3
           AND i.merged_into IS NULL ORDER BY i.id"
    ))?;
    let lines: Vec<IncidentLine> = query
        .query_map(rusqlite::params![scope.agency(), from.0, until.0], super::incidents::line)?
        .collect::<Result<_, _>>()
        .context("read the incidents")?;
    let (drills, real): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.is_drill);
    let mut all = Vec::new();
    for line in &real {
        if let Some(profile) = profile::of(&line.profile) {
            all.push((line.id, profile, facts(db, line)?));
        }
    }
    let counted = profile::figures::figures(all, now);
    let mut exercised: Vec<String> =
        drills.iter().filter(|line| line.state == State::Closed).map(|line| line.rule.clone()).collect();
    exercised.sort_unstable();
    exercised.dedup();
    let secs = |mean: Option<std::time::Duration>| mean.map(|mean| mean.as_secs());

    Ok(IncidentFigures {
        incidents: counted.incidents,
        acknowledged: counted.acknowledged,
        resolved: counted.resolved,
        mtta_secs: secs(counted.to_acknowledge),
        mttr_secs: secs(counted.to_resolve),
        late: counted.late,
        duties_late: counted.duties_late,
        near: counted.near,
        findings: counted.breaches.into_iter().map(LateFinding::from).collect(),
        drills: u64::try_from(drills.len()).unwrap_or(u64::MAX),
        exercised,
    })
}
