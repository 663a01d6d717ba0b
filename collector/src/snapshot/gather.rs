//! Reading from the store what was known as of a moment.
//!
//! Everything is told by what was *received* by then: what arrives later changes nothing that was said before. Rows
//! that people or the judge change are read through their history, never as they are now.

use std::collections::BTreeMap;

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, params};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::{Epoch, HostId, Lane, ObservationId, Seq};
use vonggac_protocol::observation::Observation;
use vonggac_protocol::time::Timestamp;

use super::facts::{
    AcceptedRisk, Agency, Deed, Evidence, FINDINGS_MAX, Facts, Finding, Host, Incident, Licence,
    RuleException, Statement, Text,
};
use super::inventory::Fold;
use crate::store::view::Scope;
use crate::store::{entitlements, exceptions as excepted, risks};

/// Kinds whose newest observation describes a state that clauses rest on.
const STATES: [&str; 9] = [
    "activation",
    "agent_started",
    "baseline_taken",
    "health",
    "host_described",
    "packages_changed",
    "packages_listed",
    "patch_state",
    "posture",
];

/// Reads the facts in the one transaction of this connection.
///
/// # Errors
/// If the store cannot be read.
pub fn gather(db: &Connection, as_of: Timestamp) -> anyhow::Result<Facts> {
    let mut facts = Facts {
        as_of,
        unjudged: unjudged(db, as_of)?,
        agencies: agencies(db, as_of)?,
        hosts: Vec::new(),
        incidents: Vec::new(),
        statements: statements(db, as_of)?,
        entitlements: licences(db, as_of)?,
        accepted_risks: accepted_risks(db, as_of)?,
        exceptions: Vec::new(),
        observations: BTreeMap::new(),
    };
    for (id, agency, enrolled_at) in hosts_in_scope(db, as_of)? {
        let host = host(db, as_of, id, agency, enrolled_at, &mut facts.observations)?;
        facts.hosts.push(host);
    }
    incidents(db, as_of, &mut facts)?;
    exceptions(db, as_of, &mut facts)?;

    Ok(facts)
}

fn unjudged(db: &Connection, as_of: Timestamp) -> anyhow::Result<u64> {
    let count: i64 = db.query_row(
        "SELECT count(*) FROM observation WHERE id > (SELECT cursor FROM judge) AND received_at <= ?1",
        [as_of.0],
        |row| row.get(0),
    )?;

    Ok(u64::try_from(count).unwrap_or(0))
}

fn agencies(db: &Connection, as_of: Timestamp) -> anyhow::Result<Vec<Agency>> {
    let mut statement = db.prepare("SELECT id, name, level FROM agency WHERE added_at <= ?1 ORDER BY id")?;
    let rows = statement
        .query_map([as_of.0], |row| Ok(Agency { id: row.get(0)?, name: row.get(1)?, level: row.get(2)? }))?;

    Ok(rows.collect::<Result<_, _>>()?)
}

/// Hosts enrolled by then, of which not every certificate was revoked by then.
fn hosts_in_scope(db: &Connection, as_of: Timestamp) -> anyhow::Result<Vec<(HostId, String, Timestamp)>> {
    let mut statement = db.prepare(
        "SELECT id, agency, enrolled_at FROM host WHERE enrolled_at <= ?1 AND state <> 'waiting' AND \
         (NOT EXISTS (SELECT 1 FROM certificate WHERE host = host.id) OR EXISTS \
         (SELECT 1 FROM certificate WHERE certificate.host = host.id AND (revoked_at IS NULL OR revoked_at > ?1))) \
         ORDER BY agency, id",
    )?;
    let rows = statement
        .query_map([as_of.0], |row| Ok((HostId(row.get(0)?), row.get(1)?, Timestamp(row.get(2)?))))?;

    Ok(rows.collect::<Result<_, _>>()?)
}

/// An observation row.
struct Row {
    order: i64,
    id: ObservationId,
    received_at: Timestamp,
    body: Vec<u8>,
}

