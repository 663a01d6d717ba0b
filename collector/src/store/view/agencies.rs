//! The province at a glance: one line per agency.

use std::collections::BTreeMap;

use anyhow::Context as _;
use rusqlite::Connection;
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::time::Timestamp;

use super::scope::Scope;
use super::words::Severity;

/// Open incidents by severity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct OpenCount {
    /// Critical ones.
    pub critical: u64,
    /// High ones.
    pub high: u64,
    /// Medium ones.
    pub medium: u64,
    /// Low ones.
    pub low: u64,
}

impl OpenCount {
    /// All of them.
    #[must_use]
    pub fn all(self) -> u64 {
        self.critical + self.high + self.medium + self.low
    }

    fn add(&mut self, severity: Severity, count: u64) {
        match severity {
            Severity::Critical => self.critical += count,
            Severity::High => self.high += count,
            Severity::Medium => self.medium += count,
            Severity::Low => self.low += count,
        }
    }
}

/// One agency.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct AgencyLine {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `province`, `department`, `district` or `commune`.
    pub level: String,
    /// Hosts that belong to it, revoked ones left out.
    pub hosts: u64,
    /// Of these, hosts that have been silent for longer than they promised.
    pub silent: u64,
    /// Hosts whose enrolment waits for approval, or that are held.
    pub waiting: u64,
    /// Open incidents.
    pub open: OpenCount,
    /// Open incidents that nobody has taken.
    pub unseen: u64,
    /// Open drills; no other figure counts them.
    pub drills: u64,
    /// Newest evidence of any incident.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub latest: Option<Timestamp>,
}

/// The agencies in view, in order of name.
///
/// # Errors
/// If the store cannot be read.
pub fn overview(db: &Connection, scope: &Scope) -> anyhow::Result<Vec<AgencyLine>> {
    let mut agencies = bare(db, scope)?;
    let mut hosts = db.prepare_cached(
        "SELECT agency, count(*), count(silent_since), sum(state IN ('waiting', 'held')) FROM host
         WHERE (?1 IS NULL OR agency = ?1) AND state <> 'revoked' GROUP BY agency",
    )?;
    let mut rows = hosts.query([scope.agency()])?;
    while let Some(row) = rows.next()? {
        if let Some(line) = agencies.get_mut(row.get_ref(0)?.as_str()?) {
            (line.hosts, line.silent, line.waiting) = (row.get(1)?, row.get(2)?, row.get(3)?);
        }
    }
    let mut incidents = db.prepare_cached(
        "SELECT agency, severity, state, count(*), max(last_at), drill_until IS NOT NULL AS drill FROM incident
         WHERE (?1 IS NULL OR agency = ?1) GROUP BY agency, severity, state, drill",
    )?;
    let mut rows = incidents.query([scope.agency()])?;
    while let Some(row) = rows.next()? {
        let Some(line) = agencies.get_mut(row.get_ref(0)?.as_str()?) else { continue };
        let (state, count): (_, u64) = (row.get_ref(2)?.as_str()?, row.get(3)?);
        if row.get(5)? {
            line.drills += if state == "closed" { 0 } else { count };
            continue;
        }
        if state != "closed" {
            line.open.add(row.get(1)?, count);
        }
        if state == "new" {
            line.unseen += count;
        }
        line.latest = line.latest.max(Some(Timestamp(row.get(4)?)));
    }
    let mut lines: Vec<_> = agencies.into_values().collect();
    lines.sort_by_cached_key(|line| super::fold::fold(&line.name));

    Ok(lines)
}

fn bare(db: &Connection, scope: &Scope) -> anyhow::Result<BTreeMap<String, AgencyLine>> {
    let mut agencies = db.prepare_cached("SELECT id, name, level FROM agency WHERE ?1 IS NULL OR id = ?1")?;
    let lines = agencies.query_map([scope.agency()], |row| {
        let line = AgencyLine {
            id: row.get(0)?,
            name: row.get(1)?,
            level: row.get(2)?,
            hosts: 0,
            silent: 0,
            waiting: 0,
            open: OpenCount::default(),
            unseen: 0,
            drills: 0,
            latest: None,
        };
        Ok((line.id.clone(), line))
    })?;

    lines.collect::<Result<_, _>>().context("read the agencies")
}

/// Ids and names of the agencies in view, for lists to choose from.
///
/// # Errors
/// If the store cannot be read.
pub fn names(db: &Connection, scope: &Scope) -> anyhow::Result<Vec<(String, String)>> {
    let mut names: Vec<_> = bare(db, scope)?.into_values().map(|line| (line.id, line.name)).collect();
    names.sort_by_cached_key(|(_, name)| super::fold::fold(name));

    Ok(names)
}