const COLUMNS: &str = "id, host, epoch, lane, seq, received_at, body";

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let lane = Lane::from_code(row.get(3)?).ok_or(rusqlite::Error::InvalidColumnIndex(3))?;

    Ok(Row {
        order: row.get(0)?,
        id: ObservationId {
            host: HostId(row.get(1)?),
            epoch: Epoch(row.get::<_, i64>(2)?.cast_unsigned()),
            lane,
            seq: Seq(row.get::<_, i64>(4)?.cast_unsigned()),
        },
        received_at: Timestamp(row.get(5)?),
        body: row.get(6)?,
    })
}

fn newest(db: &Connection, host: HostId, kind: &str, as_of: Timestamp) -> anyhow::Result<Option<Row>> {
    let query = format!(
        "SELECT {COLUMNS} FROM observation WHERE host = ?1 AND kind = ?2 AND received_at <= ?3 \
         ORDER BY id DESC LIMIT 1"
    );

    Ok(db.prepare_cached(&query)?.query_row(params![host.0, kind, as_of.0], row).optional()?)
}

fn keep(row: Row, observations: &mut BTreeMap<ObservationId, Vec<u8>>) -> Evidence {
    let evidence = Evidence { observation: row.id, sha256: Digest::of(&row.body) };
    observations.insert(row.id, row.body);

    evidence
}

fn host(
    db: &Connection,
    as_of: Timestamp,
    id: HostId,
    agency: String,
    enrolled_at: Timestamp,
    observations: &mut BTreeMap<ObservationId, Vec<u8>>,
) -> anyhow::Result<Host> {
    let mut last_received_at = None;
    let mut states = BTreeMap::new();
    for kind in STATES {
        let Some(row) = newest(db, id, kind, as_of)? else { continue };
        last_received_at = last_received_at.max(Some(row.received_at));
        // Packages are told by the whole list below.
        if !kind.starts_with("packages") {
            states.insert(kind.to_owned(), keep(row, observations));
        }
    }
    let order = |kind| newest(db, id, kind, as_of).map(|row| row.map_or(0, |row| row.order));
    let silent = order("agent_silent")? > order("agent_heard")?;

    Ok(Host {
        id,
        agency,
        enrolled_at,
        last_received_at,
        silent,
        newest: states,
        inventory: inventory(db, id, as_of, observations)?,
    })
}

fn inventory(
    db: &Connection,
    host: HostId,
    as_of: Timestamp,
    observations: &mut BTreeMap<ObservationId, Vec<u8>>,
) -> anyhow::Result<Vec<Evidence>> {
    let query = format!(
        "SELECT {COLUMNS} FROM observation WHERE host = ?1 AND kind IN ('packages_listed', 'packages_changed') \
         AND received_at <= ?2 ORDER BY id"
    );
    let mut fold = Fold::default();
    let mut statement = db.prepare_cached(&query)?;
    for found in statement.query_map(params![host.0, as_of.0], row)? {
        let found = found?;
        let observation = Observation::decode(&found.body).context("read a kept list of packages")?;
        fold.take(observation, found.order);
    }
    let Some((_, orders)) = fold.finish() else { return Ok(Vec::new()) };
    let by_order = format!("SELECT {COLUMNS} FROM observation WHERE id = ?1");
    let mut statement = db.prepare_cached(&by_order)?;

    orders.into_iter().map(|order| Ok(keep(statement.query_row([order], row)?, observations))).collect()
}

fn statements(db: &Connection, as_of: Timestamp) -> anyhow::Result<Vec<Statement>> {
    let mut statement = db.prepare(
        "SELECT id, clause, agency, text, signed_by, made_at, valid_until, file_digest FROM attestation \
         WHERE made_at <= ?1 ORDER BY id",
    )?;
    let rows = statement.query_map([as_of.0], |row| {
        Ok(Statement {
            id: row.get(0)?,
            clause: row.get(1)?,
            agency: row.get(2)?,
            text: row.get(3)?,
            signed_by: row.get(4)?,
            made_at: Timestamp(row.get(5)?),
            valid_until: row.get::<_, Option<i64>>(6)?.map(Timestamp),
            file: row.get::<_, Option<[u8; 32]>>(7)?.map(Digest),
        })
    })?;

    Ok(rows.collect::<Result<_, _>>()?)
}

/// Lines of ledgers that had been imported by then and were in force then.
fn licences(db: &Connection, as_of: Timestamp) -> anyhow::Result<Vec<Licence>> {
    let lines = entitlements::in_force(db, None, Some(as_of))?.into_iter().map(|held| Licence {
        agency: held.agency,
        taken_at: held.taken_at,
        entitlement: held.entitlement,
    });
    let mut lines: Vec<Licence> = lines.collect();
    lines.sort_unstable();

    Ok(lines)
}

/// Risks that were accepted by then, and neither ended nor withdrawn.
fn accepted_risks(db: &Connection, as_of: Timestamp) -> anyhow::Result<Vec<AcceptedRisk>> {
    let risks = risks::in_force(db, &Scope::All, as_of)?.into_iter().map(|risk| AcceptedRisk {
        id: risk.id,
        name: risk.name,
        package: risk.package,
        agency: risk.agency.filter(|_| risk.host.is_none()),
        host: risk.host,
        reason: risk.reason,
        accepted_by: risk.accepted_by,
        accepted_at: risk.accepted_at,
        ends_at: risk.ends_at,
    });

    Ok(risks.collect())
}

/// Exceptions that had been made by then, and were neither ended nor withdrawn.
fn exceptions(db: &Connection, as_of: Timestamp, facts: &mut Facts) -> anyhow::Result<()> {
    for id in excepted::numbers_in_force(db, as_of)? {
        let Some(it) = excepted::find(db, id)? else { continue };
        let mut statement = db.prepare_cached(
            "SELECT key, host, subject, severity, at, fields, evidence FROM excepted_finding
             WHERE exception = ?1 AND kept_at <= ?2 ORDER BY id DESC",
        )?;
        let rows = statement.query(params![id, as_of.0])?;
        let (findings_total, findings) = newest_of(db, rows, as_of, &mut facts.observations)?;
        facts.exceptions.push(RuleException {
            id,
            rule: it.rule,
            agency: it.agency.filter(|_| it.host.is_none()),
            host: it.host,
            conditions: it.conditions,
            reason: it.reason,
            made_by: it.made_by,
            made_at: it.made_at,
            ends_at: it.ends_at,
            findings_total,
            findings,
        });
    }

    Ok(())
}

fn incidents(db: &Connection, as_of: Timestamp, facts: &mut Facts) -> anyhow::Result<()> {
    let mut statement = db.prepare(
        "SELECT id, rule, rule_set, title_vi, title_en, clauses, owner_role, agency, subject, raised_at \
         FROM incident ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let deeds = deeds(db, id, as_of)?;
        let (state, outcome) = stood(&deeds);
        let drill = is_drill(&deeds);
        let mut incident = Incident {
            id,
            rule: row.get(1)?,
            rule_set: Digest(row.get(2)?),
            title: Text { vi: row.get(3)?, en: row.get(4)? },
            clauses: serde_json::from_str(&row.get::<_, String>(5)?).context("clauses of an incident")?,
            owner_role: row.get(6)?,
            agency: row.get(7)?,
            subject: row.get(8)?,
            state,
            outcome,
            drill,
            raised_at: Timestamp(row.get(9)?),
            findings_total: None,
            findings: Vec::new(),
            deeds,
        };
        if incident.is_open() {
            let (total, findings) = findings(db, id, as_of, &mut facts.observations)?;
            // Nothing that it rests on had arrived by then.
            if total == 0 {
                continue;
            }
            incident.findings_total = Some(total);
            incident.findings = findings;
        }
        facts.incidents.push(incident);
    }

    Ok(())
}

fn deeds(db: &Connection, incident: i64, as_of: Timestamp) -> anyhow::Result<Vec<Deed>> {
    let mut statement = db.prepare_cached(
        "SELECT at, person, action, text, before, after FROM incident_entry \
         WHERE incident = ?1 AND at <= ?2 ORDER BY id",
    )?;
    let rows = statement.query_map(params![incident, as_of.0], |row| {
        Ok(Deed {
            at: Timestamp(row.get(0)?),
            person: row.get(1)?,
            action: row.get(2)?,
            text: row.get(3)?,
            before: row.get(4)?,
            after: row.get(5)?,
        })
    })?;

    Ok(rows.collect::<Result<_, _>>()?)
}

/// State and outcome that these deeds led to.
#[must_use]
pub fn stood(deeds: &[Deed]) -> (String, Option<String>) {
    let mut stood = ("new".to_owned(), None);
    for deed in deeds {
        match deed.action.as_str() {
            "acknowledged" => stood = ("acknowledged".to_owned(), None),
            "closed" => stood = ("closed".to_owned(), deed.after.clone()),
            "reopened" => stood = ("new".to_owned(), None),
            "moved" => stood = (deed.after.clone().unwrap_or_default(), None),
            _ => {}
        }
    }

    stood
}

/// Whether these deeds made it a drill.
#[must_use]
pub fn is_drill(deeds: &[Deed]) -> bool {
    let newest = deeds.iter().rev().find(|deed| deed.action == "drill");

    newest.is_some_and(|deed| deed.after.as_deref() == Some("drill"))
}

/// How many findings rest on what had arrived, and the newest of them with their evidence.
fn findings(
    db: &Connection,
    incident: i64,
    as_of: Timestamp,
    observations: &mut BTreeMap<ObservationId, Vec<u8>>,
) -> anyhow::Result<(u64, Vec<Finding>)> {
    let mut statement = db.prepare_cached(
        "SELECT f.key, f.host, f.subject, f.severity, f.at, f.fields, f.evidence
         FROM finding_of o JOIN finding f ON f.id = o.finding
         WHERE o.incident = ?1 AND o.since <= ?2 GROUP BY f.id ORDER BY f.id DESC",
    )?;
    let rows = statement.query([incident, as_of.0])?;

    newest_of(db, rows, as_of, observations)
}

/// How many of these findings rest on what had arrived, and the first of them with their evidence.
fn newest_of(
    db: &Connection,
    mut rows: rusqlite::Rows<'_>,
    as_of: Timestamp,
    observations: &mut BTreeMap<ObservationId, Vec<u8>>,
) -> anyhow::Result<(u64, Vec<Finding>)> {
    let (mut total, mut newest) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        let ids: Vec<ObservationId> =
            serde_json::from_str(&row.get::<_, String>(6)?).context("evidence of a finding")?;
        let Some(evidence) = arrived(db, &ids, as_of)? else { continue };
        total += 1;
        if newest.len() == FINDINGS_MAX {
            continue;
        }
        newest.push(Finding {
            key: row.get(0)?,
            host: HostId(row.get(1)?),
            subject: row.get(2)?,
            severity: row.get(3)?,
            at: Timestamp(row.get(4)?),
            fields: serde_json::from_str(&row.get::<_, String>(5)?).context("fields of a finding")?,
            evidence: evidence.into_iter().map(|row| keep(row, observations)).collect(),
        });
    }

    Ok((total, newest))
}

/// The observations of these ids; `None` unless all had been received.
fn arrived(db: &Connection, ids: &[ObservationId], as_of: Timestamp) -> anyhow::Result<Option<Vec<Row>>> {
    let query = format!(
        "SELECT {COLUMNS} FROM observation WHERE host = ?1 AND epoch = ?2 AND lane = ?3 AND seq = ?4 \
         AND received_at <= ?5"
    );
    let mut statement = db.prepare_cached(&query)?;
    let mut found = Vec::new();
    for id in ids {
        let key =
            params![id.host.0, id.epoch.0.cast_signed(), id.lane.code(), id.seq.0.cast_signed(), as_of.0];
        match statement.query_row(key, row).optional()? {
            Some(row) => found.push(row),
            None => return Ok(None),
        }
    }

    Ok(Some(found))
}
